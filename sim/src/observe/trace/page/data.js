/* The run as rows and as states of servers. A row is one step, message, fault or client operation. */
"use strict";
const run = JSON.parse(document.getElementById("run").textContent);
const SENT = 0, RECEIVED = 1, EVENT = 2, ACTION = 3, DISK = 4, FAULT = 5, INVOKED = 6, RETURNED = 7;
const TYPES = ["vote", "append", "snapshot", "transfer", "timer", "call", "disk", "note", "fault", "client"];
const ENDS = ["ok", "failed", "unknown"];
const ROLES = { F: "follower", P: "pre-candidate", C: "candidate", L: "leader", "-": "down" };
/* Okabe and Ito's colours, lightened where black text stands on them. */
const PALETTE = ["#56b4e9", "#e69f00", "#2fbf91", "#f0e442", "#d98cb8", "#f08a4b", "#9db7ff", "#c7c7c7"];
const hue = term => PALETTE[term % PALETTE.length];
const name = server => "n" + (server + 1);
const ms = at => (at / 1000).toFixed(3) + " ms";

function messageType(text) {
  if (/^(Pre)?Vote/.test(text)) return "vote";
  if (text.startsWith("Install")) return "snapshot";
  if (text.startsWith("TimeoutNow")) return "transfer";
  return "append";
}

function wordType(kind, text) {
  const word = text.split(" ", 1)[0];
  if (word === "timer") return "timer";
  if (word === "call" || word === "answer") return "call";
  if (word === "note" || word === "halt" || word === "speaks") return "note";
  return "disk";
}

/* The name of a request: its number, and the client that sent it. */
const request = id => typeof id === "string" ? id : id < 2 ** 40 ? "r" + id : `r${id % 2 ** 40} of c${Math.floor(id / 2 ** 40) - 1}`;

const requests = new Map();
const readers = {
  [SENT]: ([, , , from, to, text, ...flights], row) => {
    Object.assign(row, { server: from, from, to, text: run.texts[text], type: messageType(run.texts[text]) });
    row.arrivals = flights.filter(flight => 0 <= flight).map(flight => ({ at: row.at + flight }));
    row.receipts = [];
  },
  [RECEIVED]: ([, , , server, back, delta], row, rows) => {
    const sent = rows[row.n - back];
    Object.assign(row, { server, sent, from: sent.from, to: server, text: sent.text, type: sent.type, delta });
    sent.received = row; sent.receipts.push(row);
  },
  [INVOKED]: ([, , , client, operation, text], row) => {
    Object.assign(row, { client, operation, text: run.texts[text], type: "client" });
    requests.set(operation, row.text);
  },
  [RETURNED]: ([, , , client, operation, place, end], row) => {
    const text = run.texts[place];
    Object.assign(row, { client, operation, text: text.startsWith(":") ? requests.get(operation) + text : text, type: "client", end });
  },
  [FAULT]: ([, , , server, text, delta, band], row) =>
    Object.assign(row, { server: server < 0 ? undefined : server, text: run.texts[text], type: "fault", delta, band: run.texts[band] }),
};

function readOther([kind, , , server, place, delta, id], row) {
  const text = run.texts[place];
  Object.assign(row, { server, text: id === undefined ? text : `${text}  (${request(id)})`, type: wordType(kind, text), delta });
}

function decode() {
  const rows = [], terms = [];
  let step = 0, at = 0;
  for (const raw of run.rows) {
    step += raw[1]; at += raw[2];
    const row = { n: rows.length, kind: raw[0], step, at };
    (readers[row.kind] || readOther)(raw, row, rows);
    if (row.delta && row.delta.t !== undefined) terms[row.server] = row.delta.t;
    if (row.server !== undefined) row.term = terms[row.server];
    rows.push(row);
  }
  return rows;
}

/* The place of each row on the axis: its time, or its number if a quarter of the rows have the same time. The rows of
   a shrunk schedule have few times, and would stand at the same place. */
function setPlaces(rows) {
  const counts = new Map();
  for (const { at } of rows) counts.set(at, (counts.get(at) || 0) + 1);
  const inRows = rows.length < 4 * Math.max(0, ...counts.values());
  for (const row of rows) row.x = inRows ? row.n + 1 : row.at;
  for (const { arrivals, receipts } of rows.filter(row => row.kind === SENT))
    arrivals.forEach((arrival, at) => { arrival.x = inRows ? (receipts[at] || { x: below(rows, arrival.at + 1, row => row.at) + 1 }).x : arrival.at; });
  return inRows;
}

/* Who did what, in one line. */
function words(row) {
  if (row.kind === SENT) return `${name(row.from)} > ${name(row.to)}  ${row.text}${row.arrivals.length ? "" : "  LOST"}`;
  if (row.kind === RECEIVED) return `${name(row.to)} < ${name(row.from)}  ${row.text}`;
  if (row.client !== undefined) return `c${row.client}  ${row.kind === INVOKED ? "asks" : ENDS[row.end]}  #${row.operation} ${row.text}`;
  return `${row.server === undefined ? "all" : name(row.server)}  ${row.text}`;
}

/* The state of a server after a change. `log[i]` is the entry with index `base + 1 + i`: its term and its text. */
const BLANK = { r: "-", t: 0, v: null, k: null, c: 0, a: 0, l: 0, g: null, d: 0, z: false, base: 0, log: [] };

function changed(state, delta) {
  const { L, B, K, ...fields } = delta, next = { ...state, ...fields };
  if (B !== undefined) Object.assign(next, { base: B, log: [] });
  if (L !== undefined) next.log = next.log.slice(0, Math.max(0, L[0] - next.base)).concat(L[1]);
  if (K !== undefined && next.base < K) Object.assign(next, { log: next.log.slice(K - next.base), base: K });
  if (fields.r === "-") next.log = next.log.slice(0, Math.max(0, next.d - next.base));
  return next;
}

/* For each server, the states with the rows from which they hold, oldest first. */
function histories(rows) {
  const all = Array.from({ length: run.servers }, () => [{ n: -1, ...begin, state: BLANK }]);
  for (const row of rows) {
    if (!row.delta || row.server === undefined) continue;
    const history = all[row.server];
    history.push({ n: row.n, at: row.at, x: row.x, state: changed(history[history.length - 1].state, row.delta) });
  }
  return all;
}

/* The number of items at the start of a sorted list whose key is below a bound. */
function below(list, bound, key) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) < bound) low = middle + 1; else high = middle;
  }
  return low;
}

function stateAt(server, n) {
  const history = past[server];
  return history[Math.max(0, below(history, n + 1, item => item.n) - 1)].state;
}

/* The operations of clients, in the order of their beginnings. */
function operations(rows) {
  const open = new Map(), all = [];
  for (const row of rows) {
    if (row.kind === INVOKED) {
      const operation = { client: row.client, begin: row, end: undefined };
      open.set(row.operation, operation); all.push(operation);
    } else if (row.kind === RETURNED && open.has(row.operation)) open.get(row.operation).end = row;
  }
  return all;
}

/* The periods in which no running server leads. */
function leaderless(rows) {
  const leads = new Set(), gaps = [];
  let since = begin;
  for (const row of rows) {
    if (!row.delta || row.delta.r === undefined || row.server === undefined) continue;
    const had = leads.size;
    if (row.delta.r === "L") leads.add(row.server); else leads.delete(row.server);
    if (had === 0 && leads.size) gaps.push({ from: since, to: row });
    if (had && leads.size === 0) since = row;
  }
  if (leads.size === 0) gaps.push({ from: since, to: end });
  return gaps;
}

/* The periods in which links are cut, with the servers that are parted. */
function partitions(rows) {
  const bands = [];
  let open;
  for (const row of rows) {
    if (row.band === undefined) continue;
    if (open) open.to = row;
    open = row.band ? { from: row, to: end, label: row.band } : undefined;
    if (open) bands.push(open);
  }
  return bands;
}

/* The rows that led to the failure: the steps of the run's `why`, and the messages that they received. */
function causes(rows) {
  const steps = new Set(run.why), lit = new Set();
  for (const row of rows) {
    if (!steps.has(row.step) && row !== marked) continue;
    lit.add(row);
    if (row.sent) lit.add(row.sent);
  }
  return lit;
}

const rows = decode();
const inRows = setPlaces(rows);
/* Moments have a time and a place on the axis. */
const begin = { at: 0, x: 0 };
const last = Math.max(1, ...rows.slice(-1).map(row => row.at), run.end);
const end = { at: last, x: inRows ? rows.length + 1 : last };
const past = histories(rows);
const asked = operations(rows);
const gaps = leaderless(rows);
const bands = partitions(rows);
const failed = run.verdict.kind !== "held" && run.verdict.kind !== "vacuous";
const marked = failed ? rows[Math.max(0, below(rows, run.verdict.step === null ? Infinity : run.verdict.step + 1, row => row.step) - 1)] : undefined;
const lit = causes(rows);

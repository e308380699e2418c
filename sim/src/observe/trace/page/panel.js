/* The header, the list of steps and the table of servers. */
const byId = id => document.getElementById(id);
const ROW = 18;

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function showHeader() {
  const { kind, check, section, what, at, step } = run.verdict;
  byId("title").textContent = `${run.named}  (seed ${run.seed}, ${run.servers} servers, ${rows.length.toLocaleString("en")} rows)`;
  byId("verdict").className = failed ? "failed" : "";
  byId("verdict").append(element("b", failed ? "FAILED" : kind.toUpperCase()));
  const where = step === null ? "" : ` — at step ${step}, ${ms(at)}`;
  byId("verdict").append(check ? `${check}${section ? ` (${section})` : ""}: ${what}${where}` : what.replace(new RegExp(`^${kind}(: )?`), "") || run.summary);
  byId("command").textContent = run.replay;
  byId("only").hidden = lit.size === 0;
}

async function copy() {
  const text = run.replay;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A page that was opened as a file may lack the clipboard.
    const field = element("textarea", text);
    document.body.append(field); field.select();
    document.execCommand("copy"); field.remove();
  }
  byId("copied").textContent = "copied";
}

function showList() {
  const list = byId("list"), box = byId("rows");
  box.style.height = filter.rows.length * ROW + "px";
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5), count = Math.ceil(list.clientHeight / ROW) + 10;
  box.replaceChildren(...filter.rows.slice(first, first + count).map((row, at) => listRow(row, first + at)));
}

function listRow(row, at) {
  const line = element("div", `${String(row.step).padStart(6)} ${(row.at / 1000).toFixed(3).padStart(10)}  ${words(row)}`, "row");
  line.style.top = at * ROW + "px";
  line.setAttribute("role", "option");
  line.setAttribute("aria-selected", row === cursor.row);
  if (row === cursor.row) line.classList.add("here");
  if (why.on && lit.size) line.classList.add(lit.has(row) ? "lit" : "dim");
  line.title = line.textContent;
  line.addEventListener("click", () => moveTo(row));
  return line;
}

function scrollToCursor() {
  const list = byId("list"), top = below(filter.rows, cursor.row.n, row => row.n) * ROW;
  if (top < list.scrollTop + ROW || list.scrollTop + list.clientHeight - 2 * ROW < top) list.scrollTop = top - list.clientHeight / 2;
}

function showStates() {
  const { row } = cursor;
  byId("now").textContent = `step ${row.step}  ${ms(row.at)}  ${words(row)}${row === marked ? "   ◀ the failure: " + run.verdict.what : ""}`;
  byId("table").replaceChildren(...past.map((_, server) => stateRow(server, stateAt(server, row.n - 1), stateAt(server, row.n))));
}

function stateRow(server, before, after) {
  const line = element("tr");
  if (cursor.row.server === server) line.classList.add("here");
  if (after.r === "-") line.classList.add("off");
  line.append(element("td", name(server)));
  const role = state => (state.z ? "paused " : "") + ROLES[state.r];
  line.append(cell(role(before), role(after), "role"));
  const texts = { t: term => "t" + term, v: vote => vote ?? "-", k: leader => leader ?? "-", c: index, a: index, d: index, g: place => place === null ? "-" : run.texts[place] };
  for (const key of ["t", "v", "k", "c", "a", "d", "g"]) line.append(cell(texts[key](before[key]), texts[key](after[key])));
  const log = element("td");
  log.append(...logCells(before, after));
  line.append(log);
  return line;
}

const index = number => number === null ? "?" : "i" + number;

function cell(before, after, className) {
  const made = element("td", undefined, className);
  if (before !== after) made.append(element("del", before), " → ", element("b", after));
  else made.textContent = after;
  return made;
}

/* The number of log cells for which the page is wide enough. */
const cellsMax = () => Math.max(3, Math.min(30, Math.floor((window.innerWidth - 730) / 52)));

/* The end of the log after the step; entries that the step removed are struck out. */
function logCells(before, after) {
  const last = Math.max(before.base + before.log.length, after.base + after.log.length);
  const first = Math.max(after.base, last - cellsMax()), cells = [];
  if (first) cells.push(element("span", (after.base === first ? "snapshot " : "") + `..i${first} `));
  for (let at = first + 1; at <= last; at++) {
    const was = before.log[at - before.base - 1], is = after.log[at - after.base - 1];
    if (was && (!is || was[0] !== is[0])) cells.push(logCell(at, was, before, "cell gone"));
    if (is) cells.push(logCell(at, is, after, was && was[0] === is[0] ? "cell" : "cell new"));
  }
  return cells;
}

function logCell(at, [term, text], state, className) {
  const made = element("span", `i${at}·t${term}`, className);
  const marks = (at <= state.d ? "d" : "–") + (at <= state.c ? "c" : "–") + (at <= state.a ? "a" : "–");
  made.append(element("small", marks));
  made.style.background = hue(term);
  const facts = [at <= state.d && "durable", at <= state.c && "committed", at <= state.a && "applied"].filter(Boolean);
  made.title = `i${at} of t${term}: ${run.texts[text]} (${facts.join(", ") || "only in memory"})`;
  return made;
}

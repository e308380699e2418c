/* The canvas: lanes of servers and clients, messages, faults, and the plots below them. */
const scene = document.getElementById("scene"), canvas = document.getElementById("lanes"), pen = canvas.getContext("2d");
const LEFT = 40, TOP = 38, MOST = 2500;
const clients = [...new Set(asked.map(operation => operation.client))].sort((a, b) => a - b);
const view = { from: 0, span: end.x, near: [], width: 0 };
const size = {};

function layout() {
  const room = Math.max(300, scene.clientHeight);
  size.client = clients.length ? Math.max(4, Math.min(14, 220 / clients.length)) : 0;
  size.plots = clients.length ? 130 : 40;
  const rest = room - TOP - size.client * clients.length - size.plots - 20;
  size.lane = Math.max(30, Math.min(140, rest / Math.max(1, run.servers)));
  size.clients = TOP + size.lane * run.servers + 8;
  size.plot = size.clients + size.client * clients.length + 18;
  size.height = size.plot + size.plots - 10;
  view.width = scene.clientWidth;
}

const x = place => LEFT + (place - view.from) / view.span * (view.width - LEFT);
const place = px => view.from + (px - LEFT) / (view.width - LEFT) * view.span;
const y = server => TOP + server * size.lane + size.lane / 2;
const isDim = row => why.on && lit.size !== 0 && !lit.has(row);

function draw() {
  layout();
  const ratio = window.devicePixelRatio || 1;
  canvas.style.width = view.width + "px"; canvas.style.height = size.height + "px";
  canvas.width = view.width * ratio; canvas.height = size.height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, view.width, size.height);
  pen.font = "11px system-ui, sans-serif";
  view.near = [];
  drawBands(); drawRuler(); drawMessages();
  past.forEach(drawServer);
  drawDots(); drawClients(); drawPlots(); drawNames(); drawCursor();
}

function near(shape, row, text) {
  view.near.push({ ...shape, row, text });
}

function fill(colour, left, top, right, bottom) {
  pen.fillStyle = colour;
  pen.fillRect(Math.max(LEFT, left), top, Math.max(1, Math.min(view.width, right) - Math.max(LEFT, left)), bottom - top);
}

function stroke(colour, points, width = 1) {
  pen.strokeStyle = colour; pen.lineWidth = width;
  pen.beginPath();
  points.forEach(([px, py], at) => at ? pen.lineTo(px, py) : pen.moveTo(px, py));
  pen.stroke();
}

function write(text, left, top, most) {
  pen.fillStyle = "#1b1f24";
  let shown = text;
  while (shown && most < pen.measureText(shown).width) shown = shown.slice(0, -1);
  if (shown.length === text.length || 4 < shown.length) pen.fillText(shown === text ? text : shown.slice(0, -1) + "…", left, top);
}

function drawBands() {
  for (const { from, to, label } of bands) {
    if (to.x < view.from || view.from + view.span < from.x) continue;
    const left = Math.max(LEFT, x(from.x)), right = Math.min(view.width, x(to.x));
    fill("#fbf0d0", left, 18, right, size.height);
    stroke("#a06a00", [[left, 18], [left, 34], [right, 34]], 1);
    write("cut: " + label, left + 3, 30, right - left - 6);
    near({ left, right, top: 18, bottom: 36 }, undefined, `${ms(from.at)} to ${ms(to.at)}\nlinks are cut: ${label}`);
  }
}

function tick() {
  const raw = Math.max(view.span / 8, inRows ? 1 : 0), power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map(by => by * power).find(by => raw <= by);
}

function drawRuler() {
  const by = tick();
  for (let at = Math.ceil(view.from / by) * by; at <= view.from + view.span; at += by) {
    stroke("#e3e7eb", [[x(at), 14], [x(at), size.height]]);
    const row = rows[Math.round(at) - 1];
    const text = inRows ? row ? "step " + row.step : "" : (at / 1000).toLocaleString("en") + " ms";
    pen.fillStyle = "#59636e"; pen.fillText(text, x(at) + 2, 11);
  }
}

/* The bar of a role is higher the more the role does; a colour stands for a term. */
const HEIGHTS = { L: 22, C: 16, P: 11, F: 7 };

function drawServer(history, server) {
  const last = below(history, view.from + view.span, item => item.x);
  for (let at = Math.max(0, below(history, view.from, item => item.x) - 1); at < last;) {
    const { state, at: from, x: left, n } = history[at];
    const key = ({ r, t, z }) => r + t + z;
    let next = at + 1;
    while (next < history.length && key(history[next].state) === key(state)) next++;
    drawRole(server, state, x(left), x((history[next] || end).x), rows[n], from);
    at = next;
  }
}

function drawRole(server, state, from, to, row, at) {
  const left = Math.max(LEFT, from), right = Math.max(left + 1, Math.min(view.width, to)), middle = y(server);
  const text = state.z ? "paused" : state.r === "-" ? "down" : `${ROLES[state.r]} t${state.t}`;
  const half = state.r === "-" ? 8 : HEIGHTS[state.r] / 2;
  if (state.r === "-") { pen.setLineDash([3, 3]); stroke("#59636e", [[left, middle], [right, middle]], 1.5); pen.setLineDash([]); }
  else fill(hue(state.t), left, middle - half, right, middle + half);
  if (state.r === "L") { pen.strokeStyle = "#000"; pen.lineWidth = 1.2; pen.strokeRect(left, middle - half, right - left, 2 * half); }
  if (state.z || state.r === "C" || state.r === "P") hatch(left, right, middle - half, middle + half, state.z ? 5 : 11);
  if (state.r === "L" && !state.z) { if (24 < right - left) write(text, left + 4, middle + 4, right - left - 8); else write("t" + state.t, left, middle - half - 3, 24); }
  else if (state.r !== "F" || state.z) label(text, left, right, middle);
  else if (60 < right - left) write(text, left + 2, middle - half - 3, right - left - 4);
  near({ left, right, top: middle - half - 2, bottom: middle + half + 2 }, row, `${ms(at)}  ${name(server)}: ${text}`);
}

function label(text, left, right, middle) {
  if (right - left < 24) return;
  const width = Math.min(right - left - 4, pen.measureText(text).width + 4);
  pen.fillStyle = "#ffffffd0"; pen.fillRect(left + 2, middle - 7, width, 14);
  write(text, left + 4, middle + 4, right - left - 8);
}

function hatch(left, right, top, bottom, by) {
  pen.save(); pen.beginPath(); pen.rect(left, top, right - left, bottom - top); pen.clip();
  for (let px = left - (bottom - top); px < right; px += by) stroke("#000a", [[px, bottom], [px + bottom - top, top]]);
  pen.restore();
}

const INK = { vote: "#7b3294", append: "#33567d", snapshot: "#00695c", transfer: "#b0500a" };

function drawMessages() {
  const first = below(rows, view.from - 3e6, row => row.x), last = below(rows, view.from + view.span, row => row.x);
  const sent = rows.slice(first, last).filter(row => row.kind === SENT && passes(row) && view.from <= (row.arrivals[0] ?? row).x);
  const each = Math.max(1, Math.ceil(sent.length / MOST));
  view.thinned = each;
  sent.forEach((row, at) => { if (at % each === 0 || (why.on && lit.has(row)) || isHere(row)) drawMessage(row); });
}

const isHere = row => row === cursor.row || row === cursor.row.sent;

function drawMessage(row) {
  const down = row.from < row.to ? 1 : -1, x1 = x(row.x), y1 = y(row.from) + down * 4;
  const lost = row.arrivals.length === 0, goals = lost ? [{ x: row.x + view.span / 80 }] : row.arrivals;
  pen.globalAlpha = isDim(row) ? 0.13 : 1 < view.thinned ? 0.4 : 0.75;
  for (const goal of goals) {
    const x2 = x(goal.x), y2 = y1 + (y(row.to) - down * 4 - y1) * (lost ? 0.35 : 1);
    pen.setLineDash(row.type === "vote" ? [5, 2] : []);
    stroke(lost ? "#b3261e" : INK[row.type], [[x1, y1], [x2, y2]], isHere(row) ? 3 : lit.has(row) && why.on ? 1.8 : 1);
    pen.setLineDash([]);
    if (lost) { stroke("#b3261e", [[x2 - 3, y2 - 3], [x2 + 3, y2 + 3]]); stroke("#b3261e", [[x2 - 3, y2 + 3], [x2 + 3, y2 - 3]]); }
    near({ line: [x1, y1, x2, y2] }, row, `${ms(row.at)}  ${words(row)}\n${lost ? "lost" : "arrives at " + ms(goal.at)}`);
  }
  pen.globalAlpha = 1;
}

/* Faults of single servers and lit steps, as marks above and below the lanes. */
function drawDots() {
  const first = below(rows, view.from, row => row.x), last = below(rows, view.from + view.span, row => row.x);
  let count = 0;
  for (const row of rows.slice(first, last)) {
    if (row.server === undefined || row.kind === SENT || !passes(row)) continue;
    const fault = row.type === "fault", cause = why.on && lit.has(row);
    if (!fault && !cause && MOST < ++count) continue;
    const px = x(row.x), top = y(row.server) + (fault ? -size.lane / 2 + 6 : 13);
    pen.globalAlpha = isDim(row) ? 0.3 : 1;
    pen.fillStyle = fault ? "#a06a00" : cause ? "#8a1c00" : "#6b7785";
    if (fault) { pen.beginPath(); pen.moveTo(px - 4, top); pen.lineTo(px + 4, top); pen.lineTo(px, top + 7); pen.fill(); }
    else if (cause) { pen.beginPath(); pen.arc(px, top + 2, 3.4, 0, 7); pen.fill(); }
    else pen.fillRect(px - 0.5, top, 1.5, 4);
    near({ left: px - 3, right: px + 3, top: top - 2, bottom: top + 8 }, row, `${ms(row.at)}  ${words(row)}`);
  }
  pen.globalAlpha = 1;
}

/* Colour and shape both tell the outcome: full, hatched, hollow. */
const OUTCOMES = [["#0072b2", "ok"], ["#e69f00", "failed"], ["#999999", "unknown"]];

function drawClients() {
  for (const operation of asked) {
    const { begin, end: over } = operation, to = over || end;
    if (to.x < view.from || view.from + view.span < begin.x) continue;
    const top = size.clients + clients.indexOf(operation.client) * size.client, bottom = top + Math.max(2, size.client - 2);
    const left = Math.max(LEFT, x(begin.x)), right = Math.max(left + 2, Math.min(view.width, x(to.x)));
    const how = over ? over.end : 2;
    pen.globalAlpha = isDim(over || begin) ? 0.4 : 1;
    if (how === 2) { pen.strokeStyle = "#555"; pen.lineWidth = 1; pen.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1); }
    else fill(OUTCOMES[how][0], left, top, right, bottom);
    if (how === 1) hatch(left, right, top, bottom, 5);
    pen.globalAlpha = 1;
    if (40 < right - left && 10 < size.client) { pen.globalAlpha = 0.9; label((over || begin).text, left, right, top + 5); pen.globalAlpha = 1; }
    near({ left, right, top, bottom }, over || begin, `${ms(begin.at)}${over ? " to " + ms(over.at) : ""}  ${OUTCOMES[how][1]}\n${(over || begin).text}`);
  }
}

function drawPlots() {
  const top = size.plot, bottom = size.height - 14;
  pen.fillStyle = "#59636e"; pen.fillText("no leader", LEFT + 3, top - 4);
  for (const { from, to } of gaps) {
    fill("#55606e", x(from.x), top, x(to.x), top + 10);
    near({ left: x(from.x), right: x(to.x), top, bottom: top + 10 }, undefined, `no leader for ${ms(to.at - from.at)}, from ${ms(from.at)}`);
  }
  if (clients.length === 0) return;
  const most = Math.max(1000, ...asked.filter(operation => operation.end).map(({ begin, end: over }) => over.at - begin.at));
  const height = length => bottom - Math.log10(1 + length / 100) / Math.log10(1 + most / 100) * (bottom - top - 30);
  for (const length of [1000, 10000, 100000, 1000000]) {
    if (most < length) continue;
    stroke("#e3e7eb", [[LEFT, height(length)], [view.width, height(length)]]);
    pen.fillStyle = "#59636e"; pen.fillText(length / 1000 + " ms", LEFT + 3, height(length) - 2);
  }
  for (const { begin, end: over } of asked) if (over) drawLatency(over, over.at - begin.at, height);
  pen.fillStyle = "#59636e"; pen.fillText("latency:  ● ok   ✕ failed   ○ unknown", LEFT + 70, top - 4);
}

function drawLatency(over, length, height) {
  const px = x(over.x), py = height(length);
  if (px < LEFT || view.width < px) return;
  pen.strokeStyle = pen.fillStyle = OUTCOMES[over.end][0]; pen.lineWidth = 1.3;
  pen.beginPath();
  if (over.end === 1) { pen.moveTo(px - 3, py - 3); pen.lineTo(px + 3, py + 3); pen.moveTo(px - 3, py + 3); pen.lineTo(px + 3, py - 3); pen.stroke(); }
  else { pen.arc(px, py, 2.6, 0, 7); over.end ? pen.stroke() : pen.fill(); }
  near({ left: px - 3, right: px + 3, top: py - 3, bottom: py + 3 }, over, `${ms(over.at)}  took ${ms(length)}\n${over.text}`);
}

function drawNames() {
  pen.fillStyle = "#fff"; pen.fillRect(0, 14, LEFT, size.height);
  pen.fillStyle = "#1b1f24"; pen.font = "bold 12px system-ui, sans-serif";
  for (let server = 0; server < run.servers; server++) pen.fillText(name(server), 10, y(server) + 4);
  pen.font = "10px system-ui, sans-serif";
  if (8 <= size.client) clients.forEach((client, at) => pen.fillText("c" + client, 10, size.clients + at * size.client + size.client - 4));
  pen.font = "11px system-ui, sans-serif";
  if (1 < view.thinned) write(`one message in ${view.thinned} is drawn; zoom in for all, or search the list`, LEFT + 4, size.clients - 2, view.width);
}

function drawCursor() {
  if (marked) { pen.setLineDash([5, 4]); stroke("#8a1c00", [[x(marked.x), 14], [x(marked.x), size.height]], 1.5); pen.setLineDash([]); }
  const px = x(cursor.row.x);
  stroke("#0b57d0", [[px, 14], [px, size.height]], 1.5);
  const lane = cursor.row.server;
  if (lane !== undefined) { pen.beginPath(); pen.lineWidth = 2; pen.arc(px, y(lane), 6, 0, 7); pen.stroke(); }
}

function away([x1, y1, x2, y2], px, py) {
  const dx = x2 - x1, dy = y2 - y1, length = dx * dx + dy * dy || 1;
  const part = Math.max(0, Math.min(1, ((px - x1) * dx + (py - y1) * dy) / length));
  return Math.hypot(px - x1 - part * dx, py - y1 - part * dy);
}

/* The thing at a place of the canvas: the one drawn last, or the nearest message. */
function thingAt(px, py) {
  const box = view.near.findLast(thing => !thing.line && thing.left <= px && px <= thing.right && thing.top <= py && py <= thing.bottom);
  if (box) return box;
  let found, least = 5;
  for (const thing of view.near) {
    const far = thing.line ? away(thing.line, px, py) : Infinity;
    if (far < least) { least = far; found = thing; }
  }
  return found;
}

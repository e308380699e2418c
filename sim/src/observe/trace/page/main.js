/* The cursor, the filters, and what keys and the pointer do. */
const cursor = { row: marked ?? rows[rows.length - 1] ?? { n: 0, step: 0, at: 0, x: 0, kind: EVENT, text: "nothing happened", type: "note" } };
const why = { on: true };
const filter = { servers: new Set(), types: new Set(), term: "", text: "", rows };

function passes(row) {
  if (!filter.types.has(row.type)) return false;
  if (row.to !== undefined ? !filter.servers.has(row.from) && !filter.servers.has(row.to)
    : row.server !== undefined && !filter.servers.has(row.server)) return false;
  return filter.term === "" || row.term === undefined || row.term === Number(filter.term);
}

function refilter() {
  const text = filter.text.toLowerCase();
  filter.rows = rows.filter(row => passes(row) && (text === "" || words(row).toLowerCase().includes(text) || String(row.step) === text));
  byId("found").textContent = `${filter.rows.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  refresh();
}

function refresh() {
  draw(); scrollToCursor(); showList(); showStates();
}

function moveTo(row) {
  if (!row) return;
  cursor.row = row;
  const margin = view.span / 20;
  if (row.x < view.from + margin || view.from + view.span - margin < row.x) view.from = row.x - view.span / 2;
  refresh();
}

/* The nearest visible row in a direction for which a condition holds. */
function seek(direction, holds = () => true) {
  let at = below(filter.rows, cursor.row.n + (direction < 0 ? 0 : 1), row => row.n) - (direction < 0 ? 1 : 0);
  while (0 <= at && at < filter.rows.length && !holds(filter.rows[at])) at += direction;
  moveTo(filter.rows[at]);
}

function zoom(by, at = cursor.row.x) {
  const part = (at - view.from) / view.span;
  view.span = Math.max(inRows ? 4 : 100, Math.min(end.x * 1.05, view.span * by));
  view.from = at - part * view.span;
  draw();
}

function showAll() {
  Object.assign(view, { from: 0, span: end.x * 1.02 });
  draw();
}

const sameServer = row => row.server === cursor.row.server && row.kind !== SENT;
const changesRole = row => row.delta && row.delta.r !== undefined;
const KEYS = [
  ["ArrowRight", "next step", () => seek(1)], ["ArrowLeft", "previous step", () => seek(-1)],
  ["ArrowDown", "next step", () => seek(1)], ["ArrowUp", "previous step", () => seek(-1)],
  ["s", "next step of this server", () => seek(1, sameServer)], ["S", "previous step of this server", () => seek(-1, sameServer)],
  ["r", "next change of a role", () => seek(1, changesRole)], ["R", "previous change of a role", () => seek(-1, changesRole)],
  ["c", "next cause of the failure", () => seek(1, row => lit.has(row))], ["C", "previous cause", () => seek(-1, row => lit.has(row))],
  ["f", "next fault", () => seek(1, row => row.type === "fault")], ["F", "previous fault", () => seek(-1, row => row.type === "fault")],
  ["m", "the other end of this message", () => moveTo(cursor.row.sent ?? cursor.row.received)],
  ["v", "the failure", () => moveTo(marked)],
  ["Home", "first step", () => moveTo(filter.rows[0])], ["End", "last step", () => moveTo(filter.rows[filter.rows.length - 1])],
  ["+", "zoom in", () => zoom(0.6)], ["-", "zoom out", () => zoom(1 / 0.6)], ["0", "show the whole run", showAll],
  ["w", "dim or show what did not lead to the failure", () => byId("why").click()],
  ["/", "search", () => byId("search").focus()], ["?", "show or hide these keys", () => byId("help").click()],
];

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const field = event.target.closest && event.target.closest("input[type=search], select");
  if (field) { if (event.key === "Escape" || event.key === "Enter") byId("list").focus(); return; }
  const key = KEYS.find(([name]) => name === event.key);
  if (!key) return;
  event.preventDefault();
  key[2]();
}

function showHint(event) {
  const thing = thingAt(event.offsetX, event.offsetY), hint = byId("hint");
  hint.style.display = thing ? "block" : "none";
  if (!thing) return;
  hint.textContent = thing.text;
  hint.style.left = Math.max(0, Math.min(event.clientX + 12, window.innerWidth - hint.offsetWidth - 8)) + "px";
  hint.style.top = Math.min(event.clientY + 14, window.innerHeight - hint.offsetHeight - 4) + "px";
}

function choices(box, values, chosen, label) {
  for (const value of values) {
    const choice = element("label"), input = element("input");
    Object.assign(input, { type: "checkbox", checked: true, value });
    chosen.add(value);
    input.addEventListener("change", () => { if (input.checked) chosen.add(value); else chosen.delete(value); refilter(); });
    choice.append(input, label(value));
    box.append(choice);
  }
}

function fillFilters() {
  choices(byId("servers"), [...Array(run.servers).keys()], filter.servers, name);
  const present = new Set(rows.map(row => row.type));
  choices(byId("types"), TYPES.filter(type => present.has(type)), filter.types, type => type);
  const terms = [...new Set(rows.map(row => row.term).filter(term => term !== undefined))].sort((a, b) => a - b);
  byId("term").append(...terms.map(term => Object.assign(element("option", "t" + term), { value: term })));
  byId("term").addEventListener("change", event => { filter.term = event.target.value; refilter(); });
  byId("search").addEventListener("input", event => { filter.text = event.target.value; refilter(); });
  byId("why").addEventListener("change", event => { why.on = event.target.checked; refresh(); });
  byId("filters").addEventListener("submit", event => event.preventDefault());
}

function listenToPointer() {
  let held = null;
  canvas.addEventListener("wheel", event => {
    if (event.ctrlKey || event.shiftKey || Math.abs(event.deltaX) < Math.abs(event.deltaY)) {
      event.preventDefault(); zoom(event.deltaY < 0 ? 0.8 : 1.25, place(event.offsetX));
    }
  }, { passive: false });
  canvas.addEventListener("mousedown", event => { held = { px: event.offsetX, from: view.from, moved: false }; });
  window.addEventListener("mouseup", () => { held = null; });
  canvas.addEventListener("mouseleave", () => { byId("hint").style.display = "none"; });
  canvas.addEventListener("mousemove", event => {
    if (!held) return showHint(event);
    if (Math.abs(event.offsetX - held.px) < 3) return undefined;
    view.from = held.from - (event.offsetX - held.px) / (view.width - LEFT) * view.span;
    return draw();
  });
  canvas.addEventListener("click", event => { const thing = thingAt(event.offsetX, event.offsetY); if (thing) moveTo(thing.row); });
  canvas.addEventListener("dblclick", showAll);
}

function showKeys() {
  byId("keys").append(...KEYS.map(([key, what]) => {
    const line = element("div");
    line.append(element("kbd", key), " " + what);
    return line;
  }), element("div", "Wheel: zoom. Drag: move. Double click: the whole run. Click: move the cursor."),
  element("div", "A colour is a term. The higher a bar, the higher the role; a frame marks a leader, stripes a candidate or a pause, a dotted line a server that is down."));
  byId("help").addEventListener("click", () => {
    byId("keys").hidden = !byId("keys").hidden;
    byId("help").setAttribute("aria-expanded", !byId("keys").hidden);
    refresh();
  });
}

/* At first, the page shows the last part of a long failed run, and all of any other run. */
function start() {
  showHeader(); fillFilters(); listenToPointer(); showKeys();
  byId("copy").addEventListener("click", copy);
  byId("list").addEventListener("scroll", showList);
  document.addEventListener("keydown", onKey);
  window.addEventListener("resize", refresh);
  view.span = marked ? Math.min(end.x * 1.02, 600000) : end.x * 1.02;
  view.from = marked ? Math.max(-view.span / 50, marked.x - view.span * 0.85) : 0;
  refilter();
}

start();

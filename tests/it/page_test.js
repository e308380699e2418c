/* Uses the page as a person does, and writes one line for each check into an element that the test reads. */
"use strict";
const said = [];
const check = (what, holds) => said.push(`${holds ? "ok" : "FAILED"} ${what}`);
const press = (key, target = document.body) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const shown = () => byId("now").textContent;

function checkKeys() {
  press("Home"); const first = shown();
  check("Home goes to the first step", first.startsWith(`step ${rows[0].step} `));
  press("ArrowRight"); check("the right arrow goes on", shown().startsWith(`step ${rows[1].step} `) && shown() !== first);
  press("ArrowLeft"); check("the left arrow goes back", shown() === first);
  press("r"); check("r goes to a change of a role", /follower|candidate|leader/.test(document.querySelector("tr.here").textContent));
  press("End"); check("End goes to the last step", shown().startsWith(`step ${rows[rows.length - 1].step} `));
  const span = view.span; press("+"); check("plus zooms in", view.span < span); press("0"); check("0 shows all", span <= view.span);
  press("/"); check("a slash goes to the search", document.activeElement === byId("search"));
  press("Escape", byId("search")); check("Escape leaves the search", document.activeElement === byId("list"));
  press("?"); check("a question mark shows the keys", !byId("keys").hidden); press("?");
}

function checkStates() {
  const become = rows.find(row => row.delta && row.delta.r === "L");
  moveTo(become);
  const line = document.querySelectorAll("#table tr")[become.server];
  check("the table shows the role before and after", /candidate → leader/.test(line.textContent));
  check("the table has a row for each server", document.querySelectorAll("#table tr").length === run.servers);
  press("End");
  const cells = [...document.querySelectorAll("#table tr:not(.off) .cell")];
  check("log cells have the colour of their term", cells.length && cells.every(cell => cell.style.background !== ""));
  check("log cells are marked", cells.every(cell => /^i\d+·t\d+[d–][c–][a–]$/.test(cell.textContent)) && cells.some(cell => cell.textContent.includes("dc")));
}

function point(type, thing) {
  const box = canvas.getBoundingClientRect();
  const [px, py] = thing.line ? [(thing.line[0] + thing.line[2]) / 2, (thing.line[1] + thing.line[3]) / 2]
    : [(thing.left + thing.right) / 2, (thing.top + thing.bottom) / 2];
  canvas.dispatchEvent(new MouseEvent(type, { bubbles: true, clientX: box.left + px, clientY: box.top + py }));
}

function checkPointer() {
  press("End"); press("0");
  for (const kind of ["message", "operation"]) {
    const wanted = thing => kind === "message" ? thing.line : thing.row && thing.row.kind === RETURNED;
    const things = view.near.filter(wanted);
    const hit = things.find(thing => { point("mousemove", thing); return byId("hint").textContent === thing.text; });
    check(`hover tells the content of a ${kind}`, hit && byId("hint").style.display === "block" && hit.text.includes(hit.row.text));
    if (hit) { point("click", hit); check(`a click on a ${kind} moves the cursor`, cursor.row === hit.row); }
  }
}

function checkFilters() {
  const boxes = [...document.querySelectorAll("#types input")];
  boxes.filter(box => box.value !== "vote").forEach(box => box.click());
  check("a filter by type leaves that type", filter.rows.length && filter.rows.every(row => row.type === "vote"));
  boxes.filter(box => box.value !== "vote").forEach(box => box.click());
  document.querySelector("#servers input").click();
  check("a filter by server hides the others", filter.rows.length < rows.length && filter.rows.every(row => row.server !== 0 || row.to !== undefined));
  document.querySelector("#servers input").click();
  const term = byId("term"); term.selectedIndex = term.options.length - 1; term.dispatchEvent(new Event("change"));
  check("a filter by term leaves that term", filter.rows.length < rows.length && filter.rows.every(row => row.term === undefined || row.term === Number(term.value)));
  term.selectedIndex = 0; term.dispatchEvent(new Event("change"));
  const search = byId("search"); search.value = "lost"; search.dispatchEvent(new Event("input"));
  check("the search finds text", 0 < filter.rows.length && filter.rows.length < rows.length && filter.rows.every(row => words(row).toLowerCase().includes("lost")));
  search.value = ""; search.dispatchEvent(new Event("input"));
  check("without filters all steps are listed", filter.rows.length === rows.length);
}

function checkCauses() {
  check("the failure is named", byId("verdict").textContent.includes("election_safety (thesis §3.2)"));
  press("v"); check("v goes to the failure", shown().includes("◀ the failure"));
  check("what led to the failure is lit", 2 < lit.size && lit.size < rows.length / 2 && isDim(rows.find(row => !lit.has(row))));
  press("C"); check("C goes to a cause", lit.has(cursor.row));
  press("w"); check("w shows everything", !isDim(rows.find(row => !lit.has(row))));
}

async function checkCopy() {
  let text = "";
  Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: async copied => { text = copied; } } });
  await copy(); check("the button copies the command", text === run.replay && byId("copied").textContent === "copied");
  Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: async () => { throw new Error("refused"); } } });
  document.execCommand = command => { text = `${command} ${document.activeElement.value}`; return true; };
  await copy(); check("it copies without the clipboard, too", text === "copy " + run.replay);
}

async function checkAll() {
  check("the page is not wider than the window", document.documentElement.scrollWidth <= window.innerWidth);
  check("the page is not higher than the window", document.documentElement.scrollHeight <= window.innerHeight);
  check("the lanes fill their place", 0 < canvas.clientWidth && canvas.clientWidth === scene.clientWidth);
  for (const part of [checkKeys, checkStates, checkPointer, checkFilters, checkCauses, checkCopy]) {
    try { await part(); } catch (error) { check(`${part.name}: ${error.stack}`, false); }
  }
  check("no request left the page", performance.getEntriesByType("resource").length === 0);
  const result = document.createElement("pre");
  result.id = "checked"; result.textContent = said.join("\n");
  document.body.append(result);
}
document.addEventListener("securitypolicyviolation", event => check(`the policy was kept: ${event.blockedURI}`, false));
checkAll();

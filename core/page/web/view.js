// What the reader chose, kept in the page's address, and the elements that sections are made of.

const palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7f7f7f", "#b5a800"];  // Okabe-Ito
const symbols = ["circle", "square", "triangle", "diamond", "cross", "star", "wye"];

const view = {metric: "", filter: "", state: "", highlight: "", hide: "", rename: "", cell: "", sort: "", map: "", theme: ""};
// Where the Back button leads to what was before; what is typed, letter by letter, makes no such place.
const deliberate = new Set(["metric", "state", "cell", "sort", "map"]);

function addressed() {
  const said = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(Object.keys(view).map((name) => [name, said.get(name) ?? ""]));
}
// Takes choices, and draws again what depends on those that differ.
function takeChoices(choices) {
  const changed = Object.keys(view).filter((name) => choices[name] !== undefined && choices[name] !== view[name]);
  for (const name of changed) view[name] = choices[name];
  if (changed.length) redraw(changed);
  return changed;
}
// Changes a choice of the reader, and writes it into the address.
function choose(changes) {
  const before = {...view}, now = {...view, ...changes};
  const changed = Object.keys(view).filter((name) => now[name] !== before[name]);
  if (!changed.length) return;
  const kept = String(new URLSearchParams(Object.entries(now).filter(([, value]) => value !== "")));
  const address = kept ? "#" + kept : location.pathname + location.search;
  if (changed.some((name) => deliberate.has(name))) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  takeChoices(now);
}

// A pattern of the reader: a regular expression, or, where it is none, a text as it stands. Empty: null.
const patterns = new Map();
function pattern(text) {
  if (!text) return null;
  if (!patterns.has(text)) {
    let made;
    try { made = new RegExp(text, "i"); } catch { made = new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i"); }
    patterns.set(text, made);
  }
  return patterns.get(text);
}
const describe = (cell) => cell.text ??= [cell.key, ...axes.map((axis) => cell[axis] ?? ""), cell.seed ?? "", cell.message ?? ""].join(" ");
// The line that a cell belongs to: all that distinguishes it but the amount and the seeds.
const plainLine = (cell) => cell.line ??= axes.map((axis) => cell[axis] ?? "-").join(" · ") || cell.scorer || "all cells";
// "FROM=TO, FROM=TO": names as the reader wants them.
function renamed(name) {
  if (!view.rename) return name;
  for (const pair of view.rename.split(",")) {
    const [from, to] = pair.split("=").map((part) => part.trim());
    const found = to === undefined ? null : pattern(from);
    if (found) name = name.replace(found, () => to);
  }
  return name;
}
const isHidden = (cell) => pattern(view.hide)?.test(describe(cell)) ?? false;
const isHighlighted = (name) => pattern(view.highlight)?.test(name) ?? false;

// An element: attributes, then children; texts are texts and never markup.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}
// A table of texts and numbers; a cell may be an element.
function plainTable(names, rows, caption) {
  const isNumber = names.map((_, i) => rows.some((row) => typeof row[i] === "number"));
  return element("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Table: " + caption},
    element("table", {}, element("thead", {}, element("tr", {}, ...names.map((name, i) =>
      element("th", {scope: "col", class: isNumber[i] ? "number" : null}, name)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((value, i) => element("td",
      {class: isNumber[i] ? "number" : String(value ?? "").length > 50 ? "long" : null},
      value instanceof Node ? value : shown(value))))))));
}
// The numbers of a chart; `rows` makes them when somebody opens them.
const asTable = (names, rows, caption) => element("details", {ontoggle: (event) => {
  if (event.target.children.length === 1) event.target.append(plainTable(names, rows(), caption));
}}, element("summary", {}, "As a table: " + caption));
// A list of [value, text]; `show` chooses one without telling `change`.
function chooser(label, options, chosen, change) {
  const list = element("select", {onchange: (event) => change(event.target.value)},
    ...options.map(([value, text]) => element("option", {value, selected: value === chosen}, text)));
  const made = element("label", {}, label, list);
  made.show = (value) => { list.value = value; };
  return made;
}
const cellLink = (cell) => element("a", {href: "#cell=" + encodeURIComponent(cell.key), class: "key", onclick: (event) => {
  event.preventDefault();
  choose({cell: cell.key});
  document.querySelector("#section-cell h2")?.focus({preventScroll: true});
  document.getElementById("section-cell")?.scrollIntoView();
}}, cell.key.slice(0, 8));

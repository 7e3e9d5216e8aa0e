// What the reader chose, kept in the page's address, and the elements that sections are made of.

const palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7f7f7f", "#b5a800"];  // Okabe-Ito
const symbols = ["circle", "square", "triangle", "diamond", "cross", "star", "wye"];

const view = Object.assign({metric: "", filter: "", state: "", highlight: "", hide: "", rename: "", cell: "", sort: "", map: "", theme: ""},
  Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
const redraws = [];
// Changes a choice, writes it into the address, and draws again what depends on it.
function choose(changes) {
  Object.assign(view, changes);
  const kept = new URLSearchParams(Object.entries(view).filter(([, value]) => value !== "" && value !== undefined));
  history.replaceState(null, "", kept.size ? "#" + kept : location.pathname + location.search);
  redraws.forEach((redraw) => redraw());
}

// A pattern of the reader: a regular expression, or, where it is none, a text as it stands. Empty: null.
function pattern(text) {
  if (!text) return null;
  try { return new RegExp(text, "i"); } catch { return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i"); }
}
const describe = (cell) => [cell.key, ...axes.map((axis) => cell[axis] ?? ""), cell.seed ?? "", cell.message ?? ""].join(" ");
// The line that a cell belongs to: all that distinguishes it but the amount and the seeds.
const plainLine = (cell) => axes.map((axis) => cell[axis] ?? "-").join(" · ") || cell.scorer || "all cells";
// "FROM=TO, FROM=TO": names as the reader wants them.
function renamed(name) {
  for (const pair of view.rename.split(",")) {
    const [from, to] = pair.split("=").map((part) => part.trim());
    const found = to === undefined ? null : pattern(from);
    if (found) name = name.replace(found, () => to);
  }
  return name;
}
const isHidden = (name) => pattern(view.hide)?.test(name) ?? false;
const isHighlighted = (name) => pattern(view.highlight)?.test(name) ?? false;

// An element: attributes, then children; texts are texts and never markup.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
function section(id, title, hint) {
  const made = element("section", {id: "section-" + id, "aria-labelledby": "heading-" + id},
    element("h2", {id: "heading-" + id}, title), hint ? element("p", {class: "hint"}, hint) : null);
  document.getElementById("main").append(made);
  document.getElementById("contents").append(element("a", {href: "#section-" + id, onclick: (event) => {
    event.preventDefault();  // the address keeps the reader's choices
    made.scrollIntoView();
    made.setAttribute("tabindex", "-1");
    made.focus({preventScroll: true});
  }}, title));
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
// The numbers of a chart; made when somebody opens them.
const asTable = (names, rows, caption) => element("details", {ontoggle: (event) => {
  if (event.target.children.length === 1) event.target.append(plainTable(names, rows, caption));
}}, element("summary", {}, "As a table: " + caption));
function chooser(label, options, chosen, change) {
  const list = element("select", {onchange: (event) => change(event.target.value)},
    ...options.map(([value, text]) => element("option", {value, selected: value === chosen}, text)));
  return element("label", {}, label, list);
}
const cellLink = (cell) => element("a", {href: "#cell=" + encodeURIComponent(cell.key), class: "key", onclick: (event) => {
  event.preventDefault();
  choose({cell: cell.key});
  document.getElementById("section-cell")?.scrollIntoView();
}}, cell.key.slice(0, 8));

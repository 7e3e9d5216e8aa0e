// The table of cells: filtered by a pattern, sorted by a column, drawn a screenful at a time.

const rowsAtOnce = 200;
const tableColumns = () => [
  {name: "key", value: (cell) => cell.key, show: cellLink},
  {name: "state", value: (cell) => cell.state, show: (cell) => element("span", {class: "state-" + cell.state}, cell.state)},
  ...axes.map((name) => ({name, value: (cell) => cell[name]})),
  {name: "requested", value: (cell) => cell.requested},
  {name: "achieved", value: (cell) => cell.result?.achieved_sparsity},
  ...["seed", "base_seed"].filter((name) => new Set(cells.map((cell) => cell[name])).size > 1).map((name) => ({name, value: (cell) => cell[name]})),
  ...metrics.map((metric) => ({name: metric.name, value: (cell) => cell.result?.[metric.name],
    show: (cell) => notNumber(cell, metric.name) ? element("span", {class: "bad"}, "not a number") : null})),
  ...["heads_kept", "evaluations", "flops", "parameters_total"].filter((name) => data.points.columns[name]).map((name) => ({name, value: (cell) => cell.result?.[name]})),
  {name: "seconds", value: (cell) => cell.seconds},
];
const notNumber = (cell, metric) => (cell.result?.not_numbers ?? "").split(" ").includes(metric);

// What is wanted of the cells, in order: those without a value are last either way.
function wantedCells(columns) {
  const filter = pattern(view.filter);
  const wanted = cells.filter((cell) => (!view.state || cell.state === view.state) && !isHidden(cell) && (!filter || filter.test(describe(cell))));
  const [name, down] = view.sort.split(" ");
  const column = columns.find((one) => one.name === name);
  if (!column) return wanted;
  const isAbsent = (value) => value === null || value === undefined;
  return wanted.sort((a, b) => {
    const one = column.value(a), other = column.value(b);
    if (isAbsent(one) || isAbsent(other)) return isAbsent(one) - isAbsent(other);
    return down ? d3.descending(one, other) : d3.ascending(one, other);
  });
}
function cellRow(cell, columns) {
  const row = element("tr", {class: cell.key === view.cell ? "chosen" : view.highlight && isHighlighted(describe(cell)) ? "highlighted" : null});
  for (const column of columns) {
    const value = column.value(cell);
    row.append(element("td", {class: typeof value === "number" ? "number" : null}, column.show?.(cell) ??
      (typeof value === "string" ? renamed(value) : shown(value, column.name === "seconds" ? 1 : 4))));
  }
  return row;
}
function fillTable(made) {
  const columns = tableColumns();
  const count = element("p", {class: "hint", role: "status"});
  const body = element("tbody", {});
  // The headings stay while what is below them changes: a keyboard's focus stays on the one that sorted.
  const headings = columns.map((column) => element("button", {type: "button", onclick: () => {
    const [sorted, down] = view.sort.split(" ");
    choose({sort: column.name + (column.name === sorted && !down ? " down" : "")});
  }}, column.name));
  const isNumber = (column) => cells.some((cell) => typeof column.value(cell) === "number");
  const head = element("tr", {}, ...headings.map((heading, i) => element("th", {scope: "col", class: isNumber(columns[i]) ? "number" : null}, heading)));
  const more = element("button", {type: "button", onclick: () => draw(most + 1000)}, "Show more");
  let most = rowsAtOnce;
  const fields = new Map();
  const field = (label, name, hint) => {
    const input = element("input", {type: name === "filter" ? "search" : "text", id: "choice-" + name, placeholder: hint,
      oninput: (event) => choose({[name]: event.target.value})});
    fields.set(name, input);
    return element("label", {}, label, input);
  };
  const states = chooser("State", ["", "done", "failed", "running", "waiting"].map((state) => [state, state || "all"]), view.state, (state) => choose({state}));
  made.append(element("div", {class: "controls"}, field("Filter", "filter", "fisher|taylor"), states,
    field("Highlight", "highlight", "magnitude"), field("Hide", "hide", "random"), field("Rename", "rename", "fisher=Fisher, random=Random")),
  count, element("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Table: all cells"}, element("table", {id: "cells"}, element("thead", {}, head), body)), more);
  function draw(number) {
    most = number;
    const wanted = wantedCells(columns), [sorted, down] = view.sort.split(" ");
    columns.forEach((column, i) => {
      const isSorted = column.name === sorted, heading = headings[i];
      heading.textContent = column.name + (!isSorted ? "" : down ? " ▼" : " ▲");
      if (isSorted) heading.parentElement.setAttribute("aria-sort", down ? "descending" : "ascending");
      else heading.parentElement.removeAttribute("aria-sort");
    });
    for (const [name, input] of fields) if (input.value !== view[name]) input.value = view[name];
    states.show(view.state);
    body.replaceChildren(...wanted.slice(0, most).map((cell) => cellRow(cell, columns)));
    count.textContent = `${wanted.length.toLocaleString("en-US")} of ${cells.length.toLocaleString("en-US")} cells` + (wanted.length > most ? `, the first ${most} shown` : "");
    more.hidden = wanted.length <= most;
  }
  return {on: ["filter", "state", "sort", "highlight", "hide", "rename", "cell"], redraw: () => draw(rowsAtOnce)};
}

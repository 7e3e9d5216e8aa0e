// Sections of words and tables.

function facts(pairs) {
  return element("dl", {}, ...pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, value instanceof Node ? value : shown(value))]));
}
function fillProgress(made) {
  const counts = d3.rollup(cells, (group) => group.length, (cell) => cell.state);
  const states = [["done", "#009E73"], ["failed", "#D55E00"], ["running", "#56B4E9"], ["waiting", "transparent"]];
  const bar = element("div", {class: "bar", role: "img", "aria-label": states.map(([state]) => `${counts.get(state) ?? 0} ${state}`).join(", ")});
  for (const [state, colour] of states) {
    const part = element("i");
    part.style.width = cells.length ? `${100 * (counts.get(state) ?? 0) / cells.length}%` : "0";
    part.style.background = colour;
    bar.append(part);
  }
  const seconds = d3.sum(data.provenance.experiments, (one) => one.seconds);
  const tile = (value, name) => element("div", {}, element("b", {}, shown(value, 1)), element("span", {}, name));
  made.append(element("div", {class: "tiles"}, tile(cells.length, "cells"), ...states.filter(([state]) => counts.get(state)).map(([state]) => tile(counts.get(state), state)),
    tile(points.length, "points measured"), seconds >= 5400 ? tile(seconds / 3600, "hours of computing") : tile(seconds / 60, "minutes of computing")), bar);
  if (!cells.length) made.append(element("p", {class: "none"}, "This database holds no cell yet."));
}
const failures = () => cells.filter((cell) => cell.state === "failed");
function fillFailures(made) {
  const failed = failures();
  made.append(plainTable(["cell", "settings", "tried", "reason"], failed.slice(0, 200).map((cell) =>
    [cellLink(cell), plainLine(cell), cell.attempts, cell.message || "no reason was recorded"]), "Failures"));
  if (failed.length > 200) made.append(element("p", {class: "hint"}, `The first 200 of ${failed.length}; the table of cells has all.`));
}
function fillComparisons(made) {
  for (const one of data.comparisons) {
    made.append(element("h3", {}, `${one.value} by ${one.axis}`));
    if (one.test) made.append(element("p", {}, `${one.test.name}: ${shown(one.test.statistic, 3)}, p = ${shown(one.test.p)}` +
      (typeof one.critical_difference === "number" ? `; critical difference ${shown(one.critical_difference, 3)}` : "")));
    made.append(plainTable(["level", "mean rank", "mean", "blocks"], one.levels.map((level) => [level.name, level.mean_rank, level.mean, level.blocks]), `Levels of ${one.axis}`));
    if (one.groups?.length) made.append(element("p", {class: "hint"}, "No difference is told within: " + one.groups.map((group) => group.join(", ")).join("; ") + "."));
    if (one.pairs?.length) made.append(asTable(["one", "other", "test", "p", "corrected p", "difference", "verdict"], () => one.pairs.map((pair) =>
      [pair.one, pair.other, pair.test, pair.p, pair.corrected_p, pair.difference, pair.verdict]), "pairs"));
    if (one.rope?.pairs) made.append(element("h4", {}, `${one.rope.test}: differences of at most ${one.rope.rope} are none`),
      plainTable(["one", "other", "better", "same", "worse", "verdict"], one.rope.pairs.map((pair) => [pair.one, pair.other, pair.better, pair.same, pair.worse, pair.verdict]), "Practical equivalence"));
    for (const note of one.footnotes ?? []) made.append(element("p", {class: "hint"}, note));
  }
}
function fillVerdicts(made) {
  const verdicts = data.verdicts, judged = verdicts.cells, axesOf = (one) => one.axes ?? {};
  const names = [...new Set(judged.flatMap((one) => Object.keys(axesOf(one))))];
  const varied = names.filter((name) => new Set(judged.map((one) => axesOf(one)[name] ?? "")).size > 1);
  const shared = names.filter((name) => !varied.includes(name)).map((name) => `${name} ${axesOf(judged[0])[name]}`);
  const kinds = [...new Set(judged.map((one) => one.verdict))].sort();
  const place = element("div", {});
  let wanted = "", most = rowsAtOnce;
  const row = (one) => [...varied.map((name) => axesOf(one)[name]), one.metric, one.published, one.found,
    element("span", {class: one.verdict}, one.verdict), cellOfKey.has(one.key) ? cellLink(cellOfKey.get(one.key)) : (one.key ?? "").slice(0, 8),
    one.low, one.high, one.why];
  const draw = () => {
    const rows = judged.filter((one) => !wanted || one.verdict === wanted);
    place.replaceChildren(plainTable([...varied, "metric", "published", "found", "verdict", "cell", "low", "high", "why"], rows.slice(0, most).map(row), "Verdicts"));
    if (rows.length > most) place.append(element("button", {type: "button", onclick: () => { most = Infinity; draw(); }}, `Show all ${shown(rows.length)}`));
  };
  if (verdicts.summary) made.append(element("div", {class: "tiles"}, ...Object.entries(verdicts.summary).map(([verdict, number]) =>
    element("div", {}, element("b", {}, shown(number)), element("span", {class: verdict}, verdict)))));
  if (shared.length) made.append(element("p", {class: "hint"}, "All of " + shared.join(", ") + "."));
  made.append(element("div", {class: "controls"}, chooser("Verdict", [["", "all"], ...kinds.map((kind) => [kind, kind])], "", (kind) => { wanted = kind; most = rowsAtOnce; draw(); })), place);
  draw();
  if (verdicts.forensics?.length) made.append(element("h3", {}, "What the printed numbers say against each other"), element("ul", {}, ...verdicts.forensics.map((one) => element("li", {}, one.sentence))));
  if (verdicts.rankings?.length) made.append(element("h3", {}, "Rankings"), plainTable(["claim", "published difference", "difference here", "probability that it is so", "in words"],
    verdicts.rankings.map((one) => [one.claim, one.published_difference, one.found_difference, one.probability, one.sentence]), "Rankings"));
}
// One cell, where the address names it: above all others.
function addCell() {
  const made = element("div", {});
  document.getElementById("main").append(made);
  const part = {made, on: ["cell"], redraw: null, isDrawn: false, fill: () => ({redraw: () => {
    made.replaceChildren();
    if (!view.cell) return;
    const cell = cellOfKey.get(view.cell) ?? cells.find((one) => one.key.startsWith(view.cell));
    made.append(element("section", {id: "section-cell", "aria-labelledby": "heading-cell"},
      element("h2", {id: "heading-cell", tabindex: "-1"}, "Cell ", element("span", {class: "key"}, (cell?.key ?? visible(view.cell)).slice(0, 16))),
      ...(cell ? cellContent(cell) : [element("p", {class: "bad"}, `This page has no cell ${visible(view.cell)}.`)]),
      element("button", {type: "button", onclick: () => closeCell(cell)}, "Close")));
  }})};
  parts.push(part);
  drawPart(part);
}
// Whoever came by the keyboard goes on from where the cell was opened.
function closeCell(cell) {
  choose({cell: ""});
  if (cell) [...document.querySelectorAll("#cells a.key")].find((link) => link.hash === "#cell=" + encodeURIComponent(cell.key))?.focus();
}
function cellContent(cell) {
  const settings = Object.keys(data.cells.columns).filter((name) => !["key", "position", "message", "current"].includes(name));
  const own = points.filter((point) => point.cell === cell.row);
  const names = ["kind", "step", "achieved_sparsity", ...metrics.map((metric) => metric.name), "heads_kept", "evaluations", "flops"]
    .filter((name) => own.some((point) => (point[name] ?? null) !== null));
  return [facts([["key", element("code", {}, cell.key)], ...settings.map((name) => [name, cell[name]]), ["reason", cell.message]]),
    own.length ? plainTable(names, own.map((point) => names.map((name) => point[name])), "Points of this cell") : null,
    cell.mask === undefined ? null : cellMap(cell),
    element("p", {class: "hint"}, "To compute it again: ", element("code", {}, `espalier rerun ${quoted(data.database)} ${cell.key.slice(0, 16)}`))];
}
// As a shell takes it.
const quoted = (text) => /^[\w./-]+$/.test(text) ? text : "'" + text.replace(/'/g, "'\\''") + "'";
function fillProvenance(made) {
  for (const one of data.provenance.experiments) {
    made.append(element("h3", {}, one.name), facts([["question", one.question], ["file", element("code", {}, one.file)],
      ["SHA-256 of the file", element("code", {}, one.file_digest)], ["attempts", one.attempts], ["first and last", one.started ? `${one.started} to ${one.ended}` : ""]]));
  }
  if (data.provenance.environments.length) made.append(element("h3", {}, "Computed with"),
    ...data.provenance.environments.map((one) => facts([["attempts", one.attempts], ...Object.entries(one.environment).map(([name, value]) =>
      [name, typeof value === "object" ? JSON.stringify(value) : typeof value === "boolean" ? (value ? "yes" : "no") : String(value)])])));
  if (data.provenance.plugins.length) made.append(element("h3", {}, "Plugins"), plainTable(["role", "name", "version", "SHA-256 of the file"],
    data.provenance.plugins.map((one) => [one.role, one.name, one.version, element("code", {}, one.digest)]), "Plugins"));
  made.append(element("h3", {}, "Commands"), facts([["the table", element("code", {}, `espalier table ${quoted(data.database)}`)],
    ["a cell again", element("code", {}, `espalier rerun ${quoted(data.database)} KEY`)], ["this page", element("code", {}, `espalier report ${quoted(data.database)} -o page.html`)]]));
}

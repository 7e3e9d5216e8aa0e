// Charts, each with the numbers that it shows as a table. What is not a number is in none of them.

function legend(names, colour) {
  return element("ul", {class: "legend", "aria-label": "Lines"}, ...names.map((name) => {
    const item = element("li", {});
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    picture.setAttribute("width", 14); picture.setAttribute("height", 14); picture.setAttribute("aria-hidden", "true");
    const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
    shape.setAttribute("d", d3.symbol(colour(name).symbol, 70)());
    shape.setAttribute("transform", "translate(7,7)"); shape.setAttribute("fill", colour(name).colour);
    picture.append(shape);
    item.append(picture, name);
    return item;
  }));
}
// A colour and a shape for each name: neither alone has to be told apart.
function colours(names) {
  const shapes = {circle: d3.symbolCircle, square: d3.symbolSquare, triangle: d3.symbolTriangle, diamond: d3.symbolDiamond,
    cross: d3.symbolCross, star: d3.symbolStar, wye: d3.symbolWye};
  const places = new Map(names.map((name, i) => [name, i]));
  return (line) => {
    const place = places.get(line) ?? 0;
    const name = symbols[place % symbols.length];  // 8 colours and 7 shapes: 56 pairs
    return {colour: palette[place % palette.length], symbol: shapes[name], name};
  };
}
// Asked of the browser once a size of its window: each asking has it lay the whole page out.
let roomForCharts = 0;
window.addEventListener("resize", () => { roomForCharts = 0; });
function drawn(options, label) {
  roomForCharts ||= Math.min(1120, document.getElementById("main").clientWidth - 90);
  const chart = Plot.plot({width: roomForCharts, height: 380, marginLeft: 58,
    marginBottom: 46, style: {fontSize: "12.5px", background: "none"}, ariaLabel: label, ...options});
  for (const part of chart.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");  // a picture has one name
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", label);
  return element("div", {class: "chart"}, chart);
}

// Places of a line: mean over seeds at one requested amount, at the mean achieved sparsity.
function linesOf(metric) {
  const groups = d3.group(cells.filter((cell) => typeof cell.result?.[metric] === "number" && !isHidden(cell)),
    plainLine, (cell) => cell.budget + " " + cell.requested);
  const places = [];
  for (const [line, amounts] of groups) {
    for (const [, group] of amounts) {
      const value = summary(group.map((cell) => cell.result[metric]));
      places.push({line: renamed(line), x: d3.mean(group, (cell) => cell.result.achieved_sparsity), requested: group[0].requested,
        budget: group[0].budget, cells: group, ...value});
    }
  }
  return places.sort((a, b) => d3.ascending(a.line, b.line) || a.x - b.x);
}
// The steps on the way of schedules: of each the state that the next one began with, after its recovery where it had one.
const mostSteps = 4000;
function waysOf(metric) {
  const ways = [];
  if (new Set(points.filter((point) => point.kind !== "dense").map((point) => point.step)).size < 2) return ways;
  const steps = points.filter((point) => cells[point.cell].state === "done" && !isHidden(cells[point.cell]) && typeof point[metric] === "number");
  for (const [place, own] of d3.group(steps, (point) => point.cell)) {
    const ends = [...d3.rollup(own.filter((point) => point.kind !== "dense"), (group) => group.find((point) => point.kind !== "pruned") ?? group[0], (point) => point.step).values()];
    if (ends.length < 2) continue;
    const dense = cells[place].dense;
    for (const point of dense && typeof dense[metric] === "number" ? [dense, ...ends] : ends)
      ways.push({cell: place, line: renamed(plainLine(cells[place])), x: point.kind === "dense" ? 0 : point.achieved_sparsity, y: point[metric], step: point.step});
  }
  return ways.length > mostSteps ? [] : ways;
}
function drawCurve(place, metric) {
  place.replaceChildren();
  const places = linesOf(metric);
  if (!places.length) return place.append(element("p", {class: "none"}, "No done cell has a value of " + metric + "."));
  const names = [...new Set(places.map((one) => one.line))], colour = colours(names);
  const dense = d3.rollups(cells.filter((cell) => typeof cell.dense?.[metric] === "number"),
    (group) => d3.mean(group, (cell) => cell.dense[metric]), (cell) => cell.model + " on " + cell.dataset);
  const ways = waysOf(metric);
  const strong = (one) => !view.highlight || isHighlighted(one.line) ? 1 : 0.2;
  const title = (one) => `${one.line}\n${metric} ${shown(one.mean)}${one.low === null ? "" : ` [${shown(one.low)}, ${shown(one.high)}]`}` +
    `\nachieved sparsity ${shown(one.x)}, ${one.budget} ${shown(one.requested)} requested\nn = ${one.n}`;
  place.append(legend(names, colour), drawn({
    x: {label: "Achieved sparsity →", grid: true}, y: {label: "↑ " + metric, grid: true, nice: true},
    marks: [
      Plot.ruleY(dense, {y: (one) => one[1], stroke: "var(--dense)", strokeDasharray: "5 4"}),
      Plot.text(dense, {x: d3.max(places, (one) => one.x), y: (one) => one[1], text: (one) => dense.length > 1 ? "dense: " + one[0] : "dense", dy: -11, textAnchor: "end", fill: "var(--soft)"}),
      Plot.ruleX(places.filter((one) => one.low !== null), {x: "x", y1: "low", y2: "high", stroke: (one) => colour(one.line).colour, strokeOpacity: strong, strokeWidth: 1.5}),
      Plot.line(ways, {x: "x", y: "y", z: "cell", stroke: (one) => colour(one.line).colour, strokeOpacity: strong, strokeWidth: 1.4, strokeDasharray: "1.5 3"}),
      Plot.dot(ways, {x: "x", y: "y", r: 2, fill: (one) => colour(one.line).colour, fillOpacity: strong}),
      Plot.line(places, {x: "x", y: "mean", z: "line", stroke: (one) => colour(one.line).colour, strokeOpacity: strong, strokeWidth: 1.7}),
      Plot.dot(places, {x: "x", y: "mean", symbol: (one) => colour(one.line).name, fill: (one) => colour(one.line).colour, fillOpacity: strong, r: 4}),
      Plot.tip(places, Plot.pointer({x: "x", y: "mean", title, fill: "var(--panel)"})),
    ],
    symbol: {type: "identity"}, color: {type: "identity"}, opacity: {type: "identity"},
  }, `${metric} over achieved sparsity, a line for each of ${names.length} methods; the numbers are in the table below`),
  asTable(["line", "budget", "requested", "achieved sparsity", metric, "low", "high", "n"],
    () => places.map((one) => [one.line, one.budget, one.requested, one.x, one.mean, one.low, one.high, one.n]), metric + " over achieved sparsity"),
  ways.length ? asTable(["cell", "line", "step", "achieved sparsity", metric], () => ways.map((one) => [cellLink(cells[one.cell]), one.line, one.step, one.x, one.y]), "the steps of each cell") : "");
}
function fillCurve(made) {
  const place = element("div", {});
  const chosen = () => metricByName.has(view.metric) ? view.metric : metrics[0].name;
  const list = chooser("Metric", metrics.map((metric) => [metric.name, metric.name]), chosen(), (metric) => choose({metric}));
  made.append(element("div", {class: "controls"}, list), place);
  return {on: ["metric", "hide", "highlight", "rename"], redraw: () => {
    list.show(chosen());
    drawCurve(place, chosen());
  }};
}

const ratios = () => latencies.filter((one) => one.last && cells[one.cell].state === "done" && typeof one.ratio === "number");
function fillLatency(made) {
  const place = element("div", {}), measured = ratios();
  made.append(place);
  return {on: ["hide", "rename"], redraw: () => {
    const rows = measured.filter((one) => !isHidden(cells[one.cell])).map((one) => ({one, line: renamed(plainLine(cells[one.cell])),
      flops: cells[one.cell].result?.flops, ratio: one.ratio, low: one.ratio_low ?? null, high: one.ratio_high ?? null}));
    const names = [...new Set(rows.map((row) => row.line))], colour = colours(names);
    const over = rows.filter((row) => typeof row.flops === "number");
    place.replaceChildren(legend(names, colour), over.length ? drawn({
      x: {label: "FLOPs of one example →", grid: true, tickFormat: "~s"}, y: {label: "↑ pruned / dense time", grid: true},
      marks: [Plot.ruleY([1], {stroke: "var(--dense)", strokeDasharray: "5 4"}),
        Plot.ruleX(over.filter((row) => row.low !== null), {x: "flops", y1: "low", y2: "high", stroke: (row) => colour(row.line).colour}),
        Plot.dot(over, {x: "flops", y: "ratio", symbol: (row) => colour(row.line).name, fill: (row) => colour(row.line).colour, r: 4}),
        Plot.tip(over, Plot.pointer({x: "flops", y: "ratio", title: (row) => `${row.line}\nbatch ${row.one.batch}: ${shown(row.ratio, 3)} (${row.one.verdict ?? "no verdict"})`, fill: "var(--panel)"}))],
      symbol: {type: "identity"}, color: {type: "identity"},
    }, "Ratio of times over FLOPs; the numbers are in the table below") : element("p", {class: "none"}, "No point has its FLOPs recorded."),
    asTable(["cell", "line", "batch", "length", "dense ms", "pruned ms", "ratio", "low", "high", "verdict", "device"], () => rows.map(({one, line}) =>
      [cellLink(cells[one.cell]), line, one.batch, one.length, one.dense_milliseconds, one.pruned_milliseconds, one.ratio, one.ratio_low, one.ratio_high, one.verdict, one.device]), "latency"));
  }};
}

const searchHint = () => "The way of each search, as its searcher told it." +
  (data.maps.left_out ? ` ${data.maps.left_out} long ones are left out; espalier show has them.` : "");
function fillSearches(made) {
  const searches = data.maps.searches.map((search) => ({...search, names: search.names.map(visible)}));
  const names = [...new Set(searches.flatMap((search) => search.names))];
  const place = element("div", {});
  let y = names.find((name) => /objective|score|loss|accuracy|metric|best/i.test(name)) ?? names[names.length - 1];
  let x = names.find((name) => /evaluation|step|generation|seconds/i.test(name) && name !== y) ?? "";
  const redraw = () => {
    const rows = searches.filter((search) => !isHidden(cells[search.cell])).flatMap((search) => {
      const cell = cells[search.cell], atX = search.names.indexOf(x), atY = search.names.indexOf(y);
      return search.rows.map((row, i) => ({cell, x: x ? row[atX] : i, y: row[atY]}));
    }).filter((row) => typeof row.x === "number" && typeof row.y === "number");
    const lines = [...new Set(rows.map((row) => renamed(plainLine(row.cell))))], colour = colours(lines);
    const of = (row) => colour(renamed(plainLine(row.cell))).colour;
    place.replaceChildren(legend(lines, colour), drawn({x: {label: (x || "step") + " →", grid: true}, y: {label: "↑ " + y, grid: true},
      marks: [Plot.line(rows, {x: "x", y: "y", z: (row) => row.cell.row, stroke: of, strokeOpacity: 0.7}),
        rows.length > 1000 ? null : Plot.dot(rows, {x: "x", y: "y", r: 1.6, fill: of})], color: {type: "identity"}}, `${y} over ${x || "step"} of ${searches.length} searches`),
    asTable(["cell", x || "step", y], () => rows.slice(0, 1000).map((row) => [cellLink(row.cell), row.x, row.y]), "the first 1,000 steps"));
  };
  made.append(element("div", {class: "controls"}, chooser("Value", names.map((name) => [name, name]), y, (name) => { y = name; redraw(); }),
    chooser("Over", [["", "step"], ...names.map((name) => [name, name])], x, (name) => { x = name; redraw(); })), place);
  return {on: ["hide", "rename"], redraw};
}

"use strict";
// The page's data: columns with each text once, as core/page/columns.h writes them.

// Names come from files: control characters and marks that turn the writing direction are shown, and do nothing.
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
function visible(text) {
  return text.replace(unseen, (mark) => "\\u" + mark.charCodeAt(0).toString(16).padStart(4, "0"));
}
function visibleDeep(value) {
  if (typeof value === "string") return visible(value);
  if (Array.isArray(value)) return value.map(visibleDeep);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [visible(name), visibleDeep(one)]));
}

const own = JSON.parse(document.getElementById("data").textContent);  // what the page was made with
// What is shown: the data that the page was made with, or that of a database which the reader opens.
let data, texts, cells, points, latencies, cellOfKey, metrics, metricByName, axes;

// The rows of a table. Values stay in their columns: a row knows its place, and reads them when it is asked.
// A column of texts may hold numbers only where it holds none of its own.
function rowsOf(table) {
  class Row {
    constructor(row) { this.row = row; }
  }
  for (const [name, column] of Object.entries(table.columns)) {
    const values = column.texts ? column.texts.map((place) => place === null ? null : texts[place]) : column.numbers;
    Object.defineProperty(Row.prototype, name, {get() { return values[this.row]; }});
  }
  return Array.from({length: table.rows}, (_, row) => new Row(row));
}

// A schedule as tables call it, "4-linear"; what is none stands as it is.
function scheduleName(text) {
  try {
    const schedule = JSON.parse(text);
    if (!schedule?.steps) return text;
    return schedule.shape ? `${schedule.steps}-${schedule.shape}` : `${schedule.steps}x${schedule.fraction}`;
  } catch {
    return text;
  }
}

// Takes a document of core/page/page_data for what is shown.
function take(document) {
  data = document;
  texts = data.texts.map(visible);
  for (const place of new Set(data.cells.columns.schedule?.texts ?? []))
    if (place !== null) texts[place] = scheduleName(texts[place]);
  for (const part of ["provenance", "verdicts", "comparisons", "database"])
    if (data[part] !== undefined) data[part] = visibleDeep(data[part]);
  cells = rowsOf(data.cells);
  points = rowsOf(data.points);
  latencies = rowsOf(data.latencies);
  for (const cell of cells) Object.assign(cell, {result: null, dense: null, mask: undefined, line: undefined, text: undefined});
  for (const point of points) {
    const cell = cells[point.cell];
    if (point.kind === "dense") cell.dense = point;
    else if (point.last && cell.state === "done") cell.result = point;
  }
  for (const [cell, step, kind, mask] of data.maps.of) {
    const point = cells[cell].result;
    if (point && point.step === step && point.kind === texts[kind]) cells[cell].mask = mask;
  }
  cellOfKey = new Map(cells.map((cell) => [cell.key, cell]));
  metrics = data.metrics.filter((metric) => data.points.columns[metric.name] !== undefined);
  metricByName = new Map(metrics.map((metric) => [metric.name, metric]));
  // Settings that not all cells share: what distinguishes cells, and what lines are named by.
  axes = ["experiment", "model", "dataset", "granularity", "sites", "scorer", "searcher", "scope", "recovery", "budget",
    "schedule", "rounding", "softmax_scale", "compute"].filter((name) => new Set(cells.map((cell) => cell[name] ?? "")).size > 1);
}

const wholeNumbers = new Intl.NumberFormat("en-US");
function shown(value, decimals = 4) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? wholeNumbers.format(value) : Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6
    ? value.toPrecision(4) : value.toFixed(decimals);
}
// 0.975 quantiles of Student's t, for 1..30 degrees of freedom; beyond, that of the next smaller one listed.
const studentQuantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042];
// The mean, and where it may lie: the 95 % t interval, of two values their range; of one, or of equal ones, nothing.
function summary(values) {
  const n = values.length, mean = values.reduce((sum, one) => sum + one, 0) / n;
  const low = d3.min(values), high = d3.max(values);
  if (n < 2 || low === high) return {n, mean, low: null, high: null};
  if (n === 2) return {n, mean, low, high};
  const deviation = Math.sqrt(values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1));
  const half = studentQuantiles[Math.min(n - 1, 30) - 1] * deviation / Math.sqrt(n);
  return {n, mean, low: mean - half, high: mean + half};
}

"use strict";
// The page's data: columns with each text once, as core/page/columns.h writes them.

// Names come from files: control characters and marks that turn the writing direction are shown, and do nothing.
function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (mark) => "\\u" + mark.charCodeAt(0).toString(16).padStart(4, "0"));
}
function visibleDeep(value) {
  if (typeof value === "string") return visible(value);
  if (Array.isArray(value)) return value.map(visibleDeep);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [visible(name), visibleDeep(one)]));
}

const data = JSON.parse(document.getElementById("data").textContent);
const texts = data.texts.map(visible);
for (const part of ["provenance", "verdicts", "comparisons", "database"])
  if (data[part] !== undefined) data[part] = visibleDeep(data[part]);

// A table of columns as an object a row. A column of texts may hold numbers only where it holds none of its own.
function rowsOf(table) {
  const rows = Array.from({length: table.rows}, () => ({}));
  for (const [name, column] of Object.entries(table.columns)) {
    const isText = column.texts !== undefined;
    (column.texts ?? column.numbers).forEach((value, row) => {
      rows[row][name] = value === null ? null : isText ? texts[value] : value;
    });
  }
  return rows;
}

const cells = rowsOf(data.cells);
const points = rowsOf(data.points);
const latencies = rowsOf(data.latencies);
cells.forEach((cell, row) => { cell.row = row; cell.result = null; cell.dense = null; });
for (const point of points) {
  const cell = cells[point.cell];
  if (point.kind === "dense") cell.dense = point;
  else if (point.last && cell.state === "done") cell.result = point;
}
for (const [cell, step, kind, mask] of data.maps.of) {
  const point = cells[cell].result;
  if (point && point.step === step && point.kind === texts[kind]) cells[cell].mask = mask;
}
const cellOfKey = new Map(cells.map((cell) => [cell.key, cell]));
const metrics = data.metrics.filter((metric) => data.points.columns[metric.name] !== undefined);
const metricByName = new Map(metrics.map((metric) => [metric.name, metric]));
// Settings that not all cells share: what distinguishes cells, and what lines are named by.
const axes = ["experiment", "model", "dataset", "granularity", "sites", "scorer", "searcher", "scope", "recovery", "budget",
  "schedule", "rounding", "softmax_scale", "compute"].filter((name) => new Set(cells.map((cell) => cell[name] ?? "")).size > 1);

function shown(value, decimals = 4) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? value.toLocaleString("en-US") : Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6
    ? value.toPrecision(4) : value.toFixed(decimals);
}
// 0.975 quantiles of Student's t, for 1..30 degrees of freedom; beyond, that of the next smaller one listed.
const studentQuantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042];
// The mean, and where it may lie: the 95 % t interval, of two values their range; of one, or of equal ones, nothing.
function summary(values) {
  const n = values.length, mean = values.reduce((sum, one) => sum + one, 0) / n;
  const low = Math.min(...values), high = Math.max(...values);
  if (n < 2 || low === high) return {n, mean, low: null, high: null};
  if (n === 2) return {n, mean, low, high};
  const deviation = Math.sqrt(values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1));
  const half = studentQuantiles[Math.min(n - 1, 30) - 1] * deviation / Math.sqrt(n);
  return {n, mean, low: mean - half, high: mean + half};
}

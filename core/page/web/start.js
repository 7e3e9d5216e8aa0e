// Draws the page, from top to bottom.

function applyTheme() {
  const dark = view.theme ? view.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.getElementById("theme").textContent = dark ? "Light" : "Dark";
}
const sectionList = [
  {id: "progress", title: "Progress", fill: fillProgress},
  {id: "curve", title: "Metric over sparsity", isNeeded: () => metrics.length, fill: fillCurve,
    hint: "Means over seeds with their 95 % t interval (of two values: their range), at what was achieved. Dashed: the dense model. Dotted: the steps of each cell with a schedule."},
  {id: "maps", title: "Head maps", isNeeded: () => data.maps.masks.length, fill: fillMaps,
    hint: "A row for each attention site, a square for each head: the darker (in the dark: the brighter), the more of it is left; striped: removed in all cells shown. Point at a square for its mask, or go through them with the arrow keys."},
  {id: "latency", title: "Latency against FLOPs", isNeeded: () => ratios().length, fill: fillLatency,
    hint: "Pruned time over dense time, with its 99 % interval (95 % of earlier versions); below 1 is faster."},
  {id: "searches", title: "Searches", isNeeded: () => data.maps.searches.length, fill: fillSearches, hint: searchHint},
  {id: "comparisons", title: "Group comparison", isNeeded: () => data.comparisons.length, fill: fillComparisons,
    hint: "Levels of an axis against each other over blocks of models, datasets and seeds."},
  {id: "verdicts", title: "Verdicts on published numbers", isNeeded: () => data.verdicts, fill: fillVerdicts,
    hint: () => data.verdicts.title ?? data.verdicts.reference},
  {id: "cells", title: "Cells", fill: fillTable,
    hint: "Every cell with its result. The key is a permanent link. Click a heading to sort, again to turn the order round. Patterns are regular expressions, and the page's address keeps them."},
  {id: "failures", title: "Failures", isNeeded: () => failures().length, fill: fillFailures,
    hint: "Cells that failed, with their reasons. They are in no mean and in no chart."},
  {id: "sql", title: "SQL", isNeeded: () => opened, fill: fillQuestions,
    hint: "Questions to the database that is open: its views are cells, points, ablation (the results alone) and latencies. It is a copy in memory, and only read."},
  {id: "provenance", title: "Provenance", fill: fillProvenance, hint: "Where the numbers come from."},
];
// Draws what `document` of core/page/page_data holds, in the place of what was there.
function show(shownNow) {
  take(shownNow);
  const experiments = data.provenance.experiments;
  const name = experiments.map((one) => one.name).join(", ") || data.database;
  document.title = `${name} · Espalier`;
  document.getElementById("title").textContent = name;
  document.getElementById("question").textContent = experiments.map((one) => one.question).filter(Boolean).join(" ");
  document.getElementById("main").replaceChildren();
  addSections(sectionList);
}
function start() {
  takeChoices(addressed());
  applyTheme();
  document.getElementById("theme").addEventListener("click", () => {
    choose({theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark"});
    applyTheme();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();  // the address keeps the reader's choices
    document.getElementById("main").focus();
  });
  window.addEventListener("beforeprint", drawAll);
  for (const told of ["popstate", "hashchange"])
    window.addEventListener(told, () => {
      takeChoices(addressed());
      applyTheme();
    });
  document.getElementById("footer").textContent = `Made by espalier ${own.version} (${own.commit}) from ${visible(own.database)}. Charts: Observable Plot and D3 (ISC licence), whose licences are in this file.` +
    (opensDatabases ? " Databases are read by SQLite and sql.js (MIT licence, in this file too)." : "");
  if (opensDatabases) takeDrops();
  show(own);
}
start();

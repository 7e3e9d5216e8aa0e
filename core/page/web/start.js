// Draws the page, from top to bottom.

function applyTheme() {
  const dark = view.theme ? view.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.getElementById("theme").textContent = dark ? "Light" : "Dark";
}
function start() {
  const experiments = data.provenance.experiments;
  const name = experiments.map((one) => one.name).join(", ") || data.database;
  document.title = `${name} · Espalier`;
  document.getElementById("title").textContent = name;
  document.getElementById("question").textContent = experiments.map((one) => one.question).filter(Boolean).join(" ");
  document.getElementById("theme").addEventListener("click", () =>
    choose({theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark"}));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);
  redraws.push(applyTheme);
  applyTheme();
  addCell();
  for (const add of [addProgress, addCurve, addMaps, addLatency, addSearches, addComparisons, addVerdicts, addTable, addFailures, addProvenance]) add();
  document.getElementById("footer").textContent = `Made by espalier ${data.version} (${data.commit}) from ${data.database}. Charts: Observable Plot and D3 (ISC licence), whose licences are in this file.`;
  window.addEventListener("hashchange", () => {
    const now = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    if (!location.hash.startsWith("#section-") && location.hash !== "#main") choose({...Object.fromEntries(Object.keys(view).map((key) => [key, ""])), ...now});
  });
}
start();

// Head maps: a row a site, a column a head; how much is left of each, on average over cells or of one cell.

// A grid: one stop of the Tab key, arrows go from square to square, and each says what it is to a screen reader too.
function mapTable(caption, sites, shares, note) {
  const most = d3.max(shares, (row) => row.length);
  const square = (site, i, head) => {
    const share = shares[i][head];
    if (share === undefined) return element("td", {class: "absent", role: "gridcell"});
    const made = element("td", {class: share === 0 ? "gone" : null, role: "gridcell", tabindex: i + head === 0 ? "0" : "-1",
      "aria-label": `${site}, head ${head}: ${note(i, head, share)}`});
    made.style.setProperty("--left", String(Math.round(share * 100)));
    return made;
  };
  const keptOf = (row) => `kept here: ${d3.range(row.length).filter((head) => row[head] > 0).join(", ") || "none"}`;
  const grid = element("table", {class: "map", role: "grid", "aria-readonly": "true"},
    element("caption", {class: "hint"}, caption),
    element("thead", {}, element("tr", {}, element("th", {scope: "col"}, "site"),
      ...d3.range(most).map((head) => element("th", {scope: "col"}, String(head))), element("th", {scope: "col"}, "left"))),
    element("tbody", {}, ...sites.map((site, i) => element("tr", {"data-kept": keptOf(shares[i])}, element("th", {scope: "row", title: site}, shortSite(site)),
      ...d3.range(most).map((head) => square(site, i, head)), element("th", {scope: "row"}, shown(d3.mean(shares[i]), 2))))));
  grid.addEventListener("keydown", moveInGrid);
  for (const [began, ended] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    grid.addEventListener(began, (event) => {
      const at = event.target.closest("td[aria-label]");
      if (at) showTip(at, at.getAttribute("aria-label"), at.parentElement.dataset.kept);
    });
    grid.addEventListener(ended, hideTip);
  }
  return element("div", {class: "chart"}, grid);
}
function moveInGrid(event) {
  const step = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
  const from = event.target.closest("td");
  if (event.key === "Escape") hideTip();
  if (!step || !from) return;
  event.preventDefault();
  const row = from.closest("tbody").rows[from.parentElement.sectionRowIndex + step[0]];
  const to = row?.cells[from.cellIndex + step[1]];
  if (!to?.hasAttribute("tabindex")) return;
  from.setAttribute("tabindex", "-1");
  to.setAttribute("tabindex", "0");
  to.focus();
}
// Numbers of layers and what distinguishes the site; the full name is its title.
function shortSite(site) {
  const parts = site.split(".").filter((part) => !/^(attention|self|layer|layers|model|bert|audio_spectrogram_transformer)$/.test(part));
  return parts.join(" ");
}
const sharesOf = (mask) => data.maps.masks[mask].left.split(" ").map((site) => [...site].map((digit) => Number(digit) / 9));
const sitesOf = (mask) => data.maps.site_lists[data.maps.masks[mask].sites].map((place) => texts[place]);

function cellMap(cell) {
  return mapTable("What is left of each head under the mask of this cell", sitesOf(cell.mask), sharesOf(cell.mask),
    (i, head, share) => share === 0 ? "removed" : share === 1 ? "kept" : `about ${Math.round(share * 100)} % of its channels are kept`);
}
// Where a schedule runs until it ends by itself, no amount was asked for.
const amountOf = (cell) => cell.budget === "schedule" && !cell.requested ? "schedule" : `${cell.budget} ${shown(cell.requested, 3)}`;
// Cells of one line and one amount, over seeds.
function meanMaps() {
  const kept = cells.filter((cell) => cell.mask !== undefined && !isHidden(cell));
  const groups = d3.groups(kept, (cell) => [plainLine(cell), cell.budget, cell.requested, data.maps.masks[cell.mask].sites].join("\n"));
  return groups.map(([, group]) => ({name: `${renamed(plainLine(group[0]))}: ${amountOf(group[0])}`, group}));
}
function fillMaps(made) {
  const place = element("div", {class: "panels"}), controls = element("div", {class: "controls"});
  made.append(controls, place);
  return {on: ["map", "hide", "rename"], redraw: () => {
    const maps = meanMaps();
    if (!maps.length) return place.replaceChildren(element("p", {class: "none"}, "No done cell has a mask recorded."));
    const removing = maps.filter((map) => data.maps.masks[map.group[0].mask].left.includes("0"));  // there is most to see
    const first = (removing.length ? removing : maps)[Math.floor((removing.length || maps.length) / 2)].name;
    const one = maps.some((map) => map.name === view.map) ? view.map : first;
    controls.replaceChildren(chooser("Method and amount", maps.map((map) => [map.name, map.name]), one, (map) => {
      choose({map});
      controls.querySelector("select").focus();  // the list is made anew
    }));
    drawMeanMap(place, maps.find((map) => map.name === one));
  }};
}
function drawMeanMap(place, {group, name}) {
  const masks = d3.rollups(group, (same) => same.length, (cell) => cell.mask).map(([mask, count]) => ({count, shares: sharesOf(mask)}));
  const sites = sitesOf(group[0].mask);
  const means = sites.map((_, i) => masks[0].shares[i].map((__, head) => d3.sum(masks, (one) => one.count * one.shares[i][head]) / group.length));
  const kept = sites.map((site, i) => ({site, left: d3.mean(means[i])}));
  place.replaceChildren(mapTable(`${name}, mean of ${group.length} ${group.length === 1 ? "cell" : "cells"}`, sites, means, (i, head, share) =>
    `kept in ${d3.sum(masks, (one) => one.shares[i][head] > 0 ? one.count : 0)} of ${group.length} cells, ${Math.round(share * 100)} % left`),
  drawn({width: 520, height: Math.max(160, sites.length * 24 + 60), marginLeft: 130, x: {label: "Removed share of the site's heads →", domain: [0, 1], grid: true},
    y: {domain: sites.map(shortSite), label: null}, marks: [Plot.barX(kept, {x: (row) => 1 - row.left, y: (row) => shortSite(row.site), fill: palette[0],
      title: (row) => `${row.site}: ${shown(1 - row.left, 3)} removed`}), Plot.ruleX([0])]}, "Removed share of each site; the last column of the map has what is left"));
}

// Head maps: a row a site, a column a head; how much is left of each, on average over cells or of one cell.

function mapTable(caption, sites, shares, note) {
  const most = d3.max(shares, (row) => row.length);
  return element("div", {class: "chart", tabindex: "0", role: "region", "aria-label": caption}, element("table", {class: "map"},
    element("caption", {class: "hint"}, caption),
    element("thead", {}, element("tr", {}, element("th", {scope: "col"}, "site"),
      ...d3.range(most).map((head) => element("th", {scope: "col"}, String(head))), element("th", {scope: "col"}, "left"))),
    element("tbody", {}, ...sites.map((site, i) => element("tr", {}, element("th", {scope: "row", title: site}, shortSite(site)),
      ...d3.range(most).map((head) => {
        const share = shares[i][head];
        if (share === undefined) return element("td", {class: "absent"});
        const cell = element("td", {class: share === 0 ? "gone" : null, title: `${site}, head ${head}: ${note(i, head, share)}`});
        cell.style.setProperty("--left", String(Math.round(share * 100)));
        return cell;
      }), element("th", {scope: "row"}, shown(d3.mean(shares[i]), 2)))))));
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
// Cells of one line and one amount, over seeds.
function meanMaps() {
  const kept = cells.filter((cell) => cell.mask !== undefined && !isHidden(describe(cell)));
  const groups = d3.groups(kept, (cell) => JSON.stringify([plainLine(cell), cell.budget, cell.requested, data.maps.masks[cell.mask].sites]));
  return groups.map(([, group]) => ({name: `${renamed(plainLine(group[0]))}: ${group[0].budget} ${shown(group[0].requested, 3)}`, group}));
}
function addMaps() {
  if (!data.maps.masks.length) return;
  const made = section("maps", "Head maps", "A row for each attention site, a square for each head: the darker (in the dark: the brighter), the more of it is left; striped: removed in all cells shown. Point at a square for its mask.");
  const place = element("div", {class: "panels"}), controls = element("div", {class: "controls"});
  made.append(controls, place);
  const redraw = () => {
    const maps = meanMaps();
    if (!maps.length) return place.replaceChildren(element("p", {class: "none"}, "No done cell has a mask recorded."));
    const first = maps[Math.floor(maps.length / 2)].name;
    const one = maps.some((map) => map.name === view.map) ? view.map : first;
    controls.replaceChildren(chooser("Method and amount", maps.map((map) => [map.name, map.name]), one, (map) => choose({map})));
    const {group, name} = maps.find((map) => map.name === one);
    const all = group.map((cell) => sharesOf(cell.mask)), sites = sitesOf(group[0].mask);
    const means = sites.map((_, i) => all[0][i].map((__, head) => d3.mean(all, (shares) => shares[i][head])));
    const kept = sites.map((site, i) => ({site, left: d3.mean(means[i])}));
    place.replaceChildren(mapTable(`${name}, mean of ${group.length} ${group.length === 1 ? "cell" : "cells"}`, sites, means, (i, head, share) =>
      `kept in ${all.filter((shares) => shares[i][head] > 0).length} of ${all.length} cells, ${Math.round(share * 100)} % left`),
    drawn({width: 520, height: Math.max(160, sites.length * 24 + 60), marginLeft: 130, x: {label: "Removed share of the site's heads →", domain: [0, 1], grid: true},
      y: {domain: sites.map(shortSite), label: null}, marks: [Plot.barX(kept, {x: (row) => 1 - row.left, y: (row) => shortSite(row.site), fill: palette[0],
        title: (row) => `${row.site}: ${shown(1 - row.left, 3)} removed`}), Plot.ruleX([0])]}, "Removed share of each site; the last column of the map has what is left"));
  };
  redraws.push(redraw);
  redraw();
}

// What is told of a mark when it is pointed at or has the keyboard's focus. Escape puts it away.

const tip = element("div", {id: "tip", role: "tooltip", hidden: true});
let tipAt = null;
function showTip(at, ...lines) {
  tipAt = at;
  tip.replaceChildren(...lines.filter(Boolean).map((line) => element("div", {}, line)));
  (at.closest("section") ?? document.body).append(tip);  // in the part of the page that it belongs to
  tip.hidden = false;
  placeTip();
}
function hideTip() {
  tip.hidden = true;
  tipAt = null;
}
function placeTip() {
  if (!tipAt) return;
  if (!tipAt.isConnected) return hideTip();
  const place = tipAt.getBoundingClientRect(), size = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, place.left + place.width / 2 - size.width / 2), document.documentElement.clientWidth - size.width - 8);
  const isRoomAbove = place.top - size.height - 8 > 0;
  tip.style.left = `${left}px`;
  tip.style.top = `${isRoomAbove ? place.top - size.height - 8 : place.bottom + 8}px`;
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
// Focus that is moved scrolls the page, and must not lose what it shows.
window.addEventListener("scroll", placeTip, {passive: true, capture: true});

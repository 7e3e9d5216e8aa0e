// What is told of a mark when it is pointed at or has the keyboard's focus. Escape puts it away.

const tip = element("div", {id: "tip", role: "tooltip", hidden: true});
function showTip(at, ...lines) {
  tip.replaceChildren(...lines.filter(Boolean).map((line) => element("div", {}, line)));
  document.body.append(tip);
  tip.hidden = false;
  const place = at.getBoundingClientRect(), size = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, place.left + place.width / 2 - size.width / 2), document.documentElement.clientWidth - size.width - 8);
  const isRoomAbove = place.top - size.height - 8 > 0;
  tip.style.left = `${left}px`;
  tip.style.top = `${isRoomAbove ? place.top - size.height - 8 : place.bottom + 8}px`;
}
function hideTip() { tip.hidden = true; }
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
window.addEventListener("scroll", hideTip, {passive: true, capture: true});

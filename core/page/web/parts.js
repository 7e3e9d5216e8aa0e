// The page's sections: each is drawn when it is about to be seen or the browser has nothing else to do, again when a choice
// changes that it depends on, and apart from the others: what fails in one is said in its place.

const parts = [];  // {made, fill, on: names of choices, redraw, isDrawn}
let seen = null;   // what watches for sections that come into sight

function guarded(part, action) {
  try {
    action();
  } catch (error) {
    part.made.querySelector(":scope > .broken")?.remove();
    part.made.append(element("p", {class: "bad broken", role: "alert"},
      `This section cannot be drawn: ${visible(String(error?.message ?? error))}. The others are as they should be; please report it with the page.`));
    console.error(error);
  }
}
// `fill` makes what is in the section; it may return {on: [names of choices], redraw} for what they change.
function section(id, title, hint, fill) {
  const made = element("section", {id: "section-" + id, class: "waiting", "aria-labelledby": "heading-" + id},
    element("h2", {id: "heading-" + id}, title), hint ? element("p", {class: "hint"}, hint) : null);
  const part = {made, fill, on: [], redraw: null, isDrawn: false};
  parts.push(part);
  document.getElementById("main").append(made);
  document.getElementById("contents").append(element("a", {href: "#section-" + id, onclick: (event) => {
    event.preventDefault();  // the address keeps the reader's choices
    drawAll();  // what is above has its height then
    made.scrollIntoView();
    made.setAttribute("tabindex", "-1");
    made.focus({preventScroll: true});
  }}, title));
  seen?.observe(made);
}
function drawPart(part) {
  if (part.isDrawn) return;
  part.isDrawn = true;
  part.made.classList.remove("waiting");
  guarded(part, () => {
    Object.assign(part, part.fill(part.made));
    part.redraw?.();
  });
}
function drawAll() {
  parts.forEach(drawPart);
  document.getElementById("main").removeAttribute("aria-busy");
}
function redraw(changed) {
  for (const part of parts)
    if (part.isDrawn && part.redraw && part.on.some((name) => changed.includes(name))) guarded(part, part.redraw);
}
// One section after the other, so that the page answers in between.
function drawWhenIdle() {
  const next = parts.find((part) => !part.isDrawn);
  if (!next) return drawAll();
  drawPart(next);
  if (window.requestIdleCallback) requestIdleCallback(drawWhenIdle, {timeout: 300});
  else setTimeout(drawWhenIdle, 20);
}
// Sections in their order: {id, title, hint, isNeeded, fill}. Those in sight are drawn before this returns.
function addSections(list) {
  seen?.disconnect();
  seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) parts.filter((part) => part.made === entry.target).forEach(drawPart);
  }, {rootMargin: "400px"});
  parts.length = 0;
  addCell();
  document.getElementById("contents").replaceChildren();
  document.getElementById("main").setAttribute("aria-busy", "true");
  for (const one of list) {
    let isNeeded = true;
    // Whether there is anything to show is asked apart too: a section that cannot tell is drawn, and says what failed.
    try { isNeeded = !one.isNeeded || one.isNeeded(); } catch (error) { console.error(error); }
    if (isNeeded) section(one.id, one.title, typeof one.hint === "function" ? one.hint() : one.hint, one.fill);
  }
  for (const part of parts) {
    if (part.made.getBoundingClientRect().top > innerHeight) break;
    drawPart(part);
  }
  (window.requestIdleCallback ?? setTimeout)(drawWhenIdle);
}

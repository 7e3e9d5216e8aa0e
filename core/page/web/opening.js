// How a reader opens a database, by dropping its file or choosing it, and puts questions to it.

const rowsOfAnswer = 1000;

function say(text, isBad, ...buttons) {
  const told = document.getElementById("told");
  told.hidden = !text;
  told.replaceChildren(element("p", {role: isBad ? "alert" : "status", class: isBad ? "bad" : null}, text), ...buttons);
}
// Choices are of what was shown before; how the page looks is not.
function forgetChoices() {
  const choices = Object.fromEntries(Object.keys(view).map((name) => [name, name === "theme" ? view.theme : ""]));
  history.replaceState(null, "", view.theme ? "#theme=" + view.theme : location.pathname + location.search);
  Object.assign(view, choices);
}
// A database, and beside it what a run that is at work has not brought home: DB-wal, and DB-shm, which says nothing.
async function openFiles(files) {
  const databases = files.filter((file) => !/-(wal|shm)$/.test(file.name));
  if (databases.length !== 1) return say(`${databases.length} databases were given, expected one that Espalier wrote; its -wal file may come along.`, true);
  const file = databases[0], name = visible(file.name), log = files.find((one) => one.name === file.name + "-wal");
  say(`Reading ${name} …`);
  try {
    const made = await openFile(file, log ?? null);
    forgetChoices();
    show(made);
    say(`This is ${name}${log ? " with its log" : ""}, read in this browser and sent nowhere.` +
      (log ? "" : ` Where ${name}-wal lies beside it, a run has not closed it: give both, or what the run wrote last is not here.`), false,
      element("button", {type: "button", onclick: showOwn}, `Back to ${visible(own.database)}`));
    document.getElementById("main").focus({preventScroll: true});
    scrollTo(0, 0);
  } catch (error) {
    if (!(error instanceof Refusal)) console.error(error);
    say(visible(error.message), true);
  }
}
function showOwn() {
  opened?.database.close();
  opened = null;
  forgetChoices();
  show(own);
  say("");
}
function takeDrops() {
  const input = element("input", {type: "file", multiple: true, hidden: true, id: "file", "aria-label": "A database", onchange: () => {
    if (input.files.length) openFiles([...input.files]);
    input.value = "";  // the same file may be chosen again
  }});
  document.querySelector(".tools").prepend(element("button", {type: "button", id: "open", title: "Or drop a database anywhere on the page", onclick: () => input.click()}, "Open a database…"), input);
  const isOver = (over) => document.body.classList.toggle("dropping", over);
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    isOver(true);
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) isOver(false); });
  document.addEventListener("drop", (event) => {
    isOver(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    openFiles([...event.dataTransfer.files]);
  });
}

// What one statement gives, or what SQLite says against it.
function answer(statement) {
  const names = statement.getColumnNames(), rows = [];
  let isMore = false;
  while (!isMore && statement.step()) {
    if (rows.length === rowsOfAnswer) isMore = true;
    else rows.push(statement.get().map((value) => typeof value === "string" ? visible(value) : value instanceof Uint8Array ? `${value.length} bytes` : value ?? "NULL"));
  }
  if (!names.length) return [];
  const count = rows.length === 1 ? "1 row" : `${shown(rows.length)} rows`;
  return [element("p", {class: "hint"}, isMore ? `The first ${count}; there are more.` : count + "."), plainTable(names.map(visible), rows, "Answer")];
}
function answers(sql) {
  const made = [], statements = opened.database.iterateStatements(sql);
  for (;;) {
    let text = statements.getRemainingSQL();
    try {
      opened.database.run("PRAGMA query_only = ON");  // anew each time: a statement may have switched it off
      const {done, value} = statements.next();
      if (done) break;
      text = value.getSQL();
      made.push(...answer(value));
    } catch (error) {
      made.push(element("p", {class: "bad", role: "alert"}, "SQLite says: " + visible(error.message)), element("pre", {}, visible(text.trim())));
      break;
    }
  }
  return made.length ? made : [element("p", {class: "hint", role: "status"}, "No statement here gives rows.")];
}
function fillQuestions(made) {
  const box = element("textarea", {id: "question-sql", rows: 4, spellcheck: "false", onkeydown: (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask();
  }}, Object.fromEntries(reader.questions).example);
  const place = element("div", {id: "answer"});
  function ask() { place.replaceChildren(...answers(box.value)); }
  made.append(element("label", {}, "SQL (Ctrl and Enter: ask)", box), element("button", {type: "button", onclick: ask}, "Ask"), place);
}

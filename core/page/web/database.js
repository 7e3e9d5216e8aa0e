// Databases that the reader opens. SQLite, compiled to WebAssembly, reads a copy in memory: nothing leaves the browser, and
// the file stays as it is. What is asked, and how an older database is brought up to date, is in data.reader, as
// core/store says it; what comes out is a document as core/page/page_data makes one.

class Refusal extends Error {}  // a sentence for the reader
const reader = own.reader;
const opensDatabases = reader !== undefined;
let opened = null;  // {database, name}

let starting = null;
function sqlite() {
  starting ??= initSqlJs({wasmBinary: Uint8Array.from(atob(document.getElementById("sqlite").textContent), (letter) => letter.charCodeAt(0))})
    .catch((error) => { throw new Refusal(`SQLite does not start in this browser (${error.message}): use a newer one, or 'espalier report'.`); });
  return starting;
}
const begins = (bytes, text) => [...text].every((letter, i) => bytes[i] === letter.charCodeAt(0));
function refuseForeign(bytes, name) {
  if (begins(bytes, "SQLite format 3\0")) return;
  const found = bytes.length === 0 ? "it is empty" : begins(bytes, "PK") ? "it is an archive; of a bundle, unpack the .db in it" : "it begins otherwise";
  throw new Refusal(`${name} is no SQLite database: ${found}. Expected a database that Espalier wrote, as results/NAME.db.`);
}
const number = (database, sql) => database.exec(sql)[0]?.values[0][0] ?? 0;
// The copy is made what this page knows, as the program does with a database that it may only read.
function bringUpToDate(database, name) {
  const id = number(database, "PRAGMA application_id");
  if (id !== reader.application_id)
    throw new Refusal(`${name} is a database of another program (application id ${id}, expected ${reader.application_id}). Choose one that Espalier wrote.`);
  const version = number(database, "PRAGMA user_version"), known = reader.migrations.length;
  if (version > known)
    throw new Refusal(`${name} has schema version ${version}, this page knows versions up to ${known}. Use a page of the Espalier that wrote it, or of a newer one.`);
  database.run("PRAGMA trusted_schema = OFF");
  for (const step of reader.migrations.slice(version)) database.exec(step);
  for (const [view] of [...reader.views].reverse()) database.run(`DROP VIEW IF EXISTS ${view}`);
  for (const [, made] of reader.views) database.run(made);
}
// `log`: the file beside it that a run has not closed, or null.
async function openFile(file, log) {
  const name = visible(file.name);
  let bytes = new Uint8Array(await file.arrayBuffer());
  refuseForeign(bytes, name);
  if (log) bytes = withLog(bytes, new Uint8Array(await log.arrayBuffer()));
  bytes[18] = bytes[19] = 1;  // what the log held is in it now: SQLite would look for one in vain
  const SQL = await sqlite();
  let database = null;
  try {
    database = new SQL.Database(bytes);
    bringUpToDate(database, name);
    const made = documentOf(database, file.name);
    opened?.database.close();
    opened = {database, name: file.name};
    return made;
  } catch (error) {
    database?.close();
    throw error instanceof Refusal ? error : new Refusal(`${name} cannot be read: SQLite says: ${visible(error.message)}`);
  }
}

// Each row of a question, as a list.
function eachRow(database, name, call) {
  const statement = database.prepare(Object.fromEntries(reader.questions)[name]);
  try {
    const columns = statement.getColumnNames();
    while (statement.step()) call(statement.get(), columns);
  } finally {
    statement.free();
  }
}
const nineDigits = (value) => Number(value.toPrecision(9));
function textList() {
  const places = new Map();
  return {list: places, placeOf(text) {
    if (!places.has(text)) places.set(text, places.size);
    return places.get(text);
  }};
}
// Columns as core/page/columns.h writes them; those of nothing but null are left out.
function columnsOf(table, texts) {
  const columns = reader.columns[table].map(([name, type]) => ({name, type, values: []}));
  return {
    add(valueOf) {
      for (const column of columns) column.values.push(asType(valueOf(column.name) ?? null, column, table, texts));
    },
    rows: () => columns[0].values.length,
    take: () => ({rows: columns[0].values.length, columns: Object.fromEntries(columns.filter((column) => column.values.some((value) => value !== null))
      .map((column) => [column.name, {[column.type === "text" ? "texts" : "numbers"]: column.values}]))}),
  };
}
function asType(value, column, table, texts) {
  if (value === null) return null;
  if (typeof value !== (column.type === "text" ? "string" : "number"))
    throw new Refusal(`Column ${column.name} of ${table} holds a value of another type than it should: the file was changed by another program.`);
  return column.type === "text" ? texts.placeOf(value) : column.type !== "real" ? value : Number.isFinite(value) ? nineDigits(value) : null;
}
function documentOf(database, name) {
  const texts = textList(), cellOf = new Map(), tables = {};
  const told = {points: new Map(), latencies: new Map()};  // by cell: the experiment whose rows count
  for (const table of ["cells", "points", "latencies"]) {
    const columns = columnsOf(table, texts);
    let places = null;
    eachRow(database, table, (row, names) => {
      places ??= new Map(names.map((one, i) => [one, i]));
      const at = (one) => row[places.get(one)];
      if (table === "cells") {
        if (!cellOf.has(at("key"))) cellOf.set(at("key"), columns.rows());
        return columns.add(at);
      }
      const cell = cellOf.get(at("key"));
      if (cell === undefined) return;
      if (!told[table].has(cell)) told[table].set(cell, at("experiment"));
      if (told[table].get(cell) === at("experiment")) columns.add((one) => one === "cell" ? cell : at(one));
    });
    tables[table] = columns.take();
  }
  const maps = headMaps(texts);
  eachRow(database, "details", ([key, step, kind, last, , details]) => {
    if (cellOf.has(key)) maps.add(cellOf.get(key), {step, kind, last, details});
  });
  return {...tables, maps: maps.take(), texts: [...texts.list.keys()], provenance: provenanceOf(database), database: name,
    version: own.version, commit: own.commit, metrics: own.metrics, comparisons: []};
}
function provenanceOf(database) {
  const experiments = [], environments = new Map(), plugins = [];
  eachRow(database, "experiments", ([name, question, file, file_digest, , , , attempts, seconds, started, ended]) =>
    experiments.push({name, question, file, file_digest, attempts, seconds: nineDigits(seconds), started: started ?? "", ended: ended ?? ""}));
  eachRow(database, "environments", ([content, attempts]) => {
    const environment = parsedObject(content);
    if (!environment) return;
    delete environment.command_line;
    delete environment.host;
    const text = JSON.stringify(environment), same = environments.get(text) ?? {attempts: 0, environment};
    same.attempts += attempts;
    environments.set(text, same);
  });
  eachRow(database, "plugins", ([role, plugin, version, digest]) => plugins.push({role, name: plugin, version, digest}));
  return {experiments, environments: [...environments.keys()].sort().map((text) => environments.get(text)), plugins,
    schema: reader.migrations.length, ended: d3.max(experiments, (one) => one.ended) ?? ""};
}
function parsedObject(text) {
  try {
    const made = JSON.parse(text);
    return made && typeof made === "object" && !Array.isArray(made) ? made : null;
  } catch { return null; }
}

// As core/page/head_maps makes them: each mask once, a digit a head, from 0, nothing is left, to 9, all of it.
function digitsOf(site) {
  if (!Array.isArray(site.vo)) return "";
  const one = site.vo, other = Array.isArray(site.qk) ? site.qk : one;
  const numberAt = (list, i) => typeof list[i] === "number" ? list[i] : 0;
  const most = Math.max(typeof site.head_dim === "number" ? site.head_dim : 0, ...one.map((_, i) => numberAt(one, i)), ...other.map((_, i) => numberAt(other, i)));
  return one.map((_, head) => {
    const share = most > 0 ? (numberAt(one, head) + numberAt(other, head)) / (2 * most) : 0;
    return share <= 0 ? 0 : share >= 1 ? 9 : Math.min(8, Math.max(1, Math.round(share * 9)));
  }).join("");
}
function headMaps(texts) {
  const mostSteps = 40000;
  const masks = textList(), siteLists = textList(), of = [], searches = [];
  let steps = 0, leftOut = 0;
  function addTrajectory(cell, trajectory) {
    if (!Array.isArray(trajectory) || !trajectory.length || trajectory.some((step) => step === null || typeof step !== "object")) return;
    if (steps + trajectory.length > mostSteps) return void leftOut++;
    steps += trajectory.length;
    const names = [...new Set(trajectory.flatMap(Object.keys))].sort();
    searches.push({cell, names, rows: trajectory.map((step) => names.map((name) => typeof step[name] === "number" ? nineDigits(step[name]) : null))});
  }
  return {
    add(cell, point) {
      const details = parsedObject(point.details);
      if (!details) return;
      if (point.last) addTrajectory(cell, details.search?.trajectory);
      if (!Array.isArray(details.sites) || point.kind === "dense") return;
      const sites = details.sites.filter((site) => typeof site?.site === "string").map((site) => ({site: site.site, digits: digitsOf(site)})).filter((site) => site.digits);
      if (!sites.length) return;
      const list = siteLists.placeOf(JSON.stringify(sites.map((site) => texts.placeOf(site.site))));
      const mask = masks.placeOf(list + " " + sites.map((site) => site.digits).join(" "));
      of.push([cell, point.step, texts.placeOf(point.kind), mask]);
    },
    take: () => ({of, searches, left_out: leftOut, site_lists: [...siteLists.list.keys()].map((list) => JSON.parse(list)),
      masks: [...masks.list.keys()].map((mask) => ({sites: Number(mask.split(" ", 1)[0]), left: mask.slice(mask.indexOf(" ") + 1)}))}),
  };
}

#!/usr/bin/env python3
"""Drops databases on the page, as a reader does, and puts questions to them in SQL. The oracle of what the page reads is the
page that the program makes of the same database.

Needs what browser_case.py needs, and axe-core-python.
"""
import base64
import json
import pathlib
import shutil
import sqlite3
import subprocess

import browser_case
from browser_case import HOSTILE, database_of, page_of

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures/store"
DROP = """(given) => {
  const files = new DataTransfer();
  for (const [name, content] of given)
    files.items.add(new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], name));
  for (const kind of ["dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: files, bubbles: true, cancelable: true}));
}"""


def read(document):
    """A document of the page with each text in its place: the order of texts says nothing."""
    texts = document["texts"]
    text = lambda place: None if place is None else texts[place]
    columns = lambda table: {name: [text(place) for place in column["texts"]] if "texts" in column else column["numbers"]
                             for name, column in table["columns"].items()}
    maps = dict(document["maps"])
    maps["site_lists"] = [[text(place) for place in sites] for sites in maps["site_lists"]]
    maps["of"] = [[cell, step, text(kind), mask] for cell, step, kind, mask in maps["of"]]
    return {"maps": maps, "database": document["database"], "provenance": document["provenance"],
            **{table: columns(document[table]) for table in ("cells", "points", "latencies")}}


class PageDatabases(browser_case.BrowserCase):
    def drop(self, page, *files, name=""):
        page.evaluate(DROP, [[name or file.name, base64.b64encode(file.read_bytes()).decode()] for file in files])
        page.locator("#told p:not(:has-text('Reading'))").wait_for()
        page.locator("main:not([aria-busy])").wait_for()
        return page.locator("#told p").inner_text()

    def expected(self, database):
        page = self.folder / "expected.html"
        subprocess.run([browser_case.arguments.espalier, "report", database, "-o", page], check=True, capture_output=True)
        text = page.read_text(encoding="utf-8")
        begin = text.index(">", text.index('<script type="application/json"')) + 1
        return json.loads(text[begin:text.index("</script>", begin)])

    def test_a_dropped_database_is_the_page_that_the_program_makes_of_it(self):
        page = self.opened()
        files = [database_of(self.folder, 60), *(shutil.copy(FIXTURES / f"version-{i}.db", self.folder) for i in (1, 2, 3, 4, 5))]
        for file in map(pathlib.Path, files):
            with self.subTest(file.name):
                self.assertIn(f"This is {file.name}, read in this browser and sent nowhere", self.drop(page, file))
                found, expected = read(page.evaluate("data")), read(self.expected(file))
                self.assertGreater(len(expected["cells"]["key"]), 0)
                for part in expected:
                    self.assertEqual(expected[part], found[part], part)
        page.click("#told button")
        self.assertFalse(page.locator("#told").is_visible())
        self.assertEqual("200 of 200 cells", page.locator("#section-cells [role=status]").inner_text())

    def test_a_database_comes_with_the_log_of_a_run_that_is_at_work(self):
        page, file, log = self.opened(), database_of(self.folder, 25), self.folder / "25.db-wal"
        with sqlite3.connect(file, isolation_level=None) as writer:
            writer.execute("PRAGMA wal_autocheckpoint = 0")
            for message in range(100):  # more than one commit, pages written again, and pages that are new
                writer.execute("UPDATE cell SET message = ? WHERE state = 'failed'", (f"{message} times " * 300,))
            writer.execute("BEGIN")
            writer.execute("PRAGMA cache_spill = 1")
            writer.execute("PRAGMA cache_size = 1")
            writer.execute("UPDATE cell SET message = zeroblob(60000) || 'not committed', seconds = 7")
            self.assertGreater(log.stat().st_size, 500_000)
            kept = self.folder / "kept"
            kept.mkdir()
            for one in (file, log):
                shutil.copy(one, kept)
            writer.execute("ROLLBACK")
            expected = read(self.expected(file))
            told = self.drop(page, kept / file.name, kept / log.name)
            self.assertEqual("This is 25.db with its log, read in this browser and sent nowhere.", told)
            found = read(page.evaluate("data"))
            for part in expected:
                self.assertEqual(expected[part], found[part], part)
            (kept / log.name).write_bytes(log.read_bytes()[:-5000] + bytes(5000))  # cut off by a crash: its last commit is gone
            self.drop(page, kept / file.name, kept / log.name)
            self.assertRegex(page.evaluate("failures()[0].message"), r"^\d\d times")
        writer.close()
        told = self.drop(page, file)
        self.assertIn("Where 25.db-wal lies beside it, a run has not closed it", told)

    def test_a_file_is_chosen_by_the_keyboard(self):
        page = self.opened(address="#filter=fisher&theme=dark")
        # Listening begins well before the key: what opens while a browser is still told to listen is never heard of.
        page.on("filechooser", lambda chooser: chooser.set_files(database_of(self.folder, 12)))
        page.locator("main:not([aria-busy])").wait_for()
        page.focus("#open")
        page.keyboard.press("Enter")
        page.locator("#told p:has-text('This is 12.db')").wait_for()
        page.locator("main:not([aria-busy])").wait_for()
        self.assertEqual("12 of 12 cells", page.locator("#section-cells [role=status]").inner_text())
        self.assertTrue(page.url.endswith("#theme=dark"))  # choices were of the other database

    def test_what_is_no_database_of_ours_is_refused_and_the_page_stays(self):
        page = self.opened()
        plain, archive, empty = self.folder / "note.txt", self.folder / "bundle.zip", self.folder / "empty.db"
        plain.write_text("no database")
        archive.write_bytes(b"PK\x03\x04 and so on")
        empty.write_bytes(b"")
        foreign, newer, broken = self.folder / "foreign.db", self.folder / "newer.db", self.folder / "broken.db"
        for file, statement in ((foreign, "CREATE TABLE t (a)"), (newer, "PRAGMA user_version = 99")):
            if file == newer:
                shutil.copy(database_of(self.folder, 2), newer)
            with sqlite3.connect(file) as database:
                database.execute(statement)
            database.close()
        whole = database_of(self.folder, 3).read_bytes()
        broken.write_bytes(whole[:5000] + bytes(len(whole) - 5000))
        expected = "Expected a database that Espalier wrote, as results/NAME.db."
        known = len(page.evaluate("reader.migrations"))
        for file, sentence in (
                (plain, f"note.txt is no SQLite database: it begins otherwise. {expected}"),
                (archive, f"bundle.zip is no SQLite database: it is an archive; of a bundle, unpack the .db in it. {expected}"),
                (empty, f"empty.db is no SQLite database: it is empty. {expected}"),
                (foreign, "foreign.db is a database of another program (application id 0, expected 1165193324). Choose one that Espalier wrote."),
                (newer, f"newer.db has schema version 99, this page knows versions up to {known}. Use a page of the Espalier that wrote it, or of a newer one."),
                (broken, "broken.db cannot be read: SQLite says: database disk image is malformed")):
            self.assertEqual(sentence, self.drop(page, file))
            self.assertEqual("200 of 200 cells", page.locator("#section-cells [role=status]").inner_text())

    def test_answers_sql_and_says_what_sqlite_says(self):
        page = self.opened()
        self.assertEqual(0, page.locator("#section-sql").count())
        file = database_of(self.folder, 40)
        self.drop(page, file)
        ask = lambda sql: (page.fill("#question-sql", sql), page.press("#question-sql", "Control+Enter"))
        rows = lambda: [row.locator("td").all_inner_texts() for row in page.locator("#answer tbody tr").all()]
        sql = "SELECT scorer, count(*) FROM ablation GROUP BY scorer ORDER BY scorer"
        ask(sql)
        self.assertEqual([[name, str(count)] for name, count in sqlite3.connect(file).execute(sql)], rows())
        ask("SELECT key FROM cells; SELECT x'00ff', NULL, '<b>bold</b>\u202e'")
        self.assertEqual(["2 bytes", "NULL", "<b>bold</b>\\u202e"], rows()[-1])
        ask("SELECT 1; SELEC 2")
        self.assertEqual('SQLite says: near "SELEC": syntax error', page.locator("#answer .bad").inner_text())
        self.assertEqual("SELEC 2", page.locator("#answer pre").inner_text())
        ask("PRAGMA query_only = OFF; DELETE FROM cell")
        self.assertEqual("SQLite says: attempt to write a readonly database", page.locator("#answer .bad").inner_text())
        ask("SELECT count(*) FROM cells")
        self.assertEqual([["40"]], rows())
        ask("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
        self.assertEqual(1000, len(rows()))
        self.assertIn("The first 1,000 rows; there are more.", page.locator("#answer").inner_text())

    def test_axe(self):
        from axe_core_python.sync_playwright import Axe
        for scheme in ("light", "dark"):
            page = self.opened(color_scheme=scheme)
            self.drop(page, database_of(self.folder, 10 if scheme == "light" else 11))
            page.fill("#question-sql", "SELECT key, state FROM cells; SELEC")
            page.click("#section-sql button")
            page.focus("#section-maps .map td")
            self.assertTrue(page.locator("#tip").is_visible())
            found = Axe().run(page)
            told = [(one["id"], [node["html"][:150] for node in one["nodes"][:3]]) for one in found["violations"]]
            self.assertEqual([], told, scheme)
            self.asked = []

    def test_hostile_names_of_a_dropped_database_are_shown_and_not_run(self):
        page = self.opened()
        told = self.drop(page, database_of(self.folder, 30, HOSTILE), name="<img src=x onerror=document.title='run'>.db")
        self.assertIn("This is <img src=x", told)
        page.click("#section-sql button")
        page.locator("#answer td").first.wait_for()
        self.assertEqual("demo · Espalier", page.title())
        self.assertEqual(0, page.locator("img").count())
        self.assertIn("\\u2028\\u202e", page.locator("#answer").inner_text())

    def test_a_page_without_sql_opens_nothing(self):
        file = page_of(self.folder, 5, "", "--without-sql")
        page = self.opened(file)
        self.assertEqual(0, page.locator("#open").count())
        self.assertLess(file.stat().st_size, 700_000)
        self.assertNotIn("wasm", page.locator("meta[http-equiv]").get_attribute("content"))


if __name__ == "__main__":
    browser_case.run()

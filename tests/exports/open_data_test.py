#!/usr/bin/env python3
"""Reads what Espalier writes for other programs with those programs: pyarrow, DuckDB, pandas and datasette.

The oracle is SQLite itself: what Python's sqlite3 reads from the database. Python code blocks of docs/open-data.md are run.
"""
import argparse
import contextlib
import csv
import hashlib
import io
import json
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = ("cells", "points", "ablation", "latencies", "answers", "examples")
VIEWS = TABLES[:4]
ORDER = {"cells": "experiment, position, key", "latencies": "experiment, key, step, kind, batch, length"}
arguments = None


def shown(text):
    """A text as files hold it: what is no UTF-8 as \\xNN."""
    return text.decode("utf-8", "backslashreplace")


def visible(character):
    if character.isprintable() or character in "\n\t":
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 0x80 else f"\\u{ord(character):04x}"


def rows_of(database, view):
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.text_factory = shown
        order = ORDER.get(view, "experiment, position, key, step, kind")
        return connection.execute(f"SELECT * FROM {view} ORDER BY {order}").fetchall()


class OpenData(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "results").mkdir()
        self.database = self.folder / "results/demo.db"

    def make(self, cells, examples):
        subprocess.run([arguments.make_database, self.database, str(cells), str(examples)], check=True)

    def espalier(self, *words):
        ran = subprocess.run([arguments.espalier, *map(str, words)], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def export(self, kind):
        self.espalier("export", self.database, f"--{kind}", self.folder / kind)
        return self.folder / kind

    def check_package(self, folder):
        package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
        self.assertEqual([resource["name"] for resource in package["resources"]], list(TABLES))
        for resource in package["resources"]:
            content = (folder / resource["path"]).read_bytes()
            self.assertEqual(resource["bytes"], len(content))
            self.assertEqual(resource["hash"], "sha256:" + hashlib.sha256(content).hexdigest())
        return {resource["name"]: [field["name"] for field in resource["schema"]["fields"]] for resource in package["resources"]}

    def test_Csv(self):
        import duckdb
        self.make(40, 50)
        folder = self.export("csv")
        fields = self.check_package(folder)
        for view in VIEWS:
            expected = rows_of(self.database, view)
            with open(folder / f"{view}.csv", encoding="utf-8", newline="") as file:
                header, *lines = list(csv.reader(file, strict=True))
            self.assertEqual(header, fields[view])
            self.assertEqual(len(lines), len(expected), view)
            for line, row in zip(lines, expected):
                for found, value in zip(line, row):
                    if isinstance(value, float):
                        self.assertEqual(float(found), value)
                    elif isinstance(value, str):
                        plain = "".join(map(visible, value))
                        self.assertIn(found, (plain, "'" + plain), "a text, or one that is no formula any more")
                        self.assertNotRegex(found, r"^\s*[=+@-]")
                    else:
                        self.assertEqual(found, "" if value is None else str(value))
            # What is absent and what is empty stay different for a reader that looks at the quotes.
            read = duckdb.sql(f"SELECT * FROM read_csv('{folder}/{view}.csv', allow_quoted_nulls = false, "
                              "all_varchar = true, header = true, quote = '\"', delim = ',')").fetchall()
            self.assertEqual([[value is None for value in row] for row in read],
                             [[value is None for value in row] for row in expected], view)
        messages = [row[fields["cells"].index("message")] for row in rows_of(self.database, "cells")]
        self.assertIn("", messages)

    def test_Parquet(self):
        import duckdb
        import pyarrow
        import pyarrow.parquet
        types = {"string": pyarrow.string(), "integer": pyarrow.int64(), "number": pyarrow.float64(), "boolean": pyarrow.bool_()}
        self.make(40, 50)
        folder = self.export("parquet")
        self.check_package(folder)
        package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
        for resource in package["resources"]:
            table = pyarrow.parquet.read_table(folder / resource["path"])
            self.assertEqual([(field.name, field.type) for field in table.schema],
                             [(field["name"], types[field["type"]]) for field in resource["schema"]["fields"]])
            by_arrow = [tuple(row.values()) for row in table.to_pylist()]
            by_duckdb = duckdb.sql(f"SELECT * FROM '{folder / resource['path']}'").fetchall()
            self.assertEqual(by_arrow, by_duckdb)
            self.assertEqual(len(by_arrow), resource["rows"])
            if resource["name"] in VIEWS:
                self.assertEqual(by_arrow, rows_of(self.database, resource["name"]))
        labels = duckdb.sql(f"SELECT DISTINCT example, value FROM '{folder}/examples.parquet' JOIN '{folder}/answers.parquet' "
                            "USING (digest) WHERE name = 'label' ORDER BY 1").fetchall()
        self.assertEqual(labels, [(0, 0), (1, 1), (2, -1), (3, 300), (4, 1 << 40)])

    def test_LargeParquet(self):
        import duckdb
        import pyarrow.parquet
        self.make(1001, 1000)
        folder = self.export("parquet")
        file = pyarrow.parquet.ParquetFile(folder / "examples.parquet")
        counted = duckdb.sql(f"SELECT count(*), count(DISTINCT digest), sum(value) FROM '{folder}/examples.parquet' "
                             "WHERE digest LIKE '%answers%'").fetchall()[0]
        done = [cell for cell in range(1000) if cell % 11 != 10]
        of_cells = sum((i * 7 + cell * 3) % 10 < 7 for cell in done for i in range(1000))
        dense = sum(i * 7 % 10 < 7 for i in range(1000))
        self.assertEqual(counted, (1000 * (len(done) + 1), len(done) + 1, of_cells + dense))
        self.assertGreater(file.metadata.num_row_groups, 1)
        self.assertEqual(file.metadata.num_rows, file.read().num_rows)
        again = (folder / "examples.parquet").read_bytes()
        self.export("parquet")
        self.assertEqual((folder / "examples.parquet").read_bytes(), again, "the same database gives the same bytes")

    def test_Datasette(self):
        import asyncio
        import datasette.app
        import yaml
        self.make(20, 20)
        self.espalier("export", self.database, "--datasette", self.folder / "metadata.yaml")
        metadata = yaml.safe_load((self.folder / "metadata.yaml").read_text(encoding="utf-8"))
        self.assertEqual((ROOT / "docs/metadata.yaml").read_bytes(), (self.folder / "metadata.yaml").read_bytes(),
                         "docs/metadata.yaml is not what 'espalier export results/demo.db --datasette docs/metadata.yaml' writes")
        described = metadata["databases"]["demo"]
        for view in VIEWS:
            with contextlib.closing(sqlite3.connect(self.database)) as connection:
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({view})")]
            self.assertEqual(list(described["tables"][view]["columns"]), columns)
        served = datasette.app.Datasette([str(self.database)], metadata=metadata)

        async def get(path):
            answer = await served.client.get(path)
            self.assertEqual(answer.status_code, 200, f"{path}: {answer.text[:500]}")
            return answer

        page = asyncio.run(get("/demo/ablation")).text
        self.assertIn("Removed share of the Q, K, V, O weights", page)
        self.assertNotIn("<script>alert(1)</script>", page)
        for query in described["queries"]:
            answer = asyncio.run(get(f"/demo/{query}.json?_shape=objects")).json()
            self.assertTrue(answer["ok"], query)
            self.assertGreater(len(answer["rows"]), 0, query)

    def test_Documentation(self):
        """Each block of the page is run, and each query."""
        import duckdb  # noqa: F401
        import pandas  # noqa: F401
        self.make(30, 40)
        self.espalier("export", self.database, "--csv", self.folder / "demo-csv", "--parquet", self.folder / "demo-parquet")
        page = (ROOT / "docs/open-data.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        self.assertGreaterEqual(len(blocks), 3)
        for block in blocks:
            printed = io.StringIO()
            with contextlib.chdir(self.folder) if hasattr(contextlib, "chdir") else changed_to(self.folder), \
                    contextlib.redirect_stdout(printed):
                exec(compile(block, "docs/open-data.md", "exec"), {})
            self.assertTrue(printed.getvalue().strip(), block)
        commands = re.findall(r"^espalier (query .*)$", page, re.MULTILINE)
        self.assertGreaterEqual(len(commands), 3)
        for command in commands:
            ran = subprocess.run(f'"{arguments.espalier}" {command}', shell=True, cwd=self.folder, capture_output=True, text=True)
            self.assertEqual(ran.returncode, 0, command + "\n" + ran.stderr)
            self.assertTrue(ran.stdout.strip(), command)


@contextlib.contextmanager
def changed_to(folder):
    import os
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def main():
    global arguments
    parser = argparse.ArgumentParser()
    parser.add_argument("test")
    parser.add_argument("--espalier", required=True)
    parser.add_argument("--make-database", required=True)
    arguments = parser.parse_args()
    arguments.espalier = str(pathlib.Path(arguments.espalier).resolve())
    try:
        import datasette, duckdb, pandas, pyarrow  # noqa: E401, F401
    except ImportError as missing:
        print(f"skipped: {missing}; bash cmake/quickstart.sh test installs cmake/test_requirements.txt")
        return SKIPPED
    return 0 if unittest.main(argv=[sys.argv[0], arguments.test], exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What others say of a bundle: rocrate-validator of the whole of it, sha256sum of its files, Python's zipfile of the archive."""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

import validate_crate

arguments = None


class Bundle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.database = self.folder / "=odd name .db"
        subprocess.run([arguments.make_database, self.database, "40", "50"], check=True)

    def bundle(self, *words):
        file = self.folder / "bundle.zip"
        ran = subprocess.run([arguments.espalier, "bundle", self.database, "-o", file, *words], cwd=self.folder,
                             capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return file

    def test_is_a_workflow_run_crate(self):
        reference = self.folder / "table one.toml"
        reference.write_text("[source]\n", encoding="utf-8")
        verdicts = self.folder / "verdicts.json"
        verdicts.write_text("{}", encoding="utf-8")
        for words in ([], ["--license", "https://creativecommons.org/licenses/by/4.0/", "--reference", reference,
                           "--verdicts", verdicts], ["--license", "Ask the authors."]):
            file = self.bundle(*words)
            # This profile is one of the others too: of runs of processes, of workflows, and of RO-Crate itself.
            self.assertEqual(validate_crate.required_issues(file), ([], []), words)

    def test_validator_finds_a_file_that_is_not_there(self):
        file = self.bundle()
        folder = self.folder / "crate"
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
        (folder / "bundle.json").unlink()
        issues, _ = validate_crate.required_issues(folder)
        self.assertTrue(any("bundle.json" in issue for issue in issues), issues)

    def test_holds_what_sha256sum_and_zipfile_read(self):
        file = self.bundle()
        folder = self.folder / "unpacked"
        with zipfile.ZipFile(file) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual({entry.date_time for entry in archive.infolist()}, {(1980, 1, 1, 0, 0, 0)})
            archive.extractall(folder)
            names = archive.namelist()
        self.assertIn("results/-odd-name-.db", names)
        self.assertFalse(any(".." in name or name.startswith("/") for name in names), names)
        checked = subprocess.run(["sha256sum", "--check", "--strict", "manifest-sha256.txt"], cwd=folder, capture_output=True,
                                 text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertEqual(len(checked.stdout.splitlines()), len(names) - 1)
        before = file.read_bytes()
        self.assertEqual(self.bundle().read_bytes(), before, "the same database gives the same bytes")


def main():
    global arguments
    parser = argparse.ArgumentParser()
    parser.add_argument("--espalier", required=True)
    parser.add_argument("--make-database", required=True)
    arguments, rest = parser.parse_known_args()
    arguments.espalier = str(pathlib.Path(arguments.espalier).resolve())
    try:
        import rocrate, rocrate_validator  # noqa: E401, F401
    except ImportError as missing:
        print(f"skipped: {missing}; bash cmake/quickstart.sh test installs cmake/test_requirements.txt")
        return validate_crate.SKIPPED
    return 0 if unittest.main(argv=[sys.argv[0], *rest], exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

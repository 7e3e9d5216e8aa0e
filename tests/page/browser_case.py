"""Headless Chromium for tests of the page, without a network: what it says on its console and what it asks for is watched.

Needs Debian's chromium and, from cmake/test_requirements.txt, playwright.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

SKIPPED = 77
HOSTILE = "<img src=x onerror=document.title='run'></script><script>document.title='run'</script>\u2028\u202e\"'&"
CHROMIUM = shutil.which("chromium")
MEMORY = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None  # thousands of commits, each of which is synced
arguments = None


def database_of(folder, cells, name=""):
    database = folder / f"{cells}.db"
    subprocess.run([arguments.make_database, database, str(cells), name], check=True)
    return database


def page_of(folder, cells, name="", *options):
    database = database_of(folder, cells, name)
    page = database.with_suffix(".html")
    begin = time.monotonic()
    subprocess.run([arguments.espalier, "report", database, "-o", page, *options], check=True, capture_output=True)
    print(f"{cells} cells: {page.stat().st_size / 1e6:.2f} MB, made in {time.monotonic() - begin:.2f} s", flush=True)
    return page


class BrowserCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(dir=MEMORY)))
        from playwright.sync_api import sync_playwright
        cls.playwright = cls.enterClassContext(sync_playwright())
        cls.browser = cls.playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        cls.addClassCleanup(cls.browser.close)
        cls.page_file = page_of(cls.folder, 200)

    def setUp(self):
        self.said, self.asked = [], []

    def opened(self, file=None, address="", **options):
        # Without smooth scrolling: a click that lands while the page still moves hits what is no longer there.
        context = self.browser.new_context(reduced_motion="reduce", **options)
        self.addCleanup(context.close)
        page = context.new_page()
        page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.add_init_script("document.addEventListener('DOMContentLoaded', () => { document.first_screen = performance.now(); })")
        page.goto((file or self.page_file).as_uri() + address)
        page.locator("main:not([aria-busy])").wait_for()  # sections beyond the first screen are drawn afterwards
        return page

    def artefact_folder(self):
        """Where what is worth a look is left; one that is thrown away where nobody asked for it."""
        folder = pathlib.Path(os.environ.get("ESPALIER_ARTEFACTS") or self.folder / "artefacts")
        folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve()

    def tearDown(self):
        self.assertEqual([], self.said)
        self.assertEqual([], [url for url in self.asked if not url.startswith("file:")])
        self.assertLessEqual(len(self.asked), 1)


def run():
    global arguments
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--espalier", required=True)
    parser.add_argument("--make-database", required=True)
    arguments, rest = parser.parse_known_args()
    try:
        import axe_core_python.sync_playwright
        import playwright.sync_api
    except ImportError as absent:
        print(f"skipped: {absent.name} of cmake/test_requirements.txt is not installed")
        sys.exit(SKIPPED)
    if not CHROMIUM:
        print("skipped: there is no chromium; apt-get install chromium")
        sys.exit(SKIPPED)
    unittest.main(argv=[sys.argv[0], *rest])

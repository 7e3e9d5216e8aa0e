#!/usr/bin/env python3
"""Opens the page of a database in headless Chromium, without a network, and uses it as a reader does.

Needs what browser_case.py needs, and axe-core-python.
"""
import json
import os
import pathlib
import subprocess
import zipfile

import browser_case
import page_pictures
from browser_case import HOSTILE, page_of


class PageBrowser(browser_case.BrowserCase):
    def rows(self, page):
        return page.locator("#cells tbody tr")

    def test_sections(self):
        page = self.opened()
        for part in ("progress", "curve", "maps", "latency", "searches", "cells", "failures", "provenance"):
            self.assertTrue(page.locator(f"#section-{part}").is_visible(), part)
        self.assertEqual("demo", page.locator("h1").inner_text())
        self.assertIn("200 of 200 cells", page.locator("#section-cells [role=status]").inner_text())
        self.assertGreater(page.locator("#section-curve svg[aria-label] path").count(), 3)

    def test_steps_of_a_schedule(self):
        page = self.opened()
        page.click("summary:has-text('the steps of each cell')")
        rows = [row.locator("td").all_inner_texts() for row in page.locator("details[open] tbody tr").all()]
        cell = [row[2:4] for row in rows if row[0] == "k7"]
        # Dense, then of each step its end: the second was recovered.
        self.assertEqual([["0", "0"], ["1", "0.0600"], ["2", "0.1200"], ["3", "0.2000"]], cell)
        self.assertEqual({"k7", "k57", "k107", "k157"}, {row[0] for row in rows})

    def test_filter_sort_and_address(self):
        page = self.opened()
        page.fill("#choice-filter", "fisher")
        self.assertEqual(50, self.rows(page).count())
        page.click("#cells thead button:has-text('accuracy')")
        heads = page.locator("#cells thead th").all_inner_texts()
        column = next(i for i, name in enumerate(heads) if name.startswith("accuracy"))
        self.assertEqual("ascending", page.locator("#cells thead th").nth(column).get_attribute("aria-sort"))
        self.assertEqual(heads[column], page.evaluate("document.activeElement.textContent"))
        texts = [row.locator("td").nth(column).inner_text() for row in self.rows(page).all()]
        values = [float(text) for text in texts if text]
        self.assertEqual(sorted(values), values)
        self.assertEqual(texts[: len(values)], [text for text in texts if text])  # those without a value are last
        self.assertIn("filter=fisher", page.url)
        page.reload()
        self.assertEqual(50, self.rows(page).count())
        self.asked = []

    def test_highlight_rename_and_hide(self):
        page = self.opened(address="#hide=random&rename=fisher%3DFisher+information&highlight=taylor")
        self.assertEqual(150, self.rows(page).count())
        self.assertEqual(50, page.locator("tr.highlighted").count())
        names = page.locator("#section-curve .legend li").all_inner_texts()
        self.assertEqual({"Fisher information", "magnitude", "taylor"}, set(names))

    def test_permanent_link(self):
        page = self.opened(address="#cell=k7")
        self.assertIn("k7", page.locator("#section-cell h2").inner_text())
        self.assertEqual(6, page.locator("#section-cell .map tbody tr").count())
        page.click("#section-cell button")
        self.assertEqual(0, page.locator("#section-cell").count())

    def test_back_goes_where_a_reader_decided_something(self):
        page = self.opened()
        page.fill("#choice-filter", "fisher")
        page.locator("#cells tbody a.key").first.press("Enter")
        self.assertEqual("heading-cell", page.evaluate("document.activeElement.id"))
        opened = page.locator("#section-cell h2").inner_text()
        page.fill("#choice-filter", "taylor")  # what is typed replaces the entry
        page.click("#cells thead button:has-text('accuracy')")
        page.go_back()
        self.assertEqual(opened, page.locator("#section-cell h2").inner_text())
        self.assertEqual(0, page.locator("#cells th[aria-sort]").count())
        self.assertEqual("taylor", page.input_value("#choice-filter"))
        page.go_back()
        self.assertEqual(0, page.locator("#section-cell").count())
        self.assertEqual("fisher", page.input_value("#choice-filter"))
        self.assertEqual(50, self.rows(page).count())
        page.go_forward()
        self.assertEqual(opened, page.locator("#section-cell h2").inner_text())
        self.asked = []

    def test_a_section_that_fails_leaves_the_others(self):
        page = self.opened()
        page.evaluate("() => { drawCurve = () => { throw new Error('no <b>ink</b>'); }; }")
        page.evaluate("choose({hide: 'random'})")
        told = page.locator("#section-curve .broken").inner_text()
        self.assertTrue(told.startswith("This section cannot be drawn: no <b>ink</b>."), told)
        self.assertEqual(150, self.rows(page).count())
        self.assertEqual(["Error: no <b>ink</b>"], [one.splitlines()[0] for one in self.said])  # the console has it too
        page.evaluate("() => { sectionList[0].fill = () => { throw new Error('no paper'); }; show(data); }")
        page.locator("main:not([aria-busy])").wait_for()
        self.assertIn("no paper", page.locator("#section-progress .broken").inner_text())
        self.assertEqual(150, self.rows(page).count())
        self.said = []

    def test_hover_and_focus_show_the_mask(self):
        page = self.opened()
        tip, square = page.locator("#tip"), page.locator("#section-maps .map td").nth(1)
        square.hover()
        says = r"bert\.encoder\.layer\.0.*head 1: kept in \d+ of \d+ cells, \d+ % left\s+kept here: \d"
        self.assertRegex(tip.inner_text(), says)
        page.mouse.move(1, 1)
        self.assertFalse(tip.is_visible())
        page.locator("#section-maps .map td").first.focus()
        page.keyboard.press("ArrowRight")
        self.assertRegex(tip.inner_text(), says)
        page.keyboard.press("ArrowDown")
        self.assertIn("layer.1", tip.inner_text())
        page.keyboard.press("Escape")
        self.assertFalse(tip.is_visible())

    def test_failed_cells_have_no_value(self):
        page = self.opened(address="#state=failed")
        heads = page.locator("#cells thead th").all_inner_texts()
        column = heads.index("accuracy")
        for row in self.rows(page).all():
            self.assertEqual("", row.locator("td").nth(column).inner_text())
        self.assertEqual(self.rows(page).count(), page.locator("#section-failures tbody tr").count())

    def test_hostile_names_are_shown_and_not_run(self):
        page = self.opened(page_of(self.folder, 40, HOSTILE))
        self.assertEqual("demo · Espalier", page.title())
        self.assertEqual(0, page.locator("img").count())
        self.assertIn("onerror", self.rows(page).first.inner_text())
        self.assertIn("\\u2028\\u202e", self.rows(page).first.inner_text())

    def test_verdicts_on_a_published_table(self):
        page = self.opened(page_of(self.folder, 30, "", "--reference", "silence-of-the-weights.ast-speechcommands"))
        shown = page.locator("#section-verdicts .scroll").first.locator("tbody tr")
        self.assertEqual(200, shown.count())
        page.click("#section-verdicts button:has-text('Show all 325')")
        self.assertEqual(325, shown.count())
        page.select_option("#section-verdicts select", "missing")
        self.assertEqual({"missing"}, set(page.locator("#section-verdicts .scroll").first.locator("span.missing").all_inner_texts()))

    def test_group_comparison(self):
        comparison = self.folder / "comparison.json"
        comparison.write_text(json.dumps({
            "axis": "scorer", "value": "accuracy", "levels": [{"name": "<b>a", "mean_rank": 1.25, "mean": 0.9, "blocks": 8},
                                                              {"name": "b", "mean_rank": 1.75, "mean": 0.8, "blocks": 8}],
            "test": {"name": "Wilcoxon", "statistic": 3, "p": 0.04}, "critical_difference": None, "groups": [], "footnotes": ["Two blocks are left out."],
            "pairs": [{"one": "<b>a", "other": "b", "test": "Wilcoxon", "p": 0.04, "corrected_p": 0.04, "difference": 0.1, "verdict": "differs"}],
            "rope": {"rope": 0.01, "test": "Bayesian signed rank", "level": 0.05, "pairs": [
                {"one": "<b>a", "other": "b", "better": 0.97, "same": 0.02, "worse": 0.01, "verdict": "better"}]}}))
        page = self.opened(page_of(self.folder, 6, "", "--comparison", comparison))
        part = page.locator("#section-comparisons")
        self.assertIn("Wilcoxon: 3, p = 0.0400", part.inner_text())
        self.assertIn("differences of at most 0.01 are none", part.inner_text())
        self.assertEqual(["<b>a", "b", "0.9700", "0.0200", "0.0100", "better"],
                         part.locator(".scroll").nth(1).locator("tbody td").all_inner_texts())
        self.assertIn("Two blocks are left out.", part.inner_text())

    def test_axe(self):
        from axe_core_python.sync_playwright import Axe
        for scheme in ("light", "dark"):
            for address in ("", "#cell=k7"):
                page = self.opened(color_scheme=scheme, address=address)
                found = Axe().run(page)
                told = [(one["id"], [node["html"][:150] for node in one["nodes"][:3]]) for one in found["violations"]]
                self.assertEqual([], told, scheme)
                print(f"axe, {scheme}: {len(found['passes'])} rules hold", flush=True)
                self.asked = []

    def test_themes_and_print(self):
        page = self.opened(color_scheme="dark")
        self.assertEqual("dark", page.locator("html").get_attribute("data-theme"))
        page.click("#theme")
        self.assertEqual("light", page.locator("html").get_attribute("data-theme"))
        self.assertIn("theme=light", page.url)
        page.emulate_media(media="print")
        self.assertFalse(page.locator("nav").is_visible())
        self.assertEqual("none", page.locator("#section-cells .scroll").evaluate("one => getComputedStyle(one).maxHeight"))

    def test_phone(self):
        page = self.opened(viewport={"width": 390, "height": 844})
        wide = page.evaluate("document.documentElement.scrollWidth")
        self.assertLessEqual(wide, 390)

    def measured_database(self):
        """Of 101 cells that were measured: the one in the bundle that comes with the sources."""
        bundle = pathlib.Path(__file__).parents[2] / "results/measured/heads-minilm.zip"
        with zipfile.ZipFile(bundle) as archive:
            name, = (name for name in archive.namelist() if name.startswith("results/") and name.endswith(".db"))
            return archive.extract(name, self.folder)

    def test_pictures_for_whoever_wants_to_look(self):
        folder, file = self.artefact_folder(), self.artefact_folder() / "page.html"
        database = os.environ.get("ESPALIER_PAGE_DATABASE") or self.measured_database()
        subprocess.run([browser_case.arguments.espalier, "report", database, "-o", file], check=True, capture_output=True)
        page = self.opened(file)
        shown = page.evaluate("cells.length")
        self.assertEqual(0, page.locator(".broken").count())
        text = page.locator("body").inner_text()
        if "ESPALIER_PAGE_DATABASE" not in os.environ:
            self.assertIn("4-linear", text)
        self.assertNotIn('"steps"', text)
        self.assertLess(file.stat().st_size, 6_000_000)
        for look in page_pictures.LOOKS:
            picture = folder / f"page-{look}.png"
            page_pictures.take_picture(self.browser, file, look, picture)
            self.assertEqual(b"\x89PNG", picture.read_bytes()[:4])
        print(f"{file}: {shown} cells, {file.stat().st_size / 1e6:.2f} MB, no request, nothing on the console; pictures beside it", flush=True)

    def test_small_databases(self):
        for cells in (0, 1):
            page = self.opened(page_of(self.folder, cells))
            self.assertIn(f"{cells} of {cells} cells", page.locator("#section-cells [role=status]").inner_text())
            self.asked = []

    def test_ten_thousand_cells(self):
        file = page_of(self.folder, 10000)
        page = self.opened(file)
        first, whole = page.evaluate("[document.first_screen, performance.now()]")
        print(f"10000 cells: first screen after {first / 1000:.2f} s, all sections after {whole / 1000:.2f} s", flush=True)
        self.assertLess(file.stat().st_size, 6_000_000)


if __name__ == "__main__":
    browser_case.run()

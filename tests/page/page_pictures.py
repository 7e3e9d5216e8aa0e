#!/usr/bin/env python3
r"""Pictures of a page as readers see it: light, dark, on a phone, printed. docs/report-page.png is `light` of the demo:

    espalier report results/demo.db -o demo.html
    .deps/venv/bin/python tests/page/page_pictures.py demo.html --only light --address "#hide=head-channel" \
        --width 1080 --height 960 --into docs/report-page.png

usage: page_pictures.py PAGE --into FOLDER, or --only NAME --into FILE.png; [--address "#CHOICES"] [--width PIXELS] [--height PIXELS]

Needs Debian's chromium and, from cmake/test_requirements.txt, playwright.
"""
import argparse
import pathlib
import shutil

LOOKS = {"light": (1280, "light", "screen"), "dark": (1280, "dark", "screen"), "phone": (390, "light", "screen"),
         "print": (1000, "light", "print")}


def take_picture(browser, page_file, look, picture, address="", width=None, height=None):
    """The whole page, or its first `height` pixels."""
    usual_width, scheme, media = LOOKS[look]
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", viewport={"width": width or usual_width, "height": height or 900})
    try:
        page = context.new_page()
        page.goto(page_file.as_uri() + address)
        page.locator("main:not([aria-busy])").wait_for()
        page.emulate_media(media=media)
        page.screenshot(path=picture, full_page=height is None)
    finally:
        context.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--into", type=pathlib.Path, required=True)
    parser.add_argument("--only", choices=LOOKS)
    parser.add_argument("--address", default="")
    parser.add_argument("--width", type=int)
    parser.add_argument("--height", type=int)
    wanted = parser.parse_args()
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for look in [wanted.only] if wanted.only else LOOKS:
            picture = wanted.into if wanted.only else wanted.into / f"{look}.png"
            take_picture(browser, wanted.page.resolve(), look, picture, wanted.address, wanted.width, wanted.height)
            print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

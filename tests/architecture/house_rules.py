#!/usr/bin/env python3
"""File names that say nothing, and a VERSION without its section in CHANGELOG.md.

usage: house_rules.py [ROOT]
"""
import pathlib
import re
import sys

SAYS_NOTHING = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"}
FOLDERS = ("core", "plugins", "tests", "cmake")


def empty_names(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            words = set(re.split(r"[^a-z]+", path.name.lower()))
            if words & SAYS_NOTHING and "__pycache__" not in path.parts:
                yield f"{path.relative_to(root).as_posix()}: the name says nothing; name what is inside"


def unlisted_version(root):
    version = (root / "VERSION").read_text(encoding="utf-8").strip()
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[?{re.escape(version)}\]?\b", changelog, re.MULTILINE):
        yield f"CHANGELOG.md: no section '## [{version}]' for the version in VERSION"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    found = [*empty_names(root), *unlisted_version(root)]
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

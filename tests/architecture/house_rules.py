#!/usr/bin/env python3
"""What the house asks of its files: names that say something, rooms and functions of a readable size, and a section in
CHANGELOG.md for VERSION.

usage: house_rules.py [ROOT]

What is larger than it may be is listed in tests/architecture/exceptions.txt with the size it has; an exception that is no
longer needed is a complaint like any other, so the list only shrinks.
"""
import collections
import pathlib
import re
import sys

from functions import functions

SAYS_NOTHING = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"}
FOLDERS = ("core", "plugins", "tests", "cmake")
SOURCES = (".cpp", ".h")
MOST_PAIRS = 12
MOST_LINES = 60
EXCEPTIONS = "tests/architecture/exceptions.txt"


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


def pairs_by_folder(root):
    """How many pairs a folder of a room holds: a source with its header is one, wherever in the room the header lies."""
    pairs = collections.defaultdict(set)
    for path in (root / "core").rglob("*"):
        if path.suffix in SOURCES:
            parts = path.relative_to(root).parent.parts
            if parts[2:4] == ("include", parts[1]) or parts[2:4] == ("include", "espalier"):
                parts = parts[:2] + parts[4:]  # core/grid/include/grid is the face of core/grid
            pairs["/".join(parts)].add(path.stem)
    return {folder: len(stems) for folder, stems in sorted(pairs.items())}


def long_functions(root):
    """(file, function) -> (line, lines) of those longer than they may be, the longest of a name."""
    found = {}
    for folder in ("core", "plugins"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCES:
                for function in functions(path.read_text(encoding="utf-8")):
                    place = (path.relative_to(root).as_posix(), function.name)
                    if function.lines > max(MOST_LINES, found.get(place, (0, 0))[1]):
                        found[place] = (function.first, function.lines)
    return found


def types_of(text):
    """(line, "namespace::Name") of the structures that a file defines and others can see."""
    spaces = []
    for number, line in enumerate(text.splitlines(), 1):
        opened = re.match(r"(?:inline )?namespace(?: ([\w:]+))? \{", line)
        defined = re.match(r"(?:struct|class)(?: [A-Z_]+)? (\w+)(?: final)?(?: :[^;]*)? \{", line)
        if opened:
            if not line.rstrip().endswith("}"):
                spaces.append(opened[1])
        elif re.match(r"\}\s*// (inline )?namespace", line) and spaces:
            spaces.pop()
        elif defined and None not in spaces:
            yield number, "::".join([*spaces, defined[1]])


def shared_names(root):
    """Two structures of one name share constructors and destructors: whichever the linker finds first serves both."""
    places = collections.defaultdict(list)
    for path in sorted((root / "core").rglob("*")):
        if path.suffix in SOURCES:
            for line, name in types_of(path.read_text(encoding="utf-8")):
                places[name].append(f"{path.relative_to(root).as_posix()}:{line}")
    for name, found in places.items():
        for place in found[1:]:
            yield f"{place}: {name} is defined at {found[0]} as well; name one of them otherwise, or put it into a nameless namespace"


def read_exceptions(root):
    """([(line, folder, pairs)], [(line, file, function, lines)], complaints)"""
    folders, long, wrong = [], [], []
    file = root / EXCEPTIONS
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines() if file.is_file() else [], 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) == 3 and words[0] == "folder" and words[2].isdigit():
            folders.append((number, words[1], int(words[2])))
        elif len(words) == 4 and words[0] == "function" and words[3].isdigit():
            long.append((number, words[1], words[2], int(words[3])))
        else:
            wrong.append(f"{EXCEPTIONS}:{number}: expected 'folder FOLDER PAIRS' or 'function FILE NAME LINES', "
                         f"found '{line.strip()}'")
    return folders, long, wrong


def sizes(root):
    folders, long, wrong = read_exceptions(root)
    yield from wrong
    pairs = pairs_by_folder(root)
    allowed = {folder: most for _, folder, most in folders}
    for folder, count in pairs.items():
        most = allowed.get(folder, MOST_PAIRS)
        if count > most:
            yield (f"{folder}: {count} pairs of source and header, at most {most}; a room that grows is two rooms, "
                   "or has folders (core/README.md)")
    for number, folder, _ in folders:
        if pairs.get(folder, 0) <= MOST_PAIRS:
            yield (f"{EXCEPTIONS}:{number}: {folder} has {pairs.get(folder, 0)} pairs and needs no exception; "
                   "remove this line")

    found = long_functions(root)
    allowed = {(file, name): most for _, file, name, most in long}
    for (file, name), (line, lines) in found.items():
        most = allowed.get((file, name), MOST_LINES)
        if lines > most:
            yield f"{file}:{line}: {name} has {lines} lines, at most {most}; name its steps and make them functions"
    for number, file, name, _ in long:
        if (file, name) not in found:
            yield f"{EXCEPTIONS}:{number}: {file} has no longer a {name} of over {MOST_LINES} lines; remove this line"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    found = [*empty_names(root), *unlisted_version(root), *shared_names(root), *sizes(root)]
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

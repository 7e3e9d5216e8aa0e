#!/usr/bin/env python3
"""Reads every #include in core/ and plugins/ against the arrows of core/README.md and names each one that breaks them.

usage: include_arrows.py [ROOT]
"""
import pathlib
import re
import sys

# The diagram: a room, and the rooms whose headers it may include.
ARROWS = {
    "cli": "runner report page figures exports bundle published grid store inputs tables cells words",
    "runner": "grid store inputs tables cells words",
    "report": "store statistics cells words",
    "page": "store cells words",
    "figures": "report store cells words",
    "exports": "store cells words",
    "bundle": "store cells words",
    "published": "statistics cells words",
    "grid": "inputs tables cells words",
    "inputs": "tables cells words",
    "store": "cells words",
    "worker": "engine tasks store loader families nn data audio speech text corpora sdk tables cells words",
    "engine": "tasks loader families nn data audio speech text sdk tables cells words",
    "tasks": "families nn data audio speech text tables cells sdk words",
    "families": "nn sdk cells words",
    "nn": "sdk cells words",
    "data": "text sdk tables cells words",
    "audio": "sdk tables cells words",
    "speech": "sdk cells words",
    "text": "words",
    "corpora": "audio words",
    "loader": "sdk words",
    "sdk": "words",
    "tables": "cells words",
    "cells": "words",
    "statistics": "",
    "words": "",
}
ARROWS = {room: set(below.split()) for room, below in ARROWS.items()}

# <espalier/*.h> is the installed face of two rooms; what is not named here belongs to sdk.
WORDS_FACE = {"espalier/error.h", "espalier/export.h", "espalier/settings.h", "espalier/vocabulary.h"}
SDK_FACE = ("core/sdk/include/espalier/", "core/words/include/espalier/")

# A third-party library, by what its includes begin with, and the rooms that may see it. The longest match counts.
TENSOR_ROOMS = "sdk nn families data audio speech tasks loader engine worker plugins"
ANYWHERE = " ".join(ARROWS)
LIBRARIES = {
    "ATen/": TENSOR_ROOMS,
    "c10/": TENSOR_ROOMS,
    "torch/": TENSOR_ROOMS,
    "torch/torch.h": "",
    "toml++/": "grid published",
    "SQLiteCpp/": "store",
    "sqlite3.h": "store",
    "boost/": "",
    "boost/dll": "loader",
    "boost/math/": "statistics",
    "boost/process": "runner",
    "boost/multiprecision": "speech",
    "boost/property_tree": "corpora",
    "unicode/": "words text speech",
    "sndfile.h": "audio corpora",
    "mpg123.h": "audio",
    "soxr.h": "audio",
    "zlib.h": "corpora exports",
    "zip.h": "bundle",
    "CLI/": "cli worker",
    "openssl/": "words",
    "fmt/": ANYWHERE,
    "nlohmann/": ANYWHERE,
}
LIBRARIES = {start: set(rooms.split()) for start, rooms in LIBRARIES.items()}
NOT_IN_SDK_HEADERS = ("fmt/", "nlohmann/")
SYSTEM_FOLDERS = ("sys/", "linux/", "netinet/", "arpa/")

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)"|(\S+))')


def room_of(path):
    """The room a source belongs to: a folder of core/, or "plugins"."""
    parts = path.split("/")
    return parts[1] if parts[0] == "core" else "plugins"


def may_see(room):
    return {"sdk"} if room == "plugins" else ARROWS[room] | {room}


def broken(root, path, header, quoted):
    """Why this include is wrong, or None."""
    room = room_of(path)
    if ".." in header.split("/"):
        return "an include does not climb; name the header as \"room/header.h\""
    if "/" not in header and quoted:
        places = [(root / path).parent, root / "core" / room]
        if not any((place / header).is_file() for place in places):
            return f"{room} has no header of its own called '{header}'; another room's is \"room/header.h\""
        return None

    if header.startswith("espalier/"):
        target = "words" if header in WORDS_FACE else "sdk"
        if target in may_see(room) or (room == "plugins" and target == "words"):
            return None
        return f"{room} -> {target} is no arrow; {room} may see: {listed(may_see(room) - {room})}"

    first = header.split("/")[0]
    if quoted and (root / "core" / room / header).is_file() and not header.startswith("include/"):
        return None  # in a folder of the room's own
    if "/" in header and first in ARROWS:
        if any(path.startswith(face) for face in SDK_FACE):
            return f"an installed header includes only <espalier/*.h>, not the inside of {first}"
        if first in may_see(room) and room != "plugins":
            return None
        return f"{room} -> {first} is no arrow; {room} may see: {listed(may_see(room) - {room})}"

    start = max((start for start in LIBRARIES if header.startswith(start)), key=len, default=None)
    if start is not None:
        if any(path.startswith(face) for face in SDK_FACE) and header.startswith(NOT_IN_SDK_HEADERS):
            return f"a header that plugins see includes no {start.rstrip('/')}"
        if room not in LIBRARIES[start]:
            return f"{start.rstrip('/')} is seen by {listed(LIBRARIES[start])}, not by {room}"
        return None
    if "/" in header and not header.startswith(SYSTEM_FOLDERS):
        return f"a library this check does not know; give it a room in {pathlib.Path(__file__).name}"
    return None


def listed(rooms):
    return ", ".join(sorted(rooms)) or "nobody"


def complaints(root):
    root = pathlib.Path(root)
    for source in sorted([*root.glob("core/**/*"), *root.glob("plugins/**/*")]):
        path = source.relative_to(root).as_posix()
        if not path.endswith((".h", ".cpp", ".hpp", ".h.in")) or path.endswith("_test.cpp"):
            continue
        if path.startswith("core/") and room_of(path) not in ARROWS:
            yield f"{path}:1: '{room_of(path)}' is no room; rooms: {listed(ARROWS)}"
            continue
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            header = match[1] or match[2]
            why = broken(root, path, header, bool(match[2])) if header else "an include is written out, not a macro"
            if why:
                yield f"{path}:{number}: includes {header or match[3]}: {why}"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    if not (root / "core").is_dir():
        sys.exit(f"{root} has no folder core/")
    found = list(complaints(root))
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

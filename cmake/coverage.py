#!/usr/bin/env python3
"""How many lines of each room the tests reached, after they ran in a build of the preset coverage.

usage: coverage.py [--build build-coverage] [--missed ROOM]

--missed lists the lines of a room that no test reached, as FILE:FIRST-LAST. A room that was not built has no line here; its
figure counts only what was compiled. Needs gcov of the compiler that built.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys


def reached(build, root):
    """file -> {line: how often it ran} of core/, over all objects that compiled it."""
    lines = collections.defaultdict(dict)
    notes = sorted(str(path) for path in build.glob("core/**/*.gcno"))
    for start in range(0, len(notes), 20):
        done = subprocess.run(["gcov", "--json-format", "--stdout", *notes[start:start + 20]], capture_output=True, text=True)
        if done.returncode:
            print(f"gcov could not read all of {notes[start]} and those after it: {done.stderr.splitlines()[-1]}", file=sys.stderr)
        for text in done.stdout.splitlines():
            for file in json.loads(text)["files"]:
                path = pathlib.Path(file["file"])
                if not path.is_relative_to(root / "core"):
                    continue
                counts = lines[path.relative_to(root).as_posix()]
                for line in file["lines"]:
                    number = line["line_number"]
                    counts[number] = max(counts.get(number, 0), line["count"])
    return lines


def ranges(numbers):
    first = last = None
    for number in sorted(numbers):
        if last is not None and number == last + 1:
            last = number
            continue
        if first is not None:
            yield first, last
        first = last = number
    if first is not None:
        yield first, last


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build-coverage"))
    parser.add_argument("--missed", metavar="ROOM")
    words = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parents[1]
    lines = reached(words.build, root)
    if not lines:
        sys.exit(f"{words.build} holds nothing that was compiled for coverage; run: cmake --workflow --preset coverage")
    if words.missed:
        for file, counts in sorted(lines.items()):
            if file.startswith(f"core/{words.missed}/"):
                for first, last in ranges(number for number, count in counts.items() if not count):
                    print(f"{file}:{first}-{last}")
        return
    rooms = collections.defaultdict(lambda: [0, 0])
    for file, counts in lines.items():
        room = rooms[file.split("/")[1]]
        room[0] += len(counts)
        room[1] += sum(1 for count in counts.values() if count)
    total = [sum(room[i] for room in rooms.values()) for i in (0, 1)]
    for name, (all_lines, hit) in [*sorted(rooms.items()), ("all", total)]:
        print(f"{name:10} {hit:6} of {all_lines:6} lines {100 * hit / max(all_lines, 1):6.1f} %")


if __name__ == "__main__":
    main()

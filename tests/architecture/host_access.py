#!/usr/bin/env python3
"""Names each place where computing code reads a tensor's memory from the host, which a GPU's tensors do not allow, or waits
for a single number of one.

usage: host_access.py [ROOT]

Places that are meant stand in tests/architecture/host_access.txt: how many a file has, and why its tensors are on the CPU or
why it waits. A file that has fewer is a complaint like one that has more.
"""
import pathlib
import re
import sys

FOLDERS = ("core/nn", "core/families", "core/tasks", "core/engine", "plugins")
SOURCES = (".cpp", ".h")
ALLOWED = "tests/architecture/host_access.txt"

# What touches memory or waits, and the CPU by its name; a default argument and a copy to the CPU are neither.
TOUCHES = re.compile(r"\b(?:const_|mutable_)?data_ptr\b|\bfrom_blob\s*\(|\b(?:packed_)?accessor\w*\s*<|\.item\s*[<(]|\bkCPU\b")
HARMLESS = re.compile(r"\b(?:device|place|its_device) = at::kCPU|\.to\(at::kCPU|defaultGenerator\(at::kCPU\)")
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def places(text):
    """(line, what) of each."""
    code = NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    code = HARMLESS.sub(lambda match: " " * len(match[0]), code)
    return [(code.count("\n", 0, match.start()) + 1, match[0].strip(".<( ")) for match in TOUCHES.finditer(code)]


def found(root):
    """file -> its places."""
    all_of_them = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCES:
                there = places(path.read_text(encoding="utf-8"))
                if there:
                    all_of_them[path.relative_to(root).as_posix()] = there
    return all_of_them


def read_allowed(root):
    """(file -> (line, places), complaints)"""
    allowed, wrong = {}, []
    file = root / ALLOWED
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines() if file.is_file() else [], 1):
        words = line.split(maxsplit=2)
        if not words or words[0].startswith("#"):
            continue
        if len(words) == 3 and words[1].isdigit() and words[2].startswith("# ") and words[0] not in allowed:
            allowed[words[0]] = (number, int(words[1]))
        else:
            wrong.append(f"{ALLOWED}:{number}: expected 'FILE PLACES # WHY', each file once, found '{line.strip()}'")
    return allowed, wrong


def complaints(root):
    allowed, wrong = read_allowed(root)
    yield from wrong
    there = found(root)
    for file, its_places in there.items():
        number, most = allowed.get(file, (0, 0))
        if len(its_places) > most:
            listed = ", ".join(f"{line} {what}" for line, what in its_places)
            yield (f"{file}:{its_places[-1][0]}: {len(its_places)} places touch a tensor's memory or wait for a number "
                   f"({listed}), and {most} are known; a GPU's memory is not the host's: bring the tensor to the CPU "
                   f"once, or say in {ALLOWED} why it is there")
        elif len(its_places) < most:
            yield f"{ALLOWED}:{number}: {file} has {len(its_places)} such places and not {most}; write {len(its_places)}"
    for file, (number, _) in allowed.items():
        if file not in there:
            yield f"{ALLOWED}:{number}: {file} has no such place; remove this line"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    wrong = list(complaints(root))
    for complaint in wrong:
        print(complaint)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

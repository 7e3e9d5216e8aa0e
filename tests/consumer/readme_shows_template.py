#!/usr/bin/env python3
"""README.md shows plugins/template as it is: the C++ block that begins with its first line is the whole file.

usage: readme_shows_template.py ROOT
"""
import pathlib
import re
import sys


def main():
    root = pathlib.Path(sys.argv[1])
    source = (root / "plugins/template/batch_gate.cpp").read_text(encoding="utf-8").strip()
    build = (root / "plugins/template/CMakeLists.txt").read_text(encoding="utf-8").strip()
    problems = []
    if len(source.splitlines()) > 40 or len(build.splitlines()) > 4:
        problems.append("plugins/template: the plugin has 40 lines at most and its CMakeLists.txt four")
    for name in ("README.md", "plugins/README.md"):
        file = root / name
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        blocks = [block.strip() for block in re.findall(r"^```(?:cpp|cmake)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
        for what, expected in (("batch_gate.cpp", source), ("CMakeLists.txt", build)):
            shown = [block for block in blocks if block.splitlines()[:1] == expected.splitlines()[:1]]
            if what.endswith(".cpp") and name == "README.md" and not shown:
                problems.append(f"{name}: no ```cpp block begins with the first line of plugins/template/{what}")
            problems += [f"{name}: shows another text than plugins/template/{what}" for block in shown if block != expected]
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

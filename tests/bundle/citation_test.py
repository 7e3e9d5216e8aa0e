#!/usr/bin/env python3
"""citation_test.py ROOT: CITATION.cff and codemeta.json have what readers of them need, and say the same."""
import json
import pathlib
import sys

SKIPPED = 77


def complaints(root):
    import yaml
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    codemeta = json.loads((root / "codemeta.json").read_text(encoding="utf-8"))
    version = (root / "VERSION").read_text(encoding="utf-8").strip()
    # What the Citation File Format 1.2.0 requires, and of its types and licences what is used here.
    for key in ("cff-version", "message", "title", "authors"):
        if not citation.get(key):
            yield f"CITATION.cff lacks {key}"
    if citation.get("cff-version") != "1.2.0":
        yield "CITATION.cff is not of format 1.2.0"
    if citation.get("type") != "software":
        yield "CITATION.cff is not of software"
    for author in citation.get("authors", []):
        if not (author.get("name") or author.get("family-names")):
            yield "an author of CITATION.cff has no name"
    if str(citation.get("version")) != version:
        yield f"CITATION.cff has version {citation.get('version')}, VERSION has {version}"
    for key in ("@context", "type", "name", "description", "version", "license", "author"):
        if not codemeta.get(key):
            yield f"codemeta.json lacks {key}"
    if codemeta.get("@context") != "https://w3id.org/codemeta/3.0":
        yield "codemeta.json is not of CodeMeta 3.0"
    if codemeta.get("version") != version:
        yield f"codemeta.json has version {codemeta.get('version')}, VERSION has {version}"
    if codemeta.get("license") != "https://spdx.org/licenses/" + str(citation.get("license")):
        yield "the licences of CITATION.cff and codemeta.json differ"
    if [author["name"] for author in codemeta["author"]] != [author["name"] for author in citation["authors"]]:
        yield "the authors of CITATION.cff and codemeta.json differ"


def main():
    try:
        found = list(complaints(pathlib.Path(sys.argv[1])))
    except ImportError as missing:
        print(f"skipped: {missing}; bash cmake/quickstart.sh test installs cmake/test_requirements.txt")
        return SKIPPED
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

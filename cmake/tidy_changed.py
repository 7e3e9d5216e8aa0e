#!/usr/bin/env python3
"""clang-tidy over the sources that changed, the latest first, for as long as there is time.

usage: tidy_changed.py [--all] [--since COMMIT] [--build FOLDER] [--clang-tidy PROGRAM] [--jobs N] [--seconds S]

Changed is what differs from the commit where the branch left main, or on main from the commit before; files that no
commit holds yet come first. A header stands for its source, or for the first source that includes it.
"""
import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import time


def git(*words):
    """Lines of git's answer; none where git, the repository or the commit is missing."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def base():
    """The commit to compare with, or nothing."""
    head = git("rev-parse", "HEAD")
    for main in ("origin/main", "main"):
        left = git("merge-base", "HEAD", main)
        if left and left != head:
            return left[0]
    before = git("rev-parse", "HEAD~1")
    return before[0] if before else None


def changed(since):
    """Files that differ, the latest first, each once."""
    names = [line[3:].split(" -> ")[-1] for line in git("status", "--porcelain", "--untracked-files=all")]
    names += [line for line in git("log", "--name-only", "--format=", f"{since}..HEAD") if line]
    return list(dict.fromkeys(names))


def compiled(build):
    """The sources that the build compiles, relative to here, as {source: text}; its generated ones left out."""
    here = pathlib.Path.cwd()
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(entry["file"])
        if path.is_relative_to(here) and not path.is_relative_to(here / build) and path.is_file():
            found[path.relative_to(here).as_posix()] = path.read_text(encoding="utf-8")
    return found


def source_of(header, texts):
    path = pathlib.PurePosixPath(header)
    room = "/".join(path.parts[:2])
    pair = [name for name in texts if name.startswith(room + "/") and pathlib.PurePosixPath(name).stem == path.stem]
    users = [name for name in sorted(texts) if f'/{path.name}"' in texts[name] or f'"{path.name}"' in texts[name]
             or f"/{path.name}>" in texts[name]]
    return (pair + users + [None])[0]


def to_look_at(names, texts):
    sources = (name if name in texts else source_of(name, texts) if name.endswith(".h") else None for name in names)
    return list(dict.fromkeys(source for source in sources if source))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--since")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build-tidy"))
    parser.add_argument("--clang-tidy", default="clang-tidy")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=120)
    words = parser.parse_args()

    texts = compiled(words.build)
    since = words.since or base()
    if words.all or not since:
        sources, from_where = sorted(texts), "the whole tree"
    else:
        sources, from_where = to_look_at(changed(since), texts), f"changed since {since[:12]}"
    end = None if words.all else time.monotonic() + words.seconds

    def look(source):
        if end is not None and time.monotonic() > end:
            return source, None, ""
        done = subprocess.run([words.clang_tidy, "--quiet", "-p", str(words.build), source],
                              capture_output=True, text=True)
        return source, done.returncode, done.stdout + "".join(
            line for line in done.stderr.splitlines(keepends=True) if "warnings generated" not in line)

    wrong, left = 0, []
    with concurrent.futures.ThreadPoolExecutor(words.jobs) as pool:
        for source, status, text in pool.map(look, sources):
            if status is None:
                left.append(source)
            elif status:
                wrong += 1
                print(text or f"{source}: clang-tidy ended with {status}", flush=True)
    print(f"looked at {len(sources) - len(left)} of {len(sources)} sources ({from_where})"
          + (f"; no time for {len(left)}: {', '.join(left[:5])}{', ...' if len(left) > 5 else ''}" if left else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

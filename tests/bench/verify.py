#!/usr/bin/env python3
"""How long `espalier verify` takes over every published table, forensics included.

usage: verify.py ESPALIER DB
"""
import json
import resource
import subprocess
import sys
import time


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    program, database = sys.argv[1:]
    listed = json.loads(subprocess.run([program, "published", "--json"], check=True, capture_output=True).stdout)
    cells, whole = 0, 0.0
    for table in listed["published"]:
        before = time.perf_counter()
        ran = subprocess.run([program, "verify", database, table["name"], "--json"], capture_output=True, check=False)
        seconds = time.perf_counter() - before
        judged = len(json.loads(ran.stdout)["cells"])
        print(f"{table['name']}: {judged} cells, {seconds:.3f} s, exit code {ran.returncode}")
        cells += judged
        whole += seconds
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{cells} cells, {whole:.3f} s, {used.ru_utime + used.ru_stime:.3f} s of processor time with the starts of the program")


if __name__ == "__main__":
    main()

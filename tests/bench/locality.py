"""Counts what two workers read and compute of a small grid: base models read, scores computed, per order of the cells.

    ESPALIER_DATA=.deps/data python3 tests/bench/locality.py build/bin/espalier [--workers 2]

Once with the groups of shared work known to the database, and once with them forgotten as rows come in (triggers), when claims
go by position alone. Each run has a cache of its own. A base model was read where the attempt's time for it is above that of a
model in memory; scores were computed where the attempt says that they are not from the cache."""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

EXPERIMENT = """espalier = 1
name     = "locality"

[model.minilm]
family     = "bert"
checkpoint = "${{ESPALIER_DATA}}/minilm"
train      = {{ epochs = 1, batch = 8 }}

[model.minilm-slow]
family     = "bert"
checkpoint = "${{ESPALIER_DATA}}/minilm"
train      = {{ epochs = 1, batch = 8, learning_rate = 2e-5 }}

[dataset.short]
format     = "text-classification"
train      = "${{ESPALIER_DATA}}/wordnet/train.tsv"
validation = "${{ESPALIER_DATA}}/wordnet/validation.tsv"
test       = "${{ESPALIER_DATA}}/wordnet/test.tsv"
limit      = {{ train = 16, validation = 16, test = 16 }}
max_tokens = 16

[dataset.longer]
format     = "text-classification"
train      = "${{ESPALIER_DATA}}/wordnet/train.tsv"
validation = "${{ESPALIER_DATA}}/wordnet/validation.tsv"
test       = "${{ESPALIER_DATA}}/wordnet/test.tsv"
limit      = {{ train = 24, validation = 16, test = 16 }}
max_tokens = 16

[scorer.fisher]
samples = 16

[scorer.gate-gradient]
samples = 16

[measure]
proof = false

[[grid]]
model       = ["minilm", "minilm-slow"]
dataset     = ["short", "longer"]
granularity = "head"
scorer      = ["fisher", "gate-gradient"]
sparsity    = [0.2, 0.4, 0.6, 0.8]
order       = "{order}"
"""

FORGET = """
CREATE TRIGGER forget_new AFTER INSERT ON experiment_cell BEGIN
  UPDATE experiment_cell SET base_group = 0, score_group = 0
  WHERE experiment_id = NEW.experiment_id AND cell_id = NEW.cell_id;
END;
CREATE TRIGGER forget_old AFTER UPDATE OF position ON experiment_cell BEGIN
  UPDATE experiment_cell SET base_group = 0, score_group = 0
  WHERE experiment_id = NEW.experiment_id AND cell_id = NEW.cell_id;
END;
"""
# A model in memory is found in far less, and reading one from a warm disk takes more.
READ_SECONDS = 0.02


def measured(program, order, groups_known, workers):
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, ESPALIER_DATA=os.path.abspath(os.environ.get("ESPALIER_DATA", ".deps/data")),
                           ESPALIER_CACHE=os.path.join(folder, "cache"))
        with open(os.path.join(folder, "locality.toml"), "w", encoding="utf-8") as file:
            file.write(EXPERIMENT.format(order=order))
        command = [program, "run", "locality.toml", "--db", "locality.db", "--workers", str(workers), "--threads", "1"]
        slice_of_one = ["--only", "model=minilm,dataset=short,scorer=fisher,sparsity=0.2"]
        subprocess.run(command + slice_of_one, cwd=folder, env=environment, check=True, capture_output=True)
        database = sqlite3.connect(os.path.join(folder, "locality.db"))
        if not groups_known:
            database.executescript(FORGET)
        began = time.time()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        seconds = time.time() - began
        rows = database.execute("SELECT worker, timing FROM attempt WHERE outcome = 'done' AND started > ? ORDER BY id",
                                (began,)).fetchall()
        timings = [json.loads(timing) for _, timing in rows]
        return {
            "order": order,
            "groups": "known" if groups_known else "forgotten",
            "cells": len(rows),
            "workers": len({worker for worker, _ in rows}),
            "read": sum(timing["seconds"].get("base_model", 0) > READ_SECONDS for timing in timings),
            "scores": sum(not timing["cached"].get("scores", True) for timing in timings),
            "base_seconds": sum(timing["seconds"].get("base_model", 0) for timing in timings),
            "score_seconds": sum(timing["seconds"].get("scores", 0) for timing in timings),
            "seconds": seconds,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    print("| order | groups | cells | base models read | scores computed | s at base models | s at scores | s in all |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for order in ("as-written", "coarse-to-fine"):
        for groups_known in (False, True):
            row = measured(program, order, groups_known, arguments.workers)
            print("| `{order}` | {groups} | {cells} | {read} | {scores} | {base_seconds:.1f} | {score_seconds:.1f} | "
                  "{seconds:.0f} |".format(**row), flush=True)


if __name__ == "__main__":
    main()

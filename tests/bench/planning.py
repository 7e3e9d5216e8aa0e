"""How long do plan, status and table take, and planning a grid of 100,000 cells?

Usage: python tests/bench/planning.py [--espalier build/bin/espalier] [--rounds 5]

Times whole processes, start included, in a folder of its own with tiny files in place of model and data. The first plan
of a machine asks the worker to describe the plugins once; it is done before the clock runs.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--espalier", default="build/bin/espalier")
parser.add_argument("--rounds", type=int, default=5)
args = parser.parse_args()
program = str(pathlib.Path(args.espalier).resolve())

HEAD = """espalier = 1
name = "{name}"
[model.m]
family = "bert"
checkpoint = "model"
train = {{ epochs = 1 }}
[dataset.d]
format = "text-classification"
train = "train.tsv"
validation = "validation.tsv"
test = "test.tsv"
[[grid]]
model = "m"
dataset = "d"
granularity = ["head", "head-channel"]
scorer = ["random", "magnitude", "fisher", "gate-gradient"]
scope = ["local", "global"]
sparsity = [0.1, 0.2, 0.3, 0.4, 0.5]
seed = [{seeds}]
"""


def seconds(folder, *words):
    walls = []
    for _ in range(args.rounds):
        begun = time.perf_counter()
        done = subprocess.run([program, *words], cwd=folder, stdout=subprocess.PIPE, check=True)
        walls.append(time.perf_counter() - begun)
    return round(statistics.median(walls), 4), done.stdout


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "model").mkdir()
    (folder / "model/config.json").write_text("{}")
    header = b'{"bert.embeddings.word_embeddings.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}'
    (folder / "model/model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    (folder / "model/vocab.txt").write_text("[UNK]\n")
    for split in ("train", "validation", "test"):
        (folder / f"{split}.tsv").write_text(f"text\tlabel\n{split}\ta\n")
    (folder / "small.toml").write_text(HEAD.format(name="small", seeds="0"))
    (folder / "large.toml").write_text(HEAD.format(name="large", seeds=", ".join(map(str, range(1250)))))
    subprocess.run([program, "plan", "small.toml"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
    small, answer = seconds(folder, "plan", "small.toml", "--json")
    large, many = seconds(folder, "plan", "large.toml", "--json")
    # The checkpoint is none, so every cell fails at once: rows enough for status and table to read.
    subprocess.run([program, "run", "small.toml"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    status, _ = seconds(folder, "status", "small.toml")
    table, _ = seconds(folder, "table", "small.toml")
    print(json.dumps({"bench": "planning", "rounds": args.rounds, "load1": round(os.getloadavg()[0], 2),
                      "small_cells": json.loads(answer)["cells"], "plan_small_seconds": small, "status_small_seconds": status, "table_small_seconds": table,
                      "large_cells": json.loads(many)["cells"], "plan_large_seconds": large}, indent=2))

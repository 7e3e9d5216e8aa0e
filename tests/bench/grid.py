"""A pruning grid on real texts, against the scripts that people write.

Usage: python tests/bench/grid.py --model DIR --tsv FILE [--examples 500] [--threads 2] [--rounds 1] [--every 1]

DIR is a fine-tuned BERT checkpoint with a head (.deps/gpu-kit/minilm-wordnet, or what espalier train wrote), FILE a table with
columns text and label. Needs torch 2.13.0 and transformers 4.57.6 beside a build in build/.

48 cells: {head, head-channel} x {magnitude, Fisher} x {global, local} x 6 sparsities. Each is scored on the first 32 texts,
masked and evaluated on all.
  naive     loads the checkpoint, scores, zeroes weights and evaluates, a cell at a time; texts tokenised once and padded to
            the longest
  smart     loads and scores once, restores the weights between cells
  espalier  `espalier run` of the same grid from an empty cache and database, start-up, dense evaluation, proofs of every
            mask and the table included
--every 8 runs every eighth cell of the scripts and extrapolates; Espalier always runs all. Rounds are interleaved and medians
are taken. Dense accuracies must agree.
"""
import argparse
import csv
import itertools
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True)
parser.add_argument("--tsv", required=True)
parser.add_argument("--examples", type=int, default=500)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=1)
parser.add_argument("--every", type=int, default=1)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--espalier", default="build/bin/espalier")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402  (after the environment it reads)
import transformers  # noqa: E402

torch.set_num_threads(args.threads)
SPARSITIES = [0.1, 0.25, 0.4, 0.5, 0.75, 0.9]
SCORED = 32
cells = list(itertools.product(("head", "head-channel"), ("magnitude", "fisher"), ("global", "local"), SPARSITIES))
chosen = cells[::args.every]

tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
with open(args.tsv, encoding="utf-8") as file:
    rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:args.examples]


def load():
    return transformers.BertForSequenceClassification.from_pretrained(args.model).eval()


label2id = load().config.label2id
encoded = tokenizer([row["text"] for row in rows], truncation=True, max_length=128, padding="longest", return_tensors="pt")
labels = torch.tensor([label2id[row["label"]] for row in rows])
batches = [({k: v[i:i + args.batch] for k, v in encoded.items()}, labels[i:i + args.batch])
           for i in range(0, len(rows), args.batch)]
scored = [({k: v[i:i + args.batch] for k, v in encoded.items()}, labels[i:i + args.batch])
          for i in range(0, SCORED, args.batch)]


def linears(model):
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and ".attention." in name:
            found[name] = module
    return found


def scores_of(model, scorer):
    layers = linears(model)
    if scorer == "magnitude":
        return {name: module.weight.detach().abs() for name, module in layers.items()}
    model.requires_grad_(False)
    sums = {}
    for module in layers.values():
        module.weight.requires_grad_(True)
    for inputs, targets in scored:
        model.zero_grad()
        torch.nn.functional.cross_entropy(model(**inputs).logits, targets).backward()
        for name, module in layers.items():
            sums[name] = sums.get(name, 0) + module.weight.grad ** 2
    model.requires_grad_(False)
    return sums


def prune(model, scores, cell):
    granularity, _, scope, sparsity = cell
    heads = model.config.num_attention_heads
    parts = {"query": [], "key": [], "value": [], "dense": []}
    for name, score in scores.items():
        kind = name.rsplit(".", 1)[1]
        parts[kind].append(score.sum(0 if kind == "dense" else 1).view(heads, -1))
    parts = {kind: torch.stack(of_layers) for kind, of_layers in parts.items()}
    if granularity == "head":
        plans = [(sum(parts.values()).sum(2, keepdim=True), ("query", "key", "value", "dense"))]
    else:
        plans = [(parts["query"] + parts["key"], ("query", "key")), (parts["value"] + parts["dense"], ("value", "dense"))]
    width = model.config.hidden_size // heads
    with torch.no_grad():
        for units, kinds in plans:
            shape = (1, -1) if scope == "global" else (units.shape[0], -1) if granularity == "head" else (
                units.shape[0] * units.shape[1], -1)
            flat = units.reshape(shape)
            stay = torch.ones_like(flat, dtype=torch.bool)
            stay.scatter_(1, flat.argsort(1)[:, :round(sparsity * flat.shape[1])], False)
            stay = stay.view(units.shape)
            stay = stay.expand(*stay.shape[:2], width).reshape(stay.shape[0], -1).float()
            for name, module in linears(model).items():
                kind = name.rsplit(".", 1)[1]
                if kind not in kinds:
                    continue
                row = stay[int(name.split("layer.")[1].split(".")[0])]
                if kind == "dense":
                    module.weight *= row[None]
                else:
                    module.weight *= row[:, None]
                    module.bias *= row


def accuracy(model):
    with torch.inference_mode():
        return sum(int((model(**x).logits.argmax(1) == y).sum()) for x, y in batches) / len(rows)


def naive():
    answers = []
    for cell in chosen:
        model = load()
        prune(model, scores_of(model, cell[1]), cell)
        answers.append(accuracy(model))
    return answers


def smart():
    model = load()
    scores = {scorer: scores_of(model, scorer) for scorer in ("magnitude", "fisher")}
    layers = linears(model)
    kept = {name: (module.weight.detach().clone(), module.bias.detach().clone()) for name, module in layers.items()}
    answers = []
    for cell in chosen:
        with torch.no_grad():
            for name, module in layers.items():
                module.weight.copy_(kept[name][0])
                module.bias.copy_(kept[name][1])
        prune(model, scores[cell[1]], cell)
        answers.append(accuracy(model))
    return answers


EXPERIMENT = """
espalier = 1
name = "grid"
question = "How fast is a grid?"
[model.m]
family = "bert"
checkpoint = "{model}"
[dataset.d]
format = "text-classification"
train = "{tsv}"
validation = "{tsv}"
test = "{tsv}"
limit = {{ train = {examples}, validation = {examples}, test = {examples} }}
max_tokens = 128
[scorer.fisher]
plugin = "fisher"
squares = "per-batch"
samples = {scored}
batch = {batch}
[[grid]]
model = "m"
dataset = "d"
granularity = ["head", "head-channel"]
scorer = ["magnitude", "fisher"]
searcher = "ranking"
scope = ["global", "local"]
sparsity = {sparsities}
"""


def espalier():
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "grid.toml")
        file.write_text(EXPERIMENT.format(model=pathlib.Path(args.model).resolve(), tsv=pathlib.Path(args.tsv).resolve(),
                                          examples=args.examples, scored=SCORED, batch=args.batch, sparsities=SPARSITIES))
        program = str(pathlib.Path(args.espalier).resolve())
        done = subprocess.run([program, "run", str(file), "--workers", "1", "--threads", str(args.threads)], cwd=folder,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"espalier run ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        database = sqlite3.connect(pathlib.Path(folder, "results", "grid.db"))
        finished, = database.execute("select count(*) from cells where state = 'done'").fetchone()
        if finished != len(cells):
            raise SystemExit(f"espalier finished {finished} of {len(cells)} cells")
        dense, = database.execute("select distinct accuracy from points where kind = 'dense'").fetchone()
        return dense


dense = accuracy(load())
seconds = {"naive": [], "smart": [], "espalier": []}
for _ in range(args.rounds):
    for name, side in (("naive", naive), ("smart", smart), ("espalier", espalier)):
        begun = time.perf_counter()
        answer = side()
        took = time.perf_counter() - begun
        seconds[name].append(took if name == "espalier" else took * len(cells) / len(chosen))
        if name == "espalier" and abs(answer - dense) > 1e-9:
            raise SystemExit(f"dense accuracy {answer} of Espalier, {dense} of transformers")
medians = {name: statistics.median(values) for name, values in seconds.items()}
for name, values in seconds.items():
    print(json.dumps({"side": name, "seconds": round(medians[name], 2), "all": [round(value, 2) for value in values],
                      "seconds_a_cell": round(medians[name] / len(cells), 3), "cells": len(cells), "examples": len(rows),
                      "threads": args.threads, "extrapolated": name != "espalier" and args.every > 1}))
print(f"espalier: {medians['naive'] / medians['espalier']:.1f}x naive, {medians['smart'] / medians['espalier']:.1f}x smart")

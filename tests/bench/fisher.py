"""Fisher information of attention weights against loops over transformers' autograd; one JSON object a comparison.

Usage: python tests/bench/fisher.py [--model DIR] [--examples 64] [--tokens 128] [--batch 8] [--threads 2] [--rounds 3]
       python tests/bench/fisher.py --glosses TSV --model DIR [--examples 500] [--tokens 128] [--threads 2] [--rounds 3]

Without --model: BERT-base of random weights, two classes, full attention masks. Compared in turns, medians taken:
  per-sample   one backward pass an example in Python, against squared gradients of batches
  per-batch    one backward pass a batch in Python, squared, against the same
  backward     our per-sample squares against our own plain backward pass over the same batches, time and memory
  bfloat16     our per-sample squares in float32 against those in bfloat16 (worth it where the CPU has matrix units)

With --glosses: the first --examples texts of a table with columns text and label, as long as they are. A checkpoint whose
labels are not the table's gets a random head. Compared, per sample, in turns:
  padded       one backward pass an example in Python, every text padded to --tokens
  unpadded     the same, no text padded
against what a cell of an experiment counts for its scores by `fisher`: tokenising, passes and writing them down. The peer
has tokens in memory. The seconds of a whole run, start and reading included, stand beside it.

Values must agree within 1e-4 of their largest (float32), or the exit code is 1. Needs torch 2.13.0, transformers 4.57.6, a
build, and without --glosses `cmake --build build --target squared_gradients`.
"""
import argparse
import csv
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", default="")
parser.add_argument("--glosses", default="", metavar="TSV")
parser.add_argument("--examples", type=int, default=0, help="default 64, of glosses 500")
parser.add_argument("--tokens", type=int, default=128)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--program", default="build/bin/squared_gradients")
parser.add_argument("--espalier", default="build/bin/espalier")
args = parser.parse_args()
args.examples = args.examples or (500 if args.glosses else 64)
if args.glosses and not args.model:
    parser.error("--glosses needs --model, a checkpoint with its tokenizer")
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)
transformers.logging.set_verbosity_error()
NAMES = [("query", "attention.self.query"), ("key", "attention.self.key"), ("value", "attention.self.value"),
         ("output", "attention.output.dense")]


def weights_of(model):
    """Q, K, V and O of each layer, the only weights with gradients."""
    layers = [[dict(layer.named_modules())[path] for _, path in NAMES] for layer in model.bert.encoder.layer]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for layer in layers:
        for module in layer:
            module.weight.requires_grad_(True)
    return layers


def peer(model, layers, parts):
    """One backward pass for each of `parts`, inputs and labels, squared: the mean for each channel."""
    sums = [[torch.zeros_like(module.weight) for module in layer] for layer in layers]
    for inputs, labels in parts:
        model.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(**inputs).logits, labels).backward()
        for layer, of_layer in zip(layers, sums):
            for module, total in zip(layer, of_layer):
                total.addcmul_(module.weight.grad, module.weight.grad)
    flat = []
    for of_layer in sums:  # rows of Q, K and V, columns of O: one number a channel
        flat += [of_layer[i].double().sum(1) for i in range(3)] + [of_layer[3].double().sum(0)]
    return torch.cat(flat) / len(parts)


def timed(work):
    begun = time.perf_counter()
    value = work()
    return time.perf_counter() - begun, value


def away(expected, found):
    return float((expected - found).abs().max() / expected.abs().max())


def report(comparison, slow, fast, **fields):
    slow, fast = statistics.median(slow), statistics.median(fast)
    print(json.dumps({"bench": "fisher", "comparison": comparison, "model": args.model or "BERT-base, random weights",
                      "examples": args.examples, "tokens": args.tokens, "threads": args.threads,
                      "rounds": args.rounds, "load1": round(os.getloadavg()[0], 2),
                      "first_seconds": round(slow, 3), "second_seconds": round(fast, 3),
                      "ratio": round(slow / fast, 2), **({} if args.glosses else {"batch": args.batch}), **fields}), flush=True)


def equal_lengths(folder):
    agree = True
    if args.model:
        checkpoint = args.model
        model = transformers.BertForSequenceClassification.from_pretrained(checkpoint).eval()
    else:
        checkpoint = f"{folder}/bert"
        model = transformers.BertForSequenceClassification(transformers.BertConfig(num_labels=2)).eval()
        model.save_pretrained(checkpoint)
    ids = torch.randint(1000, model.config.vocab_size, (args.examples, args.tokens))
    labels = torch.randint(0, model.config.num_labels, (args.examples,))
    save_file({"input_ids": ids, "labels": labels}, f"{folder}/inputs.safetensors")
    layers = weights_of(model)

    def ours(squares, compute="float32"):
        done = subprocess.run([args.program, checkpoint, f"{folder}/inputs.safetensors", "--threads", str(args.threads),
                               "--repeats", "2", "--batch", str(args.batch), "--squares", squares, "--compute", compute],
                              check=True, stdout=subprocess.PIPE)
        answer = json.loads(done.stdout)
        return answer["seconds"][1], torch.tensor(answer["squares"], dtype=torch.float64), answer["peak_mib"]

    for squares, size in (("per-sample", 1), ("per-batch", args.batch)):
        parts = [({"input_ids": part}, of_part) for part, of_part in zip(ids.split(size), labels.split(size))]
        slow, fast = [], []
        for _ in range(args.rounds):
            taken, expected = timed(lambda: peer(model, layers, parts))
            slow.append(taken)
            seconds, found, _ = ours(squares)
            fast.append(seconds)
        worst = away(expected, found)
        agree = agree and worst < 1e-4
        report(f"{squares}: transformers / espalier", slow, fast, largest_difference=worst)
    plain, squared, memory = [], [], []
    for _ in range(args.rounds):
        one, two = ours("backward"), ours("per-sample")
        plain.append(one[0])
        squared.append(two[0])
        memory.append(two[2] / one[2])
    report("per-sample / plain backward", squared, plain, memory_ratio=round(statistics.median(memory), 2))
    exact, short = [], []
    for _ in range(args.rounds):
        exact.append(ours("per-sample")[0])
        short.append(ours("per-sample", "bfloat16")[0])
    report("float32 / bfloat16", exact, short)
    return agree


def glosses(folder):
    with open(args.glosses, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    names = sorted({row["label"] for row in rows})
    rows = rows[:args.examples]
    args.examples = len(rows)
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    config = transformers.AutoConfig.from_pretrained(args.model)
    if not set(names) <= set(config.label2id):
        config.id2label, config.label2id = dict(enumerate(names)), {name: place for place, name in enumerate(names)}
    model = transformers.BertForSequenceClassification.from_pretrained(args.model, config=config).eval()
    model.save_pretrained(f"{folder}/model")
    tokenizer.save_pretrained(f"{folder}/model")
    layers = weights_of(model)

    def encoded(**padding):
        return [(dict(tokenizer(row["text"], truncation=True, max_length=args.tokens, return_tensors="pt", **padding)),
                 torch.tensor([config.label2id[row["label"]]])) for row in rows]

    paddings = {"padded": encoded(padding="max_length"), "unpadded": encoded()}
    lengths = [inputs["input_ids"].shape[1] for inputs, _ in paddings["unpadded"]]
    table = "text\tlabel\n" + "".join(f"{row['text']}\t{row['label']}\n" for row in rows)
    pathlib.Path(f"{folder}/glosses.tsv").write_text(table, encoding="utf-8")
    pathlib.Path(f"{folder}/few.tsv").write_text("\n".join(table.split("\n")[:9]) + "\n", encoding="utf-8")
    pathlib.Path(f"{folder}/glosses.toml").write_text(f"""espalier = 1
name = "glosses"
question = "How long does Fisher information take?"
[model.bert]
family = "bert"
checkpoint = "model"
[dataset.glosses]
format = "text-classification"
train = "glosses.tsv"
test = "few.tsv"
max_tokens = {args.tokens}
[measure]
proof = false
[scorer.fisher]
plugin = "fisher"
squares = "per-sample"
split = "train"
samples = 0
damping = 0.0
[[grid]]
model = "bert"
dataset = "glosses"
granularity = "projection-channel"
scorer = "fisher"
sparsity = 0.5
""")

    def ours(number):
        """Seconds of the cell's scores and of the whole run, and the scores."""
        run = pathlib.Path(folder) / f"run-{number}"
        environment = {**os.environ, "ESPALIER_CACHE": str(run / "cache")}
        words = [str(pathlib.Path(args.espalier).resolve())]
        place = {"cwd": folder, "env": environment, "check": True, "stdout": subprocess.PIPE}
        wall, _ = timed(lambda: subprocess.run([*words, "run", "glosses.toml", "--db", f"{run}/cells.db", "--threads",
                                                str(args.threads)], stderr=subprocess.PIPE, **place))
        with sqlite3.connect(run / "cells.db") as base:
            ((key,),) = base.execute("SELECT key FROM cells").fetchall()
        shown = json.loads(subprocess.run([*words, "show", f"{run}/cells.db", key, "--json"], **place).stdout)
        attempt = shown["attempts"][-1]
        timing = attempt["timing"]
        timing = json.loads(timing) if isinstance(timing, str) else timing
        assert not timing["cached"]["scores"]
        (file,) = [artifact["path"] for artifact in attempt["artifacts"] if artifact["kind"] == "scores"]
        scores = load_file(file)
        flat = [scores[f"bert.encoder.layer.{layer}.attention.self.{projection}"].double().flatten()
                for layer in range(config.num_hidden_layers) for projection in "qkvo"]
        return timing["seconds"]["scores"], wall, torch.cat(flat)

    seconds = {name: [] for name in (*paddings, "espalier", "run")}
    for number in range(args.rounds):
        for name, parts in paddings.items():
            taken, expected = timed(lambda: peer(model, layers, parts))
            seconds[name].append(taken)
        inside, whole, found = ours(number)
        seconds["espalier"].append(inside)
        seconds["run"].append(whole)
    worst = away(expected, found)
    for name in paddings:
        report(f"per-sample, real glosses, transformers {name} / espalier", seconds[name], seconds["espalier"],
               mean_tokens=round(statistics.mean(lengths), 1), longest=max(lengths),
               whole_run_seconds=round(statistics.median(seconds["run"]), 3), largest_difference=worst)
    return worst < 1e-4


with tempfile.TemporaryDirectory() as name:
    sys.exit(0 if (glosses if args.glosses else equal_lengths)(name) else 1)

"""How many masked evaluations a second, against transformers on the same texts, masks, machine and threads?

Usage: python tests/bench/masks_over_texts.py --model DIR --tsv FILE [--examples 1000] [--masks 4] [--threads 2] [--rounds 3]

DIR is a fine-tuned BERT checkpoint (espalier train, or results/cache/base_models/...), FILE a table with columns text
and label. Needs torch 2.13.0 and transformers 4.57.6 beside a build in build/. The peer tokenises once and keeps the
model in memory; three ways of padding are timed: to 128 tokens, to the longest of a batch, and to the longest of a
batch after sorting by length. Espalier's time is what `espalier evaluate --json` reports for each mask: compaction and
evaluation, without start-up, which is printed beside it. Rounds are interleaved and the median is taken. Accuracies
must agree for every mask, or the figures mean nothing and the exit code is 1.
"""
import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True)
parser.add_argument("--tsv", required=True)
parser.add_argument("--examples", type=int, default=1000)
parser.add_argument("--masks", type=int, default=4)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--espalier", default="build/bin/espalier")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402  (after the environment it reads)
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

torch.set_num_threads(args.threads)
model = transformers.BertForSequenceClassification.from_pretrained(args.model, attn_implementation="eager").eval()
tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
with open(args.tsv, encoding="utf-8") as file:
    rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:args.examples]
labels = [model.config.label2id[row["label"]] for row in rows]
texts = [row["text"] for row in rows]


def batches(padding):
    order = list(range(len(texts)))
    if padding == "sorted":
        order.sort(key=lambda i: len(texts[i]))
    made = []
    for begin in range(0, len(order), args.batch):
        part = order[begin:begin + args.batch]
        encoded = tokenizer([texts[i] for i in part], truncation=True, max_length=128, return_tensors="pt",
                            padding="max_length" if padding == "128" else "longest")
        made.append((encoded, torch.tensor([labels[i] for i in part])))
    return made


layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
width = model.config.hidden_size // heads
generator = torch.Generator().manual_seed(0)
masks = []
for _ in range(args.masks):
    keep = torch.ones(layers * heads)
    keep[torch.randperm(layers * heads, generator=generator)[:layers * heads // 2]] = 0
    masks.append(keep.view(layers, heads))


def peer(made):
    right = []
    begun = time.perf_counter()
    with torch.inference_mode():
        for mask in masks:
            right.append(sum(int((model(**x, head_mask=mask).logits.argmax(1) == y).sum()) for x, y in made))
    return time.perf_counter() - begun, [count / len(texts) for count in right]


def ours(folder):
    table = folder / "texts.tsv"
    files = []
    with open(table, "w", encoding="utf-8") as file:
        file.write("text\tlabel\n" + "".join(f"{row['text']}\t{row['label']}\n" for row in rows))
    for number, mask in enumerate(masks):
        files.append(str(folder / f"mask-{number}.safetensors"))
        save_file({f"bert.encoder.layer.{layer}.attention.self.{projection}":
                   mask[layer].bool()[:, None].expand(heads, width).contiguous()
                   for layer in range(layers) for projection in "qkvo"},
                  files[-1], metadata={"format": "espalier-mask", "version": "1"})
    command = [args.espalier, "evaluate", "--model", args.model, "--data", str(table), "--format", "text-classification",
               "--threads", str(args.threads), "--json"]
    for file in files:
        command += ["--mask", file]
    begun = time.perf_counter()
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    wall = time.perf_counter() - begun
    answer = answer if isinstance(answer, list) else [answer]
    return sum(entry["seconds"] for entry in answer), [entry["metrics"]["accuracy"] for entry in answer], wall


paddings = {name: batches(name) for name in ("128", "longest", "sorted")}
times = {name: [] for name in (*paddings, "espalier")}
walls, agree = [], True
with tempfile.TemporaryDirectory() as name:
    for _ in range(args.rounds):
        for padding, made in paddings.items():
            seconds, expected = peer(made)
            times[padding].append(seconds)
        seconds, found, wall = ours(pathlib.Path(name))
        times["espalier"].append(seconds)
        walls.append(wall)
        agree = agree and all(abs(a - b) * len(texts) < 1.5 for a, b in zip(expected, found))
median = {name: statistics.median(values) for name, values in times.items()}
work = args.masks * len(texts)
print(json.dumps({
    "bench": "masks_over_texts", "examples": len(texts), "masks": args.masks, "threads": args.threads,
    "rounds": args.rounds, "torch": torch.__version__, "transformers": transformers.__version__,
    "load1": round(os.getloadavg()[0], 2),
    "example_masks_per_second": {name: round(work / seconds, 1) for name, seconds in median.items()},
    "ratio_to": {name: round(median[name] / median["espalier"], 2) for name in paddings},
    "espalier_wall_seconds_with_start": round(statistics.median(walls), 3),
    "accuracy_peer": expected, "accuracy_espalier": found, "accuracies_agree": agree}, indent=2))
sys.exit(0 if agree else 1)

"""Compares fisher (per sample) and gate-gradient of every head with a literal loop over transformers' autograd.

Usage: python tests/engine/check_scores_with_transformers.py --model DIR --tsv FILE [--samples 24]

DIR is a fine-tuned BERT checkpoint (espalier train), FILE a table with columns text and label. Needs torch 2.13.0,
transformers 4.57.6 and a build in build/. Run by hand; exits with 1 where a score differs by more than 1e-4 of its size.
"""
import argparse
import csv
import subprocess
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True)
parser.add_argument("--tsv", required=True)
parser.add_argument("--samples", type=int, default=24)
parser.add_argument("--espalier", default="build/bin/espalier")
args = parser.parse_args()

model = transformers.BertForSequenceClassification.from_pretrained(args.model, attn_implementation="eager").eval()
tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
with open(args.tsv, encoding="utf-8") as file:
    rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:args.samples]
layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
width = model.config.hidden_size // heads
fisher, sensitivity = torch.zeros(layers, heads).double(), torch.zeros(layers, heads).double()
for row in rows:
    encoded = tokenizer(row["text"], truncation=True, max_length=48, return_tensors="pt")
    gates = torch.ones(layers, heads, requires_grad=True)
    model.zero_grad()
    logits = model(**encoded, head_mask=gates).logits
    torch.nn.functional.cross_entropy(logits, torch.tensor([model.config.label2id[row["label"]]])).backward()
    sensitivity += gates.grad.abs().double()
    for number, layer in enumerate(model.bert.encoder.layer):
        attention = layer.attention
        for linear in (attention.self.query, attention.self.key, attention.self.value):
            fisher[number] += linear.weight.grad.double().pow(2).view(heads, width, -1).sum((1, 2))
        fisher[number] += attention.output.dense.weight.grad.double().pow(2).view(-1, heads, width).sum((0, 2))
fisher = fisher / len(rows) + 1e-6 * 4 * model.config.hidden_size * width
sensitivity /= len(rows)

worst = 0.0
for scorer, expected in (("fisher", fisher), ("gate-gradient", sensitivity)):
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as output:
        subprocess.run([args.espalier, "score", "--model", args.model, "--data", args.tsv, "--max-tokens", "48", "--scorer",
                        scorer, "--set", f"samples={len(rows)}", "--output", output.name], check=True)
        scores = load_file(output.name)
    found = torch.stack([scores[f"bert.encoder.layer.{n}.attention.self.head"] for n in range(layers)]).double()
    difference = ((found - expected).abs() / expected.abs()).max().item()
    print(f"{scorer}: largest relative difference {difference:.2g} over {layers * heads} heads, {len(rows)} examples")
    worst = max(worst, difference)
sys.exit(1 if worst > 1e-4 else 0)

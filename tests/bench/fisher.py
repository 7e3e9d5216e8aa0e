"""Fisher information of attention weights against loops over transformers' autograd; one JSON object a comparison.

Usage: python tests/bench/fisher.py [--model DIR] [--examples 64] [--tokens 128] [--batch 8] [--threads 2] [--rounds 3]

Without --model: BERT-base of random weights, two classes, full attention masks. Compared in turns, medians taken:
  per-sample   one backward pass an example in Python, against squared gradients of batches
  per-batch    one backward pass a batch in Python, squared, against the same
  backward     our per-sample squares against our own plain backward pass over the same batches, time and memory
  bfloat16     our per-sample squares in float32 against those in bfloat16 (worth it where the CPU has matrix units)
Values must agree within 1e-4 of their largest (float32), or the exit code is 1. Needs torch 2.13.0, transformers 4.57.6 and
`cmake --build build --target squared_gradients`.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", default="")
parser.add_argument("--examples", type=int, default=64)
parser.add_argument("--tokens", type=int, default=128)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--program", default="build/bin/squared_gradients")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)
agree = True
with tempfile.TemporaryDirectory() as folder:
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
    names = [("query", "attention.self.query"), ("key", "attention.self.key"), ("value", "attention.self.value"),
             ("output", "attention.output.dense")]
    layers = [[dict(layer.named_modules())[path] for _, path in names] for layer in model.bert.encoder.layer]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for layer in layers:
        for module in layer:
            module.weight.requires_grad_(True)

    def peer(size):
        sums = [[torch.zeros_like(module.weight) for module in layer] for layer in layers]
        for first in range(0, args.examples, size):
            part = slice(first, first + size)
            model.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(model(ids[part]).logits, labels[part]).backward()
            for layer, of_layer in zip(layers, sums):
                for module, total in zip(layer, of_layer):
                    total.addcmul_(module.weight.grad, module.weight.grad)
        terms = -(-args.examples // size)
        flat = []
        for of_layer in sums:  # rows of Q, K and V, columns of O: one number a channel
            flat += [of_layer[i].double().sum(1) / terms for i in range(3)] + [of_layer[3].double().sum(0) / terms]
        return torch.cat(flat)

    def ours(squares, compute="float32"):
        done = subprocess.run([args.program, checkpoint, f"{folder}/inputs.safetensors", "--threads", str(args.threads),
                               "--repeats", "2", "--batch", str(args.batch), "--squares", squares, "--compute", compute],
                              check=True, stdout=subprocess.PIPE)
        answer = json.loads(done.stdout)
        return answer["seconds"][1], torch.tensor(answer["squares"], dtype=torch.float64), answer["peak_mib"]

    def report(comparison, slow, fast, **fields):
        slow, fast = statistics.median(slow), statistics.median(fast)
        print(json.dumps({"bench": "fisher", "comparison": comparison, "model": args.model or "BERT-base, random weights",
                          "examples": args.examples, "tokens": args.tokens, "batch": args.batch, "threads": args.threads,
                          "rounds": args.rounds, "load1": round(os.getloadavg()[0], 2),
                          "first_seconds": round(slow, 3), "second_seconds": round(fast, 3),
                          "ratio": round(slow / fast, 2), **fields}), flush=True)

    for squares, size in (("per-sample", 1), ("per-batch", args.batch)):
        slow, fast = [], []
        for _ in range(args.rounds):
            begun = time.perf_counter()
            expected = peer(size)
            slow.append(time.perf_counter() - begun)
            seconds, found, _ = ours(squares)
            fast.append(seconds)
        worst = float((expected - found).abs().max() / expected.abs().max())
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
sys.exit(0 if agree else 1)

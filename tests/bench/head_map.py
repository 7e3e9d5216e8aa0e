"""How quickly is the head map made, against transformers' head_mask on the same texts, machine and threads?

Usage: python tests/bench/head_map.py [--examples 8] [--tokens 128] [--compute float32] [--threads 2] [--rounds 3]
       python tests/bench/head_map.py --model DIR --tsv FILE [--examples 500] [--pad 40] ...

Without --model a checkpoint of BERT-base's shape is made, with random weights, and texts of so many tokens. Needs torch
2.13.0 and transformers 4.57.6 beside a build in build/. The peer tokenises once and keeps the model in memory:

  naive   one whole pass for each head and batch
  prefix  the heads of a layer begin at that layer's input, which is computed once for each batch

It leaves out --heads-per-layer heads of each layer, which costs per head what all cost. Espalier's time is what
`espalier map --json` reports for all heads, without start-up. Rounds are interleaved and the median is taken. Losses must
agree for every head that both leave out, or the figures mean nothing and the exit code is 1.
"""
import argparse
import csv
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model")
parser.add_argument("--tsv")
parser.add_argument("--examples", type=int, default=8)
parser.add_argument("--tokens", type=int, default=128)
parser.add_argument("--pad", type=int, default=40, help="to which the peer pads texts of --tsv")
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--heads-per-layer", type=int, default=2)
parser.add_argument("--compute", choices=["float32", "bfloat16"], default="float32")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--espalier", default="build/bin/espalier")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402  (after the environment it reads)
import transformers  # noqa: E402

torch.set_num_threads(args.threads)
folder = tempfile.TemporaryDirectory()
place = pathlib.Path(folder.name)


def random_checkpoint():
    """BERT-base's shape but for the vocabulary, which no layer sees."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"word{number}" for number in range(1000)]
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=len(words), id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1})
    transformers.BertForSequenceClassification(config).save_pretrained(place / "model")
    (place / "model/vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    draw = random.Random(0)
    rows = [(" ".join(draw.choices(words[5:], k=args.tokens - 2)), draw.choice(["no", "yes"]))
            for _ in range(args.examples)]
    return str(place / "model"), rows, args.tokens


def real_checkpoint():
    with open(args.tsv, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:args.examples]
    return args.model, [(row["text"], row["label"]) for row in rows], args.pad


folder_of_model, rows, length = real_checkpoint() if args.model else random_checkpoint()
(place / "texts.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
model = transformers.BertForSequenceClassification.from_pretrained(folder_of_model, attn_implementation="eager").eval()
model = model.to(getattr(torch, args.compute))
tokenizer = transformers.BertTokenizer.from_pretrained(folder_of_model)
batches = []
for begin in range(0, len(rows), args.batch):
    part = rows[begin:begin + args.batch]
    encoded = tokenizer([text for text, _ in part], truncation=True, max_length=length, padding="max_length",
                        return_tensors="pt")
    batches.append((encoded, torch.tensor([model.config.label2id[label] for _, label in part])))
layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
taken = min(args.heads_per_layer, heads)
sites = [(layer, head) for layer in range(layers) for head in range(taken)]


def mask_without(layer, head):
    mask = torch.ones(layers, heads, dtype=model.dtype)
    mask[layer, head] = 0
    return mask


def summed_loss(hidden, labels):
    logits = model.classifier(model.bert.pooler(hidden)).float()
    return torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()


def dense():
    return sum(summed_loss(model.bert(**inputs).last_hidden_state, labels) for inputs, labels in batches) / len(rows)


def naive():
    return [sum(summed_loss(model.bert(**inputs, head_mask=mask_without(*site)).last_hidden_state, labels)
                for inputs, labels in batches) / len(rows) for site in sites]


def prefix():
    total = dict.fromkeys(sites, 0.0)
    for inputs, labels in batches:
        bias = model.bert.get_extended_attention_mask(inputs["attention_mask"], inputs["input_ids"].shape,
                                                      dtype=model.dtype)
        hidden = model.bert.embeddings(input_ids=inputs["input_ids"], token_type_ids=inputs["token_type_ids"])
        for number, layer in enumerate(model.bert.encoder.layer):
            for site in (site for site in sites if site[0] == number):
                one = layer(hidden, bias, mask_without(*site)[number][None, :, None, None])[0]
                for later in model.bert.encoder.layer[number + 1:]:
                    one = later(one, bias)[0]
                total[site] += summed_loss(one, labels)
            hidden = layer(hidden, bias)[0]
    return [total[site] / len(rows) for site in sites]


def espalier():
    command = [args.espalier, "map", "--model", folder_of_model, "--data", str(place / "texts.tsv"), "--format",
               "text-classification", "--threads", str(args.threads), "--compute", args.compute, "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def timed(way):
    begun = time.perf_counter()
    answer = way()
    return time.perf_counter() - begun, answer


rates = {"naive": [], "prefix": [], "espalier": []}
tolerance = 1e-4 if args.compute == "float32" else 5e-2
difference = 0.0
with torch.inference_mode():
    whole = dense()  # also warms up
    for _ in range(args.rounds):
        found = espalier()
        rates["espalier"].append(found["masks"] * len(rows) / found["seconds"])
        for name, way in (("naive", naive), ("prefix", prefix)):
            seconds, losses = timed(way)
            rates[name].append(len(sites) * len(rows) / seconds)
            difference = max([difference] + [abs(loss - whole - found["loss"][layer][head])
                                             for loss, (layer, head) in zip(losses, sites)])
median = {name: statistics.median(values) for name, values in rates.items()}
print(json.dumps({
    "bench": "head_map", "layers": layers, "heads": heads, "examples": len(rows), "padded_to": length,
    "compute": args.compute, "threads": args.threads, "rounds": args.rounds, "torch": torch.__version__,
    "transformers": transformers.__version__, "load1": round(os.getloadavg()[0], 2),
    "example_masks_per_second": {name: round(rate, 2) for name, rate in median.items()},
    "ratio_to": {name: round(median["espalier"] / median[name], 2) for name in ("naive", "prefix")},
    "ratio_by_round": {name: [round(ours / theirs, 2) for ours, theirs in zip(rates["espalier"], rates[name])]
                       for name in ("naive", "prefix")},
    "work_done": round(found["multiply_adds"]["done"] / found["multiply_adds"]["plain"], 3),
    "largest_difference_of_losses": difference, "losses_agree": difference <= tolerance}, indent=2))
sys.exit(0 if difference <= tolerance else 1)

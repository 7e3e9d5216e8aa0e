"""What searching costs: masks at equal padding against transformers, a training step with gates, evaluations that stop early.

Usage: python tests/bench/search.py nodes [--children] [--masks 8] [--examples 16] [--threads 2] [--rounds 3]
       python tests/bench/search.py gates --model DIR --data DIR [--rounds 3]
       python tests/bench/search.py stopping --model DIR --data DIR [--loss 0.01]

nodes     BERT-base shape, random weights, equally long texts of 128 tokens; half of the heads are gone at random. Peers:
          transformers with a head_mask (eager), and with the heads removed (prune_heads, SDPA), copying included. Ours: what
          `espalier evaluate --json` reports, compaction included. Accuracies must agree. With --children the masks are one
          of these without one more head each, as a best-first search expands it.
gates     seconds a step of differentiable-subset (joint, half of the heads) against seconds a step of plain fine-tuning.
stopping  share of the examples that a-star leaves out because a bound was certainly missed.
DIR of --model is a MiniLM folder, DIR of --data holds train.tsv, validation.tsv and test.tsv (data prepare wordnet). Needs
torch 2.13.0 and transformers 4.57.6 for nodes. Rounds are interleaved; medians are printed as one line of JSON.
"""
import argparse
import copy
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
parser.add_argument("question", choices=("nodes", "gates", "stopping"))
parser.add_argument("--model")
parser.add_argument("--data")
parser.add_argument("--masks", type=int, default=8)
parser.add_argument("--children", action="store_true")
parser.add_argument("--examples", type=int, default=16)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--loss", type=float, default=0.01)
parser.add_argument("--espalier", default="build/bin/espalier")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)
espalier = str(pathlib.Path(args.espalier).resolve())


def emit(**values):
    print(json.dumps({"bench": "search", "question": args.question, "threads": args.threads,
                      "load1": round(os.getloadavg()[0], 2), **values}))


def nodes(folder):
    import torch
    import transformers
    from safetensors.torch import save_file
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    words = [f"w{number}" for number in range(1000)]
    config = transformers.BertConfig(vocab_size=len(words) + 5, num_labels=2)
    eager = transformers.BertForSequenceClassification._from_config(config, attn_implementation="eager").eval()
    eager.save_pretrained(folder / "model")
    sdpa = transformers.BertForSequenceClassification.from_pretrained(folder / "model", attn_implementation="sdpa").eval()
    (folder / "model" / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
    generator = torch.Generator().manual_seed(1)
    picked = torch.randint(len(words), (args.examples, 126), generator=generator)
    labels = torch.randint(2, (args.examples,), generator=generator)
    names = [config.id2label[int(label)] for label in labels]
    table = folder / "texts.tsv"
    table.write_text("text\tlabel\n" + "".join(
        " ".join(words[word] for word in row) + f"\t{name}\n" for row, name in zip(picked, names)))
    ids = torch.cat([torch.full((args.examples, 1), 2), picked + 5, torch.full((args.examples, 1), 3)], 1)
    layers, heads, width = config.num_hidden_layers, config.num_attention_heads, 64
    masks, files = [], []
    parent = torch.randperm(layers * heads, generator=generator)  # its first half is gone
    for number in range(args.masks):
        keep = torch.ones(layers * heads)
        if args.children:
            keep[parent[:layers * heads // 2]] = 0
            keep[parent[layers * heads // 2 + number]] = 0
        else:
            keep[torch.randperm(layers * heads, generator=generator)[:layers * heads // 2]] = 0
        masks.append(keep.view(layers, heads))
        files.append(str(folder / f"mask-{number}.safetensors"))
        save_file({f"bert.encoder.layer.{layer}.attention.self.{projection}":
                   masks[-1][layer].bool()[:, None].expand(heads, width).contiguous()
                   for layer in range(layers) for projection in "qkvo"},
                  files[-1], metadata={"format": "espalier-mask", "version": "1"})

    def right(model, **more):
        return sum(int((model(input_ids=ids[i:i + args.batch], **more).logits.argmax(1) == labels[i:i + args.batch]).sum())
                   for i in range(0, args.examples, args.batch)) / args.examples

    def head_mask():
        return [right(eager, head_mask=mask) for mask in masks]

    def prune_heads():
        found = []
        for mask in masks:
            small = copy.deepcopy(sdpa)
            gone = {layer: (mask[layer] == 0).nonzero()[:, 0].tolist() for layer in range(layers)}
            small.prune_heads({layer: which for layer, which in gone.items() if which})
            found.append(right(small))
        return found

    times = {"head_mask": [], "prune_heads": [], "espalier": []}
    agree = True
    with torch.inference_mode():
        for _ in range(args.rounds):
            found = {}
            for name, run in (("head_mask", head_mask), ("prune_heads", prune_heads)):
                begun = time.perf_counter()
                found[name] = run()
                times[name].append(time.perf_counter() - begun)
            command = [espalier, "evaluate", "--model", str(folder / "model"), "--data", str(table), "--format",
                       "text-classification", "--threads", str(args.threads), "--json"]
            for file in files:
                command += ["--mask", file]
            answers = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            answers = answers if isinstance(answers, list) else [answers]
            times["espalier"].append(sum(answer["seconds"] for answer in answers))
            ours = [answer["metrics"]["accuracy"] for answer in answers]
            agree = agree and all(abs(a - b) < 1e-9 for a, b in zip(found["head_mask"], ours))
    median = {name: statistics.median(values) for name, values in times.items()}
    emit(masks=args.masks, children=args.children, examples=args.examples, tokens=128, batch=args.batch, rounds=args.rounds,
         example_masks_per_second={name: round(args.masks * args.examples / value, 2) for name, value in median.items()},
         ratio_to={name: round(median[name] / median["espalier"], 3) for name in ("head_mask", "prune_heads")},
         accuracies_agree=agree)
    return agree


def experiment(folder, grids, extra=""):
    """Runs grids on WordNet and gives each cell's points and timing."""
    data, model = pathlib.Path(args.data).resolve(), pathlib.Path(args.model).resolve()
    file = folder / "bench.toml"
    file.write_text(f'''espalier = 1
name = "bench"
question = "What does searching cost?"
[model.minilm]
family = "bert"
checkpoint = "{model}"
train = {{ epochs = 1 }}
[dataset.wordnet]
format = "text-classification"
train = "{data}/train.tsv"
validation = "{data}/validation.tsv"
test = "{data}/test.tsv"
{extra}
''' + grids)
    subprocess.run([espalier, "run", str(file), "--workers", "1", "--threads", str(args.threads)], check=True, cwd=folder,
                   stdout=subprocess.DEVNULL)
    keys = json.loads(subprocess.run([espalier, "status", str(file), "--json"], check=True, cwd=folder,
                                     stdout=subprocess.PIPE).stdout)
    return file, keys


def cells_of(folder):
    import sqlite3
    base = sqlite3.connect(folder / "results" / "bench.db")
    for settings, details, timing in base.execute(
            "select cell.settings, point.details, attempt.timing from cell join attempt on attempt.cell_id = cell.id "
            "join point on point.attempt_id = attempt.id where point.kind = 'pruned'"):
        yield json.loads(settings), json.loads(details), json.loads(timing)


def gates(folder):
    seeds = list(range(args.rounds))
    training = "epochs = 1, batch = 32, learning_rate = 2e-5, warmup = 0.0"
    experiment(folder, "".join(f'''
[[grid]]
model = "minilm"
dataset = "wordnet"
granularity = "head"
scorer = "magnitude"
sparsity = 0.0
recovery = {{ plugin = "finetune", optimiser = "adamw", decay = "linear", {training} }}
seed = {seed}
[[grid]]
model = "minilm"
dataset = "wordnet"
granularity = "head"
searcher = {{ plugin = "differentiable-subset", decay = "linear", {training} }}
heads = 36
seed = {seed}
''' for seed in seeds), "limit = { train = 640, validation = 32, test = 64 }")
    plain, gated = [], []
    for settings, details, timing in cells_of(folder):
        if settings["searcher"]["plugin"] == "ranking":
            plain += [report["seconds"] / report["steps"] for reports in timing["recovery"] for report in reports]
        else:
            gated += [report["seconds"] / report["steps"] for report in details["search"]["trainings"]]
    emit(plain_milliseconds_a_step=round(1000 * statistics.median(plain), 2),
         gated_milliseconds_a_step=round(1000 * statistics.median(gated), 2),
         ratio=round(statistics.median(gated) / statistics.median(plain), 3), rounds=args.rounds)
    return True


def stopping(folder):
    import shutil
    searchers = {"lazy-greedy": '{ plugin = "a-star" }',
                 "a-star": '{ plugin = "a-star", method = "a-star", heuristic = "single", evaluations = 300 }'}
    for name, searcher in searchers.items():
        # Each search on its own: none finds the answers of another.
        shutil.rmtree(folder / "results" / "cache" / "evaluations", ignore_errors=True)
        (folder / "results" / "bench.db").unlink(missing_ok=True)
        experiment(folder, f'''
[[grid]]
model = "minilm"
dataset = "wordnet"
granularity = "head"
searcher = {searcher}
loss_of_metric = {args.loss}
''', "limit = { train = 4000, validation = 1000, test = 200 }")
        for _, details, _ in cells_of(folder):
            search = details["search"]
            emit(searcher=name, loss_of_metric=args.loss, evaluations=search["evaluations"], stopped=search["stopped"],
                 examples=search["examples"], examples_asked=search["examples_asked"],
                 share_saved=round(1 - search["examples"] / search["examples_asked"], 3),
                 heads_pruned=search["notes"]["heads_pruned"], guarantee_met=search["notes"]["guarantee_met"],
                 ended_by=search["notes"]["ended_by"], seconds=round(search["seconds"], 1))
    return True


with tempfile.TemporaryDirectory() as name:
    sys.exit(0 if {"nodes": nodes, "gates": gates, "stopping": stopping}[args.question](pathlib.Path(name)) else 1)

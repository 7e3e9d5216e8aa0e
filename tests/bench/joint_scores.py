"""What several scorers of one grid take in one pass over their examples, and in one pass each.

Usage: python tests/bench/joint_scores.py --model DIR --tsv FILE [--examples 128] [--threads 2] [--rounds 1]

DIR is a fine-tuned BERT checkpoint with a head (.deps/gpu-kit/minilm-wordnet), FILE a table with columns text and label. A grid of
all scorers of a kind is run by one worker, then a grid of each alone, from an empty cache and database every time; given is what the
attempts recorded of the stage "scores", summed. Scores must be equal in every bit, or the exit code is 1.
"""
import argparse
import json
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True)
parser.add_argument("--tsv", required=True)
parser.add_argument("--examples", type=int, default=128)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=1)
parser.add_argument("--espalier", default="build/bin/espalier")
args = parser.parse_args()

KINDS = {
    "gradients of mini-batches": {
        "taylor-square": 'plugin = "taylor"', "taylor-absolute": 'plugin = "taylor"\npower = "absolute"',
        "fisher-batch": 'plugin = "fisher"\nsquares = "per-batch"\nbatch = 32',
        "fisher-weighted": 'plugin = "fisher"\nsquares = "per-batch"\nweighted = true\nbatch = 32',
        "mask-fisher": 'plugin = "mask-fisher"'},
    "attention": {name: f'plugin = "{name}"' for name in ("entropy", "confidence", "wanda")},
}


def experiment(scorers):
    table = pathlib.Path(args.tsv).resolve()
    text = f"""espalier = 1
name = "joint"
question = "What do scores cost?"
[model.m]
family = "bert"
checkpoint = "{pathlib.Path(args.model).resolve()}"
[dataset.d]
format = "text-classification"
train = "{table}"
validation = "{table}"
test = "{table}"
limit = {{ train = {args.examples}, validation = {args.examples}, test = 8 }}
"""
    for name, lines in scorers.items():
        text += f'[scorer.{name}]\n{lines}\nsplit = "validation"\nsamples = 0\n'
    return text + f"""[[grid]]
model = "m"
dataset = "d"
granularity = "head"
scorer = {json.dumps(list(scorers))}
searcher = "ranking"
sparsity = 0.5
[measure]
proof = false
"""


def run(scorers):
    """Seconds of the stage scores, and the scores' files by settings."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "joint.toml")
        file.write_text(experiment(scorers))
        done = subprocess.run([pathlib.Path(args.espalier).resolve(), "run", str(file), "--workers", "1", "--threads",
                               str(args.threads)], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"espalier run ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        database = sqlite3.connect(pathlib.Path(folder, "results", "joint.db"))
        seconds = sum(json.loads(timing)["seconds"]["scores"] for timing, in database.execute("select timing from attempt"))
        files = {path.name: path.read_bytes() for path in pathlib.Path(folder, "results", "cache", "scores").glob("*.safetensors")}
        return seconds, files


agree = True
for kind, scorers in KINDS.items():
    together, apart = [], []
    for _ in range(args.rounds):
        seconds, files = run(scorers)
        together.append(seconds)
        each = [run({name: lines}) for name, lines in scorers.items()]
        apart.append(sum(seconds for seconds, _ in each))
        alone = {name: content for _, found in each for name, content in found.items()}
        agree = agree and len(files) == len(scorers) and files == alone
    print(json.dumps({"kind": kind, "scorers": len(scorers), "examples": args.examples,
                      "seconds_together": round(statistics.median(together), 2),
                      "seconds_apart": round(statistics.median(apart), 2),
                      "ratio": round(statistics.median(apart) / statistics.median(together), 2), "equal": agree}), flush=True)
sys.exit(0 if agree else 1)

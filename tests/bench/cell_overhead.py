"""What does a trivial cell cost beyond its evaluation, beside what SQLite alone needs for a claim and a result?

Usage: python tests/bench/cell_overhead.py [--espalier build/bin/espalier ...] [--rounds 3] [--cells 1000] [--workers 1]
                                           [--kinds new known] [--work FOLDER]

The model has 2 layers of width 64 and random weights, the test split 16 texts of a few words. Cells of two kinds:

  new masks     every cell has a mask of its own (ranking by magnitude, of scores that are kept): evaluated, proven, kept
  known masks   every cell has the same mask, under another seed

Times are those that the database holds: from the start of the first attempt to the end of the last, without those at the
beginning; so programs, models and scores are there already. Several programs take turns. The floors are made in the
same folder by Python's sqlite3 with WAL and synchronous=NORMAL as the product has them: a claim and a result are one
commit each (`sqlite_claim`), and a small file written, synced and renamed (`synced_file`).
"""
import argparse
import json
import os
import pathlib
import random
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time

WIDTH, HEADS, LAYERS, INNER, WORDS = 64, 4, 2, 128, ["red", "green", "blue", "cat", "dog", "bird", "one", "two"]
WARM = 50  # cells at the beginning that are not counted

HEAD = """espalier = 1
name = "{name}"
[model.m]
family = "bert"
checkpoint = "model"
[dataset.d]
format = "text-classification"
train = "train.tsv"
validation = "validation.tsv"
test = "test.tsv"
max_tokens = 8
[[grid]]
model = "m"
dataset = "d"
scorer = "magnitude"
searcher = "ranking"
"""
GRIDS = {
    "new masks": """granularity = ["head-channel", "q-channel", "k-channel", "v-channel", "o-channel"]
scope = ["local", "global"]
sparsity = {{ from = 0.01, to = {last}, step = 0.0078 }}
""",
    "known masks": """granularity = "head"
sparsity = 0.5
seed = "0..{cells}"
""",
}


def write_model(folder):
    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "config.json").write_text(json.dumps({
        "model_type": "bert", "hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS,
        "intermediate_size": INNER, "vocab_size": len(vocabulary), "max_position_embeddings": 16, "type_vocab_size": 2,
        "hidden_act": "gelu", "id2label": {"0": "a", "1": "b"}, "label2id": {"a": 0, "b": 1},
        "architectures": ["BertForSequenceClassification"]}))
    shapes = {"bert.embeddings.word_embeddings.weight": (len(vocabulary), WIDTH),
              "bert.embeddings.position_embeddings.weight": (16, WIDTH),
              "bert.embeddings.token_type_embeddings.weight": (2, WIDTH)}

    def linear(name, rows, columns):
        shapes[name + ".weight"], shapes[name + ".bias"] = (rows, columns), (rows,)

    def norm(name):
        shapes[name + ".LayerNorm.weight"] = shapes[name + ".LayerNorm.bias"] = (WIDTH,)

    norm("bert.embeddings")
    for layer in range(LAYERS):
        name = f"bert.encoder.layer.{layer}."
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            linear(name + part, WIDTH, WIDTH)
        norm(name + "attention.output")
        linear(name + "intermediate.dense", INNER, WIDTH)
        linear(name + "output.dense", WIDTH, INNER)
        norm(name + "output")
    linear("bert.pooler.dense", WIDTH, WIDTH)
    linear("classifier", 2, WIDTH)
    draw = random.Random(1)
    header, data = {}, b""
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        tensor = struct.pack(f"<{count}f", *(draw.gauss(1 if "LayerNorm.weight" in name else 0, 0.2) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(tensor)]}
        data += tensor
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)


def write_world(folder, cells):
    write_model(folder / "model")
    draw = random.Random(2)
    for split, rows in (("train", 16), ("validation", 16), ("test", 16)):
        lines = [" ".join(draw.choices(WORDS, k=draw.randint(1, 5))) + "\t" + draw.choice("ab") for _ in range(rows)]
        (folder / f"{split}.tsv").write_text("text\tlabel\n" + "\n".join(lines) + "\n")
    for name, grid in GRIDS.items():
        last = round(0.01 + 0.0078 * (cells // 10 - 1), 4)
        (folder / f"{name.split()[0]}.toml").write_text(
            HEAD.format(name=name.split()[0]) + grid.format(last=min(last, 0.99), cells=cells - 1))


def run(program, folder, name, workers):
    results = folder / "results"
    subprocess.run(["rm", "-rf", results], check=True)
    environment = {**os.environ, "ESPALIER_CACHE": str(results / "cache")}
    begun = time.perf_counter()
    subprocess.run([program, "run", f"{name}.toml", "--workers", str(workers), "--threads", "1"], cwd=folder, check=True,
                   env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - begun
    database = sqlite3.connect(results / f"{name}.db")
    rows = database.execute("SELECT started, ended, seconds, timing FROM attempt WHERE outcome = 'done' ORDER BY started").fetchall()
    rows = rows[WARM:]
    milliseconds = 1000 * (max(row[1] for row in rows) - rows[0][0]) / len(rows)
    timings = [json.loads(row[3]) for row in rows]
    stages = {}
    for timing in timings:
        for stage, seconds in timing["seconds"].items():
            stages[stage] = stages.get(stage, 0) + 1000 * seconds / len(rows)
    attempt = 1000 * statistics.mean(row[2] for row in rows)
    return {"cells": len(rows) + WARM, "wall_seconds": round(wall, 2), "ms_per_cell": round(milliseconds, 3),
            "ms_in_engine": round(attempt, 3), "ms_claim_and_finish": round(milliseconds * workers - attempt, 3),
            "ms_beyond_evaluation": round(milliseconds * workers - stages.get("evaluation", 0), 3),
            "ms_by_stage": {stage: round(value, 3) for stage, value in stages.items()}}


def floors(folder, count=2000):
    database = sqlite3.connect(folder / "floor.db", isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                           "CREATE TABLE cell (id INTEGER PRIMARY KEY, state INTEGER, value REAL);"
                           "CREATE INDEX by_state ON cell (state); BEGIN;")
    database.executemany("INSERT INTO cell VALUES (?, 0, NULL)", ((i,) for i in range(count)))
    database.execute("COMMIT")
    begun = time.perf_counter()
    while row := database.execute("UPDATE cell SET state = 1 WHERE id = (SELECT id FROM cell WHERE state = 0 LIMIT 1) RETURNING id").fetchone():
        database.execute("UPDATE cell SET state = 2, value = 1.0 WHERE id = ?", row)
    claims = time.perf_counter() - begun
    begun = time.perf_counter()
    for i in range(count // 10):
        with open(folder / "part", "wb") as file:
            file.write(bytes(2000))
            file.flush()
            os.fsync(file.fileno())
        os.rename(folder / "part", folder / f"floor-{i}")
    files = time.perf_counter() - begun
    return {"sqlite_claim_ms": round(1000 * claims / count, 4), "synced_file_ms": round(10000 * files / count, 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--espalier", nargs="+", default=["build/bin/espalier"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, default=1000, help="at most 1,200 of the new masks differ")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=["new", "known"])
    parser.add_argument("--work", help="folder for models, databases and caches; by default a temporary one")
    args = parser.parse_args()
    programs = [str(pathlib.Path(program).resolve()) for program in args.espalier]
    with tempfile.TemporaryDirectory(dir=args.work) as name:
        folder = pathlib.Path(name)
        write_world(folder, args.cells)
        for kind in args.kinds:
            for turn in range(args.rounds):
                for program in programs:
                    measured = run(program, folder, kind, args.workers)
                    print(json.dumps({"bench": "cell_overhead", "masks": kind, "espalier": program, "workers": args.workers,
                                      "load1": round(os.getloadavg()[0], 2), **measured}))
                    sys.stdout.flush()
        print(json.dumps({"bench": "floors", **floors(folder)}))


if __name__ == "__main__":
    main()

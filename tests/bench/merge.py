"""How quickly shards come home: makes a plan, computes one share of it with the programs, multiplies that into many shards of
other cells, merges all of them in one call, and once more. Prints seconds, shards and cells.

    python3 tests/bench/merge.py --shards 1000 --cells 100

What a shard holds is what 'espalier worker' wrote, with other keys: the fake worker of the tests computes its cells.
"""

import argparse
import os
import pathlib
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def experiment(folder: pathlib.Path, cells: int) -> None:
    (folder / "model").mkdir()
    (folder / "model/config.json").write_text('{"model_type": "bert"}')
    (folder / "model/vocab.txt").write_text("[UNK]\n")
    header = b'{"bert.embeddings.word_embeddings.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}'
    (folder / "model/model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    for split in ("train", "validation", "test"):
        (folder / f"{split}.tsv").write_text("text\tlabel\none\ta\nb\tb\n")
    (folder / "many.toml").write_text(f"""espalier = 1
name = "many"
[model.small]
family = "bert"
checkpoint = "model"
train = {{ epochs = 1 }}
[dataset.few]
format = "text-classification"
train = "train.tsv"
validation = "validation.tsv"
test = "test.tsv"
[[grid]]
model = "small"
dataset = "few"
granularity = "head"
scorer = "magnitude"
sparsity = 0.5
seed = "0..{cells - 1}"
""")


def multiply(shard: pathlib.Path, shards: int, folder: pathlib.Path) -> None:
    """Copies with keys, positions and times of their own, as other tasks would have written them."""
    folder.mkdir()
    for number in range(shards):
        copy = folder / f"shard-{number + 1}-of-{shards}-000000000000.node-{number}-1-1.db"
        shutil.copyfile(shard, copy)
        database = sqlite3.connect(copy)
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA journal_mode = MEMORY")
        database.execute("UPDATE cell SET key = substr(key, 1, 48) || printf('%016x', ?)", (number,))
        database.execute("UPDATE experiment_cell SET position = position + 1000 * ?", (number,))
        database.execute("UPDATE attempt SET worker = ?", (f"node:{number}:1",))
        database.commit()
        database.close()


def timed(command: list, folder: pathlib.Path, environment: dict) -> tuple:
    began = time.perf_counter()
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return seconds, ran.stdout


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--shards", type=int, default=1000)
    words.add_argument("--cells", type=int, default=100, help="of each shard")
    words.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    given = words.parse_args()
    espalier = given.build / "bin/espalier"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        experiment(folder, given.cells)
        (folder / "bin").mkdir()
        (folder / "bin/espalier-worker").symlink_to(given.build / "bin/fake_worker")
        for plugin, text in (("magnitude", "scorer 1.0"), ("ranking", "searcher 1.0")):
            (folder / "plugins").mkdir(exist_ok=True)
            (folder / f"plugins/{plugin}.so").write_text(text)
        environment = dict(os.environ, ESPALIER_WORKER=str(folder / "bin/espalier-worker"), TMPDIR=name,
                           ESPALIER_CACHE=str(folder / "cache"))
        timed([espalier, "submit", "many.toml", "--tasks", "1", "--dry-run"], folder, environment)
        _, printed = timed([espalier, "worker", "results/many.submit/plan.db", "--shard", "1/1"], folder, environment)
        multiply(folder / printed.splitlines()[0], given.shards, folder / "shards")
        size = sum(file.stat().st_size for file in (folder / "shards").iterdir())
        before = processor_seconds()
        seconds, printed = timed([espalier, "merge", "all.db", "shards"], folder, environment)
        computed = processor_seconds() - before
        again, _ = timed([espalier, "merge", "all.db", "shards"], folder, environment)
        status, told = timed([espalier, "status", "all.db"], folder, environment)
        print(printed, end="")
        print(told.splitlines()[0])
        print(f"{given.shards} shards of {given.cells} cells ({size / 1e6:.0f} MB): {seconds:.1f} s, "
              f"of a processor {computed:.1f} s; once more {again:.1f} s; status {status:.2f} s")
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

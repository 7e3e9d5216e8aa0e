#!/usr/bin/env python3
"""Real processes under real kills: a run with many workers and short cells, whose workers are killed with SIGKILL, now and then
the program that drives them too, and whose disk fills up once. At the end every cell is done exactly once.

usage: torture.py --espalier PROGRAM --worker PROGRAM [--cells 2000] [--workers 8] [--seconds 60] [--seed 1] [--json]

ESPALIER_TORTURE_SECONDS is the default of --seconds: how long is killed; afterwards the run is left in peace to its end. The
worker may be the tests' own, which claims from the real database and computes nothing (FAKE_SLEEP is set for it), or
espalier-worker with a tiny model. The full disk is the largest size that a file may have (RLIMIT_FSIZE), so that nobody needs
to be root.
"""
import argparse
import json
import os
import pathlib
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

EXPERIMENT = """espalier = 1
name = "torture"
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
granularity = "head"
scorer = "magnitude"
sparsity = 0.5
seed = "0..{last}"
"""


def write_world(folder, cells):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
    from cell_overhead import write_world as write_tiny
    write_tiny(folder, 100)
    (folder / "torture.toml").write_text(EXPERIMENT.format(last=cells - 1))


def processes_of(folder):
    """Numbers of processes whose command line names this folder, or that work in it."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if os.readlink(entry / "cwd") == str(folder) and (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                found.append((int(entry.name), (entry / "cmdline").read_bytes().split(b"\0")))
        except OSError:
            pass
    return found


def worker_program(args, folder):
    """The tests' own worker describes texts as plugins, beside which it is looked for."""
    if pathlib.Path(args.worker).name != "fake_worker":
        return args.worker
    for path, text in {"plugins/magnitude.so": "scorer 1.0", "plugins/ranking.so": "searcher 1.0"}.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    (folder / "bin").mkdir()
    (folder / "bin/espalier-worker").symlink_to(pathlib.Path(args.worker).resolve())
    return str(folder / "bin/espalier-worker")


class Run:
    """The program that drives, started again whenever it has ended."""

    def __init__(self, args, folder, environment):
        self.command = [args.espalier, "run", "torture.toml", "--workers", str(args.workers), "--threads", "1"]
        self.folder, self.environment = folder, environment
        self.log = open(folder / "run.log", "ab")
        self.starts = 0
        self.process = None

    def start(self, largest_file=None):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
        self.starts += 1
        self.process = subprocess.Popen(self.command, cwd=self.folder, env=self.environment, stdout=self.log, stderr=self.log,
                                        preexec_fn=limit if largest_file else None)

    def has_ended(self):
        return self.process is None or self.process.poll() is not None


def counts(database):
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30) as connection:
            return dict(connection.execute("SELECT state, count(*) FROM cell GROUP BY 1"))
    except sqlite3.OperationalError:
        return {}


def torment(args, folder, run, database):
    draw = random.Random(args.seed)
    happened = {"workers_killed": 0, "drivers_killed": 0, "full_disks": 0}
    end = time.monotonic() + args.seconds
    filled_at = time.monotonic() + args.seconds / 5
    run.start()
    while time.monotonic() < end:
        time.sleep(draw.uniform(0.02, 0.3))
        if counts(database).get("done", 0) >= args.cells:
            break
        if run.has_ended():
            run.start()
        workers = [number for number, words in processes_of(folder) if b"cells" in words]
        if workers:
            try:
                os.kill(draw.choice(workers), signal.SIGKILL)
                happened["workers_killed"] += 1
            except ProcessLookupError:
                pass
        if workers and draw.random() < 0.05:
            run.process.kill()
            run.process.wait()
            happened["drivers_killed"] += 1
        if filled_at and time.monotonic() > filled_at and database.exists():
            filled_at = None
            fill_the_disk(run, database, happened)
    return happened


def fill_the_disk(run, database, happened):
    """Starts the run again under a limit that its files reach soon; it ends by itself, with 4 and a sentence."""
    run.process.terminate()
    run.process.wait()
    log = pathlib.Path(str(database) + "-wal")
    largest = max(file.stat().st_size for file in (database, log) if file.exists()) + 200_000
    run.start(largest)
    try:
        code = run.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        run.process.terminate()
        run.process.wait()
        return
    happened["full_disks"] += 1 if code == 4 else 0


def leave_in_peace(run, folder):
    while True:
        if run.has_ended():
            if run.process is not None and run.process.returncode == 0:
                return
            run.start()
        time.sleep(0.1)
        if run.starts > 500:
            raise SystemExit("the run does not come to its end:\n" + (folder / "run.log").read_text(errors="replace")[-4000:])


def faults(args, folder, database):
    """What is wrong at the end, in sentences."""
    with sqlite3.connect(database) as connection:
        one = lambda sql: connection.execute(sql).fetchone()[0]
        checks = [
            ("PRAGMA integrity_check", lambda found: found == "ok", "the database is damaged: {}"),
            ("SELECT count(*) FROM cell", lambda found: found == args.cells, "there are {} cells"),
            ("SELECT count(*) FROM cell WHERE state <> 'done'", lambda found: found == 0, "{} cells are not done"),
            ("SELECT count(*) FROM (SELECT cell_id FROM attempt WHERE outcome = 'done' GROUP BY 1 HAVING count(*) <> 1)",
             lambda found: found == 0, "{} cells are done twice"),
            ("SELECT count(*) FROM attempt WHERE outcome = 'running'", lambda found: found == 0, "{} attempts still run"),
            ("SELECT count(*) FROM cell WHERE attempt_id IS NULL OR point_id IS NULL", lambda found: found == 0,
             "{} cells are done without a result"),
            ("SELECT count(*) FROM cell JOIN experiment_cell AS copy ON copy.cell_id = cell.id WHERE copy.state <> cell.state",
             lambda found: found == 0, "{} states differ from their copies"),
        ]
        wrong = [text.format(found) for sql, holds, text in checks for found in [one(sql)] if not holds(found)]
        attempts = dict(connection.execute("SELECT outcome, count(*) FROM attempt GROUP BY 1"))
    time.sleep(0.5)
    left = [number for number, _ in processes_of(folder)]
    if left:
        wrong.append(f"processes are left: {left}")
    return wrong, attempts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--espalier", required=True)
    parser.add_argument("--worker", required=True)
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("ESPALIER_TORTURE_SECONDS", "60")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.espalier, args.worker = (str(pathlib.Path(path).resolve()) for path in (args.espalier, args.worker))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        write_world(folder, args.cells)
        environment = {**os.environ, "ESPALIER_WORKER": worker_program(args, folder), "ESPALIER_CACHE": str(folder / "cache"),
                       "XDG_CACHE_HOME": str(folder / "user-cache"), "OMP_NUM_THREADS": "1",
                       # Cells last about as long as they are tormented.
                       "FAKE_SLEEP": str(max(0.01, 0.5 * args.seconds * args.workers / args.cells))}
        database = folder / "results/torture.db"
        begun = time.monotonic()
        run = Run(args, folder, environment)
        happened = torment(args, folder, run, database)
        tormented = time.monotonic() - begun
        done_then = counts(database).get("done", 0)
        leave_in_peace(run, folder)
        wrong, attempts = faults(args, folder, database)
        result = {"cells": args.cells, "workers": args.workers, "worker": pathlib.Path(args.worker).name, "seed": args.seed,
                  **happened, "runs_started": run.starts, "attempts": attempts, "seconds_of_kills": round(tormented, 1),
                  "done_under_kills": done_then, "seconds": round(time.monotonic() - begun, 1), "faults": wrong,
                  "load1": round(os.getloadavg()[0], 1)}
        print(json.dumps(result))
        if wrong:
            print((folder / "run.log").read_text(errors="replace")[-4000:], file=sys.stderr)
        happened_enough = happened["workers_killed"] > 0
        return 1 if wrong or not happened_enough else 0


if __name__ == "__main__":
    sys.exit(main())

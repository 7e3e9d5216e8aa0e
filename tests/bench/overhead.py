"""What does a trivial cell cost, beside programs that hand out trivial work and keep what came of it?

Usage: python tests/bench/overhead.py [--espalier build/bin/espalier] [--worker build/bin/fake_worker] [--cells 2000]
                                      [--workers 4] [--rounds 3] [--large 0] [--work FOLDER] [--only NAME ...]

Each variant hands out --cells pieces of work that do nothing to --workers processes and keeps a number of each:

  espalier          `espalier run` with a worker that claims from the real database and computes nothing (the tests' own)
  sqlite_full       bare multiprocessing: each process claims by UPDATE ... RETURNING and writes its result, WAL and FULL
  sqlite_normal     the same with synchronous=NORMAL, which a power cut may take back
  optuna            one study in SQLite, as many processes, RandomSampler; where optuna is installed
  optuna_journal    the same in its journal file
  hyperqueue        LocalCluster, one /bin/true a task; where hyperqueue is installed

`per_cell_and_worker_ms` is the wall time from the first to the last cell, times workers, by cells; starts of programs are left
out where a database says when (espalier), else the whole is counted after all processes are ready. Variants take turns.
--large N also inserts N cells of one grid by `plan` and `run --only` of one of them, and times `status`.
On a busy machine every figure is an upper bound: load1 is printed with each.
"""
import argparse
import importlib.util
import json
import multiprocessing
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "torture"))
import torture  # noqa: E402  the folder with the tiny model, and the fake worker beside its plugins


def world(args, folder, cells):
    torture.write_world(folder, cells)
    program = torture.worker_program(argparse.Namespace(worker=str(pathlib.Path(args.worker).resolve())), folder)
    return {**os.environ, "ESPALIER_WORKER": program, "ESPALIER_CACHE": str(folder / "cache"),
            "XDG_CACHE_HOME": str(folder / "user-cache"), "OMP_NUM_THREADS": "1"}


def espalier(args, folder):
    environment = world(args, folder, args.cells)
    subprocess.run([args.espalier, "run", "torture.toml", "--workers", str(args.workers), "--threads", "1"], cwd=folder,
                   env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with sqlite3.connect(folder / "results/torture.db") as database:
        count, first, last = database.execute(
            "SELECT count(*), min(started), max(ended) FROM attempt WHERE outcome = 'done'").fetchone()
    assert count == args.cells, count
    return last - first


def claim_and_finish(path, durable, barrier):
    database = sqlite3.connect(path, isolation_level=None, timeout=60)
    database.execute(f"PRAGMA synchronous={durable}")
    barrier.wait()
    while row := database.execute("UPDATE cell SET state = 1 WHERE id = (SELECT id FROM cell WHERE state = 0 LIMIT 1) "
                                  "RETURNING id").fetchone():
        database.execute("UPDATE cell SET state = 2, value = ? WHERE id = ?", (float(row[0]), row[0]))


def timed_together(count, function, *given):
    barrier = multiprocessing.Barrier(count + 1)
    processes = [multiprocessing.Process(target=function, args=(*given, barrier)) for _ in range(count)]
    for process in processes:
        process.start()
    barrier.wait()
    begun = time.perf_counter()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return time.perf_counter() - begun


def sqlite_alone(args, folder, durable):
    path = folder / "floor.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE cell (id INTEGER PRIMARY KEY, state INTEGER, value REAL)")
        database.execute("CREATE INDEX by_state ON cell (state)")
        database.executemany("INSERT INTO cell VALUES (?, 0, NULL)", ((i,) for i in range(args.cells)))
    return timed_together(args.workers, claim_and_finish, path, durable)


def optuna_storage(folder, journal):
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if not journal:
        return f"sqlite:///{folder}/o.db"
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    return JournalStorage(JournalFileBackend(f"{folder}/o.log"))


def optuna_worker(folder, journal, trials, barrier):
    import optuna
    study = optuna.load_study(study_name="s", storage=optuna_storage(folder, journal), sampler=optuna.samplers.RandomSampler())
    barrier.wait()
    study.optimize(lambda trial: float(trial.suggest_int("cell", 0, 10**6)), n_trials=trials)


def optuna(args, folder, journal=False):
    import optuna as installed
    installed.create_study(study_name="s", storage=optuna_storage(folder, journal))
    return timed_together(args.workers, optuna_worker, folder, journal, args.cells // args.workers)


def hyperqueue(args, folder):
    import logging
    logging.disable(logging.INFO)
    from hyperqueue import Job, LocalCluster
    from hyperqueue.cluster import WorkerConfig
    with LocalCluster(str(folder / "hq"), WorkerConfig(cores=args.workers)) as cluster:
        client = cluster.client()
        job = Job(default_workdir=folder)
        for _ in range(args.cells):
            job.program(["/bin/true"], stdout=None, stderr=None)
        begun = time.perf_counter()
        client.wait_for_jobs([client.submit(job)])
        return time.perf_counter() - begun


VARIANTS = {"espalier": espalier, "sqlite_full": lambda args, folder: sqlite_alone(args, folder, "FULL"),
            "sqlite_normal": lambda args, folder: sqlite_alone(args, folder, "NORMAL"), "optuna": optuna,
            "optuna_journal": lambda args, folder: optuna(args, folder, True), "hyperqueue": hyperqueue}


def report(name, **fields):
    print(json.dumps({"bench": "overhead", "variant": name, **fields, "load1": round(os.getloadavg()[0], 2)}), flush=True)


def timed(command, folder, environment):
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    return {"seconds": round(time.perf_counter() - begun, 2), "peak_mib": round(usage.ru_maxrss / 1024), "code": os.waitstatus_to_exitcode(status)}


def many(args, folder):
    environment = world(args, folder, args.large)
    report("plan", cells=args.large, **timed([args.espalier, "plan", "torture.toml"], folder, environment))
    # Its worker ends at once: what is timed is the way to the first cell.
    report("start", cells=args.large, **timed([args.espalier, "run", "torture.toml"], folder,
                                              {**environment, "FAKE_CELLS_EXIT": "5"}))
    for _ in range(3):
        report("status", cells=args.large, **timed([args.espalier, "status", "results/torture.db"], folder, environment))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--espalier", default="build/bin/espalier")
    parser.add_argument("--worker", default="build/bin/fake_worker")
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--work")
    parser.add_argument("--only", nargs="*", default=[])
    args = parser.parse_args()
    args.espalier = str(pathlib.Path(args.espalier).resolve())
    needs = {"optuna": "optuna", "optuna_journal": "optuna", "hyperqueue": "hyperqueue"}
    for _ in range(args.rounds):
        for name, variant in VARIANTS.items():
            if args.only and name not in args.only:
                continue
            if name in needs and importlib.util.find_spec(needs[name]) is None:
                report(name, left_out=f"{needs[name]} is not installed")
                continue
            with tempfile.TemporaryDirectory(dir=args.work) as folder:
                seconds = variant(args, pathlib.Path(folder))
            report(name, cells=args.cells, workers=args.workers, seconds=round(seconds, 3),
                   cells_per_second=round(args.cells / seconds, 1),
                   per_cell_and_worker_ms=round(1000 * seconds * args.workers / args.cells, 3))
    if args.large > 0:
        with tempfile.TemporaryDirectory(dir=args.work) as folder:
            many(args, pathlib.Path(folder))


if __name__ == "__main__":
    main()

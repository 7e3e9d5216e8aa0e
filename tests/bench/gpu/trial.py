"""Runs a kit's trial within a number of seconds, the most valuable first; run.sh starts it.

Usage: python trial.py SECONDS. Writes OUT/results.jsonl as results come, and a table at the end. STEPS, a list of sections
with commas, runs those only.
"""
import platform
import re
import shutil
import subprocess
import threading

import espalier_side
from facts import *
from summary import main as print_table

SECONDS = float(sys.argv[1])
DEADLINE = BEGUN + SECONDS - 3  # the table needs a moment
CHOSEN = os.environ.get("STEPS", "")


def left():
    return DEADLINE - time.time()


def chosen(name):
    return not CHOSEN or name in CHOSEN.split(",")


def program(name, *words):
    log = open(OUT / f"{name.removesuffix('.py')}.log", "w")
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    return subprocess.Popen([sys.executable, "-u", str(KIT / "bench" / name), *words], env=environment, stdin=subprocess.DEVNULL,
                            stdout=sys.stdout, stderr=log)


def espalier(section, most=90):
    if not chosen(section.__name__):
        return
    if left() < 5:
        return say(f"no time left for {section.__name__} of Espalier")
    espalier_side.until[0] = min(DEADLINE, time.time() + most)
    try:
        section()
    except Exception as error:
        say(f"FAILED: espalier, {section.__name__}: {type(error).__name__}: {str(error)[:300]}")


class Peer:
    def __init__(self):
        for folder in ("go", "done"):
            shutil.rmtree(WORK / folder, ignore_errors=True)
            (WORK / folder).mkdir(parents=True)
        self.process = program("transformers_side.py")

    def turn(self, section, most=60):
        """Waits until the section is done; a peer that is not there, or late, ends its turns."""
        if self.process is None or (section != "start" and not chosen(section)):
            return
        if left() < 5:
            return say(f"no time left for {section} of transformers")
        (WORK / "go" / section).touch()
        until = time.time() + min(most, left())
        while not (WORK / "done" / section).exists():
            if self.process.poll() is not None:
                say("transformers is not measured: " + ((OUT / "transformers_side.log").read_text().strip().split("\n") or [""])[-1][:300])
                self.process = None
                return
            if time.time() > until:
                say(f"transformers: {section} took more than {min(most, left()):.0f} s; it is not asked again")
                self.end()
                return
            time.sleep(0.05)

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def gpu_tests(most=100):
    test = KIT / "tests/gpu_test"
    if not test.exists() or not chosen("gpu_tests"):
        return
    begun, shards, running = time.time(), 4 if CUDA else 1, []
    until = begun + min(most, left())
    for shard in range(shards):  # each a process that starts cold, but together they take a fraction of the time
        environment = dict(espalier_side.ENVIRONMENT, ESPALIER_TEST_PLUGINS=str(KIT / "espalier/lib/espalier/plugins"),
                           GTEST_TOTAL_SHARDS=str(shards), GTEST_SHARD_INDEX=str(shard), OMP_NUM_THREADS="1")
        log = open(WORK / f"gpu_test-{shard}.log", "w")
        running.append(subprocess.Popen([str(test), "--gtest_color=no"], env=environment, cwd=KIT / "tests", stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=subprocess.STDOUT))
    code = 0
    for process in running:
        try:
            code = process.wait(timeout=max(0.1, until - time.time())) or code
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = 124
    lines = "\n".join((WORK / f"gpu_test-{shard}.log").read_text(errors="replace") for shard in range(shards)).strip().split("\n")
    (OUT / "gpu_test.log").write_text("\n".join(lines) + "\n")
    ran = [line.removesuffix(", listed below:") for line in lines if re.match(r"\[  (PASSED|SKIPPED|FAILED)  ?\] \d+ test", line)]
    for line in [line for line in lines if "Failure" in line or "FAILED" in line][:12]:
        say(line[:300])
    ran_some = not CUDA or not all("PASSED  ] 0 tests" in line for line in lines if "PASSED  ]" in line)  # without a GPU all are skipped
    keep(kind="tests", what="tests labelled gpu", passed=code == 0 and ran_some, found=f"exit code {code}: {'; '.join(ran)}")
    say(f"tests labelled gpu: exit code {code} after {time.time() - begun:.1f} s; {'; '.join(ran) or lines[-1][:200]}")


def machine():
    facts = {"host": f"{platform.system()} {platform.release()}, {os.cpu_count()} cores"}
    if CUDA:
        said = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv,noheader"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        facts["card"] = said.stdout.strip().split("\n")[0]
    keep(kind="machine", **facts)


def main():
    (OUT / "results.jsonl").unlink(missing_ok=True)
    try:
        machine()
    except OSError as error:
        say(f"nvidia-smi: {error}")
    peer = Peer()
    making = program("checkpoints.py")  # the first of them is what all wait for
    gpu_tests()
    making_until = time.time() + min(90, left())
    while making.poll() is None and time.time() < making_until:
        time.sleep(0.05)
    if making.poll() != 0:
        say("FAILED: checkpoints.py: " + (OUT / "checkpoints.log").read_text()[-300:])

    # What must be right, side by side: nothing is timed here.
    espalier(espalier_side.dense, 60)
    espalier_side.until[0] = min(DEADLINE, time.time() + 110)
    beside = [threading.Thread(target=espalier_side.grid, args=(device,)) for device in dict.fromkeys((DEVICE, "cpu")) if chosen("grid")]
    if chosen("parity"):
        beside.append(threading.Thread(target=espalier_side.parity))
    for thread in beside:
        thread.start()
    for thread in beside:
        thread.join()
    if chosen("grid"):
        espalier_side.grid_compared()
    peer.turn("start", 90)

    # What must be fast, in turns.
    espalier(espalier_side.masks)
    peer.turn("masks", 90)
    espalier(espalier_side.masks_long)
    peer.turn("masks_long", 90)
    peer.turn("fisher")
    espalier(espalier_side.fisher)
    peer.turn("fisher_long")
    espalier(espalier_side.fisher_long)
    peer.turn("speech")
    espalier(espalier_side.speech, 120)
    espalier(espalier_side.train, 120)
    peer.turn("train")
    peer.turn("ast")
    espalier(espalier_side.ast)
    peer.turn("together")
    espalier(espalier_side.workers)
    espalier(espalier_side.on_the_cpu)

    (WORK / "go/end").touch()
    peer.end()
    if making.poll() is None:
        making.kill()
    say("end")
    print_table()


if __name__ == "__main__":
    main()

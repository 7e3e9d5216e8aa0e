"""Espalier's processes, as a user starts them: each section runs commands and records what they took."""
import concurrent.futures
import re
import sqlite3
import subprocess
import threading

from facts import *

BIN = KIT / "espalier/bin"
ENVIRONMENT = dict(os.environ, LD_LIBRARY_PATH=os.environ.get("KIT_LIBRARIES", ""), ESPALIER_DATA=str(WORK),
                   ESPALIER_CACHE=str(WORK / "cache"), KIT_DATA=str(KIT / "data"), KIT_WORK=str(WORK))
until = [time.time() + 3600]  # when everything must have ended; trial.py sets it
failures = []
writing = threading.Lock()


def call(words, seconds, **environment):
    """(exit code, stdout, [(time of the line, line of stderr)], seconds). Never longer than the trial may last."""
    limit = max(1.0, min(seconds, until[0] - time.time()))
    begun, lines = time.time(), []
    process = subprocess.Popen([str(BIN / words[0]), *map(str, words[1:])], env=dict(ENVIRONMENT, **environment), cwd=WORK, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    reader = threading.Thread(target=lambda: lines.extend((time.time(), line.rstrip("\n")) for line in process.stderr))
    reader.start()
    watchdog = threading.Timer(limit, process.kill)
    watchdog.start()
    out = process.stdout.read()
    code = process.wait()
    watchdog.cancel()
    reader.join()
    wall = time.time() - begun
    said = "\n".join(line for _, line in lines)
    with writing, open(OUT / "espalier.log", "a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(map(str, words))[:900]}  -> {code} in {wall:.2f} s\n{out[-4000:]}\n{said[-4000:]}\n")
    if code != 0:
        cause = f"killed after {wall:.0f} s; " if code < 0 else ""
        failures.append(f"{words[1]}: exit code {code}: {cause}{said.strip()[-300:]}")
        say(f"FAILED: espalier {words[1]}: exit code {code} after {wall:.1f} s: {cause}{said.strip()[-400:]}")
    return code, out, lines, wall


def worker(command, *words, seconds, device=None, **environment):
    return call(["espalier-worker", command, *words, "--device", device or DEVICE], seconds, **environment)


def masks_of(folder):
    return sorted((WORK / "masks" / folder).glob("mask-*.safetensors"))


def evaluated(model, table, masks, *more, seconds=90, kind="text-classification", tokens=GLOSS_TOKENS, device=None, compute="float32"):
    words = ["--model", WORK / "models" / model, "--data", table, "--format", kind, "--json", "--compute", compute, *more]
    if kind == "text-classification":
        words += ["--max-tokens", tokens]
    for mask in masks:
        words += ["--mask", mask]
    code, out, _, wall = worker("evaluate", *words, seconds=seconds, device=device)
    if code != 0:
        return None, wall
    answer = json.loads(out)
    return answer if isinstance(answer, list) else [answer], wall


def rate_of_masks(question, model, table, masks, *more, unit="masks", per_mask=None, skip=2, compute="float32", variant="", **how):
    answers, wall = evaluated(model, table, masks, *more, compute=compute, **how)
    if answers is None:
        return None
    seconds = [answer["seconds"] for answer in answers]
    metric = lambda answer: answer["metrics"].get("accuracy", answer["metrics"].get("wer"))
    record(question, "espalier", compute, variant or "compacted", seconds[skip:] if len(seconds) > skip else seconds[-1:],
           per_mask(answers[0]) if per_mask else 1, unit, first_seconds=seconds[0], start_seconds=wall - sum(seconds),
           accuracy=[metric(answer) for answer in answers])
    return answers


# --- what must be right


def dense():
    """The same model, whole, on both devices."""
    found = {}
    for device in dict.fromkeys((DEVICE, "cpu")):
        answers, wall = evaluated("minilm", WORK / "data/test.tsv", [], device=device)
        if answers is None:
            return
        metrics = found[device] = answers[0]["metrics"]
        keep(kind="dense", device=device, metrics=metrics, wall_seconds=wall)
        say(f"MiniLM whole on {device}: accuracy {metrics['accuracy']:.4f}, cross-entropy {metrics['cross_entropy']:.7f}; "
            f"the process took {wall:.1f} s")
    if len(found) == 2:
        first, second = found.values()
        check("whole MiniLM on both devices", first["accuracy"] == second["accuracy"] and
              abs(first["cross_entropy"] - second["cross_entropy"]) < 1e-5 * abs(second["cross_entropy"]),
              f"cross-entropy {first['cross_entropy']:.7f} and {second['cross_entropy']:.7f}")


def check(what, passed, found):
    keep(kind="check", what=what, passed=bool(passed), found=found)
    say(f"{'equal ' if passed else 'UNEQUAL'} {what}: {found}")


def parity():
    """Golden files that transformers wrote, of every family, dense, masked and compacted."""
    fixtures, jobs = KIT / "fixtures/nn", []
    for folder in sorted(path.parent for path in fixtures.rglob("golden.safetensors")):
        golden = read_tensors(folder / "golden.safetensors")
        masked = (folder / "mask.safetensors").exists()
        if "padded.input_ids" in golden:  # BERT: cases, some of them masked
            for case in [case for case in ("padded", "padded_masked") if f"{case}.expected" in golden]:
                inputs = {name.split(".", 1)[1]: value for name, value in golden.items() if name.startswith(f"{case}.")}
                jobs.append((folder, case, inputs, inputs.pop("expected"), case.endswith("masked") and masked))
        elif "dense" in golden:  # AST and Whisper
            inputs = {name[6:]: value for name, value in golden.items() if name.startswith("input.")}
            jobs += [(folder, case, inputs, golden[case], case == "masked") for case in ("dense", "masked")]

    def compare(job):
        folder, case, inputs, expected, masked = job
        name = f"{folder.name}-{case}"
        write_tensors(WORK / f"{name}-in.safetensors", inputs)
        worst = 0.0
        for way in (["--mask", folder / "mask.safetensors"], ["--mask", folder / "mask.safetensors", "--compact"]) if masked else ([],):
            code, *_ = worker("predict", "--model", folder, "--input", WORK / f"{name}-in.safetensors", "--output",
                              WORK / f"{name}-out.safetensors", "--threads", 1, *way, seconds=60)
            if code != 0:
                return name, None
            found = read_tensors(WORK / f"{name}-out.safetensors")
            found = found.get("logits", found.get("last_hidden_state"))
            worst = max(worst, float((found - expected).abs().max() / expected.std()))
        return name, worst

    with concurrent.futures.ThreadPoolExecutor(2 if TINY else 6) as pool:
        found = list(pool.map(compare, jobs))
    known = [worst for _, worst in found if worst is not None]
    worst_name, worst = max(((name, value) for name, value in found if value is not None), key=lambda x: x[1], default=("none", 1))
    check(f"golden files of transformers, {len(known)} of {len(found)} cases", len(known) == len(found) > 0 and worst < 1e-4,
          f"largest difference {worst:.1e} of the spread ({worst_name})")


# --- a grid on both devices


def grid(device):
    text = (KIT / "bench/smoke.toml").read_text(encoding="utf-8")
    if TINY:
        text = re.sub(r"samples( *)= \d+", r"samples\1= 8", text)
        text = re.sub(r"(train|validation|test) = \d+", r"\1 = 24", text)
    place = device.replace(":", "")
    (WORK / f"grid-{place}.toml").write_text(text, encoding="utf-8")
    database = WORK / f"grid-{place}.db"
    words = ["espalier", "run", WORK / f"grid-{place}.toml", "--db", database, "--devices", device]
    if device == "cpu":
        words += ["--workers", 1 if TINY else 3, "--threads", 2 if TINY else 3]
    else:
        words += ["--workers", 2]
    code, _, _, wall = call(words, 170, ESPALIER_CACHE=str(WORK / f"cache-grid-{place}"))
    say(f"the smoke grid on {device}: exit code {code}, {wall:.1f} s")
    keep(kind="grid", device=device, exit_code=code, seconds=wall)


def points(database):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    rows = connection.execute(
        """select c.key, c.family, c.granularity, c.scorer_plugin, c.scope, c.searcher_plugin, c.recovery_plugin, c.state, c.message,
                  p.kind, p.proof_passed, p.proof, p.mask_digest, (select value from metric m where m.point_id = p.id
                  and m.name in ('accuracy', 'wer')) metric
           from cell c left join attempt a on a.id = c.attempt_id left join point p on p.attempt_id = a.id
           order by c.id, p.number""")
    cells = {}
    for row in rows:
        name = " ".join(str(row[i]) for i in range(1, 7) if row[i])
        cells.setdefault(row["key"], []).append(dict(row, name=name))
    return cells


def grid_compared():
    found = {}
    for device in dict.fromkeys((DEVICE, "cpu")):
        database = WORK / f"grid-{device.replace(':', '')}.db"
        if database.exists():
            found[device] = points(database)
        else:
            check(f"smoke grid on {device}", False, "refused before its first cell")
    lines = []
    for device, cells in found.items():
        proofs = [json.loads(point["proof"]) for rows in cells.values() for point in rows if point["proof"]]
        done = sum(rows[0]["state"] == "done" for rows in cells.values())
        failed = [f"{rows[0]['name']}: {rows[0]['message']}" for rows in cells.values() if rows[0]["state"] == "failed"]
        worst = max((proof["largest_difference"] / max(proof["spread"], 1e-9) for proof in proofs), default=0)
        passed = sum(proof["passed"] for proof in proofs)
        check(f"smoke grid on {device}", done == len(cells) and passed == len(proofs) > 0,
              f"{done} of {len(cells)} cells done, {passed} of {len(proofs)} proofs passed, largest difference {worst:.1e} of the spread")
        lines += [f"failed on {device}: {line}" for line in failed]
    if len(found) == 2:  # keys are free of devices
        first, second = ({key: rows for key, rows in cells.items() if rows[0]["state"] == "done"} for cells in found.values())
        both = [key for key in first if key in second]
        same = [key for key in both if [p["mask_digest"] for p in first[key]] == [p["mask_digest"] for p in second[key]]]
        # What trains or draws on a device has its own answer there.
        own = ("hard-concrete", "differentiable-subset", "lora", "finetune", "distill", "ast ")
        trains = [key for key in both if any(word in first[key][0]["name"] + " " for word in own)]
        asked = [key for key in both if key not in trains]
        other = ", ".join(first[key][0]["name"] for key in asked if key not in same) or "none"
        # Two units that are worth nearly the same may change places.
        check("masks of the smoke grid on both devices", len(asked) > 0 and sum(key in same for key in asked) >= 0.9 * len(asked),
              f"equal in {sum(key in same for key in asked)} of {len(asked)} cells that train nothing and "
              f"{sum(key in same for key in trains)} of {len(trains)} that do; not in: {other}")
        for key in both:
            metric = lambda rows: " ".join(f"{p['kind']} {p['metric']:.3f}" for p in rows if p["metric"] is not None)
            lines.append(f"{first[key][0]['name']:60s} | {metric(first[key])} | {metric(second[key])}")
    (OUT / "grid.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for line in lines:
        if line.startswith("failed"):
            say(line[:400])


# --- what must be fast


def masks():
    for compute in COMPUTE:
        rate_of_masks("minilm-masks", "minilm", WORK / "data/test.tsv", masks_of("minilm") * ROUNDS, compute=compute, skip=MASKS // 4)


def masks_long():
    for compute in COMPUTE:
        rate_of_masks("bertbase-masks", "bertbase", WORK / "data/long.tsv", masks_of("bertbase") * 2, compute=compute, tokens=LONG_TOKENS)


def scored(model, table, samples, tokens, output):
    """Seconds that `score` says it scored for; None where it failed."""
    code, out, _, _ = worker("score", "--model", WORK / "models" / model, "--data", table, "--scorer", "fisher", "--granularity", "head",
                             "--max-tokens", tokens, "--set", "squares=per-sample", "--set", f"samples={samples}", "--output",
                             WORK / output, seconds=90)
    said = re.search(r"in ([0-9.]+) s", out)
    if code == 0 and not said:
        say(f"score does not say its seconds: {out.strip()[:200]}")
    return float(said[1]) if code == 0 and said else None


def fisher_of(question, model, table, tokens, few, many):
    """A process is cold, so the rate is of the rows that a long scoring has beyond a short one. Twice, to see the spread."""
    seconds = []
    for _ in range(1 if TINY else 2):
        short, long = (scored(model, table, count, tokens, f"scores-{model}-{count}.safetensors") for count in (few, many))
        if short is None or long is None:
            return
        seconds.append(max(long - short, 1e-6))
    record(question, "espalier", "float32", f"score, rows {few + 1} to {many}", seconds, many - few, "examples")
    compare_scores(question, model, few)


def compare_scores(question, model, few):
    """Against the loop over examples, if transformers has been there."""
    import torch
    reference = WORK / f"fisher-{model}.pt"
    scores = WORK / f"scores-{model}-{few}.safetensors"
    if not reference.exists() or not scores.exists():
        return
    expected = torch.load(reference).flatten()
    ours = read_tensors(scores)
    keys = sorted(ours, key=lambda key: [int(number) for number in re.findall(r"\d+", key)])
    found = torch.cat([ours[key].double().reshape(expected.numel() // len(keys), -1)[:, 0] for key in keys])
    found = found - (found - expected).median()  # the damping
    worst = float((found - expected).abs().max() / expected.max())
    check(f"{question}: scores and a loop over transformers' gradients", worst < 1e-4, f"largest difference {worst:.1e} of the largest")


def fisher():
    fisher_of("minilm-fisher", "minilm", WORK / "data/train.tsv", GLOSS_TOKENS, FISHER_FEW, FISHER_MANY)


def fisher_long():
    fisher_of("bertbase-fisher", "bertbase", WORK / "data/long.tsv", LONG_TOKENS, FISHER_LONG_FEW, FISHER_LONG_MANY)


def train():
    """The first epoch is cold and left out; float32 twice, and both must give the same file."""
    files = []
    for compute, again in [("float32", False), ("float32", True)] + [(each, False) for each in COMPUTE if each in ("tf32", "bfloat16")]:
        output = WORK / f"trained-{compute}{'-again' if again else ''}"
        code, _, lines, _ = worker("train", "--model", WORK / "models/minilm", "--data", WORK / "data/train.tsv", "--limit", TRAIN_ROWS,
                                   "--max-tokens", GLOSS_TOKENS, "--set", f"epochs={TRAIN_EPOCHS}", "--set", "batch=32", "--set",
                                   "learning_rate=5e-5", "--compute", compute, "--output", output, seconds=90)
        ends = [at for at, line in lines if re.search(r"epoch \d+ of \d+ done", line)]
        if code != 0 or len(ends) < 2:
            continue
        record("minilm-training", "espalier", compute, "train" + (", again" if again else ""),
               [b - a for a, b in zip(ends, ends[1:])], TRAIN_ROWS, "examples",
               losses=[float(x) for _, line in lines for x in re.findall(r"done, loss ([0-9.]+)", line)])
        if compute == "float32":
            files.append((output / "model.safetensors").read_bytes())
    if len(files) == 2:
        check("two trainings on one device", files[0] == files[1], "the same file" if files[0] == files[1] else "other weights")


def said_in(path):
    return [" ".join(line.split()) for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n")]


def speech():
    for compute in [each for each in ("float16", "float32") if each in COMPUTE]:
        rate_of_masks("whisper-greedy", "whisper", WORK / "data/speech-copies.tsv", masks_of("whisper-all") * 5, kind="speech-recognition",
                      unit="utterances", per_mask=lambda answer: answer["examples"], skip=2, compute=compute, variant="every head kept")
    said = {}
    for device in dict.fromkeys((DEVICE, "cpu")):
        output = WORK / f"said-{device.replace(':', '')}.txt"
        answers, _ = evaluated("whisper", WORK / "data/speech.tsv", [], "--predictions", output, kind="speech-recognition", device=device)
        if answers:
            said[device] = said_in(output)
    if len(said) == 2:
        a, b = said.values()
        same = sum(x == y for x, y in zip(a, b))
        check("transcripts on both devices", same == len(a) == len(b), f"{same} of {len(a)}")
    if (WORK / "said-transformers.txt").exists() and DEVICE in said:
        ours, theirs = said[DEVICE], said_in(WORK / "said-transformers.txt")
        same = sum(x == y for x, y in zip(ours, theirs))
        check("transcripts here and by transformers", same >= 0.9 * len(ours), f"{same} of {len(ours)} (sounds are resampled in two ways)")


def ast():
    import torch
    code, *_ = worker("predict", "--model", WORK / "models/ast", "--input", WORK / "data/ast.safetensors", "--output",
                      WORK / "ast-espalier.safetensors", "--mask", masks_of("ast")[0], "--compact", seconds=60)
    if code == 0 and (WORK / "ast-transformers.safetensors").exists():
        ours, theirs = (read_tensors(WORK / f"ast-{side}.safetensors")["logits"] for side in ("espalier", "transformers"))
        worst = float((ours - theirs).abs().max() / theirs.std())
        check("AST's logits under a mask and transformers'", worst < 1e-3, f"largest difference {worst:.1e} of the spread")
    for compute in [each for each in COMPUTE if each != "float16"]:
        rate_of_masks("ast-masks", "ast", WORK / "data/noise.tsv", masks_of("ast") * 3, kind="audio-classification", unit="examples",
                      per_mask=lambda answer: answer["examples"], skip=SOUND_MASKS, compute=compute)


def workers():
    """Processes that share the device, each over the same masks."""
    for compute in COMPUTE[::2]:
        count = 2 if TINY else 4
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            found = list(pool.map(lambda _: evaluated("minilm", WORK / "data/test.tsv", masks_of("minilm") * (1 if TINY else 12), "--threads", 2,
                                                      compute=compute)[0], range(count)))
        rates = []
        for answers in found:
            seconds = [answer["seconds"] for answer in answers or []]
            middle = seconds[len(seconds) // 4:3 * len(seconds) // 4]
            rates.append(len(middle) / sum(middle) if middle else 0)
        if sum(rates) > 0:
            record("minilm-together", "espalier", compute, f"{count} processes", [1 / sum(rates)], 1, "masks")


def on_the_cpu():
    if CUDA:
        rate_of_masks("minilm-masks", "minilm", WORK / "data/test.tsv", masks_of("minilm")[:6], device="cpu", variant="on the CPU")

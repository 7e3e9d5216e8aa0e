"""How long does compaction take, and what does a compacted model save?

Usage: python tests/bench/compaction.py time|latency [--threads 2] [--rounds 5] [--repeats 50] [--espalier build/bin/espalier]

time     AST-base of random weights, half of each site's heads and half of each head's channels. Whole commands, in turns:
         `espalier prune --format masked`, `--format compact`, and `--format compact` with a mask that keeps all, which is
         reading and writing alone. Compaction itself, from memory to memory: what `espalier evaluate` takes longer for each
         further mask, its evaluation subtracted; reading the mask is in it. (The sound is short: 32 frames.)
latency  BERT-base of random weights, 128 tokens, batch 1 and 8, with 0, 25, 50 and 75 % of each layer's heads gone, and of each
         head's channels: an experiment with `[measure] latency`, beside transformers' prune_heads. Both time dense and pruned
         in turns, in one process, --repeats times; a ratio is the median of pruned / dense with its 95 % interval. 0 % is
         the control: a ratio within its interval shows nothing.

One JSON object a result. --folder names where checkpoints are made (default: the system's temporary folder). Needs torch
2.13.0, transformers 4.57.6 (version 5 has no prune_heads) and a build.
"""
import argparse
import copy
import json
import math
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import wave

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("question", choices=["time", "latency"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--repeats", type=int, default=50)
parser.add_argument("--espalier", default="build/bin/espalier")
parser.add_argument("--folder")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)
program = str(pathlib.Path(args.espalier).resolve())

import torch  # noqa: E402  (after the environment it reads)
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(": ", 1)[1]
    return "unknown"


def report(**fields):
    print(json.dumps({"bench": f"compaction {args.question}", "processor": processor(), "threads": args.threads,
                      "load1": round(os.getloadavg()[0], 2), **fields}), flush=True)


def espalier(folder, *words):
    begun = time.perf_counter()
    done = subprocess.run([program, *map(str, words)], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "ESPALIER_CACHE": str(folder / "cache")})
    if done.returncode:
        sys.exit(f"espalier {' '.join(map(str, words))}\n{done.stderr}")
    return time.perf_counter() - begun, done.stdout


def halves(config):
    """Name -> kept [layers][q, k, v, o][heads, width of a head]."""
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    width = config.hidden_size // heads

    def half(count):
        kept = torch.zeros(count, dtype=torch.bool)
        kept[torch.randperm(count)[:count // 2]] = True
        return kept

    def pairs():
        qk, vo = (torch.stack([half(width) for _ in range(heads)]) for _ in range(2))
        return [qk, qk, vo, vo]

    return {"heads": [[half(heads)[:, None].expand(heads, width)] * 4 for _ in range(layers)],
            "channels": [pairs() for _ in range(layers)],
            "none": [[torch.ones((heads, width), dtype=torch.bool)] * 4 for _ in range(layers)]}


def ast(folder, frames):
    config = transformers.ASTConfig(max_length=frames, id2label={0: "low", 1: "high"}, label2id={"low": 0, "high": 1})
    transformers.ASTForAudioClassification(config).save_pretrained(folder)
    extractor = {"feature_extractor_type": "ASTFeatureExtractor", "feature_size": 1, "sampling_rate": 16000,
                 "num_mel_bins": config.num_mel_bins, "max_length": frames, "do_normalize": True, "mean": -4.2677393,
                 "std": 4.5689974, "padding_value": 0.0, "padding_side": "right", "return_attention_mask": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(extractor))
    return config


def write_sound(folder):
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(b"".join(int(9000 * math.sin(i / 5)).to_bytes(2, "little", signed=True) for i in range(4000)))
    (folder / "sounds.tsv").write_text("path\tlabel\ntone.wav\tlow\n")


FURTHER_MASKS = 20


def time_of_compaction(folder):
    ast(folder / "short", 32)
    config = ast(folder / "base", 1024)
    write_sound(folder)
    for name, mask in halves(config).items():
        save_file({f"audio_spectrogram_transformer.encoder.layer.{layer}.attention.attention.{'qkvo'[p]}": kept[p].clone()
                   for layer, kept in enumerate(mask) for p in range(4)},
                  folder / f"{name}.safetensors", metadata={"format": "espalier-mask", "version": "1"})
    commands = [("none", "compact"), ("heads", "masked"), ("heads", "compact"), ("channels", "masked"), ("channels", "compact")]
    walls, written = {command: [] for command in commands}, {}
    inside = {"heads": [], "channels": []}

    def beside_evaluation(name, masks):
        wall, answer = espalier(folder, "evaluate", "--model", "short", "--data", "sounds.tsv", "--format",
                                "audio-classification", "--threads", args.threads, "--json",
                                *["--mask", f"{name}.safetensors"] * masks)
        answer = json.loads(answer)
        return wall - sum(entry["seconds"] for entry in (answer if isinstance(answer, list) else [answer]))

    for number in range(args.rounds + 1):  # the first warms up
        for name, form in commands:
            wall, _ = espalier(folder, "prune", "--model", "base", "--mask", f"{name}.safetensors", "--output", "out",
                               "--format", form, "--threads", args.threads)
            written[name, form] = (folder / "out/model.safetensors").stat().st_size
            shutil.rmtree(folder / "out")
            if number:
                walls[name, form].append(wall)
        for name, values in inside.items():
            more = (beside_evaluation(name, 1 + FURTHER_MASKS) - beside_evaluation(name, 1)) / FURTHER_MASKS
            if number:
                values.append(more)
    shared = {"model": "AST-base, random weights", "rounds": args.rounds}
    for (name, form), values in walls.items():
        report(**shared, pruned=name, format=form, command_seconds=round(statistics.median(values), 3),
               command_seconds_min=round(min(values), 3), command_seconds_max=round(max(values), 3),
               written_mib=round(written[name, form] / 2 ** 20))
    for name, values in inside.items():
        report(**shared, pruned=name, further_masks=FURTHER_MASKS, compaction_seconds=round(statistics.median(values), 3),
               compaction_seconds_min=round(min(values), 3), compaction_seconds_max=round(max(values), 3))


def median_interval(values):
    """Median and its 95 % interval: the outermost order statistics that binomial chances allow."""
    values, count = sorted(values), len(values)
    chance = below = 0.5 ** count
    place = 0
    while place + 1 < count // 2:
        chance *= (count - place) / (place + 1)
        if below + chance > 0.025:
            break
        below += chance
        place += 1
    return statistics.median(values), values[place], values[count - 1 - place]


SHARES = (0, 0.25, 0.5, 0.75)
TOKENS = 128


def latency(folder):
    config = transformers.BertConfig(num_labels=2)
    dense = transformers.BertForSequenceClassification(config).eval()
    dense.save_pretrained(folder / "bert")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [f"word{i}" for i in range(len(special), config.vocab_size)]
    (folder / "bert/vocab.txt").write_text("\n".join(special + words) + "\n")
    names = list(config.id2label.values())
    (folder / "test.tsv").write_text("text\tlabel\n" + "".join(
        " ".join(words[i * TOKENS:(i + 1) * TOKENS - 2]) + f"\t{names[i % 2]}\n" for i in range(8)))
    (folder / "ladder.toml").write_text(f"""espalier = 1
name = "ladder"
question = "What does a compacted model save?"
[model.bert]
family = "bert"
checkpoint = "bert"
[dataset.texts]
format = "text-classification"
test = "test.tsv"
max_tokens = {TOKENS}
[measure]
latency = {{ batch = [1, 8], repeats = {args.repeats} }}
[[grid]]
model = "bert"
dataset = "texts"
granularity = ["head", "head-channel"]
scorer = "random"
scope = "local"
sparsity = {list(SHARES)}
""")
    shared = {"model": "BERT-base, random weights", "tokens": TOKENS, "repeats": args.repeats}
    espalier(folder, "run", "ladder.toml", "--threads", args.threads)
    with sqlite3.connect(folder / "results/ladder.db") as base:
        found = base.execute("SELECT granularity, batch, requested, achieved_sparsity, length, threads, dense_milliseconds, "
                             "pruned_milliseconds, ratio, ratio_low, ratio_high, verdict FROM latencies "
                             "ORDER BY granularity, batch, requested").fetchall()
    assert len(found) == 4 * len(SHARES), f"{len(found)} latencies: a cell failed"
    for granularity, batch, requested, achieved, length, threads, before, after, ratio, low, high, verdict in found:
        assert (length, threads) == (TOKENS, args.threads), (length, threads)
        report(**shared, tool="espalier", granularity=granularity, removed=requested, achieved=round(achieved, 4), batch=batch,
               dense_ms=round(before, 2), pruned_ms=round(after, 2), ratio=round(ratio, 4), low=round(low, 4),
               high=round(high, 4), verdict=verdict)

    def milliseconds(model, inputs):
        begun = time.perf_counter()
        model(**inputs)
        return 1000 * (time.perf_counter() - begun)

    for batch in (1, 8):
        inputs = {"input_ids": torch.randint(1000, config.vocab_size, (batch, TOKENS)),
                  "attention_mask": torch.ones((batch, TOKENS), dtype=torch.long)}
        for share in SHARES:
            pruned = copy.deepcopy(dense)
            gone = round(share * config.num_attention_heads)
            if gone:
                pruned.prune_heads({layer: list(range(gone)) for layer in range(config.num_hidden_layers)})
            before, after = [], []
            with torch.inference_mode():
                for repeat in range(-3, args.repeats):  # three warm up
                    turn = ((dense, before), (pruned, after))
                    for model, values in turn if repeat % 2 == 0 else reversed(turn):
                        taken = milliseconds(model, inputs)
                        if repeat >= 0:
                            values.append(taken)
            ratio, low, high = median_interval([a / b for a, b in zip(after, before)])
            report(**shared, tool=f"transformers {transformers.__version__}", attention=dense.config._attn_implementation,
                   granularity="head", removed=share, batch=batch, dense_ms=round(statistics.median(before), 2),
                   pruned_ms=round(statistics.median(after), 2), ratio=round(ratio, 4), low=round(low, 4), high=round(high, 4),
                   verdict="faster" if high < 1 else "slower" if low > 1 else "same")


with tempfile.TemporaryDirectory(dir=args.folder) as name:
    (time_of_compaction if args.question == "time" else latency)(pathlib.Path(name))

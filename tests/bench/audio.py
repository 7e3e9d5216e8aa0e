"""Sounds and speech against transformers on the same machine, threads and inputs; one JSON object a question.

Usage: python tests/bench/audio.py features|ast|whisper|start|memory [--threads 2] [--rounds 3] [--data .deps/data]
                                   [--ast DIR] [--examples 60]

features  filter banks and log-mel spectrograms of the same samples in memory, one sound after the other
ast       forward passes in batches of 8: --ast, or AST-base of random weights on 1,024 frames
whisper   greedy decoding of --examples prompts in batches of 8: dense, and with half the heads of every site masked;
          token ids must be equal
start     a whole command that evaluates one example, against a Python script that does the same
memory    the largest resident set of `espalier evaluate` on 200 utterances

Needs torch 2.13.0, transformers 4.57.6, scipy and soundfile (without torchaudio, ASTFeatureExtractor computes its filter
banks in numpy, which is said); --data as cmake/quickstart.sh makes it; a build with
`cmake --build build --target sound_features forward whisper_decoding`. Rounds are interleaved, medians are taken. Where
values do not agree, figures mean nothing and the exit code is 1.
"""
import argparse
import csv
import importlib.util
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("question", choices=["features", "ast", "whisper", "start", "memory"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--examples", type=int, default=60)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--data", default=".deps/data")
parser.add_argument("--ast", default="", help="an AST checkpoint; otherwise AST-base of random weights")
parser.add_argument("--build", default="build")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)
data, build = pathlib.Path(args.data).resolve(), pathlib.Path(args.build).resolve()
whisper = data / "whisper-tiny.en"


def rows(folder, split="test"):
    table = data / folder / f"{split}.tsv"
    with open(table, encoding="utf-8") as file:
        return [{**row, "path": str(table.parent / row["path"])}
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def bench(program, *words):
    done = subprocess.run([str(build / "bin" / program), *map(str, words), "--threads", str(args.threads)], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def seconds(work):
    begun = time.perf_counter()
    value = work()
    return time.perf_counter() - begun, value


def report(**fields):
    print(json.dumps({"bench": f"audio {args.question}", "threads": args.threads, "rounds": args.rounds,
                      "load1": round(os.getloadavg()[0], 2), **fields}), flush=True)


def ratio(peer, ours):
    peer, ours = statistics.median(peer), statistics.median(ours)
    return {"transformers_seconds": round(peer, 3), "espalier_seconds": round(ours, 3), "ratio": round(peer / ours, 2)}


def samples(paths):
    import soundfile
    return [soundfile.read(path, dtype="float32")[0] for path in paths]


def features():
    import numpy
    import torch
    import transformers
    torch.set_num_threads(args.threads)
    agree = True
    for kind, checkpoint, paths in (("log-mel", whisper, [row["path"] for row in rows("asterisk-en")]),
                                    ("filter-bank", "experiments/ast-small", [row["path"] for row in rows("keywords")])):
        paths = paths[:args.examples]
        extractor = transformers.AutoFeatureExtractor.from_pretrained(checkpoint)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            import soundfile
            from scipy.signal import resample_poly
            listed = []
            for number, path in enumerate(paths):  # both sides read the same 16 kHz samples
                sound, rate = soundfile.read(path, dtype="float32")
                sound = sound if rate == 16000 else resample_poly(sound, 16000, rate).astype("float32")
                listed.append(str(folder / f"{number}.wav"))
                soundfile.write(listed[-1], sound, 16000, subtype="FLOAT")
            (folder / "list").write_text("\n".join(listed) + "\n")
            sounds = samples(listed)

            def peer():
                return [extractor(sound, sampling_rate=16000, return_tensors="np").get(
                    "input_features" if kind == "log-mel" else "input_values")[0] for sound in sounds]

            times = {"peer": [], "ours": []}
            peer()
            for _ in range(args.rounds):
                taken, expected = seconds(peer)
                times["peer"].append(taken)
                answer = bench("sound_features", checkpoint, folder / "list", "--repeats", 2)
                times["ours"].append(answer["seconds"][1])
            worst = max(abs(float(numpy.mean(a, dtype="float64")) - b) for a, b in zip(expected, answer["means"]))
            agree = agree and worst < 1e-4
            report(kind=kind, sounds=len(sounds), torchaudio=importlib.util.find_spec("torchaudio") is not None,
                   transformers=transformers.__version__, **ratio(times["peer"], times["ours"]),
                   largest_difference_of_means=worst)
    return agree


def ast():
    import torch
    import transformers
    from safetensors.torch import save_file
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        if args.ast:
            checkpoint = args.ast
            model = transformers.ASTForAudioClassification.from_pretrained(checkpoint).eval()
        else:
            checkpoint = f"{name}/ast-base"
            model = transformers.ASTForAudioClassification(transformers.ASTConfig(num_labels=35)).eval()
            model.save_pretrained(checkpoint)
        examples = min(args.examples, 16) if not args.ast else args.examples
        values = torch.randn(examples, model.config.max_length, model.config.num_mel_bins)
        save_file({"input_values": values}, f"{name}/inputs.safetensors")
        kinds = ["sdpa", "eager"]
        times = {kind: [] for kind in (*kinds, "ours")}
        with torch.inference_mode():
            for _ in range(args.rounds + 1):  # the first warms up
                for kind in kinds:
                    model.set_attn_implementation(kind)
                    taken, logits = seconds(lambda: torch.cat([model(part).logits for part in values.split(args.batch)]))
                    times[kind].append(taken)
                answer = bench("forward", checkpoint, f"{name}/inputs.safetensors", "--repeats", 2, "--batch", args.batch)
                times["ours"].append(answer["seconds"][1])
        worst = float((logits.flatten() - torch.tensor(answer["logits"])).abs().max())
        for kind in kinds:
            report(model=args.ast or "AST-base, random weights", examples=examples, attention=kind,
                   transformers=transformers.__version__, **ratio(times[kind][1:], times["ours"][1:]),
                   largest_difference=worst)
        return worst < 1e-4


def decode():
    import torch
    import transformers
    from safetensors.torch import save_file
    torch.set_num_threads(args.threads)
    import soundfile
    from scipy.signal import resample_poly
    extractor = transformers.WhisperFeatureExtractor.from_pretrained(whisper)
    sounds = []
    for row in rows("asterisk-en")[:args.examples]:
        sound, rate = soundfile.read(row["path"], dtype="float32")
        sounds.append(sound if rate == 16000 else resample_poly(sound, 16000, rate))
    values = extractor(sounds, sampling_rate=16000, return_tensors="pt").input_features
    agree = True
    with tempfile.TemporaryDirectory() as name:
        save_file({"input_features": values.contiguous()}, f"{name}/inputs.safetensors")
        for masked in (False, True):
            model = transformers.WhisperForConditionalGeneration.from_pretrained(whisper).eval()
            words = []
            if masked:  # a fourth of the heads of every site, drawn at random
                heads, width = model.config.encoder_attention_heads, model.config.d_model // model.config.encoder_attention_heads
                generator, mask = torch.Generator().manual_seed(1), {}
                for site, module in model.named_modules():
                    if type(module).__name__ != "WhisperAttention":
                        continue
                    keep = torch.ones(heads, dtype=torch.bool)
                    keep[torch.randperm(heads, generator=generator)[:max(1, heads // 4)]] = False
                    rows_kept = keep.repeat_interleave(width)
                    with torch.no_grad():
                        for projection in (module.q_proj, module.k_proj, module.v_proj):
                            projection.weight[~rows_kept] = 0
                            if projection.bias is not None:
                                projection.bias[~rows_kept] = 0
                        module.out_proj.weight[:, ~rows_kept] = 0
                    for projection in "qkvo":
                        mask[f"{site}.{projection}"] = keep[:, None].expand(heads, width).contiguous()
                save_file(mask, f"{name}/mask.safetensors", metadata={"format": "espalier-mask", "version": "1"})
                words = ["--mask", f"{name}/mask.safetensors", "--compact"]
            most = 100
            times = {"peer": [], "ours": []}
            for _ in range(args.rounds):
                with torch.inference_mode():
                    taken, found = seconds(lambda: [ids for part in values.split(args.batch)
                                                    for ids in model.generate(part, max_new_tokens=most).tolist()])
                times["peer"].append(taken)
                answer = bench("whisper_decoding", whisper, f"{name}/inputs.safetensors", "--repeats", 2, "--most", most,
                               "--batch", args.examples, *words)
                times["ours"].append(answer["seconds"][1])
            ended = model.generation_config.eos_token_id
            prompt = {model.generation_config.decoder_start_token_id, model.generation_config.no_timestamps_token_id}

            def spoken(ids):  # without prompt and what follows the end
                while ids and ids[0] in prompt:
                    ids = ids[1:]
                return ids[:ids.index(ended)] if ended in ids else ids

            equal = sum(spoken(a) == spoken(b) for a, b in zip(found, answer["ids"]))
            agree = agree and equal == len(found)
            report(model="tiny.en", heads="three of four a site" if masked else "all", utterances=len(found),
                   equal_token_ids=equal, cut=sum(answer["cut"]), transformers=transformers.__version__,
                   transformers_batch=args.batch, **ratio(times["peer"], times["ours"]))
    return agree


PEER_START = """
import sys, csv, soundfile, torch, transformers
model = transformers.WhisperForConditionalGeneration.from_pretrained(sys.argv[1]).eval()
processor = transformers.WhisperProcessor.from_pretrained(sys.argv[1])
row = next(csv.DictReader(open(sys.argv[2]), delimiter="\\t"))
sound, rate = soundfile.read(row["path"], dtype="float32")
inputs = processor(sound, sampling_rate=rate, return_tensors="pt")
with torch.inference_mode():
    print(processor.batch_decode(model.generate(inputs.input_features), skip_special_tokens=True))
"""


def start():
    with tempfile.TemporaryDirectory() as name:
        row = rows("pocketsphinx")[0]  # already 16 kHz
        table = f"{name}/one.tsv"
        pathlib.Path(table).write_text(f"path\ttext\n{row['path']}\t{row['text']}\n")
        times = {"peer": [], "ours": []}
        for _ in range(args.rounds + 1):  # the first fills the file caches
            times["peer"].append(seconds(lambda: subprocess.run(
                [sys.executable, "-c", PEER_START, str(whisper), table], check=True, capture_output=True))[0])
            times["ours"].append(seconds(lambda: subprocess.run(
                [str(build / "bin" / "espalier"), "evaluate", "--model", str(whisper), "--data", table, "--format",
                 "speech-recognition", "--threads", str(args.threads), "--json"], check=True, capture_output=True,
                env={**os.environ, "ESPALIER_CACHE": f"{name}/cache"}))[0])
        report(model="tiny.en", utterances=1, **ratio(times["peer"][1:], times["ours"][1:]))
    return True


def memory():
    with tempfile.TemporaryDirectory() as name:
        chosen = (rows("asterisk-en") + rows("asterisk-en", "validation"))[:200]
        table = f"{name}/two-hundred.tsv"
        pathlib.Path(table).write_text("path\ttext\n" + "".join(f"{row['path']}\t{row['text']}\n" for row in chosen))
        taken, done = seconds(lambda: subprocess.run(
            [str(build / "bin" / "espalier"), "evaluate", "--model", str(whisper), "--data", table, "--format",
             "speech-recognition", "--threads", str(args.threads), "--json"], check=True, stdout=subprocess.PIPE,
            env={**os.environ, "ESPALIER_CACHE": f"{name}/cache"}))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 ** 2
        answer = json.loads(done.stdout)
        answer = answer[0] if isinstance(answer, list) else answer
        report(model="tiny.en", utterances=len(chosen), peak_gib=round(peak, 2), seconds=round(taken, 1),
               wer=answer["metrics"]["wer"])
        return peak < 3


ok = {"features": features, "ast": ast, "whisper": decode, "start": start, "memory": memory}[args.question]()
sys.exit(0 if ok else 1)

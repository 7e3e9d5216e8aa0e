"""How many utterances under how many masks a second, against transformers' generate() on the same sounds and masks?

Usage: python tests/bench/masks_over_speech.py [--utterances 8] [--masks 100] [--peer-masks 4] [--kind random|single]
                                               [--threads 2] [--batch 8] [--most 100] [--apart] [--data .deps/data]

Masks take heads of the decoder's sites (self- and cross-attention): `random`, each with probability 1/4, or `single`,
each head alone. Espalier computes all of them as one series (`whisper_decoding --masks`), with --apart also each as a
model of its own; transformers generates in batches under the first --peer-masks of them, as masks cost it the same. Token
ids must be equal, or the figures mean nothing and the exit code is 1. Needs torch 2.13.0, transformers 4.57.6, scipy and
soundfile, and a build with `cmake --build build --target whisper_decoding`.
"""
import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--utterances", type=int, default=8)
parser.add_argument("--masks", type=int, default=100)
parser.add_argument("--peer-masks", type=int, default=4)
parser.add_argument("--kind", choices=["random", "single"], default="random")
parser.add_argument("--share", type=float, default=0.25, help="of heads that a random mask takes")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--most", type=int, default=100)
parser.add_argument("--apart", action="store_true")
parser.add_argument("--data", default=".deps/data")
parser.add_argument("--build", default="build")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)
data, program = pathlib.Path(args.data).resolve(), pathlib.Path(args.build).resolve() / "bin/whisper_decoding"
checkpoint = data / "whisper-tiny.en"

import soundfile  # noqa: E402  (after the environment that torch reads)
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from scipy.signal import resample_poly  # noqa: E402

torch.set_num_threads(args.threads)


def features():
    table = data / "pocketsphinx/test.tsv"
    with open(table, encoding="utf-8") as file:
        paths = [table.parent / row["path"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    sounds = []
    for path in paths[:args.utterances]:
        sound, rate = soundfile.read(path, dtype="float32")
        sounds.append(sound if rate == 16000 else resample_poly(sound, 16000, rate))
    extractor = transformers.WhisperFeatureExtractor.from_pretrained(checkpoint)
    return extractor(sounds, sampling_rate=16000, return_tensors="pt").input_features.contiguous()


def attention_of(model):
    return {name: module for name, module in model.named_modules() if type(module).__name__ == "WhisperAttention"}


def drawn_masks(model):
    """By mask: which heads each site keeps."""
    heads, sites = model.config.decoder_attention_heads, list(attention_of(model))
    decoder = [site for site in sites if "decoder" in site]
    everything = {site: torch.ones(heads, dtype=torch.bool) for site in sites}
    masks, generator = [], torch.Generator().manual_seed(1)
    if args.kind == "random":
        for _ in range(args.masks):
            masks.append({**everything, **{site: torch.rand(heads, generator=generator) >= args.share
                                           for site in decoder}})
    else:
        for site in decoder:
            for head in range(heads):
                masks.append({**everything, site: torch.arange(heads) != head})
    return masks


def masked(mask):
    model = transformers.WhisperForConditionalGeneration.from_pretrained(checkpoint).eval()
    for site, module in attention_of(model).items():
        gone = ~mask[site].repeat_interleave(module.head_dim)
        with torch.no_grad():
            for projection in (module.q_proj, module.k_proj, module.v_proj):
                projection.weight[gone] = 0
                if projection.bias is not None:
                    projection.bias[gone] = 0
            module.out_proj.weight[:, gone] = 0
    return model


def ours(folder, masks, *words):
    done = subprocess.run([str(program), str(checkpoint), f"{folder}/inputs.safetensors", "--threads", str(args.threads),
                           "--most", str(args.most), "--batch", str(args.batch), "--masks", masks, *words],
                          check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def spoken(ids, model):  # without prompt and what follows the end
    settings = model.generation_config
    while ids and ids[0] in (settings.decoder_start_token_id, settings.no_timestamps_token_id):
        ids = ids[1:]
    return ids[:ids.index(settings.eos_token_id)] if settings.eos_token_id in ids else ids


def main():
    values = features()
    dense = transformers.WhisperForConditionalGeneration.from_pretrained(checkpoint).eval()
    masks = drawn_masks(dense)
    width = dense.config.d_model // dense.config.decoder_attention_heads
    with tempfile.TemporaryDirectory() as folder:
        save_file({"input_features": values}, f"{folder}/inputs.safetensors")
        os.mkdir(f"{folder}/masks")
        os.mkdir(f"{folder}/some")
        for number, mask in enumerate(masks):
            tensors = {f"{site}.{projection}": keep[:, None].expand(len(keep), width).contiguous()
                       for site, keep in mask.items() for projection in "qkvo"}
            for into in ("masks", "some")[:2 if number < args.peer_masks else 1]:
                save_file(tensors, f"{folder}/{into}/{number:04}.safetensors",
                          metadata={"format": "espalier-mask", "version": "1"})
        answer = ours(folder, f"{folder}/masks")
        rates = {"espalier": len(masks) * len(values) / answer["seconds"][0]}
        if args.apart:
            alone = ours(folder, f"{folder}/some", "--apart")
            rates["espalier_apart"] = args.peer_masks * len(values) / alone["seconds"][0]
        equal, seconds = 0, 0.0
        for number in range(args.peer_masks):
            model = masked(masks[number])
            begun = time.perf_counter()
            with torch.inference_mode():
                found = [ids for part in values.split(args.batch)
                         for ids in model.generate(part, max_new_tokens=args.most).tolist()]
            seconds += time.perf_counter() - begun
            equal += sum(spoken(a, model) == b for a, b in zip(found, answer["ids"][number]))
        asked = args.peer_masks * len(values)
        rates["transformers"] = asked / seconds
    lengths = [len(ids) for of_mask in answer["ids"] for ids in of_mask]
    print(json.dumps({"bench": "masks over speech", "kind": args.kind, "masks": len(masks), "utterances": len(values),
                      "threads": args.threads, "load1": round(os.getloadavg()[0], 2),
                      "utterance_masks_a_second": {name: round(rate, 2) for name, rate in rates.items()},
                      "ratio": round(rates["espalier"] / rates["transformers"], 1),
                      "tokens_a_transcript": round(sum(lengths) / len(lengths), 1),
                      "equal_token_ids": equal, "of": asked, "transformers_version": transformers.__version__}))
    return 0 if equal == asked else 1


sys.exit(main())

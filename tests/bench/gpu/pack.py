"""Packs what the trial reads: real texts, real sounds, and two real checkpoints small enough to travel.

Usage: python pack.py --data DIR --minilm DIR --output DIR

DIR of --data is .deps/data of a set-up tree, DIR of --minilm a fine-tuned MiniLM. Weights are rounded to a few bits a row
(their archive is a quarter of float16's), rows of MiniLM's tokens that no packed text has are zeros: both sides of the
trial compute with the same rounded weights, in float32 files that checkpoints.py makes there. Needs torch only.
"""
import argparse
import json
import shutil
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
import torch

from facts import *


def rounded(tensor, bits):
    """Codes of int8 and a scale a row."""
    rows = tensor.float().reshape(tensor.shape[0], -1)
    most = 2 ** (bits - 1) - 1
    scale = (rows.abs().amax(1) / most).clamp_min(1e-12)
    codes = (rows / scale[:, None]).round().clamp(-most, most).to(torch.int8)
    return {"codes": codes.reshape(tensor.shape), "scale": scale}


def pack_checkpoint(source, target, bits_of, files):
    target.mkdir(parents=True, exist_ok=True)
    packed = {}
    for name, tensor in read_tensors(source / "model.safetensors").items():
        bits = bits_of(name, tensor)
        if bits is None:
            packed[name] = tensor.float() if tensor.is_floating_point() else tensor
        elif isinstance(bits, int):
            packed.update({f"{name}|{key}": value for key, value in rounded(tensor, bits).items()})
        else:  # one number of bits a row; 0: zeros
            codes, scale = torch.zeros(tensor.shape, dtype=torch.int8), torch.ones(tensor.shape[0])
            for each in sorted(set(bits.tolist()) - {0}):
                part = rounded(tensor[bits == each], each)
                codes[bits == each], scale[bits == each] = part["codes"], part["scale"]
            packed.update({f"{name}|codes": codes, f"{name}|scale": scale})
    write_tensors(target / "packed.safetensors", packed)
    for file in files:
        if (source / file).exists():
            shutil.copy(source / file, target / file)


def rows_in_use(vocabulary, texts):
    """Tokens that a tokenizer may find in the texts, and some more: their letters stand in one of the words."""
    parts = set()
    for word in {word for text in texts for word in text.lower().replace("-", " ").split()}:
        parts.update(word[a:b] for a in range(len(word)) for b in range(a + 1, len(word) + 1))
    special = {"[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"}
    return torch.tensor([token in special or not token.isascii() or len(token) == 1 or token.removeprefix("##") in parts
                         for token in vocabulary])


def pack_texts(data, target):
    target.mkdir(parents=True, exist_ok=True)
    texts = []
    for split, count in (("train", 8600), ("validation", 1000), ("test", 1000)):
        with open(data / "wordnet" / f"{split}.tsv", encoding="utf-8") as file:
            lines = [line for _, line in zip(range(count + 1), file)]
        (target / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
        texts += [line.split("\t")[0] for line in lines[1:]]
    return texts


def pack_speech(data, target, count=64, most_bytes=60_000):
    target.mkdir(parents=True, exist_ok=True)
    rows = ["path\ttext\n"]
    with open(data / "asterisk-en" / "test.tsv", encoding="utf-8") as file:
        next(file)
        for line in file:
            path, text = line.rstrip("\n").split("\t", 1)
            path = pathlib.Path(path)
            if len(rows) > count or path.stat().st_size > most_bytes:
                continue
            shutil.copy(path, target / f"{len(rows):02d}.wav")
            rows.append(f"{len(rows):02d}.wav\t{text}\n")
    (target / "test.tsv").write_text("".join(rows), encoding="utf-8")


def pack_keywords(data, target, classes=4, each=10):
    target.mkdir(parents=True, exist_ok=True)
    rows, seen = ["path\tlabel\n"], {}
    with open(data / "keywords" / "test.tsv", encoding="utf-8") as file:
        next(file)
        for line in file:
            path, label = line.rstrip("\n").split("\t", 1)
            if (label not in seen and len(seen) == classes) or seen.get(label, 0) == each:
                continue
            seen[label] = seen.get(label, 0) + 1
            name = f"{label}-{seen[label]}{pathlib.Path(path).suffix}"
            shutil.copy(data / "keywords" / path, target / name)
            rows.append(f"{name}\t{label}\n")
    (target / "all.tsv").write_text("".join(rows), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--data", "--minilm", "--output"):
        parser.add_argument(name, required=True, type=pathlib.Path)
    words = parser.parse_args()
    texts = pack_texts(words.data, words.output / "wordnet")
    pack_speech(words.data, words.output / "asterisk")
    pack_keywords(words.data, words.output / "keywords")
    in_use = rows_in_use((words.minilm / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1], texts)

    def of_minilm(name, tensor):
        if "position_ids" in name or tensor.dim() < 2 or name.startswith("classifier"):
            return None
        return torch.where(in_use, 8, 0) if name.endswith("word_embeddings.weight") else 6

    def of_whisper(name, tensor):
        if tensor.dim() < 2:
            return None
        if name.endswith("embed_tokens.weight"):  # in order of frequency; the last are languages, tasks and times
            row = torch.arange(tensor.shape[0])
            return torch.where((row < 6000) | (row >= 50256), 7, 4)
        return 7

    pack_checkpoint(words.minilm, words.output / "minilm", of_minilm,
                    ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"))
    pack_checkpoint(words.data / "whisper-tiny.en", words.output / "whisper", of_whisper,
                    ("config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json",
                     "special_tokens_map.json", "vocab.json", "merges.txt"))


if __name__ == "__main__":
    main()

"""What every part of the trial knows: where things lie, sizes, how results are said and kept, safetensors by torch alone."""
import ctypes
import json
import os
import pathlib
import sys
import time

KIT = pathlib.Path(os.environ.get("KIT", pathlib.Path(__file__).resolve().parent.parent))
WORK = pathlib.Path(os.environ.get("KIT_WORK", "/tmp/espalier-gpu-work"))
OUT = pathlib.Path(os.environ.get("OUT", WORK / "out"))
DEVICE = os.environ.get("KIT_DEVICE", "cuda")
TINY = os.environ.get("TINY") == "1"  # every section in seconds, to find mistakes: its figures mean nothing
BEGUN = float(os.environ.get("KIT_BEGUN", time.time()))
CUDA = DEVICE.startswith("cuda")
# The words of `espalier --compute`, in the order of the tables. A CPU has no TF32, and takes minutes for half types.
COMPUTE = ("float32", "tf32", "bfloat16", "float16") if CUDA else ("float32",)

TEXTS = 100 if TINY else 1000         # glosses that a mask of MiniLM is evaluated on
MASKS = 4 if TINY else 16
ROUNDS = 1 if TINY else 2             # over the masks
GLOSS_TOKENS = 48
LONG_TEXTS = 4 if TINY else 512      # of LONG_TOKENS each, for BERT-base
LONG_TOKENS = 128
LONG_MASKS = 2 if TINY else 6
FISHER_FEW, FISHER_MANY = (8, 24) if TINY else (128, 4224)           # rows of MiniLM's per-sample Fisher
FISHER_LONG_FEW, FISHER_LONG_MANY = (1, 3) if TINY else (64, 512)   # of BERT-base's
TRAIN_ROWS, TRAIN_EPOCHS = (64, 2) if TINY else (4000, 4)
UTTERANCES, COPIES = (3, 1) if TINY else (64, 4)
SPEECH_BATCH = 4 if TINY else 128
SOUNDS, SOUND_MASKS = (2, 2) if TINY else (64, 5)


def say(text):
    print(f"[{time.time() - BEGUN:5.0f}s] {text}", flush=True)


def record(question, side, compute, variant, seconds, amount, unit, **more):
    """One measurement: the median of `seconds`, each for `amount` of `unit`. Said and kept in results.jsonl."""
    ordered = sorted(seconds)
    median = ordered[len(ordered) // 2]
    rate = amount / median
    keep(kind="rate", question=question, side=side, compute=compute, variant=variant, rate=rate, unit=unit, median_seconds=median,
         fastest_seconds=ordered[0], slowest_seconds=ordered[-1], repeats=len(ordered), amount=amount, **more)
    say(f"{side:12s} {question:16s} {compute:8s} {variant:30s} {rate:10.1f} {unit}/s  (median {median * 1e3:.2f} ms of {len(ordered)}, "
        f"{ordered[0] * 1e3:.2f} to {ordered[-1] * 1e3:.2f})")


def keep(**fields):
    with open(OUT / "results.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(fields) + "\n")


def kept():
    path = OUT / "results.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def table_rows(path, limit=None):
    """(text, label) of a .tsv with a header."""
    rows = []
    with open(path, encoding="utf-8") as file:
        head = file.readline().rstrip("\n").split("\t")
        text, label = head.index("text"), head.index("label")
        for line in file:
            cells = line.rstrip("\n").split("\t")
            rows.append((cells[text], cells[label]))
            if len(rows) == limit:
                break
    return rows


def _types():
    import torch
    return {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
            "I32": torch.int32, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}


def read_tensors(path):
    import torch
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        part = bytearray(data[8 + size + begin:8 + size + end])
        made = torch.frombuffer(part, dtype=_types()[entry["dtype"]]) if part else torch.empty(0, dtype=_types()[entry["dtype"]])
        tensors[name] = made.reshape(entry["shape"])
    return tensors


def write_tensors(path, tensors, **metadata):
    names = {value: key for key, value in _types().items()}
    head, offset = {"__metadata__": metadata or {"format": "pt"}}, 0
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        head[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(ctypes.string_at(tensor.data_ptr(), tensor.numel() * tensor.element_size()))

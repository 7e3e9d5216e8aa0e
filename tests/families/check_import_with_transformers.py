#!/usr/bin/env python3
"""Compares an imported Whisper with a conversion of the same model.bin in Python, and runs it in transformers.

usage: check_import_with_transformers.py CTRANSLATE2_DIR IMPORTED_DIR [WAV [EXPECTED_TEXT]]

Needs torch 2.13.0, transformers 4.57.6, safetensors 0.8.0, numpy, soundfile 0.14.0. WAV is 16 kHz mono.
"""
import json
import re
import struct
import sys
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, WhisperForConditionalGeneration, WhisperProcessor, WhisperTokenizer

SIZES = {0: 4, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2}


def read_variables(path):
    """name -> float32 tensor, name -> number, alias -> name."""
    data = path.read_bytes()
    place = 0

    def take(form):
        nonlocal place
        (value,) = struct.unpack_from("<" + form, data, place)
        place += struct.calcsize(form)
        return value

    def text():
        nonlocal place
        length = take("H")
        place += length
        return data[place - length:place - 1].decode()

    version, name, revision = take("I"), text(), take("I")
    print(f"version {version}, {name} revision {revision}")
    tensors, numbers = {}, {}
    for _ in range(take("I")):
        name, shape = text(), [take("I") for _ in range(take("B"))]
        kind, size = take("B"), take("I")
        raw = data[place:place + size]
        place += size
        assert size == SIZES[kind] * int(numpy.prod(shape)), name
        if kind in (0, 4, 5):
            if kind == 5:  # the upper half of a float32
                values = (numpy.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
            else:
                values = numpy.frombuffer(raw, "<f4" if kind == 0 else "<f2").astype("<f4")
            tensors[name] = torch.from_numpy(values.reshape(shape).copy())
        else:
            numbers[name] = int.from_bytes(raw, "little", signed=True)
    aliases = {text(): text() for _ in range(take("I"))}
    assert place == len(data)
    return tensors, numbers, aliases


def converted(tensors):
    out = {}

    def norm(source, target):
        out[target + ".weight"], out[target + ".bias"] = tensors[source + "/gamma"], tensors[source + "/beta"]

    def linear(source, target):
        out[target + ".weight"], out[target + ".bias"] = tensors[source + "/weight"], tensors[source + "/bias"]

    def stacked(source, target, parts):
        weights = tensors[source + "/weight"].chunk(len(parts))
        biases = tensors[source + "/bias"].chunk(len(parts))
        for part, weight, bias in zip(parts, weights, biases):
            out[f"{target}.{part}_proj.weight"] = weight
            if part == "k":
                assert not bias.any(), source
            else:
                out[f"{target}.{part}_proj.bias"] = bias

    for conv in ("conv1", "conv2"):
        linear(f"encoder/{conv}", f"model.encoder.{conv}")
    out["model.decoder.embed_tokens.weight"] = tensors["decoder/embeddings/weight"]
    for stack in ("encoder", "decoder"):
        out[f"model.{stack}.embed_positions.weight"] = tensors[f"{stack}/position_encodings/encodings"]
        norm(f"{stack}/layer_norm", f"model.{stack}.layer_norm")
        layer = 0
        while f"{stack}/layer_{layer}/ffn/linear_0/weight" in tensors:
            source, target = f"{stack}/layer_{layer}", f"model.{stack}.layers.{layer}"
            norm(source + "/self_attention/layer_norm", target + ".self_attn_layer_norm")
            stacked(source + "/self_attention/linear_0", target + ".self_attn", "qkv")
            linear(source + "/self_attention/linear_1", target + ".self_attn.out_proj")
            if stack == "decoder":
                norm(source + "/attention/layer_norm", target + ".encoder_attn_layer_norm")
                linear(source + "/attention/linear_0", target + ".encoder_attn.q_proj")
                stacked(source + "/attention/linear_1", target + ".encoder_attn", "kv")
                linear(source + "/attention/linear_2", target + ".encoder_attn.out_proj")
            norm(source + "/ffn/layer_norm", target + ".final_layer_norm")
            linear(source + "/ffn/linear_0", target + ".fc1")
            linear(source + "/ffn/linear_1", target + ".fc2")
            layer += 1
    return out


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower())


def main():
    source, imported = Path(sys.argv[1]), Path(sys.argv[2])
    tensors, numbers, aliases = read_variables(source / "model.bin")
    assert aliases == {"decoder/projection/weight": "decoder/embeddings/weight"}, aliases
    expected, found = converted(tensors), load_file(imported / "model.safetensors")
    assert set(expected) == set(found), set(expected) ^ set(found)
    for name, tensor in expected.items():
        assert found[name].dtype == torch.float32 and found[name].shape == tensor.shape, name
        assert torch.equal(found[name].view(torch.int32), tensor.contiguous().view(torch.int32)), name
    smallest = torch.finfo(torch.float16).tiny
    subnormal = sum(int(((t != 0) & (t.abs() < smallest)).sum()) for t in found.values())
    print(f"{len(found)} tensors, {sum(t.numel() for t in found.values())} parameters equal bit by bit, "
          f"{subnormal} of them float16 subnormals")

    model, report = WhisperForConditionalGeneration.from_pretrained(imported, output_loading_info=True)
    assert not any(report.values()), report
    config = model.config
    assert config.encoder_attention_heads == numbers["encoder/num_heads"]
    assert config.decoder_attention_heads == numbers["decoder/num_heads"]
    given = json.loads((source / "config.json").read_text())
    assert model.generation_config.suppress_tokens == given["suppress_ids"]
    print("transformers loads it, no key missing, unexpected or mismatched")

    tokenizer, processor = AutoTokenizer.from_pretrained(imported), WhisperProcessor.from_pretrained(imported)
    slow = WhisperTokenizer.from_pretrained(imported)  # from vocab.json and merges.txt
    said = " Ten o'clock: naïve café, 3.5 %!"
    assert tokenizer(said).input_ids == slow(said).input_ids
    assert tokenizer.decode(tokenizer(said).input_ids, skip_special_tokens=True) == said
    print(f"{type(tokenizer).__name__} and {type(slow).__name__} agree")

    if len(sys.argv) > 3:
        import soundfile
        samples, rate = soundfile.read(sys.argv[3], dtype="float32")
        features = processor(samples, sampling_rate=rate, return_tensors="pt").input_features
        ids = model.eval().generate(features)
        text = tokenizer.decode(ids[0], skip_special_tokens=True).strip()
        print(text)
        if len(sys.argv) > 4:
            assert words(text) == words(sys.argv[4]), text


if __name__ == "__main__":
    main()

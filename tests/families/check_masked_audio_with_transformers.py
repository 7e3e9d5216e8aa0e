#!/usr/bin/env python3
"""Checks pruned AST and Whisper checkpoints against transformers, which loads the masked ones as they are.

Usage: python tests/families/check_masked_audio_with_transformers.py [--espalier build/bin/espalier] [--seed 0] [--tolerance 1e-5]

Needs torch==2.13.0 transformers==4.57.6 safetensors==0.8.0 and a build. Makes tiny random checkpoints of odd shapes and random
masks over sites of every kind: whole heads, equally many channels of each head, and any channel of any projection. Of each
case one line shows, in float32, the largest absolute differences of logits (or last hidden states):
  zeroed   transformers on the masked checkpoint, and on the dense one with rows and columns zeroed here: 0 where bit-equal
  dense    `espalier predict --model DENSE`, against transformers on the dense checkpoint
  mask     `espalier predict --model DENSE --mask`, this and the next two against transformers on the masked checkpoint
  masked   `espalier predict` on what `espalier prune --format masked` wrote
  compact  `espalier predict` on what `espalier prune --format compact` wrote
and `moves`, by how much the mask changes the outputs, and `smaller`, the parameters that compaction leaves. Exit code 1: a
difference above the tolerance, a tensor that transformers misses or does not know, or a mask that changes nothing.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--espalier", default="build/bin/espalier")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--tolerance", type=float, default=1e-5)
args = parser.parse_args()

import torch  # noqa: E402  (after the environment it reads)
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import (ASTConfig, ASTForAudioClassification, ASTModel, WhisperConfig,  # noqa: E402
                          WhisperForConditionalGeneration)

if transformers.__version__ != "4.57.6" or not torch.__version__.startswith("2.13.0"):
    sys.exit(f"needs torch 2.13.0 and transformers 4.57.6, found {torch.__version__} and {transformers.__version__}")
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)

MODELS = [
    # Head width 7, a grid of patches that is not square, strides that overlap and differ.
    ("ast-3x7", ASTForAudioClassification, ASTConfig(
        hidden_size=21, num_attention_heads=3, num_hidden_layers=3, intermediate_size=19, patch_size=5, frequency_stride=3,
        time_stride=4, max_length=37, num_mel_bins=14, num_labels=5)),
    ("ast-no-bias", ASTForAudioClassification, ASTConfig(
        hidden_size=65, num_attention_heads=5, num_hidden_layers=2, intermediate_size=31, patch_size=4, frequency_stride=4,
        time_stride=3, max_length=23, num_mel_bins=9, qkv_bias=False, hidden_act="relu", num_labels=3)),
    ("ast-headless", ASTModel, ASTConfig(
        hidden_size=18, num_attention_heads=6, num_hidden_layers=2, intermediate_size=7, patch_size=3, frequency_stride=2,
        time_stride=2, max_length=11, num_mel_bins=7)),
    # Other head counts in the decoder than in the encoder.
    ("whisper-3-and-14", WhisperForConditionalGeneration, WhisperConfig(
        d_model=42, encoder_layers=2, encoder_attention_heads=3, encoder_ffn_dim=13, decoder_layers=3,
        decoder_attention_heads=14, decoder_ffn_dim=17, vocab_size=61, num_mel_bins=7, max_source_positions=19,
        max_target_positions=15, scale_embedding=True)),
    ("whisper-untied", WhisperForConditionalGeneration, WhisperConfig(
        d_model=30, encoder_layers=3, encoder_attention_heads=6, encoder_ffn_dim=29, decoder_layers=2,
        decoder_attention_heads=2, decoder_ffn_dim=23, vocab_size=53, num_mel_bins=5, max_source_positions=13,
        max_target_positions=9, tie_word_embeddings=False, activation_function="relu")),
]
for _, kind, config in MODELS:
    if kind is WhisperForConditionalGeneration:
        config.pad_token_id = config.bos_token_id = config.eos_token_id = config.vocab_size - 1
        config.decoder_start_token_id, config.suppress_tokens, config.begin_suppress_tokens = 3, None, None


def randomised(model, generator):
    """Weights large enough that every part shows in the outputs, biases and layer norms included."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data = 1 + 0.2 * noise if "norm" in name and name.endswith("weight") else 0.25 * noise
    model.tie_weights()
    return model.eval()


def sites_of(model):
    """Site name -> Q, K, V and O as modules, heads, width of a head."""
    modules, sites = dict(model.named_modules()), {}
    for name, module in modules.items():
        if type(module).__name__ == "ASTSelfAttention":
            output = modules[name.removesuffix("attention") + "output.dense"]
            sites[name] = (module.query, module.key, module.value, output), module.num_attention_heads
        elif type(module).__name__ == "WhisperAttention":
            sites[name] = (module.q_proj, module.k_proj, module.v_proj, module.out_proj), module.num_heads
    return {name: (parts, heads, parts[0].out_features // heads) for name, (parts, heads) in sites.items()}


def some(count, generator):
    """Half of `count` places, rounded down but at least one, are False."""
    kept = torch.ones(count, dtype=torch.bool)
    kept[torch.randperm(count, generator=generator)[:max(1, count // 2)]] = False
    return kept


def heads_mask(number, heads, width, generator):
    kept = torch.zeros(heads, dtype=torch.bool) if number == 1 else some(heads, generator)  # one site loses all
    return kept[:, None].expand(heads, width).repeat(4, 1, 1)


def head_channel_mask(number, heads, width, generator):
    pairs = [torch.stack([some(width, generator) for _ in range(heads)]) for _ in range(2)]  # QK, VO
    return torch.stack([pairs[0], pairs[0], pairs[1], pairs[1]])


def projection_channel_mask(number, heads, width, generator):
    kept = torch.rand((4, heads, width), generator=generator) > 0.3
    if number == 0:
        kept[:2, 0] = False  # a head without QK attends uniformly
    if number == 2 or heads == 2:
        kept[2, heads - 1] = False  # a head without V goes whole
    return kept


MASKS = {"head": heads_mask, "head-channel": head_channel_mask, "projection-channel": projection_channel_mask}


def zero(parts, kept):
    rows = kept.flatten(1)
    for projection, part in enumerate(parts[:3]):
        part.weight.data[~rows[projection]] = 0
        if part.bias is not None:
            part.bias.data[~rows[projection]] = 0
    parts[3].weight.data[:, ~rows[3]] = 0


def inputs_of(config, generator):
    if isinstance(config, ASTConfig):
        return {"input_values": torch.randn((3, config.max_length, config.num_mel_bins), generator=generator)}
    return {"input_features": torch.randn((3, config.num_mel_bins, 2 * config.max_source_positions), generator=generator),
            "decoder_input_ids": torch.randint(0, config.vocab_size, (3, config.max_target_positions - 2), generator=generator)}


def answer_of(model, inputs):
    with torch.no_grad():
        answer = model(**inputs)
    return answer.logits if hasattr(answer, "logits") else answer.last_hidden_state


def espalier(*words):
    done = subprocess.run([args.espalier, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"espalier {' '.join(map(str, words))}\n{done.stderr}")


def predicted(folder, model, *words):
    espalier("predict", "--model", model, "--input", folder / "in.safetensors", "--output", folder / "out.safetensors", *words)
    found = load_file(folder / "out.safetensors")
    return found["logits"] if "logits" in found else found["last_hidden_state"]


def away(a, b):
    return (a - b).abs().max().item() if a.shape == b.shape else float("inf")


def check(folder, name, kind, config, mask_name, generator):
    dense = randomised(kind(config), generator)
    dense.save_pretrained(folder / "dense")
    inputs = inputs_of(config, generator)
    save_file(inputs, folder / "in.safetensors")
    sites = sites_of(dense)
    masks = {site: MASKS[mask_name](number, heads, width, generator)
             for number, (site, (_, heads, width)) in enumerate(sites.items())}
    save_file({f"{site}.{'qkvo'[p]}": kept[p].contiguous() for site, kept in masks.items() for p in range(4)},
              folder / "mask.safetensors", metadata={"format": "espalier-mask", "version": "1"})
    for form in ("masked", "compact"):
        espalier("prune", "--model", folder / "dense", "--mask", folder / "mask.safetensors", "--output", folder / form,
                 "--format", form)

    unpruned = answer_of(dense, inputs)
    loaded, loading = kind.from_pretrained(folder / "masked", output_loading_info=True)
    unmatched = {key: value for key, value in loading.items() if value}
    expected = answer_of(loaded.eval(), inputs)
    for site, (parts, _, _) in sites.items():
        zero(parts, masks[site])
    differences = {
        "zeroed": away(answer_of(dense, inputs), expected),
        "dense": away(predicted(folder, folder / "dense"), unpruned),
        "mask": away(predicted(folder, folder / "dense", "--mask", folder / "mask.safetensors"), expected),
        "masked": away(predicted(folder, folder / "masked"), expected),
        "compact": away(predicted(folder, folder / "compact"), expected),
    }
    moves = away(unpruned, expected)
    whole, left = (sum(tensor.numel() for tensor in load_file(folder / form / "model.safetensors").values())
                   for form in ("masked", "compact"))
    good = max(differences.values()) <= args.tolerance and moves > 1e-2 and left < whole and not unmatched
    print(f"{name:17}{mask_name:19}{len(sites)} sites  ", "  ".join(f"{key} {value:.1e}" for key, value in differences.items()),
          f"  moves {moves:.2f}  smaller {left}/{whole}  {'same' if good else 'DIFFERS'}", unmatched or "", flush=True)
    return good


right = []
for number, (name, kind, config) in enumerate(MODELS):
    for place, mask_name in enumerate(MASKS):
        with tempfile.TemporaryDirectory() as folder:
            generator = torch.Generator().manual_seed(1000 * args.seed + 10 * number + place)
            right.append(check(pathlib.Path(folder), name, kind, config, mask_name, generator))
print(f"{sum(right)} of {len(right)} cases within {args.tolerance:g}")
sys.exit(0 if all(right) else 1)

#!/usr/bin/env python3
"""Checks what `espalier prune` says of who loads its checkpoints, with the transformers that is installed.

Usage: python tests/families/check_loading_with_transformers.py [--espalier build/bin/espalier] [--tolerance 1e-5]

Needs torch==2.13.0, safetensors and a build; run it with transformers==4.57.6 and again with transformers==5.24.0, as the
sentence names both. Makes a tiny random BERT, AST and Whisper, prunes each into a masked checkpoint and into compact ones
(whole heads of every layer, a layer without heads, channels), and loads them by from_pretrained. A line a checkpoint:
what was said for this version, whether it loaded (every tensor used, every shape as expected), and the largest difference
of its outputs from `espalier predict`. Exit code 1: something loads and is said not to, or the reverse, or differs.
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
parser.add_argument("--tolerance", type=float, default=1e-5)
args = parser.parse_args()

import torch  # noqa: E402  (after the environment it reads)
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import (ASTConfig, ASTForAudioClassification, BertConfig,  # noqa: E402
                          BertForSequenceClassification, WhisperConfig, WhisperForConditionalGeneration)

if transformers.__version__ not in ("4.57.6", "5.24.0"):
    sys.exit(f"needs transformers 4.57.6 or 5.24.0, found {transformers.__version__}")
MAJOR = int(transformers.__version__.split(".")[0])
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
torch.manual_seed(1)
espalier = str(pathlib.Path(args.espalier).resolve())

MODELS = {
    "bert": (BertForSequenceClassification, BertConfig(
        hidden_size=20, num_attention_heads=4, num_hidden_layers=2, intermediate_size=13, vocab_size=40,
        max_position_embeddings=12, num_labels=3), {"input_ids": torch.randint(0, 40, (3, 7))},
        [f"bert.encoder.layer.{i}.attention.self" for i in range(2)], 4, 5),
    "ast": (ASTForAudioClassification, ASTConfig(
        hidden_size=20, num_attention_heads=4, num_hidden_layers=2, intermediate_size=13, patch_size=4, frequency_stride=4,
        time_stride=4, max_length=16, num_mel_bins=8, num_labels=3), {"input_values": torch.randn(2, 16, 8)},
        [f"audio_spectrogram_transformer.encoder.layer.{i}.attention.attention" for i in range(2)], 4, 5),
    "whisper": (WhisperForConditionalGeneration, WhisperConfig(
        d_model=20, encoder_layers=1, encoder_attention_heads=4, encoder_ffn_dim=13, decoder_layers=1,
        decoder_attention_heads=4, decoder_ffn_dim=13, vocab_size=40, num_mel_bins=5, max_source_positions=6,
        max_target_positions=10, pad_token_id=39, bos_token_id=39, eos_token_id=39, decoder_start_token_id=3,
        suppress_tokens=None, begin_suppress_tokens=None),
        {"input_features": torch.randn(2, 5, 12), "decoder_input_ids": torch.randint(0, 39, (2, 4))},
        ["model.encoder.layers.0.self_attn", "model.decoder.layers.0.self_attn", "model.decoder.layers.0.encoder_attn"],
        4, 5),
}


def run(*words):
    done = subprocess.run([espalier, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


def mask_of(kind, sites, heads, width):
    kept = {f"{site}.{part}": torch.ones(heads, width, dtype=torch.bool) for site in sites for part in "qkvo"}
    for number, site in enumerate(sites):
        for part in "qkvo":
            if kind == "heads" or (kind == "empty" and number == 0):
                kept[f"{site}.{part}"][0 if kind == "empty" else number % 2:None if kind == "empty" else number % 2 + 1] = False
            if kind == "channels":
                kept[f"{site}.{part}"][:, 0 if part in "qk" else 1] = False
    return kept


def loads(kind, folder):
    """The model, or why not; from_pretrained must use every tensor, in its shape."""
    try:
        model, info = kind.from_pretrained(folder, output_loading_info=True)
    except Exception as error:  # noqa: BLE001  (whatever a version raises)
        return None, str(error).strip().splitlines()[0][:90]
    unmatched = {key: value for key, value in info.items() if value and key != "error_msgs"}
    return (None, str(unmatched)[:90]) if unmatched else (model.eval(), "")


failed = False
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    for name, (kind, config, inputs, sites, heads, width) in MODELS.items():
        model = kind(config)
        for parameter_name, parameter in model.named_parameters():
            if "norm" not in parameter_name.lower():
                parameter.data = torch.randn(parameter.shape) * 0.3
        model.tie_weights()
        model.save_pretrained(folder / name)
        save_file(inputs, folder / "in.safetensors")
        for pruned, form in (("heads", "masked"), ("channels", "masked"), ("heads", "compact"), ("empty", "compact"),
                             ("channels", "compact")):
            save_file(mask_of(pruned, sites, heads, width), folder / "mask.safetensors",
                      metadata={"format": "espalier-mask", "version": "1"})
            output = folder / f"{name}-{pruned}-{form}"
            said = run("prune", "--model", folder / name, "--mask", folder / "mask.safetensors", "--format", form,
                       "--output", output).splitlines()[1].strip()
            promised = "transformers 4 and 5, and" in said or (MAJOR == 4 and "transformers 4 and in" in said)
            run("predict", "--model", output, "--input", folder / "in.safetensors", "--output", folder / "out.safetensors")
            loaded, why = loads(kind, output)
            difference = 0.0
            if loaded is not None:
                with torch.no_grad():
                    difference = (loaded(**inputs).logits - load_file(folder / "out.safetensors")["logits"]).abs().max().item()
            good = promised == (loaded is not None) and difference <= args.tolerance
            failed |= not good
            print(f"{output.name}: {'as said' if good else 'NOT AS SAID'}: {'loads' if promised else 'does not load'} in "
                  f"transformers {MAJOR}; {f'largest difference {difference:.1e}' if loaded is not None else why}")
sys.exit(failed)

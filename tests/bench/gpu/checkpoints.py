"""Makes the models, masks and inputs of the trial in WORK: what was packed, and shapes with random weights.

Usage: python checkpoints.py [NAME...]: minilm, bertbase, whisper, ast; all where none is named. Needs torch only.
"""
import array
import random
import shutil
import wave

import torch

from facts import *


def unpack(name):
    source, target = KIT / "data" / name, WORK / "models" / name
    target.mkdir(parents=True, exist_ok=True)
    packed, tensors = read_tensors(source / "packed.safetensors"), {}
    for key, value in packed.items():
        base, _, part = key.partition("|")
        if part == "codes":
            scale = packed[f"{base}|scale"]
            tensors[base] = value.float() * scale.reshape(-1, *[1] * (value.dim() - 1))
        elif not part:
            tensors[base] = value
    write_tensors(target / "model.safetensors", tensors)
    for file in source.iterdir():
        if file.name != "packed.safetensors":
            shutil.copy(file, target / file.name)
    return json.loads((target / "config.json").read_text())


def mask_files(folder, sites, heads, width, count, seed, share=0.5):
    """`count` masks that each leave out a share of all heads; also as one tensor [count, sites, heads] for the peer."""
    target = WORK / "masks" / folder
    target.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    made = []
    for number in range(count):
        keep = torch.ones(len(sites) * heads, dtype=torch.bool)
        keep[torch.randperm(len(keep), generator=generator)[:int(len(keep) * share)]] = False
        made.append(keep.view(len(sites), heads))
        tensors = {f"{site}.{part}": made[-1][i][:, None].expand(heads, width)
                   for i, site in enumerate(sites) for part in "qkvo"}
        write_tensors(target / f"mask-{number:02d}.safetensors", tensors, format="espalier-mask", version="1")
    torch.save(torch.stack(made).float(), WORK / "masks" / f"{folder}.pt")


def labels_of(path):
    return sorted({label for _, label in table_rows(path)})


def random_weights(shapes, seed):
    """Deviation .02, norms of one, biases of zero, and classes that differ from each other."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in shapes.items():
        if name.endswith("bias"):
            tensors[name] = torch.zeros(shape)
        elif "norm" in name.lower():
            tensors[name] = torch.ones(shape)
        else:
            tensors[name] = torch.randn(shape, generator=generator) * (0.5 if name.startswith("classifier") else 0.02)
    return tensors


def linear(name, outputs, inputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def save(folder, shapes, config, seed):
    target = WORK / "models" / folder
    target.mkdir(parents=True, exist_ok=True)
    write_tensors(target / "model.safetensors", random_weights(shapes, seed))
    (target / "config.json").write_text(json.dumps(config))
    return target


def minilm():
    config = unpack("minilm")
    layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
    mask_files("minilm", [f"bert.encoder.layer.{i}.attention.self" for i in range(layers)], heads,
               config["hidden_size"] // heads, MASKS, seed=0)
    for split in ("train", "validation", "test"):
        rows = (KIT / "data/wordnet" / f"{split}.tsv").read_text(encoding="utf-8").split("\n")
        (WORK / "data" / f"{split}.tsv").write_text("\n".join(rows[:TEXTS + 1] if TINY or split == "test" else rows).rstrip("\n") + "\n",
                                                    encoding="utf-8")


def bertbase():
    labels = labels_of(KIT / "data/wordnet/train.tsv")
    layers, width, inner, vocabulary = 2 if TINY else 12, 768, 3072, 30522
    shapes = {"bert.embeddings.word_embeddings.weight": (vocabulary, width),
              "bert.embeddings.position_embeddings.weight": (512, width),
              "bert.embeddings.token_type_embeddings.weight": (2, width), **norm("bert.embeddings.LayerNorm", width)}
    for i in range(layers):
        at = f"bert.encoder.layer.{i}."
        for part in ("query", "key", "value"):
            shapes |= linear(f"{at}attention.self.{part}", width, width)
        shapes |= linear(f"{at}attention.output.dense", width, width) | norm(f"{at}attention.output.LayerNorm", width)
        shapes |= linear(f"{at}intermediate.dense", inner, width) | linear(f"{at}output.dense", width, inner)
        shapes |= norm(f"{at}output.LayerNorm", width)
    shapes |= linear("bert.pooler.dense", width, width) | linear("classifier", len(labels), width)
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": width,
              "num_hidden_layers": layers, "num_attention_heads": 12, "intermediate_size": inner, "hidden_act": "gelu",
              "vocab_size": vocabulary, "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
              "pad_token_id": 0, "id2label": {str(i): label for i, label in enumerate(labels)},
              "label2id": {label: i for i, label in enumerate(labels)}}
    target = save("bertbase", shapes, config, seed=1)
    for file in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        if (KIT / "data/minilm" / file).exists():
            shutil.copy(KIT / "data/minilm" / file, target / file)
    mask_files("bertbase", [f"bert.encoder.layer.{i}.attention.self" for i in range(layers)], 12, 64, LONG_MASKS, seed=1)
    texts = table_rows(KIT / "data/wordnet/train.tsv")
    with open(WORK / "data/long.tsv", "w", encoding="utf-8") as file:  # forty glosses are more than LONG_TOKENS tokens
        file.write("text\tlabel\n")
        for i in range(LONG_TEXTS):
            words = " ".join(texts[(i * 7 + k) % len(texts)][0] for k in range(40))
            file.write(f"{words}\t{labels[i % len(labels)]}\n")


def ast():
    labels = [f"class-{i:02d}" for i in range(35)]
    layers, width, inner, at = 2 if TINY else 12, 768, 3072, "audio_spectrogram_transformer."
    shapes = {f"{at}embeddings.cls_token": (1, 1, width), f"{at}embeddings.distillation_token": (1, 1, width),
              f"{at}embeddings.position_embeddings": (1, 1214, width),
              f"{at}embeddings.patch_embeddings.projection.weight": (width, 1, 16, 16),
              f"{at}embeddings.patch_embeddings.projection.bias": (width,), **norm(f"{at}layernorm", width),
              **norm("classifier.layernorm", width), **linear("classifier.dense", len(labels), width)}
    for i in range(layers):
        layer = f"{at}encoder.layer.{i}."
        for part in ("query", "key", "value"):
            shapes |= linear(f"{layer}attention.attention.{part}", width, width)
        shapes |= linear(f"{layer}attention.output.dense", width, width)
        shapes |= linear(f"{layer}intermediate.dense", inner, width) | linear(f"{layer}output.dense", width, inner)
        shapes |= norm(f"{layer}layernorm_before", width) | norm(f"{layer}layernorm_after", width)
    config = {"architectures": ["ASTForAudioClassification"], "model_type": "audio-spectrogram-transformer", "hidden_size": width,
              "num_hidden_layers": layers, "num_attention_heads": 12, "intermediate_size": inner, "hidden_act": "gelu",
              "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.02,
              "layer_norm_eps": 1e-12, "patch_size": 16, "qkv_bias": True, "frequency_stride": 10, "time_stride": 10,
              "max_length": 1024, "num_mel_bins": 128, "id2label": {str(i): label for i, label in enumerate(labels)},
              "label2id": {label: i for i, label in enumerate(labels)}}
    target = save("ast", shapes, config, seed=2)
    (target / "preprocessor_config.json").write_text(json.dumps(
        {"feature_extractor_type": "ASTFeatureExtractor", "sampling_rate": 16000, "num_mel_bins": 128, "max_length": 1024,
         "do_normalize": True, "mean": -4.2677393, "std": 4.5689974, "padding_value": 0.0}))
    mask_files("ast", [f"{at}encoder.layer.{i}.attention.attention" for i in range(layers)], 12, 64, SOUND_MASKS, seed=2)
    write_tensors(WORK / "data/ast.safetensors", {"input_values": torch.randn(
        1 if TINY else 16, 1024, 128, generator=torch.Generator().manual_seed(3)) * 0.5})
    (WORK / "data/noise").mkdir(exist_ok=True)
    draw = random.Random(0)
    noise = array.array("h", [int(draw.gauss(0, 3000)) for _ in range(20_000)])
    with open(WORK / "data/noise.tsv", "w", encoding="utf-8") as table:  # 10.25 s each: the whole window
        table.write("path\tlabel\n")
        for i in range(SOUNDS):
            start = draw.randrange(len(noise))
            sound = ((noise[start:] + noise[:start]) * 9)[:164_000]
            with wave.open(str(WORK / f"data/noise/{i}.wav"), "wb") as file:
                file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
                file.writeframes(sound.tobytes())
            table.write(f"noise/{i}.wav\t{labels[i % len(labels)]}\n")


def whisper():
    config = unpack("whisper")
    heads = config["encoder_attention_heads"]
    sites = ([f"model.encoder.layers.{i}.self_attn" for i in range(config["encoder_layers"])] +
             [f"model.decoder.layers.{i}.{kind}" for i in range(config["decoder_layers"]) for kind in ("self_attn", "encoder_attn")])
    # One that keeps every head, so that both sides do the same work, and one that does not.
    mask_files("whisper-all", sites, heads, config["d_model"] // heads, 1, seed=4, share=0)
    mask_files("whisper", sites, heads, config["d_model"] // heads, 1, seed=4, share=1 / 6)
    lines = (KIT / "data/asterisk/test.tsv").read_text(encoding="utf-8").rstrip("\n").split("\n")[1:UTTERANCES + 1]
    for name, copies in (("speech", 1), ("speech-copies", COPIES)):
        rows = "".join(f"{KIT}/data/asterisk/{line}\n" for _ in range(copies) for line in lines)
        (WORK / "data" / f"{name}.tsv").write_text("path\ttext\n" + rows, encoding="utf-8")


if __name__ == "__main__":
    for folder in ("models", "masks", "data"):
        (WORK / folder).mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or ("minilm", "bertbase", "whisper", "ast"):
        begun = time.time()
        globals()[name]()
        say(f"made {name} in {time.time() - begun:.1f} s")

"""transformers on the same device and the same files, in one process that waits for its turns.

trial.py makes a file WORK/go/SECTION; this process runs the section and answers with WORK/done/SECTION. Versions 4 and 5 are
understood; where a version has no head_mask, heads are switched off before the output projection, as in all fast variants.
"""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import copy
import inspect
import traceback

import torch

from facts import *

place = torch.device(DEVICE if CUDA else "cpu")


def wait_for_device():
    if CUDA:
        torch.cuda.synchronize()


def timed(work):
    wait_for_device()
    begun = time.perf_counter()
    value = work()
    wait_for_device()
    return value, time.perf_counter() - begun


def arithmetic(compute):
    """Sets what float32 products are, and gives the type of the weights."""
    torch.set_float32_matmul_precision("high" if compute == "tf32" else "highest")
    if CUDA:
        torch.backends.cudnn.allow_tf32 = compute == "tf32"
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(compute, torch.float32)


def read(kind, folder, attention):
    import transformers
    made = getattr(transformers, kind).from_pretrained(WORK / "models" / folder, attn_implementation=attention)
    return made.float().eval()


def on_device(model, compute):
    return copy.deepcopy(model).to(place, arithmetic(compute))


def has_head_mask(model):
    return "head_mask" in inspect.signature(type(model).forward).parameters


def switched(model):
    """Lets `state["mask"]`, [masks, sites, heads], scale what enters each site's output projection: examples of several masks
    follow each other in one batch."""
    state, config = {}, model.config
    sites = [module for name, module in model.named_modules() if name.endswith(("attention.output.dense", "attention.o_proj"))]
    width = config.hidden_size // config.num_attention_heads
    for number, module in enumerate(sites):
        def scale(module, inputs, number=number):
            x, mask = inputs[0], state["mask"][:, number]
            factor = mask.to(x.dtype).repeat_interleave(width, -1)
            if len(factor) == 1:
                return (x * factor[0],)
            return ((x.view(len(factor), -1, *x.shape[1:]) * factor[:, None, None, :]).view(x.shape),)
        module.register_forward_pre_hook(scale)
    return state


def batches_of(folder, table, limit, length, batch, order):
    """Tokenised once and kept on the device, which is more than Espalier gets. order: file, or sorted by length."""
    from transformers import BertTokenizerFast
    tokenizer = BertTokenizerFast.from_pretrained(WORK / "models" / folder)
    rows = table_rows(table, limit)
    ids = json.loads((WORK / "models" / folder / "config.json").read_text())["label2id"]
    texts = [text for text, _ in rows]
    index = list(range(len(rows)))
    if order == "sorted":
        lengths = [len(x) for x in tokenizer(texts, truncation=True, max_length=length)["input_ids"]]
        index.sort(key=lambda i: lengths[i])
    made = []
    for begin in range(0, len(index), batch):
        part = index[begin:begin + batch]
        x = tokenizer([texts[i] for i in part], truncation=True, max_length=length, padding="longest", return_tensors="pt")
        made.append(({key: value.to(place) for key, value in x.items()}, torch.tensor([int(ids[rows[i][1]]) for i in part]).to(place)))
    return made, len(rows)


def masked_evaluations(question, folder, table, limit, length, count, types, batch=128):
    masks = torch.load(WORK / "masks" / f"{folder}.pt").to(place)[:count]
    made, texts = batches_of(folder, table, limit, length, batch, "sorted")
    models = {"sdpa": read("BertForSequenceClassification", folder, "sdpa")}
    variants = [("SDPA, hook, sorted", "sdpa", compute) for compute in types]
    eager = read("BertForSequenceClassification", folder, "eager")
    if has_head_mask(eager):
        models["eager"] = eager
        variants += [("head_mask, sorted", "eager", compute) for compute in types if compute != "float16"]
    for variant, attention, compute in variants:
        model = on_device(models[attention], compute)
        state = switched(model) if attention == "sdpa" else None

        def evaluate(mask):
            right = torch.zeros((), dtype=torch.long, device=place)
            with torch.inference_mode():
                if state is not None:
                    state["mask"] = mask[None]
                for x, y in made:
                    logits = model(**x).logits if state is not None else model(**x, head_mask=mask).logits
                    right += (logits.argmax(1) == y).sum()
            return int(right)

        evaluate(masks[0])
        found = [timed(lambda: evaluate(mask)) for mask in masks]
        record(question, "transformers", compute, variant, [seconds for _, seconds in found], 1, "masks",
               accuracy=[right / texts for right, _ in found])
        del model
    arithmetic("float32")


def masks():
    masked_evaluations("minilm-masks", "minilm", WORK / "data/test.tsv", TEXTS, GLOSS_TOKENS, MASKS, COMPUTE)


def masks_long():
    masked_evaluations("bertbase-masks", "bertbase", WORK / "data/long.tsv", LONG_TEXTS, LONG_TOKENS, LONG_MASKS, COMPUTE)


def together():
    """What several masks in one pass, and a CUDA graph of the whole evaluation, would bring: nobody's target today."""
    masks = torch.load(WORK / "masks/minilm.pt").to(place)
    import transformers
    made, _ = batches_of("minilm", WORK / "data/test.tsv", TEXTS, GLOSS_TOKENS, 128, "sorted")
    if transformers.__version__.startswith("4."):  # looks into a mask of two dimensions, which a graph cannot record
        for x, _ in made:
            mask = x["attention_mask"]
            x["attention_mask"] = mask[:, None, :].expand(-1, mask.shape[1], -1).contiguous()
    whole = read("BertForSequenceClassification", "minilm", "sdpa")
    for compute in COMPUTE[1:3] or COMPUTE:
        model = on_device(whole, compute)
        state = switched(model)
        with torch.inference_mode():
            for count in (1, 2, 4, 8):
                if count > len(masks):
                    break
                wide = [({key: value.repeat(count, *[1] * (value.dim() - 1)) for key, value in x.items()}, y) for x, y in made]
                state["mask"] = masks[:count]

                def run():
                    right = torch.zeros(count, device=place)
                    for x, y in wide:
                        right += (model(**x).logits.argmax(1).view(count, -1) == y).sum(1)
                    return right.tolist()
                run()
                record("minilm-together", "transformers", compute, f"{count} masks in one pass",
                       [timed(run)[1] for _ in range(1 if TINY else 5)], count, "masks")
            if not CUDA:
                continue
            try:
                kept_mask = masks[:1].clone()
                state["mask"] = kept_mask
                stream = torch.cuda.Stream()
                with torch.cuda.stream(stream):
                    for x, _ in made:
                        model(**x)
                torch.cuda.synchronize()
                graph, labels = torch.cuda.CUDAGraph(), torch.cat([y for _, y in made])
                with torch.cuda.graph(graph):
                    logits = [model(**x).logits for x, _ in made]

                def replay(mask):
                    kept_mask.copy_(mask[None])
                    graph.replay()
                    return int((torch.cat(logits).argmax(1) == labels).sum())
                replay(masks[0])
                record("minilm-together", "transformers", compute, "CUDA graph of an evaluation",
                       [timed(lambda: replay(mask))[1] for mask in masks], 1, "masks")
            except Exception as error:  # a figure less, and the others stay
                say(f"transformers cannot capture a CUDA graph under {compute}: {type(error).__name__}: {str(error)[:200]}")
        del model
    arithmetic("float32")


def squared_gradients(question, folder, table, length, few, many):
    """Sums over examples of squared gradients of the attention weights: by a loop over examples, and by hooks that keep what
    enters each layer and multiply it with what comes back."""
    loss_of = torch.nn.functional.cross_entropy
    # Eager attention is what the hooks of the first trial had.
    for attention in ("eager", "sdpa"):
        model = on_device(read("BertForSequenceClassification", folder, attention), "float32")
        layers = {name: module for name, module in model.named_modules()
                  if name.endswith(("self.query", "self.key", "self.value", "attention.output.dense"))}
        model.requires_grad_(False)
        if attention == "eager":
            for module in layers.values():
                module.weight.requires_grad_(True)
            single, count = batches_of(folder, table, few, length, 1, "file")

            def loop():
                total = {name: torch.zeros_like(module.weight) for name, module in layers.items()}
                for x, y in single:
                    model.zero_grad(set_to_none=True)
                    loss_of(model(**x).logits, y).backward()
                    for name, module in layers.items():
                        total[name].addcmul_(module.weight.grad, module.weight.grad)
                return {name: value / count for name, value in total.items()}

            values, seconds = timed(loop)
            record(question, "transformers", "float32", "loop over examples", [seconds], count, "examples")
            per_head(values, model.config, folder)
            model.zero_grad(set_to_none=True)
            model.requires_grad_(False)
        for module in layers.values():
            module.bias.requires_grad_(True)  # a leaf, so that gradients come by; no weight's gradient is computed
        batch, count = batches_of(folder, table, many, length, 64, "sorted")
        total, inputs = {}, {}

        def gather(name, gradient):
            total[name].add_(torch.bmm(gradient.transpose(1, 2), inputs.pop(name)).square_().sum(0))

        for name, module in layers.items():
            def forward(module, given, output, name=name):
                inputs[name] = given[0].detach()
                output.register_hook(lambda gradient: gather(name, gradient))
            module.register_forward_hook(forward)

        def hooks():
            total.update({name: torch.zeros_like(module.weight) for name, module in layers.items()})
            for x, y in batch:
                loss_of(model(**x).logits, y, reduction="sum").backward()
            for module in layers.values():
                module.bias.grad = None

        hooks()
        record(question, "transformers", "float32", f"hooks, {attention}", [timed(hooks)[1] for _ in range(3)], count, "examples")
        del model


def per_head(values, config, folder):
    heads, width = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    sums = []
    for layer in range(config.num_hidden_layers):
        at = f"bert.encoder.layer.{layer}.attention."
        parts = [values[f"{at}self.{part}"].double().view(heads, -1).sum(1) for part in ("query", "key", "value")]
        parts.append(values[f"{at}output.dense"].double().t().reshape(heads, -1).sum(1))
        sums.append(sum(parts))
    torch.save(torch.stack(sums).cpu(), WORK / f"fisher-{folder}.pt")


def fisher():
    arithmetic("float32")
    squared_gradients("minilm-fisher", "minilm", WORK / "data/train.tsv", GLOSS_TOKENS, FISHER_FEW, FISHER_MANY - FISHER_FEW)


def fisher_long():
    arithmetic("float32")
    squared_gradients("bertbase-fisher", "bertbase", WORK / "data/long.tsv", LONG_TOKENS, FISHER_LONG_FEW,
                      FISHER_LONG_MANY - FISHER_LONG_FEW)


def train():
    whole = read("BertForSequenceClassification", "minilm", "sdpa")
    made, count = batches_of("minilm", WORK / "data/train.tsv", TRAIN_ROWS, GLOSS_TOKENS, 32, "file")
    for compute in [each for each in COMPUTE if each != "float16"]:
        model = on_device(whole, "tf32" if compute == "tf32" else "float32").train()
        optimiser = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.01, fused=CUDA)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / (TRAIN_EPOCHS * len(made) + 1))

        def epoch():
            for i in torch.randperm(len(made)).tolist():
                x, y = made[i]
                with torch.autocast(place.type, torch.bfloat16, enabled=compute == "bfloat16"):
                    loss = model(**x, labels=y).loss
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                optimiser.zero_grad(set_to_none=True)

        seconds = [timed(epoch)[1] for _ in range(TRAIN_EPOCHS)]
        record("minilm-training", "transformers", compute, "SDPA, fused AdamW", seconds[1:], count, "examples")
        del model
    arithmetic("float32")


def heard():
    import array
    import wave
    made = []
    for line in (WORK / "data/speech.tsv").read_text(encoding="utf-8").rstrip("\n").split("\n")[1:]:
        with wave.open(line.split("\t")[0]) as file:
            sound = torch.tensor(array.array("h", file.readframes(file.getnframes())), dtype=torch.float32) / 32768
            rate = file.getframerate()
        if rate != 16000:  # twice as many samples; how well decides no time, and few words
            sound = torch.nn.functional.interpolate(sound[None, None], size=len(sound) * 16000 // rate, mode="linear")[0, 0]
        made.append(sound.numpy())
    return made


def speech():
    from transformers import WhisperFeatureExtractor, WhisperTokenizerFast
    extractor = WhisperFeatureExtractor.from_pretrained(WORK / "models/whisper")
    tokenizer = WhisperTokenizerFast.from_pretrained(WORK / "models/whisper")
    features = extractor(heard(), sampling_rate=16000, return_tensors="pt").input_features
    whole = read("WhisperForConditionalGeneration", "whisper", "sdpa")
    for compute in [each for each in ("float16", "float32") if each in COMPUTE]:
        model = on_device(whole, compute)
        x = features.repeat(COPIES, 1, 1).to(place, model.dtype)

        def run():
            said = []
            with torch.inference_mode():
                for begin in range(0, len(x), SPEECH_BATCH):
                    ids = model.generate(x[begin:begin + SPEECH_BATCH], max_new_tokens=200)
                    said += tokenizer.batch_decode(ids, skip_special_tokens=True)
            return said

        said = run()
        record("whisper-greedy", "transformers", compute, f"generate(), batch {SPEECH_BATCH}", [timed(run)[1] for _ in range(3)],
               len(x), "utterances")
        if compute == "float32":
            (WORK / "said-transformers.txt").write_text("\n".join(" ".join(text.split()) for text in said[:UTTERANCES]) + "\n",
                                                        encoding="utf-8")
        del model
    arithmetic("float32")


def ast():
    masks = torch.load(WORK / "masks/ast.pt").to(place)
    inputs = read_tensors(WORK / "data/ast.safetensors")["input_values"]
    passes = max(1, SOUNDS // len(inputs))
    for attention in ("eager", "sdpa"):
        whole = read("ASTForAudioClassification", "ast", attention)
        for compute in [each for each in COMPUTE if each != "float16"]:
            model = on_device(whole, compute)
            with_mask = attention == "eager" and has_head_mask(model)
            state = None if with_mask else switched(model)
            x = inputs.to(place, model.dtype)

            def run(mask):
                with torch.inference_mode():
                    if with_mask:
                        return model(x, head_mask=mask).logits.float().cpu()
                    state["mask"] = mask[None]
                    return model(x).logits.float().cpu()

            logits = run(masks[0])
            if compute == "float32" and attention == "eager":
                write_tensors(WORK / "ast-transformers.safetensors", {"logits": logits})
            seconds = [timed(lambda: [run(mask) for _ in range(passes)])[1] for mask in masks]
            record("ast-masks", "transformers", compute, f"{attention}, {'head_mask' if with_mask else 'hook'}, batch {len(x)}", seconds,
                   passes * len(x), "examples")
            del model
    arithmetic("float32")


SECTIONS = (masks, masks_long, together, fisher, fisher_long, train, speech, ast)


def main():
    import transformers
    if CUDA:
        torch.ones(1, device=place)
    keep(kind="peer", torch=torch.__version__, transformers=transformers.__version__)
    say(f"transformers {transformers.__version__}, torch {torch.__version__}, on {place}")
    (WORK / "done/start").touch()
    waiting = {section.__name__: section for section in SECTIONS}
    while not (WORK / "go/end").exists() and os.getppid() != 1:
        for name in [name for name in waiting if (WORK / "go" / name).exists()]:
            try:
                waiting.pop(name)()
            except Exception:
                traceback.print_exc()
                say(f"FAILED: transformers, {name}: {traceback.format_exc().strip().splitlines()[-1][:300]}")
            if CUDA:
                torch.cuda.empty_cache()
            (WORK / "done" / name).touch()
        time.sleep(0.02)


if __name__ == "__main__":
    main()

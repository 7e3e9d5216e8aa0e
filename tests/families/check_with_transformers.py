# Loads checkpoints that Espalier saved into transformers, and compares. Run by hand, with torch==2.13.0 transformers==4.57.6:
#   FAMILIES_TEST_KEEP=/tmp/saved build/bin/families_test --gtest_filter='*KeptForTransformers*' && python tests/families/check_with_transformers.py /tmp/saved
"""Each subfolder of the argument is a checkpoint with its expected logits in expected.safetensors."""
import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers import BertForSequenceClassification, BertModel
from transformers.utils import logging

logging.set_verbosity_warning()
failed = False
for folder in sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir()):
    case = load_file(folder / "expected.safetensors")
    kind = BertForSequenceClassification if "logits" in case else BertModel
    model, loading = kind.from_pretrained(folder, output_loading_info=True)
    with torch.no_grad():
        answer = model.eval()(input_ids=case["input_ids"], attention_mask=case["attention_mask"])
    found = answer.logits if "logits" in case else answer.last_hidden_state
    difference = (found - case.get("logits", case.get("last_hidden_state"))).abs().max().item()
    unmatched = {key: value for key, value in loading.items() if value and key != "error_msgs"}
    good = difference < 1e-5 and not unmatched
    failed |= not good
    print(f"{folder.name}: {'same' if good else 'DIFFERS'}, largest difference {difference:.2e}", unmatched or "")
sys.exit(failed)

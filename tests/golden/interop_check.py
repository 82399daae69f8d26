"""Checks that PEFT reads an adapter of ours and computes what we compute; see README.md.

Usage: python tests/golden/interop_check.py BASE ADAPTER EXPECTED.json [--quantization nf4]
"""
import argparse
import json
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file

from reference import dequantise_linears, load_base

TOLERANCE = 1e-4


def load_adapter(model, folder):
    """The model with the adapter, and what PEFT found odd about it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(model, folder).eval()
    faults = [f"PEFT warns: {warning.message}" for warning in caught]
    stored = load_file(Path(folder) / "adapter_model.safetensors")
    loaded = get_peft_model_state_dict(model)
    faults += [f"missing in the file: {key}" for key in sorted(loaded.keys() - stored.keys())]
    faults += [f"unexpected in the file: {key}" for key in sorted(stored.keys() - loaded.keys())]
    for key in sorted(stored.keys() & loaded.keys()):
        if not torch.equal(stored[key].float(), loaded[key].float()):
            faults.append(f"not loaded as stored: {key}")
    return model, faults


@torch.no_grad()
def compare(model, case):
    """Faults of one case: the last rows of logits, the ids of greedy decoding, or both."""
    prompt = torch.tensor([case["prompt_ids"]])
    faults = []
    if "logits" in case:
        expected = torch.tensor(case["logits"], dtype=torch.float32)
        expected = expected.view(-1, expected.shape[-1])
        difference = (model(prompt).logits[0, -len(expected):] - expected).abs().max().item()
        print(f"largest difference of {expected.numel()} logits: {difference:.3g}")
        if not difference <= TOLERANCE:
            faults.append(f"logits differ by {difference}, more than {TOLERANCE}")
    if "greedy_ids" in case:
        ids = prompt
        for _ in case["greedy_ids"]:
            ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
        found = ids[0, prompt.shape[1]:].tolist()
        if found != case["greedy_ids"]:
            faults.append(f"greedy ids are {found}, not {case['greedy_ids']}")
    if "logits" not in case and "greedy_ids" not in case:
        faults.append("the case has neither logits nor greedy_ids")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="model folder")
    parser.add_argument("adapter", help="folder with adapter_config.json and adapter_model.safetensors")
    parser.add_argument("expected", help="JSON: a case {prompt_ids, logits and/or greedy_ids} or a list")
    parser.add_argument("--quantization", choices=["none", "nf4"], default="none")
    parser.add_argument("--double_quant", choices=["true", "false"], default="true")
    options = parser.parse_args()
    model = load_base(options.base)
    if options.quantization == "nf4":
        dequantise_linears(model, options.double_quant == "true")
    model, faults = load_adapter(model, options.adapter)
    cases = json.loads(Path(options.expected).read_text())
    for case in cases if isinstance(cases, list) else [cases]:
        faults += compare(model, case)
    print("\n".join(faults) or "PEFT agrees")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()

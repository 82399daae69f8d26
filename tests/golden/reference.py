"""The reference behind the goldens: transformers' Mistral, bitsandbytes' NF4 functions and PEFT,
with the training loop written out, so that each rule of the curve can be read in one place.
"""
import json
import random
from pathlib import Path

import bitsandbytes.functional as bnb
import torch
from bitsandbytes.optim import AdamW8bit
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch.nn import functional as F
from transformers import (
    AutoModelForCausalLM,
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
EOS = 2
IGNORE = -100
# bitsandbytes' native CPU library is not the reference: where it loads, its 8-bit quantiser may take the
# code next to the nearest within 1e-5 of a tie, and its 4-bit restoring gives wrong values where blocks
# straddle rows (0.50.2, e.g. 32 or 48 columns). This sends both to the torch form on the CPU.
OVERRIDE = torch.library.Library("bitsandbytes", "IMPL")


def use_torch_form(name):
    operation = getattr(torch.ops.bitsandbytes, name).default
    OVERRIDE.impl(
        name,
        lambda *args: operation._op_dk(torch._C.DispatchKey.CompositeExplicitAutograd, *args),
        "CPU",
        allow_override=True,
    )


use_torch_form("quantize_blockwise")
use_torch_form("dequantize_4bit")
SCHEDULES = {
    "constant": lambda optimizer, warmup, steps: get_constant_schedule_with_warmup(optimizer, warmup),
    "cosine": get_cosine_schedule_with_warmup,
    "linear": get_linear_schedule_with_warmup,
}


def fix_seeds(seed):
    """One thread and deterministic algorithms, so that a second run writes the same bytes."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    random.seed(seed)
    torch.manual_seed(seed)


def load_base(folder):
    """The model of an HF folder in float32, with plain (eager) attention."""
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def quantise(weight, double_quant):
    """bitsandbytes' packed NF4 bytes and its QuantState, block 64 (blocks of 256 for the scales)."""
    return bnb.quantize_4bit(
        weight.contiguous(), blocksize=64, compress_statistics=double_quant, quant_type="nf4"
    )


def dequantise_linears(model, double_quant):
    """Replaces each decoder linear by what its NF4 form restores to; the head stays as it is."""
    for name, module in model.named_modules():
        if name.split(".")[-1] in LINEARS:
            packed, state = quantise(module.weight.data, double_quant)
            module.weight.data = bnb.dequantize_4bit(packed, state).to(torch.float32)
    return model


def save(path, tensors):
    """Writes contiguous copies; safetensors refuses views and shared memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, path)


def save_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_jsonl(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def encode(tokenizer: Tokenizer, record, completion_only):
    """Ids and labels of a record: prompt and SQL as one string, then EOS, which is a target."""
    prompt = (
        f"### Instruction:\n{record['instruction']}\n\n"
        f"### Input:\n{record['input']}\n\n### Response:\n"
    )
    ids = tokenizer.encode(prompt + record["output"]).ids + [EOS]
    hidden = len(tokenizer.encode(prompt).ids) if completion_only else 0
    return {"input_ids": ids, "labels": [IGNORE] * hidden + ids[hidden:]}


def target_tokens(examples):
    """Labels that are predicted: the first position has nothing before it."""
    return sum(label != IGNORE for example in examples for label in example["labels"][1:])


def summed_loss(model, examples):
    """Sum of the cross-entropy over the targets of a right-padded batch."""
    width = max(len(example["input_ids"]) for example in examples)
    pad = lambda values, fill: values + [fill] * (width - len(values))
    ids = torch.tensor([pad(example["input_ids"], 0) for example in examples])
    labels = torch.tensor([pad(example["labels"], IGNORE) for example in examples])
    mask = torch.tensor([pad([1] * len(example["input_ids"]), 0) for example in examples])
    logits = model(input_ids=ids, attention_mask=mask).logits
    return F.cross_entropy(
        logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORE, reduction="sum"
    )


def gradient(model, batches):
    """Leaves in `.grad` the gradient of sum / count over all the batches; returns loss and count."""
    count = target_tokens([example for batch in batches for example in batch])
    total = 0.0
    for batch in batches:
        loss = summed_loss(model, batch) / count
        loss.backward()
        total += loss.item()
    return total, count


def train(model, examples, config, after_first_gradient=None):
    """Runs `config["steps"]` steps over the examples in file order, again from the start at the end.

    AdamW(0.9, 0.999, 1e-8); decay on matrices only, which is what the HF Trainer does to a Mistral.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config["weight_decay"]},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    settings = {"lr": config["lr"], "betas": (0.9, 0.999), "eps": 1e-8}
    if config.get("optim") == "adamw_8bit":
        optimizer = AdamW8bit(groups, **settings, min_8bit_size=config["min_8bit_size"])
    else:
        optimizer = torch.optim.AdamW(groups, **settings)
    schedule = SCHEDULES[config["sched"]](optimizer, config["warmup"], config["steps"])
    history = []
    position = 0
    for step in range(1, config["steps"] + 1):
        batches = []
        for _ in range(config["ga"]):
            batches.append(examples[position:position + config["bs"]])
            position = (position + config["bs"]) % len(examples)
        loss, count = gradient(model, batches)
        if step == 1 and after_first_gradient:
            after_first_gradient()
        norm = torch.nn.utils.clip_grad_norm_(parameters, config["max_grad_norm"])
        history.append({
            "step": step,
            "loss": loss,
            "learning_rate": schedule.get_last_lr()[0],
            "grad_norm": norm.item(),
            "num_target_tokens": count,
        })
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return history


@torch.no_grad()
def evaluate(model, examples, batch_size):
    """Loss over all target tokens of `examples`."""
    batches = [examples[i:i + batch_size] for i in range(0, len(examples), batch_size)]
    return sum(summed_loss(model, batch).item() for batch in batches) / target_tokens(examples)

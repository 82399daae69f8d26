"""Makes every file under tests/golden/tiny/ anew; see README.md. Usage: python tests/golden/make.py"""
import json
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer
from transformers import MistralConfig, MistralForCausalLM

from make_adamw import make_adamw_8bit
from make_nf4 import make_checkpoint, make_vectors
from make_sampling import make_sampling
from reference import (
    IGNORE, LINEARS, dequantise_linears, encode, evaluate, fix_seeds, load_base, read_jsonl, save,
    save_json, train,
)

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests/golden/tiny"
TOKENIZER = ROOT / "tests/golden/tokenizer"
BASE = TINY / "base"
# Logits are kept at some positions only: on both sides of the window's edge, and the last one.
POSITIONS = torch.tensor([15, 16, 39])
# Of the two large matrices that full fine-tuning changes, these rows are kept.
ROWS = slice(340, 372)
LENGTH = 40

AWKWARD = [
    "", " ", "  ", "a", " a", "a ", "\n", "\n\n ", "\t", "SELECT  *\r\nFROM t", "O''Neil", "naïve café",
    "北京 有 3 家", "🦕", "e\u0301", "\u2581", "a\u2581b", "\u0000", "\ufeffx", "\u200b", "</s>", "a</s>b",
    "<s>[INST] hi [/INST] yes </s>", "<unk>", "<0x0A>", "0123456789", "WHERE a<=1.50e-3;--", "#" * 9,
]


def make_records(split, count):
    """Rows of rows.ts, as the JSONL lines they are trained from."""
    deno = ["deno"] if shutil.which("deno") else ["npx", "-y", "deno@2.9.6"]
    command = [*deno, "run", "tests/golden/rows.ts", str(count), "7", split]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


def make_base():
    """A seeded two-layer Mistral. Rows differ in scale and tails are heavy, as in trained weights."""
    fix_seeds(18)
    model = MistralForCausalLM(MistralConfig(
        vocab_size=1024, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=512,
        sliding_window=16, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 1e4},
        bos_token_id=1, eos_token_id=2, pad_token_id=None, tie_word_embeddings=False,
    ))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 1:
                weight.copy_(1 + 0.2 * torch.randn(weight.shape))
                continue
            rows = torch.exp(0.3 * torch.randn(weight.shape[0], 1))
            tails = 1 + 0.15 * torch.randn(weight.shape) ** 2
            scale = {"model.embed_tokens.weight": 0.6, "lm_head.weight": 0.35}.get(
                name, 1.3 / weight.shape[1] ** 0.5
            )
            weight.copy_(scale * rows * tails * torch.randn(weight.shape))
    model.to(torch.bfloat16).save_pretrained(BASE)
    (BASE / "generation_config.json").unlink(missing_ok=True)


def make_tokens(tokenizer, records):
    texts = AWKWARD + [record["input"] for record in records[:6]] + [r["output"] for r in records[:6]]
    save_json(TINY / "tokens.json", [
        {"text": text, "ids": tokenizer.encode(text).ids,
         "decoded": tokenizer.decode(tokenizer.encode(text).ids)} for text in texts
    ])


@torch.no_grad()
def make_forward(tokenizer, records):
    model = load_base(BASE)
    ids = torch.tensor([encode(tokenizer, records[0], True)["input_ids"][:LENGTH]])
    labels = ids.clone()
    labels[:, :24] = IGNORE
    result = model(ids, labels=labels, output_hidden_states=True)
    save(TINY / "forward.safetensors", {
        "input_ids": ids.int(), "labels": labels.int(), "positions": POSITIONS.int(),
        "logits": result.logits[:, POSITIONS],
        "loss_masked": result.loss.view(1), "loss_all": model(ids, labels=ids).loss.view(1),
        **{f"hidden.{i}": hidden for i, hidden in enumerate(result.hidden_states)},
    })
    prompts = [ids[0, :5], torch.tensor(encode(tokenizer, records[1], True)["input_ids"][:30])]
    save_json(TINY / "greedy.json", [greedy(model, prompt) for prompt in prompts])


def greedy(model, prompt, count=24):
    """Greedy ids without a cache, checked against `generate`, which has one. No choice is close."""
    ids = prompt.view(1, -1)
    margin = float("inf")
    for _ in range(count):
        best = model(ids).logits[0, -1].topk(2)
        margin = min(margin, (best.values[0] - best.values[1]).item())
        ids = torch.cat([ids, best.indices[:1].view(1, 1)], dim=1)
    cached = model.generate(prompt.view(1, -1), max_new_tokens=count, do_sample=False, pad_token_id=0)
    assert ids.equal(cached) and margin > 0.02, margin
    new = ids[0, len(prompt):].tolist()
    return {"prompt_ids": prompt.tolist(), "greedy_ids": new, "smallest_margin": margin}


def lora_tensors(model, of=lambda parameter: parameter):
    """Trainable tensors under the names of a PEFT file."""
    return {
        name.replace(".default", ""): of(parameter)
        for name, parameter in model.named_parameters() if parameter.requires_grad
    }


def save_adapter(model, folder):
    """PEFT's two files. It writes target_modules, a set, in any order: sorted, runs can be compared."""
    model.peft_config["default"].base_model_name_or_path = "base"
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    save_json(folder / "adapter_config.json", {**config, "target_modules": sorted(LINEARS)})


def make_lora(tokenizer, records):
    """One gradient through rank-stabilised LoRA with ranks and alphas by pattern."""
    fix_seeds(5)
    folder = TINY / "lora"
    model = get_peft_model(load_base(BASE), LoraConfig(
        r=4, lora_alpha=6, use_rslora=True, target_modules=LINEARS, task_type="CAUSAL_LM",
        rank_pattern={"layers.0.self_attn.q_proj": 3, "q_proj": 8, r"layers\.1\.mlp\.down_proj": 2},
        alpha_pattern={"v_proj": 12, r".*\.0\..*o_proj": 3},
    ))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.1 * torch.randn(parameter.shape))
    save_adapter(model, folder)
    texts = [encode(tokenizer, record, True)["input_ids"] for record in records[2:4]]
    ids = torch.tensor([text[-LENGTH:] for text in texts])
    labels = ids.clone()
    labels[0, :12] = IGNORE
    labels[1, :25] = IGNORE
    result = model(ids, labels=labels)
    result.loss.backward()
    save(folder / "grads.safetensors", lora_tensors(model, lambda parameter: parameter.grad))
    with torch.no_grad():
        merged = model.merge_and_unload()
        save(folder / "expected.safetensors", {
            "input_ids": ids.int(), "labels": labels.int(), "positions": POSITIONS.int(),
            "loss": result.loss.view(1), "logits": result.logits[:, POSITIONS],
            "merged.layers.0.q_proj": merged.model.layers[0].self_attn.q_proj.weight,
            "merged.layers.1.down_proj": merged.model.layers[1].mlp.down_proj.weight,
        })


CURVE = {
    "base_model": "base", "compute_dtype": "float32", "lora_dropout": 0.0, "max_grad_norm": 1.0,
    "max_seq_length": 512, "seed": 42, "n_train": 24, "n_val": 8, "bs": 2, "ga": 2,
    "completion_only": True,
}
QLORA = {
    **CURVE, "method": "qlora", "quantization": "nf4", "double_quant": True, "r": 4, "alpha": 8,
    "targets": LINEARS, "rslora": False, "steps": 10, "lr": 0.02, "warmup": 2, "sched": "cosine",
    "weight_decay": 0.0,
}
# Its matrices have fewer than 256 elements, so that each is one short block.
QLORA_8BIT = {**QLORA, "optim": "adamw_8bit", "min_8bit_size": 1}
FULL = {
    **CURVE, "method": "full", "quantization": "none", "steps": 6, "lr": 0.003, "warmup": 1,
    "sched": "linear", "weight_decay": 0.01,
}


def make_curve(name, config, tokenizer):
    fix_seeds(config["seed"])
    folder = TINY / name
    lora = config["method"] == "qlora"
    model = load_base(BASE)
    if lora:
        model = get_peft_model(dequantise_linears(model, config["double_quant"]), LoraConfig(
            r=config["r"], lora_alpha=config["alpha"], lora_dropout=config["lora_dropout"],
            use_rslora=config["rslora"], target_modules=config["targets"], task_type="CAUSAL_LM",
        ))
        if "optim" not in config:  # the 8-bit curve starts as the other does
            save_adapter(model, folder / "init_adapter")
    examples, held_out = (
        [encode(tokenizer, record, config["completion_only"]) for record in read_jsonl(TINY / file)]
        for file in ("train.jsonl", "val.jsonl")
    )

    def save_gradients():
        gradients = lora_tensors(model, lambda parameter: parameter.grad)
        save(folder / "grads_first_step.safetensors", {
            name: grad for name, grad in gradients.items() if "lora_B" in name  # B = 0: those of A are 0
        })

    history = train(model, examples, config, save_gradients if lora and "optim" not in config else None)
    if lora:
        save_adapter(model, folder / "final_adapter")
    else:
        save(folder / "final_weights.safetensors", {
            name: parameter[ROWS] if len(parameter) == 1024 else parameter
            for name, parameter in model.named_parameters()
        })
    save_json(folder / "expected.json", {
        "config": config,
        "log_history": history,
        "eval_loss_after_training": evaluate(model, held_out, config["bs"]),
        "first_four_examples": examples[:4],
    })


def main():
    shutil.rmtree(TINY, ignore_errors=True)
    TINY.mkdir(parents=True)
    for split, count in (("train", CURVE["n_train"]), ("val", CURVE["n_val"])):
        (TINY / f"{split}.jsonl").write_text(make_records(split, count))
    tokenizer = Tokenizer.from_file(str(TOKENIZER / "tokenizer.json"))
    records = read_jsonl(TINY / "train.jsonl")
    make_base()
    make_tokens(tokenizer, records)
    make_forward(tokenizer, records)
    make_checkpoint(BASE, TINY / "forward.safetensors", TINY / "base-bnb-4bit")
    make_vectors(TINY / "nf4_vectors.safetensors")
    make_sampling(TINY / "sampling.json")
    make_lora(tokenizer, records)
    make_curve("qlora-curve", QLORA, tokenizer)
    make_curve("qlora-curve-8bit", QLORA_8BIT, tokenizer)
    make_curve("full-curve", FULL, tokenizer)
    make_adamw_8bit(TINY / "adamw_8bit.safetensors")
    total = sum(path.stat().st_size for path in TINY.rglob("*") if path.is_file())
    print(f"{total} bytes in {TINY}", file=sys.stderr)


if __name__ == "__main__":
    main()

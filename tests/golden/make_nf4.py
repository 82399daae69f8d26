"""The NF4 part of the goldens: a 4-bit checkpoint and vectors of single weights."""
import bitsandbytes.functional as bnb
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from reference import LINEARS, fix_seeds, load_base, quantise, save


@torch.no_grad()
def make_checkpoint(base, forward, folder):
    """The base as transformers saves it in 4 bit, and its logits with weights restored in float32."""
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.bfloat16, device_map="cpu",
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
    )
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    stored = load_file(folder / "model.safetensors")
    restored = load_base(base)
    for name, module in restored.named_modules():
        if name.split(".")[-1] in LINEARS:
            prefix = f"{name}.weight"
            state = bnb.QuantState.from_dict(
                {key: value for key, value in stored.items() if key.startswith(prefix + ".")},
                device=torch.device("cpu"),
            )
            state.dtype = torch.float32
            module.weight.data = bnb.dequantize_4bit(stored[prefix], state)
    given = load_file(forward)
    ids, positions = given["input_ids"].long(), given["positions"].long()
    save(folder / "expected.safetensors", {
        "input_ids": ids.int(), "positions": positions.int(),
        "logits_f32_with_dequantized_weights": restored(ids).logits[:, positions],
        "dequant.layers.0.down_proj": restored.model.layers[0].mlp.down_proj.weight,
    })


def make_vectors(path):
    """Weights and what bitsandbytes makes of them; the names are those of a saved checkpoint."""
    fix_seeds(11)
    codes = bnb.get_4bit_type("nf4", device="cpu")
    ties = torch.zeros(1, 64)
    ties[0, :15] = (codes[1:] + codes[:-1]) / 2
    ties[0, 15] = 1
    zeros = torch.randn(3, 64)
    zeros[1] = 0
    inputs = {
        "odd_5x7_f32": torch.randn(5, 7),
        "straddling_6x48_f32": 0.3 * torch.randn(6, 48),
        "tail_3x50_bf16": torch.randn(3, 50).bfloat16(),
        "ties_1x64_f32": ties,
        "zero_block_3x64_f32": zeros,
        "two_nested_blocks_65x256_bf16": (0.05 * torch.randn(65, 256)).bfloat16(),
    }
    vectors = {}
    for name, weight in inputs.items():
        vectors[f"{name}.input"] = weight
        for kind in ("plain", "dq"):
            packed, state = quantise(weight, kind == "dq")
            prefix = f"{name}.{kind}"
            vectors[f"{prefix}.weight"] = packed
            for key, value in state.as_dict(packed=True).items():
                vectors[f"{prefix}.weight.{key}"] = value
            if weight.numel() < 1000:
                state.dtype = torch.float32
                vectors[f"{prefix}.dequant_f32"] = bnb.dequantize_4bit(packed, state)
            if kind == "dq":
                nested = bnb.dequantize_blockwise(state.absmax, state.state2)
                vectors[f"{prefix}.absmax_dequant"] = nested + state.offset
    save(path, vectors)

"""The 8-bit optimizer's part of the goldens: single steps of bitsandbytes' AdamW8bit on a CPU."""
import bitsandbytes
import torch

from reference import fix_seeds, save

STEPS = 4
# After the first step the state is as good as the gradient; later ones show what quantising loses.
KEPT = (1, 2, STEPS)
SETTINGS = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}


def gradients_of(shape):
    """Blocks of many magnitudes, one of zeros, one with a single value, and a short tail."""
    gradient = torch.randn(shape).flatten()
    scales = 10.0 ** (torch.randn(-(-gradient.numel() // 256)) - 3)
    gradient *= scales.repeat_interleave(256)[: gradient.numel()]
    gradient *= torch.exp(2 * torch.randn(gradient.shape))
    gradient[256:512] = 0
    gradient[512:768] = 0
    gradient[600] = 0.25
    return gradient.view(shape)


def make_adamw_8bit(path):
    """Weight, gradients and states of a matrix of 4,118 elements; one of 4,095 has f32 states."""
    fix_seeds(23)
    weight, small = (torch.nn.Parameter(torch.randn(shape)) for shape in ((71, 58), (63, 65)))
    optimizer = bitsandbytes.optim.AdamW8bit([weight, small], **SETTINGS)
    small.grad = torch.ones(small.shape)
    tensors = {"weight.0": weight.detach().clone()}
    for step in range(1, STEPS + 1):
        gradient = (gradients_of(weight.shape) / step).bfloat16()  # exact in half the space
        weight.grad = gradient.float()
        optimizer.step()
        tensors[f"gradient.{step}"] = gradient
        if step not in KEPT:
            continue
        tensors[f"weight.{step}"] = weight.detach().clone()
        for key in ("state1", "state2", "absmax1", "absmax2"):
            tensors[f"{key}.{step}"] = optimizer.state[weight][key].clone()
    state = optimizer.state[weight]
    assert state["state1"].dtype == torch.uint8
    assert optimizer.state[small]["state1"].dtype == torch.float32
    save(path, {**tensors, "signed_map": state["qmap1"], "unsigned_map": state["qmap2"]})

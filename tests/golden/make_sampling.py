"""What transformers' logits processors leave of rows of logits, in the order in which generate() applies them."""
import json
import sys
from pathlib import Path

import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

SETTINGS = [
    (1.0, 0, 1.0), (0.7, 0, 1.0), (2.5, 0, 1.0), (1.0, 5, 1.0), (1.0, 1, 1.0), (1.0, 0, 0.9), (1.0, 0, 0.3),
    (1.0, 0, 1e-6), (0.5, 8, 0.8), (3.0, 8, 0.5), (1.3, 100, 0.95),
]


def make_rows():
    """Logits of 48 tokens: spread out, flat, and with ties on either side of where top-k cuts."""
    torch.manual_seed(5)
    spread = 4 * torch.randn(48)
    flat = 0.05 * torch.randn(48)
    ties = torch.round(1.5 * torch.randn(48))
    return {"spread": spread, "flat": flat, "ties": ties}


def filtered(row, temperature, top_k, top_p):
    processors = [TemperatureLogitsWarper(temperature)] if temperature != 1 else []
    processors += [TopKLogitsWarper(top_k)] if top_k > 0 else []
    processors += [TopPLogitsWarper(top_p)] if top_p < 1 else []
    scores = row[None]
    for processor in processors:
        scores = processor(None, scores)
    return torch.softmax(scores[0].double(), -1)


def make_sampling(path):
    rows = make_rows()
    cases = []
    for name, row in rows.items():
        for temperature, top_k, top_p in SETTINGS:
            # Which of equal tokens top-p keeps is up to the sort.
            if name == "ties" and top_p < 1:
                continue
            probabilities = filtered(row, temperature, top_k, top_p)
            kept = probabilities.nonzero().flatten().tolist()
            cases.append({
                "row": name, "temperature": temperature, "top_k": top_k, "top_p": top_p, "kept": kept,
                "probabilities": [float(f"{probabilities[i].item():.9g}") for i in kept],
            })
    rows = {name: row.tolist() for name, row in rows.items()}
    lines = ",\n".join(json.dumps(case) for case in cases)
    Path(path).write_text(f'{{"rows": {json.dumps(rows)},\n"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    make_sampling(sys.argv[1])

"""Trains the goldens' tokenizer: SentencePiece-style BPE with byte fallback, laid out as Llama's and
Mistral's. Takes a JSONL file of instruction records; see README.md for the command that writes it.

Needs tokenizers==0.23.3 and writes tokenizer.json and tokenizer_config.json beside this file. The
same records give the same bytes.
"""
import json
import sys
from pathlib import Path

import tokenizers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

VOCABULARY = 1024
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPACE = "\u2581"
# Without an alphabet of its own, plain English text outside the records would fall back to bytes.
ALPHABET = [chr(code) for code in range(0x21, 0x7F)] + [SPACE]


def text_of(record):
    return (
        f"### Instruction:\n{record['instruction']}\n\n### Input:\n{record['input']}\n\n"
        f"### Response:\n{record['output']}"
    )


def train(texts):
    """Learns merges that stay, as SentencePiece's do, inside a word, a digit or a run of signs.

    The split is only needed to learn: no merge crosses it, so the finished tokenizer goes without.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split("\n", "removed"),
        pre_tokenizers.Split(
            Regex(f"{SPACE}?[A-Za-z]+|{SPACE}?[0-9]|{SPACE}?[^A-Za-z0-9{SPACE}]+|{SPACE}"), "isolated"
        ),
    ])
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL) - len(BYTES),
        initial_alphabet=ALPHABET,
        limit_alphabet=len(ALPHABET),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]


def layout(learned):
    """Special tokens, bytes, merged pieces in the order of their merges, then single characters."""
    merges = [list(pair) for pair in learned["merges"]]
    merged = ["".join(pair) for pair in merges]
    single = sorted(piece for piece in learned["vocab"] if len(piece) == 1)
    pieces = SPECIAL + BYTES + list(dict.fromkeys(merged)) + single
    assert len(pieces) == len(set(pieces)) == VOCABULARY, len(pieces)
    special = [
        {
            "id": id, "content": piece, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True,
        }
        for id, piece in enumerate(SPECIAL)
    ]
    first = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": SPACE},
                {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                first,
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "<s>", "type_id": 1}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {piece: id for id, piece in enumerate(pieces)},
            "merges": [" ".join(pair) for pair in merges],
        },
    }


CONFIG = {
    "add_bos_token": True,
    "add_eos_token": False,
    "bos_token": "<s>",
    "clean_up_tokenization_spaces": False,
    "eos_token": "</s>",
    "legacy": True,
    "model_max_length": 512,
    "tokenizer_class": "LlamaTokenizer",
    "unk_token": "<unk>",
}


def main():
    assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
    lines = Path(sys.argv[1]).read_text().splitlines()
    folder = Path(__file__).parent
    result = layout(train(text_of(json.loads(line)) for line in lines))
    for name, content in (("tokenizer.json", result), ("tokenizer_config.json", CONFIG)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()

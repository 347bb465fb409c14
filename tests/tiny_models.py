"""Tiny random language models with a tokenizer trained on the spot, and a toy task that they can learn in seconds.

The task is one line of arithmetic: `def f(x): "add 3"` wants `return x + 3`. What models are first taught is right in
a third of the cases only, so that reinforcement has something to find.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sparkgap.rewards import Judged
from sparkgap.types import InputTests, Problem, Verdict

KINDS = ("llama", "qwen2", "gpt2")
VOCABULARY = 320
WORDS = {"add": "+", "less": "-", "times": "*"}
NUMBERS = range(1, 9)


def problem(word: str, number: int, split: str = "train") -> Problem:
    sign = WORDS[word]
    inputs = ((1,), (5,), (-3,), (12,))
    expected = tuple({"+": x + number, "-": x - number, "*": x * number}[sign] for (x,) in inputs)
    prompt = f'def f(x):\n    "{word} {number}"'
    return Problem(
        id=f"toy/{word}/{number}",
        benchmark="toy",
        prompt=prompt,
        reference=f"{prompt}\n    return x {sign} {number}",
        tests=InputTests("f", inputs, expected),
        entry_point="f",
        continues=True,
        split=split,
    )


def problems() -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Problems to train on, and problems held out."""
    every = [problem(word, number) for word in WORDS for number in NUMBERS]
    held_out = [each for place, each in enumerate(every) if place % 4 == 1]
    return tuple(each for each in every if each not in held_out), tuple(held_out)


def pairs(count: int, right: float = 1 / 3, seed: int = 0) -> list[dict[str, str]]:
    """Rows to imitate, of all problems, so many of them right."""
    drawn = random.Random(seed)
    every = [*problems()[0], *problems()[1]]
    rows = []
    for _ in range(count):
        each = drawn.choice(every)
        answer = each.reference.removeprefix(each.prompt)
        if drawn.random() > right:
            answer = answer.replace("x", drawn.choice("12"))  # alike everywhere: unlearning carries over
        rows.append({"prompt": each.prompt, "completion": answer})
    return rows


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@cache
def tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator([row["prompt"] + row["completion"] for row in pairs(400)], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<end>")


def make(kind: str, width: int = 32, spread: float = 0.3, seed: int = 0) -> Any:
    """A random model of a kind; the default `spread` of its weights is wide, so that its choices are no near ties."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    ends: dict[str, Any] = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0, "initializer_range": spread}
    if kind == "gpt2":
        ends |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return GPT2LMHeadModel(
            GPT2Config(vocab_size=VOCABULARY, n_embd=width, n_layer=2, n_head=4, n_positions=128, **ends)
        ).eval()
    sizes: dict[str, Any] = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128}
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, **sizes, **ends)).eval()
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=VOCABULARY, **sizes, **ends)).eval()


@dataclass(frozen=True)
class Paid:
    """A reward by a function of problem, program and verdict."""

    worth: Callable[[Problem, str, Verdict], float | None]
    name = title = "paid"
    passing = failing = (-1.0, 1.0)

    def values(self, judged: Sequence[Judged]) -> list[float | None]:
        return [self.worth(each.problem, each.source, each.verdict) for each in judged]


def saved(kind: str, folder: Path, ends: tuple[int, ...] = (1,), **options: Any) -> Path:
    """A random model and its tokenizer in a folder, as one would download it; `ends` end what it writes."""
    from sparkgap.train.weights import quiet

    model = make(kind, **options)
    model.generation_config.eos_token_id = list(ends)
    with quiet():
        model.save_pretrained(folder)
        tokenizer().save_pretrained(folder)
    return folder

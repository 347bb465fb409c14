"""Tiny models and tokenizers, made on the spot, and the settings that torch wants on shared cores."""

from __future__ import annotations

import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkgap.judge import Judge

# TRL calls what transformers has renamed, and torch warns of what TRL does; neither is ours to mend.
THEIRS = (
    r"ignore:.*gradient_checkpointing.* is deprecated:FutureWarning",
    r"ignore:.*past_key_values.* is deprecated:FutureWarning",
    r"ignore:.*is_gradient_checkpointing.*:FutureWarning",
    r"ignore:.*:DeprecationWarning:(torch|trl|transformers|accelerate|peft|datasets|tensorboard|google|dill)",
)
KINDS = ("llama", "qwen2", "gpt2")
VOCABULARY = 320


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in THEIRS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def torch() -> Any:
    module = pytest.importorskip("torch", reason="training is an extra")
    pytest.importorskip("trl", reason="training is an extra")
    module.set_num_threads(1)
    return module


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    with Judge(1) as judge:
        yield judge


@pytest.fixture(scope="session")
def tokenizer(torch: Any) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    text = ['def f(x):\n    "add 1"\n    return x + 1', 'def f(x):\n    "double"\n    return x * 2'] * 20
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    words.train_from_iterator(
        text,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=["<pad>", "<end>"], initial_alphabet=alphabet, show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<end>")


def make(kind: str, width: int = 32, spread: float = 0.3, seed: int = 0) -> Any:
    """A random model of a kind; `spread` of its weights far above the usual, so that its choices are not near ties."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    ends = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0, "initializer_range": spread}
    if kind == "gpt2":
        size = {"n_embd": width, "n_layer": 2, "n_head": 4, "n_positions": 128}
        return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **size, **ends)).eval()
    size = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": 4}
    size |= {"num_key_value_heads": 2, "max_position_embeddings": 128, "vocab_size": VOCABULARY}
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**size, **ends)).eval()
    return Qwen2ForCausalLM(Qwen2Config(**size, **ends)).eval()


@pytest.fixture(params=KINDS)
def random_model(request: pytest.FixtureRequest, torch: Any) -> Any:
    return make(request.param)

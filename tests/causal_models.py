"""Tiny causal models with random weights, and tokenizers trained on the spot, saved as folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CORPUS = [
    "def add(a, b):\n    return a + b\n",
    "for i in range(10):\n    print(i, i * i)\n",
    "Question: what is 2 + 2?\nAnswer: 4\n\nQuestion: naïve café — 中文?\nAnswer: B\n",
    "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        self.y = y\n",
    "The quick brown fox jumps over the lazy dog. A B C D\n",
]
CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'system' and not loop.first %}{{ raise_exception('one system') }}"
    "{% endif %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHAT_TEMPLATE


def byte_level(**special: str) -> Any:
    """Train a byte-level tokenizer, as GPT-2 and Qwen2 have it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<|endoftext|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"],
    )  # fmt: skip
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>", **special)


def sentence_piece() -> Any:
    """Train a tokenizer that marks blanks and puts one, and a token of its own, in front, as Llama 2 has it."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=500, show_progress=False, max_token_length=6,
        special_tokens=["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256))],
    )  # fmt: skip
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    told = json.loads(tokenizer.to_str())  # bytes are tokens like others, not special ones
    told["added_tokens"] = [each for each in told["added_tokens"] if not each["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(told))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def save(folder: Path, kind: str) -> Path:
    """Make a model of a `kind` (gpt2, llama, qwen2) and save it; its logits are spread so that argmax is no coin."""
    import torch
    import transformers

    torch.manual_seed(len(kind))
    tokenizer = sentence_piece() if kind == "llama" else byte_level(pad_token="<|endoftext|>")
    size = len(tokenizer)
    common: dict[str, Any] = {"vocab_size": size, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    wide = {"hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    if kind == "gpt2":
        config: Any = transformers.GPT2Config(n_embd=48, n_layer=2, n_head=4, n_positions=128, **common)
    elif kind == "llama":
        common["bos_token_id"] = tokenizer.bos_token_id
        config = transformers.LlamaConfig(num_key_value_heads=2, max_position_embeddings=128, **wide, **common)
    else:
        tokenizer.chat_template = CHAT_TEMPLATE
        config = transformers.Qwen2Config(num_key_value_heads=2, max_position_embeddings=128, **wide, **common)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0, 0.35)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

"""Imitation: the loss falls, and it is the loss of plain forward passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.train import Guards, ProblemSet, Sampling, SftOptions, sft
from tiny_models import KINDS, pairs, problems, saved, write_rows

PLAIN = {"warmup": 0.0, "measured_on": ("hello",), "report_to": ()}


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_the_loss_falls_and_held_out_completions_come_to_pass(tmp_path: Path, judge: Judge, torch: Any) -> None:
    data = write_rows(tmp_path / "rows.jsonl", pairs(300, right=1.0))
    asked = SftOptions(
        model=str(saved("qwen2", tmp_path / "start", spread=0.05)),
        out=tmp_path / "run",
        data=data,
        steps=120,
        batch=32,
        learning_rate=5e-3,
        schedule="cosine",
        sampling=Sampling(max_tokens=16),
        guards=Guards(every=60, held_out=6, kl=False),
        **PLAIN,
    )
    result = sft(asked, judge=judge, problems=ProblemSet(*problems()))
    assert losses(result.folder)[-1] < 0.3 * losses(result.folder)[0]
    assert result.before is not None
    assert result.before.value == 0
    assert result.after is not None
    assert result.after.value > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_loss_is_that_of_plain_forward_passes(kind: str, tmp_path: Path, torch: Any) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    rows = pairs(8)
    start = saved(kind, tmp_path / "start", spread=0.3)
    asked = SftOptions(
        model=str(start), out=tmp_path / "run", data=write_rows(tmp_path / "rows.jsonl", rows), steps=1, batch=8,
        rows=4, learning_rate=1e-4, **PLAIN,
    )  # fmt: skip
    result = sft(asked)
    model, words = AutoModelForCausalLM.from_pretrained(start).eval(), AutoTokenizer.from_pretrained(start)
    total, count = 0.0, 0
    for row in rows:
        prompt = words(row["prompt"])["input_ids"]
        answer = [*words(row["completion"])["input_ids"], words.eos_token_id]
        logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
        total += torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum").item()
        count += len(answer)
    assert losses(result.folder) == [pytest.approx(total / count, abs=2e-3)]


def test_adapters_learn_too(tmp_path: Path, torch: Any) -> None:
    data = write_rows(tmp_path / "rows.jsonl", pairs(64, right=1.0))
    start = saved("gpt2", tmp_path / "start", spread=0.1)
    asked = SftOptions(
        model=str(start), out=tmp_path / "run", data=data, steps=20, batch=16, lora=8, learning_rate=2e-2, **PLAIN
    )
    result = sft(asked)
    assert losses(result.folder)[-1] < losses(result.folder)[0] - 1
    from transformers import AutoModelForCausalLM

    merged = AutoModelForCausalLM.from_pretrained(result.model)
    plain = AutoModelForCausalLM.from_pretrained(start)
    assert any((one != other).any() for one, other in zip(merged.parameters(), plain.parameters(), strict=True))


def test_epochs_count_where_steps_are_not_given(tmp_path: Path, torch: Any) -> None:
    data = write_rows(tmp_path / "rows.jsonl", pairs(40))
    start = saved("llama", tmp_path / "start")
    asked = SftOptions(model=str(start), out=tmp_path / "run", data=data, epochs=1.5, batch=16, **PLAIN)
    assert sft(asked).steps == 4


def test_other_data_is_another_run(tmp_path: Path, torch: Any) -> None:
    start = saved("llama", tmp_path / "start")
    first = SftOptions(
        model=str(start),
        out=tmp_path / "run",
        data=write_rows(tmp_path / "a.jsonl", pairs(16)),
        steps=1,
        batch=8,
        **PLAIN,
    )
    sft(first)
    write_rows(tmp_path / "a.jsonl", pairs(16, seed=9))
    with pytest.raises(InputError, match="another run"):
        sft(first)

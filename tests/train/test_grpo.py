"""The gradient of our way from completions to loss, against the formula on plain forward passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap.judge import Judge
from sparkgap.train import Guards, RlcfOptions, Sampling, Source, TrainProgress
from sparkgap.train.grpo import advantages, by_end, padded
from sparkgap.train.logprobs import add_scores, completion_logps
from sparkgap.train.weights import quiet
from sparkgap.types import Problem, Verdict
from tiny_models import Paid, make, problems


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=12))
def test_advantages_are_deviations_from_the_mean_of_what_is_known(values: list[float | None]) -> None:
    found = advantages(values)
    known = [value for value in values if value is not None]
    assert sum(found) == pytest.approx(0)
    for value, advantage in zip(values, found, strict=True):
        expected = 0.0 if value is None else value - sum(known) / len(known)
        assert advantage == pytest.approx(expected)
    # What is not known changes nothing for the others.
    assert [each for each, value in zip(found, values, strict=True) if value is not None] == advantages(known)


def test_log_probabilities_are_those_of_plain_rows_without_padding(random_model: Any, torch: Any) -> None:
    rows = [([5, 6, 7, 8], [9, 10, 1]), ([11], [12, 13, 14, 15, 1]), ([3, 4], [1])]
    add_scores(random_model)
    prompts = padded([prompt for prompt, _ in rows], 0, "cpu", left=True)
    completions = padded([completion for _, completion in rows], 0, "cpu")
    logps, entropies = completion_logps(random_model, prompts, completions, temperature=0.7)
    for place, (prompt, completion) in enumerate(rows):
        logits = random_model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1] / 0.7
        expected = logits.log_softmax(-1)
        chosen = expected.gather(1, torch.tensor(completion)[:, None]).squeeze(1)
        assert torch.allclose(logps[place, : len(completion)], chosen, atol=1e-4)
        entropy = torch.distributions.Categorical(logits=logits).entropy()
        assert torch.allclose(entropies[place, : len(completion)], entropy, atol=1e-4)
        assert not logps[place, len(completion) :].any()


def test_a_batch_that_is_all_cut_off_has_no_gradient(torch: Any) -> None:
    model = make("llama")
    add_scores(model)
    nothing = torch.zeros(2, 3, dtype=torch.long)
    logps, _ = completion_logps(model, (nothing + 5, nothing + 1), (nothing + 6, nothing))
    logps.sum().backward()
    assert not any(value.grad.any() for value in model.parameters() if value.grad is not None)


@pytest.mark.parametrize("at_once", [48, 12])
def test_the_gradient_is_that_of_the_formula(
    taught: Path, tmp_path: Path, judge: Judge, at_once: int, torch: Any
) -> None:
    """Left out and put together rows, several parts: the sum is -A_i grad log p_i over all completions and lengths."""
    options = RlcfOptions(
        model=str(taught / "model"), out=tmp_path / "run", source=Source("toy"), steps=2, batch=48, rows=at_once,
        sampling=Sampling(group=8, max_tokens=12), guards=Guards(every=0, kl=False), report_to=(),
    )  # fmt: skip

    def half(problem: Problem, program: str, verdict: Verdict) -> float | None:
        return None if len(program) % 5 == 0 else float(verdict.passed)

    with ExitStack() as stack, quiet():
        trainer = _trainer(options, judge, half, stack)
        model = trainer.model.train()
        for _ in range(options.batch // at_once):
            inputs = trainer._prepare_inputs([])
            trainer.current_gradient_accumulation_steps = options.batch // at_once
            trainer.compute_loss(model, inputs).backward()
            trainer._step += 1
        found = torch.cat([value.grad.flatten() for value in model.parameters()])
        batch = trainer.feed.batch
        values = [batch.marks[row].value for row in range(48)]
        assert len({tuple(each) for each in batch.completions}) < 40  # some rows are put together
        model.zero_grad()
        _formula(model, batch.prompts, batch.completions, values).backward()
        expected = torch.cat([value.grad.flatten() for value in model.parameters()])
    assert expected.norm() > 1e-4
    assert torch.allclose(found, expected, atol=1e-6, rtol=1e-3)


@given(st.permutations(range(12)))
def test_groups_come_in_the_order_of_their_last_completion(ends: list[int]) -> None:
    last = [max(ends.index(row) for row in range(at * 3, at * 3 + 3)) for at in range(4)]
    found = by_end(ends, 3)
    assert sorted(found) == [0, 1, 2, 3]
    assert [last[at] for at in found] == sorted(last)


def _formula(model: Any, prompts: list[list[int]], completions: list[list[int]], values: Sequence[float | None]) -> Any:
    import torch

    loss = torch.zeros(())
    for first in range(0, 48, 8):
        known = [value for value in values[first : first + 8] if value is not None]
        mean = math.fsum(known) / max(1, len(known))
        for row in range(first, first + 8):
            value, prompt, completion = values[row], prompts[row], completions[row]
            if value is None or completion[-1] != 1:
                continue
            logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
            logps = logits.log_softmax(-1).gather(1, torch.tensor(completion)[:, None])
            loss = loss - (value - mean) * logps.sum() / (48 * 12)
    return loss


def _trainer(options: RlcfOptions, judge: Judge, reward: Any, stack: ExitStack) -> Any:
    from sparkgap.train.book import Book
    from sparkgap.train.grpo import Feed
    from sparkgap.train.marking import Marker
    from sparkgap.train.prompting import Prompter
    from sparkgap.train.running import TrainingRun

    rlcf = import_module("sparkgap.train.rlcf")  # the package has a function of that name
    shown: list[TrainProgress] = []
    run = TrainingRun("rlcf", options, {}, stack, shown.append)
    train = problems()[0]
    run.watch_over(options.guards, (), options.sampling, None, options.judging)
    marker = Marker(judge, Paid(reward))
    stack.callback(marker.close)
    prompter = Prompter(run.tokenizer, "toy")
    drawing = run.drawing(options.sampling)
    feed = Feed(train, Book(len(train)), prompter, marker, drawing, 8, lambda _: None)
    kept: list[Any] = []
    run.train = lambda trainer, **_: kept.append(trainer)  # type: ignore[method-assign]
    rlcf._trained(run, options, feed)
    return kept[0]

"""The tight sampler, against `generate` of transformers and against the distribution itself."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sparkgap.train.sampler import Drawing, _next, complete, draw, fits

GREEDY = Drawing(eos=(1,), pad=0, temperature=0.0, max_tokens=12)


def some_prompts(count: int, seed: int = 0) -> list[list[int]]:
    drawn = random.Random(seed)
    return [[drawn.randrange(2, 320) for _ in range(drawn.randint(1, 9))] for _ in range(count)]


def by_generate(model: Any, prompt: list[int], drawing: Drawing) -> list[int]:
    import torch

    found = model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        max_new_tokens=drawing.max_tokens,
        eos_token_id=list(drawing.eos),
        pad_token_id=drawing.pad,
    )
    tokens: list[int] = found[0, len(prompt) :].tolist()
    return tokens


@pytest.mark.parametrize("rows", [3, 64])
def test_greedy_completions_are_those_of_generate(random_model: Any, rows: int, torch: Any) -> None:
    prompts = some_prompts(12) + some_prompts(3)  # three of them twice
    drawing = Drawing(eos=(1, 5, 9, 17, 40, 41, 42, 43), pad=0, temperature=0.0, max_tokens=12, rows=rows)
    assert fits(random_model)
    with torch.no_grad():
        found = draw(random_model, prompts, drawing)
    assert found == [by_generate(random_model, prompt, drawing) for prompt in prompts]


def test_a_completion_ends_with_its_end_token_or_at_the_limit(random_model: Any, torch: Any) -> None:
    ends = tuple(range(1, 60))
    drawing = Drawing(eos=ends, pad=0, max_tokens=8)
    told: dict[int, list[int]] = {}
    with torch.no_grad():
        found = draw(random_model, some_prompts(40), drawing, lambda place, tokens: told.update({place: list(tokens)}))
    assert told == dict(enumerate(found))
    assert any(len(each) < 8 for each in found)
    for each in found:
        assert not set(each[:-1]) & set(ends)
        assert each[-1] in ends or len(each) == 8


def test_the_first_token_follows_the_distribution(torch: Any) -> None:
    torch.manual_seed(3)
    logits = torch.randn(1, 12) * 2
    rows = logits.expand(60_000, -1)
    expected = (logits[0] / 0.7).softmax(-1)
    counts = torch.bincount(_next(rows, Drawing(eos=(), pad=0, temperature=0.7)), minlength=12)
    from scipy.stats import chisquare

    assert chisquare(counts.numpy(), (expected.double() / expected.double().sum()).numpy() * 60_000).pvalue > 1e-4


@pytest.mark.parametrize(("top_p", "top_k"), [(0.8, 0), (1.0, 3), (0.5, 4)])
def test_top_p_and_top_k_keep_what_transformers_keeps(torch: Any, top_p: float, top_k: int) -> None:
    from transformers import TopKLogitsWarper, TopPLogitsWarper

    torch.manual_seed(1)
    logits = torch.randn(6, 15) * 2
    kept = logits
    if top_k:
        kept = TopKLogitsWarper(top_k)(None, kept)
    if top_p < 1:
        kept = TopPLogitsWarper(top_p)(None, kept)
    drawing = Drawing(eos=(), pad=0, top_p=top_p, top_k=top_k)
    for row in range(len(logits)):
        seen = set(_next(logits[row : row + 1].expand(4000, -1), drawing).tolist())
        assert seen <= set(torch.isfinite(kept[row]).nonzero().flatten().tolist())


def test_sampling_is_repeatable_and_several_completions_of_a_prompt_differ(random_model: Any, torch: Any) -> None:
    prompts = [[5, 6, 7]] * 16
    drawing = Drawing(eos=(1,), pad=0, max_tokens=6)
    runs = []
    for _ in range(2):
        torch.manual_seed(11)
        runs.append(complete(random_model, prompts, drawing))
    assert runs[0] == runs[1]
    assert len({tuple(each) for each in runs[0]}) > 1


def test_a_model_with_windows_is_left_to_generate(torch: Any) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
    torch.manual_seed(0)
    ends = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0, "initializer_range": 0.3}
    config = MistralConfig(vocab_size=320, num_key_value_heads=2, sliding_window=4, **size, **ends)
    model = MistralForCausalLM(config).eval()
    assert not fits(model)
    prompts = some_prompts(6)
    assert complete(model, prompts, GREEDY) == [by_generate(model, prompt, GREEDY) for prompt in prompts]


def test_the_log_probabilities_told_are_those_of_a_plain_forward_pass(random_model: Any, torch: Any) -> None:
    prompts = some_prompts(10)
    told: dict[int, list[float]] = {}
    drawing = Drawing(eos=tuple(range(1, 50)), pad=0, temperature=0.7, top_p=0.9, max_tokens=8)
    with torch.no_grad():
        found = draw(random_model, prompts, drawing, logps=told)
        for place, (prompt, completion) in enumerate(zip(prompts, found, strict=True)):
            logits = random_model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1] / 0.7
            expected = logits.log_softmax(-1).gather(1, torch.tensor(completion)[:, None]).squeeze(1).tolist()
            assert told[place] == pytest.approx(expected, abs=1e-3)

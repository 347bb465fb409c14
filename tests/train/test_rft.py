"""Judged completions are drawn once and shared; imitating what passed, and preferring it, both help."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.train import DpoOptions, Guards, ProblemSet, RftOptions, Sampling, Source, TrainProgress, dpo, rft
from sparkgap.train.rollouts import Rollout, by_chance, by_problem, contrasts, passing_tokens
from tiny_models import problems

TOY = ProblemSet(*problems())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared") / "rollouts.jsonl"


def options(kind: Any, taught: Path, out: Path, shared: Path, **others: Any) -> Any:
    return kind(
        model=str(taught / "model"),
        out=out,
        source=Source("toy"),
        rollouts=shared,
        batch=16,
        warmup=0.0,
        sampling=Sampling(group=8, max_tokens=16),
        guards=Guards(every=10, held_out=6, samples=8, temperature=1.0),
        measured_on=("hello",),
        report_to=(),
        **others,
    )


def test_imitating_what_passed_and_preferring_it_help_from_one_file(
    taught: Path, tmp_path: Path, shared: Path, judge: Judge
) -> None:
    seen: list[TrainProgress] = []
    asked = options(RftOptions, taught, tmp_path / "rft", shared, steps=30, learning_rate=2e-3)
    result = rft(asked, judge=judge, problems=TOY, progress=seen.append)
    assert result.gain is not None
    assert result.gain.value > 0.15
    assert "sampling" in {each.stage for each in seen}
    lines = shared.read_text("utf-8").splitlines()
    assert len(lines) == 1 + 8 * len(TOY.train)
    asked = options(DpoOptions, taught, tmp_path / "dpo", shared, steps=20, learning_rate=1e-3, beta=0.1)
    preferred = dpo(asked, judge=judge, problems=TOY)
    assert preferred.gain is not None
    assert preferred.gain.value > 0.1
    asked = options(RftOptions, taught, tmp_path / "control", shared, steps=30, learning_rate=2e-3, reward="random")
    by_coin = rft(asked, judge=judge, problems=TOY)
    assert by_coin.gain is not None
    assert by_coin.gain.value < result.gain.value - 0.1
    assert shared.read_text("utf-8").splitlines() == lines  # drawn once


def test_a_torn_file_is_mended_and_one_of_another_kind_is_refused(
    taught: Path, tmp_path: Path, shared: Path, judge: Judge
) -> None:
    quiet = Guards(every=0, held_out=0, kl=False)
    drawn = options(RftOptions, taught, tmp_path / "drawn", shared, steps=1)
    rft(replace(drawn, guards=quiet), judge=judge, problems=TOY)  # unless a test before has drawn them
    lines = shared.read_text("utf-8").splitlines()
    torn = tmp_path / "torn.jsonl"
    torn.write_text("\n".join(lines[:20]) + "\n" + lines[20][:30], "utf-8")
    asked = options(RftOptions, taught, tmp_path / "a", torn, steps=1)
    rft(replace(asked, guards=quiet), judge=judge, problems=TOY)
    mended = [json.loads(line) for line in torn.read_text("utf-8").splitlines()]
    assert [record["problem_id"] for record in mended[1:17]] == [json.loads(line)["problem_id"] for line in lines[1:17]]
    assert len(mended) == len(lines)
    other = options(RftOptions, taught, tmp_path / "b", torn, steps=1, seed=5)
    with pytest.raises(InputError, match="another model, other problems or other sampling"):
        rft(replace(other, guards=quiet), judge=judge, problems=TOY)
    torn.write_text("hello\n", "utf-8")
    with pytest.raises(InputError, match="holds no completions"):
        rft(replace(other, guards=quiet, out=tmp_path / "c"), judge=judge, problems=TOY)


def test_rows_are_imitated_beside_what_passed(taught: Path, tmp_path: Path, shared: Path, judge: Judge) -> None:
    row = json.dumps({"prompt": "def zzz(x):\n", "completion": "    return 7\n"}) + "\n"
    (tmp_path / "rows.jsonl").write_text(32 * row, "utf-8")
    quiet = Guards(every=0, held_out=0, kl=False)
    steps = []
    for name, data in (("without", None), ("with", tmp_path / "rows.jsonl")):
        asked = options(RftOptions, taught, tmp_path / name, shared, data=data, most=1)
        steps.append(rft(replace(asked, guards=quiet), judge=judge, problems=TOY).steps)
    assert steps[1] == steps[0] + 32 / asked.batch  # an epoch of both
    asked = options(DpoOptions, taught, tmp_path / "dpo", shared, steps=1, data=tmp_path / "rows.jsonl")
    with pytest.raises(InputError, match="dpo imitates no rows"):
        dpo(replace(asked, guards=quiet), judge=judge, problems=TOY)


def rollout(name: str, index: int, status: str, tokens: tuple[int, ...], ended: bool = True) -> Rollout:
    return Rollout(name, index, "", status, None, tokens, ended)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from(["passed", "wrong", "infra"]), st.integers(1, 5), st.booleans()
        ),
        max_size=24,
    ),
    st.integers(1, 4),
)
def test_what_is_learnt_from_passes_ended_and_is_different(drawn: list[tuple[str, str, int, bool]], most: int) -> None:
    rollouts = [
        rollout(name, at, status, (size,) * size, ended) for at, (name, status, size, ended) in enumerate(drawn)
    ]
    right = {(each.problem_id, each.tokens) for each in rollouts if each.status == "passed" and each.ended}
    wrong = {(each.problem_id, each.tokens) for each in rollouts if each.status == "wrong" and each.ended}
    kept = passing_tokens(rollouts, most)
    assert len(kept) == len(set(kept))
    assert set(kept) <= right
    for name in by_problem(rollouts):
        assert sum(each == name for each, _ in kept) == min(most, sum(each == name for each, _ in right))
    pairs = contrasts(rollouts, most)
    assert len(pairs) == len(set(pairs)) or max(len(right), len(wrong)) < len(pairs)
    for name, better, worse in pairs:
        assert (name, better) in right
        assert (name, worse) in wrong
    both = {name for name, _ in right} & {name for name, _ in wrong}
    assert {name for name, _, _ in pairs} == both


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["passed", "wrong", "infra"]), st.booleans())),
    st.integers(0, 5),
)
def test_by_chance_as_many_pass_and_what_did_not_end_stays_out(drawn: list[tuple[str, str, bool]], seed: int) -> None:
    rollouts = [rollout(name, at, status, (at,), ended) for at, (name, status, ended) in enumerate(drawn)]
    dealt = by_chance(rollouts, seed)
    assert [replace(each, status="") for each in dealt] == [replace(each, status="") for each in rollouts]
    assert Counter((each.status, each.ended) for each in dealt) == Counter(
        (each.status, each.ended) for each in rollouts
    )
    assert all(new == old for new, old in zip(dealt, rollouts, strict=True) if not old.ended or old.status == "infra")
    assert dealt == by_chance(rollouts, seed)


def test_chance_looks_at_nothing() -> None:
    rollouts = [rollout(f"p{at % 50}", at, "passed" if at % 50 < 25 else "wrong", (at,)) for at in range(2000)]
    dealt = by_chance(rollouts, 1)
    stayed = sum(each.status == "passed" for each in dealt if int(each.problem_id[1:]) < 25)
    assert abs(stayed - 500) < 80  # five standard deviations
    assert dealt != by_chance(rollouts, 2)


def test_without_a_single_pass_there_is_nothing_to_imitate(taught: Path, tmp_path: Path, judge: Judge) -> None:
    hopeless = tuple(replace(each, id=f"h{each.id}", prompt="def f(x):\n    @", reference="") for each in TOY.train[:2])
    asked = options(RftOptions, taught, tmp_path / "a", tmp_path / "r.jsonl", steps=1)
    asked = replace(asked, guards=Guards(every=0, held_out=0, kl=False))
    with pytest.raises(InputError, match="no completion passes"):
        rft(asked, judge=judge, problems=ProblemSet(hopeless, ()))
    asked = options(DpoOptions, taught, tmp_path / "b", tmp_path / "r.jsonl", steps=1)
    asked = replace(asked, guards=Guards(every=0, held_out=0, kl=False))
    with pytest.raises(InputError, match="both passing and failing"):
        dpo(asked, judge=judge, problems=ProblemSet(hopeless, ()))

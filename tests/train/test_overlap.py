"""Training data that shares problems with what is measured is refused, however it is laid out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap import plugins
from sparkgap.errors import DataError, InputError
from sparkgap.train.overlap import Apart, Measured, fingerprint, measured, set_apart
from sparkgap.types import CodeTests, Problem

PROSE = "Write a function that returns every second word of a sentence in reverse order, without the last one."
SOLUTION = "def every_second(sentence):\n    words = sentence.split()\n    return words[::2][::-1][:-1]  # done\n"


def problem(name: str = "mine/1", prompt: str = "Say something else.", reference: str = "") -> Problem:
    return Problem(name, "mine", prompt, reference, CodeTests("assert True"), split="train")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Measured:
    class Known:
        name = "known"
        split = "test"

        def problems(self) -> list[Problem]:
            return [
                replace(problem("known/7", PROSE, SOLUTION), split="test"),
                replace(problem("known/8"), split="train"),
            ]

    monkeypatch.setattr("sparkgap.plugins.find", lambda kind, name: Known())
    monkeypatch.setattr("sparkgap.plugins.names", lambda kind: ("known",))
    return measured(("known",))


@pytest.mark.parametrize(
    "shared",
    [
        problem("known/7"),
        problem(prompt=PROSE),
        problem(prompt=f'"""\n{PROSE.upper()}\n"""\n'),
        problem(prompt=PROSE.replace(" ", "\n    ")),
        problem(reference=SOLUTION.replace("    ", "\t").replace("# done", "# another word")),
    ],
)
def test_a_shared_problem_is_refused(known: Measured, shared: Problem) -> None:
    with pytest.raises(InputError, match="known/7, on which the model will be measured"):
        set_apart([problem("mine/0", "Another thing."), shared], ("known",))


def test_what_is_not_shared_goes_through_and_the_benchmarks_are_told(known: Measured) -> None:
    mine = [problem(reference="def f(x): return x"), problem("mine/2", "Write a function that returns every word.")]
    assert set_apart(mine, None) == Apart(tuple(mine), ("known",), {})


def test_a_test_split_is_refused_whatever_is_measured() -> None:
    with pytest.raises(InputError, match="mine/1 is of a test split"):
        set_apart([replace(problem(), split="test")], ())


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["\n", "  \n\t", " "]))
def test_a_text_with_a_whole_problem_in_it_is_found(before: str, after: str, gap: str) -> None:
    words = PROSE.split()
    joined = " ".join(
        each.lower().strip(",.") if each[-1] not in ",." else f"{each[:-1].lower()} {each[-1]}" for each in words
    )
    texts = {joined: "known/7"}
    shingle = " ".join(joined.split(" ")[:10])
    known = Measured(("known",), frozenset(), texts, {shingle: [(joined, "known/7")]})
    assert known.in_text(f"{before}\n{gap.join(words)}\n{after}") in ("known/7",)
    assert known.in_text(f"{before}\n{gap.join(words[:-5])}\n{after}") == ""


def test_a_benchmark_that_is_not_here_is_an_error_only_where_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(tmp_path))
    with pytest.raises(DataError):
        measured(("humaneval",))
    assert "humaneval" not in measured(("humaneval", "hello"), named=False).benchmarks


def test_of_published_problems_the_shared_ones_are_left_out(published: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    every = list(plugins.find("benchmarks", "mbpp").problems())
    train = [each for each in every if each.split == "train"]
    within = set_apart(train, ("mbpp",), leave_out=True)
    assert within.left_out["Mbpp/704"] == "Mbpp/248"  # the same sentence in both splits of MBPP
    assert len(within.left_out) < 10
    plus = set_apart(train, ("mbpp", "mbpp_plus"), leave_out=True)
    tasks = {each.id for each in plugins.find("benchmarks", "mbpp_plus").problems()}
    assert not {each.id for each in plus.problems} & tasks
    assert len(plus.left_out) > 100
    tests = [replace(each, id="other", split="train") for each in every if each.split == "test"]
    with pytest.raises(InputError, match="other is Mbpp/"):
        set_apart(tests, ("mbpp",))


def test_a_fingerprint_tells_problems_apart_by_what_decides_them() -> None:
    assert fingerprint([problem()]) == fingerprint([problem()])
    assert fingerprint([problem()]) != fingerprint([replace(problem(), tests=CodeTests("assert 1"))])

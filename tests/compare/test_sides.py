"""What a user names becomes a run or a claim, and benchmarks find their other halves."""

from __future__ import annotations

from pathlib import Path

import pytest

from run_folders import flags, write_measure, write_run
from sparkgap.claims import Claimed, find_claims
from sparkgap.compare.sides import matched, read_side, unmatched
from sparkgap.errors import InputError
from sparkgap.results import RunResult


def test_a_side_is_a_folder_a_claim_or_either_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run", "humaneval", flags([1, 0]), model="openai/a")
    monkeypatch.chdir(tmp_path)
    for told, name in (("run", "openai/a"), (tmp_path / "run", "openai/a"), ("ours=run", "ours"), ("a=b=run", "a")):
        side = read_side(told)
        assert isinstance(side, RunResult)
        assert (side.name, side.model) == (name, "openai/a")
    for told, name in (
        ("claim:gpt-5", "GPT-5"),
        ("GPT 5", "GPT-5"),
        ("best=claim:gpt-5", "best"),
        ("best=gpt-5", "best"),
    ):
        side = read_side(told)
        assert isinstance(side, Claimed)
        assert (side.name, side.model) == (name, "GPT-5")
    assert read_side(side) is side


def test_a_folder_goes_before_a_claim_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "gpt-5", "humaneval", flags([1, 0]))
    write_run(tmp_path / "a=b", "humaneval", flags([1, 0]), model="odd")
    monkeypatch.chdir(tmp_path)
    assert isinstance(read_side("gpt-5"), RunResult)
    assert isinstance(read_side("claim:gpt-5"), Claimed)
    assert read_side("a=b").name == "odd"


@pytest.mark.parametrize("told", ["nowhere", "x=nowhere", "=run", "x="])
def test_what_is_neither_says_what_it_could_be(told: str) -> None:
    with pytest.raises(InputError, match=r"NAME=FOLDER and claim:MODEL"):
        read_side(told)


def test_a_path_is_never_a_claim(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        read_side(tmp_path / "gpt-5")


def test_the_same_variant_is_matched_else_another_one(tmp_path: Path) -> None:
    both = {"mmlu:five_shot": flags([1]), "mmlu:zero_shot_cot": flags([0]), "mbpp": flags([1])}
    ours = read_side(write_measure(tmp_path / "a", "a", both))
    theirs = read_side(write_measure(tmp_path / "b", "b", {"mmlu:zero_shot_cot": flags([1]), "gsm8k": flags([1])}))
    pairs = [(name, getattr(other, "variant", None)) for name, _, other in matched(ours, theirs)]
    assert sorted(pairs) == [("mmlu:five_shot", "zero_shot_cot"), ("mmlu:zero_shot_cot", "zero_shot_cot")]
    assert unmatched(ours, theirs) == (("mbpp",), ("gsm8k",))
    assert [name for name, _, _ in matched(theirs, ours)] == ["mmlu"]


def test_runs_are_matched_with_claims_in_any_variant(tmp_path: Path) -> None:
    ours = read_side(write_measure(tmp_path / "a", "a", {"mmlu:five_shot": flags([1]), "mbpp": flags([1])}))
    assert [name for name, _, _ in matched(ours, find_claims("gpt-5"))] == ["mmlu"]
    assert unmatched(find_claims("gpt-5"), ours) == (("humaneval", "gsm8k", "mt_bench"), ("mbpp",))

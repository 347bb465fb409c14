"""Where the points go: every loss has one cause, and they add up to the gap."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from run_folders import write_run
from sparkgap.compare.losses import cause_of, losses
from sparkgap.results import BenchmarkResult, read_result

RECORDS = {  # how a sample ended -> whose loss it is, and its cause
    "right": ({"status": "passed", "lenient": "passed"}, ()),
    "in prose": ({"status": "syntax", "lenient": "passed"}, ("harness", "extraction")),
    "cut": ({"status": "syntax", "lenient": "syntax", "truncated": True}, ("harness", "truncated")),
    "cut but right": ({"status": "syntax", "lenient": "passed", "truncated": True}, ("harness", "extraction")),
    "silent": ({"status": "empty", "lenient": "empty"}, ("harness", "unparsed")),
    "wrong": ({"status": "wrong", "lenient": "wrong"}, ("model", "wrong")),
    "wrong in prose": ({"status": "syntax", "lenient": "wrong"}, ("model", "wrong")),
    "unsure": ({"status": "syntax", "lenient": "infra"}, ("model", "syntax")),
    "slow": ({"status": "timeout", "lenient": "timeout"}, ("model", "timeout")),
}


def result(folder: Path, ends: list[list[str]]) -> BenchmarkResult:
    values = {f"p{i}": [float(end == "right") for end in samples] for i, samples in enumerate(ends)}
    folder = write_run(folder, "humaneval", values)

    flat = [end for samples in ends for end in samples]
    lines = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
    told = [line | RECORDS[end][0] for line, end in zip(lines, flat, strict=True)]
    (folder / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    return next(iter(read_result(folder).benchmarks.values()))


@pytest.mark.parametrize("end", [end for end in RECORDS if end != "right"])
def test_every_end_has_one_cause(end: str) -> None:
    record, cause = RECORDS[end]
    assert cause_of(record) == cause


def test_a_benchmark_that_scores_itself_speaks_its_own_words() -> None:
    assert cause_of({"status": "unparsed"}) == ("harness", "unparsed")
    assert cause_of({"status": "unparsed", "truncated": True}) == ("harness", "truncated")
    assert cause_of({"status": "wrong"}) == ("model", "wrong")


ENDS = st.lists(st.lists(st.sampled_from(list(RECORDS)), min_size=1, max_size=3), min_size=3, max_size=12)


@settings(max_examples=25, deadline=None)
@given(ours=ENDS, theirs=ENDS)
def test_the_losses_of_a_side_are_its_score_to_the_whole_and_their_differences_the_gap(
    tmp_path_factory: pytest.TempPathFactory, ours: list[list[str]], theirs: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("losses")
    mine, other = result(folder / "a", ours), result(folder / "b", theirs)
    ids = [id_ for id_ in mine.values if id_ in other.values]
    found = losses(mine, other, ids)
    means = [sum(sum(each.values[id_]) / len(each.values[id_]) for id_ in ids) / len(ids) for each in (mine, other)]
    assert sum(loss.ours for loss in found) == pytest.approx(1 - means[0])
    assert sum(loss.theirs for loss in found) == pytest.approx(1 - means[1])
    assert sum(loss.gap for loss in found) == pytest.approx(means[1] - means[0])
    assert len({(loss.whose, loss.cause) for loss in found}) == len(found)
    assert [loss.whose for loss in found] == sorted(loss.whose for loss in found)

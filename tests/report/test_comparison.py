from __future__ import annotations

import json
from pathlib import Path

import pytest

from run_folders import flags, write_measure, write_run
from sparkgap.claims import Claim, Claimed
from sparkgap.report.comparison import SCALES, compare, conditions, metrics_table, readings, usage
from sparkgap.results import RunResult, read_result
from sparkgap.stats import wilson


def measured(folder: Path, model: str, benchmarks: dict[str, object], **more: object) -> RunResult:
    return read_result(write_measure(folder, model, benchmarks, **more))  # type: ignore[arg-type]


def claimed(**figures: float) -> Claimed:
    claims = {
        name: Claim("GPT-9", name, value, "share", "a paper", "2026-01", "https://example.org/x")
        for name, value in figures.items()
    }
    return Claimed("GPT-9", "GPT-9", claims)


def test_columns_go_by_ability_and_variants_are_columns_of_their_own(tmp_path: Path) -> None:
    a = measured(
        tmp_path / "a", "a", {"gsm8k": flags([1]), "mbpp:chat": flags([1, 0]), "mbpp:three_shot": flags([1, 1])},
        gsm8k={"ability": "math"},
    )  # fmt: skip
    b = measured(tmp_path / "b", "b", {"mmlu": flags([0]), "mbpp:chat": flags([0, 0])}, mmlu={"ability": "knowledge"})
    table = compare([a, b])
    assert [(column.name, column.ability) for column in table.columns] == [
        ("mbpp (chat)", "code"), ("mbpp (three_shot)", "code"), ("mmlu (chat)", "knowledge"), ("gsm8k (chat)", "math"),
    ]  # fmt: skip
    figures = [[cell and cell.value for cell in column.cells] for column in table.columns]
    assert figures == [[0.5, 0.0], [1.0, None], [None, 0.0], [1.0, None]]


def test_a_cell_has_the_interval_of_the_run_and_counts_what_is_unscored(tmp_path: Path) -> None:
    run = measured(tmp_path / "a", "a", {"humaneval": flags([1] * 7 + [0] * 3 + [None, None])})
    (cell,) = compare([run]).columns[0].cells
    told = wilson(7, 10)
    assert cell is not None
    assert (cell.value, cell.low, cell.high) == (told.value, told.low, told.high)
    assert (cell.problems, cell.samples, cell.unscored) == (10, 10, 2)


def test_where_nothing_is_scored_there_is_no_figure(tmp_path: Path) -> None:
    (cell,) = compare([measured(tmp_path / "a", "a", {"humaneval": flags([None, None])})]).columns[0].cells
    assert cell is not None
    assert (cell.value, cell.unscored) == (None, 2)


def test_claims_come_last_on_what_was_measured_and_only_in_its_unit(tmp_path: Path) -> None:
    run = measured(
        tmp_path / "a", "GPT-9", {"humaneval": flags([1, 0]), "mt_bench": flags([0.5])}, mt_bench={"unit": "rating"}
    )
    table = compare([run], [claimed(humaneval=0.9, mmlu=0.8, mt_bench=0.7)])
    assert [(row.name, row.reported) for row in table.rows] == [("GPT-9", False), ("GPT-9 (2)", True)]
    assert table.rows[1].source == "a paper, 2026-01 (https://example.org/x)"
    assert [column.benchmark for column in table.columns] == ["humaneval", "mt_bench"]
    cell = table.columns[0].cells[1]
    assert cell is not None
    assert (cell.value, cell.low, cell.high, cell.problems) == (0.9, None, None, 0)
    assert table.columns[1].cells[1] is None


def test_names_are_visible_and_differ(tmp_path: Path) -> None:
    run = read_result(write_run(tmp_path / "a", "humaneval", flags([1])))
    again = [read_result(run.folder, name) for name in ("x", "x", "x (2)", "a\u202eb\nc", "hf//home/me/m", "")]
    assert [row.name for row in compare(again).rows] == [
        "x",
        "x (2)",
        "x (2) (2)",
        "a⟨U+202E⟩b c",
        "hf/…/m",
        "openai/some",
    ]


def test_conditions_are_said_once_or_shown_to_differ(tmp_path: Path) -> None:
    same = {"decoding": {"temperature": 0.2}}
    runs = [
        measured(tmp_path / level, "m", {"humaneval": flags([1])}, humaneval={"isolation": level} | same)
        for level in ("full", "reduced")
    ]
    told = {each.name: each for each in conditions(compare(runs).columns[0])}
    assert told["decoding"].values == ("temperature: 0.2",)
    assert not told["decoding"].differs
    assert told["isolation"].values == ("full", "reduced")
    assert told["isolation"].differs
    assert told["data"].values == ("f: " + "0" * 12,)
    assert not {"limit", "rater", "limits"} & told.keys()


def test_all_metrics_are_there_in_the_unit_of_the_benchmark(tmp_path: Path) -> None:
    metrics = {
        name: {"value": value, "low": value - 1, "high": value + 1, "method": "x"}
        for name, value in (("BLEU", 31.04), ("chrF++", 50.0))
    }
    a = measured(tmp_path / "a", "a", {"translation": flags([0.1])}, translation={"unit": "score", "metrics": metrics})
    del metrics["chrF++"]
    b = measured(tmp_path / "b", "b", {"translation": flags([0.1])}, translation={"unit": "score", "metrics": metrics})
    (column,) = compare([a, b]).columns
    assert column.metric == "BLEU"
    assert metrics_table(column) == [("BLEU", ["31.0 (30.0 to 32.0)"] * 2), ("chrF++", ["50.0 (49.0 to 51.0)", ""])]


@pytest.mark.parametrize(
    ("unit", "value", "said"), [("share", 0.7234, "72.3"), ("rating", 8.713, "8.71"), ("score", 31.26, "31.3")]
)
def test_a_scale_shows_as_many_digits_as_count(unit: str, value: float, said: str) -> None:
    assert SCALES[unit].show(value) == said


def test_runs_without_readings_or_usage_have_none(tmp_path: Path) -> None:
    (column,) = compare([measured(tmp_path / "a", "a", {"mmlu": flags([1])})]).columns
    assert readings(column) == []
    assert usage(column) == []


def test_answers_that_were_on_disk_are_not_shown_as_free(tmp_path: Path) -> None:
    folder = write_measure(tmp_path / "a", "replay/x.jsonl", {"humaneval": flags([1, 0])})
    summary = folder / "humaneval-chat" / "summary.json"
    nothing = {"requests": 2, "prompt_tokens": 0, "completion_tokens": 0, "seconds": 0.0}
    for used, shown in ((nothing, 0), (nothing | {"completion_tokens": 9}, 1)):
        summary.write_text(json.dumps(json.loads(summary.read_text()) | {"usage": used}))
        (column,) = compare([read_result(folder)]).columns
        assert len(usage(column)) == shown

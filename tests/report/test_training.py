from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkgap.errors import InputError
from sparkgap.report import report
from sparkgap.report.page import MOST_PAIRS
from sparkgap.report.training import MOST_POINTS, PAIRS, is_training, read_training


def write(folder: Path, *lines: object) -> Path:
    folder.mkdir(exist_ok=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "metrics.jsonl").write_text("\n".join(texts) + "\n")
    return folder


def test_every_number_is_a_curve_over_its_own_steps(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "run",
        {"step": 1, "loss": 0.5, "pass_rate": 0.1, "note": "start", "ok": True},
        {"step": 2, "loss": float("nan"), "reward": 1},
        "",
        {"step": 3, "loss": 0.25, "pass_rate": 0.3, "a": None},
    )
    assert is_training(folder)
    told = read_training(folder)
    assert told.name == "run"
    assert dict(told.curves) == {
        "reward": ((2.0, 1.0),), "pass_rate": ((1.0, 0.1), (3.0, 0.3)), "loss": ((1.0, 0.5), (3.0, 0.25)),
    }  # fmt: skip
    assert list(told.curves) == ["reward", "pass_rate", "loss"]


def test_steps_rise_and_the_last_word_on_a_step_counts(tmp_path: Path) -> None:
    folder = write(tmp_path, {"step": 2, "loss": 2}, {"step": 1, "loss": 1}, {"step": 2, "loss": 3})
    assert read_training(folder, "mine").curves["loss"] == ((1.0, 1.0), (2.0, 3.0))


def test_a_line_that_is_being_written_does_not_count(tmp_path: Path) -> None:
    folder = write(tmp_path, {"step": 1, "loss": 1}, '{"step": 2, "lo')
    assert read_training(folder).curves["loss"] == ((1.0, 1.0),)


def test_long_curves_are_thinned_from_end_to_end(tmp_path: Path) -> None:
    folder = write(tmp_path, *({"step": n, "loss": n} for n in range(3 * MOST_POINTS)))
    curve = read_training(folder).curves["loss"]
    assert len(curve) <= MOST_POINTS + 1
    assert (curve[0][0], curve[-1][0]) == (0, 3 * MOST_POINTS - 1)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['{"step": 1', {"step": 2, "loss": 1}], "metrics.jsonl:1: not JSON"),
        ([{"step": 1, "loss": 1}, {"loss": 1}], "metrics.jsonl:2: no number `step`"),
        ([{"step": "1", "loss": 1}], "metrics.jsonl:1: no number `step`"),
        ([{"step": True, "loss": 1}], "metrics.jsonl:1: no number `step`"),
        ([[1]], "metrics.jsonl:1: no number `step`"),
        ([{"step": 1}], "holds no figures"),
        ([], "holds no figures"),
    ],
)
def test_what_is_no_curve_is_said_with_its_line(tmp_path: Path, lines: list[object], said: str) -> None:
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        read_training(write(tmp_path, *lines))


def pair(number: int, before: str, after: str) -> dict[str, str]:
    return {"problem_id": f"p{number}", "prompt": "<b>say</b>", "before": f"old {number}", "before_status": before,
            "after": f"new {number}", "after_status": after}  # fmt: skip


def test_what_was_written_stands_side_by_side_what_changed_first(tmp_path: Path) -> None:
    kept = [pair(at, "passed", "passed") for at in range(MOST_PAIRS)]
    records = [*kept, pair(90, "wrong", "timeout"), pair(91, "passed", "wrong"), pair(92, "syntax", "passed")]
    write(tmp_path, {"step": 1, "flat": 0.5, "loss": 2.0}, {"step": 2, "flat": 0.5, "loss": 1.0})
    (tmp_path / PAIRS).write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    run = read_training(tmp_path)
    assert [each.change for each in run.pairs[-3:]] == ["failed", "lost", "gained"]
    page = report([run])
    assert "1 pass that did not, 1 no longer pass, 1 fail both times, 30 pass both times" in page
    assert page.index("old 92") < page.index("new 92") < page.index("old 91") < page.index("old 90")
    assert page.index("old 90") < page.index("old 0<")
    assert f"old {MOST_PAIRS - 3}<" not in page
    assert "3 more are in the run" in page
    assert "<b>say</b>" not in page
    assert "The same at every step: flat 0.5." in page
    assert "Of 33 held-out problems 1 pass that did not before, 1 no longer do." in report([run], form="md")


def test_a_pair_without_a_text_is_said_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, {"step": 1, "loss": 2.0})
    (tmp_path / PAIRS).write_text(json.dumps(pair(1, "wrong", "passed")) + '\n{"problem_id": "p"}\n', "utf-8")
    with pytest.raises(InputError, match=r"before_after\.jsonl:2: a text of these is missing: problem_id, prompt"):
        read_training(tmp_path)

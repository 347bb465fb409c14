from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkgap.errors import InputError
from sparkgap.report.training import MOST_POINTS, is_training, read_training


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

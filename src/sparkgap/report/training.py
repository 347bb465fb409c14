"""The curves of a training run: `metrics.jsonl` in its folder, one object a step.

    {"step": 10, "reward": 0.31, "pass_rate": 0.25, "loss": 0.02}

Every key besides `step` that holds numbers is a curve; keys that a line lacks leave a hole. Lines whose `step` is
missing or no number are refused. Nothing else of the folder is read, and nothing is smoothed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkgap.errors import InputError
from sparkgap.report.plaintext import one_line

METRICS = "metrics.jsonl"
MOST_POINTS = 2000  # of one curve; of longer ones every n-th is drawn
_FIRST = ("reward", "pass_rate", "loss")  # shown before the others


@dataclass(frozen=True, slots=True)
class Training:
    """One training run: its curves by name, each as (step, value) with rising steps."""

    name: str
    curves: Mapping[str, tuple[tuple[float, float], ...]]


def is_training(folder: Path) -> bool:
    """Whether a folder is a training run's."""
    return (folder / METRICS).is_file()


def read_training(folder: Path, name: str = "") -> Training:
    """Return the curves in a training run's folder.

    Raises:
        InputError: a line is no object with a step, or there is no figure in any.
    """
    curves: dict[str, dict[float, float]] = {}
    for step, record in _steps(folder / METRICS):
        for key, value in record.items():
            if key != "step" and _is_number(value):
                curves.setdefault(one_line(key, 60), {})[step] = float(value)
    if not curves:
        raise InputError(f"{folder / METRICS} holds no figures; each line is like " + '{"step": 1, "reward": 0.5}')
    ordered = sorted(curves, key=lambda key: (_FIRST.index(key) if key in _FIRST else len(_FIRST), key))
    return Training(one_line(name or folder.name, 80), {key: _thinned(curves[key]) for key in ordered})


def _thinned(curve: Mapping[float, float]) -> tuple[tuple[float, float], ...]:
    points = sorted(curve.items())
    every = math.ceil(len(points) / MOST_POINTS)
    kept = points[::every]
    return tuple(kept if kept[-1] == points[-1] else [*kept, points[-1]])


def _steps(path: Path) -> Iterator[tuple[float, Mapping[str, Any]]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path} cannot be read ({fault})") from fault
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as fault:
            if number == len(lines):  # the run is still writing it
                return
            raise InputError(f"{path}:{number}: not JSON ({fault})") from fault
        if not isinstance(record, dict) or not _is_number(record.get("step")):
            raise InputError(f"{path}:{number}: no number `step`; each line is like " + '{"step": 1, "reward": 0.5}')
        yield float(record["step"]), record


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

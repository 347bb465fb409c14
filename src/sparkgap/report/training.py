"""The curves of a training run, and what its model wrote before and after: two files of its folder.

    metrics.jsonl        {"step": 10, "reward": 0.31, "pass_rate": 0.25, "loss": 0.02}
    before_after.jsonl   {"problem_id": "...", "prompt": "...", "before": "...", "before_status": "wrong",
                          "after": "...", "after_status": "passed"}

Every key of the first besides `step` that holds numbers is a curve; keys that a line lacks leave a hole. Lines whose
`step` is missing or no number are refused. Nothing is smoothed. The second may be missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sparkgap.errors import InputError
from sparkgap.report.plaintext import one_line

METRICS, PAIRS = "metrics.jsonl", "before_after.jsonl"
MOST_POINTS = 2000  # of one curve; of longer ones every n-th is drawn
_FIRST = ("reward", "pass_rate", "loss")  # shown before the others


@dataclass(frozen=True, slots=True)
class Pair:
    """One held-out problem, and what the model wrote for it before and after, with what became of it."""

    problem_id: str
    prompt: str
    before: str
    before_status: str
    after: str
    after_status: str

    @property
    def change(self) -> str:
        """Which it is: gained, lost, failed (both times), passed (both times)."""
        passed = (self.before_status == "passed", self.after_status == "passed")
        return {(False, True): "gained", (True, False): "lost", (False, False): "failed"}.get(passed, "passed")


@dataclass(frozen=True, slots=True)
class Training:
    """One training run: its curves by name, each as (step, value) with rising steps; what was written."""

    name: str
    curves: Mapping[str, tuple[tuple[float, float], ...]]
    pairs: tuple[Pair, ...] = ()


def is_training(folder: Path) -> bool:
    """Whether a folder is a training run's."""
    return (folder / METRICS).is_file()


def read_training(folder: Path, name: str = "") -> Training:
    """Return what a training run's folder shows.

    Raises:
        InputError: a line is no object with a step, or of no problem; or there is no figure in any.
    """
    curves: dict[str, dict[float, float]] = {}
    for step, record in _steps(folder / METRICS):
        for key, value in record.items():
            if key != "step" and _is_number(value):
                curves.setdefault(one_line(key, 60), {})[step] = float(value)
    if not curves:
        raise InputError(f"{folder / METRICS} holds no figures; each line is like " + '{"step": 1, "reward": 0.5}')
    ordered = sorted(curves, key=lambda key: (_FIRST.index(key) if key in _FIRST else len(_FIRST), key))
    thinned = {key: _thinned(curves[key]) for key in ordered}
    return Training(one_line(name or folder.name, 80), thinned, tuple(_pairs(folder / PAIRS)))


def _thinned(curve: Mapping[float, float]) -> tuple[tuple[float, float], ...]:
    points = sorted(curve.items())
    every = math.ceil(len(points) / MOST_POINTS)
    kept = points[::every]
    return tuple(kept if kept[-1] == points[-1] else [*kept, points[-1]])


def _steps(path: Path) -> Iterator[tuple[float, Mapping[str, Any]]]:
    for where, record in _records(path):
        if not _is_number(record.get("step")):
            raise InputError(f"{where}: no number `step`; each line is like " + '{"step": 1, "reward": 0.5}')
        yield float(record["step"]), record


def _pairs(path: Path) -> Iterator[Pair]:
    for where, record in _records(path) if path.exists() else ():
        told = [record.get(each.name) for each in fields(Pair)]
        if not all(isinstance(text, str) for text in told):
            raise InputError(f"{where}: a text of these is missing: {', '.join(each.name for each in fields(Pair))}")
        yield Pair(*told)  # type: ignore[arg-type]


def _records(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield where a line stands, and what it holds."""
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
        yield f"{path}:{number}", record if isinstance(record, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

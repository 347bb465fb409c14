"""The history of one family of models: the same benchmark, measured on its checkpoints or versions one after another.

A family is what a model is called without the date, version or step at its end: "gpt-4o-2024-08-06" and "gpt-4o" are
of one family, so are "hf/out/checkpoint-100" and "hf/out/checkpoint-200", and so is one model measured twice. Of a
replayed file the ending does not count. Sizes are not versions: "coder-7b" and "coder-14b" are two families.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sparkgap.report.charts import Point
from sparkgap.report.comparison import Column, Comparison, Row
from sparkgap.report.plaintext import one_line

_ENDING = re.compile(
    r"[-_/.@: ]*(?:"
    r"(?:checkpoint|ckpt|step|epoch|iter|iteration|global_step)[-_ ]?\d+"  # of a training run
    r"|20\d\d-?[01]\d(?:-?[0-3]\d)?"  # a date
    r"|v\d+(?:\.\d+)*"  # a version
    r"|latest|preview)$",
    re.IGNORECASE,
)
_FILE = re.compile(r"(?<=.)\.(?:jsonl|json|eval)(?:\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class History:
    """One family on one benchmark, by time of measurement; at least two points."""

    family: str
    column: Column
    points: tuple[Point, ...]


def family(model: str) -> str:
    """Return the family that a model's name tells."""
    name = _FILE.sub("", model.strip())
    while (shorter := _ENDING.sub("", name)) not in (name, ""):
        name = shorter
    return name


def histories(comparison: Comparison) -> list[History]:
    """Return the history of every family that was measured at two moments or more, benchmark by benchmark."""
    families: dict[str, list[int]] = {}
    for place, row in enumerate(comparison.rows):
        if row.run is not None:
            families.setdefault(one_line(family(row.run.model), 200), []).append(place)
    found = [
        History(name, column, _points(column, comparison.rows, places))
        for name, places in families.items()
        for column in comparison.columns
    ]
    return [one for one in found if len({point.when for point in one.points}) > 1]


def _points(column: Column, rows: Sequence[Row], places: Sequence[int]) -> tuple[Point, ...]:
    found = []
    for place in places:
        cell, run = column.cells[place], rows[place].run
        if run is None or not _is_time(run.started) or cell is None or cell.value is None:
            continue
        low, high = (cell.value if bound is None else bound for bound in (cell.low, cell.high))
        found.append(Point(run.started, rows[place].name, cell.value, low, high))
    return tuple(sorted(found, key=lambda point: point.when))


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True

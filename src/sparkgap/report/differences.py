"""The first run of a report against every other row: differences on shared problems, and the verdict in words.

The numbers are those of `gap` with its defaults: paired where both were measured, corrected over the benchmarks of a
pair (Holm), and none at all where the two were not put to the same exam.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sparkgap import stats
from sparkgap.claims import Claim, Claimed
from sparkgap.compare.contrast import Contrast, contrast
from sparkgap.compare.words import number, verdict
from sparkgap.report.comparison import Column, Comparison
from sparkgap.report.plaintext import one_line
from sparkgap.results import BenchmarkResult


@dataclass(frozen=True, slots=True)
class Against:
    """The first row against one other.

    By column, `contrasts` are None where one side is missing or where `refusals` say why they must not be compared.
    """

    row: int
    contrasts: tuple[Contrast | None, ...]
    refusals: tuple[tuple[str, ...], ...]
    verdict: str


def differences(comparison: Comparison, claims: Sequence[Claimed]) -> list[Against]:
    """Return the first row against each other, `claims` being those of the last rows; nothing for one row alone."""
    found = []
    runs = len(comparison.rows) - len(claims)
    if not runs:
        return []
    for row in range(1, len(comparison.rows)):
        claimed = claims[row - runs] if row >= runs else None
        pairs = [_contrast(column, row, claimed) for column in comparison.columns]
        contrasts = _corrected([None if each is None or each.unlikeness.refusals else each for each in pairs])
        refusals = tuple(each.unlikeness.refusals if each is not None else () for each in pairs)
        names = [column.name for column, why in zip(comparison.columns, refusals, strict=True) if why]
        told = [each for each in contrasts if each is not None]
        if told or names:
            found.append(Against(row, tuple(contrasts), refusals, one_line(verdict(told, names), 600)))
    return found


def shown(each: Contrast) -> tuple[str, str]:
    """Return a difference and its interval as they are shown, the first row minus the other; "" for no interval."""
    told = f"{number(abs(each.difference), each.unit)}"
    sign = "+" if each.difference > 0 else "−" if each.difference < 0 else "±"
    if each.interval is None:
        return sign + told, ""
    low, high = (number(end, each.unit).replace("-", "−") for end in (each.interval.low, each.interval.high))
    return sign + told, f"{low} to {high}"


def _contrast(column: Column, row: int, claimed: Claimed | None) -> Contrast | None:
    ours, theirs = column.results[0], _other(column, row, claimed)
    if ours is None or theirs is None or column.cells[row] is None:
        return None
    return contrast(column.name, ours, theirs, ability=column.ability)


def _other(column: Column, row: int, claimed: Claimed | None) -> BenchmarkResult | Claim | None:
    return column.results[row] if claimed is None else claimed.claims.get(column.benchmark)


def _corrected(contrasts: Sequence[Contrast | None]) -> list[Contrast | None]:
    corrected = iter(stats.holm([each.p for each in contrasts if each is not None and each.p is not None]))
    return [
        replace(each, p_holm=next(corrected)) if each is not None and each.p is not None else each for each in contrasts
    ]

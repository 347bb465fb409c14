"""The verdict in words: behind or ahead at what, by how much and how surely, or not distinguishable."""

from __future__ import annotations

from collections.abc import Sequence

from sparkgap.claims import REPORTED
from sparkgap.compare.contrast import Contrast

CODE, GENERAL = "code", "general ability"


def verdict(contrasts: Sequence[Contrast], refused: Sequence[str] = ()) -> str:
    """Return one line on all benchmarks: code first, then everything else as general ability."""
    parts = []
    for group in (CODE, GENERAL):
        inside = [each for each in contrasts if (each.ability == "code") == (group == CODE)]
        if inside:
            parts.append(_group(group, inside))
    if refused:
        parts.append(f"not compared: {', '.join(refused)}")
    if any(each.reported for each in contrasts):
        parts.append("with figures that are " + REPORTED)
    return "; ".join(parts)


def points(difference: float, unit: str) -> str:
    """Return a difference with one decimal in what its unit counts, "17.1 points" or "0.4 of a rating"."""
    if unit == "share":
        return f"{100 * difference:.1f} points"
    return f"{difference:.2f} of the rating" if unit == "rating" else f"{difference:.1f} of the score"


def number(value: float, unit: str) -> str:
    """Return a figure as the field writes it: 72.3, 8.70."""
    # z: what rounds to nothing has no sign
    return f"{100 * value:z.1f}" if unit == "share" else f"{value:z.2f}" if unit == "rating" else f"{value:z.1f}"


def _group(group: str, contrasts: Sequence[Contrast]) -> str:
    at = f"at {CODE}" if group == CODE else f"on {GENERAL}"
    distinct = [each for each in contrasts if each.distinct]
    unknown = [each for each in contrasts if each.p is None]
    alike = [each for each in contrasts if not each.distinct and each.p is not None]
    said = []
    for way, sign in (("behind", -1), ("ahead", 1)):
        found = [each for each in distinct if each.difference * sign > 0]
        if found and len(contrasts) == 1:
            said.append(f"{way} {at} by {_far(found[0])}")
        elif found:
            said.append(f"{way} {at}: " + ", ".join(f"{each.name} by {_far(each, brackets=True)}" for each in found))
    if alike:
        said.append(f"{at} not distinguishable" if alike == contrasts else f"not distinguishable: {_names(alike)}")
    if unknown:
        said.append(f"not decided, since no spread is reported: {_names(unknown)}")
    return ", ".join(said)


def _far(each: Contrast, *, brackets: bool = False) -> str:
    told = points(abs(each.difference), each.unit)
    if each.interval is None:
        return told
    sign = 1 if each.difference > 0 else -1
    low, high = sorted((sign * each.interval.low, sign * each.interval.high))
    ends = f"95 % {number(low, each.unit)} to {number(high, each.unit)}"
    return f"{told} ({ends})" if brackets else f"{told}, {ends}"


def _names(contrasts: Sequence[Contrast]) -> str:
    return ", ".join(each.name for each in contrasts)

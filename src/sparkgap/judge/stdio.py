"""Whether a program's output is the expected one, as LiveCodeBench compares: by lines, then as decimal numbers."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation


def same_output(actual: str, expected: str) -> bool:
    """Return whether two outputs are the same.

    Both are stripped and split into lines; lines are stripped. Lines that differ as text must be equal as sequences of
    decimal numbers (`1.0` is `1`). The number of lines must agree: printing only the first line is not enough.

    Source: LiveCodeBench, `lcb_runner/evaluation/testing_util.py` (arXiv:2403.07974).
    """
    ours, theirs = actual.strip().split("\n"), expected.strip().split("\n")
    if len(ours) != len(theirs):
        return False
    return all(_same_line(a.strip(), b.strip()) for a, b in zip(ours, theirs, strict=True))


def _same_line(actual: str, expected: str) -> bool:
    if actual == expected:
        return True
    try:
        return [Decimal(word) for word in actual.split()] == [Decimal(word) for word in expected.split()]
    except (InvalidOperation, ValueError):  # a word that is no number, or one that cannot be compared
        return False

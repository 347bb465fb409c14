"""All that a set of tests asks of a program, where that is known beforehand.

A program can then be run by it alone, and examined when it has ended, together with others: two processes that take
turns for each program cost more than what they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sparkgap.judge import wire

_BATCH_BYTES, _LONGEST = 32768, 96 << 10


class Questionnaire(NamedTuple):
    """All that a set of tests asks, whatever the program answers."""

    wanted: Sequence[str]  # the names that the program must supply
    classes: Sequence[str]  # whose instances may cross
    rows: Sequence[tuple[bytes, int]]  # messages, each to be sent when all before are answered; answers due to each
    plain: bool  # the tests leave nothing behind in the process that runs them

    def fits(self) -> bool:
        """Whether each row fits into a socket that nobody reads yet."""
        return bool(self.rows) and all(len(message) < _LONGEST for message, _ in self.rows)


def batches(entry_point: str, inputs: Sequence[Sequence[Any]]) -> list[tuple[bytes, int]]:
    """Return inputs in batches small enough to write before any answer is read: messages, and inputs in each."""
    found: list[tuple[bytes, int]] = []
    batch: list[Sequence[Any]] = []
    size = 0
    for args in inputs:
        length = len(wire.dumps(args))
        if batch and size + length > _BATCH_BYTES:
            found.append((b"j" + wire.dumps(["calls", entry_point, batch]), len(batch)))
            batch, size = [], 0
        batch.append(args)
        size += length
    if batch:
        found.append((b"j" + wire.dumps(["calls", entry_point, batch]), len(batch)))
    return found

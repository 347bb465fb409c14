"""All that a set of tests asks of a program, where that is known beforehand.

A program can then be run by it alone, and examined when it has ended, together with others: two processes that take
turns for each program cost more than what they do.
"""

from __future__ import annotations

import marshal
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


def batches(
    entry_point: str, inputs: Sequence[Sequence[Any]], expected: Sequence[Any] | None
) -> list[tuple[bytes, int]]:
    """Return inputs as messages, with the number of inputs in each.

    A batch is small enough to be written before any answer is read. And none of its arguments is what is expected of
    an input before it in the same batch, or a program could answer by that (`foretelling.py`): whole arguments are
    looked at, not what they hold.

    Args:
        expected: the answers; None if they are to be recorded.

    Raises:
        ValueError: there are none, an input is no list of arguments, or not each has its answer.
    """
    if not inputs:
        raise ValueError("there is no input to try: they would prove nothing")
    if expected is not None and len(expected) != len(inputs):
        raise ValueError(f"{len(inputs)} inputs, but {len(expected)} expected outputs")
    head = b'j["calls",' + wire.dumps(entry_point) + b",["
    found: list[tuple[bytes, int]] = []
    batch: list[bytes] = []
    answers: set[Any] = set()
    size = 0
    for place, args in enumerate(inputs):
        if not isinstance(args, list | tuple):
            raise ValueError(f"input {place} is no list of arguments: {args!r:.80}")
        text = wire.dumps(args)
        if batch and (size + len(text) > _BATCH_BYTES or not answers.isdisjoint(map(_blurred, args))):
            found.append((head + b",".join(batch) + b"]]", len(batch)))
            batch, size = [], 0
            answers.clear()
        batch.append(text)
        size += len(text)
        if expected is not None:
            answer = _blurred(expected[place])
            if answer not in _GUESSED:
                answers.add(answer)
    if batch:
        found.append((head + b",".join(batch) + b"]]", len(batch)))
    return found


def _blurred(value: Any) -> Any:
    """Return the same for values that tests may take for each other: 1 and 1.0, a list and a tuple."""
    if value is None or isinstance(value, int | float | str):
        return value
    try:
        return marshal.dumps(value, 2).replace(b"(", b"[")  # far faster than `repr`, and of integers of any length
    except ValueError:
        return repr(value)


_GUESSED = {None, True, False, "", *map(_blurred, ([], {}, set()))}  # True is 1 here, and False 0

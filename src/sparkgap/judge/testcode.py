"""Compiled tests, as they go from the worker that prepared them to the examiners that run them."""

from __future__ import annotations

import marshal
from types import CodeType
from typing import Any, NamedTuple

LEFT, RIGHT, COUNT, MISS = "_sparkgap_left", "_sparkgap_right", "_sparkgap_count", "_sparkgap_miss"
TESTS = "<tests>"
PRELUDE = "<prelude>"


class TestCode(NamedTuple):
    """Compiled tests. `total` is the number of asserts, None where loops decide how many will run."""

    prelude: CodeType
    code: CodeType
    source: str
    wanted: frozenset[str]  # names to look up in the candidate's program
    classes: frozenset[str]  # classes that the prelude defines
    total: int | None
    operators: dict[int, str]  # line of an assert -> its comparison
    buffers: bool  # they may pass byte arrays and the like, which only the slower way of sending keeps apart
    passes_sets: bool  # they may pass a set, whose order the candidate then sees
    foretold: tuple[bytes, ...] | None  # all calls that they make, see `packed`; None where that is not certain

    def pack(self) -> bytes:
        """Return the tests as bytes for another process of this same interpreter."""
        return marshal.dumps(tuple(self))

    @staticmethod
    def unpack(packed: bytes) -> TestCode:
        """Read what `pack` wrote; only ever given bytes of our own."""
        return TestCode(*marshal.loads(packed))  # noqa: S302


def packed(name: str, args: Any) -> bytes:
    """Return a call as bytes that are the same for the same call alone.

    Marshal's version 2 depends on values, not on identity.

    Raises:
        ValueError: an argument that marshal does not know.
    """
    return marshal.dumps((name, args), 2)


def used_names(code: CodeType) -> set[str]:
    """Return the names that code may take from elsewhere (attributes' names among them)."""
    used = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            used |= used_names(constant)
    return used

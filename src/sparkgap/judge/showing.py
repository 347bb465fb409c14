"""Short texts of plain values, for a person to read in a verdict."""

from __future__ import annotations

import reprlib
from typing import Any

from sparkgap.judge.link import Handle

MOST = 400


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 120
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = self.maxdeque = 20
        self.maxlevel = 4

    def repr_int(self, x: int, level: int) -> str:
        """Show a number too long for decimal by its size; Python refuses to convert it."""
        if x.bit_length() > 4000:
            return f"<an integer of {x.bit_length():,} bits>"
        return super().repr_int(x, level)

    def repr_Handle(self, x: Handle, level: int) -> str:
        """Show an object of the candidate's without asking it."""
        return x.described()


_short = _Short()


def shown(value: Any) -> str:
    """Return a short repr of a plain value; whatever the value, this does not raise."""
    try:
        return _short.repr(value)[:MOST]
    except Exception as error:
        return f"<a {type(value).__name__} that cannot be shown: {type(error).__name__}>"

"""Answers as text, so that they compare as values do: True is 1, 2.0 is 2, sets and dicts have no order.

The source of `__sparkgap_told` is put beside functions that are asked in the jail, too; it stands alone.
"""

from __future__ import annotations

import inspect
from typing import Any


def __sparkgap_told(value: Any, depth: int = 0) -> str:
    """Return a plain value as text; what can be gone through once as a list, matches of `re` as such.

    Raises:
        TypeError: it is another object, or holds one.
        ValueError: it is nested too deeply.
    """
    if depth > 6:
        raise ValueError
    if value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, (bool, int)):
        return str(int(value)) if -(1 << 4096) < value < 1 << 4096 else hex(value)
    if isinstance(value, float):
        return str(int(value)) if abs(value) < 1e15 and value == int(value) else f"{value:.6g}"
    if isinstance(value, complex):
        return f"{value.real:.6g}{value.imag:+.6g}j"
    if isinstance(value, dict):
        pairs = (__sparkgap_told(k, depth + 1) + ":" + __sparkgap_told(v, depth + 1) for k, v in value.items())
        return "{" + ",".join(sorted(pairs)) + "}"
    if hasattr(value, "__next__"):
        value = [each for each, _ in zip(value, range(1000))]  # noqa: B905  # what is longer is cut
    if not isinstance(value, (list, tuple, set, frozenset)):
        if type(value).__name__ != "Match":
            raise TypeError
        return "<Match>"
    inner = [__sparkgap_told(each, depth + 1) for each in value]
    if isinstance(value, list):
        return "[" + ",".join(inner) + "]"
    return "(" + ",".join(inner) + ")" if isinstance(value, tuple) else "{" + ",".join(sorted(inner)) + "}"


told = __sparkgap_told
SOURCE = "from typing import Any\n" + inspect.getsource(__sparkgap_told)

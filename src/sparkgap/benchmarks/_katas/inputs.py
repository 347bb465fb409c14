"""Values to try katas on: edge cases and random ones of each kind.

Texts are ASCII, numbers small: what a composition makes of them stays small as well.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

from sparkgap.benchmarks._katas.catalogue import Kind, Value

_WORDS = (
    "a", "at", "tea", "ape", "oak", "echo", "Otto", "level", "banana", "Tree", "moon", "eel", "data7", "x1", "stone",
    "bee", "QUIET", "ox", "letter", "ocean", "Zebra", "9", "42nd", "tt", "apple",
)  # fmt: skip
_LETTERS = "aaabcdeeefghiklmnoooprsttuAEOBT"
_KEYS = ("a", "b", "c", "d", "ab", "cat", "dog", "e", "tea", "key")
_EDGES: dict[Kind, tuple[Value, ...]] = {
    "n": (0, 1, -1, 10, 9, 100, -12, 7),
    "s": ("", "a", "  two  words ", "AbBa", "1 2 33", "hello world"),
    "l": ([], [0], [5], [-3, 4], [2, 2, 2], [1, 2, 3, 4, 5]),
    "w": ([], [""], ["a"], ["b", "a", "b"], ["Tea", "at", "ten", "to"]),
    "d": ({}, {"a": 1}, {"b": 2, "a": 2}, {"cat": 0, "d": -3, "c": 5}),
}


def edges(kind: Kind) -> tuple[Value, ...]:
    """Return the edge cases of a kind; the first is the empty one."""
    return _EDGES[kind]


def drawn_value(rng: random.Random, kind: Kind, near: Sequence[int] = ()) -> Value:
    """Return a random value. `near` are numbers at or beside which something may change: they come up more often."""
    if kind == "n":
        return _number(rng, near)
    if kind == "s":
        text = _text(rng)
        return text[: _size(rng, len(text), near)]
    if kind == "w":
        return [_word(rng) for _ in range(_size(rng, rng.randint(1, 7), near))]
    if kind == "l":
        return _numbers(rng, near)
    keys = rng.sample(_KEYS, min(_size(rng, rng.randint(1, 6), near), len(_KEYS)))
    return dict(zip(keys, _numbers(rng, near, len(keys)), strict=True))


def _size(rng: random.Random, usual: int, near: Sequence[int]) -> int:
    """Return a size: the usual one, or now and then one at which something may change."""
    if near and rng.random() < 0.3:
        return min(max(rng.choice(near) + rng.randint(-1, 1), 1), 12)
    return usual


def _number(rng: random.Random, near: Sequence[int]) -> int:
    style = rng.randrange(5)
    if near and style == 0:
        return rng.choice(near) + rng.randint(-1, 1)
    return rng.randint(-30, 40) if style < 3 else rng.randint(10, 400) if style == 3 else rng.randint(-5000, 20000)


def _numbers(rng: random.Random, near: Sequence[int], size: int | None = None) -> list[int]:
    size = _size(rng, rng.randint(1, 9), near) if size is None else size
    most = rng.choice((4, 10, 30))
    found = [rng.randint(-most // 2, most) for _ in range(size)]
    for place in range(size):
        if near and rng.random() < 0.25:
            found[place] = rng.choice(near) + rng.randint(-1, 1)
        elif place and rng.random() < 0.2:
            found[place] = found[place - 1]
    return found


def _text(rng: random.Random) -> str:
    style = rng.randrange(4)
    if style == 0:
        return "".join(rng.choice(_LETTERS) * rng.choice((1, 1, 2, 3)) for _ in range(rng.randint(1, 7)))
    if style == 1:
        return "".join(rng.choice(_LETTERS + "0123 ") for _ in range(rng.randint(3, 14)))
    words = (_word(rng) for _ in range(rng.randint(1, 4)))
    return (" " * rng.randint(1, 2)).join(words) + rng.choice(("", "", " ", "!"))


def _word(rng: random.Random) -> str:
    return rng.choice(_WORDS) if rng.random() < 0.7 else "".join(rng.choice(_LETTERS) for _ in range(rng.randint(1, 6)))


@cache
def probes(kind: Kind) -> tuple[Any, ...]:
    """Return the fixed values that compositions are told apart by."""
    rng = random.Random(f"sparkgap katas, probes {kind}")  # noqa: S311
    return (*edges(kind), *(drawn_value(rng, kind, (2, 3, 5)) for _ in range(24)))

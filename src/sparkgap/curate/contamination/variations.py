"""Variations of calls: arguments a little different from a benchmark's own, the same ones each time.

They tell functions apart that a benchmark's few tests do not: numbers a little larger, texts and lists with an item
more, less, doubled, or in another place, arguments that have to do with each other; always of the same types.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

_MARKS = "-_.,&'\"/\\%+ß"  # what a function for paths, addresses or quoted text treats in a way of its own


def variations(calls: Sequence[tuple[Any, ...]], count: int) -> list[tuple[Any, ...]]:
    """Return up to `count` different calls that are variations of some."""
    chance = random.Random(repr(calls))  # noqa: S311  # no secret: the same variations every time are what is wanted
    known = {repr(call) for call in calls}
    found: list[tuple[Any, ...]] = []
    for turn in range(4 * count):
        call = list(calls[turn % len(calls)])
        for _ in range(1 + turn % 2):
            place = chance.randrange(len(call))
            call[place] = _related(call, place, chance) if turn % 4 == 3 else _varied(call[place], chance)
        told = repr(tuple(call))
        if told not in known and len(told) < 1000:
            known.add(told)
            found.append(tuple(call))
        if len(found) == count:
            break
    return found


def _related(call: list[Any], place: int, chance: random.Random) -> Any:
    """Return an argument that has to do with another one: a piece of it, it with that piece before it, its item."""
    value = call[place]
    others = [each for at, each in enumerate(call) if at != place and isinstance(each, str | list | tuple) and each]
    if not others:
        return _varied(value, chance)
    other: Any = chance.choice(others)
    start = chance.choice((0, chance.randrange(len(other))))
    piece = other[start : start + chance.randint(1, 3)]
    if type(value) is type(other):
        return chance.choice((piece, other, piece + value, value + piece))
    if not isinstance(value, bool) and type(piece[0]) is type(value):
        return piece[0]
    return _varied(value, chance)


def _varied(value: Any, chance: random.Random) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return (
                max(0, value + chance.choice((-3, -2, -1, 1, 2, 3, 5)))
                if value >= 0
                else value + chance.choice((-2, 1))
            )
        case float():
            return round(value + chance.choice((-1.5, -0.5, 0.25, 1.0, 2.5)), 4)
        case str():
            return "".join(_sequence(list(value), chance, lambda letter: _letter(letter, chance)))
        case list() | tuple() | set() | frozenset() | dict():
            return _collection(value, chance)
    return value


def _collection(value: Any, chance: random.Random) -> Any:
    if isinstance(value, list):
        return _sequence(value, chance, lambda item: _varied(item, chance))
    if isinstance(value, tuple):
        mixed = chance.sample(value, len(value))
        return tuple(_varied(item, chance) if not place or chance.random() < 0.3 else item
                     for place, item in enumerate(mixed))  # fmt: skip
    if isinstance(value, dict):
        key = chance.choice(sorted(value, key=repr)) if value else None
        return {**value, key: _varied(value[key], chance)} if value else value
    return type(value)(_sequence(sorted(value, key=repr), chance, lambda item: _varied(item, chance)))


def _sequence(items: list[Any], chance: random.Random, change: Any) -> list[Any]:
    if not items:
        return items
    place = chance.randrange(len(items))
    match chance.randrange(5):
        case 0:
            return [*items[:place], *items[place + 1 :]]
        case 1:
            return [*items[:place], items[place], *items[place:]]
        case 2:
            other = chance.randrange(len(items))
            swapped = list(items)
            swapped[place], swapped[other] = swapped[other], swapped[place]
            return swapped
    return [*items[:place], change(items[place]), *items[place + 1 :]]


def _letter(letter: str, chance: random.Random) -> str:
    if letter.isdigit():
        return chance.choice("0123456789")
    if letter in "()[]{}<>":
        return chance.choice("()" if letter in "()" else "[]" if letter in "[]" else "{}" if letter in "{}" else "<>")
    if letter.isalpha() and chance.random() < 0.25:
        return chance.choice(_MARKS)
    if letter.isalpha():
        return letter.swapcase() if chance.random() < 0.3 else chance.choice("abcdexyzAEZ")  # vowels and not
    return chance.choice((letter, " ", letter + letter, chance.choice(_MARKS)))

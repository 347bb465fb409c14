"""Oracles: whether an answer is the expected one, on plain values alone.

The rules are those of EvalPlus 0.3.1 (`evalplus/eval/__init__.py`, `_special_oracle.py`; arXiv:2305.01210), restated
without numpy: exact equality, else for floats (or where the problem sets a tolerance) `np.allclose` with rtol 1e-7
after the same check of type and length; and the special rules of the few problems with more than one right answer.
Pure standard library: the examiner imports it without site-packages.

Where it is not EvalPlus to the letter:
- EvalPlus keeps the tolerance that one float answer switched on for the problem's later inputs, so that an
  integer may then be off by one part in ten million. Here every comparison stands alone.
- `np.allclose` of an empty array with a full one is True, so `[[]]` would stand for any one-number list. Here it is
  False.
- Of the containers only lists, tuples and ranges count as arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

RTOL = 1e-7
FLOAT_ATOL = 1e-6  # where the problem sets none and the expected answer is floats
MAX_DEPTH = 64  # of nested sequences; numpy's own bound
MAX_BROADCAST = 1_000_000  # pairs compared when shapes differ; an honest answer has a handful


def compare(oracle: str, args: tuple[Any, ...], actual: Any, expected: Any, atol: float) -> bool:
    """Return whether `actual` is a right answer to the call with `args`.

    `oracle` is one of `ORACLES`. `expected` is what `expectation` kept of the reference's answer. `atol` is the
    problem's absolute tolerance, 0 where it sets none. Never raises on account of a value: what cannot be compared
    is not equal.

    Raises:
        ValueError: there is no oracle of that name.
    """
    rule = _RULES.get(oracle)
    if rule is None:
        raise ValueError(f"no oracle {oracle!r}; there are {', '.join(ORACLES)}")
    try:
        if rule(args, actual, expected, atol):
            return True
        return oracle not in _FINAL and _within_tolerance(actual, expected, atol)
    except Exception:  # a hostile value: too deep, too large, a signalling nan
        return False


def expectation(oracle: str, answer: Any) -> Any:
    """Return what `oracle` compares with, given the reference's answer.

    That is the answer itself, save for "not_none", whose answers (regex matches) have no plain form: a bool.
    """
    return answer is not None if oracle == "not_none" else answer


def _equal(args: tuple[Any, ...], actual: Any, expected: Any, atol: float) -> bool:
    return bool(actual == expected)


def _same_set(args: tuple[Any, ...], actual: Any, expected: Any, atol: float) -> bool:
    # Looked up in the trusted set, never gathered into one: keys made to collide would cost quadratic time.
    wanted = set(expected)
    seen = set()
    for item in actual:
        if not _hashes_safely(item) or item not in wanted:
            return False
        seen.add(item)
    return len(seen) == len(wanted)


def _hashes_safely(item: Any) -> bool:
    """Return whether a tuple is shallow enough to hash: CPython hashes nested ones without counting its depth."""
    level = [item]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level if isinstance(outer, tuple) for inner in outer]
        if not level:
            return True
    return False


def _not_none(args: tuple[Any, ...], actual: Any, expected: Any, atol: float) -> bool:
    wanted = expected if isinstance(expected, bool) else expected is not None
    return wanted is (actual if isinstance(actual, bool) else actual is not None)


def _poly_zero(args: tuple[Any, ...], actual: Any, expected: Any, atol: float) -> bool:
    """HumanEval/32: any root of the polynomial whose coefficients are the first argument, lowest power first."""
    value = sum(coefficient * math.pow(actual, power) for power, coefficient in enumerate(args[0]))
    return bool(abs(value) <= atol)


def _anything(args: tuple[Any, ...], actual: Any, expected: Any, atol: float) -> bool:
    """Mbpp/164: EvalPlus takes every answer that comes back."""
    return True


def _equal_or_zero(args: tuple[Any, ...], actual: Any, expected: Any, atol: float) -> bool:
    """Mbpp/295: EvalPlus takes 0 as well."""
    return actual == 0 or bool(actual == expected)


def _digit_distance(args: tuple[Any, ...], actual: Any, expected: Any, atol: float) -> bool:
    """Mbpp/558: numbers of different lengths may be cut to the shorter one or padded with zeros to the longer."""
    if actual == expected:
        return True
    first, second = map(str, args)
    width = max(len(first), len(second))
    pairs = zip(first.zfill(width), second.zfill(width), strict=True)
    return bool(actual == sum(abs(int(a) - int(b)) for a, b in pairs))


def _pyramid_area(args: tuple[Any, ...], actual: Any, expected: Any, atol: float) -> bool:
    """Mbpp/581: the height may be the slant height, or the one from base to apex (its surface rounded)."""
    if actual == expected:
        return True
    edge, height = args
    slant = math.sqrt((edge / 2) ** 2 + height**2)
    return bool(abs(actual - round(edge**2 + 4 * (edge * slant) / 2)) <= atol)


_Rule = Callable[[tuple[Any, ...], Any, Any, float], bool]
_RULES: dict[str, _Rule] = {
    "equal": _equal,
    "set": _same_set,
    "not_none": _not_none,
    "poly_zero": _poly_zero,
    "anything": _anything,
    "equal_or_zero": _equal_or_zero,
    "digit_distance": _digit_distance,
    "pyramid_area": _pyramid_area,
}
_FINAL = frozenset({"poly_zero"})  # their rule holds its own tolerance
ORACLES: tuple[str, ...] = tuple(_RULES)


def _within_tolerance(actual: Any, expected: Any, atol: float) -> bool:
    """Apply the tolerance, where there is one: same type, same length, all close."""
    if atol == 0:
        if not _is_floats(expected):
            return False
        atol = FLOAT_ATOL
    if type(actual) is not type(expected):
        return False
    if isinstance(expected, (list, tuple)) and len(actual) != len(expected):
        return False
    return _all_close(actual, expected, atol)


def _is_floats(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def _all_close(actual: Any, expected: Any, atol: float) -> bool:
    """Return |actual - expected| <= atol + rtol |expected| everywhere, shapes broadcast (numpy's `allclose`)."""
    shape, leaves = _array(actual)
    wanted_shape, wanted = _array(expected)
    numbers = [_inexact(leaf, scalar=not wanted_shape) for leaf in wanted]
    if shape == wanted_shape:
        return all(map(_near, leaves, numbers, [atol] * len(numbers)))
    indexes, other_indexes = _broadcast(shape, wanted_shape)
    return all(_near(leaves[i], numbers[j], atol) for i, j in zip(indexes, other_indexes, strict=True))


def _near(actual: Any, expected: float | complex, atol: float) -> bool:
    gap = _modulus(actual - expected)
    finite = math.isfinite(expected.real) and math.isfinite(expected.imag)
    return bool((finite and gap <= atol + RTOL * _modulus(expected)) or actual == expected)


def _modulus(number: Any) -> Any:
    return math.hypot(number.real, number.imag) if isinstance(number, complex) else abs(number)


def _inexact(leaf: Any, scalar: bool) -> float | complex:
    """Return an expected number as numpy compares it; one that numpy has no number type for raises."""
    if type(leaf) in (float, complex):
        return leaf  # type: ignore[no-any-return]
    if type(leaf) not in (int, bool) or not (scalar or -(2**63) <= leaf < 2**64):
        raise TypeError("not a number that an array holds")
    return float(leaf)


def _array(value: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Return nested sequences as a shape and the leaves in order; ragged ones raise."""
    shape: list[int] = []
    level = [value]
    while level and any(isinstance(item, (list, tuple, range)) for item in level):
        widths = {len(item) if isinstance(item, (list, tuple, range)) else -1 for item in level}
        if len(widths) > 1 or len(shape) == MAX_DEPTH:
            raise ValueError("not an array")
        shape.append(widths.pop())
        level = [leaf for item in level for leaf in item]
    return tuple(shape), level


def _broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Return, for each pair that numpy's broadcasting makes of two shapes, the index of its leaf on either side."""
    depth = max(len(left), len(right))
    left, right = ((1,) * (depth - len(shape)) + shape for shape in (left, right))
    if any(a not in (b, 1) and b != 1 for a, b in zip(left, right, strict=True)):
        raise ValueError("shapes differ")
    size = math.prod(max(pair) for pair in zip(left, right, strict=True))
    if not 0 < size <= MAX_BROADCAST or 0 in left + right:
        raise ValueError("nothing to compare, or too much")
    indexes, other_indexes = [0], [0]
    for a, b in zip(left, right, strict=True):
        width = max(a, b)
        indexes = [i * a + (n if a > 1 else 0) for i in indexes for n in range(width)]
        other_indexes = [j * b + (n if b > 1 else 0) for j in other_indexes for n in range(width)]
    return indexes, other_indexes

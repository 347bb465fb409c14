"""The oracles against EvalPlus' published rule, restated here with numpy, and against hostile values."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparkgap.judge import oracles
from sparkgap.judge.oracles import ORACLES, compare, expectation

BIG = [2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30, 10**308, 10**400]


def evalplus_equal(actual: Any, expected: Any, atol: float) -> bool:
    """EvalPlus 0.3.1's rule for one input of a problem without a special oracle."""

    def is_floats(value: Any) -> bool:
        if isinstance(value, (list, tuple)) and value:
            return all(isinstance(item, float) for item in value)
        return isinstance(value, float)

    try:
        exact = actual == expected
        if atol == 0 and is_floats(expected):
            atol = 1e-6
        if exact or atol == 0:
            return bool(exact)
        if type(actual) is not type(expected):
            return False
        if isinstance(expected, (list, tuple)) and len(actual) != len(expected):
            return False
        with np.errstate(all="ignore"):
            return bool(np.allclose(actual, expected, rtol=1e-07, atol=atol))
    except Exception:
        return False


def is_empty_against_full(actual: Any, expected: Any) -> bool:
    """Whether numpy would compare no pair at all: the one place where ours says no and EvalPlus yes."""
    try:
        shapes = np.shape(actual), np.shape(expected)
        return shapes[0] != shapes[1] and 0 in np.broadcast_shapes(*shapes)
    except ValueError:
        return False


numbers = st.one_of(
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([0.0, -0.0, 1.0, 1e-7, 1 + 1e-7, 1 + 9e-7, 1 + 1e-5, 1e300, math.inf, -math.inf, math.nan]),
    st.floats(width=32),
    st.sampled_from(BIG),
    st.sampled_from([1j, 1 + 1e-8j, complex(math.nan, 1), complex(math.inf, 0)]),
)
leaves = numbers | st.sampled_from([None, "", "1", b"1", Fraction(1, 3), Decimal("0.1"), frozenset(), range(2)])


def nested(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        of, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple), max_leaves=8
    )


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two values that are often nearly alike, since two random ones never are."""
    expected = draw(nested(numbers) | nested(leaves))

    def shift(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(shift(item) for item in value)
        if isinstance(value, (int, float, complex)) and draw(st.booleans()):
            move = draw(st.sampled_from([0, 0.0, 1e-8, 9e-7, 2e-6, 1e-4, 0j, 1e-7j, True]))
            try:
                return value + move
            except OverflowError:
                return value
        if value is not expected and draw(st.integers(0, 9)) == 0:
            return [value]
        return value

    return shift(expected), expected


@settings(max_examples=200, deadline=None)
@given(pair=neighbours(), atol=st.sampled_from([0, 0, 1e-6, 1e-4]))
@example(pair=([2**63, -1], [2.0**63, -1.0]), atol=0)
@example(pair=([10**30], [1e30]), atol=0)
@example(pair=([[1.0], [2.0]], [1.0, 2.0]), atol=0)
@example(pair=([[1.0], [1.0]], [1.0, 1.0]), atol=0)
@example(pair=([[1.0, 1.0]], [1.0]), atol=0)
@example(pair=([2**64], [2**64 + 1]), atol=1e-6)
@example(pair=(10**20, 10**20 + 1), atol=1e-6)
@example(pair=(10**400 + 1, 10**400), atol=1e-6)
@example(pair=([1 + 1e-8j, 1], [1.0, 1]), atol=1e-6)
@example(pair=([Fraction(1, 3)], [1 / 3]), atol=0)
@example(pair=([Decimal(1) / 3], [1 / 3]), atol=0)
@example(pair=([], [[]]), atol=1e-6)
def test_equal_gives_evalplus_verdict(pair: tuple[Any, Any], atol: float) -> None:
    actual, expected = pair
    wanted = evalplus_equal(actual, expected, atol) and not is_empty_against_full(actual, expected)
    assert compare("equal", (), actual, expected, atol) is wanted


@settings(max_examples=250, deadline=None)
@given(actual=nested(leaves), expected=nested(leaves), atol=st.sampled_from([0, 1e-6]))
def test_unrelated_values_get_evalplus_verdict(actual: Any, expected: Any, atol: float) -> None:
    wanted = evalplus_equal(actual, expected, atol) and not is_empty_against_full(actual, expected)
    assert compare("equal", (), actual, expected, atol) is wanted


shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)


@settings(max_examples=300, deadline=None)
@given(left=shapes, right=shapes, odd=st.none() | st.integers(0, 26))
def test_shapes_broadcast_as_numpy_does(left: tuple[int, ...], right: tuple[int, ...], odd: int | None) -> None:
    actual, expected = np.ones(left), np.ones(right)
    if odd is not None:
        actual.flat[odd % actual.size] = 2.0
        expected.flat[odd % expected.size] = 2.0
    pair = actual.tolist(), expected.tolist()
    assert compare("equal", (), *pair, 1e-6) is evalplus_equal(*pair, 1e-6)


def test_tolerances_are_evalplus() -> None:
    assert compare("equal", (), 1.0000009, 1.0, 0)
    assert not compare("equal", (), 1.0000021, 1.0, 0)
    assert compare("equal", (), 1e12 + 1e4, 1e12, 0)
    assert compare("equal", (), [1.0, 2.0000001], [1.0, 2.0], 0)
    assert not compare("equal", (), [[1.0000001]], [[1.0]], 0), "nested floats are exact unless a tolerance is set"
    assert compare("equal", (), [[1.0000001]], [[1.0]], 1e-6)
    assert not compare("equal", (), (1.0000001,), [1.0], 1e-6)
    assert not compare("equal", (), 1, 1.0000001, 0), "an int is not a float unless they are equal"
    assert compare("equal", (), 1, 1.0, 0)
    assert compare("equal", (), True, 1, 0)


def test_int_is_exact_after_a_float_of_the_same_problem() -> None:
    assert compare("equal", (), 0.5 + 1e-9, 0.5, 0)
    assert not compare("equal", (), 10**9 + 1, 10**9, 0)


@pytest.mark.parametrize("empty", [[[]], [[[]]], [()], [range(0)]])
def test_empty_answer_does_not_stand_for_a_number(empty: list[Any]) -> None:
    assert evalplus_equal(empty, [3.5], 0), "the hole that is closed here"
    assert not compare("equal", (), empty, [3.5], 0)


@pytest.mark.parametrize(
    ("actual", "expected", "verdict"),
    [
        ((4, 5), (5, 4), True),
        ([4, 4, 5], (5, 4), True),
        ({4, 5}, [4, 5], True),
        ((4,), (4, 5), False),
        ((4, 5, 6), (4, 5), False),
        ([], (), True),
        (5, (5,), False),
        ([[4]], [4], False),
        ("ab", ["a", "b"], True),
        (None, [], False),
        ([0.1 + 0.2], [0.3], True),
        ((0.1 + 0.2, 1.0), [0.3, 1.0], False),
    ],
)
def test_set(actual: Any, expected: Any, verdict: bool) -> None:
    assert compare("set", (), actual, expected, 0) is verdict


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 4) | st.sampled_from(["a", 1.0, (1, 2)])), st.lists(st.integers(0, 4)))
def test_set_is_set_equality(actual: list[Any], expected: list[int]) -> None:
    assert compare("set", (), actual, expected, 0) is (set(actual) == set(expected))


@pytest.mark.parametrize(
    ("actual", "reference", "verdict"),
    [
        ("a match", "another match", True),
        (None, None, True),
        (None, "a match", False),
        ("a match", None, False),
        (True, "a match", True),
        (False, "a match", False),
        (False, None, True),
        (0, "a match", True),
    ],
)
def test_not_none(actual: Any, reference: Any, verdict: bool) -> None:
    assert compare("not_none", (), actual, expectation("not_none", reference), 0) is verdict


def test_expectation_keeps_every_other_answer() -> None:
    answer = [1.5]
    assert all(expectation(oracle, answer) is answer for oracle in ORACLES if oracle != "not_none")
    assert expectation("not_none", answer) is True


@pytest.mark.parametrize(
    ("coefficients", "root", "verdict"),
    [
        ([1, 2], -0.5, True),
        ([1, 2], -0.50006, False),
        ([-6, 11, -6, 1], 1.0, True),
        ([-6, 11, -6, 1], 2, True),
        ([-6, 11, -6, 1], 3.0, True),
        ([-6, 11, -6, 1], 1.5, False),
        ([1, 2], math.nan, False),
        ([1, 2], math.inf, False),
        ([1, 2], "-0.5", False),
        ([1, 2], None, False),
        ([1, 2], [-0.5], False),
        ([1, 2], complex(-0.5, 0), False),
        ([1, 2], 10**400, False),
    ],
)
def test_poly_zero(coefficients: list[int], root: Any, verdict: bool) -> None:
    assert compare("poly_zero", (coefficients,), root, -0.25, 1e-4) is verdict


def test_poly_zero_takes_no_tolerance_from_the_expected_root() -> None:
    assert not compare("poly_zero", ([1, 2 * 10**6],), 0.0, -5e-7, 1e-4)


@pytest.mark.parametrize("answer", [None, False, "no", 17])
def test_anything(answer: Any) -> None:
    assert compare("anything", (36, 57), answer, False, 0)


def test_equal_or_zero() -> None:
    assert [compare("equal_or_zero", (8,), answer, 7, 0) for answer in (7, 0, 0.0, False, 8, None, "0")] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip


def test_digit_distance() -> None:
    cut, padded = 4 + 7, 1 + 2 + 3 + 4 + 4
    assert compare("digit_distance", (12345, 9), padded, 8, 0)
    assert compare("digit_distance", (12345, 9), 8, 8, 0)
    assert not compare("digit_distance", (12345, 9), cut, 8, 0)
    assert compare("digit_distance", (123, 256), 7, 7, 0)
    assert not compare("digit_distance", (-1, 2), 3, 1, 0), "no digit stands for a sign"
    assert compare("digit_distance", (-1, 2), 1, 1, 0)


def test_pyramid_area() -> None:
    upright = round(9 + 2 * 3 * math.sqrt(1.5**2 + 16))
    assert compare("pyramid_area", (3, 4), 33, 33, 0)
    assert upright == 35
    assert compare("pyramid_area", (3, 4), 35, 33, 0)
    assert compare("pyramid_area", (3, 4), 35.0, 33, 0)
    assert not compare("pyramid_area", (3, 4), 34, 33, 0)
    assert not compare("pyramid_area", (3, 4), math.nan, 33, 0)
    assert not compare("pyramid_area", (3, 4), "35", 33, 0)


def deep(kind: type, levels: int = 100_000) -> Any:
    value = kind()
    for _ in range(levels):
        value = kind([value])
    return value


HOSTILE: list[Any] = [
    None, math.nan, math.inf, -0.0, 10**5000, -(10**400), Decimal("sNaN"), Decimal("Infinity"), Fraction(1, 3), "x",
    b"\xff", bytearray(b"1"), range(10**18), range(-1), {1: 2}, {math.nan}, frozenset({()}), ..., NotImplemented, int,
    [[]], [[1], 2], [[1, 2], [3]], [None], [10**400], [math.nan], (1j,), {"a": [1]}.items(), iter([1.0]),
]  # fmt: skip


@pytest.mark.parametrize("oracle", ORACLES)
def test_no_value_raises(oracle: str) -> None:
    for actual in [*HOSTILE, deep(list), deep(tuple), [deep(tuple)]]:
        for expected in [1.5, [1.5], ["a"], (1, 2), 33, True, None, {"a": 1}]:
            for atol in (0, 1e-4):
                verdict = compare(oracle, ([1, 2], 4), actual, expected, atol)
                assert isinstance(verdict, bool)
                if oracle == "equal":
                    assert verdict is (actual is expected), (actual, expected)


def test_shapes_that_would_multiply_are_refused() -> None:
    actual = [[[1.0] for _ in range(1000)] for _ in range(1100)]
    assert not compare("equal", (), actual, [1.0] * 1100, 1e-6)


def test_colliding_keys_cost_no_quadratic_time() -> None:
    modulus = sys.hash_info.modulus
    actual = [modulus * n for n in range(1, 200_000)]
    assert len({hash(n) for n in actual}) == 1
    assert not compare("set", (), actual, [1, 2], 0), "decided at the first item, before any is stored"


def test_unknown_oracle_is_named() -> None:
    with pytest.raises(ValueError, match="no oracle 'nearly'; there are equal, set"):
        compare("nearly", (), 1, 1, 0)


def test_needs_nothing_but_the_standard_library() -> None:
    program = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('oracles', {oracles.__file__!r})\n"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "assert module.compare('equal', (), [0.1 + 0.2], [0.3], 0)\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('numpy', 'sparkgap', 'site')]\n"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=60)

"""References: run once, kept exactly, and never trusted when they fail."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.judge import Judge
from sparkgap.references import (
    CEILING_S,
    FLOOR_S,
    SLOW_FACTOR,
    allowed_cpu_s,
    fingerprint,
    prepared,
    processor,
    references,
)
from sparkgap.types import CodeTests, InputTests, Limits, Problem, Program

SQUARE = Problem(
    "t/1", "t", "", "def f(x):\n    return {x, x * x}\n",
    InputTests("f", ((2,), (3,), (-1.5,)), None), entry_point="f",
)  # fmt: skip
CHECKED = Problem("t/2", "t", "", "def g():\n    return 7\n", CodeTests("assert g() == 7\nassert g() > 6"), "g")


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(1) as judge:
        yield judge


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path))
    return tmp_path / "references"


class Unwilling:
    """Stands for a judge where none may be asked."""

    def stream(self, programs: Any) -> Iterator[Any]:
        for program in programs:
            raise AssertionError(f"was asked about {program}")
        return iter(())


def test_answers_and_costs_are_recorded(judge: Judge) -> None:
    found = references(judge, [SQUARE, CHECKED])
    assert found["t/1"].answers == ({2, 4}, {3, 9}, {-1.5, 2.25})
    assert found["t/2"].answers is None
    assert all(0 < reference.cpu_s < 5 for reference in found.values() if reference.cpu_s is not None)
    assert found["t/1"].error == found["t/2"].error == ""


def test_the_cache_gives_back_exactly_what_was_put_in(judge: Judge, cache: Path) -> None:
    first = references(judge, [SQUARE, CHECKED])
    again = references(Unwilling(), [SQUARE, CHECKED])  # type: ignore[arg-type]
    assert again == first
    assert list(again) == ["t/1", "t/2"]
    assert [sorted(map(type, answer), key=str) for answer in again["t/1"].answers or ()] == [
        [int, int], [int, int], [float, float],
    ]  # fmt: skip
    assert len(list(cache.iterdir())) == 2


def test_without_the_cache_nothing_is_kept(judge: Judge, cache: Path) -> None:
    references(judge, [CHECKED], cache=False)
    assert not cache.exists()


@pytest.mark.parametrize("damage", [b"", b"\n", b"0" * 64 + b"\n[]", b"\xff\xfe"])
def test_a_damaged_cache_is_made_anew(judge: Judge, cache: Path, damage: bytes) -> None:
    first = references(judge, [SQUARE])
    (path,) = cache.iterdir()
    path.write_bytes(damage)
    assert references(judge, [SQUARE])["t/1"].answers == first["t/1"].answers
    assert path.read_bytes() != damage


def test_an_altered_answer_in_the_cache_is_not_believed(judge: Judge, cache: Path) -> None:
    references(judge, [SQUARE])
    for path in cache.iterdir():
        told, _, body = path.read_bytes().partition(b"\n")
        altered = zlib.compress(zlib.decompress(body).replace(b"9", b"8"))
        assert altered != body
        path.write_bytes(told + b"\n" + altered)
    assert references(judge, [SQUARE])["t/1"].answers == ({2, 4}, {3, 9}, {-1.5, 2.25})


def test_a_cache_that_cannot_be_written_is_done_without(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path / "file" / "below"))
    assert references(judge, [CHECKED])["t/2"].error == ""


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def f(x):\n    return 1 / 0\n", "raised"),
        ("def f(x):\n", "syntax"),
    ],
)
def test_a_failing_reference_is_an_error_with_its_reason_and_is_not_kept(
    judge: Judge, cache: Path, source: str, says: str
) -> None:
    broken = replace(SQUARE, reference=source)
    found = references(judge, [broken])["t/1"]
    assert f"the reference solution failed here: {says} " in found.error
    assert not cache.exists()
    with pytest.raises(ValueError, match="t/1: the reference solution failed"):
        prepared(broken, found)


def test_a_problem_without_a_reference_has_the_usual_limits_unless_it_needs_answers() -> None:
    found = references(Unwilling(), [replace(SQUARE, reference=""), replace(CHECKED, reference="")])  # type: ignore[arg-type]
    assert "none is published" in found["t/1"].error
    assert prepared(CHECKED, found["t/2"]) == (CHECKED.tests, Limits())


def test_prepared_tests_pass_the_right_answer_and_fail_the_wrong_one(judge: Judge) -> None:
    tests, limits = prepared(SQUARE, references(judge, [SQUARE])["t/1"])
    assert judge.run(Program("f = lambda x: {x * x, x}", tests, limits=limits)).status == "passed"
    assert judge.run(Program("f = lambda x: {x * x}", tests, limits=limits)).status == "wrong"
    assert limits.cpu_s >= FLOOR_S


def test_a_reference_with_large_answers_gives_candidates_room_for_them(judge: Judge) -> None:
    large = replace(SQUARE, reference="def f(x):\n    return 'x' * 1_200_000 * int(x * x)\n")
    tests, limits = prepared(large, references(judge, [large])["t/1"])
    assert limits.output_kb > 2 * 9 * 1_200_000 // 1024
    assert judge.run(Program(large.reference, tests, limits=limits)).status == "passed"
    assert judge.run(Program(large.reference, tests)).status == "output"


@pytest.mark.parametrize(
    ("reference_s", "allowed_s"),
    [(0.0, FLOOR_S), (0.001, FLOOR_S), (0.01, 0.5), (0.05, 2.5), (0.5, CEILING_S), (2.0, CEILING_S), (6.0, 30.0)],
)
def test_limits_follow_the_reference_within_bounds(reference_s: float, allowed_s: float) -> None:
    assert allowed_cpu_s(reference_s) == pytest.approx(allowed_s)


@given(st.floats(0, 60), st.floats(0, 60))
def test_a_slower_reference_never_lowers_the_limit(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert FLOOR_S <= allowed_cpu_s(low) <= allowed_cpu_s(high)
    assert allowed_cpu_s(high) >= SLOW_FACTOR * high


@pytest.mark.parametrize(
    "tests",
    [
        InputTests("f", ((2,), (3,), (-1.5,)), None, atol=1e-6),
        InputTests("f", ((2,), (3.0,), (-1.5,)), None),
        InputTests("f", ((2,), ([3],), (-1.5,)), None),
        InputTests("f", ((2,), ({3},), (-1.5,)), None),
        InputTests("f", ((2,), (frozenset({3}),), (-1.5,)), None),
        InputTests("f", ((2,), ({3: 4},), (-1.5,)), None),
        InputTests("f", ((2,), ("{3: 4}",), (-1.5,)), None),
        InputTests("f", ((2,), (10**5000,), (-1.5,)), None),
        InputTests("f", ((2,), ("\ud800",), (-1.5,)), None),
        CodeTests("assert f(2) == {2, 4}"),
    ],
)
def test_other_tests_have_another_fingerprint(tests: Any) -> None:
    other = replace(SQUARE, tests=tests)
    assert fingerprint(other) != fingerprint(SQUARE)
    assert fingerprint(other) == fingerprint(replace(SQUARE, tests=replace(tests)))


PRINT = """
from sparkgap.references import fingerprint
from sparkgap.types import InputTests, Problem
inputs = (({"a", "b", "c", ("d", 1)}, {"k": frozenset({"x", "y"})}),)
print(fingerprint(Problem("t/1", "t", "", "def f(a, b): pass", InputTests("f", inputs, None))))
"""


def test_the_fingerprint_does_not_depend_on_the_hash_seed() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINT], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1


def test_the_processor_is_told_by_name() -> None:
    assert len(processor().split()) >= 2

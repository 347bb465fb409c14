"""How programs are built: the same for renamed ones, and how alike others are."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.parsing import functions_in
from sparkgap.structure import likeness, parts, shape

LOOP = '''
def total(items: list[int]) -> int:
    """Add them up."""
    found = 0
    for item in items:
        found += item
    return found
'''
RENAMED = """
class Tools:
    @staticmethod
    def s(a):
        b = 0
        for c in a:
            b += c
        return b
"""
CALL = "def total(items):\n    return sum(items)\n"


def alike(one: str, other: str) -> float:
    return likeness(parts(ast.parse(one)), parts(ast.parse(other)))


def test_names_words_and_homes_do_not_count() -> None:
    assert alike(LOOP, RENAMED) == 1.0


def test_a_variable_named_like_a_builtin_is_none() -> None:
    other = LOOP.replace("items", "list")
    assert alike(LOOP, other) == 1.0
    assert len({shape(node).hash for text in (LOOP, other) for node in functions_in(ast.parse(text))}) == 1


def test_likeness_is_the_share_of_parts_in_common() -> None:
    assert parts(ast.parse(CALL)) == {"Return": 1, "Call": 1, "=sum": 1, "Name": 1}
    loop = parts(ast.parse(LOOP))
    assert loop == {"Assign": 1, "Name": 6, "=0": 1, "For": 1, "AugAssign": 1, "Add": 1, "Return": 1}
    assert alike(LOOP, CALL) == pytest.approx(2 / (sum(loop.values()) + 2))


@given(st.sampled_from([LOOP, CALL, "", "x = 1", "def f(): pass"]), st.sampled_from([LOOP, RENAMED, "", "y.append(2)"]))
def test_likeness_is_a_share_and_symmetrical(one: str, other: str) -> None:
    assert 0 <= alike(one, other) == alike(other, one) <= 1

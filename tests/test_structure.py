"""How programs are built: the same for renamed ones, and how alike others are."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.structure import likeness, parts

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


def test_names_words_and_homes_do_not_count() -> None:
    assert likeness(ast.parse(LOOP), ast.parse(RENAMED)) == 1.0


def test_likeness_is_the_share_of_parts_in_common() -> None:
    assert parts(ast.parse(CALL)) == {"Return": 1, "Call": 1, "=sum": 1, "Name": 1}
    loop = parts(ast.parse(LOOP))
    assert loop == {"Assign": 1, "Name": 6, "=0": 1, "For": 1, "AugAssign": 1, "Add": 1, "Return": 1}
    assert likeness(ast.parse(LOOP), ast.parse(CALL)) == pytest.approx(2 / (sum(loop.values()) + 2))


@given(st.sampled_from([LOOP, CALL, "", "x = 1", "def f(): pass"]), st.sampled_from([LOOP, RENAMED, "", "y.append(2)"]))
def test_likeness_is_a_share_and_symmetrical(one: str, other: str) -> None:
    left, right = ast.parse(one), ast.parse(other)
    assert 0 <= likeness(left, right) == likeness(right, left) <= 1

"""The difficulty book: what is picked, what is set aside, and that a saved book goes on the same."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap.train.book import Book

Kinds = list[float]


def play(book: Book, kinds: Kinds, batches: int, size: int = 8, group: int = 8, seed: int = 0) -> list[float]:
    """Let problems that pass with these chances be sampled; return the share of informative groups of each batch."""
    drawn = random.Random(seed)
    told = []
    for _ in range(batches):
        results = {at: [float(drawn.random() < kinds[at]) for _ in range(group)] for at in book.pick(size)}
        told.append(book.informative(results))
        book.note(results)
    return told


def test_most_groups_come_to_carry_signal_where_most_problems_carry_none() -> None:
    kinds = ([0.0] * 5 + [1.0] * 2 + [0.5] * 3) * 10
    with_book = play(Book(100), kinds, 60)
    in_turn = play(Book(100, dynamic=False), kinds, 60)
    assert sum(in_turn[30:]) / 30 < 0.4
    assert sum(with_book[30:]) / 30 > 0.6


def test_every_problem_is_looked_at_and_the_set_aside_ones_again() -> None:
    book = Book(40, explore=0.5)
    play(book, [0.0] * 20 + [0.5] * 20, 40)
    assert min(entry.visits for entry in book.entries) >= 1
    assert min(entry.visits for entry in book.entries[:20]) >= 2
    assert book.counts()["unsolved"] == 20


def test_problems_never_seen_come_before_any_comes_again() -> None:
    book = Book(48)
    seen = [at for _ in range(6) for at in _noted(book, 8, [0.0, 1.0])]
    assert sorted(seen) == list(range(48))
    again = [at for _ in range(6) for at in _noted(book, 8, [0.0, 1.0])]
    assert [sorted(again[at : at + 8]) for at in range(0, 48, 8)] == [
        sorted(seen[at : at + 8]) for at in range(0, 48, 8)
    ]


def test_a_smaller_share_for_new_ones_brings_live_ones_back_beside_them() -> None:
    book = Book(1000, explore=0.25)
    first = _noted(book, 8, [0.0, 1.0])
    second = _noted(book, 8, [0.0, 1.0])
    assert len(set(second) - set(first)) == 2


def test_live_problems_come_twice_as_soon_as_those_set_aside_once() -> None:
    book = Book(24)
    live, aside, third = (_noted(book, 8, values) for values in ([0.0, 1.0], [0.0, 0.0], [0.0, 1.0]))
    assert sorted(_noted(book, 8, [0.0, 1.0])) == sorted(live)
    assert sorted(_noted(book, 8, [0.0, 1.0])) == sorted(third)
    assert {book.entries[at].due for at in aside} == {2 + 2 * 3}


def test_a_problem_that_gets_solvable_comes_back() -> None:
    book = Book(10)
    play(book, [0.0] * 10, 10, size=4)
    assert book.counts()["live"] == 0
    play(book, [0.5] * 10, 30, size=4)
    assert book.counts()["live"] >= 9


def test_each_time_it_is_set_aside_for_twice_as_long_up_to_a_bound() -> None:
    book = Book(3)
    rests = []
    for _ in range(4):
        book.note({0: [0.0, 0.0]})
        rests.append(book.entries[0].rest)
    book.note({0: [0.0, 1.0]})
    book.note({0: [1.0, 1.0]})
    assert [*rests, book.entries[0].rest] == [2, 4, 8, 8, 2]


def test_what_could_not_be_judged_changes_nothing_but_comes_again() -> None:
    book = Book(6)
    picked = book.pick(2)
    book.note({at: [None, None] for at in picked})
    assert book.counts()["new"] == 6
    seen = {at for _ in range(6) for at in _noted(book, 2, [0.0, 1.0])}
    assert seen == set(range(6))


def _noted(book: Book, size: int, values: list[float | None]) -> list[int]:
    picked = book.pick(size)
    book.note(dict.fromkeys(picked, values))
    return picked


@settings(deadline=None, max_examples=300)
@given(
    st.integers(1, 30),
    st.integers(1, 12),
    st.lists(st.lists(st.sampled_from([0.0, 1.0, None]), min_size=2, max_size=2), min_size=1, max_size=40),
    st.floats(0, 1),
)
def test_picks_are_whole_different_and_go_on_the_same_after_saving(
    count: int, size: int, outcomes: list[list[float | None]], explore: float
) -> None:
    book, other = Book(count, seed=1, explore=explore), Book(count, seed=2, explore=explore)
    for place, values in enumerate(outcomes):
        if place == len(outcomes) // 2:
            saved: Any = json.loads(json.dumps(book.save()))
            other.load(saved)
        picked = book.pick(size)
        assert len(picked) == size
        if size < count:
            assert len(set(picked)) == size
        assert all(0 <= at < count for at in picked)
        results = dict.fromkeys(picked, values)
        book.note(results)
        if place >= len(outcomes) // 2:
            assert other.pick(size) == picked
            other.note(results)


def test_a_problem_set_aside_that_could_not_be_judged_is_picked_once() -> None:
    book = Book(9, explore=0.0)
    for values in ([0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [None, None], [None, None], [0.0, 0.0]):
        picked = _noted(book, 4, values)
        assert len(set(picked)) == 4


def test_a_book_of_other_problems_is_refused() -> None:
    with pytest.raises(ValueError, match="a book of 3 problems, where there are 4"):
        Book(4).load(Book(3).save())


def test_without_dynamics_problems_come_in_turn() -> None:
    book = Book(6, dynamic=False)
    seen = [at for _ in range(3) for at in _noted(book, 2, [1.0, 1.0])]
    assert sorted(seen) == list(range(6))

"""Topics of programs read off their syntax, and thirds by size."""

from __future__ import annotations

from pathlib import Path

import pytest

from run_folders import write_run
from sparkgap.compare.topics import groups, topics, traits
from sparkgap.plugins import find
from sparkgap.results import read_result
from sparkgap.types import Problem


def problem(reference: str, **more: object) -> Problem:
    return Problem("p", "b", "a prompt", reference, None, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("def f(s):\n    return s.upper()\n", {"strings"}),
        ("def f(s):\n    return f'{s}!'\n", {"strings"}),
        ("def f(n):\n    return n % 2\n", {"numbers"}),
        ("def f(n):\n    return math.gcd(n, 4)\n", {"numbers"}),
        ("def f(xs):\n    return [x for x in xs]\n", {"lists"}),
        ("def f(xs):\n    return sorted(xs)\n", {"sorting"}),
        ("def f(xs):\n    return {x: 1 for x in xs}\n", {"dicts and sets"}),
        ("def f(n):\n    return 1 if n == 0 else f(n - 1)\n", {"recursion"}),
        ("def f(n):\n    for i in n:\n        for j in i:\n            print(j)\n", {"nested loops"}),
        ("def f(n):\n    return n\n", {"other"}),
        ("def f(n)\n", {"other"}),  # no program
        ("42", {"other"}),
    ],
)
def test_the_topics_of_a_program_are_in_its_syntax(reference: str, expected: set[str]) -> None:
    assert set(topics(problem(reference))) == expected


def test_a_problems_own_topic_goes_before_what_its_program_says() -> None:
    assert topics(problem("def f(s):\n    return s.upper()\n", metadata={"subject": "algebra"})) == ("algebra",)
    assert topics(problem("C", metadata={"category": "writing"})) == ("writing",)
    assert topics(problem("s = 1", language="cpp")) == ("other",)


def test_groups_partition_by_difficulty_and_cover_by_topic(tmp_path: Path) -> None:
    problems = list(find("benchmarks", "hello").problems())
    ids = [each.id for each in problems]
    ours = read_result(write_run(tmp_path / "a", "hello", {id_: [0.0] for id_ in ids})).benchmarks["hello"]
    theirs = read_result(write_run(tmp_path / "b", "hello", {id_: [1.0] for id_ in ids})).benchmarks["hello"]
    known = traits("hello", ids)
    assert known.keys() == set(ids)
    found = groups(ours, theirs, ids, known)
    thirds = [group for group in found if group.kind == "difficulty"]
    assert sum(group.problems for group in thirds) == len(ids)
    assert [group.name[0] for group in thirds] == ["1", "2", "3"]
    assert max(group.problems for group in thirds) - min(group.problems for group in thirds) <= 1
    by_topic = [group for group in found if group.kind == "topic"]
    assert sum(group.problems for group in by_topic) >= len(ids)
    assert all((group.ours, group.theirs, group.interval.value) == (0.0, 1.0, -1.0) for group in found)
    assert [group.problems for group in by_topic] == sorted((group.problems for group in by_topic), reverse=True)


def test_an_unknown_benchmark_has_no_traits() -> None:
    assert traits("nobody's", ["p"]) == {}

"""Marks of completions, where the judge itself fails now and then; a scripted one stands in for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from sparkgap.errors import InputError
from sparkgap.train.marking import Mark, Marker, require_judged
from sparkgap.types import Problem, Program, Verdict
from tiny_models import problem

ADD = problem("add", 1)
RIGHT, WRONG = Verdict("passed", tests_passed=4, tests_total=4), Verdict("wrong", "test", tests_total=4)
BROKEN = Verdict("infra", "load", "the machine is on fire")


class Scripted:
    """A judge that says the next of these verdicts to each program, and keeps the programs."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts, self.programs = list(verdicts), list[str]()

    def submit(self, program: Program) -> Future[Verdict]:
        self.programs.append(program.source)
        done: Future[Verdict] = Future()
        done.set_result(self.verdicts.pop(0))
        return done

    def stream(self, programs: Iterable[Program]) -> Iterator[tuple[Program, Verdict]]:
        assert not list(programs)  # of reference solutions: none needs to be run
        return iter(())


@pytest.fixture
def marked() -> Iterator[Any]:
    markers: list[Marker] = []

    def mark(judge: Scripted, *batches: list[tuple[Problem, str]]) -> list[list[Mark]]:
        from sparkgap.train import Judging

        markers.append(Marker(judge, "tests", Judging(cpu_s=1.0)))  # type: ignore[arg-type]
        tickets = [[markers[-1].submit(each, reply, "completion") for each, reply in batch] for batch in batches]
        return [markers[-1].collect(batch) for batch in tickets]

    yield mark
    for marker in markers:
        marker.close()


def test_equal_programs_are_judged_once(marked: Any) -> None:
    judge = Scripted(RIGHT, WRONG)
    same = [(ADD, "\n    return x + 1")] * 3
    first, second = marked(judge, [*same, (ADD, "\n    return 2")], same)
    assert [mark.value for mark in first] == [1.0, 1.0, 1.0, 0.0]
    assert [mark.value for mark in second] == [1.0, 1.0, 1.0]
    assert len(judge.programs) == 2


def test_what_the_judge_failed_on_once_is_judged_again(marked: Any) -> None:
    judge = Scripted(BROKEN, RIGHT)
    ((mark,),) = marked(judge, [(ADD, "\n    return x + 1")])
    assert (mark.value, mark.passed, mark.unjudged) == (1.0, True, "")
    assert judge.programs[0] == judge.programs[1]


def test_what_it_failed_on_twice_is_nobodys_fault_for_twins_as_well(marked: Any) -> None:
    judge = Scripted(BROKEN, BROKEN, RIGHT)
    same = [(ADD, "\n    return x + 1")] * 2
    first, second = marked(judge, same, same)
    assert [(mark.value, mark.passed, mark.status) for mark in first] == [(None, None, "infra")] * 2
    assert first[0].unjudged == "toy/add/1: the machine is on fire"
    assert [mark.value for mark in second] == [1.0, 1.0]


def test_a_pass_without_a_test_pays_nothing(marked: Any) -> None:
    judge = Scripted(Verdict("passed", tests_passed=0, tests_total=0))
    ((one, two),) = marked(judge, [(ADD, "\n    return x + 1")] * 2)
    assert one == two
    assert (one.value, one.passed) == (None, None)
    with pytest.raises(InputError, match="toy/add/1: none of its tests ran an assert"):
        require_judged([one, two])
    require_judged([one, Mark(0.0, "wrong", "")])
    require_judged([])

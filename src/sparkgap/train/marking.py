"""Completions in, marks out: the judge's verdict on each program, and what the reward makes of it.

A completion is handed in as soon as its text is known, and asked for when the trainer needs it; in between the judge
works in its own processes. The same program for the same problem is judged once in the life of a `Marker`: what a
program is worth does not change while a model trains, and small models write the same one again and again.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from sparkgap.errors import InfraError, InputError
from sparkgap.extract import extract
from sparkgap.references import references
from sparkgap.rewards import Hole, Judged, Reward, hole, proves_nothing, reward
from sparkgap.scoring import Exam, exam_of
from sparkgap.types import InputTests, Limits, Problem, Program, SampleForm, Status, Verdict

if TYPE_CHECKING:
    from sparkgap.judge import Judge
    from sparkgap.train.options import Judging

KEPT = 200_000  # verdicts, without their output


@dataclass(frozen=True, slots=True)
class Mark:
    """What one completion is worth: the reward (None where the judge failed), its status, and the program."""

    value: float | None
    status: Status
    program: str
    hole: Hole | None = None  # it passed what nothing can pass
    unjudged: str = ""  # why the judge could say nothing, and of which problem

    @property
    def passed(self) -> bool | None:
        """Whether every test passed; None where that is not known."""
        return None if self.status == "infra" else self.status == "passed"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A completion that was handed in."""

    problem: Problem
    program: str
    key: tuple[str, bytes]


class ForgedPass(InfraError):
    """A program passed tests that no program can pass: there is a hole in the judge."""


class Marker:
    """Judges completions for a reward; `seconds` counts what the caller's own thread spent on it."""

    def __init__(
        self, judge: Judge, chosen: str | Reward, judging: Judging | None = None, place: tuple[int, int] = (0, 1)
    ):
        """Judge by the reward that is `chosen`, in words or as it is.

        `place` is which of how many processes this is, so that no two draws of a run have the same number.
        """
        self._judge = judge
        self.reward = reward(chosen) if isinstance(chosen, str) else chosen
        self._all_tests = self.reward.failing[0] != self.reward.failing[1]  # else it is enough that one fails
        self._cpu_s = judging.cpu_s if judging else None
        self._memory_mb = judging.memory_mb if judging else None
        self._exams: dict[str, Future[Exam]] = {}
        self._verdicts: OrderedDict[tuple[str, bytes], Verdict] = OrderedDict()
        self._waiting: dict[tuple[str, bytes], Future[Verdict]] = {}
        self._reader = ThreadPoolExecutor(1, "sparkgap-references")
        # A thread hands programs to the judge: waking it costs the caller more than drawing the next token.
        self._out: SimpleQueue[tuple[Ticket, Future[Verdict]] | None] = SimpleQueue()
        self._sender = Thread(target=self._send, name="sparkgap-programs", daemon=True)
        self._sender.start()
        self._place = place
        self.draws = 0  # completions marked so far, by this process
        self.seconds = 0.0
        self.judged = 0  # programs that the judge has run for us

    def close(self) -> None:
        """End the threads; the judge is its owner's."""
        self._out.put(None)
        self._reader.shutdown(wait=False, cancel_futures=True)

    def prepare(self, problems: Iterable[Problem]) -> None:
        """Have the reference solutions of these problems run, without waiting."""
        new = [problem for problem in problems if problem.id not in self._exams]
        if new:
            running = self._reader.submit(self._examined, new)
            for problem in new:
                self._exams[problem.id] = _picked(running, problem.id)

    def submit(self, problem: Problem, reply: str, form: SampleForm) -> Ticket:
        """Hand in one completion and return at once."""
        began = time.perf_counter()
        self.prepare([problem])
        program = program_in(problem, reply, form)
        ticket = Ticket(problem, program, (problem.id, _digest(program)))
        if program.strip() and ticket.key not in self._verdicts and ticket.key not in self._waiting:
            verdict: Future[Verdict] = Future()
            self._waiting[ticket.key] = verdict
            self._out.put((ticket, verdict))
        self.seconds += time.perf_counter() - began
        return ticket

    def collect(self, tickets: Sequence[Ticket]) -> list[Mark]:
        """Wait for the marks of completions that were handed in.

        Raises:
            InfraError: the judge is broken.
        """
        began = time.perf_counter()
        failed: dict[tuple[str, bytes], Verdict] = {}  # by the judge itself: told once here, asked again another time
        verdicts = [failed.get(ticket.key) or self._verdict(ticket, failed) for ticket in tickets]
        first, count = self._place
        judged = [
            Judged(ticket.problem, ticket.program, verdict, (self.draws + place) * count + first)
            for place, (ticket, verdict) in enumerate(zip(tickets, verdicts, strict=True))
        ]
        self.draws += len(judged)
        values = self.reward.values(judged)
        self.seconds += time.perf_counter() - began
        return [
            Mark(value, each.verdict.status, each.source, hole(each), _unjudged(each))
            for value, each in zip(values, judged, strict=True)
        ]

    def marks(self, replies: Iterable[tuple[Problem, str]], form: SampleForm) -> list[Mark]:
        """Return the marks of these replies, in their order."""
        replies = list(replies)
        self.prepare(problem for problem, _ in replies)
        return self.collect([self.submit(problem, reply, form) for problem, reply in replies])

    def _verdict(self, ticket: Ticket, failed: dict[tuple[str, bytes], Verdict]) -> Verdict:
        if not ticket.program.strip():
            return Verdict("empty", "extract", "no program in the reply")
        if (known := self._verdicts.get(ticket.key)) is not None:
            self._verdicts.move_to_end(ticket.key)
            return known
        waited = self._waiting.pop(ticket.key, None) or self._submitted(ticket)
        verdict = waited.result()
        if verdict.status == "infra":  # once more; what fails twice is not the sample's doing, and not scored
            verdict = self._submitted(ticket).result()
        verdict = replace(verdict, output="", answers=None)
        if verdict.status == "infra":
            failed[ticket.key] = verdict
            return verdict
        if proves_nothing(verdict):
            verdict = Verdict("infra", "test", "none of its tests ran an assert, so that passing proves nothing")
        self._verdicts[ticket.key] = verdict
        if len(self._verdicts) > KEPT:
            self._verdicts.popitem(last=False)
        return verdict

    def _send(self) -> None:
        while (handed := self._out.get()) is not None:
            ticket, verdict = handed
            try:
                self._submitted(ticket).add_done_callback(partial(_hand_on, verdict))
            except Exception as fault:  # the judge is closed, or a reference could not be run: the collector is told
                verdict.set_exception(fault)

    def _submitted(self, ticket: Ticket) -> Future[Verdict]:
        exam = self._exams[ticket.problem.id].result()
        if exam.error:
            done: Future[Verdict] = Future()
            done.set_result(Verdict("infra", "load", exam.error))
            return done
        self.judged += 1
        program = Program(ticket.program, exam.tests, exam.problem.language, exam.limits, all_tests=self._all_tests)
        return self._judge.submit(program)

    def _examined(self, problems: list[Problem]) -> dict[str, Exam]:
        """Return the exam of each problem; its reference is run only where limits or answers must come from it."""
        ready = {problem.id: self._known(problem) for problem in problems}
        asked = [problem for problem in problems if ready[problem.id] is None]
        found = references(self._judge, asked, cache=False)
        exams = {problem.id: exam_of(problem, found[problem.id], self._cpu_s, self._memory_mb) for problem in asked}
        return exams | {name: exam for name, exam in ready.items() if exam is not None}

    def _known(self, problem: Problem) -> Exam | None:
        unanswered = isinstance(problem.tests, InputTests) and problem.tests.expected is None
        if unanswered or (self._cpu_s is None and problem.reference):
            return None
        usual = Limits()
        return Exam(
            problem, problem.tests, Limits(self._cpu_s or usual.cpu_s, None, self._memory_mb or usual.memory_mb)
        )


def require_judged(marks: Iterable[Mark]) -> None:
    """Look whether the judge could say something of one completion at least.

    Raises:
        InputError: of none; there is no more to be expected of those that come.
    """
    marks = list(marks)
    if marks and all(mark.unjudged for mark in marks):
        raise InputError(f"no completion could be judged, so there is nothing to learn from: {marks[0].unjudged}")


def program_in(problem: Problem, reply: str, form: SampleForm) -> str:
    """Return the program that a reply is judged by: the strict reading of Python completions, else the lenient one."""
    if (
        form == "completion" and problem.language == "python"
    ):  # what `extract` says of it, without reading it leniently as well
        return problem.prompt + reply if problem.continues and reply.strip() else reply
    return extract(reply, problem, form).lenient


def shares(marks: Iterable[Mark]) -> Mapping[str, float]:
    """Return which share of completions got which status."""
    counts: dict[str, int] = {}
    for mark in marks:
        counts[mark.status] = counts.get(mark.status, 0) + 1
    total = sum(counts.values())
    return {status: count / total for status, count in sorted(counts.items())}


def _picked(running: Future[dict[str, Exam]], name: str) -> Future[Exam]:
    """Return the future of one of the exams that are being prepared together."""
    one: Future[Exam] = Future()

    def hand_on(done: Future[dict[str, Any]]) -> None:
        if (error := done.exception()) is not None:
            one.set_exception(error)
        else:
            one.set_result(done.result()[name])

    running.add_done_callback(hand_on)
    return one


def _hand_on(told: Future[Verdict], done: Future[Verdict]) -> None:
    if done.cancelled():
        told.set_exception(InfraError("the judge was closed before it was done"))
    elif (error := done.exception()) is not None:
        told.set_exception(error)
    else:
        told.set_result(done.result())


def _unjudged(judged: Judged) -> str:
    return f"{judged.problem.id}: {judged.verdict.reason}" if judged.verdict.status == "infra" else ""


def _digest(program: str) -> bytes:
    return hashlib.blake2b(program.encode("utf-8", "surrogatepass"), digest_size=16).digest()

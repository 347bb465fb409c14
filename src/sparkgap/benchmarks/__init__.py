"""Benchmarks: one file each, with one public name, `BENCHMARK`.

A benchmark says where its problems come from, how they are put to a model, and what proves an answer. It runs nothing
and asks nobody: the judge runs programs, `measure` asks models. Files whose name starts with an underscore are shared
parts, not benchmarks.

`Benchmark` is enough for `grade`. `Asked` can be measured as well; its problems hold tests for the judge. `Programmed`
makes the program that they test out of a reply itself. `Scored` says itself what a reply is worth. `Rated` lets a
second model, the rater, speak on the replies first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

from sparkgap.stats import Interval
from sparkgap.types import Outcome, Problem, Reply, Request, Variant

Ability = Literal["code", "knowledge", "math", "chat", "translation"]
Unit = Literal["share", "rating", "score"]  # in [0, 1], shown as %; 1 to 10; 0 to 100


@runtime_checkable
class Benchmark(Protocol):
    """What `BENCHMARK` in each file is."""

    name: str  # what the user types
    title: str  # one line for a person
    files: tuple[str, ...]  # the published files it reads, named as in `sparkgap data list`; () if it ships its own

    def problems(self) -> Iterator[Problem]:
        """Yield every problem, in published order.

        Raises:
            DataError: a published file is missing or is not the published one.
        """
        ...


@runtime_checkable
class Asked(Benchmark, Protocol):
    """A benchmark that can be put to a model."""

    ability: Ability
    split: str  # the split that published scores are over; "" for all
    variants: tuple[Variant, ...]  # the first whose needs a model meets is its default

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return what to ask next, given the replies so far to this problem; None once there is no more to ask.

        The decoding of the request is the field's default for this problem; `measure` lays the user's wishes over it.
        """
        ...


@runtime_checkable
class Programmed(Asked, Protocol):
    """A benchmark whose answer is no program, but is proved by running one made of it (CRUXEval's expressions)."""

    def program(self, problem: Problem, variant: Variant, reply: str) -> tuple[str, str]:
        """Return the program that must pass the problem's tests, "" where the reply has no answer, and how it was read.

        It takes the place of `extract`, strictly and leniently alike; never raises for what a model wrote.
        """
        ...


@runtime_checkable
class Scored(Asked, Protocol):
    """A benchmark that says itself what the replies are worth; its problems have no tests."""

    metrics: tuple[str, ...]  # the first is the headline
    unit: Unit

    def score(
        self, problem: Problem, variant: Variant, replies: tuple[Reply, ...], ratings: tuple[Reply, ...]
    ) -> Outcome:
        """Return what the replies to one problem are worth; never raises for what a model wrote."""
        ...


@runtime_checkable
class Rated(Scored, Protocol):
    """A benchmark whose replies are rated by another model."""

    def rate(
        self, problem: Problem, variant: Variant, replies: tuple[Reply, ...], ratings: tuple[Reply, ...]
    ) -> Request | None:
        """Return what to ask the rater next, given the ratings so far; None once there is no more to ask."""
        ...


@runtime_checkable
class Totalled(Scored, Protocol):
    """A benchmark whose figure is no mean over problems (BLEU)."""

    def total(self, records: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Interval], Mapping[str, str]]:
        """Return each metric over all records (lines of scores.jsonl), and notes to show beside it (signatures)."""
        ...

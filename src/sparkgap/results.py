"""Finished runs read back: for each benchmark, what every problem was worth, and under which conditions.

The folder may be one of `measure` (a folder with one run per benchmark in it) or one of `grade` (a single run).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkgap.stats import Interval

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """One benchmark of one run.

    `values` holds the headline values of the scored samples of each problem that was asked for, in the order of their
    index (an empty tuple where none is scored). `asked` is the run's question as its manifest has it: everything that
    decides comparability. `metrics` are all metrics over all problems, the headline first, in the `unit`.
    """

    benchmark: str
    title: str
    ability: str
    variant: str
    unit: str
    values: Mapping[str, tuple[float, ...]]
    metrics: Mapping[str, Interval]
    by_status: Mapping[str, int]
    unscored: int
    asked: Mapping[str, Any]
    summary: Mapping[str, Any]
    folder: Path

    def records(self) -> Iterator[Json]:
        """Yield the lines of scores.jsonl, each ordinal once."""
        raise NotImplementedError

    def samples(self) -> Iterator[Json]:
        """Yield the lines of samples.jsonl (what was asked and what came back); nothing where the run has none."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run: of whom, when, and its benchmarks by name. `name` is what the user called it, else the model's name."""

    name: str
    model: str
    folder: Path
    started: str
    finished: bool
    benchmarks: Mapping[str, BenchmarkResult]
    manifest: Mapping[str, Any]


def read_result(path: Path, name: str = "") -> RunResult:
    """Return the run in the folder `path`.

    Raises:
        InputError: there is none, it is damaged, or it is not finished (and how to finish it).
    """
    raise NotImplementedError

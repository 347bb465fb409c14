"""Benchmarks: one file each, with one public name, `BENCHMARK`.

A benchmark says where its problems come from and what proves an answer. It runs nothing: the judge does. Files whose
name starts with an underscore are shared parts, not benchmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from sparkgap.types import Problem


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

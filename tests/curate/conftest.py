"""One judge, and one dataset of the made-up corpus, for all tests of curation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import corpus
from sparkgap.curate import CurateOptions, curate
from sparkgap.judge import Judge


@dataclass(frozen=True)
class Made:
    """A dataset, its sources, and its summary."""

    sources: list[str]
    folder: Path
    summary: dict[str, Any]


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    with Judge(workers=1) as judge:
        yield judge


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, judge: Judge) -> Made:
    """The corpus, curated against the problems that ship with the package."""
    root = tmp_path_factory.mktemp("corpus")
    sources = corpus.build(root)
    folder = root / "dataset"
    result = curate(sources, folder, OPTIONS, judge)
    return Made(sources, folder, dict(result.summary))


OPTIONS = CurateOptions(against=("hello",), selftest=0)

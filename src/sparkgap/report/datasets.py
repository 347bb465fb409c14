"""What curation says of a dataset: `summary.json` in its folder, which the card of the dataset is drawn from too.

Of it are read: the stages, each with the files and bytes that it left and what its rules took; licences and languages
of what is kept; and how well the check of the benchmarks was found to work. No file of the dataset itself is opened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkgap.errors import InputError
from sparkgap.report.plaintext import one_line

MANIFEST, SUMMARY, KIND = "manifest.json", "summary.json", "curate"
WAYS = ("ngrams", "structure", "behaviour", "any")  # in which solutions of benchmarks are looked for


@dataclass(frozen=True, slots=True)
class Stage:
    """What one step left; `dropped` is what each of its rules took, as (rule, files, bytes), most first."""

    step: str
    files: int
    bytes: int
    dropped: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """How many of some hidden solutions were found, by the way in which they were looked for (`WAYS`)."""

    guise: str
    of: int
    found: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset. `licences` and `languages` count the files that are kept."""

    name: str
    stages: tuple[Stage, ...]
    licences: Mapping[str, int]
    languages: Mapping[str, int]
    pairs: int
    problems: int
    against: tuple[str, ...]
    missing: tuple[str, ...]
    tried: tuple[Tried, ...]

    @property
    def said(self) -> str:
        """The dataset in a sentence."""
        first, last = self.stages[0], self.stages[-1]
        return (
            f"{last.files:,} of {first.files:,} files are kept, {size(last.bytes)} of {size(first.bytes)}; "
            f"{self.pairs:,} prompts with completions, {self.problems:,} proven problems"
        )


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a dataset of `sparkgap curate`."""
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and told.get("kind") == KIND


def read_dataset(folder: Path, name: str = "") -> Dataset:
    """Return what a dataset's summary says.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = folder / SUMMARY
    try:
        told = json.loads(path.read_bytes())
        checks = told["benchmarks"]
        return Dataset(
            name=one_line(name or folder.resolve().name, 80),
            stages=_stages(told["stages"]),
            licences=_counts(told["licences"]),
            languages=_counts(told["languages"]),
            pairs=_total(told["pairs"]),
            problems=_total(told["problems"]),
            against=tuple(one_line(str(each), 60) for each in checks["against"]),
            missing=tuple(one_line(str(each), 60) for each in checks["missing"]),
            tried=tuple(
                Tried(one_line(str(each["guise"]), 60), int(each["of"]), {way: int(each[way]) for way in WAYS})
                for each in checks["selftest"]
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as fault:
        raise InputError(f"{path} is no summary of a dataset ({fault!r}); curate it again") from fault


def size(count: int) -> str:
    """Return a number of bytes for people."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count} B"


def most(counts: Mapping[str, int], shown: int = 8) -> list[tuple[str, int]]:
    """Return the largest counts, and all others as one."""
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    rest = sum(count for _, count in ordered[shown:])
    return ordered[:shown] + ([("others", rest)] if rest else [])


def steps(dataset: Dataset) -> list[tuple[str, Stage]]:
    """Return each stage with what it is called."""
    first, *later = dataset.stages
    return [("came in", first), *((f"after {each.step}", each) for each in later)]


def shares(tried: Sequence[Tried]) -> list[tuple[str, str, list[str]]]:
    """Return what was hidden, how many there were, and the share of them that each way found."""
    return [(each.guise, f"{each.of:,}", [f"{each.found[way] / max(1, each.of):.1%}" for way in WAYS])
            for each in tried]  # fmt: skip


def _stages(told: Sequence[Mapping[str, Any]]) -> tuple[Stage, ...]:
    if not told:
        raise ValueError("it has no stages")
    return tuple(_stage(each) for each in told)


def _stage(told: Mapping[str, Any]) -> Stage:
    dropped = ((one_line(rule, 60), int(files), int(held)) for rule, (files, held) in told["dropped"].items())
    return Stage(one_line(str(told["step"]), 60), int(told["files"]), int(told["bytes"]), tuple(dropped))


def _counts(told: Mapping[str, Any]) -> dict[str, int]:
    return {one_line(name, 80): int(count) for name, count in told.items()}


def _total(told: Mapping[str, Any]) -> int:
    return sum(int(count) for count in told.values())

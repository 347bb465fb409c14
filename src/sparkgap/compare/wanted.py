"""Selection by the gap: which texts are near the problems that a run failed, or that a list of `gap` names.

`curate` scores files by it, and `train` problems; those of a test are described here, never trained on. Words are the
parts of names (`read_text` is read and text), of the failed problems on one side and of those that were solved on the
other. A word counts by the logarithm of the ratio of its shares of the two, each drawn towards its share of all
problems as if there were two problems more. A text's score is the mean over its different words, those that no problem
has being nothing, so that a long one is not near everything. Not covered: which stage a program failed at.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkgap import plugins
from sparkgap.errors import InputError
from sparkgap.results import read_result
from sparkgap.samples import read_objects

PRIOR = 2.0  # problems
_SHOWN = 20  # words
_WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}(?![a-z])")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What each word counts. `failed` and `solved` are how many problems it was learnt from.

    `statuses` counts the samples that were no pass by what became of them.
    """

    words: Mapping[str, float]
    failed: int
    solved: int
    statuses: Mapping[str, int]

    def as_facts(self) -> dict[str, Any]:
        """Return how it stands in the summary, with the words that count most on either side."""
        ordered = sorted(self.words.items(), key=lambda each: (-each[1], each[0]))
        return {
            "failed": self.failed, "solved": self.solved, "statuses": dict(self.statuses),
            "nearer": [word for word, weight in ordered[:_SHOWN] if weight > 0],
            "farther": [word for word, weight in ordered[: -_SHOWN - 1 : -1] if weight < 0],
        }  # fmt: skip

    def score(self, text: str) -> float:
        """Return how near a text is to what was failed: above 0 nearer to that than to what was solved."""
        found = _words(text)
        return round(sum(self.words.get(word, 0.0) for word in found) / len(found), 5) if found else 0.0


def wanted(source: Path) -> Wanted:
    """Return in words what a run of `measure` or `grade` failed, or what a list of `gap --problems` holds.

    What a list does not hold of its benchmarks, in the splits of what it holds, stands for what was solved.

    Raises:
        InputError: there is no such run or list, or nothing of it is code.
    """
    missed, statuses = _listed(source) if source.is_file() else _failed(source)
    words = {True: Counter[str](), False: Counter[str]()}
    counts: Counter[bool] = Counter()
    for benchmark, shares in missed.items():
        for problem in plugins.find("benchmarks", benchmark).problems():
            if problem.tests is not None and problem.id in shares:
                side = shares[problem.id] > 0.5
                counts[side] += 1
                words[side].update(_words(f"{problem.prompt}\n{problem.reference}"))
    if not counts[True]:
        raise InputError(f"{source} failed no problem that is code, so there is nothing to prefer; leave --for out")
    failed, solved = words[True], words[False]
    weights = {
        word: _weight(failed[word], counts[True], solved[word], counts[False]) for word in sorted({*failed, *solved})
    }
    return Wanted(weights, counts[True], counts[False], dict(statuses.most_common()))


def _failed(run: Path) -> tuple[dict[str, dict[str, float]], Counter[str]]:
    """Return of each benchmark of a run the share of samples that missed each problem, and what became of those."""
    missed: dict[str, dict[str, float]] = {}
    statuses: Counter[str] = Counter()
    for result in read_result(run).benchmarks.values():
        if result.ability == "code":
            statuses.update({name: count for name, count in result.by_status.items() if name != "passed"})
        shares = {id_: 1 - sum(values) / len(values) for id_, values in result.values.items() if values}
        missed.setdefault(result.benchmark, {}).update(shares)
    return missed, statuses


def _listed(path: Path) -> tuple[dict[str, dict[str, float]], Counter[str]]:
    """Return of each benchmark of a list 1 for each problem that it holds and 0 for the others, and their causes."""
    held: dict[str, set[str]] = {}
    statuses: Counter[str] = Counter()
    for number, record in read_objects(path):
        benchmark, id_ = record.get("benchmark"), record.get("task_id")
        if not isinstance(benchmark, str) or not isinstance(id_, str):
            raise InputError(
                f"{path}:{number}: no `benchmark` and `task_id`; `sparkgap gap --problems` writes such lists"
            )
        held.setdefault(benchmark, set()).add(id_)
        statuses[str(record.get("cause", "failed"))] += 1
    return {benchmark: _shares(path, benchmark, ids) for benchmark, ids in held.items()}, statuses


def _shares(path: Path, benchmark: str, held: set[str]) -> dict[str, float]:
    every = list(plugins.find("benchmarks", benchmark).problems())
    if unknown := held - {problem.id for problem in every}:
        raise InputError(f"{path}: {benchmark} has no problem {min(unknown)!r}")
    splits = {problem.split for problem in every if problem.id in held}
    return {problem.id: float(problem.id in held) for problem in every if problem.split in splits}


def scores(chosen: Wanted, documents: Iterable[tuple[int, str]]) -> dict[int, float]:
    """Return the score of each row."""
    return {row: chosen.score(text) for row, text in documents}


def _weight(failed: int, of_failed: int, solved: int, of_solved: int) -> float:
    """Return the logarithm of how much more often failed problems have a word than solved ones."""
    overall = (failed + solved) / (of_failed + of_solved)
    rate = (failed + PRIOR * overall) / (of_failed + PRIOR)
    return math.log(rate) - math.log((solved + PRIOR * overall) / (of_solved + PRIOR))


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}

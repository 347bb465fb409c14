"""Selection by the gap: which files are near the problems that a run failed.

Words are the parts of names (`read_text` is read and text), of the failed problems on one side and of those that were
solved on the other. A word counts by the logarithm of the ratio of its shares of the two, each drawn towards its share
of all problems as if there were two problems more. A file's score is the mean over its different words, those that no
problem has being nothing, so that a long file is not near everything. Not covered: which stage a program failed at.
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


def wanted(run: Path) -> Wanted:
    """Return what a run of `measure` or `grade` failed, in words.

    Raises:
        InputError: there is no such run, or it failed nothing that is code.
    """
    failed: Counter[str] = Counter()
    solved: Counter[str] = Counter()
    counts = [0, 0]
    statuses: Counter[str] = Counter()
    for result in read_result(run).benchmarks.values():
        values = result.values
        if result.ability == "code":
            statuses.update({name: count for name, count in result.by_status.items() if name != "passed"})
        for problem in plugins.find("benchmarks", result.benchmark).problems():
            if problem.tests is None or not values.get(problem.id):
                continue
            missed = 1 - sum(values[problem.id]) / len(values[problem.id])
            for word in _words(f"{problem.prompt}\n{problem.reference}"):
                failed[word] += missed > 0.5
                solved[word] += missed <= 0.5
            counts[missed <= 0.5] += 1
    if not counts[0]:
        raise InputError(f"{run} failed no problem that is code, so there is nothing to prefer; leave --for out")
    weights = {word: _weight(failed[word], counts[0], solved[word], counts[1]) for word in {*failed, *solved}}
    return Wanted(weights, counts[0], counts[1], dict(statuses.most_common()))


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

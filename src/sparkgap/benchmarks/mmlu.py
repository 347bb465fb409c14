"""MMLU: 14,042 questions with four choices from 57 subjects (Hendrycks et al. 2021, arXiv:2009.03300).

Two ways that are different metrics. `five_shot` compares the log-probabilities of " A" to " D" after the five `dev`
questions of the subject, as the paper does it. `zero_shot_cot` lets a chat model reason and reads the letter that it
announces last; a reply with none is "unparsed" and counts as wrong. `accuracy`, the headline, is over all questions;
`macro_accuracy` is the mean over subjects, which counts a small subject as much as law with its 1,534 questions.
"""

from __future__ import annotations

import csv
import math
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from io import TextIOWrapper
from typing import Any

from sparkgap.benchmarks import Ability, Unit
from sparkgap.benchmarks._answers import chosen_letter, decided, unanswered
from sparkgap.benchmarks._prompts import turn
from sparkgap.data import locate
from sparkgap.errors import DataError
from sparkgap.stats import Z_95, Interval, mean_pass_at_k
from sparkgap.types import Decoding, Outcome, Problem, Reply, Request, Variant

_FILE = "mmlu/mmlu.zip"
_LETTERS = "ABCD"
_CHOICES = tuple(f" {letter}" for letter in _LETTERS)


class Mmlu:
    """15,858 questions: per subject 5 of "dev" for prompts, then "test" and "val", as the archive has them."""

    name = "mmlu"
    title = "MMLU: 14,042 multiple-choice questions from 57 subjects"
    files: tuple[str, ...] = (_FILE,)
    ability: Ability = "knowledge"
    split = "test"
    metrics = ("accuracy", "macro_accuracy")
    unit: Unit = "share"
    variants = (
        Variant(
            "five_shot",
            "the letter most probable after five solved questions of the subject",
            frozenset({"completion", "logprobs"}),
            Decoding(max_tokens=1),
        ),
        Variant(
            "zero_shot_cot",
            "one chat turn that asks for reasons and then `Answer: X`",
            frozenset({"chat"}),
            Decoding(max_tokens=2048),
        ),
    )

    def problems(self) -> Iterator[Problem]:
        """Yield the questions; the reference is the right letter.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for split, subject, rows in _sheets():
            for number, row in enumerate(rows):
                yield Problem(
                    id=f"MMLU/{subject}/{number}" if split == self.split else f"MMLU/{subject}/{split}/{number}",
                    benchmark=self.name,
                    prompt=_question(row),
                    reference=row[5],
                    tests=None,
                    split=split,
                    language="",
                    metadata={"subject": subject},
                )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: the question after five solved ones, or alone with the form of the answer."""
        if replies:
            return None
        if variant.name == "five_shot":
            shots = _shots()[problem.metadata["subject"]]
            return Request(text=f"{shots}{problem.prompt}\nAnswer:", decoding=variant.decoding, choices=_CHOICES)
        return turn(
            f"{problem.prompt}\n\nThink step by step, then end with a line `Answer: X`, where X is one of the letters "
            "A, B, C and D.",
            variant.decoding,
        )

    def score(
        self, problem: Problem, variant: Variant, replies: tuple[Reply, ...], ratings: tuple[Reply, ...]
    ) -> Outcome:
        """Return whether the reply chooses the right letter."""
        if (lost := unanswered(replies)) is not None:
            return lost
        details = {"subject": problem.metadata["subject"]}
        if variant.name == "five_shot":
            logprobs = replies[0].logprobs
            if len(logprobs) != len(_CHOICES) or any(map(math.isnan, logprobs)):
                return Outcome(
                    None, "unanswered", "no log-probabilities of the four letters came back", details=details
                )
            letter = _LETTERS[logprobs.index(max(logprobs))]
        else:
            letter = chosen_letter(replies[0].text)
        right = letter == problem.reference
        why = f"{letter}, not {problem.reference}" if letter else "no letter is chosen"
        return decided(right, letter, why, {"accuracy": float(right)}, details)

    def total(self, records: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Interval], Mapping[str, str]]:
        """Return the accuracy over all questions, and its mean over subjects."""
        counts: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for record in records:
            if record["value"] is not None:
                counts[record["details"]["subject"]][record["problem_id"]].append(record["value"])
        if not counts:
            return {}, {}
        tallies = [(len(values), round(sum(values))) for each in counts.values() for values in each.values()]
        means = {subject: [sum(values) / len(values) for values in each.values()] for subject, each in counts.items()}
        totals = {"accuracy": mean_pass_at_k(tallies, 1), "macro_accuracy": _macro(list(means.values()))}
        return totals, {"subjects": str(len(counts))}


def _macro(strata: list[list[float]]) -> Interval:
    """Return the mean of the strata's means, with the normal interval of a stratified sample.

    A stratum's variance is p (1 - p) / n, where p is pulled towards one half by two passes and two failures (as Agresti
    and Coull 1998), so that a small one without a mistake still is uncertain. n stays what it is: with `--limit` a
    subject has one or two questions, and four more would make the interval half as wide as it must be.
    """
    value = sum(sum(each) / len(each) for each in strata) / len(strata)
    pulled = [((sum(each) + 2) / (len(each) + 4), len(each)) for each in strata]
    half = Z_95 * math.sqrt(sum(p * (1 - p) / n for p, n in pulled)) / len(strata)
    return Interval(value, max(0.0, value - half), min(1.0, value + half), "normal, stratified by subject")


def _question(row: list[str]) -> str:
    choices = (f"{letter}. {text}" for letter, text in zip(_LETTERS, row[1:5], strict=True))
    return "\n".join((row[0].strip(), *choices))


def _sheets() -> Iterator[tuple[str, str, list[list[str]]]]:
    """Yield split, subject and rows of every sheet of the archive: question, four choices, the right letter."""
    path = locate(_FILE)
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                folder, _, file = member.removeprefix("data/").partition("/")
                if not file.endswith(".csv"):
                    continue
                with archive.open(member) as raw:
                    rows = list(csv.reader(TextIOWrapper(raw, "utf-8", newline="")))
                for number, row in enumerate(rows, 1):
                    if len(row) != 6 or row[5] not in _LETTERS:
                        raise DataError(f"{path}: {member}, row {number}: not a question, four choices and a letter")
                yield folder, file.removesuffix(f"_{folder}.csv"), rows
    except (zipfile.BadZipFile, OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}); `sparkgap data fetch {_FILE}` gets it again") from error


@cache  # what a file holds is fixed by its sha256
def _shots() -> Mapping[str, str]:
    """Return what stands before the question in each subject: the heading, and the five solved questions of `dev`."""
    heading = "The following are multiple choice questions (with answers) about {}.\n\n"
    return {
        subject: heading.format(subject.replace("_", " "))
        + "".join(f"{_question(row)}\nAnswer: {row[5]}\n\n" for row in rows)
        for split, subject, rows in _sheets()
        if split == "dev"
    }


BENCHMARK = Mmlu()

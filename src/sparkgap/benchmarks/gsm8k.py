"""GSM8K: 1,319 grade-school word problems whose answer is a whole number (Cobbe et al. 2021, arXiv:2110.14168).

Three metrics for one reply. `strict` and `flexible` are lm-evaluation-harness's, to the letter: the number after the
first `####`, and the last number in the reply, compared as text after commas, dollar signs and a final full stop are
taken away. So "$29.00" is not "29" there. `numeric`, the headline, compares as numbers what `_answers.final_number`
reads. The shots are the first eight problems of the published training file, in their order and with its calculator
notes: not the eight of Wei et al. 2022 (arXiv:2201.11903), which are no part of the published data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice

from sparkgap.benchmarks import Ability, Unit
from sparkgap.benchmarks._answers import decided, final_number, unanswered
from sparkgap.benchmarks._prompts import turn
from sparkgap.benchmarks._published import Record, read_records
from sparkgap.types import Decoding, Message, Outcome, Problem, Reply, Request, Variant

_SHOTS = 8
_STRICT = re.compile(r"#### (\-?[0-9\.\,]+)")
_FLEXIBLE = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")


class Gsm8k:
    """1,319 problems, the test split, in published order."""

    name = "gsm8k"
    title = "GSM8K: 1,319 grade-school word problems"
    files: tuple[str, ...] = ("gsm8k/test.jsonl", "gsm8k/train.jsonl")
    ability: Ability = "math"
    split = "test"
    metrics = ("numeric", "flexible", "strict")
    unit: Unit = "share"
    variants = (
        Variant(
            "zero_shot_cot",
            "one chat turn that asks for the steps and then `#### NUMBER`",
            frozenset({"chat"}),
            Decoding(max_tokens=2048),
        ),
        Variant(
            "eight_shot",
            "eight solved problems of the training file, then the problem, to go on from",
            frozenset({"completion"}),
            Decoding(max_tokens=512, stop=("Question:",)),
        ),
        Variant(
            "eight_shot_chat",
            "the same eight shots as turns of a chat",
            frozenset({"chat"}),
            Decoding(max_tokens=2048),
        ),
    )

    def problems(self) -> Iterator[Problem]:
        """Yield the problems; the reference is the right number as published.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for number, record in enumerate(read_records(self.files[0])):
            solution = record.text("answer")
            yield Problem(
                id=f"GSM8K/{number}",
                benchmark=self.name,
                prompt=record.text("question"),
                reference=_reference(record, solution),
                tests=None,
                language="",
                metadata={"solution": solution},
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: the problem, after eight solved ones where the variant has them."""
        if replies:
            return None
        if variant.name == "zero_shot_cot":
            return turn(
                f"{problem.prompt}\n\nSolve this step by step. End with a line that holds the answer alone, as a plain "
                "number: `#### 42`.",
                variant.decoding,
            )
        if variant.name == "eight_shot":
            text = "".join(f"Question: {question}\nAnswer: {answer}\n\n" for question, answer in _shots())
            return Request(text=f"{text}Question: {problem.prompt}\nAnswer:", decoding=variant.decoding)
        turns = [(Message("user", question), Message("assistant", answer)) for question, answer in _shots()]
        return Request(messages=(*chain(*turns), Message("user", problem.prompt)), decoding=variant.decoding)

    def score(
        self, problem: Problem, variant: Variant, replies: tuple[Reply, ...], ratings: tuple[Reply, ...]
    ) -> Outcome:
        """Return whether the reply comes to the right number, by each of the three readings."""
        if (lost := unanswered(replies)) is not None:
            return lost
        text = replies[0].text
        number = final_number(text)
        right = number is not None and number == final_number(problem.reference)
        metrics = {
            "numeric": float(right),
            "flexible": float(_plain(_flexible(text)) == _plain(problem.reference)),
            "strict": float(_plain(_strict(text)) == _plain(problem.reference)),
        }
        answer = "" if number is None else str(number)
        why = f"{answer}, not {problem.reference}" if answer else "no number in the reply"
        return decided(right, answer, why, metrics, {})


def _reference(record: Record, solution: str) -> str:
    _, marker, number = solution.rpartition("####")
    if not marker or final_number(number) is None:
        record.fail("`answer` does not end in `#### ` and a number")
    return number.strip()


@cache  # what a file holds is fixed by its sha256
def _shots() -> tuple[tuple[str, str], ...]:
    records = islice(read_records(Gsm8k.files[1]), _SHOTS)
    return tuple((record.text("question"), record.text("answer")) for record in records)


def _strict(text: str) -> str:
    found = _STRICT.search(text)
    return found[1] if found else "[invalid]"


def _flexible(text: str) -> str:
    found = _FLEXIBLE.findall(text)
    return next(filter(None, found[-1])) if found else "[invalid]"


def _plain(text: str) -> str:
    return text.replace(",", "").replace("$", "").removesuffix(".")  # one after the other: "29.$" is 29


BENCHMARK = Gsm8k()

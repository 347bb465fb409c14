"""MT-Bench: 80 questions of two turns, rated from 1 to 10 by another model (Zheng et al. 2023, arXiv:2306.05685).

The rater's prompts are the published ones, read from `judge_prompts.jsonl`, and so are the temperatures of the eight
categories (FastChat, `llm_judge/common.py`). Math, reasoning and coding are rated beside reference answers that GPT-4
wrote. Some of these are wrong: the variant `masked_references` rates those questions without one. A rating is the first
`[[7]]` in what the rater says, else the first `[7]`, and lies between 1 and 10; a reply without is "unrated": its
question has no value then, and the notes count it. `rating` is the mean of all ratings that there are, as published.

A run is one sample of each question and one rating of each reply. Runs differ by 0.1 or 0.2, so `--samples` repeats
both, and the notes say how far the repeats lie apart. Not covered: the pairwise prompts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from sparkgap.benchmarks import Ability, Unit
from sparkgap.benchmarks._answers import unanswered
from sparkgap.benchmarks._published import read_records
from sparkgap.stats import Interval, mean_interval
from sparkgap.types import Decoding, Feature, Message, Outcome, Problem, Reply, Request, Role, Variant

_CHAT: frozenset[Feature] = frozenset({"chat"})
_REFERRED = ("math", "reasoning", "coding")  # the categories that are rated beside a reference
_TEMPERATURES = {"writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1}  # the others are greedy
_WARMEST = Decoding(temperature=0.7, max_tokens=1024)  # each question has its category's own temperature
_RATER = Decoding(temperature=0.0, max_tokens=2048)
_RATING = re.compile(r"\[\[(\d+\.?\d*)\]\]")
_RATING_IN_ONE = re.compile(r"\[(\d+\.?\d*)\]")

# References with a fault in either turn. The first thirteen were found by Zhilin Wang and a colleague (FastChat, pull
# request 3158) and checked again here, by hand or by running them; 107 and 127 were found here.
WRONG_REFERENCES: Mapping[int, str] = {
    104: "both turns: David is the one brother of his sisters, so he has none, and one if each sister has two",
    105: "turn 1: Cheryl, where the clues make Alice the secretary",
    109: "both turns: a shadow to the west on the right hand means facing south, not north",
    111: "both turns: the points are on no line; the area is 3, the circle's 5 pi",
    113: "turn 2: 51 %, where somebody who likes green cannot dislike both colours",
    114: "both turns: 34/36, where one throw of 36 is below 3, and every throw is even or at least 3",
    120: "turn 2: a root near 1.65, where turn 1 found f(2) = 0",
    122: "turn 2: the program reads before its vector for n < 1",
    124: "turn 2: calls the function correct before it names the bug",
    125: "both turns: the lowest common ancestor, where the highest is the root",
    126: "turn 1: calls impossible what a merge of two pointers does",
    128: "both turns: the programs count no tree of more than one vertex",
    130: "both turns: elements that are there twice are printed twice",
    107: "turn 2: four generations, where there are three between A and Z",
    127: "turn 2: a vote of two candidates misses the top two, as of 1 4 2 1 3 2",
}


class MtBench:
    """80 questions in published order; turns, category and references are in the metadata."""

    name = "mt_bench"
    title = "MT-Bench: 80 questions of two turns, rated by a model"
    files: tuple[str, ...] = (
        "mt_bench/question.jsonl", "mt_bench/judge_prompts.jsonl", "mt_bench/reference_answer/gpt-4.jsonl",
    )  # fmt: skip
    ability: Ability = "chat"
    split = ""
    metrics = ("rating", "turn_1", "turn_2")
    unit: Unit = "rating"
    variants = (
        Variant("published", "two turns, rated beside the published references", _CHAT, _WARMEST),
        Variant(
            "masked_references",
            "the same, with no reference for the 15 questions whose reference is known to be wrong",
            _CHAT,
            _WARMEST,
        ),
    )

    def problems(self) -> Iterator[Problem]:
        """Yield the questions; `prompt` is the first turn, `reference` both reference answers, "" where there are none.

        Raises:
            DataError: a published file is missing or is not the published one.
        """
        references = {
            int(record.number("question_id")): _both(record.rows("choices")[0]["turns"])
            for record in read_records(self.files[2])
        }
        for record in read_records(self.files[0]):
            number, turns = int(record.number("question_id")), record.texts("turns")
            found = references.get(number, ())
            yield Problem(
                id=f"MT-Bench/{number}",
                benchmark=self.name,
                prompt=turns[0],
                reference="\n\n".join(found),
                tests=None,
                language="",
                metadata={"category": record.text("category"), "turns": list(turns), "references": list(found)},
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the next turn of the conversation, at the temperature of the question's category."""
        turns = problem.metadata["turns"]
        if len(replies) == len(turns) or any(reply.error for reply in replies):
            return None
        said: list[Message] = []
        for turn, reply in zip(turns, replies, strict=False):
            said += (Message("user", turn), Message("assistant", reply.text))
        decoding = replace(variant.decoding, temperature=_TEMPERATURES.get(problem.metadata["category"], 0.0))
        return Request(messages=(*said, Message("user", turns[len(replies)])), decoding=decoding)

    def rate(
        self, problem: Problem, variant: Variant, replies: tuple[Reply, ...], ratings: tuple[Reply, ...]
    ) -> Request | None:
        """Return the request to rate the first answer, then the one to rate the second in its conversation."""
        if len(ratings) == 2 or len(replies) != 2 or any(reply.error for reply in replies):
            return None
        turns, references = problem.metadata["turns"], _references(problem, variant)
        values = {"question": turns[0], "answer": replies[0].text}
        for number, (turn, reply) in enumerate(zip(turns, replies, strict=True), 1):
            values |= {f"question_{number}": turn, f"answer_{number}": reply.text}
        values |= {f"ref_answer_{number}": text for number, text in enumerate(references, 1)}
        name = f"single-{'math-' if references else ''}v1{'-multi-turn' if ratings else ''}"
        return Request(messages=tuple(_filled(name, values)), decoding=_RATER)

    def score(
        self, problem: Problem, variant: Variant, replies: tuple[Reply, ...], ratings: tuple[Reply, ...]
    ) -> Outcome:
        """Return the mean of both ratings, unscored where one of them is missing."""
        details: dict[str, Any] = {"category": problem.metadata["category"]}
        if (lost := unanswered(replies)) is not None:
            return replace(lost, details=details)
        read = {f"turn_{number}": read_rating(rating.text) for number, rating in enumerate(ratings, 1)}
        metrics = {name: rating for name, rating in read.items() if rating is not None}
        answer = ", ".join("none" if rating is None else f"{rating:g}" for rating in read.values())
        details |= metrics
        if len(metrics) < 2:
            fault = next((rating.error for rating in ratings if rating.error), "no rating from 1 to 10 was found")
            return Outcome(None, "unrated", f"the rater: {fault}", answer, metrics, details)
        value = sum(metrics.values()) / 2
        return Outcome(value, "rated", "", answer, {"rating": value} | metrics, details)

    def total(self, records: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Interval], Mapping[str, str]]:
        """Return the mean of all ratings and of each turn's; notes on categories, missing ratings and repeats."""
        rated = [(r, _ratings(r["details"])) for r in records if r["status"] in ("rated", "unrated")]
        by_question: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in self.metrics}
        by_category: dict[str, list[float]] = defaultdict(list)
        by_repeat: dict[int, list[float]] = defaultdict(list)
        for record, ratings in rated:
            by_category[record["details"]["category"]] += ratings.values()
            by_repeat[record.get("sample_index", 0)] += ratings.values()
            for name, rating in ratings.items():
                by_question["rating"][record["problem_id"]].append(rating)
                by_question[name][record["problem_id"]].append(rating)
        there = sum(len(ratings) for _, ratings in rated)
        notes = {name: f"{_mean(ratings):.2f}" for name, ratings in sorted(by_category.items()) if ratings}
        notes["ratings missing"] = f"{2 * len(rated) - there} of {2 * len(rated)}"
        means = sorted(_mean(ratings) for ratings in by_repeat.values() if ratings)
        if len(means) > 1:
            notes["repeats"] = f"{len(means)}, from {means[0]:.2f} to {means[-1]:.2f}"
        return {name: _interval(list(each.values())) for name, each in by_question.items() if each}, notes


def read_rating(text: str) -> float | None:
    """Return the rating in what a rater said: its first `[[7]]`, else its first `[7]`, if that is between 1 and 10."""
    found = _RATING.search(text) or _RATING_IN_ONE.search(text)
    rating = float(found[1]) if found else 0.0
    return rating if 1 <= rating <= 10 else None


def _references(problem: Problem, variant: Variant) -> tuple[str, ...]:
    """Return the references that the rater sees: both turns' or none."""
    masked = variant.name == "masked_references" and int(problem.id.rpartition("/")[2]) in WRONG_REFERENCES
    if masked or problem.metadata["category"] not in _REFERRED:
        return ()
    return tuple(problem.metadata["references"])


def _filled(name: str, values: Mapping[str, str]) -> Iterator[Message]:
    system, template = _prompts()[name]
    roles: tuple[tuple[Role, str], ...] = (("system", system), ("user", template.format(**values)))
    return (Message(role, text) for role, text in roles)


@cache  # what a file holds is fixed by its sha256
def _prompts() -> Mapping[str, tuple[str, str]]:
    """Return the system prompt and the template of each published prompt, by name."""
    records = read_records(MtBench.files[1])
    return {each.text("name"): (each.text("system_prompt"), each.text("prompt_template")) for each in records}


def _both(turns: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(turn) for turn in turns)


def _ratings(details: Mapping[str, Any]) -> dict[str, float]:
    return {name: details[name] for name in ("turn_1", "turn_2") if name in details}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _interval(by_question: list[list[float]]) -> Interval:
    """Return the mean of all ratings with Student's interval over questions, moved where some ratings are missing."""
    over_questions = mean_interval([_mean(ratings) for ratings in by_question])
    value = _mean([rating for ratings in by_question for rating in ratings])
    low, high = (value + bound - over_questions.value for bound in (over_questions.low, over_questions.high))
    return Interval(value, max(1.0, min(value, low)), min(10.0, max(value, high)), over_questions.method)


BENCHMARK = MtBench()

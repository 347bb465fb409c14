"""GSM8K: its data, its shots, and three readings of a reply, two of them lm-evaluation-harness's."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from sparkgap.benchmarks.gsm8k import BENCHMARK as GSM8K
from sparkgap.types import Problem, Reply

ZERO_SHOT, EIGHT_SHOT, EIGHT_SHOT_CHAT = GSM8K.variants


@pytest.fixture(autouse=True)
def _published(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))


def scores(reply: str, reference: str = "29") -> dict[str, float]:
    """Return every metric of a reply to a problem whose answer is `reference`."""
    problem = Problem(id="GSM8K/0", benchmark="gsm8k", prompt="?", reference=reference, tests=None)
    return dict(GSM8K.score(problem, ZERO_SHOT, (Reply(text=reply),), ()).metrics)


def test_every_problem_is_there_and_its_own_solution_is_right(published: Path) -> None:
    problems = list(GSM8K.problems())
    assert len(problems) == 1319
    lines = (published / "gsm8k" / "test.jsonl").read_text("utf-8").splitlines()
    for problem, line in zip(problems, lines, strict=True):
        record = json.loads(line)
        assert problem.prompt == record["question"]
        assert record["answer"].endswith(f"#### {problem.reference}")
        outcome = GSM8K.score(problem, EIGHT_SHOT, (Reply(text=record["answer"]),), ())
        assert outcome.metrics == {"numeric": 1, "flexible": 1, "strict": 1}
        assert (outcome.value, outcome.status) == (1, "passed")


def test_another_problems_solution_is_wrong_unless_the_numbers_agree() -> None:
    problems = list(GSM8K.problems())
    for problem, other in pairwise(problems):
        outcome = GSM8K.score(problem, ZERO_SHOT, (Reply(text=other.metadata["solution"]),), ())
        same = other.reference.replace(",", "") == problem.reference.replace(",", "")
        assert outcome.value == same, (problem.id, other.id)


@pytest.mark.parametrize(
    ("reply", "numeric", "flexible", "strict"),
    [
        ("#### 29", 1, 1, 1),
        ("She pays 29 dollars.\n#### 29\n", 1, 1, 1),
        ("It costs $29.00.", 1, 0, 0),  # the trap: as text, "29.00" is not "29"
        ("#### $29", 1, 1, 0),
        ("The answer is 29.", 1, 1, 0),
        ("It costs 29.$", 1, 1, 0),
        ("The answer is 29. I needed 3 steps for it.", 1, 0, 0),
        ("$\\boxed{29}$", 1, 1, 0),
        ("#### 29 of them, and 4 are left", 1, 0, 1),
        ("#### 12\nNo, again.\n#### 29", 1, 1, 0),
        ("#### 29.0", 1, 0, 0),
        ("I get 30.", 0, 0, 0),
        ("", 0, 0, 0),
        ("twenty-nine", 0, 0, 0),
    ],
)
def test_the_three_readings_of_hard_replies(reply: str, numeric: int, flexible: int, strict: int) -> None:
    assert scores(reply) == {"numeric": numeric, "flexible": flexible, "strict": strict}


def test_separators_in_the_reference_do_not_count() -> None:
    for reply in ("#### 1234567", "#### 1,234,567", "So it is \\boxed{1{,}234{,}567}."):
        assert scores(reply, "1,234,567")["numeric"] == 1
    assert scores("#### 1234567", "1,234,567") == {"numeric": 1, "flexible": 1, "strict": 1}


def test_a_reply_without_a_number_is_unparsed_and_wrong() -> None:
    (problem, *_) = GSM8K.problems()
    outcome = GSM8K.score(problem, ZERO_SHOT, (Reply(text="I cannot tell."),), ())
    assert (outcome.value, outcome.status, outcome.answer) == (0, "unparsed", "")


def test_the_shots_are_the_first_eight_of_the_training_file(published: Path) -> None:
    (problem, *_) = GSM8K.problems()
    lines = (published / "gsm8k" / "train.jsonl").read_text("utf-8").splitlines()[:8]
    shots = [(record["question"], record["answer"]) for record in map(json.loads, lines)]
    text = GSM8K.ask(problem, EIGHT_SHOT, ()).text
    expected = "".join(f"Question: {question}\nAnswer: {answer}\n\n" for question, answer in shots)
    assert text == f"{expected}Question: {problem.prompt}\nAnswer:"
    messages = GSM8K.ask(problem, EIGHT_SHOT_CHAT, ()).messages
    assert [(one.content, two.content) for one, two in zip(messages[:-1:2], messages[1::2], strict=True)] == shots
    assert messages[-1].content == problem.prompt

"""MMLU: its archive, both ways of asking, and accuracy over questions and over subjects."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from statsmodels.stats.proportion import proportion_confint

from sparkgap.benchmarks import mmlu
from sparkgap.benchmarks.mmlu import BENCHMARK as MMLU
from sparkgap.errors import DataError
from sparkgap.types import Problem, Reply

FIVE_SHOT, ZERO_SHOT = MMLU.variants


@pytest.fixture
def problems(published: Path, monkeypatch: pytest.MonkeyPatch) -> list[Problem]:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    return list(MMLU.problems())


def test_every_question_is_there_once(problems: list[Problem]) -> None:
    assert Counter(problem.split for problem in problems) == {"test": 14042, "val": 1531, "dev": 285}
    assert len({problem.id for problem in problems}) == 15858
    subjects = Counter(problem.metadata["subject"] for problem in problems if problem.split == "test")
    assert len(subjects) == 57
    assert (subjects["professional_law"], subjects["abstract_algebra"]) == (1534, 100)
    assert {problem.reference for problem in problems} == set("ABCD")


def test_the_text_is_the_archives(problems: list[Problem], published: Path) -> None:
    by_id = {problem.id: problem for problem in problems}
    with zipfile.ZipFile(published / "mmlu" / "mmlu.zip") as archive:
        rows = list(csv.reader(io.StringIO(archive.read("data/test/high_school_psychology_test.csv").decode())))
    assert len(rows) == 545
    for number, (question, *choices, letter) in enumerate(rows):
        problem = by_id[f"MMLU/high_school_psychology/{number}"]
        assert problem.prompt.startswith(question.strip())
        assert problem.prompt.endswith("".join(f"\n{name}. {text}" for name, text in zip("ABCD", choices, strict=True)))
        assert problem.reference == letter
    assert any("\n" in row[0].strip() for row in rows) or any("\n" in p.prompt.split("\nA. ")[0] for p in problems)


def test_five_shots_are_the_subjects_dev_questions_with_their_letters(problems: list[Problem]) -> None:
    for subject in ("abstract_algebra", "high_school_european_history"):
        mine = [problem for problem in problems if problem.metadata["subject"] == subject]
        problem = next(problem for problem in mine if problem.split == "test")
        request = MMLU.ask(problem, FIVE_SHOT, ())
        dev = [f"{each.prompt}\nAnswer: {each.reference}\n\n" for each in mine if each.split == "dev"]
        assert len(dev) == 5
        named = subject.replace("_", " ")
        heading = f"The following are multiple choice questions (with answers) about {named}.\n\n"
        assert request.text == heading + "".join(dev) + f"{problem.prompt}\nAnswer:"
        assert request.choices == (" A", " B", " C", " D")


@pytest.mark.parametrize(
    ("logprobs", "letter"), [((-1, -2, -3, -4), "A"), ((-9, -9, -1e-3, -7), "C"), ((-2, -1, -1, -2), "B")]
)
def test_the_most_probable_letter_is_the_answer_and_the_first_of_equals(
    logprobs: tuple[float, ...], letter: str, problems: list[Problem]
) -> None:
    outcome = MMLU.score(problems[0], FIVE_SHOT, (Reply(logprobs=logprobs),), ())
    assert outcome.answer == letter
    assert outcome.value == (letter == problems[0].reference)


@pytest.mark.parametrize("logprobs", [(), (-1.0, -2.0), (math.nan,) * 4])
def test_without_log_probabilities_nothing_is_scored(logprobs: tuple[float, ...], problems: list[Problem]) -> None:
    outcome = MMLU.score(problems[0], FIVE_SHOT, (Reply(text="A", logprobs=logprobs),), ())
    assert (outcome.value, outcome.status) == (None, "unanswered")


def test_a_reply_without_a_letter_is_unparsed_and_wrong(problems: list[Problem]) -> None:
    outcome = MMLU.score(problems[0], ZERO_SHOT, (Reply(text="It depends."),), ())
    assert (outcome.value, outcome.status) == (0, "unparsed")


def record(subject: str, number: int, value: float | None) -> dict[str, object]:
    return {"problem_id": f"MMLU/{subject}/{number}", "value": value, "details": {"subject": subject}}


def test_accuracy_counts_questions_and_macro_accuracy_counts_subjects() -> None:
    records = [record("law", n, float(n < 30)) for n in range(90)] + [record("art", n, float(n < 5)) for n in range(10)]
    totals, notes = MMLU.total([*records, record("art", 10, None)])
    assert totals["accuracy"].value == pytest.approx(0.35)
    low, high = proportion_confint(35, 100, method="wilson")
    assert (totals["accuracy"].low, totals["accuracy"].high) == (pytest.approx(low), pytest.approx(high))
    assert totals["macro_accuracy"].value == pytest.approx((1 / 3 + 1 / 2) / 2)
    strata = [proportion_confint(passed, n, method="normal") for passed, n in ((30, 90), (5, 10))]
    half = math.sqrt(sum(((high - low) / 2) ** 2 for low, high in strata)) / 2
    assert totals["macro_accuracy"].value - totals["macro_accuracy"].low == pytest.approx(half, rel=0.05)
    assert notes == {"subjects": "2"}


@pytest.mark.parametrize("right", [0, 5, 30, 57])
def test_one_question_a_subject_is_as_unsure_as_so_many_questions(right: int) -> None:
    totals, _ = MMLU.total(record(f"s{n}", 0, float(n < right)) for n in range(57))
    low, high = proportion_confint(right, 57, method="wilson")
    assert totals["macro_accuracy"].value == totals["accuracy"].value
    assert totals["macro_accuracy"].high - totals["macro_accuracy"].low >= 0.95 * (high - low)


def test_several_samples_of_a_question_count_as_one_question() -> None:
    twice = [record("law", n, float(n % 2)) for n in range(50) for _ in range(4)]
    once = [record("law", n, float(n % 2)) for n in range(50)]
    (four, _), (one, _) = MMLU.total(twice), MMLU.total(once)
    assert four["macro_accuracy"] == one["macro_accuracy"]
    assert four["accuracy"].low == pytest.approx(one["accuracy"].low, abs=0.01)


def test_all_questions_are_asked_and_scored(problems: list[Problem]) -> None:
    """The whole of the test split with a scripted model, both ways: about a second of CPU."""
    asked = [problem for problem in problems if problem.split == MMLU.split]
    for variant in MMLU.variants:
        records = []
        for number, problem in enumerate(asked):
            request = MMLU.ask(problem, variant, ())
            letter = "ABCD"[number % 4]
            reply = Reply(text="Let me think. " * 50 + f"\nAnswer: {letter}") if request.messages else Reply(
                logprobs=tuple(-float(letter != each.strip()) for each in request.choices)
            )  # fmt: skip
            outcome = MMLU.score(problem, variant, (reply,), ())
            assert outcome.answer == letter
            records.append(record(problem.metadata["subject"], number, outcome.value))
        right = sum("ABCD"[number % 4] == problem.reference for number, problem in enumerate(asked))
        assert MMLU.total(records)[0]["accuracy"].value == pytest.approx(right / 14042)


@pytest.mark.parametrize("content", [b"", b"PK no zip", b"PK\x03\x04" + b"\0" * 100])
def test_a_damaged_archive_is_named(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mmlu.zip"
    path.write_bytes(content)
    monkeypatch.setattr(mmlu, "locate", lambda name: path)
    with pytest.raises(DataError, match=r"mmlu\.zip cannot be read .*sparkgap data fetch"):
        list(MMLU.problems())


def test_a_row_that_is_no_question_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mmlu.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/test/law_test.csv", "Right?,a,b,c,d,A\nWrong?,a,b,c,d,E\n")
    monkeypatch.setattr(mmlu, "locate", lambda name: path)
    with pytest.raises(DataError, match=r"law_test\.csv, row 2: not a question"):
        list(MMLU.problems())

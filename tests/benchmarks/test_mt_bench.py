"""MT-Bench: turns, temperatures, the published prompts, ratings in every form, and the four published answer files."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sparkgap.benchmarks.mt_bench import BENCHMARK as MT_BENCH
from sparkgap.benchmarks.mt_bench import WRONG_REFERENCES, read_rating
from sparkgap.types import Message, Problem, Reply, Variant

PUBLISHED, MASKED = MT_BENCH.variants
ANSWERS = ("claude-v1", "gpt-3.5-turbo", "gpt-4", "llama-13b")


@pytest.fixture
def problems(published: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, Problem]:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    return {int(problem.id.rpartition("/")[2]): problem for problem in MT_BENCH.problems()}


@pytest.fixture
def templates(published: Path) -> dict[str, dict[str, str]]:
    lines = (published / "mt_bench" / "judge_prompts.jsonl").read_text("utf-8").splitlines()
    return {record["name"]: record for record in map(json.loads, lines)}


def conversation(problem: Problem, answers: tuple[str, ...], rater, variant: Variant = PUBLISHED):
    """Return the ratings and the outcome of two answers, with `rater` called on each text that it is shown."""
    replies: tuple[Reply, ...] = ()
    while MT_BENCH.ask(problem, variant, replies):
        replies = (*replies, Reply(text=answers[len(replies)]))
    ratings: tuple[Reply, ...] = ()
    while request := MT_BENCH.rate(problem, variant, replies, ratings):
        assert request.decoding.temperature == 0
        ratings = (*ratings, Reply(text=rater(request.messages[-1].content)))
    return ratings, MT_BENCH.score(problem, variant, replies, ratings)


def test_ten_questions_of_each_category_and_thirty_with_a_reference(problems: dict[int, Problem]) -> None:
    assert sorted(problems) == list(range(81, 161))
    categories = Counter(problem.metadata["category"] for problem in problems.values())
    assert set(categories.values()) == {10}
    assert len(categories) == 8
    referred = Counter(p.metadata["category"] for p in problems.values() if p.metadata["references"])
    assert referred == {"math": 10, "reasoning": 10, "coding": 10}
    assert all(len(problem.metadata["turns"]) == 2 for problem in problems.values())


def test_the_second_turn_follows_the_first_answer(problems: dict[int, Problem]) -> None:
    problem = problems[81]
    first, second = problem.metadata["turns"]
    assert MT_BENCH.ask(problem, PUBLISHED, ()).messages == (Message("user", first),)
    request = MT_BENCH.ask(problem, PUBLISHED, (Reply(text="Aloha!"),))
    assert request.messages == (Message("user", first), Message("assistant", "Aloha!"), Message("user", second))
    assert MT_BENCH.ask(problem, PUBLISHED, (Reply(text="Aloha!"), Reply(text="Again."))) is None
    assert MT_BENCH.ask(problem, PUBLISHED, (Reply(error="503"),)) is None, "nothing can follow what never came"


def test_each_category_has_its_published_temperature(problems: dict[int, Problem]) -> None:
    warm = {p.metadata["category"]: MT_BENCH.ask(p, PUBLISHED, ()).decoding.temperature for p in problems.values()}
    assert warm == {
        "writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1,
        "math": 0, "reasoning": 0, "coding": 0, "extraction": 0,
    }  # fmt: skip


def test_no_variant_passes_for_greedy_and_loses_its_temperatures_when_repeated() -> None:
    assert {variant.decoding.temperature for variant in MT_BENCH.variants} == {0.7}


def test_the_rater_is_asked_with_the_published_prompts(problems: dict[int, Problem], templates) -> None:
    shown: list[Message] = []
    for problem in problems.values():
        (q1, q2), refs = problem.metadata["turns"], problem.metadata["references"]
        replies = (Reply(text="first {answer}"), Reply(text="second"))
        one = MT_BENCH.rate(problem, PUBLISHED, replies, ()).messages
        two = MT_BENCH.rate(problem, PUBLISHED, replies, (Reply(text="[[5]]"),)).messages
        math = "math-" if refs else ""
        for messages, name in ((one, f"single-{math}v1"), (two, f"single-{math}v1-multi-turn")):
            template = templates[name]["prompt_template"]
            for key, value in {
                "question": q1, "answer": "first {answer}", "question_1": q1, "question_2": q2,
                "answer_1": "first {answer}", "answer_2": "second",
                **{f"ref_answer_{n}": text for n, text in enumerate(refs, 1)},
            }.items():  # fmt: skip
                template = template.replace(f"{{{key}}}", value.replace("{", "\0"))
            assert messages == (
                Message("system", templates[name]["system_prompt"]), Message("user", template.replace("\0", "{")),
            )  # fmt: skip
        shown += (*one, *two)
    assert len(shown) == 320


def test_the_document_lists_the_same_wrong_references() -> None:
    text = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text("utf-8")
    rows = re.findall(r"^\| (1\d\d)(?: \(ours\))? \| ([12, ]+) \|", text, re.MULTILINE)
    assert {int(number) for number, _ in rows} == set(WRONG_REFERENCES)
    for number, turns in rows:
        told = WRONG_REFERENCES[int(number)]
        assert told.startswith("both turns" if turns == "1, 2" else f"turn {turns}")


def test_masked_references_are_shown_to_nobody_and_the_others_to_the_rater(problems: dict[int, Problem]) -> None:
    assert len(WRONG_REFERENCES) == 15
    assert all(problems[number].metadata["references"] for number in WRONG_REFERENCES)
    replies = (Reply(text="one"), Reply(text="two"))
    for number, problem in problems.items():
        for ratings in ((), (Reply(text="[[5]]"),)):
            seen = [
                MT_BENCH.rate(problem, variant, replies, ratings).messages[1].content for variant in (PUBLISHED, MASKED)
            ]
            if number not in WRONG_REFERENCES:
                assert seen[0] == seen[1]
            else:
                assert "Reference Answer" in seen[0]
                assert "Reference Answer" not in seen[1]


# The hand-written notes beside the questions, which FastChat shows no rater, against the references that GPT-4 wrote.
@pytest.mark.parametrize(
    ("number", "turn", "right", "wrong"),
    [
        (104, 1, "no brother", "only one brother"),
        (105, 1, "Alice", "is Cheryl"),
        (107, 2, "three generations", "four generations"),
        (109, 2, "South", "facing north"),
        (111, 1, "Area is 3", "area of the triangle is 0"),
        (113, 2, "0%", "51.11%"),
        (114, 1, "35/36", "34/36"),
        (120, 2, "x = 2", "1.65"),
    ],
)
def test_wrong_references_say_something_else_than_the_notes_of_their_authors(
    number: int, turn: int, right: str, wrong: str, problems: dict[int, Problem], published: Path
) -> None:
    lines = (published / "mt_bench" / "question.jsonl").read_text("utf-8").splitlines()
    notes = {record["question_id"]: record["reference"] for record in map(json.loads, lines) if "reference" in record}
    assert right in notes[number][turn - 1]
    assert wrong in problems[number].metadata["references"][turn - 1]
    assert f"turn {turn}" in WRONG_REFERENCES[number] or "both turns" in WRONG_REFERENCES[number]


@pytest.mark.parametrize(
    ("said", "rating"),
    [
        ("Rating: [[7]]", 7),
        ("Rating: [[7.5]]", 7.5),
        ("Rating: [[10]].", 10),
        ("[[3]] at first, but [[9]] on the whole", 3),  # the first, as published
        ("Rating: [8]", 8),
        ("[1] cites the source. Rating: [[6]]", 6),  # two brackets go before one
        ("Rating: [[7.]]", 7),
        ("**Rating: [[5]]**", 5),
        ("Rating: 7", None),
        ("Rating: [[7/10]]", None),
        ("Rating: [[rating]]", None),
        ("Rating: [[0]]", None),
        ("Rating: [[11]]", None),
        ("Rating: [[-3]]", None),
        ("Rating: [[ 7 ]]", None),
        ("", None),
        ("$ERROR$", None),
    ],
)
def test_ratings_in_every_form(said: str, rating: float | None) -> None:
    assert read_rating(said) == rating


@given(st.text() | st.from_regex(r"\[{1,2}\d*\.?\d*\]{0,2}"))
def test_a_rating_is_within_its_bounds_whatever_is_said(said: str) -> None:
    rating = read_rating(said)
    assert rating is None or 1 <= rating <= 10


def test_a_reply_without_a_rating_is_unrated_and_its_other_rating_kept(problems: dict[int, Problem]) -> None:
    said = iter(["Rating: [[8]]", "I would rather not say."])
    _, outcome = conversation(problems[81], ("one", "two"), lambda _: next(said))
    assert (outcome.value, outcome.status) == (None, "unrated")
    assert outcome.metrics == {"turn_1": 8}
    assert outcome.answer == "8, none"


def test_a_rater_that_failed_leaves_the_reply_unscored(problems: dict[int, Problem]) -> None:
    replies = (Reply(text="one"), Reply(text="two"))
    outcome = MT_BENCH.score(problems[81], PUBLISHED, replies, (Reply(text="[[8]]"), Reply(error="429 slow down")))
    assert (outcome.value, outcome.status) == (None, "unrated")
    assert "429" in outcome.why


@pytest.mark.parametrize("model", ANSWERS)
def test_a_published_answer_file_goes_through_with_a_scripted_rater(
    model: str, problems: dict[int, Problem], published: Path
) -> None:
    """The rater gives a rating by the length of what it is shown, and forgets it every 40th time."""
    lines = (published / "mt_bench" / "model_answer" / f"{model}.jsonl").read_text("utf-8").splitlines()
    given = {record["question_id"]: record["choices"][0]["turns"] for record in map(json.loads, lines)}
    asked: list[str] = []

    def rater(text: str) -> str:
        asked.append(text)
        return "No." if len(asked) % 40 == 0 else f"It is fine. Rating: [[{len(text) % 10 + 1}]]"

    records = []
    for number, problem in problems.items():
        ratings, outcome = conversation(problem, tuple(given[number]), rater)
        assert len(ratings) == 2
        assert given[number][0] in asked[-2]
        assert given[number][1] in asked[-1]
        records.append({"problem_id": problem.id, "sample_index": 0, "value": outcome.value, "status": outcome.status,
                        "details": dict(outcome.details)})  # fmt: skip
    metrics, notes = MT_BENCH.total(records)
    expected = [len(text) % 10 + 1 for place, text in enumerate(asked, 1) if place % 40]
    assert len(asked) == 160
    assert metrics["rating"].value == pytest.approx(sum(expected) / 156)
    assert notes["ratings missing"] == "4 of 160"
    assert sum(record["value"] is None for record in records) == 4
    assert set(notes) == {p.metadata["category"] for p in problems.values()} | {"ratings missing"}


def record(number: int, turn_1: float, turn_2: float, repeat: int = 0) -> dict[str, object]:
    return {"problem_id": f"MT-Bench/{number}", "sample_index": repeat, "value": (turn_1 + turn_2) / 2,
            "status": "rated", "details": {"category": "math", "turn_1": turn_1, "turn_2": turn_2}}  # fmt: skip


def test_the_interval_is_students_over_questions() -> None:
    records = [record(number, number % 10 + 1, number % 7 + 1) for number in range(81, 161)]
    metrics, _ = MT_BENCH.total(records)
    for name, values in {
        "rating": [each["value"] for each in records],
        "turn_1": [each["details"]["turn_1"] for each in records],
        "turn_2": [each["details"]["turn_2"] for each in records],
    }.items():
        low, high = stats.t.interval(0.95, 79, loc=sum(values) / 80, scale=stats.sem(values))
        found = metrics[name]
        assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_repeats_are_shown_and_make_no_question_count_twice() -> None:
    once = [record(number, number % 10 + 1, 5) for number in range(81, 161)]
    again = [record(number, number % 10 + 1, 6, repeat=1) for number in range(81, 161)]
    metrics, notes = MT_BENCH.total(once + again)
    assert notes["repeats"] == "2, from 5.25 to 5.75"
    assert metrics["rating"].value == pytest.approx(5.5)
    alone, _ = MT_BENCH.total(once)
    assert metrics["turn_1"].low == pytest.approx(alone["turn_1"].low)

"""Numbers and letters read out of hard replies, beside what the field's own patterns make of them."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.benchmarks._answers import chosen_letter, final_number, unanswered
from sparkgap.types import Reply

NUMBERS = {
    "29": 29,
    "$29.00.": 29,
    "#### 29": 29,
    "####29": 29,
    "so it is 12.\n#### 29\n": 29,
    "#### $1,234.50": Fraction("1234.5"),
    "#### 7\n\nWait, that forgets one.\n\n#### 8": 8,
    "The answer is 29 dollars.": 29,
    "The answer is **29**. It took 3 steps.": 29,
    "Answer: 29 eggs, in 7 days": 29,
    "**Answer:** $29$": 29,
    "**Final answer:**\n\n29": 29,
    "The final answer is $\\boxed{29}$.": 29,
    "\\boxed{1{,}234}": 1234,
    "\\boxed{1\\,234}": 1234,
    "\\boxed{\\text{29 dollars}}": 29,
    "\\boxed{\\frac{3}{4}}": Fraction(3, 4),
    "$\\boxed{-\\dfrac{1}{2}}$": Fraction(-1, 2),
    "\\[ 4 + 5 = \\boxed{9} \\]": 9,
    "The answer is 4 * 5 = 20 (4 boxes of 5).": 20,
    "The answer: x = 3": 3,
    "The answer is 4 \\times 5 = 2 x 10 = 20.": 20,
    "The answer is 29, because 2 * 10 = 20, and 9 more": 29,
    "To answer the question: 5 are red, so 7 are blue.": 7,
    "To find the answer, x = 5. Then 2 x 5 makes 10 eggs.": 10,
    "it costs 3 1/2 dollars": Fraction(7, 2),
    "3/4 of them": Fraction(3, 4),
    "She has 1,234,567 left": 1234567,
    "she has 1\u202f234 left": 1234,
    "loses \u221212 points": -12,
    "loses -$12": -12,
    "loses $-12": -12,
    "between 5-10": 10,
    "That is 80%.": 80,
    "80\\%": 80,
    "It takes 20kg": 20,
    "Tom came 1st with 42 points, in the 3rd race": 42,
    "12 * 3 = 36": 36,
    ".5 litres": Fraction(1, 2),
    "0.10": Fraction(1, 10),
    "The answer is not 5. It must be 6": 6,
    "The answer is unclear, but 17 seems likely": 17,
    "€1,000": 1000,
    "Answer: 1.": 1,
    "3,4": 4,
    "1,2,3": 3,
    "": None,
    "no number at all": None,
    "1/0": None,
    "x2y": None,
    "####": None,
}


@pytest.mark.parametrize(("reply", "number"), NUMBERS.items(), ids=[repr(reply)[:40] for reply in NUMBERS])
def test_the_number_that_a_reply_comes_to(reply: str, number: int | Fraction | None) -> None:
    assert final_number(reply) == number


LETTERS = {
    "Answer: C": "C",
    "Answer: C.": "C",
    "answer: c": "C",
    "ANSWER: (C)": "C",
    "**Answer: C**": "C",
    "**Answer:** C": "C",
    "Answer: **C**": "C",
    "Answer: $C$": "C",
    "Answer: $\\boxed{C}$": "C",
    "Answer:\n\nC": "C",
    "Answer: [C]": "C",
    "Answer: C) Paris": "C",
    "Answer: C. Paris": "C",
    "Answer: C Paris": "C",
    "Answer: A Tudor king": "A",
    "The answer is C.": "C",
    "The correct answer is option C": "C",
    "The correct answer is: (C) Paris.": "C",
    "So the best answer is therefore **C. Paris**.": "C",
    "\\boxed{C}": "C",
    "\\boxed{\\text{C}}": "C",
    "$$\\boxed{\\textbf{(C)}}$$": "C",
    "answer: A bit hard, let me think. Answer: C": "C",
    "Answer: A\nWait, no.\nAnswer: C": "C",
    "The answer is A, I thought; but the answer is C": "C",
    "Answer: A is wrong, for it lacks a term.\nAnswer: D": "D",
    "My answer is a guess. Answer: B": "B",
    "C": "C",
    "(C)": "C",
    "**C**": "C",
    "C.": "C",
    "C) Paris": "C",
    "It must be Paris.\n\n**C**": "C",
    "C. Paris\n\nThat is because it is the capital.": "C",
    "Option C": "C",
    "answer: A bit hard to say": "",
    "The answer is a dog": "",
    "The answer is not A": "",
    "The answer is Denmark": "",
    "Answer: E": "",
    "Answer: Carbon": "",
    "All of them are right": "",
    "A good question. I cannot tell.": "",
    "I'd say that it depends": "",
    "": "",
    "\n \n": "",
}


@pytest.mark.parametrize(("reply", "letter"), LETTERS.items(), ids=[repr(reply)[:40] for reply in LETTERS])
def test_the_letter_that_a_reply_chooses(reply: str, letter: str) -> None:
    assert chosen_letter(reply) == letter


def test_the_first_match_of_a_loose_pattern_is_the_trap_that_this_one_avoids() -> None:
    reply = "answer: A bit hard, let me think. Answer: C"
    loose = re.search(r"(?i)Answer[ \t]*:[ \t]*\$?([A-D])\$?", reply)  # the first, unanchored, as simple-evals has it
    assert loose is not None
    assert (loose[1], chosen_letter(reply)) == ("A", "C")


@given(
    st.text() | st.text(alphabet="0123456789,.$-/#= \nanswer:isABCD\\boxed{}()*") | st.from_regex(r"[Aa]nswer.{0,30}")
)
def test_any_text_is_read_without_a_fault(text: str) -> None:
    number, letter = final_number(text), chosen_letter(text)
    assert number is None or isinstance(number, Fraction)
    assert letter in ("", "A", "B", "C", "D")


@given(
    st.integers(-(10**9), 10**9), st.integers(0, 99), st.sampled_from(["{}", "Answer: {}", "#### {}", "\\boxed{{{}}}"])
)
def test_a_number_is_read_back_however_it_is_written(whole: int, cents: int, form: str) -> None:
    value = Fraction(whole) + Fraction(cents, 100) * (-1 if whole < 0 else 1)
    for text in (
        f"{whole}.{cents:02}",
        f"{whole:,}.{cents:02}",
        f"${whole}.{cents:02}",
        f"{whole:,}.{cents:02} apples.",
    ):
        assert final_number("Of 17 things: " + form.format(text)) == value


@given(st.sampled_from("ABCD"), st.text(alphabet="xyz .,\n", max_size=50))
def test_what_stands_before_an_announcement_does_not_matter(letter: str, before: str) -> None:
    assert chosen_letter(f"Answer: A?\n{before}\nAnswer: {letter}") == letter


@pytest.mark.parametrize(
    "text",
    [
        "answer " * 20000,
        "9" * 50000,
        "1,234," * 10000,
        "\\boxed{" * 10000,
        "- " * 50000,
        "1/" * 30000,
        "answer: " + "x " * 20000,
    ],
)
def test_a_long_reply_takes_no_longer_than_its_length(text: str) -> None:
    chosen_letter(text)
    final_number(text)


def test_a_reply_that_never_came_is_unscored() -> None:
    lost = unanswered((Reply(text="Answer: A"), Reply(error="429 too many requests")))
    assert lost is not None
    assert (lost.value, lost.status, lost.why) == (None, "unanswered", "429 too many requests")
    assert unanswered(()) is not None
    assert unanswered((Reply(text=""),)) is None, "an empty reply is an answer, and a wrong one"

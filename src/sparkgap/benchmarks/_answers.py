"""What a reply that is no program answers: the number it comes to, or the letter it chooses.

A reply is read from its end: a model that reasons names many numbers and letters before it settles. An announcement
("Answer: C", "#### 29", `\\boxed{29}`) goes before a bare number or letter, and the last announcement before earlier
ones. Not covered: numbers in words, decimal commas, answers in other languages than English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from sparkgap.types import Outcome, Reply

_REACH = 200  # characters after an announcement within which its number stands

_MINUS = str.maketrans({"\u2212": "-", "\ufe63": "-", "\uff0d": "-", "\u2013": "-"})
_THIN = re.compile(r"(?<=\d)(?:\{,\}|\\[,!;:]|[\u00a0\u2009\u202f])(?=\d{3})|(?<=\d)\\,(?=\d)")  # between thousands

_DIGITS = r"(?:\d{1,3}(?:,\d{3}){1,20}|\d{1,60})(?!\d)(?:\.\d{1,60})?|\.\d{1,60}"
_INT = r"\d{1,60}"
_NUMBER = re.compile(
    rf"(?P<sign>(?<![\w)\]}}.])-\s?)?(?:\\?[$£€]\s?)?(?P<inner>(?<![\w.,])-)?"
    rf"(?:\\[dt]?frac\s?\{{\s?(?P<top>-?{_INT})\s?\}}\s?\{{\s?(?P<bottom>{_INT})\s?\}}"
    rf"|(?<![\w.])(?:(?P<whole>{_INT})\s)?(?P<over>{_INT})/(?P<under>{_INT})(?![\w/])"
    rf"|(?P<digits>(?<![A-Za-z_.\d])(?:{_DIGITS}))(?!(?:st|nd|rd|th)\b))"
)
_ANNOUNCED = re.compile(r"####|\\boxed\s*\{|(?<!\bto )\banswer\b[^\n.:=]{0,40}?(?::|\bis\b)(?!\s*not\b)", re.IGNORECASE)
_EQUATION = re.compile(
    r"(?:(?:[\s\d.,$()+*/×÷^%{}-]|\\[A-Za-z]+(?![A-Za-z])|[A-Za-z](?![A-Za-z]))*=)+"
)  # all of one but its last side

# A letter that stands for a choice: marked up or not, and no article ("answer: A bit hard") or pronoun after it.
_MARKUP = r"[\s*_`$\"'(\[{]{0,12}(?:\\(?:boxed|text|textbf|mathrm|mathbf|bf)\s?\{?[\s*_`$\"'(\[{]{0,4}){0,3}"
_LETTER = _MARKUP + r"(?:(?:option|choice|letter)\s)?[(\[*_$]{0,4}(?P<letter>[A-Da-d])(?![\w'’])(?P<rest>[^\n]{0,3})"
_CHOSEN = re.compile(
    r"(?:\banswers?\b[^\n.:=]{0,60}?(?::|=|\bis\b)(?:\s(?:therefore|thus|hence|clearly))?|\\boxed\s?\{)" + _LETTER,
    re.IGNORECASE,
)
_ALONE = re.compile(r"^\W*(?:(?:option|choice)\s+)?(?P<letter>[A-D])\W*$|^\W*(?P<listed>[A-D])[).:]\s", re.IGNORECASE)


def final_number(reply: str) -> Fraction | None:
    """Return the number that a reply comes to, None where it names none.

    After the last announcement that a number follows, else the last number. Of an equation it is the last
    side; currency, units, percent signs, thousands separators and markup do not count.
    """
    text = _THIN.sub("", reply.translate(_MINUS))
    for found in reversed(list(_ANNOUNCED.finditer(text))):
        line = text[found.end() : found.end() + _REACH].lstrip().partition("\n")[0]
        equation = _EQUATION.match(line)
        if number := _NUMBER.search(line, equation.end() if equation else 0):
            return _value(number)
    numbers = list(_NUMBER.finditer(text))
    return _value(numbers[-1]) if numbers else None


def chosen_letter(reply: str) -> str:
    """Return the letter A to D that a reply chooses, "" where it chooses none: the last that is announced.

    Where none is announced, a first or last line that is only a letter counts, or begins with one as in a list.
    """
    for found in reversed(list(_CHOSEN.finditer(reply))):
        letter, rest = found["letter"], found["rest"]
        article = letter in "Aa" and re.match(r" [a-z]", rest) is not None
        if not article and (letter.isupper() or not rest.startswith(" ") or not rest.strip()):
            return letter.upper()
    lines = [line for line in reply.strip().split("\n") if line.strip()]
    for line in (lines[-1], lines[0]) if lines else ():
        if alone := _ALONE.search(line):
            return (alone["letter"] or alone["listed"]).upper()
    return ""


def unanswered(replies: tuple[Reply, ...]) -> Outcome | None:
    """Return the outcome of replies of which one never came (or there is none), None where all came."""
    fault = next((reply.error for reply in replies if reply.error), "" if replies else "no reply")
    return Outcome(None, "unanswered", fault) if fault or not replies else None


def decided(right: bool, answer: str, why: str, metrics: Mapping[str, float], details: Mapping[str, Any]) -> Outcome:
    """Return the outcome of an answer that is right or wrong; nothing read is "unparsed", and counts as wrong."""
    status = "unparsed" if not answer else "passed" if right else "wrong"
    return Outcome(float(right), status, "" if right else why, answer, metrics, details)


def _value(found: re.Match[str]) -> Fraction | None:
    if found["digits"]:
        value = Fraction(found["digits"].replace(",", ""))
    else:
        top, bottom = found["top"] or found["over"], found["bottom"] or found["under"]
        if int(bottom) == 0:
            return None
        value = Fraction(int(top), int(bottom)) + int(found["whole"] or 0)
    return -value if found["sign"] or found["inner"] else value

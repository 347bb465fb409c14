"""Rules as a user writes them: "humaneval gap < 10", "all drop < 1", "mbpp >= 70".

rule      SUBJECT [QUANTITY] COMPARISON NUMBER [%]
SUBJECT   a benchmark (`humaneval`, `mmlu:five_shot`), an ability (`code`, `knowledge`, `math`, `chat`,
          `translation`: each of its benchmarks), or `all`
QUANTITY  gap or drop: theirs minus ours (a gap to somebody else, a drop from before, the same number);
          gain: ours minus theirs; without one, our own figure
COMPARISON  <  <=  >  >=
NUMBER    points of 100, or of a rating

"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from sparkgap.errors import InputError

Quantity = Literal["gap", "drop", "gain", ""]
Comparison = Literal["<", "<=", ">", ">="]

ALL = "all"
_QUANTITIES: tuple[Quantity, ...] = ("gap", "drop", "gain")
_COMPARISONS: tuple[Comparison, ...] = ("<", "<=", ">", ">=")
_TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w:.-]*)|([<>=!]+)|([+-]?(?:\d+(?:\.\d*)?|\.\d+))|(%)|(\S))")
_KINDS = ("word", "comparison", "number", "percent", "other")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `limit` is in points of 100 or of a rating."""

    subject: str
    quantity: Quantity
    comparison: Comparison
    limit: float

    def __str__(self) -> str:
        """Return it as it would be typed."""
        return " ".join(part for part in (self.subject, self.quantity, self.comparison, f"{self.limit:g}") if part)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


def parse_rule(text: str) -> Rule:
    """Return the rule that `text` writes.

    Raises:
        InputError: it writes none; the message points at the place.
    """
    tokens = [
        _Token(_KINDS[match.lastindex - 1], match.group(match.lastindex), match.start(match.lastindex))
        for match in _TOKEN.finditer(text)
        if match.lastindex
    ]
    tokens.append(_Token("end", "", len(text.rstrip())))
    subject = _expect(text, tokens, "word", "a benchmark, an ability or `all`")
    quantity: Quantity = ""
    if tokens[0].kind == "word":
        quantity = _quantity(text, tokens.pop(0))
    sign = _expect(text, tokens, "comparison", f"one of {', '.join(_COMPARISONS)}")
    comparison = next((each for each in _COMPARISONS if each == sign.text), None)
    if comparison is None:
        raise _fault(text, sign.place, f"{sign.text!r} is none of {', '.join(_COMPARISONS)}")
    number = _expect(text, tokens, "number", "a number of points")
    if tokens[0].kind == "percent":
        tokens.pop(0)
    if tokens[0].kind != "end":
        raise _fault(text, tokens[0].place, "the rule should end here; give each rule a --rule of its own")
    return Rule(subject.text, quantity, comparison, float(number.text))


def _quantity(text: str, token: _Token) -> Quantity:
    for each in _QUANTITIES:
        if token.text == each:
            return each
    close = get_close_matches(token.text, _QUANTITIES, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise _fault(text, token.place, f"{token.text!r} is none of gap, drop and gain{hint}")


def _expect(text: str, tokens: list[_Token], kind: str, what: str) -> _Token:
    if tokens[0].kind != kind:
        raise _fault(text, tokens[0].place, f"expected {what}")
    return tokens.pop(0)


def _fault(text: str, place: int, what: str) -> InputError:
    shown = "".join(char if char.isprintable() else " " for char in text)
    return InputError(f'{what}; a rule is like "humaneval gap < 10"\n  {shown}\n  {" " * place}^')

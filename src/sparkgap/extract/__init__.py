"""A reply -> the program in it, twice over: as a harness would take it, and as a careful reader would.

The strict reading follows the published harnesses (human-eval, EvalPlus, simple-evals) to the letter. The lenient one
parses: it tries whole texts first, and loses nothing where one of them is a program, then gives up lines that are not
code. Replies are hostile text, so parsing is guarded and budgeted, and nothing here runs the program. Other languages
than Python are read by fences and brackets (`foreign.py`).
Not covered: tool calls, code with HTML entities, or with line numbers or `>>>` in front.
"""

from __future__ import annotations

from dataclasses import dataclass

from sparkgap.extract.foreign import program_in
from sparkgap.extract.markdown import PYTHON, fenced_blocks
from sparkgap.extract.parsing import Parser
from sparkgap.extract.reading import Reader, below, plain_newlines
from sparkgap.types import Problem, SampleForm


@dataclass(frozen=True, slots=True)
class Extraction:
    """The program in a reply, read strictly and leniently; "" where there is none; and how each was come by."""

    strict: str
    lenient: str
    how_strict: str
    how_lenient: str


def extract(reply: str, problem: Problem, form: SampleForm) -> Extraction:
    """Return the program in `reply`, an answer to `problem` in the given form.

    Strict: a "completion" goes on from the prompt where the problem continues; a "solution" is taken verbatim; of a
    "response" its first closed Python fence, else the whole, appended to the prompt where that continues and the code
    lacks the entry point. Lenient: the best that parsing finds, with those imports and functions of the prompt that
    it needs; the strict one again where nothing parses. Never raises, whatever the text.
    """
    if not reply.strip():
        return Extraction("", "", "empty reply", "empty reply")
    if problem.language not in ("", "python"):
        return Extraction(*program_in(reply, problem, form))
    parser = Parser(problem.entry_point)
    strict, how_strict = _strict(reply, problem, form, parser)
    lenient, how_lenient = Reader(problem, form, parser).read(reply) or (strict, "as strict: no other program found")
    if plain_newlines(lenient).strip() == plain_newlines(strict).strip():
        # The same program: the strict one stands as it was written.
        return Extraction(strict, strict, how_strict, how_lenient)
    return Extraction(strict, lenient, how_strict, how_lenient)


def _strict(reply: str, problem: Problem, form: SampleForm, parser: Parser) -> tuple[str, str]:
    if form == "solution":
        return reply, "verbatim"
    if form == "completion":
        return (problem.prompt + reply, "prompt + completion") if problem.continues else (reply, "verbatim")
    blocks = fenced_blocks(plain_newlines(reply), lambda _: False)
    first = next((block.text for block in blocks if block.closed and block.label in PYTHON), None)
    text, how = (reply, "whole reply") if first is None else (first, "first fenced block")
    if problem.continues and not parser.defines(text):
        return below(problem.prompt, text), f"{how}, appended to the prompt"
    return text, how

"""CRUXEval: 800 short functions, what they return and for which input (Gu et al. 2024, arXiv:2401.03065).

Two tasks: `output`, what `f(input)` gives, and `input`, some input for which `f` gives the output. Either answer is an
assertion in `[ANSWER]` tags, as published, with examples before it; `_cot` asks for the steps first. The tags, the form
and the number of examples are the paper's, the wording and the examples are ours. An answer is right where it holds
when run: the judge evaluates it, `input`'s together with the function. As published, an output may be an expression
but not a call of the function itself; unlike there, an answer that could do more than compute is no answer (of the
published inputs one is refused: CRUXEval/258 names a variable of its code).

The published figures draw ten samples at temperature 0.2 and report pass@1; one sample at that temperature measures
the same. `--samples 10` makes it as narrow.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._expressions import assertion, harmless, source
from sparkgap.benchmarks._published import read_records
from sparkgap.types import CodeTests, Decoding, Feature, Message, Problem, Reply, Request, Variant

_OPEN, _CLOSE = "[ANSWER]", "[/ANSWER]"
_FENCE = re.compile(r"^\s*```\w*\n|\n?```\s*$")


@dataclass(frozen=True, slots=True)
class _Example:
    """A function with a call, its value, and the steps from one to the other, for each of the two tasks."""

    code: str
    arguments: str
    value: str
    forward: str
    backward: str


_EXAMPLES = (
    _Example(
        "def f(words):\n    return [w for w in words if len(w) > 2]",
        "['to', 'are', 'sun']",
        "['are', 'sun']",
        "f keeps the words longer than 2 letters. 'to' has 2 and goes; 'are' and 'sun' have 3 and stay, in order.",
        "f keeps the words longer than 2 letters, in order. The result has 'are' and 'sun', so a list with these two, "
        "and perhaps shorter words beside them, will do.",
    ),
    _Example(
        "def f(n, k):\n    for _ in range(k):\n        n = n * 2 - 1\n    return n",
        "3, 2",
        "9",
        "n starts as 3 and the loop runs twice. First n becomes 3 * 2 - 1 = 5, then 5 * 2 - 1 = 9. f returns 9.",
        "Each round makes n * 2 - 1. To end at 9 the last n must be 5, and the one before it 3. So n = 3 with k = 2.",
    ),
)

_TASKS = {
    "output": "Finish the assertion on this Python function: in place of ??, write what the function really returns "
    "for this input, whatever it was meant to do, as a literal without calls or operators.",
    "input": "Finish the assertion on this Python function: in place of ??, write an input for which the function "
    "returns this value. There may be several; give one, as literals.",
}
_FORMS = {
    False: f" Write nothing but the whole assertion between {_OPEN} and {_CLOSE}.",
    True: f" First trace the code step by step, then write the whole assertion between {_OPEN} and {_CLOSE}.",
}


def _variant(task: str, cot: bool, completion: bool) -> Variant:
    asked = "what the function returns" if task == "output" else "an input for what it returns"
    needs: frozenset[Feature] = frozenset({"completion"} if completion else {"chat"})
    return Variant(
        f"{task}{'_cot' if cot else ''}{'_completion' if completion else ''}",
        f"{asked}, {'after its steps' if cot else 'at once'}{', as a text to go on from' if completion else ''}",
        needs,
        Decoding(temperature=0.2, max_tokens=2048 if cot else 512, stop=(_CLOSE,) if completion else ()),
    )


class CruxEval:
    """800 functions in one split, in published order; each serves both tasks."""

    name = "cruxeval"
    title = "CRUXEval: 800 functions, what they return and for which input"
    files: tuple[str, ...] = ("cruxeval/cruxeval.jsonl",)
    ability: Ability = "code"
    split = ""
    variants = tuple(
        _variant(task, cot, completion) for completion in (False, True) for cot in (False, True) for task in _TASKS
    )

    def problems(self) -> Iterator[Problem]:
        """Yield the problems; the reference is a program whose `answer` calls the function with the published input.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for number, record in enumerate(read_records(self.files[0])):
            code, arguments, output = record.text("code"), record.text("input"), record.text("output")
            if record.text("id") != f"sample_{number}":
                record.fail(f"`id` is not sample_{number}")
            yield Problem(
                id=f"CRUXEval/{number}",
                benchmark=self.name,
                prompt=code,
                reference=_calling(code, f"f({arguments})"),
                tests=CodeTests(f"assert answer() == {output}\n"),
                entry_point="answer",
                metadata={"input": arguments, "output": output},
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: examples, then the function with a gap in its assertion."""
        if replies:
            return None
        task, cot = _task(variant), "_cot" in variant.name
        shots = _EXAMPLES[1:] if cot else _EXAMPLES
        heading = _TASKS[task] + _FORMS[cot]
        asked = _question(problem.prompt, task, problem.metadata["input"], problem.metadata["output"])
        questions = [_question(shot.code, task, shot.arguments, shot.value) for shot in shots]
        answers = [_answer(shot, task, cot) for shot in shots]
        if "completion" in variant.needs:
            solved = "".join(f"{one}\n{two}\n\n" for one, two in zip(questions, answers, strict=True))
            return Request(
                text=f"{heading}\n\n{solved}{asked}\n{'[THOUGHT]' if cot else _OPEN}\n", decoding=variant.decoding
            )
        turns: list[Message] = []
        for question, answer in zip(questions, answers, strict=True):
            turns += (Message("user", question), Message("assistant", answer))
        turns.append(Message("user", asked))
        turns[0] = replace(turns[0], content=f"{heading}\n\n{turns[0].content}")
        return Request(messages=tuple(turns), decoding=variant.decoding)

    def program(self, problem: Problem, variant: Variant, reply: str) -> tuple[str, str]:
        """Return a program whose `answer` gives what the reply's expression gives, and how that was read."""
        text, how = _answered(reply, variant)
        call, value = assertion(text, "f")
        if _task(variant) == "input":
            expression: ast.expr | None = call
            parts = [] if call is None else [*call.args, *(keyword.value for keyword in call.keywords)]
        else:
            expression = value if value is not None or call is None else call
            parts = [] if expression is None else [expression]
        if expression is None:
            return "", f"{how}: no {'call of f' if _task(variant) == 'input' else 'expression'} in it"
        if not all(map(harmless, parts)):
            return "", f"{how}: does more than compute a value from literals"
        return _calling(problem.prompt if _task(variant) == "input" else "", source(expression)), how


def _task(variant: Variant) -> str:
    return variant.name.partition("_")[0]


def _question(code: str, task: str, arguments: str, value: str) -> str:
    gap = f"assert f({arguments}) == ??" if task == "output" else f"assert f(??) == {value}"
    return f"[PYTHON]\n{code}\n{gap}\n[/PYTHON]"


def _answer(shot: _Example, task: str, cot: bool) -> str:
    thought = f"[THOUGHT]\n{shot.forward if task == 'output' else shot.backward}\n[/THOUGHT]\n" if cot else ""
    return f"{thought}{_OPEN}\nassert f({shot.arguments}) == {shot.value}\n{_CLOSE}"


def _answered(reply: str, variant: Variant) -> tuple[str, str]:
    """Return the text of the last answer in a reply, and where it stood; all of it where it has no tags."""
    if "completion" in variant.needs and "_cot" not in variant.name:  # the prompt has opened the tag
        text, how = reply.partition(_CLOSE)[0], "up to the closing tag"
    else:
        before, opened, after = reply.rpartition(_OPEN)
        text, how = (after.partition(_CLOSE)[0], "last answer tag") if opened else (reply, "whole reply")
        if opened and not text.strip():
            text = before.rpartition(_OPEN)[2].partition(_CLOSE)[0]
    return _FENCE.sub("", text), how


def _calling(code: str, expression: str) -> str:
    return f"{code}\n\n\ndef answer():\n    return {expression}\n".lstrip("\n") if expression else ""


BENCHMARK = CruxEval()

"""How problems are put to a model: the requests and variants that several benchmarks share.

The wording for chat models is ours; it asks for what EvalPlus (arXiv:2305.01210) asks for, a self-contained program in
one fenced block. What base models see is as published: HumanEval's prompt to the last newline (stripped of it, a base
model scores half), MBPP's `[BEGIN]`/`[DONE]` form (Austin et al. 2021, arXiv:2108.07732, figure 3), and the docstring
form of InCoder (Fried et al. 2022, arXiv:2204.05999).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparkgap.types import CodeTests, Decoding, Feature, Message, Problem, Request, Variant

_CHAT: frozenset[Feature] = frozenset({"chat"})
_COMPLETION: frozenset[Feature] = frozenset({"completion"})

# Where a completion of a function ends (Chen et al. 2021, arXiv:2107.03374, 4.1).
FUNCTION_STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
# Where a program that answers a docstring ends: bigcode-evaluation-harness, and EvalPlus.
DOCSTRING_STOPS = ("\nclass", "\nassert", '\n"""', "\nprint", "\nif", "\n<|/", "\n```")
EVALPLUS_STOPS = ('\n"""', "\nassert", "\nprint(", "\nif __name__", "\ndef main(")

CHAT = Variant("chat", "one chat turn that asks for the whole program", _CHAT, Decoding(max_tokens=2048))
COMPLETION = Variant(
    "completion",
    "the prompt as published, to go on from",
    _COMPLETION,
    Decoding(max_tokens=512, stop=FUNCTION_STOPS),
    form="completion",
)

ZERO_SHOT = Variant("zero_shot", "one chat turn with the task and its first assert", _CHAT, Decoding(max_tokens=2048))
THREE_SHOT = Variant(
    "three_shot",
    "tasks 2, 3 and 4 solved between [BEGIN] and [DONE], then the task with all its asserts, to go on from",
    _COMPLETION,
    Decoding(max_tokens=512, stop=("[DONE]",)),
    form="completion",
)
THREE_SHOT_CHAT = Variant(
    "three_shot_chat", "the same three shots as turns of a chat, code in fences", _CHAT, Decoding(max_tokens=2048)
)
DOCSTRING = Variant(
    "docstring",
    "a docstring of the task and its first assert, to go on from",
    _COMPLETION,
    Decoding(max_tokens=512, stop=DOCSTRING_STOPS),
    form="completion",
)
DOCSTRING_EVALPLUS = Variant(
    "docstring",
    "a docstring of the task and its first assert, to go on from, stopped as EvalPlus does",
    _COMPLETION,
    Decoding(max_tokens=768, stop=EVALPLUS_STOPS),
    form="completion",
)


@dataclass(frozen=True, slots=True)
class Shot:
    """A solved task that is shown before the one to solve."""

    text: str
    tests: str
    code: str


def mbpp_shots(problems: Iterable[Problem]) -> tuple[Shot, ...]:
    """Return the three tasks that MBPP's authors show first: 2, 3 and 4."""
    wanted = {f"Mbpp/{number}" for number in (2, 3, 4)}
    return tuple(Shot(str(p.metadata["text"]), _asserts(p), p.reference) for p in problems if p.id in wanted)


def turn(text: str, decoding: Decoding) -> Request:
    """Return a request of one user turn."""
    return Request(messages=(Message("user", text),), decoding=decoding)


def ask_for_function(problem: Problem, variant: Variant) -> Request:
    """Return the request for code that goes on from `problem.prompt`, or a completion of it."""
    if variant.form == "completion":
        return Request(text=problem.prompt, decoding=variant.decoding)
    return turn(
        "Complete this Python function. Answer with a self-contained program in one fenced code block: the whole "
        f"function, and the imports and helpers that it needs.\n\n```python\n{problem.prompt.strip()}\n```",
        variant.decoding,
    )


def ask_for_program(problem: Problem, variant: Variant) -> Request:
    """Return the request for a program that `problem.prompt`, a docstring, describes."""
    if variant.form == "completion":
        return Request(text=problem.prompt, decoding=variant.decoding)
    return turn(
        "Write a Python program that solves this task. Answer with a self-contained program in one fenced code block; "
        f"the assert shows how it is called.\n\n```python\n{problem.prompt.strip()}\n```",
        variant.decoding,
    )


def ask_after_shots(problem: Problem, variant: Variant, shots: Sequence[Shot]) -> Request:
    """Return the request for a task of MBPP after others that are solved; `metadata["text"]` is its description."""
    task = _mbpp_task(str(problem.metadata["text"]), _asserts(problem))
    if variant.form == "completion":
        solved = [f"{_mbpp_task(shot.text, shot.tests)}\n[BEGIN]\n{shot.code}\n[DONE]\n\n" for shot in shots]
        return Request(text="".join(solved) + f"{task}\n[BEGIN]\n", decoding=variant.decoding)
    messages = []
    for shot in shots:
        messages.append(Message("user", _mbpp_task(shot.text, shot.tests)))
        messages.append(Message("assistant", f"```python\n{shot.code}\n```"))
    return Request(messages=(*messages, Message("user", task)), decoding=variant.decoding)


def _mbpp_task(text: str, tests: str) -> str:
    return (
        f"You are an expert Python programmer, and here is your task: {text} "
        f"Your code should pass these tests:\n\n{tests}"
    )


def _asserts(problem: Problem) -> str:
    return problem.tests.code if isinstance(problem.tests, CodeTests) else ""

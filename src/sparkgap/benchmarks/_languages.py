"""Functions to complete in languages other than Python: what HumanEval-X and MultiPL-E share.

The tests' prelude is made of the prompt: its head and helpers, and the function to complete as a declaration, in the
form that the judge's file of the language reads. Calls of that function then cross to the program's process.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._prompts import turn
from sparkgap.benchmarks._published import Record, read_records
from sparkgap.judge.languages._text import blanked
from sparkgap.types import Decoding, Feature, Problem, Reply, Request, Variant

NAMES = {
    "cpp": "C++", "go": "Go", "java": "Java", "javascript": "JavaScript", "rust": "Rust", "shell": "shell (bash)",
    "typescript": "TypeScript",
}  # fmt: skip
# Where a completion ends, if the benchmark does not say: at the bracket that closes the function.
STOPS = {
    "cpp": ("\n}",), "go": ("\n}",), "java": ("\n    }\n",), "javascript": ("\n}",), "rust": ("\n}",),
    "shell": ("\n}",), "typescript": ("\n}",),
}  # fmt: skip
_CHAT: frozenset[Feature] = frozenset({"chat"})
_COMPLETION: frozenset[Feature] = frozenset({"completion"})
VARIANTS = (
    Variant("chat", "one chat turn that asks for the whole program", _CHAT, Decoding(max_tokens=2048)),
    Variant(
        "completion",
        "the prompt as published, to go on from",
        _COMPLETION,
        Decoding(max_tokens=768, stop=("\n}",)),
        form="completion",
    ),
)


def ask(problem: Problem, variant: Variant) -> Request:
    """Return the request for code that goes on from `problem.prompt`, or a completion of it."""
    if variant.form == "completion":
        stops = tuple(problem.metadata.get("stops", ())) or STOPS.get(problem.language, ())
        return Request(text=problem.prompt, decoding=replace(variant.decoding, stop=stops))
    name = NAMES.get(problem.language, problem.language)
    label = problem.language
    return turn(
        f"Complete this {name} function. Answer with a self-contained program in one fenced code block: the whole "
        "function, and what it includes, imports or needs besides; no tests and no main function.\n\n"
        f"```{label}\n{problem.prompt.strip()}\n```",
        variant.decoding,
    )


class Translated(ABC):
    """The problems of one published file, in one language and one split, in published order."""

    ability: Ability = "code"
    split = ""
    variants = VARIANTS

    def __init__(self, name: str, language: str, title: str, file: str) -> None:
        """Name the benchmark as its file is, and the language as the judge does."""
        self.name, self.title, self._language = name, title, language
        self.files: tuple[str, ...] = (file,)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for record in read_records(self.files[0]):
            yield self._problem(record)

    @abstractmethod
    def _problem(self, record: Record) -> Problem: ...

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: the function to complete."""
        return None if replies else ask(problem, variant)


_HEADS = {"rust": r"\bfn\s+(\w+)", "go": r"^func\s+(\w+)"}


def declared(prompt: str, language: str) -> tuple[str, str]:
    """Return a prompt with the function that it leaves open as a declaration, and that function's name.

    Raises:
        ValueError: it leaves none open.
    """
    if language in ("javascript", "typescript"):
        heads = list(
            re.finditer(r"^(?:export\s+)?(?:const|let|var|(?:async\s+)?function)\s+([\w$]+)", prompt, re.MULTILINE)
        )
        if heads:
            return f"{prompt[: heads[-1].start()]}declare function {heads[-1][1]}();\n", heads[-1][1]
    elif language == "shell":
        heads = list(re.finditer(r"^(\w+)\s*\(\)\s*\{", prompt, re.MULTILINE))
        if heads:
            return f"{prompt[: heads[-1].start()]}declare -F {heads[-1][1]}\n", heads[-1][1]
    else:
        place = _open_bracket(blanked(prompt, lifetimes=language == "rust"), 1 if language == "java" else 0)
        head = prompt[:place].rstrip()
        names = re.findall(_HEADS.get(language, r"\b(\w+)\s*\([^()]*\)(?:\s*throws[\w\s.,]*)?\Z"), head, re.MULTILINE)
        if place >= 0 and names:
            return head + {"go": "\n", "java": ";\n}\n"}.get(language, ";\n"), names[-1]
    raise ValueError("the prompt leaves no function open")


def _open_bracket(plain: str, depth: int) -> int:
    """Return where the bracket stands that is open at the end, this deep; -1 if there is none."""
    opened: list[int] = []
    for bracket in re.finditer(r"[{}]", plain):
        if bracket[0] == "{":
            opened.append(bracket.start())
        elif opened:
            opened.pop()
    return opened[depth] if len(opened) > depth else -1


def more_declared(prelude: str, reference: str, code: str) -> Iterator[str]:
    """Yield declarations of the Rust functions that tests call and only the reference has."""
    for found in re.finditer(r"^\s*(?:pub\s+)?(fn\s+(\w+)\s*(?:<[^>]*>)?\s*\([^{]*?)\s*\{", reference, re.MULTILINE):
        if re.search(rf"\b{found[2]}\s*\(", code) and not re.search(rf"\bfn\s+{found[2]}\b", prelude):
            yield found[1] + ";"

"""Refuses training data that shares problems with what the model will be measured on.

Compared are ids, prompts, descriptions (docstrings up to their examples) and reference solutions, after case, white
space and quotes are evened out, and comments left out. Text is searched for them as well: a problem whose description
stands in a training text is shared, however that text is laid out. Solutions in Python are also compared by how they
are built, whatever their names and descriptions (`solutions.py`). Not covered: paraphrases, translations, and
solutions put in another way; no comparison of texts finds those.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sparkgap import plugins
from sparkgap.errors import DataError, InputError
from sparkgap.train.solutions import functions_of, hashes_in

if TYPE_CHECKING:
    from sparkgap.types import Problem

SHINGLE = 10  # words that must be the same in a row before a whole description is looked for
LEAST_CHARS = 60  # of a solution; shorter ones are written again and again by chance
_WORD = re.compile(r"[a-z0-9_]+|[^\sa-z0-9_\"'#`]")
_COMMENT = re.compile(r"#.*")
MADE_APART = ("katas", "katas_compact")  # their splits share no composition, but two may well be built alike


@dataclass(frozen=True, slots=True)
class Measured:
    """The problems that a model will be measured on, as what they are known by."""

    benchmarks: tuple[str, ...]
    ids: frozenset[str]
    texts: dict[str, str]  # evened text -> the problem's id
    shingles: dict[str, list[tuple[str, str]]]  # the first words of a text -> (text, id)
    shapes: Mapping[int, str] = field(default_factory=dict)  # how a solution is built -> the problem's id

    def shared_by(self, problem: Problem) -> str:
        """Return the id of the measured problem that this one is, "" if it is none."""
        if problem.id in self.ids:
            return problem.id
        for text in _parts(problem):
            if text in self.texts:
                return self.texts[text]
        return "" if problem.benchmark in MADE_APART else self.in_code(problem.reference)

    def in_row(self, given: str, learnt: str) -> str:
        """Return the id of a measured problem that stands in what is given and learnt, "" if there is none."""
        text = f"{given}\n{learnt}"
        if name := self.in_text(text) or self.in_code(text):
            return name
        return self.in_code(given + learnt) if given and "\n" not in (given[-1], learnt[:1]) else ""

    def in_code(self, text: str) -> str:
        """Return the id of a measured problem whose solution is built like a function in `text`, "" if none is."""
        return next((self.shapes[each] for each in hashes_in(text) if each in self.shapes), "") if self.shapes else ""

    def in_text(self, text: str) -> str:
        """Return the id of a measured problem whose words stand in `text`, comments or not, "" if there is none."""
        bare = _COMMENT.sub("", text)
        return self._worded(bare) or (self._worded(text) if bare != text else "")

    def _worded(self, text: str) -> str:
        words = _WORD.findall(text.lower())
        joined = " ".join(words)
        if joined in self.texts:
            return self.texts[joined]
        for at in range(len(words) - SHINGLE + 1):
            for whole, name in self.shingles.get(" ".join(words[at : at + SHINGLE]), ()):
                if joined.startswith(whole, sum(map(len, words[:at])) + at):
                    return name
        return ""


def known_benchmarks(names: Sequence[str] | None) -> Measured:
    """Return what is known of the benchmarks of these names; None stands for every coding benchmark that is here."""
    return measured(tuple(plugins.names("benchmarks")) if names is None else names, named=names is not None)


def measured(names: Sequence[str], named: bool = True) -> Measured:
    """Return what is known of these benchmarks' test problems.

    Unless the user `named` them, those that are not of code, or whose files are not here, are left out.

    Raises:
        DataError: the file of a benchmark that was named is not here.
    """
    ids: set[str] = set()
    texts: dict[str, str] = {}
    shapes: dict[int, str] = {}
    known = []
    for name in names:
        benchmark = plugins.find("benchmarks", name.partition(":")[0])
        if not named and getattr(benchmark, "ability", "code") != "code":
            continue
        split = getattr(benchmark, "split", "")
        try:
            for problem in benchmark.problems():
                if not split or problem.split == split:
                    ids.add(problem.id)
                    texts.update((text, problem.id) for text in _parts(problem))
                    if name not in MADE_APART:
                        shapes.update((each, problem.id) for each in _built(problem))
        except DataError:
            if named:
                raise
            continue
        known.append(name)
    shingles: dict[str, list[tuple[str, str]]] = {}
    for text, name in texts.items():
        words = text.split(" ")
        if len(words) >= SHINGLE:
            shingles.setdefault(" ".join(words[:SHINGLE]), []).append((text, name))
    return Measured(tuple(known), frozenset(ids), texts, shingles, shapes)


@dataclass(frozen=True, slots=True)
class Apart:
    """Problems that share nothing with what is measured; the benchmarks compared; id -> id of what was left out."""

    problems: tuple[Problem, ...]
    benchmarks: tuple[str, ...]
    left_out: dict[str, str]


def set_apart(problems: Iterable[Problem], names: Sequence[str] | None, leave_out: bool = False) -> Apart:
    """Return the problems if they share nothing with the benchmarks of these names (None: all of code that are here).

    `leave_out` leaves shared problems out instead of refusing them all: published training splits have such problems
    (of 374, 117 of MBPP's are in a test split, in MBPP+ most of them), and no user can mend those.

    Raises:
        InputError: a problem is of a test split, or is a problem of one of the benchmarks.
    """
    problems = tuple(problems)
    chosen = tuple(plugins.names("benchmarks")) if names is None else tuple(names)
    # Katas of different splits share no composition, whatever their seeds: that is how they are made.
    alike = all(each.benchmark in MADE_APART for each in problems)
    made_apart = [name for name in chosen if name in MADE_APART and alike]
    known = measured([name for name in chosen if name not in made_apart], named=names is not None)
    shared: dict[str, str] = {}
    for problem in problems:
        if problem.split == "test":
            raise InputError(f"{problem.id} is of a test split, which nothing is trained on")
        if name := known.shared_by(problem):
            if not leave_out:
                raise InputError(
                    f"{problem.id} is {name}, on which the model will be measured; leave it out, or say what it will "
                    "be measured on with --measured-on"
                )
            shared[problem.id] = name
    kept = tuple(problem for problem in problems if problem.id not in shared)
    return Apart(kept, (*known.benchmarks, *made_apart), shared)


def fingerprint(problems: Iterable[Problem]) -> str:
    """Return a sha256 (hex) of problems: what they ask and what decides them."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(repr((problem.id, problem.prompt, problem.tests)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _parts(problem: Problem) -> list[str]:
    """Return the evened texts that a problem is known by."""
    told = [problem.prompt, str(problem.metadata.get("text", ""))]
    parts = [" ".join(_words(text)) for text in told if text.strip()]
    parts += [text for text in _descriptions(problem) if text.count(" ") >= SHINGLE - 1]
    solution = " ".join(_words(problem.reference))
    if len(solution) >= LEAST_CHARS:
        parts.append(solution)
    return parts


def _descriptions(problem: Problem) -> Iterator[str]:
    """Yield what the functions of a prompt are said to do, without the examples."""
    if problem.language != "python":
        return
    for node in functions_of(problem.prompt) or functions_of(f"{problem.prompt.rstrip()}\n    pass"):
        told = ast.get_docstring(node) or ""
        yield " ".join(_words(told.partition(">>>")[0]))


def _built(problem: Problem) -> Iterator[int]:
    """Yield how a solution in Python is built."""
    return hashes_in(problem.reference) if problem.language == "python" else iter(())


def _words(text: str) -> list[str]:
    return _WORD.findall(_COMMENT.sub("", text.lower()))

"""The check of the benchmarks, tested: solutions in disguise are put among other code, and each way looks for them.

Only disguises that still pass the benchmark's tests count. What is not contaminated are modules of Python's standard
library, all of which were there before any benchmark; a function of theirs that behaves as a solution all the same
(`bisect_left`, `isleap`) counts as a false alarm.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.contamination.behaviour import Examiner, Verdicts, behaviour
from sparkgap.curate.contamination.disguises import DISGUISES
from sparkgap.curate.contamination.index import NGRAM, Index
from sparkgap.curate.parsing import parsed
from sparkgap.curate.rules import Rule
from sparkgap.curate.shingles import grams, words
from sparkgap.references import prepared, references
from sparkgap.types import Problem, Program

if TYPE_CHECKING:
    from sparkgap.judge import Judge

VERSION = "1"
WAYS = ("ngrams", "structure", "behaviour")
CLEAN = "standard library"
_AROUND = (
    '"""Parts of a larger program."""\n\nimport os\n\n\ndef place(root, name):\n'
    '    """Where a file of this name would be."""\n'
    "    return os.path.join(root, name)\n\n\n{source}\n\n\ndef main(arguments):\n    for each in arguments:\n"
    "        print(place(os.getcwd(), each))\n"
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One guise: how many solutions wore it and still passed, and how many each way found, and any of them."""

    guise: str
    of: int
    ngrams: int
    structure: int
    behaviour: int
    any: int


@dataclass(frozen=True, slots=True)
class Check:
    """The check of all benchmarks, ready to be used; `rules` are `ngrams`, `structure` and `behaviour` of the run."""

    judge: Judge
    index: Index
    examiner: Examiner
    rules: Mapping[str, Rule]


def selftest(check: Check, problems: Sequence[Problem], clean: Iterable[str], kept: Verdicts) -> tuple[Tried, ...]:
    """Return what each way finds of some problems' solutions in each disguise, and in texts that hold none.

    Args:
        check: what is tested.
        problems: whose solutions are hidden.
        clean: texts that hold none, from `standard_library`.
        kept: answers of the judge from earlier.
    """
    hidden = list(_hidden(check.judge, problems))
    texts = [(guise, text) for guise, text in hidden] + [(CLEAN, text) for text in clean]
    found = behaviour(check.examiner, enumerate(text for _, text in texts), kept)
    counts: dict[str, list[int]] = {guise: [0] * 5 for guise in (*DISGUISES, CLEAN)}
    for row, (guise, text) in enumerate(texts):
        hits = _hits(check, found.rows.get(row, (0, ""))[0], text)
        counts[guise] = [total + one for total, one in zip(counts[guise], (1, *hits, any(hits)), strict=True)]
    return tuple(Tried(guise, *told) for guise, told in counts.items())


def sampled(problems: Iterable[Problem], count: int) -> list[Problem]:
    """Return up to `count` problems of each benchmark that have a solution and tests, evenly from all of them."""
    by_benchmark: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.reference and problem.tests is not None and problem.entry_point and problem.language == "python":
            by_benchmark.setdefault(problem.benchmark, []).append(problem)
    return [each[place * len(each) // min(count, len(each))] for each in by_benchmark.values()
            for place in range(min(count, len(each)))]  # fmt: skip


def standard_library(most: int) -> Iterator[str]:
    """Yield modules of the standard library of the Python that runs this, in the order of their paths."""
    root = Path(sysconfig.get_paths()["stdlib"])
    left_out = {"site-packages", "test", "tests", "idlelib", "turtledemo", "lib2to3"}
    paths = [path for path in sorted(root.rglob("*.py")) if not left_out & set(path.relative_to(root).parts)]
    for place in range(min(most, len(paths))):
        yield paths[place * len(paths) // min(most, len(paths))].read_text("utf-8", "replace")


def _hidden(judge: Judge, problems: Sequence[Problem]) -> Iterator[tuple[str, str]]:
    """Yield each disguise of each solution that passes the tests, among other code."""
    known = references(judge, problems)
    worn: list[tuple[str, str]] = []
    programs: list[Program] = []
    for problem in problems:
        if known[problem.id].error:
            continue
        tests, limits = prepared(problem, known[problem.id])
        for guise, disguise in DISGUISES.items():
            try:
                text = disguise(problem.reference)
            except (ValueError, RecursionError):
                continue
            if (called := _called(problem, text)) is not None:
                worn.append((guise, _AROUND.format(source=text) if guise != "verbatim" else text))
                programs.append(Program(f"{text}\n{problem.entry_point} = {called}\n", tests, limits=limits))
    for place, verdict in judge.stream(programs):
        if verdict.passed:
            yield worn[place]


def _called(problem: Problem, text: str) -> str | None:
    """Return how the solution is called in a disguise: it is the same definition in the same order."""
    import ast

    plain, other = parsed(problem.reference), parsed(text)
    if plain is None or other is None:
        return None
    names = [node.name for node in ast.walk(plain) if isinstance(node, ast.FunctionDef)]
    homes = [(home, node.name) for home in ast.walk(other) if isinstance(home, ast.Module | ast.ClassDef)
             for node in home.body if isinstance(node, ast.FunctionDef)]  # fmt: skip
    tops = [node.name for node in plain.body if isinstance(node, ast.FunctionDef)]
    if problem.entry_point not in names or problem.entry_point not in tops or len(homes) != len(tops):
        return None
    home, name = homes[tops.index(problem.entry_point)]
    return f"{home.name}.{name}" if isinstance(home, ast.ClassDef) else name


def _hits(check: Check, solved: int, text: str) -> tuple[bool, bool, bool]:
    overlap, _ = check.index.overlap(grams(words(text), NGRAM))
    tree = parsed(text)
    nodes = check.index.same_shape(tree)[0] if tree is not None else 0
    rules = check.rules
    return not rules["ngrams"].keeps(overlap), not rules["structure"].keeps(nodes), not rules["behaviour"].keeps(solved)


def as_facts(tried: Iterable[Tried]) -> list[dict[str, Any]]:
    """Return the outcome as it stands in the summary."""
    return [
        {"guise": each.guise, "of": each.of, **{way: getattr(each, way) for way in (*WAYS, "any")}} for each in tried
    ]

"""The check of the benchmarks, tested: solutions in disguise are put among other code, and each way looks for them.

Only disguises that still pass the benchmark's tests count. What is not contaminated are modules of Python's standard
library, all of which were there before any benchmark; a function of theirs that behaves as a solution all the same
(`bisect_left`, `isleap`) counts as a false alarm.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.contamination.behaviour import Examiner, Verdicts, behaviour, known_references
from sparkgap.curate.contamination.calls import subject
from sparkgap.curate.contamination.disguises import DISGUISES
from sparkgap.curate.contamination.index import NGRAM, Index
from sparkgap.curate.contamination.weight import size_of, solution
from sparkgap.curate.functions import functions
from sparkgap.curate.rules import Rule
from sparkgap.curate.shingles import grams, words
from sparkgap.parsing import parsed
from sparkgap.references import prepared
from sparkgap.types import Problem, Program

if TYPE_CHECKING:
    from sparkgap.judge import Judge

VERSION = "3"
WAYS = ("ngrams", "structure", "behaviour")
CLEAN = "standard library"
TRIVIAL = "so short that innocent code does the same"
OTHERWISE = "it is short and built so otherwise that innocent code does the same"
_AROUND = (
    '"""Parts of a larger program."""\n\nimport os\n\n\ndef place(root, name):\n'
    '    """Where a file of this name would be."""\n'
    "    return os.path.join(root, name)\n\n\n{source}\n\n\ndef main(arguments):\n    for each in arguments:\n"
    "        print(place(os.getcwd(), each))\n"
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One guise: how many files with a solution in it that still passes, and how many each way found, and any of them.

    `decidable` are the files whose problem can be told by behaviour at all: it can be asked, and its solution is larger
    than what the rule leaves alone; or the file was found all the same, by another benchmark's problem. `functions`
    were asked, and `solvers` of them taken for solutions.
    """

    guise: str
    of: int
    ngrams: int
    structure: int
    behaviour: int
    any: int
    decidable: int
    functions: int
    solvers: int


@dataclass(frozen=True, slots=True)
class Missed:
    """A solution that behaviour did not find, and why."""

    benchmark: str
    problem: str
    guise: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the test came to: how each guise fared, what was missed, and what was found where there is nothing."""

    tried: tuple[Tried, ...]
    missed: tuple[Missed, ...]
    alarms: tuple[str, ...]  # "PROBLEM by FUNCTION"


@dataclass(frozen=True, slots=True)
class _Hidden:
    """A solution in a guise: the text of the file that holds it, and the name of its function."""

    problem: Problem
    guise: str
    text: str
    name: str


@dataclass(frozen=True, slots=True)
class Check:
    """The check of all benchmarks, ready to be used; `rules` are `ngrams`, `structure` and `behaviour` of the run."""

    judge: Judge
    index: Index
    examiner: Examiner
    rules: Mapping[str, Rule]


def selftest(check: Check, problems: Sequence[Problem], clean: Iterable[str], kept: Verdicts) -> Outcome:
    """Return what each way finds of some problems' solutions in each disguise, and in texts that hold none.

    Args:
        check: what is tested.
        problems: whose solutions are hidden.
        clean: texts that hold none, from `standard_library`.
        kept: answers of the judge from earlier.
    """
    hidden = list(_hidden(check.judge, problems))
    found = behaviour(check.examiner, enumerate(each.text for each in hidden), kept)
    unasked = {(each.benchmark, each.id): why for each, why in check.examiner.without}
    rule = check.rules["behaviour"]
    counts: dict[str, list[int]] = {guise: [0] * 8 for guise in DISGUISES}
    missed: list[Missed] = []
    for row, each in enumerate(hidden):
        worth = found.rows.get(row, (0, ""))[0]
        hits = _hits(check, worth, each.text)
        why = unasked.get((each.problem.benchmark, each.problem.id), "")
        if not why and rule.keeps(size_of(solution(each.problem))):
            why = TRIVIAL
        told = (1, *hits, any(hits), not why or hits[-1], 1, hits[-1])
        counts[each.guise] = [total + one for total, one in zip(counts[each.guise], told, strict=True)]
        if not hits[-1]:
            missed.append(Missed(each.problem.benchmark, each.problem.id, each.guise,
                                 why or _why(each, worth, row in found.stuck)))  # fmt: skip
    tried = [Tried(guise, *told) for guise, told in counts.items()]
    innocent, alarms = _clean(check, list(clean), kept)
    return Outcome((*tried, innocent), tuple(missed), alarms)


def _clean(check: Check, texts: Sequence[str], kept: Verdicts) -> tuple[Tried, tuple[str, ...]]:
    """Return what is found in texts that hold no solution, and who was taken for one."""
    found = behaviour(check.examiner, enumerate(texts), kept)
    hits = [_hits(check, found.rows.get(row, (0, ""))[0], text) for row, text in enumerate(texts)]
    alarms = tuple(sorted(name for worth, name in found.solvers if not check.rules["behaviour"].keeps(worth)))
    ngrams, structure, behaved = (sum(each[way] for each in hits) for way in range(len(WAYS)))
    every = sum(map(any, hits))
    return Tried(CLEAN, len(texts), ngrams, structure, behaved, every, 0, found.functions, len(alarms)), alarms


def _why(hidden: _Hidden, worth: float, stuck: bool) -> str:
    """Return why a solution was missed whose problem can be told by behaviour."""
    if hidden.name not in {each.name for each in functions(hidden.text)}:
        return "it does not stand alone"
    if worth:
        return OTHERWISE
    return "it did not come to an end" if stuck else "it answers otherwise than the reference on variations"


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


def _hidden(judge: Judge, problems: Sequence[Problem]) -> Iterator[_Hidden]:
    """Yield each disguise of each solution that passes the tests, among other code."""
    known = known_references(judge, problems)
    worn: list[_Hidden] = []
    programs: list[Program] = []
    for problem in problems:
        reference = known[problem.benchmark, problem.id]
        if reference.error:
            continue
        tests, limits = prepared(problem, reference)
        for guise, disguise in DISGUISES.items():
            try:
                text = disguise(problem.reference)
            except (ValueError, RecursionError):
                continue
            if (called := _called(problem, problem.entry_point, text)) is not None:
                name = (_called(problem, subject(problem).name, text) or called).rpartition(".")[2]
                home = _AROUND.format(source=text) if guise != "verbatim" else text
                worn.append(_Hidden(problem, guise, home, name))
                programs.append(Program(f"{text}\n{problem.entry_point} = {called}\n", tests, limits=limits))
    for place, verdict in judge.stream(programs):
        if verdict.passed:
            yield worn[place]


def _called(problem: Problem, function: str, text: str) -> str | None:
    """Return how a function of the solution is called in a disguise: it is the same definition in the same order."""
    import ast

    plain, other = parsed(problem.reference), parsed(text)
    if plain is None or other is None:
        return None
    names = [node.name for node in ast.walk(plain) if isinstance(node, ast.FunctionDef)]
    homes = [(home, node.name) for home in ast.walk(other) if isinstance(home, ast.Module | ast.ClassDef)
             for node in home.body if isinstance(node, ast.FunctionDef)]  # fmt: skip
    tops = [node.name for node in plain.body if isinstance(node, ast.FunctionDef)]
    if function not in names or function not in tops or len(homes) != len(tops):
        return None
    home, name = homes[tops.index(function)]
    return f"{home.name}.{name}" if isinstance(home, ast.ClassDef) else name


def _hits(check: Check, solved: float, text: str) -> tuple[bool, bool, bool]:
    overlap, _ = check.index.overlap(grams(words(text), NGRAM))
    tree = parsed(text)
    nodes = check.index.same_shape(tree)[0] if tree is not None else 0
    rules = check.rules
    return not rules["ngrams"].keeps(overlap), not rules["structure"].keeps(nodes), not rules["behaviour"].keeps(solved)


def as_facts(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as it stands in the summary."""
    return {"tried": [asdict(each) for each in outcome.tried], "missed": [asdict(each) for each in outcome.missed],
            "alarms": list(outcome.alarms)}  # fmt: skip

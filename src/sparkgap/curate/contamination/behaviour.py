"""Behaviour: functions that solve a benchmark's problem, whatever they look like, found by running them in the judge.

Each function that stands alone is asked the probes of every problem with as many arguments, in one program. Where it
answers as the reference does, the benchmark's own tests decide. Small functions of innocent code do so, too; so a
solution is weighed (weight.py), and what would weigh next to nothing is not looked into. What was asked once is kept
under a sha256 of the program and the probes, so that a run that was killed goes on, and a second run asks nothing
again.

Not covered: functions that need a package besides the standard library, methods that use their instance, and problems
whose tests hold no call with literal arguments (`Behaviour.without` names them).
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.contamination.calls import subject
from sparkgap.curate.contamination.probes import (
    Probe,
    answering,
    by_arity,
    matching,
    probes,
    questions,
    read_probes,
    write_probes,
)
from sparkgap.curate.contamination.weight import LEAST, weight
from sparkgap.curate.functions import Function, functions
from sparkgap.parsing import docstring_node
from sparkgap.references import Reference, prepared, references
from sparkgap.types import InputTests, Problem, Program

if TYPE_CHECKING:
    from sparkgap.judge import Judge

VERSION = "behaviour 3"
LEAST_CPU_S = 1.0  # that a function may take for a problem's tests: a slow copy is a copy
_BATCH = 64  # functions that wait for each other before they are judged


class Verdicts:
    """Answers of the judge that are kept: one JSON object a line, whole after any crash."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a torn line at the end is left out, and written anew."""
        self._path = path
        self._known: dict[str, Any] = {}
        if path.exists():
            for line in path.read_bytes().split(b"\n"):
                try:
                    told = json.loads(line)
                    self._known[told["key"]] = told["told"]
                except (ValueError, KeyError, TypeError):
                    continue
        self._stream = path.open("a", encoding="utf-8")
        self._stream.write("\n" if path.stat().st_size else "")

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> Any:
        return self._known[key]

    def keep(self, key: str, told: Any) -> None:
        """Keep one answer."""
        self._known[key] = told
        self._stream.write(json.dumps({"key": key, "told": told}, separators=(",", ":")) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """End the file."""
        self._stream.close()


@dataclass(slots=True)
class Behaviour:
    """What was found, and how much was asked.

    `rows` gives for each row the largest weight of a function of it that solves a problem, and "PROBLEM by FUNCTION".
    """

    rows: dict[int, tuple[float, str]] = field(default_factory=dict)
    stuck: set[int] = field(default_factory=set)  # rows with a function that ran out of time or memory
    solvers: list[tuple[float, str]] = field(
        default_factory=list
    )  # what each function that solves one is told by, once
    functions: int = 0  # that stand alone and were asked, each once
    unfinished: int = 0  # that ran out of time or memory, and so were asked in vain
    problems: int = 0  # that could be asked
    without: tuple[tuple[Problem, str], ...] = ()  # problems that could not, and why


class Examiner:
    """The probes of some problems, ready to be put to functions."""

    def __init__(self, judge: Judge, problems: Iterable[Problem], cache: Path | None = None) -> None:
        """Run the references for their answers, once for the same problems where there is a file to keep them in."""
        problems = tuple(problems)
        asked = None if cache is None else read_probes(cache, problems)
        if asked is None:
            asked = probes(judge, problems)
            if cache is not None:
                write_probes(cache, problems, asked)
        self._judge = judge
        self._probes: Mapping[int, tuple[Probe, ...]] = by_arity(asked.probes)
        self._questions: Mapping[int, InputTests] = {arity: questions(each) for arity, each in self._probes.items()}
        self._keys = {arity: _sha(repr((each.inputs, VERSION))) for arity, each in self._questions.items()}
        self.problems = len(asked.probes)
        self.without = tuple((problems[place], why) for place, why in asked.unasked.items())

    def tried(self, function: Function) -> Iterator[tuple[str, int]]:
        """Yield the key of each question that a function is asked, and its number of arguments.

        Functions that differ in docstrings, comments and type hints alone have one key.
        """
        arities = [each for each in range(max(1, function.required), function.most + 1) if each in self._probes]
        told = f"{function.name} {_bare(function.program)}" if arities else ""
        for arity in arities:
            yield _sha(f"{self._keys[arity]} {told}"), arity

    def candidates(
        self, asked: Iterable[tuple[str, int, Function]]
    ) -> Iterator[tuple[str, Function, list[Probe] | None]]:
        """Yield for each question the probes that the function answers; None where it did not come to an end."""
        flying: list[tuple[str, int, Function]] = []

        def programs() -> Iterator[Program]:
            for each in asked:
                flying.append(each)
                yield matching(each[2].program, each[2].name, self._questions[each[1]])

        for place, verdict in self._judge.stream(programs()):
            key, arity, function = flying[place]
            if verdict.passed and verdict.answers:
                yield key, function, [self._probes[arity][each] for each in verdict.answers[0]]
            else:
                yield key, function, None if verdict.status in {"timeout", "memory", "output", "infra"} else []

    def confirmed(self, pairs: Sequence[tuple[Function, Probe]]) -> list[bool]:
        """Return for each function and probe whether the function is a solution.

        It must answer variations of the calls as the reference does, and pass the problem's own tests.
        """
        varied = [[call for call, _ in probe.varied] for _, probe in pairs]
        asked = (answering(each.program, each.name, calls, probe.lines)
                 for (each, probe), calls in zip(pairs, varied, strict=True))  # fmt: skip
        agree = [place for place, verdict in self._judge.stream(asked)
                 if verdict.passed and verdict.answers and pairs[place][1].agrees(verdict.answers[0])]  # fmt: skip
        known = known_references(self._judge, [pairs[place][1].problem for place in agree])
        passed = [False] * len(pairs)
        for place, verdict in self._judge.stream(_proof(*pairs[each], known) for each in agree):
            passed[agree[place]] = verdict.passed
        return passed


def known_references(judge: Judge, problems: Iterable[Problem]) -> Mapping[tuple[str, str], Reference]:
    """Return the references of problems by benchmark and id: HumanEval and HumanEval+ have the same ids."""
    by_benchmark: dict[str, dict[str, Problem]] = {}
    for problem in problems:
        by_benchmark.setdefault(problem.benchmark, {})[problem.id] = problem
    return {(benchmark, name): known for benchmark, each in by_benchmark.items()
            for name, known in references(judge, each.values()).items()}  # fmt: skip


def _proof(function: Function, probe: Probe, known: Mapping[tuple[str, str], Reference]) -> Program:
    """Return the program that passes if a function solves a problem."""
    problem = probe.problem
    tests, limits = prepared(problem, known[problem.benchmark, problem.id])
    limits = replace(limits, cpu_s=max(limits.cpu_s, LEAST_CPU_S))
    wanted = subject(problem)
    named = f"\n{wanted.name} = {function.name}\n" if function.name != wanted.name else "\n"
    return Program(function.program + named + wanted.around, tests, problem.language, limits)


def behaviour(
    examiner: Examiner, documents: Iterable[tuple[int, str]], kept: Verdicts,
    progress: Callable[[int], None] | None = None,
) -> Behaviour:  # fmt: skip
    """Return which documents hold a function that solves a problem.

    Args:
        examiner: with the benchmarks' probes.
        documents: rows and their texts.
        kept: answers from earlier runs; new ones are added.
        progress: called with the number of functions asked so far.
    """
    result = Behaviour(problems=examiner.problems, without=examiner.without)
    homes: dict[str, list[int]] = {}
    waiting: list[tuple[str, Function, list[Probe]]] = []

    def unknown() -> Iterator[tuple[str, int, Function]]:
        for row, text in documents:
            for function in functions(text):
                for key, arity in examiner.tried(function):
                    first = key not in homes
                    homes.setdefault(key, []).append(row)
                    result.functions += first
                    if first and key not in kept:
                        yield key, arity, function

    for done, (key, function, found) in enumerate(examiner.candidates(unknown()), 1):
        heavy = [probe for probe in found or () if weight(function, probe) >= LEAST]
        if heavy:
            waiting.append((key, function, heavy))
        else:
            kept.keep(key, None if found is None else "")
        if len(waiting) >= _BATCH:
            _settle(examiner, waiting, kept)
        if progress is not None:
            progress(done)
    _settle(examiner, waiting, kept)
    for key, rows in sorted(homes.items()):
        told = kept[key]
        if told is None:
            result.unfinished += 1
            result.stuck.update(rows)
        elif told:
            result.solvers.append((told[0], told[1]))
        for row in rows if told else ():
            worth, name = told
            best = result.rows.get(row, (0, ""))
            result.rows[row] = min((worth, name), best, key=lambda each: (-each[0], each[1]))
    return result


def _settle(examiner: Examiner, waiting: list[tuple[str, Function, list[Probe]]], kept: Verdicts) -> None:
    """Keep for each function the problem whose solution it weighs most as, and leave nothing waiting."""
    if not waiting:
        return
    pairs = [(function, probe) for _, function, found in waiting for probe in found]
    passed = iter(examiner.confirmed(pairs))
    for key, function, found in waiting:
        solved = [(-weight(function, probe), probe.problem.id) for probe in found if next(passed)]
        kept.keep(key, [-min(solved)[0], f"{min(solved)[1]} by {function.name}"] if solved else "")
    waiting.clear()


def _bare(program: str) -> str:
    """Return a program without docstrings, comments and type hints, laid out in one way."""
    tree = ast.parse(program)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if docstring_node(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            if not isinstance(node, ast.ClassDef):
                node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(tree)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()

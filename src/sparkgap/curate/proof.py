"""Proof: functions whose own tests pass every time, and fail on changed code, become problems for RL.

A function is run with its tests three times, and has to pass each time. Then mutants of it are run with the same
tests: the hollow one must fail, and at least half of all. What was run once is kept, as `behaviour` keeps it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkgap.curate.contamination.behaviour import Verdicts
from sparkgap.curate.evidence import Evidence, beside, examples, is_tests, program_start, stripped
from sparkgap.curate.functions import Function, functions
from sparkgap.curate.mutants import mutants
from sparkgap.types import CodeTests, Limits, Program

if TYPE_CHECKING:
    from sparkgap.judge import Judge

VERSION = "proof 1"
RERUNS = 3
LEAST_KILLED = 0.5  # share of the mutants that must fail
_LIMITS = Limits(cpu_s=2.0)
_BATCH = 32  # functions whose programs are in flight together


@dataclass(frozen=True, slots=True)
class Claim:
    """A function of a row that says of itself what it does, and the tests that say so too."""

    row: int
    repo: str
    path: str
    function: Function
    evidence: Evidence

    @property
    def key(self) -> str:
        """The sha256 of all that its proof depends on."""
        told = (VERSION, self.function.name, self.function.program, self.evidence.code, self.evidence.prelude)
        return hashlib.sha256(repr(told).encode("utf-8", "replace")).hexdigest()


def claims(
    documents: Callable[[], Iterable[tuple[int, str]]], places: Callable[[int], tuple[str, str]]
) -> Iterator[Claim]:
    """Yield the functions with examples or tests, in the order of the documents; examples go before tests.

    Tests are looked for in files of the same repository that come after the function's own or before, by the name
    alone, so a name that two modules of a repository define has none.

    Args:
        documents: gives rows and their texts; called twice.
        places: a row -> its repository and path.
    """
    named: dict[tuple[str, str], list[tuple[int, Function]]] = {}
    for row, text in documents():
        repo, path = places(row)
        for function in functions(text):
            if (shown := examples(function)) is not None:
                yield Claim(row, repo, path, function, shown)
            elif function.docstring and not is_tests(path):
                named.setdefault((repo, function.name), []).append((row, function))
    for row, text in documents():
        repo, path = places(row)
        if is_tests(path):
            known = {name: name for (home, name), found in named.items() if home == repo and len(found) == 1}
            for name, told in beside(text, path, known):
                home, function = named[repo, name][0]
                yield Claim(home, repo, places(home)[1], function, told)


def prove(judge: Judge, found: Iterable[Claim], kept: Verdicts, progress: Callable[[int], None] | None = None) -> None:
    """Run every claim that is not in `kept` yet, and keep how often it passed and how many mutants did not."""
    waiting: dict[str, Claim] = {}
    done = 0
    for claim in found:
        if claim.key not in kept:
            waiting[claim.key] = claim
        if len(waiting) >= _BATCH:
            done += len(waiting)
            _run(judge, waiting, kept)
            if progress is not None:
                progress(done)
    _run(judge, waiting, kept)


def proven(told: Any) -> bool:
    """Whether what is kept of a claim proves it."""
    return bool(told) and bool(
        told["passed"] == RERUNS and told["hollow"] and told["killed"] >= LEAST_KILLED * told["mutants"]
    )


def problem(claim: Claim, split: str, licence: str) -> dict[str, Any]:
    """Return a proven claim as a problem, in the form that `sparkgap train rlcf --benchmark FILE` reads."""
    function, told = claim.function, claim.evidence
    start = program_start(function)
    return {
        "id": f"{claim.repo}/{claim.path}:{function.name}:{claim.key[:8]}", "benchmark": "curated",
        "prompt": f"{start}{stripped(function)}", "continues": True, "entry_point": function.name,
        "split": "train" if split == "train" else "validation", "reference": function.program, "tests": told.code,
        "prelude": told.prelude, "metadata": {"repo": claim.repo, "path": claim.path, "license": licence,
                                              "proof": told.origin, "asserts": told.asserts},
    }  # fmt: skip


def _run(judge: Judge, waiting: dict[str, Claim], kept: Verdicts) -> None:
    programs: list[Program] = []
    owners: list[tuple[str, str]] = []
    for key, claim in waiting.items():
        tests = CodeTests(claim.evidence.code, claim.evidence.prelude)
        start = program_start(claim.function)
        for _ in range(RERUNS):
            programs.append(Program(claim.function.program, tests, limits=_LIMITS))
            owners.append((key, "passed"))
        for place, own in enumerate(mutants(claim.function.own)):
            programs.append(Program(f"{start}{own}", tests, limits=_LIMITS))
            owners.append((key, "killed" if place else "hollow"))
    counts: dict[str, dict[str, int]] = {
        key: dict.fromkeys(("passed", "mutants", "killed", "hollow"), 0) for key in waiting
    }
    for place, verdict in judge.stream(programs):
        key, kind = owners[place]
        if kind == "passed":
            counts[key]["passed"] += verdict.passed
        elif verdict.status != "infra":
            counts[key]["mutants"] += 1
            counts[key]["killed"] += not verdict.passed
            counts[key]["hollow"] += kind == "hollow" and not verdict.passed
    for key, told in counts.items():
        kept.keep(key, told)
    waiting.clear()


def lines(
    found: Iterable[Claim], kept: Mapping[str, Any] | Verdicts, facts: Callable[[int], tuple[str, str]]
) -> Iterator[str]:
    """Yield the proven claims as lines of JSON, each id once; `facts` gives a row's split and licence."""
    seen: set[str] = set()
    for claim in found:
        if claim.key in kept and proven(kept[claim.key]):
            told = problem(claim, *facts(claim.row))
            if told["id"] not in seen:
                seen.add(told["id"])
                yield json.dumps(told, ensure_ascii=False) + "\n"

"""What it is worth that a function solves a benchmark's problem, in nodes of its structure.

Small functions of innocent code do what some problem asks for, and are built in their own way; a copy in disguise is
built as the published solution is; and a long function does not solve a problem by chance. So a solution is worth its
size, times how much of it is built of the same parts as the published one.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from sparkgap.curate.contamination.calls import subject
from sparkgap.curate.contamination.probes import FEW, Probe
from sparkgap.curate.functions import Function, functions
from sparkgap.parsing import functions_in, parsed
from sparkgap.structure import likeness, parts, shape
from sparkgap.types import Problem

ALONE = 0.2  # of a node: what it is worth where it is built otherwise, and the benchmark's calls are many enough
LEAST = 3.0  # what weighs less is not looked into


def weight(function: Function, probe: Probe) -> float:
    """Return how much a function weighs if it solves a problem.

    It is the nodes of the function or of the published solution, whichever has fewer, times how much of the two is
    built of the same parts (`likeness`). Where the benchmark has calls enough of its own to tell (`FEW`), what is built
    otherwise is worth a part as well (`ALONE`). Where nothing can be told from the answers, what is built otherwise
    counts against it.
    """
    (nodes, built), (least, published) = _built(function.program), _built(solution(probe.problem))
    alike = likeness(built, published)
    otherwise = -1.0 if not probe.telling else ALONE if len(probe.own) >= FEW else 0.0
    return round(min(nodes, least) * max(0.0, alike + otherwise * (1 - alike)), 1)


def solution(problem: Problem) -> str:
    """Return the published solution: the function that the problem is about, with what it needs, and nothing else."""
    return _solution(problem.reference, subject(problem).name)


def size_of(program: str) -> int:
    """Return how many nodes the structure of a program has, all of its functions together."""
    return _built(program)[0]


@lru_cache(maxsize=8192)
def _solution(reference: str, name: str) -> str:
    return next((each.program for each in functions(reference) if each.name == name), reference)


@lru_cache(maxsize=8192)
def _built(program: str) -> tuple[int, Counter[str]]:
    tree = parsed(program)
    if tree is None:
        return 0, Counter()
    return sum(shape(node).nodes for node in functions_in(tree)), parts(tree)

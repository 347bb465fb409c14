"""Which problems the points are lost on: by topic, and by difficulty.

Topics are the benchmark's own where its problems have one (MMLU's subjects, MT-Bench's categories). Code has none, so
they are read off the reference solution's syntax: coarse, but the same for every model. A problem of code may have
several topics. Difficulty is a third of the problems by the size of the reference solution, where it is a program, else
by the length of the prompt; never by what the compared models did with it, which would find what it put in. Groups are
for looking where to work: they are many, small, and not corrected for being many.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sparkgap import plugins
from sparkgap.compare.contrast import paired_interval
from sparkgap.compare.figures import means
from sparkgap.errors import DataError, PluginError
from sparkgap.results import BenchmarkResult
from sparkgap.stats import Interval
from sparkgap.types import Problem

Kind = Literal["topic", "difficulty"]

OWN = ("topic", "category", "subject")  # keys of a problem's metadata that name its topic
OTHER = "other"

_WORDS = {  # topic -> functions and methods that a program with that topic calls
    "strings": "capitalize casefold count endswith find format index isalnum isalpha isdigit islower isspace isupper "
    "join lower lstrip replace rfind rstrip split splitlines startswith strip swapcase title upper zfill ord chr",
    "numbers": "abs ceil comb divmod exp factorial floor gcd isqrt lcm log log10 log2 pow prod round sqrt sum",
    "lists": "append extend insert pop reverse reversed zip enumerate list",
    "dicts and sets": "dict set frozenset Counter defaultdict OrderedDict items keys values setdefault",
    "sorting": "sorted sort heapify heappush heappop nlargest nsmallest bisect bisect_left bisect_right",
}
_SIGNS: dict[str, tuple[type[ast.AST], ...]] = {  # ... and syntax that it has
    "strings": (ast.JoinedStr,),
    "numbers": (ast.Mod, ast.FloorDiv, ast.Pow, ast.Div, ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift),
    "lists": (ast.ListComp, ast.List),
    "dicts and sets": (ast.Dict, ast.Set, ast.DictComp, ast.SetComp),
}
_LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Group:
    """The problems of one topic or difficulty: both sides' means over them, and ours minus theirs."""

    kind: Kind
    name: str
    problems: int
    ours: float
    theirs: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a problem before anybody answers it."""

    topics: tuple[str, ...]
    difficulty: str


def traits(benchmark: str, ids: Iterable[str]) -> Mapping[str, Traits]:
    """Return the traits of the problems `ids`; nothing where the benchmark or its published files are not here."""
    wanted = set(ids)
    try:
        problems = [problem for problem in plugins.find("benchmarks", benchmark).problems() if problem.id in wanted]
    except (PluginError, DataError):
        return {}
    thirds = _thirds(problems)
    return {problem.id: Traits(topics(problem), thirds[problem.id]) for problem in problems}


def topics(problem: Problem) -> tuple[str, ...]:
    """Return the topics of a problem: its own, or those of its reference program; ("other",) if there is none."""
    for key in OWN:
        if isinstance(named := problem.metadata.get(key), str) and named:
            return (named,)
    tree = _parsed(problem)
    return (tuple(_of_program(tree)) if tree is not None else ()) or (OTHER,)


def groups(
    ours: BenchmarkResult, theirs: BenchmarkResult, ids: Sequence[str], known: Mapping[str, Traits]
) -> tuple[Group, ...]:
    """Return the groups of the problems `ids`, by topic and by difficulty, those that cost us the most first."""
    members: dict[tuple[Kind, str], list[str]] = {}
    for id_ in ids:
        if (each := known.get(id_)) is not None:
            for topic in each.topics:
                members.setdefault(("topic", topic), []).append(id_)
            members.setdefault(("difficulty", each.difficulty), []).append(id_)
    found = [_group(kind, name, ours, theirs, inside) for (kind, name), inside in members.items()]
    by_topic = sorted(
        (group for group in found if group.kind == "topic"),
        key=lambda group: (group.problems * (group.ours - group.theirs), group.name),
    )
    by_difficulty = sorted((group for group in found if group.kind == "difficulty"), key=lambda group: group.name)
    return (*by_topic, *by_difficulty)


def _group(kind: Kind, name: str, ours: BenchmarkResult, theirs: BenchmarkResult, ids: list[str]) -> Group:
    mine, other = [ours.values[id_] for id_ in ids], [theirs.values[id_] for id_ in ids]
    interval = paired_interval(mine, other, ours.unit)
    return Group(kind, name, len(ids), sum(means(mine)) / len(ids), sum(means(other)) / len(ids), interval)


def _thirds(problems: list[Problem]) -> dict[str, str]:
    """Return the third that each problem is in, named so that the names sort from easy to hard."""
    levels = [problem.metadata.get("level") for problem in problems]
    if problems and all(isinstance(level, int) for level in levels):
        return {problem.id: f"level {level}" for problem, level in zip(problems, levels, strict=True)}
    trees = [_parsed(problem) for problem in problems]
    by_code = all(tree is not None for tree in trees)
    size: Callable[[int], int] = (
        (lambda at: sum(1 for _ in ast.walk(trees[at] or ast.Module([], []))))
        if by_code
        else lambda at: len(problems[at].prompt)
    )
    order = sorted(range(len(problems)), key=lambda at: (size(at), at))
    what = "reference" if by_code else "prompt"
    names = f"1 short {what}", f"2 middling {what}", f"3 long {what}"
    return {problems[at].id: names[3 * rank // len(order)] for rank, at in enumerate(order)}


def _parsed(problem: Problem) -> ast.Module | None:
    """Return the reference as a syntax tree; None where it is no Python program with a function in it."""
    if problem.language != "python" or not problem.reference.strip():
        return None
    try:
        tree = ast.parse(problem.reference)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree if any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body) else None


def _of_program(tree: ast.Module) -> Iterator[str]:
    nodes = list(ast.walk(tree))
    called = {name for node in nodes if isinstance(node, ast.Call) and (name := _name(node.func))}
    for topic, words in _WORDS.items():
        if called & set(words.split()) or any(isinstance(node, _SIGNS.get(topic, ())) for node in nodes):
            yield topic
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    if any(_calls(function, function.name) for function in functions):
        yield "recursion"
    if any(isinstance(node, _LOOPS) and _loops_inside(node) for node in nodes):
        yield "nested loops"


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _calls(function: ast.FunctionDef, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(function)
    )


def _loops_inside(loop: ast.AST) -> bool:
    return any(node is not loop and isinstance(node, _LOOPS) for node in ast.walk(loop))

"""The house's floors, drawn from the real imports: they go down only, in no circle, and never from plug-in to plug-in.

Every import statement of every file in src/sparkgap counts, those inside functions and under `TYPE_CHECKING` too, and
so does `import_module("...")` with a literal name. The one file left out is `sparkgap/__init__.py`, the public face,
which names rooms of every floor and imports none of them before they are asked for.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import sparkgap
from sparkgap.cli import COMMANDS

SOURCE = Path(sparkgap.__file__).parent

# A room is a file or a folder right under src/sparkgap. A new one is added here, on the lowest floor that lets it
# import what it needs.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"types", "errors", "stats", "verbs"}),
    frozenset({"runs", "journal", "data", "extract", "plugins", "samples", "tally", "marks"})
    | {"results", "claims", "prices", "compare", "structure", "parsing"},
    frozenset({"judge"}),
    frozenset({"benchmarks", "models", "rewards", "references", "scoring", "asking"}),
    frozenset({"measure", "gap", "curate", "report", "train", "loop", "grade", "selftest", "gate"}),
    frozenset({"cli", "__main__"}),
)
PLUGIN_ROOMS = {"benchmarks", "models", "rewards"}  # one file per plug-in
VERBS = FLOORS[4]
CONDUCTOR = "loop"  # the one verb that calls the others
WORDS = {module for module, _ in COMMANDS.values()}  # of the command line, one file each; its other files are shared

# Packages from outside: the rooms that may import them, and whether only inside a function there (they are slow to
# load, or an extra that may be missing). A new one is added here and in docs/dependencies.md.
OUTSIDE: dict[str, tuple[frozenset[str], bool]] = {
    "accelerate": (frozenset({"train"}), True),
    "altair": (frozenset({"report"}), True),
    "anthropic": (frozenset({"models"}), True),
    "click": (frozenset({"cli"}), False),
    "datasets": (frozenset({"train", "curate"}), True),
    "identify": (frozenset({"curate"}), True),
    "inspect_ai": (frozenset({"models"}), True),
    "jinja2": (frozenset({"models", "report"}), True),
    "license_expression": (frozenset({"curate"}), True),
    "numpy": (frozenset({"stats", "train", "curate"}), True),
    "openai": (frozenset({"models"}), True),
    "peft": (frozenset({"train"}), True),
    "pyarrow": (frozenset({"curate", "train"}), True),
    "ray": (frozenset({"curate"}), True),
    "rensa": (frozenset({"curate"}), True),
    "rich": (frozenset({"cli"}), True),
    "sacrebleu": (frozenset({"benchmarks"}), True),
    "tokenizers": (frozenset({"loop"}), True),
    "torch": (frozenset({"models", "train", "loop"}), True),
    "transformers": (frozenset({"models", "train", "loop"}), True),
    "trl": (frozenset({"train"}), True),
    "urllib3": (frozenset({"data"}), True),
    "vl_convert": (frozenset({"report"}), True),
    "vllm": (frozenset({"models"}), True),
    "wandb": (frozenset({"train"}), True),
}


@dataclass(frozen=True)
class Import:
    """One import of `target` by the module `source`; `late` where it happens inside a function or for types only."""

    source: str
    target: str
    line: int
    late: bool

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


def module_name(path: Path, root: Path) -> str:
    parts = ("sparkgap", *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, root: Path, modules: set[str]) -> Iterator[Import]:
    """Yield every import of a file; `from package import name` is of the submodule where `name` is one."""
    source = module_name(path, root)
    package = source if path.name == "__init__.py" else source.rpartition(".")[0]
    tree = ast.parse(path.read_text("utf-8"), str(path))
    late = {id(inner) for node in ast.walk(tree) if is_late(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        for target in targets(node, package, modules):
            yield Import(source, target, getattr(node, "lineno", 0), id(node) in late)


def is_late(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return True
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def targets(node: ast.AST, package: str, modules: set[str]) -> Iterator[str]:
    match node:
        case ast.Import(names):
            yield from (name.name for name in names)
        case ast.ImportFrom(module, names, level):
            above = package.rsplit(".", level - 1)[0] if level else ""
            home = ".".join(part for part in (above, module) if part)
            for name in names:
                yield f"{home}.{name.name}" if f"{home}.{name.name}" in modules else home
        case ast.Call(ast.Name("import_module" | "__import__"), [ast.Constant(str(name)), *_]):
            yield name
        case ast.Call(ast.Attribute(attr="import_module"), [ast.Constant(str(name)), *_]):
            yield name


def draw(root: Path) -> list[Import]:
    paths = sorted(root.rglob("*.py"))
    modules = {module_name(path, root) for path in paths}
    return [each for path in paths if path != root / "__init__.py" for each in imports_of(path, root, modules)]


def room(module: str) -> str:
    return module.split(".")[1] if module.startswith("sparkgap.") else ""


def floor(module: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if room(module) in rooms:
            return number
    raise AssertionError(f"{module} is on no floor: add {room(module)!r} to FLOORS in {Path(__file__).name}")


def is_shared(module: str) -> bool:
    return module.rpartition(".")[2].startswith("_")


def is_plugin(module: str) -> bool:
    """Whether a module is one plug-in: a file, or a part of a folder, of a plug-in room or of judge/languages."""
    parts = module.split(".")
    depth = (
        3
        if parts[1:3] in (["judge", "languages"], ["curate", "filters"])
        else 2
        if parts[1] in PLUGIN_ROOMS
        else len(parts)
    )
    return len(parts) > depth and not parts[depth].startswith("_")


def fault(each: Import) -> str:
    """Return what is wrong with an import within sparkgap, or "" if nothing is."""
    if each.target == "sparkgap":  # the package itself, for its version and its place
        return ""
    above, below = floor(each.source), floor(each.target)
    if below > above:
        return f"{each}, which is upstairs (floor {above} to floor {below})"
    if is_plugin(each.target) and not same_plugin(each):
        return f"{each}, a plug-in; plug-ins are found by name, through sparkgap.plugins"
    if is_plugin(each.source) and above == below and room(each.source) != room(each.target):
        return f"{each}; a plug-in imports only from the floors below and from its own room's shared parts"
    if (
        room(each.source) in VERBS
        and room(each.target) in VERBS - {room(each.source)}
        and room(each.source) != CONDUCTOR
    ):
        return f"{each}; verbs do not import verbs ({CONDUCTOR} alone calls several)"
    if each.target in WORDS:
        return f"{each}; the words of the command line are imported by nobody, not even by each other"
    return ""


def same_plugin(each: Import) -> bool:
    """Whether both ends are parts of one plug-in that is a folder."""
    depth = 4 if each.target.startswith(("sparkgap.judge.languages.", "sparkgap.curate.filters.")) else 3
    return each.source.split(".")[:depth] == each.target.split(".")[:depth]


def circles(imports: list[Import]) -> list[tuple[str, ...]]:
    """Return the circles among modules, each as the way round it."""
    graph: dict[str, set[str]] = {}
    for each in imports:
        if each.source != each.target:
            graph.setdefault(each.source, set()).add(each.target)
    found: list[tuple[str, ...]] = []
    done: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        if module in way:
            found.append((*way[way.index(module) :], module))
        elif module not in done:
            for target in sorted(graph.get(module, ())):
                walk(target, (*way, module))
            done.add(module)

    for module in sorted(graph):
        walk(module, ())
    return found


def outside_fault(each: Import) -> str:
    """Return what is wrong with an import of a package from outside, or "" if nothing is."""
    package = each.target.partition(".")[0]
    if package in sys.stdlib_module_names:
        return ""
    if package not in OUTSIDE:
        return f"{each}, which no room may: add it to OUTSIDE in {Path(__file__).name} and to docs/dependencies.md"
    rooms, only_late = OUTSIDE[package]
    if room(each.source) not in rooms:
        return f"{each}, which only {', '.join(sorted(rooms))} may"
    return f"{each} at the top of the file; import it inside the function" if only_late and not each.late else ""


HOUSE = draw(SOURCE)
INSIDE = [each for each in HOUSE if each.target.partition(".")[0] == "sparkgap"]
OUT = [each for each in HOUSE if each.target.partition(".")[0] != "sparkgap"]


def test_every_room_stands_on_one_floor() -> None:
    rooms = [each for rooms in FLOORS for each in rooms]
    assert len(rooms) == len(set(rooms))
    for path in SOURCE.iterdir():
        if (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").is_file():
            floor(f"sparkgap.{path.stem}")


def test_imports_go_down_and_never_from_plugin_to_plugin() -> None:
    assert [words for each in INSIDE if (words := fault(each))] == []


def test_imports_go_in_no_circle() -> None:
    assert [" -> ".join(way) for way in circles(INSIDE)] == []


def test_packages_from_outside_are_imported_only_where_they_are_needed() -> None:
    assert [words for each in OUT if (words := outside_fault(each))] == []


def test_the_public_face_imports_its_rooms_for_types_only() -> None:
    face = list(imports_of(SOURCE / "__init__.py", SOURCE, {each.source for each in HOUSE}))
    assert [str(each) for each in face if each.target.startswith("sparkgap") and not each.late] == []


# The test is itself tested, on houses with one fault each


def house(root: Path, **files: str) -> list[Import]:
    for name, text in {"__init__": "", **files}.items():
        path = root / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return draw(root)


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("types", "from sparkgap.errors import InfraError", ""),
        ("types", "import sparkgap.runs", "upstairs (floor 0 to floor 1)"),
        ("data", "def f():\n    from sparkgap.judge import Judge", "upstairs (floor 1 to floor 2)"),
        ("stats", "if TYPE_CHECKING:\n    from sparkgap.grade import grade", "upstairs (floor 0 to floor 4)"),
        ("plugins", "import_module('sparkgap.benchmarks')", "upstairs (floor 1 to floor 3)"),
        ("runs", "from . import judge", "upstairs (floor 1 to floor 2)"),
        ("judge__in__pool", "from ..grade import grade", "upstairs (floor 2 to floor 4)"),
        ("judge__in__pool", "from .wire import pack", ""),
        ("benchmarks__in__mbpp", "from sparkgap.benchmarks._prompts import fence", ""),
        ("benchmarks__in__mbpp", "from sparkgap.benchmarks import Benchmark", ""),
        (
            "benchmarks__in__mbpp",
            "from sparkgap.benchmarks.humaneval import BENCHMARK",
            "a plug-in; plug-ins are found",
        ),
        ("benchmarks__in__mbpp", "from sparkgap.references import limits", "its own room's shared parts"),
        ("references", "from sparkgap.benchmarks import Benchmark", ""),
        ("grade", "from sparkgap.benchmarks import humaneval", "a plug-in; plug-ins are found"),
        ("judge__in__pool", "from sparkgap.judge.languages import python", "a plug-in; plug-ins are found"),
        ("grade", "from sparkgap.selftest import passes", "verbs do not import verbs"),
        ("loop", "from sparkgap.grade import grade", ""),
        ("cli__in__grade", "from sparkgap.grade import grade", ""),
        ("cli__in__grade", "from sparkgap.cli.data import command", "not even by each other"),
        ("cli__in__grade", "from sparkgap.cli.scorecard import scorecard", ""),
        ("grade", "from sparkgap import __version__", ""),
    ],
)
def test_a_fault_is_seen_wherever_the_import_stands(tmp_path: Path, name: str, line: str, said: str) -> None:
    others = dict.fromkeys(("judge__in____init__", "judge__in__languages__in__python", "benchmarks__in__humaneval"), "")
    (each,) = [each for each in house(tmp_path, **{**others, name: line}) if each.target.startswith("sparkgap")]
    assert said in fault(each)
    assert bool(said) == bool(fault(each))


def test_a_circle_is_seen_across_a_function(tmp_path: Path) -> None:
    drawn = house(tmp_path, types="import sparkgap.errors", errors="def f():\n    from sparkgap import types")
    assert circles(drawn) == [("sparkgap.errors", "sparkgap.types", "sparkgap.errors")]


def test_a_room_on_no_floor_is_told_where_to_go(tmp_path: Path) -> None:
    (each,) = house(tmp_path, novelty="from sparkgap.types import Problem")
    with pytest.raises(AssertionError, match=r"add 'novelty' to FLOORS in test_floors\.py"):
        fault(each)


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("cli__in__data", "import click", ""),
        ("grade", "import click", "which only cli may"),
        ("cli__in__data", "import rich.table", "import it inside the function"),
        ("cli__in__data", "def f():\n    from rich.table import Table", ""),
        ("cli__in__data", "if TYPE_CHECKING:\n    from rich.console import Console", ""),
        ("judge__in__pool", "def f():\n    import numpy as np", "which only curate, stats, train may"),
        ("stats", "def f():\n    import scipy", "which no room may"),
        ("stats", "from collections import abc", ""),
    ],
)
def test_a_package_from_outside_is_held_to_its_rooms(tmp_path: Path, name: str, line: str, said: str) -> None:
    (each,) = house(tmp_path, **{name: line})
    assert said in outside_fault(each)
    assert bool(said) == bool(outside_fault(each))

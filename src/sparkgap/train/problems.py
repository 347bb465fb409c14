"""Problems to train on: from a benchmark's training split, from katas made on the spot, from a file, or a dataset.

A file holds one JSON object a line:

    {"id": "mine/1", "prompt": "def add(x, y):\\n", "continues": true, "entry_point": "add", "split": "train",
     "reference": "def add(x, y):\\n    return x + y\\n", "tests": "assert add(1, 2) == 3"}

`tests` is Python that calls the candidate's functions; or {"stdio": [[stdin, stdout], ...]}; or {"entry_point": "add",
"inputs": "[(1, 2)]", "expected": "[3]"}, where both are Python literals. `id`, `prompt` and `tests` must be there.

Nothing of a test split is trained on, whatever the source calls itself.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparkgap import plugins
from sparkgap.compare.wanted import wanted
from sparkgap.errors import InputError
from sparkgap.types import CodeTests, InputTests, Problem, StdioTests, Tests

IMPOSSIBLE = "impossible"  # in the metadata of a problem that no program solves
HELD_OUT = 100  # problems taken out of the training problems where a source has no validation split
_TRAINING = "train"
_KATAS = "katas"


@dataclass(frozen=True, slots=True)
class Source:
    """Where problems come from.

    `name` is a benchmark, a file of problems, or the folder of a dataset of `curate`. `count`, `seed`, `levels` and
    `compact` are for katas alone: how many, of which seed and levels, and in the short style for tiny models. `limit`
    takes the first so many of any other. `prefer`, a run or a list of `gap --problems`, leaves those that are nearer to
    what was failed there than to what was solved, the nearest first (and then `limit` takes of katas too).
    """

    name: str
    count: int = 2000
    seed: int = 1
    levels: tuple[int, ...] = ()
    compact: bool = False
    limit: int | None = None
    prefer: Path | None = None


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """Problems to train on, and problems held out of the same kind, which no step sees.

    `published` says that they are a benchmark's, and not the user's own to mend.
    """

    train: tuple[Problem, ...]
    held_out: tuple[Problem, ...]
    published: bool = False


def problem_set(source: Source, held_out: int = HELD_OUT) -> ProblemSet:
    """Return the problems of a source, `held_out` of them (of its validation split, where it has one) apart.

    Raises:
        InputError: there are none to train on, or they are of a test split; a line of the file is no problem; none is
            near what is preferred.
        PluginError: there is no such benchmark.
        DataError: its published file is not here.
    """
    found = _problem_set(source, held_out)
    if source.prefer is None:
        return found if source.name == _KATAS else replace(found, train=found.train[: source.limit])
    chosen = wanted(source.prefer)
    scored = [(chosen.score(f"{each.prompt}\n{each.reference}"), each) for each in found.train]
    near = sorted((each for each in scored if each[0] > 0), key=lambda each: -each[0])
    if not near:
        raise InputError(f"no problem of {source.name} is near what {source.prefer} failed; leave --for out")
    return replace(found, train=tuple(problem for _, problem in near)[: source.limit])


def _problem_set(source: Source, held_out: int) -> ProblemSet:
    if source.name == _KATAS:
        return _from_katas(source, held_out)
    path = Path(source.name)
    if (path / "ledger.parquet").is_file():  # a dataset of `curate`
        path = path / "rl" / "problems.jsonl"
        if not path.is_file():
            raise InputError(f"{source.name} has no proven problems; curate it again, without --no-proof")
    if path.is_file():
        return _divided(source, list(read_problems(path)), held_out)
    if "/" in source.name or source.name.endswith((".jsonl", ".json")):
        raise InputError(f"there is no file {source.name}; problems are a benchmark's name or a JSON Lines file")
    every = list(plugins.find("benchmarks", source.name).problems())
    if not any(problem.split == _TRAINING for problem in every):
        splits = ", ".join(sorted({problem.split for problem in every}))
        raise InputError(f"{source.name} has no training split (it has: {splits}), and a test split is not trained on")
    return replace(_divided(source, every, held_out), published=True)


def read_problems(path: Path) -> Iterator[Problem]:
    """Yield the problems of a JSON Lines file.

    Raises:
        InputError: a line is no problem, or an id comes twice; it names file and line.
    """
    seen: dict[str, int] = {}
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path} cannot be read ({fault})") from fault
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if isinstance(record, dict) and "solved_by" in record:
                raise InputError(
                    f"{path} is a list of `gap`: problems of a test, not to be trained on; give it to --for"
                )
            problem = _problem(record)
        except (ValueError, KeyError, TypeError, SyntaxError) as fault:
            why = f"`{fault.args[0]}` is missing" if isinstance(fault, KeyError) else str(fault)
            raise InputError(f"{path}:{number}: not a problem ({why}); see `sparkgap train rlcf --help`") from fault
        if problem.id in seen:
            raise InputError(f"{path}:{number}: {problem.id} was in line {seen[problem.id]} already; ids are unique")
        seen[problem.id] = number
        yield problem


def _from_katas(source: Source, held_out: int) -> ProblemSet:
    from sparkgap.benchmarks._katas import COMPACT, NATURAL, katas

    curriculum = COMPACT if source.compact else NATURAL
    curriculum = replace(curriculum, levels=source.levels) if source.levels else curriculum
    return ProblemSet(
        tuple(katas("train", source.count, source.seed, curriculum)),
        tuple(katas("validation", held_out, source.seed, curriculum)),
    )


def impossible(problems: Sequence[Problem], share: float) -> tuple[Problem, ...]:
    """Return copies of a share of these problems with tests that contradict themselves: nothing passes them.

    They look like any other problem to the model. A program that passes one has found a hole in the judge.
    """
    fitting = [each for each in problems if _contradictable(each)]
    count = min(len(fitting), math.ceil(share * len(problems)))
    step = max(1, len(fitting) // max(1, count))
    return tuple(_contradicted(problem) for problem in fitting[::step][:count])


def _contradictable(problem: Problem) -> bool:
    if isinstance(problem.tests, CodeTests):
        return problem.language == "python"
    return not (isinstance(problem.tests, InputTests) and problem.tests.expected is None)


def _contradicted(problem: Problem) -> Problem:
    tests = problem.tests
    nothing = float("nan")  # equals nothing, not even itself
    if isinstance(tests, InputTests):
        answers = tests.expected or ()
        wrong = (*answers, nothing, [nothing])
        tests = replace(tests, inputs=(*tests.inputs, tests.inputs[0], tests.inputs[0]), expected=wrong, groups=())
    elif isinstance(tests, StdioTests):
        given = tests.cases[0][0]
        tests = StdioTests((*tests.cases, (given, "one answer"), (given, "another answer")))
    elif isinstance(tests, CodeTests):
        tests = replace(tests, code=f"{tests.code}\nassert False, 'nothing passes this'\n")
    return replace(
        problem,
        id=f"{problem.id}/impossible",
        tests=tests,
        reference="",
        metadata={**problem.metadata, IMPOSSIBLE: True},
    )


def _divided(source: Source, every: list[Problem], held_out: int) -> ProblemSet:
    """Put the held-out problems apart: those of the validation split, else the last ones of the training problems."""
    if untested := [problem.id for problem in every if problem.tests is None]:
        raise InputError(f"{source.name} is not decided by tests ({untested[0]} has none), so there is no reward")
    train = [problem for problem in every if problem.split == _TRAINING]
    apart = [problem for problem in every if problem.split == "validation"][:held_out]
    if not train:
        raise InputError(f"{source.name} has no problem of the split {_TRAINING!r}; those of a test split are not used")
    if not apart and held_out:
        size = min(held_out, len(train) // 10)
        train, apart = train[: len(train) - size], train[len(train) - size :]
    return ProblemSet(tuple(train), tuple(apart))


def _problem(record: Mapping[str, Any]) -> Problem:
    if not isinstance(record, dict):
        raise TypeError("not an object")
    strings = {name: record.get(name, "") for name in ("reference", "entry_point", "benchmark")}
    strings |= {name: record[name] for name in ("id", "prompt")}
    if wrong := [name for name, value in strings.items() if not isinstance(value, str)]:
        raise TypeError(f"`{wrong[0]}` is not a string")
    return Problem(
        tests=_tests(record["tests"], str(record.get("prelude", ""))),
        continues=bool(record.get("continues", False)),
        split=str(record.get("split", _TRAINING)),
        language=_language(record.get("language", "python")),
        metadata=record.get("metadata") or {},
        **{**strings, "benchmark": strings["benchmark"] or "file"},
    )


def _language(name: Any) -> str:
    if name not in (known := plugins.names("languages")):
        raise ValueError(f"`language` is one of {', '.join(known)}, not {name!r}")
    return str(name)


def _tests(told: Any, prelude: str) -> Tests:
    if isinstance(told, str):
        if not told.strip():
            raise ValueError("`tests` is empty")
        return CodeTests(told, prelude)
    if isinstance(told, list) and all(isinstance(line, str) for line in told) and told:
        return CodeTests("\n".join(told), prelude)
    if isinstance(told, dict) and "stdio" in told:
        if not told["stdio"]:
            raise ValueError("`stdio` is empty")
        return StdioTests(
            tuple((str(given), None if wanted is None else str(wanted)) for given, wanted in told["stdio"])
        )
    if isinstance(told, dict) and "inputs" in told:
        inputs, expected = (_literal(told[name]) for name in ("inputs", "expected"))
        if len(inputs) != len(expected) or not inputs:
            raise ValueError("`inputs` and `expected` are of different lengths, or empty")
        return InputTests(str(told["entry_point"]), tuple(map(tuple, inputs)), tuple(expected))
    raise TypeError("`tests` is neither Python, nor stdio, nor inputs with expected answers")


def _literal(told: Any) -> list[Any]:
    value = ast.literal_eval(told) if isinstance(told, str) else told
    if not isinstance(value, (list, tuple)):
        raise TypeError("`inputs` and `expected` are lists")
    return list(value)

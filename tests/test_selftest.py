"""The self-test: clean on a sound judge, loud on a broken one, and its cheats do cheat."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparkgap import plugins
from sparkgap.errors import InfraError
from sparkgap.judge import Judge
from sparkgap.selftest import CHEATS, PROBLEMS, Check, require, selftest
from sparkgap.types import CodeTests, DocTests, InputTests, Problem, Program, Verdict

HELLO = plugins.find("benchmarks", "hello")
FORGERIES = [name for name in CHEATS if name not in ("empty", "constant")]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(2) as judge:
        yield judge


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path))


class Credulous:
    """A judge that answers for itself: "passed" to all programs in which `trusts` finds something to trust."""

    def __init__(self, judge: Judge, trusts: str, status: Any = "passed") -> None:
        self._judge, self._trusts, self._status = judge, trusts, status

    def stream(self, programs: Iterable[Program]) -> Iterator[tuple[int, Verdict]]:
        kept = list(programs)
        for index, verdict in self._judge.stream(kept):
            fooled = self._trusts in kept[index].source
            yield index, Verdict(self._status, reason="trusted") if fooled else verdict


def test_a_sound_judge_passes_on_hello_alone(judge: Judge) -> None:
    checks = selftest(judge)
    require(checks)
    assert {check.name for check in checks} == {"canonical solution", *CHEATS}
    kinds = {type(p.tests) for p in HELLO.problems() if p.id in {check.problem_id for check in checks}}
    assert kinds == {CodeTests, InputTests, DocTests}
    assert all(check.must_pass == (check.name == "canonical solution") for check in checks)


@pytest.mark.parametrize("name", ["humaneval", "mbpp", "humaneval_plus"])
def test_a_sound_judge_passes_on_the_benchmark_at_hand(
    judge: Judge, published: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    checks = selftest(judge, plugins.find("benchmarks", name))
    require(checks)
    assert len({check.problem_id for check in checks}) == 3 + PROBLEMS


@pytest.mark.parametrize(("trusts", "name"), [("os._exit", "os._exit(0) when loaded"), ("__eq__", "always equal")])
def test_a_judge_that_is_fooled_is_found_out(judge: Judge, trusts: str, name: str) -> None:
    checks = selftest(Credulous(judge, trusts))  # type: ignore[arg-type]
    assert name in {check.name for check in checks if not check.ok}
    with pytest.raises(InfraError, match=r"self-test failed.*sparkgap check"):
        require(checks)


def test_a_judge_that_cannot_judge_is_found_out(judge: Judge) -> None:
    checks = selftest(Credulous(judge, "sys.exit", "infra"))  # type: ignore[arg-type]
    with pytest.raises(InfraError, match=r"is infra \(trusted\)"):
        require(checks)


def test_a_canonical_solution_that_fails_is_found_out(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [replace(problem, reference="def x(:") for problem in HELLO.problems()]
    monkeypatch.setattr(type(HELLO), "problems", lambda self: iter(broken))
    checks = selftest(judge)
    assert [check.ok for check in checks] == [False] * 3
    with pytest.raises(InfraError, match="canonical solution"):
        require(checks)


def test_a_check_without_a_verdict_is_not_well() -> None:
    assert not Check("constant", "a", must_pass=False, verdict=Verdict("infra")).ok
    assert Check("constant", "a", must_pass=False, verdict=Verdict("wrong")).ok
    assert not Check("constant", "a", must_pass=False, verdict=Verdict("passed")).ok


@pytest.mark.parametrize("name", FORGERIES)
def test_every_forgery_fools_a_grader_that_looks_at_the_exit_code(name: str, tmp_path: Path) -> None:
    problem: Problem = next(HELLO.problems())
    assert isinstance(problem.tests, CodeTests)
    cheat = CHEATS[name].replace("{f}", problem.entry_point)
    script = tmp_path / "graded.py"
    script.write_text(f"{problem.tests.prelude}\n{cheat}\n{problem.tests.code}\n")
    assert subprocess.run([sys.executable, "-I", script], capture_output=True, check=False).returncode == 0

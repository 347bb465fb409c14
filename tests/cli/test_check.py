"""`sparkgap check`: what this machine gives, what is missing and how to get it, in words and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sparkgap import cli
from sparkgap.data import published
from sparkgap.errors import InfraError, IsolationError
from sparkgap.judge.isolation import Isolation, Layer
from sparkgap.selftest import CHEATS, Check
from sparkgap.types import Verdict

SPARKGAP = [sys.executable, "-c", "from sparkgap.cli import main; main(prog_name='sparkgap')", "check"]
WALLS = (
    Layer("seccomp", True, "reduced", "calls refused", ""),
    Layer("user namespace", False, "full", "Operation not permitted", "`sysctl user.max_user_namespaces=15000`"),
)
SOUND = Check("canonical solution", "Hello/0", must_pass=True, verdict=Verdict("passed"))
FOOLED = Check("always equal", "Hello/0", must_pass=False, verdict=Verdict("passed"))


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARKGAP_DATA", raising=False)
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path))


def check(monkeypatch: pytest.MonkeyPatch, level: str, *words: str, checks: tuple[Check, ...] = (SOUND,)) -> Result:
    """Run the command on a machine of that level, whose judge gives these verdicts."""
    monkeypatch.setattr("sparkgap.judge.isolation.probe", lambda: Isolation(level, ("full: no namespaces",), WALLS))
    monkeypatch.setattr("sparkgap.selftest.selftest", lambda judge: checks)
    return CliRunner().invoke(cli.main, ["check", *words])


def test_this_machine_is_told_layer_by_layer_and_its_judge_is_sound() -> None:
    done = subprocess.run(SPARKGAP, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(("Isolation: full", "Isolation: reduced"))
    assert max(len(line) for line in lines if "/" not in line) <= 80
    for name in ("seccomp", "Landlock", "network namespace", "resource limits"):
        assert any(f"  {name}: " in line for line in lines)
    for name in ("canonical solution passes", *(f"{name} fails" for name in CHEATS)):
        assert f"  ok       {name}" in lines
    assert f"Data: 0 of {len(published())} published files are in" in done.stdout


def test_json_holds_the_same() -> None:
    done = subprocess.run([*SPARKGAP, "--json"], capture_output=True, text=True, check=False)
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["ok"] is True
    assert told["isolation"]["level"] in ("full", "reduced")
    assert {"name", "ok", "detail", "mend"} <= told["isolation"]["layers"][0].keys()
    assert [each["name"] for each in told["data"]] == list(published())
    assert told["self_test"]["ok"] is True
    assert {each["name"] for each in told["self_test"]["checks"]} == {"canonical solution", *CHEATS}


def test_a_missing_layer_is_named_with_its_mend_and_the_reduced_level_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    done = check(monkeypatch, "reduced")
    assert done.exit_code == 0
    assert "MISSING  user namespace: Operation not permitted\n" in done.stdout
    assert "-> `sysctl user.max_user_namespaces=15000`\n" in done.stdout
    assert "refused  full: no namespaces" in done.stdout


def test_no_safe_level_is_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(monkeypatch, "none").exit_code == 2
    told = json.loads(check(monkeypatch, "none", "--json").stdout)
    assert told["ok"] is False


def test_a_fooled_judge_is_exit_4(monkeypatch: pytest.MonkeyPatch) -> None:
    done = check(monkeypatch, "full", checks=(SOUND, FOOLED))
    assert done.exit_code == 4
    assert "Self-test: 1 of 2 verdicts are what they must be" in done.stdout
    assert "FAILED   always equal fails; is passed on Hello/0" in done.stdout
    told = json.loads(check(monkeypatch, "full", "--json", checks=(SOUND, FOOLED)).stdout)
    assert (told["ok"], told["self_test"]["ok"]) == (False, False)


@pytest.mark.parametrize(("error", "code"), [(IsolationError("no walls"), 2), (InfraError("no workers"), 4)])
def test_a_judge_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception, code: int) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("sparkgap.judge.Judge", refuse, raising=False)
    done = check(monkeypatch, "none")
    assert done.exit_code == code
    assert f"Self-test: the judge does not start: {error}" in done.stdout


def test_a_file_that_is_not_the_published_one_is_exit_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "offline" / "humaneval").mkdir(parents=True)
    (tmp_path / "offline" / "humaneval" / "HumanEval.jsonl.gz").write_bytes(b"another")
    monkeypatch.setenv("SPARKGAP_DATA", str(tmp_path / "offline"))
    done = check(monkeypatch, "full")
    assert done.exit_code == 2
    assert "is not the published humaneval/HumanEval.jsonl.gz" in " ".join(done.stdout.split())
    assert "-> replace it" in done.stdout
    assert f"{len(published()) - 1} are absent" in done.stdout

"""The same attacks at every level that this machine can give, as root and as an ordinary user, and in a container."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sparkgap
from enemies import Attack, complaints, outcome
from enemies.escapes import SECRET, SECRET_NAME
from enemies.selection import SELECTED
from sparkgap import CodeTests, Judge, Program
from sparkgap.errors import InfraError, IsolationError

NOBODY = 65534
_SOURCES = Path(sparkgap.__file__).resolve().parents[1]
_TESTS = Path(__file__).resolve().parents[1]

# name -> the level asked for, the level that must come of it, who asks, from where, and how many attacks are left out
KINDS: dict[str, tuple[str, str, int | None, bool, int]] = {
    "full as an ordinary user": ("full", "full", NOBODY, False, 1),
    "reduced as an ordinary user": ("reduced", "reduced", NOBODY, False, 2),
    "in a container": ("auto", "reduced", None, True, 3),
    "in a container as an ordinary user": ("auto", "reduced", NOBODY, True, 4),
}


@pytest.fixture(scope="module")
def reduced() -> Iterator[Judge]:
    os.environ[SECRET_NAME] = SECRET
    try:
        judge = Judge(workers=1, isolation="reduced")
    except (IsolationError, InfraError) as error:
        pytest.skip(f"this machine does not give the level: {error}")
    with judge:
        yield judge


@pytest.mark.parametrize("enemy", SELECTED, ids=lambda enemy: enemy.name)
def test_attack_fails_at_the_reduced_level(reduced: Judge, enemy: Attack) -> None:
    assert reduced.isolation == "reduced"
    assert not complaints(enemy, outcome(reduced, enemy), "reduced")


@pytest.mark.parametrize("kind", KINDS)
def test_attacks_fail_elsewhere(kind: str) -> None:
    level, reached, user, container, every = KINDS[kind]
    if os.geteuid() != 0 and user is not None:
        pytest.skip("these tests run as an ordinary user already")
    lines = _elsewhere(level, user, container, every)
    if "refused" in lines[0]:
        pytest.skip(f"this machine does not give the level: {lines[0]['refused']}")
    assert lines[0] == {"isolation": reached}
    assert [line["name"] for line in lines[1:]] == [enemy.name for enemy in SELECTED[::every]]
    assert {line["name"]: line["amiss"] for line in lines[1:] if line["amiss"]} == {}


def _elsewhere(level: str, user: int | None, container: bool, every: int) -> list[dict[str, object]]:
    """Run the attacks from another process, and return what it said of them."""
    python = sys.executable if user is None else _reachable_python(user)
    command = [python, "-P", "-B", "-m", "enemies", level, "--every", str(every)]
    command += [] if user is None else ["--user", str(user)]
    command += ["--container"] if container else []
    environment = {"PYTHONPATH": f"{_SOURCES}:{_TESTS}", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def _reachable_python(user: int) -> str:
    """Return an interpreter that the user may run, this very one if possible; skip where there is none."""
    for folder in (_SOURCES, _TESTS):
        if not _open_to_all(folder):
            pytest.skip(f"{folder} is not open to user {user}")
    found = (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin"))
    for python in filter(None, found):
        if _open_to_all(Path(python).resolve()) and _open_to_all(Path(python)) and _is_recent(python):
            return python
    pytest.skip(f"no Python from 3.11 on that user {user} may run: {sys.executable} lies in a closed folder")


def _open_to_all(path: Path) -> bool:
    return all(place.stat().st_mode & 0o001 or place.is_file() for place in (path, *path.parents))


def _is_recent(python: str) -> bool:
    asked = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def test_auto_takes_the_best_level_there_is(judge: Judge) -> None:
    with Judge(workers=1, isolation="auto") as again:
        assert again.isolation == judge.isolation


def test_unsafe_is_only_taken_when_named() -> None:
    with Judge(workers=1, isolation="unsafe") as judge:
        assert judge.isolation == "unsafe"
        assert judge.run(Program("def f(): return 5\n", CodeTests("assert f() == 5"))).passed
        assert judge.run(Program("def f(): return 4\n", CodeTests("assert f() == 5"))).status == "wrong"


def test_a_level_of_no_known_name_is_refused() -> None:
    with pytest.raises(ValueError, match="isolation is one of"):
        Judge(workers=1, isolation="best")  # type: ignore[arg-type]

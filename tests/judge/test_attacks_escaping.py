"""Attacks that want out: to the network, the host's files, other processes, or the next program."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from enemies import TRUTH, Attack, complaints, outcome
from enemies.escapes import ENVIRONMENT, FILES, LEGACIES, NETWORK, PROCESSES, legacy
from enemies.system_calls import CALLS
from sparkgap import Judge, Program

ATTACKS: list[Attack] = [*(enemy for enemy in NETWORK if "PORT" not in enemy.source), *FILES, *ENVIRONMENT, *PROCESSES]


def test_no_two_attacks_share_a_name() -> None:
    names = [enemy.name for enemy in (*ATTACKS, *CALLS)]
    assert len(names) == len(set(names))
    assert not any({"passed", "infra"} & (enemy.statuses | enemy.reduced) for enemy in (*ATTACKS, *CALLS))


@pytest.mark.parametrize("enemy", ATTACKS, ids=lambda enemy: enemy.name)
def test_escape_fails(judge: Judge, enemy: Attack) -> None:
    assert not complaints(enemy, outcome(judge, enemy), judge.isolation)


@pytest.mark.parametrize("enemy", CALLS, ids=lambda enemy: enemy.name)
def test_system_call_is_refused(judge: Judge, enemy: Attack) -> None:
    assert not complaints(enemy, outcome(judge, enemy), judge.isolation)


def test_the_callers_server_hears_nothing(judge: Judge) -> None:
    (enemy,) = (enemy for enemy in NETWORK if "PORT" in enemy.source)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        enemy = replace(enemy, source=enemy.source.replace("PORT", str(server.getsockname()[1])))
        assert not complaints(enemy, outcome(judge, enemy), judge.isolation)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("name", LEGACIES)
def test_nothing_is_left_to_the_next_program(judge: Judge, name: str) -> None:
    for enemy in legacy(name):
        assert not complaints(enemy, outcome(judge, enemy), judge.isolation)


@pytest.mark.parametrize(
    "change",
    [
        "os.chmod(PATH, 0o777)",
        "os.utime(PATH, (5, 5))",
        "os.truncate(PATH, 0)",
        "os.chown(PATH, 1, 1)",
        "os.setxattr(PATH, 'user.x', b'y')",
        "os.unlink(PATH)",
        "os.rename(PATH, PATH + '.stolen')",
        "os.link(PATH, PATH + '.linked')",
        "os.open(PATH, os.O_WRONLY | os.O_TRUNC)",
        "os.open(PATH, os.O_RDONLY)",
        "os.listdir(os.path.dirname(PATH))",
        "os.mkdir(PATH + '.made')",
        "os.symlink('/etc', PATH + '.linked')",
        "os.fchmod(os.open(PATH, os.O_PATH), 0o777)",
        "os.chmod('/proc/self/fd/%d' % os.open(PATH, os.O_PATH), 0o777)",
    ],
)
def test_a_file_of_the_caller_stays_as_it_is(judge: Judge, tmp_path: Path, change: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("5")
    precious.chmod(0o666)
    tmp_path.chmod(0o777)
    before = (os.stat(precious), os.listdir(tmp_path))
    source = f"import os\ndef attempt():\n    PATH = {str(precious)!r}\n    {change}\n    return True\n"
    verdict = judge.run(Program(source, TRUTH.tests))
    after = (os.stat(precious), os.listdir(tmp_path))
    assert verdict.status in ("raised", "forbidden")
    assert (after[0].st_mode, after[0].st_mtime, after[0].st_ctime, after[0].st_size, after[1]) == (
        before[0].st_mode, before[0].st_mtime, before[0].st_ctime, before[0].st_size, before[1],
    )  # fmt: skip


def test_no_descriptor_of_the_callers_reaches_a_program() -> None:
    """Not even those that the caller lets its children inherit."""
    reading, writing = os.pipe()
    high = os.dup2(writing, 200)
    os.set_inheritable(writing, True)
    source = (
        "import os\ndef attempt():\n    return [fd for fd in range(1024) if known(fd)]\n"
        "def known(fd):\n    try: return bool(os.fstat(fd))\n    except OSError: return False\n"
    )
    try:
        with Judge(workers=1) as judge:
            verdict = judge.run(Program(source, TRUTH.tests))
        assert verdict.failure is not None
        held = [int(word) for word in verdict.failure.actual.strip("[]").split(",")]
        assert len(held) <= 4, held  # stdin, stdout, stderr and the line to the judge
    finally:
        for descriptor in (reading, writing, high):
            os.close(descriptor)


def test_what_a_program_prints_never_reaches_the_callers_terminal(
    judge: Judge, capfd: pytest.CaptureFixture[str]
) -> None:
    source = "import os\nos.write(1, b'seen')\nos.write(2, b'seen')\ndef attempt(): return True\n"
    assert judge.run(Program(source, TRUTH.tests)).output == "seen"
    for enemy in ("import os\nos._exit(70)\n", "import os\nos.closerange(0, 64)\n", "import os\nos.abort()\n"):
        judge.run(Program(enemy, TRUTH.tests))
    assert capfd.readouterr() == ("", "")

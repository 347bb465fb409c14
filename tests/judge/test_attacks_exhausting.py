"""Attacks that want everything: processes, memory, disk, time, output, and the examiner's patience."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile

import pytest

from enemies import Attack, complaints, outcome
from enemies.exhaustion import (
    COMPILER,
    CRASHES,
    DESCRIPTORS,
    DISK,
    EXAMINER,
    MEMORY,
    OUTPUT,
    PROCESSES,
    SLEEP,
    TIME,
)  # fmt: skip
from sparkgap import Judge

ATTACKS: list[Attack] = [
    *PROCESSES, *MEMORY, *DISK, *OUTPUT, *DESCRIPTORS, *TIME, *SLEEP, *CRASHES, *COMPILER, *EXAMINER,
]  # fmt: skip


def test_no_two_attacks_share_a_name() -> None:
    names = [enemy.name for enemy in ATTACKS]
    assert len(names) == len(set(names))
    assert not any({"passed", "infra"} & (enemy.statuses | enemy.reduced) for enemy in ATTACKS)


@pytest.mark.parametrize("enemy", ATTACKS, ids=lambda enemy: enemy.name)
def test_exhaustion_is_bounded(judge: Judge, enemy: Attack) -> None:
    before = shutil.disk_usage(tempfile.gettempdir()).used
    assert not complaints(enemy, outcome(judge, enemy), judge.isolation)
    assert shutil.disk_usage(tempfile.gettempdir()).used - before < 256 << 20


def test_bombs_leave_no_process_behind(judge: Judge) -> None:
    bombs = (*PROCESSES[:3], *CRASHES[-3:])
    outcome(judge, bombs[0])  # so that every zygote they need is there
    before = _descendants(os.getpid())
    for enemy in bombs:
        outcome(judge, enemy)
    assert _descendants(os.getpid()) <= before


def test_what_a_script_writes_costs_the_worker_little(judge: Judge) -> None:
    """The worker has no limits of its own: what it reads of a hostile process must not be dear to read."""
    (enemy,) = (enemy for enemy in OUTPUT if "dear to read" in enemy.name)
    with Judge(workers=1, isolation=judge.isolation) as own:  # type: ignore[arg-type]
        assert own.run(enemy.program()).status in enemy.statuses
        spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - spent
    assert spent < 4  # CPU seconds of the worker and all below it; building the set alone takes more than that


def _descendants(pid: int) -> int:
    found = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _has_ancestor(int(entry), pid):
            found += 1
    return found


def _has_ancestor(pid: int, ancestor: int) -> bool:
    try:
        while pid > 1:
            with open(f"/proc/{pid}/stat") as stat:
                pid = int(stat.read().rpartition(")")[2].split()[1])
            if pid == ancestor:
                return True
    except OSError:
        pass
    return False

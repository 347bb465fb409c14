"""Long runs (`make soak`): nothing is left behind by a hundred thousand programs, and no verdict flips under load."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from enemies import complaints, outcome
from enemies.selection import SELECTED
from sparkgap import CodeTests, InputTests, Judge, Limits, Program, StdioTests

pytestmark = pytest.mark.soak

PROGRAMS = 100_000
ROUNDS = 20
SPINNERS = 8
MOST_GROWTH_KB = 8 << 10

ADD = CodeTests("assert add(2, 3) == 5\nassert add(10, -4) == 6\n")
QUICK = Limits(cpu_s=0.5, memory_mb=256)


def _small(index: int) -> tuple[Program, str]:
    """Return a small program and its status; now and then one of another kind, so that every path is walked."""
    if index % 1000 == 999:
        return Program("def add(a, b):\n    while True: pass\n", ADD, limits=Limits(cpu_s=0.1)), "timeout"
    if index % 100 == 99:
        return Program("def add(a, b): return list({'x', 'y'}) and a + b\n", ADD), "passed"
    if index % 100 == 98:
        return Program("import os\ndef add(a, b): os._exit(0)\n", ADD), "raised"
    if index % 100 == 97:
        return Program("print(int(input()) + 1)\n", StdioTests((("4", "5"),))), "passed"
    if index % 100 == 96:
        leaves = "try: open('left', 'w').close()\nexcept OSError: pass\ndef add(a, b): return 0\n"
        return Program(leaves, ADD), "wrong"
    if index % 100 == 95:
        return Program(f"def f(x): return x + {index}\n", InputTests("f", ((1,),), (1 + index,))), "passed"
    if index % 10 == 4:
        return Program(f"def add(a, b): return a - b + {index}\n", ADD), "wrong"
    if index % 10 == 5:
        return Program("def add(a, b) return\n", ADD), "syntax"
    return Program(f"def add(a, b):\n    # {index}\n    return a + b\n", ADD), "passed"


def _processes() -> dict[int, tuple[int, int]]:
    """Return process id -> (parent, resident kB) of everything below this process."""
    found: dict[int, tuple[int, int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
                found[int(entry)] = (int(fields[1]), int(fields[21]) * (os.sysconf("SC_PAGE_SIZE") >> 10))
    below = {os.getpid()}
    while more := {pid for pid, (parent, _) in found.items() if parent in below} - below:
        below |= more
    return {pid: found[pid] for pid in below if pid in found}


def _everything() -> tuple[int, list[int], int, set[str], int]:
    """Return the counts of processes, of descriptors in each, of mounts; the temporary folders; and resident kB."""
    below = _processes()
    descriptors = sorted(len(os.listdir(f"/proc/{pid}/fd")) for pid in below)
    mounts = 0
    for pid in below:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/mounts") as listed:  # one that has ended has none
            mounts += len(listed.readlines())
    left = {path.name for path in Path(os.environ.get("TMPDIR", "/tmp")).glob("sparkgap-*")}
    return len(below), descriptors, mounts, left, sum(kb for _, kb in below.values())


@pytest.mark.parametrize("level", ["auto", "reduced"])
def test_a_hundred_thousand_programs_leave_nothing_behind(level: str) -> None:
    total = PROGRAMS if level == "auto" else PROGRAMS // 10
    outside = _processes().keys(), os.listdir("/proc/self/fd")
    with Judge(isolation=level) as judge:  # type: ignore[arg-type]
        for index, verdict in judge.stream(_small(i)[0] for i in range(3000)):
            assert verdict.status == _small(index)[1], (index, verdict)
        before = _everything()
        for index, verdict in judge.stream(_small(i)[0] for i in range(3000, total)):
            assert verdict.status == _small(index + 3000)[1], (index, verdict)
        after = _everything()
        assert after[0] == before[0]
        assert after[1] == before[1]
        assert after[2] == before[2]
        assert after[3] == before[3]
        assert after[4] - before[4] < MOST_GROWTH_KB
    assert (_processes().keys(), os.listdir("/proc/self/fd")) == outside


def _burning(share: float, limits: Limits, rate: float) -> Program:
    """Return a right program that burns a share of its CPU budget, given the loop's turns a CPU second."""
    turns = int(share * limits.cpu_s * rate)
    source = f"def add(a, b):\n    n = {turns // 2}\n    while n: n -= 1\n    return a + b\n"
    return Program(source, ADD, limits=limits)


def _turns_a_second(judge: Judge) -> float:
    """Measure how many turns of the loop a CPU second of this machine holds; the slowest of five counts."""
    probe = Program("n = 2 * 10**6\nwhile n: n -= 1\n", limits=Limits(cpu_s=30))
    return 2e6 / max(judge.run(probe).cpu_s for _ in range(5))


@pytest.fixture
def busy() -> Iterator[None]:
    """Keep the machine busy with spinning processes."""
    spinners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(SPINNERS)]
    yield
    for spinner in spinners:
        spinner.kill()
        spinner.wait()


@pytest.mark.usefixtures("busy")
def test_no_verdict_changes_on_a_busy_machine() -> None:
    limits = Limits(cpu_s=0.3)
    with Judge() as judge:
        rate = _turns_a_second(judge)
        load: list[tuple[Program, str]] = [_small(i) for i in range(30)]
        load += [(_burning(0.5 + 0.02 * i, limits, rate), "passed") for i in range(11)]
        load += [(Program("def add(a, b):\n    while True: pass\n", ADD, limits=QUICK), "timeout")] * 2
        load += [(Program("import time\ndef add(a, b):\n    time.sleep(0.3)\n    return a + b\n", ADD), "passed")] * 2
        load += [(Program("import time\ndef add(a, b): time.sleep(1000)\n", ADD, limits=QUICK), "timeout")]
        expected = [status for _, status in load]
        for _ in range(ROUNDS):
            verdicts = dict(judge.stream(program for program, _ in load))
            assert [verdicts[i].status for i in range(len(load))] == expected


def test_attacks_in_every_order_fail_alike() -> None:
    """One worker meets all attacks three times over, in different orders: none opens a door to another."""
    with Judge(workers=1) as judge:
        for seed in range(3):
            for enemy in random.Random(seed).sample(SELECTED, len(SELECTED)):
                assert not complaints(enemy, outcome(judge, enemy), judge.isolation), enemy.name


def test_answers_without_end_for_the_examiner_are_bounded() -> None:
    """What an answer makes the tests do is limited too: by the examiner's own CPU time."""
    tests = CodeTests("import re\nassert re.fullmatch('(a+)+', give())\n")
    dear = Program("def give(): return 'a' * 60 + 'b'\n", tests, limits=QUICK)
    with Judge(workers=1) as judge:
        verdict = judge.run(dear)
        assert verdict.status == "timeout"
        assert "comparing" in verdict.reason
        assert judge.run(Program("def give(): return 'aa'\n", tests)).passed

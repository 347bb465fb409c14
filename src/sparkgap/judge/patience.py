"""How long a worker waits for programs that neither end nor work, told by what they have had of the machine."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

LOOK_S = 0.004  # how long a program runs before the examiner is asked whether what it has answered already decides
ASLEEP_S = 2.0  # how long a program may neither run nor wait for a core
EXAMINER_CPU_S = 3.0  # for one program's answers, on top of twice the program's own budget


class Usage(NamedTuple):
    """What a process has had of the machine so far: seconds that it ran, and that it waited for a core."""

    ran_s: float
    waited_s: float
    ready: bool  # whether it runs or waits for a core at this moment


NOTHING = Usage(0.0, 0.0, False)


class Patience:
    """How long the worker waits for a program that neither ends nor works, and for answers that are dear to compare."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._examiner_budget = EXAMINER_CPU_S + 2 * job["cpu_s"]
        self._examiner_ran_s: float | None = None  # before
        self._last: tuple[float, float] | None = None  # when it was noted, and what both had had of the machine by then
        self._slept_s = 0.0
        self.asleep = False
        self.burnt = False

    def note(self, candidate: Usage, examiner: Usage) -> None:
        """Take note of what each has had of the machine.

        Asleep is who neither runs nor waits for a core: on a busy machine that is no longer than on an idle one. The
        clock starts with the first note, when the program is there for sure, and stands still while somebody is ready
        to run: the kernel adds a wait for a core only once it is over.
        """
        now, had_s = time.monotonic(), sum(candidate[:2]) + sum(examiner[:2])
        if self._examiner_ran_s is None:
            self._examiner_ran_s = examiner.ran_s
        self.burnt = examiner.ran_s - self._examiner_ran_s > self._examiner_budget
        if self._last is not None and not (candidate.ready or examiner.ready):
            then, before_s = self._last
            self._slept_s += max(0.0, now - then - max(0.0, had_s - before_s))
        self._last = now, had_s
        self.asleep = self._slept_s > ASLEEP_S


class Looks:
    """When to look in on a program: now and then, ever more seldom."""

    def __init__(self) -> None:
        self._wait_s = LOOK_S
        self.due = time.monotonic() + LOOK_S

    def is_due(self) -> bool:
        """Whether it is time for the next look, which is then taken for done."""
        now = time.monotonic()
        if now < self.due:
            return False
        self._wait_s *= 3
        self.due = now + self._wait_s
        return True


def waited_for_core(pidfd: int) -> tuple[float, bool]:
    """Return how many seconds a process's threads have waited for a core (schedstat, proc(5)), and if one is ready."""
    waited_ns, ready = 0, False
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = process_of(pidfd)
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as schedstat:
                waited_ns += int(schedstat.read().split()[1])
            ready = ready or _fields(f"{pid}/task/{thread}")[0] == "R"
    return waited_ns / 1e9, ready


def _fields(process: str) -> list[str]:
    """Return what proc(5) says in `stat`, from the third field, the state, on."""
    with open(f"/proc/{process}/stat") as stat:
        return stat.read().rpartition(")")[2].split()


def process_of(pidfd: int) -> int:
    """Return the id of the process that a pidfd refers to."""
    with open(f"/proc/self/fdinfo/{pidfd}") as info:
        return next(int(line.split()[1]) for line in info if line.startswith("Pid:"))


_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def group_usage(pidfd: int) -> Usage:
    """Return what all of a process's group have had, the dead that were waited for too."""
    ran, waited_ns, ready = 0, 0, False
    with contextlib.suppress(OSError, ValueError, IndexError):
        group = str(process_of(pidfd))
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            with contextlib.suppress(OSError):
                fields = _fields(name)
                if fields[2] == group:
                    ran += sum(map(int, fields[11:15]))
                    ready = ready or fields[0] == "R"
                    with open(f"/proc/{name}/schedstat") as schedstat:
                        waited_ns += int(schedstat.read().split()[1])
    return Usage(ran / _TICKS_PER_S, waited_ns / 1e9, ready)

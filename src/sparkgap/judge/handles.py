"""The worker's ends of what it has started: zygotes and yards, and how long it waits for a program of theirs."""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sparkgap.judge import channel
from sparkgap.judge.yard import SHOW, SWEEP
from sparkgap.judge.zygote import ASK_CPU, Ending, Order

ASLEEP_S = 2.0  # how long a program may neither run nor wait for a core
EXAMINER_CPU_S = 3.0  # for one program's answers, on top of twice the program's own budget

_BOOT = (
    "import sys; sys.path.append({home!r}); from sparkgap.judge import {module}; sys.path.pop(); {module}.start({args})"
)


class Usage(NamedTuple):
    """What a process has had of the machine so far: seconds that it ran, and that it waited for a core."""

    ran_s: float
    waited_s: float
    ready: bool  # whether it runs or waits for a core at this moment


NOTHING = Usage(0.0, 0.0, False)


class Broken(Exception):
    """A process of ours ended that should not have."""


class HungUp(BaseException):
    """The judge is gone; nobody waits for a verdict any more."""


class ForkingProcess:
    """The worker's end of a process that forks programs: a zygote or a yard."""

    def __init__(self, boot: str, environment: Mapping[str, str]) -> None:
        self.control, theirs = channel.pair()
        self.pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-S", "-s", "-P", "-W", "ignore", "-X", "utf8", "-c", boot],
            {"LC_ALL": "C.UTF-8", "TZ": "UTC", "MALLOC_ARENA_MAX": "1", "HOME": "/", **environment},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3),
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),  # what goes wrong in there is said over the channel
            ],
        )
        theirs.close()
        self.ready = False

    def wait_ready(self) -> str:
        """Wait until it is behind its walls; return "" or what the kernel refused."""
        try:
            message = self.control.receive()
        except channel.Closed:
            return "the process ended while it was building its walls"
        self.ready = message == b"R"
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # in a full jail it was only the starter, and has ended
        return "" if self.ready else message[1:].decode("utf-8", "replace")

    def order(self, order: Order, descriptors: Sequence[int]) -> None:
        """Have a program forked."""
        self.control.send(order.pack(), descriptors)

    def ended(self) -> Ending | None:
        """Read a message that has come; return the program's ending if it is that."""
        message = self.control.receive()
        return Ending.unpack(message) if message[:1] == b"X" else None

    def ending(self) -> Ending:
        """Wait for the program's end."""
        while (ending := self.ended()) is None:
            pass
        return ending

    def usage(self) -> Usage | None:
        """Return what its program has had of the machine; None if it has ended."""
        self.control.send(ASK_CPU)
        message = self.control.receive()
        if message[:1] != b"q":
            self.control.put_back(message)
            return None
        cpu_s = float(channel.DOUBLE.unpack(message[1:])[0])
        (descriptor,) = self.control.descriptors()
        try:
            return self._used(descriptor, cpu_s)
        finally:
            os.close(descriptor)

    def _used(self, pidfd: int, cpu_s: float) -> Usage:
        return Usage(cpu_s, *_waited_for_core(pidfd))

    def close(self) -> None:
        """Let it end."""
        self.control.close()


class ZygoteProcess(ForkingProcess):
    """The worker's end of one zygote."""

    def __init__(self, role: str, settings: Settings, seed: int = 0, packages: Sequence[str] = ()) -> None:
        arguments = f"{role!r}, 3, {settings.level!r}, {tuple(packages)!r}"
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        boot = _BOOT.format(home=settings.home, module="zygote", args=arguments)
        now = {"LD_BIND_NOW": "1"}  # else each forked process would look up again each C function that it calls
        super().__init__(boot, {"PYTHONHASHSEED": str(seed), **threads, **now})
        self.role = role


class YardProcess(ForkingProcess):
    """The worker's end of one yard."""

    def __init__(self, settings: Settings, runtime: Sequence[Any], scratch: tuple[str, int, int]) -> None:
        arguments = f"3, {settings.level!r}, {tuple(runtime)!r}, {scratch!r}"
        super().__init__(_BOOT.format(home=settings.home, module="yard", args=arguments), {})
        self._level = settings.level
        self._family = False  # the program at hand may start others
        self._token = b""

    def start(self, spec: Mapping[str, Any], order: Order, descriptors: Mapping[int, int]) -> None:
        """Have a program started: what `yard.launch` reads; the number in the program -> the descriptor here."""
        self._family = spec["forks"]
        self._token = os.urandom(16).hex().encode()
        given = os.memfd_create("spec", os.MFD_CLOEXEC)
        try:
            told = {"level": self._level, "places": list(descriptors), "token": self._token.decode()}
            data = marshal.dumps({**spec, **told})
            write_all(given, data)
            self.order(order, (given, *descriptors.values()))
        finally:
            os.close(given)

    def unstarted(self, ending: Ending) -> bool:
        """Whether this is the end of a process that never became the program, whatever the program itself would say."""
        return self._token in ending.errors

    def sweep(self, folder: str = "") -> None:
        """Have it remove a folder of its scratch folder, or all that is there."""
        self.control.send(SWEEP + folder.encode())
        self.control.receive()

    def file(self, path: str) -> bytes:
        """Return what is in a file of its scratch folder."""
        self.control.send(SHOW + path.encode())
        return self.control.receive()[1:]

    def _used(self, pidfd: int, cpu_s: float) -> Usage:
        return _group_usage(pidfd) if self._family else super()._used(pidfd, cpu_s)


@dataclass(frozen=True, slots=True)
class Settings:
    """What every zygote of a worker is started with."""

    home: str  # the folder that holds the package
    level: str
    packages: tuple[str, ...]


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


def _waited_for_core(pidfd: int) -> tuple[float, bool]:
    """Return how many seconds a process's threads have waited for a core (schedstat, proc(5)), and if one is ready."""
    waited_ns, ready = 0, False
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = _process_of(pidfd)
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as schedstat:
                waited_ns += int(schedstat.read().split()[1])
            ready = ready or _fields(f"{pid}/task/{thread}")[0] == "R"
    return waited_ns / 1e9, ready


def _fields(process: str) -> list[str]:
    """Return what proc(5) says in `stat`, from the third field, the state, on."""
    with open(f"/proc/{process}/stat") as stat:
        return stat.read().rpartition(")")[2].split()


def _process_of(pidfd: int) -> int:
    with open(f"/proc/self/fdinfo/{pidfd}") as info:
        return next(int(line.split()[1]) for line in info if line.startswith("Pid:"))


_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def _group_usage(pidfd: int) -> Usage:
    """Return what all of a process's group have had, the dead that were waited for too."""
    ran, waited_ns, ready = 0, 0, False
    with contextlib.suppress(OSError, ValueError, IndexError):
        group = str(_process_of(pidfd))
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


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of some data to a file in memory, and go back to its start."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)

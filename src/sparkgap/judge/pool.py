"""The judge's end of a worker process: start it, give it jobs, bury it."""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import sys
import time
from collections import deque

from sparkgap.errors import InfraError, IsolationError
from sparkgap.judge import channel, wire
from sparkgap.judge.job import Job

_BOOT = (
    "import sys; sys.path.append({home!r}); from sparkgap.judge import worker; sys.path.pop();"
    " worker.main(3, {levels!r}, {packages!r}, {core!r})"
)
_MOST_AHEAD = 64 << 10  # bytes that may be sent to a worker which is still at another job


class WorkerProcess:
    """One worker process and the jobs that it has; `core` is the CPU that it keeps to, None for any."""

    def __init__(self, levels: tuple[str, ...], packages: tuple[str, ...], core: int | None = None) -> None:
        self.core = core
        self.channel, theirs = channel.pair()
        self.jobs: deque[Job] = deque()
        self.refusals: tuple[str, ...] = ()  # why a higher level of isolation was not reached
        self.key = b""  # of the tests that it was sent last
        self._kits: set[str] = set()  # of the languages that it knows
        self._since = time.monotonic()
        self._sizes: deque[int] = deque()  # of the messages by which it got them
        self._bytes = 0  # their sum
        home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self._pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-S", "-s", "-P", "-X", "utf8", "-c",
             _BOOT.format(home=home, levels=levels, packages=packages, core=core)],
            {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TMPDIR": os.environ.get("TMPDIR", "/tmp")},  # noqa: S108
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3),
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
            ],
            setsigmask=[],
            setpgroup=0,  # a Ctrl-C on the terminal is the caller's to handle
        )  # fmt: skip
        theirs.close()

    def wait_ready(self) -> str:
        """Wait until it can take jobs; return the isolation level.

        Raises:
            IsolationError: no level that was allowed can be reached.
            InfraError: the process ended.
        """
        try:
            message = self.channel.receive()
        except channel.Closed:
            raise InfraError("a worker process ended while it started") from None
        if message[:1] != b"R":
            self.refusals = tuple(wire.loads(message[1:]))
            refusals = "; ".join(self.refusals)
            raise IsolationError(
                f"this machine cannot jail programs safely ({refusals}). `sparkgap check` says what is missing and how "
                f"to get it; `--unsafe` (isolation='unsafe') runs programs with resource limits only"
            )
        level, refusals = wire.loads(message[1:])
        self.refusals = tuple(refusals)
        return str(level)

    def has_room_for(self, job: Job) -> bool:
        """Whether the job may be sent while the worker is still at others: small enough, and none of a worker's end."""
        if not self.jobs:
            return True
        return self._bytes + self._size(job) < _MOST_AHEAD and not job.deaths and not self.jobs[0].deaths

    def _size(self, job: Job) -> int:
        return len(job.message()) + (0 if job.key == self.key else len(job.tests))

    def give(self, job: Job) -> None:
        """Send a job, and its tests if the worker does not have them.

        Raises:
            channel.Closed: the worker is gone (the job is counted as its own all the same).
        """
        if not self.jobs:
            self._since = time.monotonic()
        self.jobs.append(job)
        self._sizes.append(self._size(job))
        self._bytes += self._sizes[-1]
        if job.kit is not None and job.kit.language not in self._kits:
            self.channel.send(b"K" + marshal.dumps(job.kit.plain()))
            self._kits.add(job.kit.language)
        if job.key and job.key != self.key:
            self.channel.send((b"T" if job.kit is None else b"U") + job.key + job.tests)
            self.key = job.key
        self.channel.send(job.message())

    def finished(self) -> Job:
        """Return the job whose verdict has come: they come in order."""
        self._since = time.monotonic()
        self._bytes -= self._sizes.popleft()
        return self.jobs.popleft()

    def overdue(self) -> bool:
        """Whether the worker has been at one job for longer than any job can take."""
        return bool(self.jobs) and time.monotonic() - self._since > self.jobs[0].most_wall_s

    def kill(self) -> None:
        """Kill the process, unless it has ended; its children end when their sockets close."""
        if not self._pid:
            return  # 0 would be our own process group
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """Hang up; the process then ends by itself, its children first."""
        self.channel.close()

    def end(self) -> None:
        """Hang up and wait for the process's end; kill it if that takes long."""
        self.close()
        deadline = time.monotonic() + 5
        while self._pid:
            try:
                if os.waitpid(self._pid, os.WNOHANG)[0]:
                    break
            except ChildProcessError:
                break
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(0.002)
        self._pid = 0

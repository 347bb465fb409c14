"""The worker's ends of what it has started: zygotes and yards, and the programs that they have forked."""

from __future__ import annotations

import _socket
import contextlib
import marshal
import math
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkgap.judge import channel, kernel, yard
from sparkgap.judge.orders import Cause, Ending, Order, Sinks
from sparkgap.judge.patience import Usage, group_usage, process_of, waited_for_core
from sparkgap.judge.zygote import KILL, LIMITS, READY, ROOM, SWEEP

_INT = struct.Struct("i")
_HANG_UP_MS = 1000  # between the ends of processes that are killed together, on a busy machine
_BOOT = (
    "import sys; sys.path.append({home!r}); from sparkgap.judge import {module}; sys.path.pop(); {module}.start({args})"
)


class Broken(Exception):
    """A process of ours ended that should not have."""


class HungUp(BaseException):
    """The judge is gone; nobody waits for a verdict any more."""


def _spawned(module: str, arguments: str, home: str, environment: Mapping[str, str], places: Mapping[int, int]) -> int:
    """Start a process that will fork programs, and return its id; it has `places`, number there -> number here."""
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-S", "-s", "-P", "-W", "ignore", "-X", "utf8", "-c",
         _BOOT.format(home=home, module=module, args=arguments)],
        {"LC_ALL": "C.UTF-8", "TZ": "UTC", "MALLOC_ARENA_MAX": "1", "HOME": "/", **environment},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
            *((os.POSIX_SPAWN_DUP2, here, there) for there, here in places.items()),
        ],
        setsigmask=[],
    )  # fmt: skip


def _reported(message: bytes) -> str:
    """Return "" if a process says that it is ready, else what the kernel refused."""
    return "" if message == READY else message[1:].decode("utf-8", "replace") or _UNREADY


_UNREADY = "the process ended while it was building its walls"


class ZygoteProcess:
    """The worker's end of a zygote, and of the program that it has forked last, which is a child of the worker's."""

    def __init__(self, role: str, settings: Settings, seed: int = 0, packages: Sequence[str] = ()) -> None:
        self.role = role
        self.ready = False
        self._socket, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        kept, self._keeper = os.pipe()  # it goes, and all that are left of its programs, once this end is closed
        self._sinks = Sinks.new()
        output, errors = self._sinks.places
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        now = {"LD_BIND_NOW": "1"}  # else each forked process would look up again each C function that it calls
        self._pid = _spawned(
            "zygote", f"{role!r}, 3, 4, {settings.level!r}, {tuple(packages)!r}", settings.home,
            {"PYTHONHASHSEED": str(seed), **threads, **now},
            {1: output, 2: errors, 3: theirs.fileno(), 4: kept},
        )  # fmt: skip
        theirs.close()
        os.close(kept)
        self._pidfd = self._scratch = -1
        self._scratch_bytes = 0
        self._running = False
        self._cause = Cause.ITSELF
        self._order = Order(0.0, 0.0, 0, 0)
        self._started = self._due = 0.0

    def wait_ready(self) -> str:
        """Wait until it is behind its walls; return "" or what the kernel refused."""
        message = b""
        extras: list[tuple[int, int, bytes]] = []
        with contextlib.suppress(ConnectionResetError):
            message, extras, _, _ = self._socket.recvmsg(4096, ROOM)
        self.ready = message == READY
        if extras:
            (self._scratch,) = _INT.unpack(extras[0][2])
            self._scratch_bytes = os.fstat(self._scratch).st_size
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, os.WNOHANG)  # in a full jail it was only the starter, and has ended
        self._sinks.collect(0)
        return _reported(message)

    def order(self, order: Order, descriptors: Sequence[int]) -> None:
        """Have a program forked.

        Raises:
            Broken: the zygote is gone.
        """
        limits = LIMITS.pack(order.cpu_s, order.memory_mb, order.file_kb)
        rights = struct.pack(f"{len(descriptors)}i", *descriptors)
        self._order, self._cause, self._started = order, Cause.ITSELF, time.monotonic()
        self._due = self._started + min(order.cpu_s, order.wall_s)
        self._send(limits, (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights))
        self._running = True

    def fileno(self) -> int:
        """Return the program's pidfd, which can be read from once it has ended, as soon as it has been forked.

        Raises:
            Broken: the zygote is gone.
        """
        if self._pidfd < 0:
            extras: list[tuple[int, int, bytes]] = []
            with contextlib.suppress(ConnectionResetError):
                _, extras, _, _ = self._socket.recvmsg(4, ROOM)
            if not extras:
                self._running = False
                raise Broken("a zygote ended")
            (self._pidfd,) = _INT.unpack(extras[0][2])
        return self._pidfd

    def due(self) -> float:
        """Return when, on the monotonic clock, the program may have used what its order gives it."""
        return self._due

    def enforce(self, now: float) -> None:
        """End the program if it has used what its order gives it; `now` is by the monotonic clock."""
        if now < self._due or self._cause:
            return
        cpu_left = self._order.cpu_s - self._cpu_s()
        wall_left = self._started + self._order.wall_s - now
        self._due = now + min(cpu_left, wall_left)
        if self._due <= now:
            self.end(Cause.CPU if cpu_left <= 0 else Cause.WALL)
            self._due = math.inf

    def usage(self) -> Usage | None:
        """Return what its program has had of the machine; None if it has ended."""
        return None if self.has_ended() else Usage(self._cpu_s(), *waited_for_core(self.fileno()))

    def _cpu_s(self) -> float:
        return time.clock_gettime(kernel.process_cpu_clock(process_of(self.fileno())))

    def has_ended(self, wait_ms: int = 0) -> bool:
        """Whether the program has ended, or does so soon."""
        poller = select.poll()
        poller.register(self.fileno(), select.POLLIN)
        return bool(poller.poll(wait_ms))

    def end(self, cause: Cause = Cause.ORDERED) -> None:
        """Kill the program."""
        self._cause = cause
        try:
            signal.pidfd_send_signal(self.fileno(), signal.SIGKILL)
        except PermissionError:  # a root without the power to signal others: its zygote is what the program is
            self._send(KILL)

    def _send(self, message: bytes, *ancillary: tuple[int, int, bytes]) -> None:
        try:
            self._socket.sendmsg([message], ancillary)
        except (BrokenPipeError, ConnectionResetError):
            raise Broken("a zygote ended") from None

    def ending(self) -> Ending:
        """Wait for the program's end, and bury it.

        Raises:
            Broken: it was killed because the zygote, or what holds its namespace, was.
        """
        reaped = kernel.reap(self.fileno())
        wall_s = time.monotonic() - self._started
        os.close(self._pidfd)
        self._pidfd, self._running = -1, False
        if reaped.status == signal.SIGKILL and not self._cause and self._hung_up():
            raise Broken("a zygote ended, and its program with it")
        sunk = self._sinks.collect(self._order.clip)
        # A folder in memory grows by each of its entries.
        if self._scratch >= 0 and os.fstat(self._scratch).st_size != self._scratch_bytes:
            self._send(SWEEP)
        return Ending(self._cause, reaped.status, reaped.cpu_s, wall_s, reaped.peak_kb, *sunk)

    def _hung_up(self) -> bool:
        poller = select.poll()
        poller.register(self._socket.fileno(), 0)
        return bool(poller.poll(_HANG_UP_MS))

    def close(self) -> None:
        """End its program, and let it end."""
        if self._running:
            with contextlib.suppress(Broken, OSError):
                self.end()
                self.ending()
        self._socket.close()
        for descriptor in (self._keeper, self._scratch):
            if descriptor >= 0:
                os.close(descriptor)
        self._sinks.close()


class YardProcess:
    """The worker's end of one yard."""

    def __init__(self, settings: Settings, runtime: Sequence[Any], scratch: tuple[str, int, int]) -> None:
        self.control, theirs = channel.pair()
        self.ready = False
        sinks = Sinks.new()
        output, errors = sinks.places
        self._pid = _spawned(
            "yard", f"3, {settings.level!r}, {tuple(runtime)!r}, {scratch!r}", settings.home,
            {}, {1: output, 2: errors, 3: theirs.fileno()},
        )  # fmt: skip
        theirs.close()
        sinks.close()
        self._level = settings.level
        self._family = False  # the program at hand may start others
        self._token = b""

    def wait_ready(self) -> str:
        """Wait until it is behind its walls; return "" or what the kernel refused."""
        try:
            message = self.control.receive()
        except channel.Closed:
            message = b""
        self.ready = message == READY
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, os.WNOHANG)  # in a full jail it was only the starter, and has ended
        return _reported(message)

    def start(self, spec: Mapping[str, Any], order: Order, descriptors: Mapping[int, int]) -> None:
        """Have a program started: what `yard.launch` reads; the number in the program -> the descriptor here."""
        self._family = spec["forks"]
        self._token = os.urandom(16).hex().encode()
        given = os.memfd_create("spec", os.MFD_CLOEXEC)
        try:
            told = {"level": self._level, "places": list(descriptors), "token": self._token.decode()}
            data = marshal.dumps({**spec, **told})
            write_all(given, data)
            self.control.send(order.pack(), (given, *descriptors.values()))
        finally:
            os.close(given)

    def ended(self) -> Ending | None:
        """Read a message that has come; return the program's ending if it is that."""
        message = self.control.receive()
        return Ending.unpack(message) if message[:1] == b"X" else None

    def ending(self) -> Ending:
        """Wait for the program's end."""
        while (ending := self.ended()) is None:
            pass
        return ending

    def unstarted(self, ending: Ending) -> bool:
        """Whether this is the end of a process that never became the program, whatever the program itself would say."""
        return self._token in ending.errors

    def sweep(self, folder: str = "") -> None:
        """Have it remove a folder of its scratch folder, or all that is there."""
        self.control.send(yard.SWEEP + folder.encode())
        self.control.receive()

    def file(self, path: str) -> bytes:
        """Return what is in a file of its scratch folder."""
        self.control.send(yard.SHOW + path.encode())
        return self.control.receive()[1:]

    def usage(self) -> Usage | None:
        """Return what its program has had of the machine; None if it has ended."""
        self.control.send(yard.ASK_CPU)
        message = self.control.receive()
        if message[:1] != b"q":
            self.control.put_back(message)
            return None
        cpu_s = float(channel.DOUBLE.unpack(message[1:])[0])
        (descriptor,) = self.control.descriptors()
        try:
            return group_usage(descriptor) if self._family else Usage(cpu_s, *waited_for_core(descriptor))
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let it end."""
        self.control.close()


@dataclass(frozen=True, slots=True)
class Settings:
    """What every zygote of a worker is started with."""

    home: str  # the folder that holds the package
    level: str
    packages: tuple[str, ...]


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of some data to a file in memory, and go back to its start."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)

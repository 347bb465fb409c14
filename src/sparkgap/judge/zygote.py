"""The forking process: warm, jailed and small; it forks one program at a time and buries it.

A worker has one for candidates (two, once a second hash seed is wanted) and one for examiners. It alone knows the
program's process: it watches the CPU clock, kills, reaps, and reports how the program ended. It never reads what the
program says on its pipes, never holds a test or an expected value, and forks each program from the same clean state.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import struct
import sys
import time
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from sparkgap.judge import channel, folios, jail, kernel, template, warmth
from sparkgap.judge.jail import Limits
from sparkgap.judge.template import Body

_ORDER = struct.Struct("=ddIII")  # cpu_s, wall_s, memory_mb, file_kb, clip bytes
_ENDING = struct.Struct("=BiddIQQII")


class Cause(IntEnum):
    """Why a program ended."""

    ITSELF = 0
    CPU = 1
    WALL = 2
    ORDERED = 3


class Order(NamedTuple):
    """What a forked program may use. `file_kb` bounds each file it writes, stdout and stderr included."""

    cpu_s: float
    wall_s: float
    memory_mb: int
    file_kb: int
    clip: int = 65536

    def pack(self) -> bytes:
        """Return the message that has the zygote fork."""
        return b"F" + _ORDER.pack(*self)


class Ending(NamedTuple):
    """How a program ended: wait status, seconds, peak resident kB, and the start of what it wrote."""

    cause: Cause
    status: int
    cpu_s: float
    wall_s: float
    peak_kb: int
    output: bytes
    errors: bytes
    output_bytes: int
    error_bytes: int

    @property
    def signal(self) -> int:
        """The signal that ended it, 0 if none did."""
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else 0

    def pack(self) -> bytes:
        """Return the message that reports the ending."""
        head = _ENDING.pack(
            self.cause, self.status, self.cpu_s, self.wall_s, self.peak_kb,
            self.output_bytes, self.error_bytes, len(self.output), len(self.errors),
        )  # fmt: skip
        return b"X" + head + self.output + self.errors

    @staticmethod
    def unpack(message: bytes) -> Ending:
        """Read the message that `pack` wrote."""
        cause, status, cpu_s, wall_s, peak, out_size, err_size, out_len, err_len = _ENDING.unpack_from(message, 1)
        start = 1 + _ENDING.size
        output, errors = message[start : start + out_len], message[start + out_len : start + out_len + err_len]
        return Ending(Cause(cause), status, cpu_s, wall_s, peak, output, errors, out_size, err_size)


_SCRATCH = "/tmp"  # noqa: S108 - of a full jail, where nothing else is
LONGEST_POLL_MS = 60_000
SIGKILL = 9
KILL, ASK_CPU = b"K", b"Q"

# Has a program forked, given its limits (CPU seconds, MB of memory, kB of a file) and its descriptors; returns its
# process id and its pidfd.
Fork = Callable[[Limits, list[int]], tuple[int, int]]


class Zygote:
    """Has programs forked on order, one at a time."""

    def __init__(self, control: channel.Channel, level: str) -> None:
        self._control = control
        self._level = level
        self._swept = 0
        # Files in memory for a program's output: writing to them never blocks, and their size is bounded. They are this
        # process's own stdout and stderr, of which it makes no use, so that programs need only inherit them.
        for name, place in (("output", 1), ("errors", 2)):
            made = os.memfd_create(name, os.MFD_CLOEXEC)
            os.dup2(made, place)
            os.close(made)
            kernel.append_only(place)

    def serve(self, fork: Fork) -> None:
        """Obey orders until the worker is gone."""
        while True:
            message = self._control.receive()
            if message[:1] == b"F":
                order = Order(*_ORDER.unpack_from(message, 1))
                self._control.send(self._run(order, self._control.descriptors(), fork).pack())
            else:
                self.obey(message)

    def obey(self, message: bytes) -> None:
        """Take any other message: an order to kill what has already ended needs no answer."""

    def _run(self, order: Order, descriptors: list[int], fork: Fork) -> Ending:
        started = time.monotonic()
        pid, ended = fork((order.cpu_s, order.memory_mb, order.file_kb), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        cause, status, usage = self._watch(pid, ended, order, started)
        ending = Ending(
            cause, status, usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss,
            *self._collect(order.clip),
        )  # fmt: skip
        self._clean(pid)
        return ending

    def _clean(self, pid: int) -> None:
        """Leave nothing of the program that was `pid`."""
        if self._level == "full":
            while os.listdir(_SCRATCH):
                self._sweep(_SCRATCH)

    def _watch(self, pid: int, ended: int, order: Order, started: float) -> tuple[Cause, int, resource.struct_rusage]:
        import select  # see `load_own`

        cause = Cause.ITSELF
        poller = select.poll()
        poller.register(ended, select.POLLIN)
        poller.register(self._control.fileno(), select.POLLIN)
        clock = kernel.process_cpu_clock(pid)
        while not cause:
            cpu_left = order.cpu_s - time.clock_gettime(clock)
            wall_left = started + order.wall_s - time.monotonic()
            if min(cpu_left, wall_left) <= 0:
                cause = Cause.CPU if cpu_left <= 0 else Cause.WALL
                break
            left = min(cpu_left, wall_left)
            ready = poller.poll(min(max(1, left * 1000 + 1), LONGEST_POLL_MS))
            if any(descriptor == ended for descriptor, _ in ready):
                break
            if ready:
                try:
                    message = self._control.receive()
                except channel.Closed:
                    os.kill(pid, SIGKILL)
                    raise
                if message == ASK_CPU:
                    self._control.send(b"q" + struct.pack("=d", time.clock_gettime(clock)), (ended,))
                else:
                    cause = Cause.ORDERED
        if cause:
            os.kill(pid, SIGKILL)
        os.close(ended)
        _, status, usage = os.wait4(pid, 0)
        return cause, status, usage

    def _collect(self, clip: int) -> tuple[bytes, bytes, int, int]:
        """Read the start of what the program wrote, and empty the files for the next one."""
        import fcntl  # see `load_own`

        texts, sizes = [b"", b""], [0, 0]
        for place, sink in enumerate((1, 2)):
            size = os.fstat(sink).st_size
            if size:
                sizes[place], texts[place] = size, os.pread(sink, clip, 0)
                os.ftruncate(sink, 0)
            os.lseek(sink, 0, os.SEEK_SET)  # the position and the flags are shared with the program that is gone
            fcntl.fcntl(sink, fcntl.F_SETFL, os.O_APPEND)
        return texts[0], texts[1], sizes[0], sizes[1]

    def _sweep(self, folder: str) -> None:
        """Empty a scratch folder, so that no program finds what another left.

        What lies deeper is first moved up, so that no path is ever long, however deep a program has nested.
        """
        for name in os.listdir(folder):
            self._swept += 1
            top = f"{folder}/.{self._swept}"
            os.rename(f"{folder}/{name}", top)
            try:
                os.unlink(top)
            except IsADirectoryError:
                for inner in os.listdir(top):
                    self._swept += 1
                    os.rename(f"{top}/{inner}", f"{folder}/.{self._swept}")
                os.rmdir(top)


def load_own() -> None:
    """Load what a zygote uses alone: had the template it too, so would every program."""
    for name in ("fcntl", "select"):
        __import__(name)


def start(role: str, control_descriptor: int, level: str, packages: tuple[str, ...]) -> None:
    """Become the zygote of a role ("candidate" or "examiner"): warm up, enter the jail, serve. Never returns."""
    os.closerange(control_descriptor + 1, 1 << 20)
    control = channel.inherit(control_descriptor)
    os.environ.pop("LD_BIND_NOW", None)
    try:
        body = _warm_up(role, packages)
        warmth.warm_interpreter()
        zygote = Zygote(control, level)
        put_on = jail.program_walls(level)
        memory = folios.plan()
        jail.enter(level, jail.python_runtime(packages))
        sys.path[:] = [*sys.path[:3], *dict.fromkeys(os.path.dirname(p) for p in packages)]
        sys.dont_write_bytecode = True
        if level == "full":
            _move_packages(packages)
        gc.collect()
        gc.freeze()
        gc.set_threshold(7_000)  # a program allocates more than the default of 700 before it has begun
        gc.disable()
        forked_from = template.Template(control.fileno(), level, put_on, body, memory)
        load_own()
        jail.seal(level)
        forked_from.wait_ready()
    except Exception as error:
        control.send(b"E" + f"{error}".encode("utf-8", "replace"))
        os._exit(1)
    control.send(b"R")
    with contextlib.suppress(channel.Closed):
        zygote.serve(forked_from.fork)
    os._exit(0)


def _move_packages(packages: tuple[str, ...]) -> None:
    """Have packages that are already imported look for their other modules where the jail shows them."""
    homes = {os.path.dirname(p) for p in packages}
    sys.path[:] = [*sys.path[:3], *(["/packages"] if packages else [])]
    for module in list(sys.modules.values()):
        places = getattr(module, "__path__", None)
        if isinstance(places, list):
            for home in homes:
                places[:] = [p.replace(home, "/packages", 1) if p.startswith(home) else p for p in places]


def _warm_up(role: str, packages: tuple[str, ...]) -> Body:
    """Import what programs of the role will want, once, before there are walls."""
    import faulthandler

    faulthandler.enable(file=2, all_threads=False)
    if role == "examiner":
        from sparkgap.judge import examiner

        examiner.rehearse()
        body: Body = examiner.main
    else:
        from sparkgap.judge import runner

        runner.warm_up()
        body = runner.main
    if packages:
        sys.path.append(os.path.dirname(packages[0]))
        for package in packages:
            if not package.endswith(".libs"):
                __import__(os.path.basename(package))
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(0)
        sys.path.pop()
    return body

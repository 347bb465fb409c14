"""A yard: the jailed process in which compilers, and the programs that they make, are started one at a time.

What it forks writes the files that it was given below a scratch folder, puts its limits on, and becomes the program
that was asked for; the yard itself watches it, and buries it with all that it started. A worker has two yards for each
compiled language. In one, candidates are built and run, in the other, tests: neither ever sees a file of the other's.
A third kind holds one process that lives on (a compiler that is dear to start) and talks in frames, see `frames.py`.

Nothing is swept between a build and the run of what was built; the worker asks for that when it is done.
"""

from __future__ import annotations

import contextlib
import errno
import marshal
import math
import os
import resource
import select
import signal
import time
from typing import Any, NoReturn

from sparkgap.judge import channel, jail, kernel, seccomp
from sparkgap.judge.orders import Cause, Ending, Order, Sinks
from sparkgap.judge.sweeping import sweep
from sparkgap.judge.zygote import become_program

SWEEP, SWEPT, SHOW = b"W", b"w", b"S"
KILL, ASK_CPU = b"K", b"Q"
_SUBREAPER = 36
_LONGEST_POLL_MS = 60_000


class Yard:
    """Starts programs on order, one at a time, and buries them; sweeps its scratch folder when told."""

    def __init__(self, control: channel.Channel, level: str, scratch: str) -> None:
        self._control = control
        self._level = level
        self._scratch = scratch
        self._sinks = Sinks(1, 2)
        self._forks, self._pidfd = kernel.forking(own_processes=level == "full", siblings=False)

    def serve(self) -> None:
        """Obey orders until the worker is gone."""
        while True:
            message = self._control.receive()
            if message[:1] == b"F":
                self._control.send(self._run(Order.unpack(message), self._control.descriptors()).pack())
            else:
                self.obey(message)

    def _run(self, order: Order, descriptors: list[int]) -> Ending:
        started = time.monotonic()
        pid = self._forks()
        if pid < 0:
            raise OSError("no process can be forked")
        if pid == 0:
            limits = order.cpu_s, order.memory_mb, order.file_kb
            become_program(self._control.fileno(), limits, _put_on_limits, launch, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        cause, status, usage = self._watch(pid, self._pidfd.value, order, started)
        ending = Ending(
            cause, status, usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss,
            *self._sinks.collect(order.clip),
        )  # fmt: skip
        self._clean(pid)
        return ending

    def _watch(self, pid: int, ended: int, order: Order, started: float) -> tuple[Cause, int, resource.struct_rusage]:
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
            ready = poller.poll(min(max(1, left * 1000 + 1), _LONGEST_POLL_MS))
            if any(descriptor == ended for descriptor, _ in ready):
                break
            if ready:
                try:
                    message = self._control.receive()
                except channel.Closed:
                    os.kill(pid, signal.SIGKILL)
                    raise
                if message == ASK_CPU:
                    self._control.send(b"q" + channel.DOUBLE.pack(time.clock_gettime(clock)), (ended,))
                else:
                    cause = Cause.ORDERED
        if cause:
            os.kill(pid, signal.SIGKILL)
        os.close(ended)
        _, status, usage = os.wait4(pid, 0)
        return cause, status, usage

    def obey(self, message: bytes) -> None:
        """Sweep the folder that is named, or everything; or show a file of the tests' build.

        An order to kill what has already ended needs no answer.
        """
        name = message[1:].decode()
        if message[:1] == SHOW:
            with open(f"{self._scratch}/{name}", "rb") as file:
                self._control.send(SHOW + file.read())
        if message[:1] != SWEEP:
            return
        self._remove(f"{self._scratch}/{name}" if name else self._scratch)
        if name:
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(f"{self._scratch}/{name}")
        self._control.send(SWEPT)

    def _remove(self, folder: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            while os.listdir(folder):
                try:
                    sweep(folder)
                except PermissionError:  # a folder that the program closed even to itself
                    for name in os.listdir(folder):
                        with contextlib.suppress(OSError):
                            os.chmod(f"{folder}/{name}", 0o700, follow_symlinks=False)
                    with contextlib.suppress(PermissionError):
                        sweep(folder)

    def _clean(self, pid: int) -> None:
        """End what the program has left running; its files are kept until the worker wants them swept."""
        if self._level == "full":
            return  # it was process 1 of its namespace
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while True:
                os.killpg(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(-pid, 0)


def _put_on_limits(cpu_s: float, memory_mb: int, file_kb: int) -> None:
    """Bound the files, and the CPU time of each process should the yard die. `launch` knows more of the program."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_kb << 10, file_kb << 10))
    most = math.ceil(min(cpu_s, 1e6)) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))


def launch(descriptors: list[int]) -> NoReturn:
    """Become the program that the first descriptor, a file in memory, describes.

    Fields: argv, environment, folder (below the scratch folder), files (path -> bytes), memory_mb (of address space),
    forks (whether it may start processes), places (which number each further descriptor gets), token (said if it does
    not come to that; whoever becomes the program cannot know it).
    """
    spec: dict[str, Any] = marshal.loads(_read_all(descriptors[0]))  # noqa: S302 - written by our own worker
    try:
        _become(spec, descriptors)
    except Exception as error:
        raise Unstarted(f"{spec['token']} {type(error).__name__}: {error}") from None


class Unstarted(Exception):
    """The program that was asked for did not start."""


def _become(spec: dict[str, Any], descriptors: list[int]) -> NoReturn:
    level = spec["level"]
    if spec["folder"]:
        os.makedirs(spec["folder"], exist_ok=True)
        os.chdir(spec["folder"])
    for path, data in spec["files"].items():
        if "/" in path:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    moved = [os.dup2(d, 100 + n) for n, d in enumerate(descriptors[1:])]  # out of each other's way
    for descriptor, place in zip(moved, spec["places"], strict=True):
        os.dup2(descriptor, place)
    os.closerange(max(2, *spec["places"], 2) + 1, jail.MAX_YARD_FILES)
    memory = spec["memory_mb"] << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if level == "full":
        kernel.drop_capabilities()
    if level != "unsafe":
        alone, full = not spec["forks"], level == "full"
        if alone:
            own = seccomp.single_filter() if full else seccomp.program_filter(os.getpid(), affinity=True)
            kernel.put_on_filter(own)
        else:
            kernel.put_on_filter(seccomp.family_filter(signals=full))
    try:
        os.execve(spec["argv"][0], spec["argv"], spec["environment"])  # noqa: S606
    except OSError as error:
        raise OSError(error.errno, f"{spec['argv'][0]}: {os.strerror(error.errno or errno.EINVAL)}") from None


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    data = b""
    while len(data) < size and (chunk := os.pread(descriptor, size - len(data), len(data))):
        data += chunk
    return data


def start(control_descriptor: int, level: str, runtime: tuple[Any, ...], scratch: tuple[str, int, int]) -> NoReturn:
    """Become a yard: enter the jail, serve. Never returns."""
    os.closerange(control_descriptor + 1, 1 << 20)
    control = channel.inherit(control_descriptor)
    space = jail.Scratch(*scratch)
    try:
        shown = jail.Runtime(*runtime)
        yard = Yard(control, level, jail.scratch_place(shown) if level == "full" else space.folder)
        if level != "full":
            kernel.prctl(_SUBREAPER, 1)  # what a program leaves behind becomes ours to end
        jail.enter(level, shown, space)
        jail.seal(level, yard=True)
    except Exception as error:
        control.send(b"E" + f"{error}".encode("utf-8", "replace"))
        os._exit(1)
    control.send(b"R")
    with contextlib.suppress(channel.Closed):
        yard.serve()
    os._exit(0)

"""The process that programs are forked from: warm, jailed, small, and idle but for the fork itself.

A worker has one for candidates (two, once a second hash seed is wanted) and one for examiners. Programs become the
worker's children, not the zygote's: the worker watches, kills and buries them. So nothing of that is in a zygote's
memory, of which a fork write-protects every page: to touch one again costs 2 microseconds, in every program anew.
"""

from __future__ import annotations

import _socket
import contextlib
import gc
import os
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from sparkgap.judge import folios, jail, kernel, warmth
from sparkgap.judge.sweeping import sweep

LIMITS = struct.Struct("=dII")  # cpu_s, memory_mb, file_kb
READY, KILL, SWEEP = b"R", b"K", b"W"
_SOCKET, _RIGHTS = _socket.SOL_SOCKET, _socket.SCM_RIGHTS
ROOM = _socket.CMSG_SPACE(4 * 4)  # for four descriptors
_SCRATCH = "/tmp"  # noqa: S108 - of a full jail, where nothing else is

Body = Callable[[list[int]], None]  # what a forked process does with the descriptors it was given


def start(role: str, control: int, keeper: int, level: str, packages: tuple[str, ...]) -> NoReturn:
    """Become the zygote of a role ("candidate" or "examiner"): warm up, enter the jail, serve. Never returns.

    Args:
        control: the descriptor of a socket (SOCK_SEQPACKET) to the worker.
        keeper: the descriptor of a pipe whose other end the worker alone has.
    """
    os.closerange(keeper + 1, 1 << 20)
    worker = _inherited(control)
    for descriptor in (control, keeper):
        os.set_inheritable(descriptor, False)
    os.environ.pop("LD_BIND_NOW", None)
    try:
        _import_packages(packages)
        warmth.warm_interpreter()
        body = _warm_up(role)
        memory, own_bytes = folios.plan(), jail.mapped_bytes()
        jail.enter(level, jail.python_runtime(packages), keeper=keeper)
        os.close(keeper)
        sys.path[:] = [*sys.path[:3], *dict.fromkeys(os.path.dirname(p) for p in packages)]
        sys.dont_write_bytecode = True
        if level == "full":
            _move_packages(packages)
        jail.seal(level)
        folios.settle(memory)
        gc.collect()
        gc.freeze()
        gc.set_threshold(7_000)  # a program allocates more than the default of 700 before it has begun
        fillings = warmth.fill_gaps()
        fillings += warmth.renew_partials()
        put_on = jail.program_walls(level, own_bytes + warmth.FILLING_BYTES)
    except Exception as error:
        worker.send(b"E" + f"{error}".encode("utf-8", "replace"))
        os._exit(1)
    try:
        _tell_ready(worker, has_scratch=level == "full")
        _serve(_inherited(worker.detach()), level == "full", put_on, body)
    finally:
        del fillings
        os._exit(1)


def _inherited(descriptor: int) -> _socket.socket:
    return _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, descriptor)


def _tell_ready(worker: _socket.socket, *, has_scratch: bool) -> None:
    """Tell the worker, and give it the scratch folder of programs, if they have one, to see what they leave there."""
    if not has_scratch:
        worker.send(READY)
        return
    folder = os.open(_SCRATCH, os.O_PATH)
    worker.sendmsg([READY], [(_SOCKET, _RIGHTS, struct.pack("i", folder))])
    os.close(folder)


def _serve(worker: _socket.socket, own_processes: bool, put_on: jail.PutOn, body: Body) -> NoReturn:
    """Fork on order until the worker is gone. What comes after a fork touches as little memory as can be."""
    fork, descriptor = kernel.forking(own_processes=own_processes, siblings=True)
    receive, send, close_all = worker.recvmsg, worker.sendmsg, os.closerange
    number = worker.fileno()
    first, last = number + 1, jail.MAX_FILES
    descriptors = [first, first + 1, first + 2, first + 3]  # the lowest that are free, so that these are what comes
    unpacked = LIMITS.unpack
    pidfd, ready = [(_SOCKET, _RIGHTS, descriptor)], [READY]
    pid = 0
    while True:
        limits, extras, _, _ = receive(64, ROOM)
        if not limits:
            os._exit(0)
        if not extras:
            _obey(limits, pid)
            continue
        pid = fork()
        if pid < 0:
            os._exit(1)
        if not pid:
            become_program(number, unpacked(limits), put_on, body, descriptors[: len(extras[0][2]) // 4])
        try:
            send(ready, pidfd)
        except OSError:  # the worker is gone, and nobody to end the program
            os.kill(pid, 9)
            os._exit(0)
        close_all(first, last)


def _obey(message: bytes, pid: int) -> None:
    """Kill the program, or empty the folder that it had for its files, now that it has ended."""
    if message == KILL:
        os.kill(pid, 9)
    elif message == SWEEP:
        while os.listdir(_SCRATCH):
            sweep(_SCRATCH)


_own_group, _close, _exit = partial(os.setpgid, 0, 0), partial(os.close), partial(os._exit)


def become_program(ours: int, limits: jail.Limits, put_on: jail.PutOn, body: Body, descriptors: list[int]) -> NoReturn:
    """Go on as a program, in a process just forked; `ours` is the one descriptor that it must not have."""
    status = 70  # EX_SOFTWARE: our own failure, before the program ran
    try:
        _own_group()  # a signal to its group must not reach the process that forked it
        _close(ours)
        put_on(*limits)
        body(descriptors)
        status = 0
    except BaseException as error:
        with contextlib.suppress(BaseException):
            os.write(2, f"sparkgap: {type(error).__name__}: {error}\n".encode())
    finally:
        _exit(status)


def _move_packages(packages: tuple[str, ...]) -> None:
    """Have packages that are already imported look for their other modules where the jail shows them."""
    homes = {os.path.dirname(p) for p in packages}
    sys.path[:] = [*sys.path[:3], *(["/packages"] if packages else [])]
    for module in list(sys.modules.values()):
        places = getattr(module, "__path__", None)
        if isinstance(places, list):
            for home in homes:
                places[:] = [p.replace(home, "/packages", 1) if p.startswith(home) else p for p in places]


def _import_packages(packages: tuple[str, ...]) -> None:
    if not packages:
        return
    sys.path.append(os.path.dirname(packages[0]))
    for package in packages:
        if not package.endswith(".libs"):
            __import__(os.path.basename(package))
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    sys.path.pop()


def _warm_up(role: str) -> Body:
    """Load what programs of the role go through, once, before there are walls."""
    import faulthandler

    faulthandler.enable(file=2, all_threads=False)
    if role == "examiner":
        from sparkgap.judge import examiner

        examiner.rehearse()
        return examiner.main
    from sparkgap.judge import runner

    runner.warm_up()
    return runner.main

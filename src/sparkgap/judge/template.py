"""The process that programs are forked from: warm, jailed, and idle but for the fork itself.

A fork write-protects every page of the process that forks, which then pays 2 microseconds for each that it touches
again. So a zygote does not fork: it has a child of its own, this one, that does nothing else. The programs become the
zygote's children, not the template's; the zygote alone watches, kills and buries them.
"""

from __future__ import annotations

import _socket
import contextlib
import gc
import os
import struct
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from sparkgap.judge import channel, folios, jail, kernel

_LIMITS = struct.Struct("=dII")  # cpu_s, memory_mb, file_kb
_SOCKET, _RIGHTS = _socket.SOL_SOCKET, _socket.SCM_RIGHTS
_ROOM = _socket.CMSG_SPACE(4 * 4)  # for four descriptors

_READY = b"R"

Body = Callable[[list[int]], None]  # what a forked process does with the descriptors it was given


class Template:
    """The zygote's end. Made before `jail.seal`, which the template puts up for itself."""

    def __init__(self, ours: int, level: str, put_on: jail.PutOn, body: Body, memory: folios.Plan) -> None:
        """Start the template, its memory settled; `ours` is the zygote's lowest descriptor, which it must not keep."""
        self._socket, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            try:
                os.dup2(theirs.fileno(), ours)  # in its place, so that all that comes later has a higher number
                os.closerange(ours + 1, jail.MAX_FILES)
                jail.seal(level)
                folios.settle(memory)
                os.write(ours, _READY)
                zygote = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, ours)
                _serve(zygote, kernel.forking(own_processes=level == "full", siblings=True), put_on, body)
            finally:
                os._exit(1)
        theirs.close()

    def wait_ready(self) -> None:
        """Wait until programs can be forked: none may be charged for the time that the template takes to settle.

        Raises:
            OSError: it did not come up.
        """
        if self._socket.recv(len(_READY)) != _READY:
            raise OSError("what programs are forked from did not start")

    def fork(self, limits: jail.Limits, descriptors: list[int]) -> tuple[int, int]:
        """Have a program forked; return its process id and its pidfd.

        Raises:
            channel.Closed: the template is gone.
        """
        rights = struct.pack(f"{len(descriptors)}i", *descriptors)
        try:
            self._socket.sendmsg([_LIMITS.pack(*limits)], [(_SOCKET, _RIGHTS, rights)])
            said, extras, _, _ = self._socket.recvmsg(4, _ROOM)
        except (BrokenPipeError, ConnectionResetError):
            raise channel.Closed from None
        if not said or not extras:
            raise channel.Closed
        return int.from_bytes(said, "little"), struct.unpack("i", extras[0][2])[0]


def _serve(zygote: _socket.socket, fork: Callable[[], int], put_on: jail.PutOn, body: Body) -> NoReturn:
    """Fork on order until the zygote is gone. What comes after a fork touches as little memory as can be."""
    receive, send, close_all = zygote.recvmsg, zygote.sendmsg, os.closerange
    number = zygote.fileno()
    first = number + 1
    descriptors = [first, first + 1, first + 2, first + 3]  # the lowest that are free, so that these are what comes
    unpacked = _LIMITS.unpack
    pidfd = [(_SOCKET, _RIGHTS, kernel.PIDFD)]
    while True:
        limits, extras, _, _ = receive(64, _ROOM)
        if not limits:
            os._exit(0)
        pid = fork()
        if pid < 0:
            os._exit(1)
        if not pid:
            become_program(number, unpacked(limits), put_on, body, descriptors[: len(extras[0][2]) // 4])
        send([pid.to_bytes(4, "little")], pidfd)
        close_all(first, jail.MAX_FILES)


_own_group, _close, _collect, _exit = partial(os.setpgid, 0, 0), os.close, gc.enable, os._exit


def become_program(ours: int, limits: jail.Limits, put_on: jail.PutOn, body: Body, descriptors: list[int]) -> NoReturn:
    """Go on as a program, in a process just forked; `ours` is the one descriptor that it must not have."""
    status = 70  # EX_SOFTWARE: our own failure, before the program ran
    try:
        _own_group()  # a signal to its group must not reach the process that forked it
        _close(ours)
        put_on(*limits)
        _collect()
        body(descriptors)
        status = 0
    except BaseException as error:
        with contextlib.suppress(BaseException):
            os.write(2, f"sparkgap: {type(error).__name__}: {error}\n".encode())
    finally:
        _exit(status)

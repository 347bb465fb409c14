"""The few system calls the jail needs that Python does not offer, through ctypes.

Each raises OSError with the call's name. Numbers and flags are from the kernel's headers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

_libc = ctypes.PyDLL(None, use_errno=True)  # holds the interpreter's lock: none of these calls waits
_libc.syscall.restype = ctypes.c_long
_ARM = os.uname().machine == "aarch64"

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 22, 36, 38
ADDR_NO_RANDOMIZE = 0x0040000

_SYS = {
    "clone": 220 if _ARM else 56,
    "pivot_root": 41 if _ARM else 155,
    "capset": 91 if _ARM else 126,
    "waitid": 95 if _ARM else 247,
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}


def _checked(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _syscall(name: str, *args: object) -> int:
    return _checked(name, _libc.syscall(_SYS[name], *args))


_CLONE_PIDFD, _CLONE_PARENT, _SIGCHLD = 0x1000, 0x8000, 17


def forking(*, own_processes: bool, siblings: bool) -> tuple[Callable[[], int], ctypes.c_int]:
    """Return a function that forks in one bare system call, and where it leaves the child's pidfd.

    The function returns the process id, 0 in the child, -1 if it failed. `os.fork` would run the fork hooks of Python's
    modules in both processes, which costs as much as the fork. Only a process with one thread may call it.

    Args:
        own_processes: the child becomes process 1 of a new process namespace, and takes all it forks with it.
        siblings: it becomes a child of this process's own parent.
    """
    flags = _CLONE_PIDFD | _SIGCHLD | (NEWPID if own_processes else 0) | (_CLONE_PARENT if siblings else 0)
    pidfd = ctypes.c_int(-1)
    return partial(_libc.syscall, _SYS["clone"], flags, None, ctypes.byref(pidfd), None, None), pidfd


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _checked("unshare", _libc.unshare(flags))


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount a file system, or change a mount."""
    encoded = [None if text is None else text.encode() for text in (source, target, kind, options)]
    _checked("mount", _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]))


def unmount(target: str) -> None:
    """Detach the mounts at and below `target`."""
    _checked("umount2", _libc.umount2(target.encode(), MNT_DETACH))


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root and put the old root at `old`."""
    _syscall("pivot_root", new.encode(), old.encode())


def seal_mount(target: str, *, devices: bool = False) -> None:
    """Make the mounts at and below `target` read-only, without set-user-id programs (and without devices)."""
    read_only, nosuid, nodev, at_recursive = 0x1, 0x2, 0x4, 0x8000
    flags = read_only | nosuid | (0 if devices else nodev)
    attributes = struct.pack("=QQQQ", flags, 0, 0, 0)
    _syscall("mount_setattr", -100, target.encode(), at_recursive, attributes, len(attributes))


def prctl(option: int, value: int = 0) -> None:
    """Set one attribute of this process."""
    _checked("prctl", _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


_kill_with_parent: Callable[[], int] = partial(_libc.prctl, _PR_SET_PDEATHSIG, ctypes.c_ulong(9), 0, 0, 0)


def die_with_parent() -> None:
    """Have this process killed when its parent ends. The filters of system calls allow no program to undo it."""
    if _kill_with_parent():
        _checked("prctl(PR_SET_PDEATHSIG)", -1)


def capability_drop() -> Callable[[], int]:
    """Return a function that gives up every capability for good, and returns 0 if that went well.

    It is a function of its own for a process that will fork: what it is made of then lies where other such things do.
    """
    version_3_of_self, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    return partial(_libc.syscall, _SYS["capset"], version_3_of_self, none)


def drop_capabilities() -> None:
    """Give up every capability for good."""
    _checked("capset", capability_drop()())


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def put_on_filter(program: bytes) -> None:
    """Put a seccomp filter on this process and all it will fork."""
    memory = ctypes.create_string_buffer(program, len(program))
    layout = _Filter(len(program) // 8, ctypes.cast(memory, ctypes.c_char_p))
    result = _libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(layout), 0, 0)
    _checked("prctl(PR_SET_SECCOMP)", result)


def landlock_version() -> int:
    """Return the version of Landlock that the kernel offers, 0 for none."""
    version: int = _libc.syscall(_SYS["landlock_create_ruleset"], None, ctypes.c_size_t(0), 1)
    return max(version, 0)


def landlock(readable: list[str], writable: list[str], *, execute: bool = False) -> None:
    """Refuse every file but those below `readable` (read only) and `writable`, TCP, and foreign signals.

    Rights that the kernel's version does not know are left out; `landlock_version` says what that is. With `execute`
    the same files may be started as programs as well.
    """
    version = landlock_version()
    every = (1 << (13 if version < 2 else 14 if version < 3 else 15 if version < 5 else 16)) - 1
    network = 0b11 if version >= 4 else 0
    scoped = 0b11 if version >= 6 else 0
    attributes = struct.pack("=QQQ", every, network, scoped)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _syscall("landlock_create_ruleset", attributes, ctypes.c_size_t(len(attributes)), 0)
    read_only = 0b1100 | execute  # read a file, list a folder
    for paths, rights in ((readable, read_only), (writable, every if execute else every & ~0b1)):
        for path in paths:
            _allow_below(ruleset, path, rights & every)
    _syscall("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)


def _allow_below(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):
        rights &= 0b100000000000111 | 1 << 15  # what applies to a file: start, read, write, truncate, ioctl on a device
    _syscall("landlock_add_rule", ruleset, 1, struct.pack("=Qi", rights, descriptor), 0)
    os.close(descriptor)


def no_address_randomization() -> None:
    """Have programs started from here laid out at the same addresses each time."""
    current: int = _libc.personality(ctypes.c_ulong(0xFFFFFFFF))
    _checked("personality", _libc.personality(ctypes.c_ulong(current | ADDR_NO_RANDOMIZE)))


_P_PIDFD, _WEXITED, _CLD_EXITED, _CLD_DUMPED = 3, 4, 1, 3
_SIGINFO = struct.Struct("=iiiiiIi")  # signo, errno, code, padding, pid, uid, status
_RUSAGE = struct.Struct("=qqqqq")  # user and system time (seconds, microseconds each), peak resident kB
_siginfo, _rusage = ctypes.create_string_buffer(128), ctypes.create_string_buffer(144)


class Reaped(NamedTuple):
    """What the kernel says of a child that has ended: its wait status, CPU seconds, peak resident kB."""

    status: int
    cpu_s: float
    peak_kb: int


def reap(pidfd: int) -> Reaped:
    """Wait for the end of a child of this process and bury it (waitid(2), which in `os` tells of no usage)."""
    while _libc.syscall(_SYS["waitid"], _P_PIDFD, pidfd, _siginfo, _WEXITED, _rusage):
        if ctypes.get_errno() != errno.EINTR:
            _checked("waitid", -1)
    _, _, code, _, _, _, status = _SIGINFO.unpack_from(_siginfo)
    user_s, user_us, system_s, system_us, peak_kb = _RUSAGE.unpack_from(_rusage)
    word = status << 8 if code == _CLD_EXITED else status | (0x80 if code == _CLD_DUMPED else 0)
    return Reaped(word, user_s + system_s + (user_us + system_us) / 1e6, peak_kb)


def process_cpu_clock(pid: int) -> int:
    """Return the clock id of the CPU time of process `pid` (clock_getcpuclockid(3))."""
    return (~pid << 3) | 2

"""System-call filters (seccomp BPF), written out in Python so that no compiler or library is needed.

A worker's filter, loaded once and inherited, refuses every call that is not on a list of about 150 which a Python
program may need. New processes are refused as well, save in the one form that the forking process uses: into a new
process namespace, for which a program lacks the capability. Where there are no namespaces the forking process must fork
plainly; each program then puts a second, short filter on itself that takes this away (loading one costs 0.2 ms).

Numbers are from the kernel's `unistd` headers. Not covered: architectures other than x86_64 and aarch64.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable

# name, number on x86_64, number on aarch64 ("-": there is none)
_TABLE = """
read 0 63; write 1 64; open 2 -; openat 257 56; close 3 57; stat 4 -; fstat 5 80; lstat 6 -; newfstatat 262 79;
statx 332 291; poll 7 -; ppoll 271 73; select 23 -; pselect6 270 72; lseek 8 62; mmap 9 222; mprotect 10 226; munmap
11 215; brk 12 214; rt_sigaction 13 134; rt_sigprocmask 14 135; rt_sigreturn 15 139; rt_sigpending 127 136;
rt_sigtimedwait 128 137; rt_sigsuspend 130 133; sigaltstack 131 132; pread64 17 67; pwrite64 18 68; readv 19 65;
writev 20 66; preadv 295 69; pwritev 296 70; access 21 -; faccessat 269 48; faccessat2 439 439; pipe 22 -; pipe2 293
59; sched_yield 24 124; mremap 25 216; msync 26 227; mincore 27 232; madvise 28 233; dup 32 23; dup2 33 -; dup3 292
24; pause 34 -; nanosleep 35 101; clock_nanosleep 230 115; getitimer 36 102; setitimer 38 103; alarm 37 -; getpid 39
172; gettid 186 178; getppid 110 173; sendfile 40 71; exit 60 93; exit_group 231 94; wait4 61 260; waitid 247 95;
kill 62 129; tgkill 234 131; tkill 200 130; uname 63 160; flock 73 32; fsync 74 82; fdatasync 75 83; ftruncate 77
46; getdents64 217 61; getcwd 79 17; chdir 80 49; fchdir 81 50; rename 82 -; renameat 264 38; renameat2 316 276;
mkdir 83 -; mkdirat 258 34; rmdir 84 -; unlink 87 -; unlinkat 263 35; readlink 89 -; readlinkat 267 78; symlink 88
-; symlinkat 266 36; umask 95 166; gettimeofday 96 169; clock_gettime 228 113; clock_getres 229 114; time 201 -;
getrlimit 97 163; setrlimit 160 164; getrusage 98 165; sysinfo 99 179; times 100 153; getuid 102 174; geteuid 107
175; getgid 104 176; getegid 108 177; getpgid 121 155; getpgrp 111 -; getsid 124 156; getgroups 115 158; getresuid
118 148; getresgid 120 150; sched_getaffinity 204 123; sched_getparam 143 121; sched_getscheduler 145 120;
sched_get_priority_max 146 125; sched_get_priority_min 147 126; arch_prctl 158 -; futex 202 98; futex_waitv 449 449;
set_tid_address 218 96; set_robust_list 273 99; get_robust_list 274 100; rseq 334 293; membarrier 324 283; getcpu
309 168; getrandom 318 278; eventfd2 290 19; epoll_create1 291 20; epoll_ctl 233 21; epoll_wait 232 -; epoll_pwait
281 22; timerfd_create 283 85; timerfd_settime 286 86; timerfd_gettime 287 87; fallocate 285 47; copy_file_range 326
285; fadvise64 221 223; restart_syscall 219 128; statfs 137 43; fstatfs 138 44; close_range 436 436; fcntl 72 25;
ioctl 16 29; prctl 157 167; prlimit64 302 261; clone 56 220; capget 125 90; capset 126 91; sendmsg 46 211; recvmsg
47 212; getsockname 51 204; getsockopt 55 209; clone3 435 435; setpgid 109 154; socketpair 53 199; recvfrom 45 207;
fork 57 -; vfork 58 -; sendto 44 206
"""
# What compilers, and programs that are started rather than forked, need on top of that.
_STARTING_TABLE = """
execve 59 221; execveat 322 281; chmod 90 -; fchmod 91 52; fchmodat 268 53; link 86 -; linkat 265 37; utimensat 280 88;
truncate 76 45; getpriority 140 141; timer_create 222 107; timer_settime 223 110; timer_delete 226 111
"""

_MACHINE = os.uname().machine
_COLUMN = {"x86_64": 0, "aarch64": 1}.get(_MACHINE)
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}.get(_MACHINE, 0)
_REFUSED_OUTRIGHT = ("clone3", "fork", "vfork")


def _numbers(table: str) -> dict[str, int]:
    rows = [row.split() for row in table.replace("\n", " ").split(";")]
    return {row[0]: int(row[1 + _COLUMN]) for row in rows if row[1 + _COLUMN] != "-"} if _COLUMN is not None else {}


NUMBERS = _numbers(_TABLE)
_STARTING = _numbers(_STARTING_TABLE)

# linux/bpf_common.h, linux/seccomp.h
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NR, _ARCH, _ARG0, _ARG1 = 0, 4, 16, 24  # offsets in struct seccomp_data (low words, little-endian)
_AF_UNIX = 1
_CLONE_PARENT, _CLONE_THREAD, _CLONE_NEWPID = 0x00008000, 0x00010000, 0x20000000
_CLONE_NEW_ANY = 0x7E020080  # every flag that asks for a namespace
_FORK = 0x1000 | 17  # CLONE_PIDFD | SIGCHLD, as kernel.forking has it

# ioctl: is it a terminal, how wide, how much to read, blocking or not, close on exec
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# prctl: parent-death signal (asked), dumpable, name, seccomp, no-new-privileges, naming of memory
_PRCTLS = (2, 3, 4, 15, 16, 21, 22, 38, 39, 0x53564D41)
_SET_PARENT_DEATH, _SIGKILL = 1, 9

# fcntl: who gets a file's signals and which, leases, notices: each can make the kernel signal somebody else
_FCNTLS_REFUSED = (8, 10, 15, 1024, 1026)

Instruction = tuple[int, int, int, int]
_ALLOWED: Instruction = (_RETURN, 0, 0, _ALLOW)


def supported() -> bool:
    """Return whether filters can be written for this machine's architecture."""
    return _COLUMN is not None


def _refuse(code: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | code)


def _when(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run `body`, which must return, if the call is `number`; the accumulator holds the number before and after."""
    return [(_EQUAL, 0, len(body), number), *body]


def _only(argument: int, values: Iterable[int], otherwise: int) -> list[Instruction]:
    """Allow if the argument is one of `values`, else fail with errno `otherwise`."""
    listed = list(values)
    tests = [(_EQUAL, len(listed) - i, 0, value) for i, value in enumerate(listed)]
    return [(_LOAD, 0, 0, argument), *tests, _refuse(otherwise), _ALLOWED]


def _all_but(argument: int, values: Iterable[int], otherwise: int) -> list[Instruction]:
    """Fail with errno `otherwise` if the argument is one of `values`, else allow."""
    listed = list(values)
    tests = [(_EQUAL, len(listed) - i, 0, value) for i, value in enumerate(listed)]
    return [(_LOAD, 0, 0, argument), *tests, _ALLOWED, _refuse(otherwise)]


def _prctls() -> list[Instruction]:
    """Allow what is harmless, and to be killed with one's parent, which cannot be undone."""
    asked: list[Instruction] = [(_LOAD, 0, 0, _ARG0), (_EQUAL, 0, 4, _SET_PARENT_DEATH)]
    asked += [(_LOAD, 0, 0, _ARG1), (_EQUAL, 1, 0, _SIGKILL), _refuse(errno.EPERM), _ALLOWED]
    return [*asked, *_only(_ARG0, _PRCTLS, errno.EINVAL)]


def _prologue() -> list[Instruction]:
    start: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, _AUDIT_ARCH),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NR),
    ]
    if _MACHINE == "x86_64":  # the x32 calls are a second door to the same kernel
        start += [(_AT_LEAST, 0, 1, 0x40000000), _refuse(errno.ENOSYS)]
    return start


def worker_filter(*, plain_forks: bool) -> bytes:
    """Return the filter of a worker: everything refused that no Python program and no fork server needs.

    Args:
        plain_forks: processes may be forked without a namespace of their own.
    """
    program = _prologue()
    forks = (_FORK | _CLONE_PARENT,) if plain_forks else (_FORK | _CLONE_PARENT | _CLONE_NEWPID,)
    conditional = {
        "ioctl": _only(_ARG1, _IOCTLS, errno.ENOTTY),
        "fcntl": _all_but(_ARG1, _FCNTLS_REFUSED, errno.EPERM),
        "socketpair": _only(_ARG0, (_AF_UNIX,), errno.EPERM),  # within the process: asyncio wakes itself by one
        "prctl": _prctls(),
        "prlimit64": _only(_ARG0, (0,), errno.EPERM),
        "clone": [(_LOAD, 0, 0, _ARG0), (_ANY_BIT, 0, 1, _CLONE_THREAD), _ALLOWED, *_only(_ARG0, forks, errno.EPERM)],
    }
    for name, number in NUMBERS.items():
        if name == "clone3":  # glibc then falls back to clone, whose flags a filter can read
            program += _when(number, [_refuse(errno.ENOSYS)])
        elif name not in _REFUSED_OUTRIGHT:
            program += _when(number, conditional.get(name, [_ALLOWED]))
    return _pack([*program, _refuse(errno.EPERM)])


def yard_filter() -> bytes:
    """Return the filter of a yard: what compilers and programs that are started need, new processes among it."""
    program = _prologue()
    conditional = {
        "ioctl": _only(_ARG1, _IOCTLS, errno.ENOTTY),
        "fcntl": _all_but(_ARG1, _FCNTLS_REFUSED, errno.EPERM),
        "socketpair": _only(_ARG0, (_AF_UNIX,), errno.EPERM),
        "prctl": _prctls(),
        "prlimit64": _only(_ARG0, (0,), errno.EPERM),
        "clone": [
            (_LOAD, 0, 0, _ARG0),
            (_ANY_BIT, 1, 0, _CLONE_NEW_ANY),
            _ALLOWED,
            *_only(_ARG0, (_FORK | _CLONE_NEWPID,), errno.EPERM),
        ],
        "clone3": [_refuse(errno.ENOSYS)],
    }
    for name, number in (NUMBERS | _STARTING).items():
        program += _when(number, conditional.get(name, [_ALLOWED]))
    return _pack([*program, _refuse(errno.EPERM)])


def family_filter(*, signals: bool) -> bytes:
    """Return the second filter of a program that may start others: none may leave its group.

    Args:
        signals: they may signal each other, where a namespace keeps everybody else out of reach.
    """
    program = _prologue()
    for name in ("setpgid",) if signals else ("setpgid", "kill", "tkill", "tgkill"):
        program += _when(NUMBERS[name], [_refuse(errno.EPERM)])
    return _pack([*program, _ALLOWED])


def single_filter() -> bytes:
    """Return the second filter of a program that is one process, in a namespace of its own: it may have threads."""
    return _pack([*_prologue(), *_no_forks(), _ALLOWED])


def _no_forks() -> list[Instruction]:
    threads_only = [(_LOAD, 0, 0, _ARG0), (_ANY_BIT, 1, 0, _CLONE_THREAD), _refuse(errno.EPERM), _ALLOWED]
    program = _when(NUMBERS["clone"], threads_only)
    for name in ("fork", "vfork"):
        if name in NUMBERS:
            program += _when(NUMBERS[name], [_refuse(errno.EPERM)])
    return program


def program_filter(process_id: int, *, affinity: bool = False) -> bytes:
    """Return the second filter of a program that has no namespace of its own.

    Args:
        process_id: the program's own, which alone it may signal and ask about.
        affinity: it may ask on which cores any thread may run, as some runtimes do of their own.
    """
    program = [*_prologue(), *_no_forks()]
    for name in ("kill", "tgkill"):
        program += _when(NUMBERS[name], _only(_ARG0, (process_id,), errno.EPERM))
    program += _when(NUMBERS["tkill"], [_refuse(errno.EPERM)])
    asking = ("sched_getparam", "sched_getscheduler", "getpgid", "getsid")
    for name in asking if affinity else (*asking, "sched_getaffinity"):
        program += _when(NUMBERS[name], _only(_ARG0, (0, process_id), errno.EPERM))
    return _pack([*program, _ALLOWED])


def _pack(program: list[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)

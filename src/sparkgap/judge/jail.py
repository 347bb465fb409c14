"""The walls around a worker: entered once by the forking process, inherited by every program it forks.

Two safe levels. `full`: own user, mount, network, process, IPC and host-name namespaces, a root that holds nothing but
the language's runtime (read-only) and a small scratch folder, plus everything of `reduced`. `reduced`, for ordinary
containers that refuse new namespaces: Landlock for files, seccomp for calls, resource limits. `unsafe` has resource
limits only, and is never chosen unless asked for. `isolation.py` finds out which level a machine can give.

Walls that each program gets of its own, after its fork, are at the end of the file.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, NoReturn

from sparkgap.judge import kernel, seccomp

NOBODY = 65534
SCRATCH_BYTES = 32 << 20
MAX_THREADS = 64
MAX_FILES = 64
MAX_YARD_THREADS, MAX_YARD_FILES = 192, 256  # in a yard: compilers start others, and open what they link
_MEMORY_RESERVE = 32 << 20  # what a program that ran out of memory may still use to say so

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_FILES = ("/etc/ld.so.cache", "/etc/localtime")


class Runtime(NamedTuple):
    """What a program may read of the host: folders and files of the language's runtime, and where packages lie.

    `packages` are host paths of importable packages; inside a full jail they appear under `/packages`. `programs` are
    shown one by one: (where it appears, the host's file).
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    masked: tuple[str, ...] = ()  # folders below `folders` that stay empty
    packages: tuple[str, ...] = ()
    programs: tuple[tuple[str, str], ...] = ()


class Scratch(NamedTuple):
    """Where programs may write, at most so many bytes and files; `folder` is of the jail, or else the host's."""

    folder: str
    bytes: int
    files: int


def python_runtime(packages: tuple[str, ...] = ()) -> Runtime:
    """Return the runtime of this very interpreter: the standard library and the shared libraries it has mapped."""
    library = os.path.dirname(os.path.realpath(os.__file__))
    folders = {library, *(os.path.realpath(p) for p in sys.path if os.path.basename(p) == "lib-dynload")}
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line.split(maxsplit=5)[-1].strip()
            if path.startswith("/") and ".so" in path and not _below(path, (library, *packages)):
                folders.add(os.path.dirname(os.path.realpath(path)))
    folders.add("/usr/share/zoneinfo")
    masked = [os.path.join(library, name) for name in ("site-packages", "dist-packages", "test", "idlelib")]
    whole = tuple(sorted(f for f in folders if not _below(f, tuple(folders - {f})) and os.path.isdir(f)))
    return Runtime(whole, _FILES, tuple(m for m in masked if os.path.isdir(m)), packages)


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path.startswith(folder.rstrip("/") + "/") for folder in folders)


def scratch_place(runtime: Runtime) -> str:
    """Return where a full jail has its scratch folder: /tmp, unless that would hide what must be read there."""
    shown = (*runtime.folders, *runtime.files, *(inside for inside, _ in runtime.programs))
    hidden = any(path.startswith("/tmp/") for path in shown)  # noqa: S108
    return "/scratch" if hidden else "/tmp"  # noqa: S108


def enter(level: str, runtime: Runtime, yard: Scratch | None = None, *, keeper: int | None = None) -> None:
    """Put this process behind the walls of `level` but for `seal`; with `full` the caller goes on in a forked child.

    Only a full jail has a folder that programs may write to, a small one in memory: elsewhere what they write could
    not be bounded, nor hidden from the next. A `yard`, where compilers run, has one at every level.

    Args:
        level: "full", "reduced" or "unsafe".
        runtime: what may be read.
        yard: the scratch folder of a yard.
        keeper: a descriptor to read from until its other end is closed. With `full` the namespace of processes then
            lasts as long, and the caller goes on as a child of its own parent; without, it goes on as process 1.

    Raises:
        OSError: the kernel refuses a wall. The process is then in no defined state and must end.
    """
    if level != "unsafe" and not seccomp.supported():
        raise OSError(f"no system-call filter is written for {os.uname().machine}")
    os.umask(0o022)
    threads = MAX_THREADS  # counted within the namespace
    if level == "full":
        place = scratch_place(runtime) if yard else "/tmp"  # noqa: S108 - the jail's own
        _enter_namespaces(runtime, yard._replace(folder=place) if yard else Scratch(place, SCRATCH_BYTES, 2048))
        readable, writable = ["/"], [place, *_DEVICES]
        os.chdir(place)
    else:
        readable, writable = [*runtime.folders, *runtime.files, *runtime.packages], list(_DEVICES)
        readable += [path for _, path in runtime.programs]
        writable += [yard.folder] if yard else []
        os.chdir(yard.folder if yard else runtime.folders[0])
        if os.geteuid() == 0:
            _become_nobody(runtime)
        threads += _threads_of(os.geteuid())  # counted over all that this user runs
    if yard:
        threads += MAX_YARD_THREADS - MAX_THREADS
    resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most_files = MAX_YARD_FILES if yard else MAX_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if level == "reduced" or (level == "full" and kernel.landlock_version() >= 2):
        kernel.landlock(readable, writable, execute=yard is not None)  # its first version could not move files
    if level == "full":
        _go_on_inside(keeper)


def seal(level: str, *, yard: bool = False) -> None:
    """Put up the last wall, the filter of system calls, which lets no process be forked but for programs."""
    if level != "unsafe":
        kernel.put_on_filter(seccomp.yard_filter() if yard else seccomp.worker_filter(plain_forks=level != "full"))


def _threads_of(user: int) -> int:
    """Return how many threads the user runs now, as far as /proc shows, and some to spare."""
    count = 192
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == user:
                    count += len(os.listdir(f"/proc/{name}/task"))
    return count


def _become_nobody(runtime: Runtime) -> None:
    """Give up root for good where nobody else's runtime is needed, and in any case root's powers."""
    with contextlib.suppress(PermissionError):
        shown = (os.path.dirname(path) for _, path in runtime.programs)
        if all(_open_to_all(folder) for folder in (*runtime.folders, *runtime.packages, *shown)):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.drop_capabilities()


def _open_to_all(folder: str) -> bool:
    while folder != "/":
        if not os.stat(folder).st_mode & 0o001:
            return False
        folder = os.path.dirname(folder)
    return True


def _enter_namespaces(runtime: Runtime, scratch: Scratch) -> None:
    own = kernel.NEWNS | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS
    processes = os.open("/proc", os.O_PATH | os.O_CLOEXEC)
    if os.geteuid() == 0:
        # Root builds the walls as root, so that no user namespace below can undo them, then becomes nobody in a user
        # namespace of its own, which only serves to make process namespaces.
        kernel.unshare(own)
        _build_root(runtime, scratch)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else this process's files in /proc are still root's
        kernel.unshare(kernel.NEWUSER | kernel.NEWPID)
        _map_self(processes, NOBODY, NOBODY)
    else:
        user, group = os.geteuid(), os.getegid()
        kernel.unshare(own | kernel.NEWUSER | kernel.NEWPID)
        _map_self(processes, user, group)
        _build_root(runtime, scratch)
    os.close(processes)


def _go_on_inside(keeper: int | None) -> None:
    """Go on in the new namespace of processes; whoever is process 1 there takes all the others with it."""
    first = os.fork()
    if keeper is None:
        if first:
            os._exit(0)  # the worker adopts process 1, which goes on
    elif not first:
        _keep(keeper)
    elif kernel.forking(own_processes=False, siblings=True)[0]():  # process 1 itself could not fork siblings
        os._exit(0)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def _keep(descriptor: int) -> NoReturn:
    """Be process 1 until nobody has the other end any more."""
    try:
        os.closerange(0, descriptor)
        os.closerange(descriptor + 1, MAX_FILES)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        os.read(descriptor, 1)
    finally:
        os._exit(0)


def _map_self(processes: int, user: int, group: int) -> None:
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        descriptor = os.open(f"self/{name}", os.O_WRONLY, dir_fd=processes)
        os.write(descriptor, text.encode())
        os.close(descriptor)


def _build_root(runtime: Runtime, scratch: Scratch) -> None:
    """Pivot into a new root that holds the runtime, read-only, and an empty scratch folder at /tmp."""
    base, old = "/tmp", "/host"  # noqa: S108 - the mount point of the new root, in this namespace only
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("sparkgap", base, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=2m,mode=755")
    os.mkdir(base + old)
    kernel.pivot_root(base, base + old)
    os.chdir("/")
    for folder in runtime.folders:
        _show(old, folder, folder)
    for path in (*runtime.files, *_DEVICES):
        _show(old, path, path)
    for package in runtime.packages:
        _show(old, package, "/packages/" + os.path.basename(package))
    for inside, path in runtime.programs:
        if not os.path.lexists(inside):
            _show(old, path, inside)
    for masked in runtime.masked:
        kernel.mount("empty", masked, "tmpfs", kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV, "size=4k")
    for name in ("lib", "lib64", "usr/lib64", "bin"):  # merged-usr links, by which the loader finds libraries
        target = f"{old}/{name}"
        if os.path.islink(target) and not os.path.lexists("/" + name):
            os.makedirs(os.path.dirname("/" + name), exist_ok=True)
            os.symlink(os.readlink(target), "/" + name)
    os.makedirs(scratch.folder, exist_ok=True)
    options = f"size={scratch.bytes},nr_inodes={scratch.files},mode=1777"
    kernel.mount("scratch", scratch.folder, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    kernel.unmount(old)
    os.rmdir(old)
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("none", "/", None, flags)


def _show(old: str, path: str, inside: str) -> None:
    """Bind one host path into the new root, read-only."""
    source = old + path
    if os.path.isdir(source):
        os.makedirs(inside, exist_ok=True)
    elif os.path.exists(source):
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        with open(inside, "x"):
            pass
    else:
        return
    kernel.mount(source, inside, None, kernel.MS_BIND | kernel.MS_REC)
    kernel.seal_mount(inside, devices=path in _DEVICES)


Limits = tuple[float, int, int]  # of a program: CPU seconds, MB of memory, kB of a file
PutOn = Callable[[float, int, int], None]  # puts the walls of such limits on this process


def mapped_bytes() -> int:
    """Return the bytes of this process's address space; to be called where /proc is."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def program_walls(level: str, own_bytes: int) -> PutOn:
    """Return what puts a program's own limits on it after its fork, and takes its capabilities or adds one more filter.

    What it returns is bound beforehand, since a forked process pays for all that it is the first to touch.

    Args:
        level: "full", "reduced" or "unsafe".
        own_bytes: of address space that the process has before any program.
    """
    limit, address_space, file_size, full = (
        partial(resource.setrlimit),  # see `warmth.renew_partials`
        resource.RLIMIT_AS,
        resource.RLIMIT_FSIZE,
        level == "full",
    )
    drop_capabilities, die_with_worker = kernel.capability_drop(), kernel.die_with_parent
    parent, worker = os.getppid, os.getppid()

    def put_on(cpu_s: float, memory_mb: int, file_kb: int) -> None:
        memory, file = (memory_mb << 20) + own_bytes, file_kb << 10
        limit(address_space, (memory, memory + _MEMORY_RESERVE))
        limit(file_size, (file, file))
        if full:
            if drop_capabilities():
                raise OSError("the capabilities cannot be dropped")
            return
        # Should the worker be killed, nothing else ends the program.
        die_with_worker()
        if parent() != worker:
            os._exit(0)
        hard_cpu = int(cpu_s) + 2
        limit(resource.RLIMIT_CPU, (hard_cpu, hard_cpu))
        if level == "reduced":
            kernel.put_on_filter(seccomp.program_filter(os.getpid()))

    return put_on

"""What walls this machine gives: each layer by name, tried for real in a process of its own, and how to get it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from sparkgap.errors import InfraError, IsolationError
from sparkgap.judge.pool import WorkerProcess

_NAMESPACES = (
    "it takes unprivileged user namespaces: `sysctl user.max_user_namespaces=15000`, where the kernel has them "
    "`sysctl kernel.unprivileged_userns_clone=1` and `sysctl kernel.apparmor_restrict_unprivileged_userns=0`; in a "
    "container `--security-opt seccomp=unconfined --security-opt apparmor=unconfined` (or `--privileged`)"
)
_KERNEL = "it takes Linux {version} or newer with {option}; in a container its seccomp profile must allow the calls"


@dataclass(frozen=True, slots=True)
class Layer:
    """One wall. `needed` says for which level: "full", "reduced" (and so also full), or "" if it only adds to them."""

    name: str
    ok: bool
    needed: str
    detail: str
    mend: str


@dataclass(frozen=True, slots=True)
class Isolation:
    """The level that workers reach here ("full", "reduced" or "none"), why not a higher one, and every layer."""

    level: str
    refusals: tuple[str, ...]
    layers: tuple[Layer, ...]


_USER = "kernel.NEWUSER" if os.geteuid() else "0"
# name, level it is needed for, what is tried, what it keeps in, how to get it
_TRIALS = (
    ("user namespace", "full", "kernel.unshare(kernel.NEWUSER)", "no privileges outside", _NAMESPACES),
    ("mount namespace", "full", f"kernel.unshare(kernel.NEWNS | {_USER})", "no files but the runtime's", _NAMESPACES),
    ("network namespace", "full", f"kernel.unshare(kernel.NEWNET | {_USER})", "no network", _NAMESPACES),
    ("process namespace", "full", f"kernel.unshare(kernel.NEWPID | {_USER})", "no other processes", _NAMESPACES),
    ("IPC namespace", "full", f"kernel.unshare(kernel.NEWIPC | {_USER})", "no shared memory or queues", _NAMESPACES),
    (
        "seccomp", "reduced",
        "kernel.prctl(38, 1); kernel.put_on_filter(seccomp.worker_filter(plain_forks=True)); os.getpid()",
        "about 150 system calls allowed, the rest refused",
        _KERNEL.format(version="4.8", option="CONFIG_SECCOMP_FILTER, on x86_64 or aarch64"),
    ),
    (
        "Landlock", "reduced",
        "kernel.prctl(38, 1); kernel.landlock(['/'], []); print(kernel.landlock_version())",
        "no files but the runtime's, whatever the mounts",
        _KERNEL.format(version="5.13", option="CONFIG_SECURITY_LANDLOCK and `landlock` among the `lsm=` at boot"),
    ),
    (
        "resource limits", "reduced", "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))",
        "memory, output, descriptors and threads bounded",
        "the hard limits of this process are lower already: `ulimit -H`",
    ),
    (
        "process descriptors", "reduced", "os.close(os.pidfd_open(os.getpid()))",
        "every program's end is seen", _KERNEL.format(version="5.4", option="pidfds"),
    ),
    (
        "fixed addresses", "", "kernel.no_address_randomization()", "the same memory layout in every run",
        "the container's seccomp profile must allow personality(ADDR_NO_RANDOMIZE)",
    ),
)  # fmt: skip


def probe() -> Isolation:
    """Try every layer, then start a worker and see which level it reaches. Costs about a second; changes nothing."""
    layers = tuple(_try(*trial) for trial in _TRIALS)
    worker = WorkerProcess(("full", "reduced"), ())
    refusals: tuple[str, ...] = ()
    try:
        level = worker.wait_ready()
        refusals = worker.refusals
    except IsolationError:
        level, refusals = "none", worker.refusals
    except InfraError as error:
        level, refusals = "none", (str(error),)
    finally:
        worker.end()
    return Isolation(level, refusals, layers)


def _try(name: str, needed: str, trial: str, detail: str, mend: str) -> Layer:
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = (
        f"import sys, os, resource; sys.path.append({home!r})\nfrom sparkgap.judge import kernel, seccomp\n"
        f"try:\n    {trial}\nexcept OSError as error:\n    sys.exit(str(error))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 0:
        return Layer(
            name, True, needed, detail + (f" (version {done.stdout.strip()})" if done.stdout.strip() else ""), ""
        )
    why = done.stderr.strip().splitlines()
    return Layer(name, False, needed, why[-1] if why else f"it ended with status {done.returncode}", mend)

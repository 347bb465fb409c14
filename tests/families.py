"""What a worker has below it: found in /proc, told apart by namespaces."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple


class Family(NamedTuple):
    """The processes of one worker. Keepers are there in a full jail alone."""

    keepers: list[int]  # process 1 of a zygote's namespace
    zygotes: list[int]
    programs: list[int]  # candidates and examiners


def children(pid: int) -> list[int]:
    """Return the children of a process, those of all its threads, oldest first."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as stat:
                if int(stat.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry))
    return sorted(found)


def family(worker: int) -> Family:
    """Return who is alive below a worker."""
    found = Family([], [], [])
    spaces = len(_numbers(worker))
    roles: set[bytes] = set()
    for child in children(worker):
        try:
            numbers, role = _numbers(child)[spaces:], Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue  # gone
        if not role:
            continue  # dead, but not buried
        if numbers == [1]:
            found.keepers.append(child)
        elif len(numbers) == 1 or (not numbers and role not in roles):
            found.zygotes.append(child)
            roles.add(role)
        else:
            found.programs.append(child)
    return found


def _numbers(pid: int) -> list[int]:
    """Return a process's ids, in the namespace of this process first and in its own last."""
    status = Path(f"/proc/{pid}/status").read_text()
    return [int(number) for line in status.splitlines() if line.startswith("NSpid:") for number in line.split()[1:]]


def only_worker(others: set[int]) -> int:
    """Return the one child of this process that is not among `others`."""
    (worker,) = set(children(os.getpid())) - others
    return worker

"""Put the selected attacks to a judge from a process of another kind, and print what is amiss as JSON lines.

    python -m enemies LEVEL [--user UID] [--container] [--every N]

`--user` becomes that ordinary user first. `--container` first refuses what an ordinary container refuses: new
namespaces and mounts. `--every` takes each Nth attack only. The first line is {"isolation": level reached} or
{"refused": why}; then one line an attack.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import struct
from typing import Any, cast

from enemies import complaints, outcome
from enemies.escapes import SECRET, SECRET_NAME
from enemies.selection import SELECTED
from sparkgap import Judge
from sparkgap.errors import InfraError, IsolationError

_X86 = os.uname().machine == "x86_64"
# unshare, mount, umount2, pivot_root, setns, open_tree, move_mount, fsopen, mount_setattr
_REFUSED = (272, 165, 166, 155, 308, 428, 429, 430, 442) if _X86 else (97, 40, 39, 41, 268, 428, 429, 430, 442)
_CLONE, _CLONE3 = (56, 435) if _X86 else (220, 435)
_NAMESPACES = 0x7E020080  # CLONE_NEW* of clone(2)


def enter_container() -> None:
    """Refuse new namespaces and mounts to this process and its children, as an ordinary container does."""
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    no, allow = 0x00050000 | errno.EPERM, 0x7FFF0000
    program = [(load, 0, 0, 0)]
    for number in _REFUSED:
        program += [(equal, 0, 1, number), (give, 0, 0, no)]
    program += [(equal, 0, 1, _CLONE3), (give, 0, 0, 0x00050000 | errno.ENOSYS)]
    program += [(equal, 0, 3, _CLONE), (load, 0, 0, 16), (any_bit, 0, 1, _NAMESPACES), (give, 0, 0, no)]
    program += [(give, 0, 0, allow)]
    code = b"".join(struct.pack("=HBBI", *step) for step in program)
    memory = ctypes.create_string_buffer(code, len(code))
    layout = struct.pack("@HP", len(program), ctypes.addressof(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((38, 1, 0, 0, 0), (22, 2, layout, 0, 0)):  # no new privileges; the filter
        if libc.prctl(*(ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments)) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def become(user: int) -> None:
    """Become an ordinary user for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    os.chdir("/")


def say(line: dict[str, object]) -> None:
    """Print one line of JSON at once."""
    print(json.dumps(line), flush=True)


def main() -> None:
    """Judge every selected attack and say of each what is amiss."""
    parser = argparse.ArgumentParser()
    parser.add_argument("level", choices=("auto", "full", "reduced"))
    parser.add_argument("--user", type=int)
    parser.add_argument("--container", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    asked = parser.parse_args()
    if asked.user is not None:
        become(asked.user)
    if asked.container:
        enter_container()
    os.environ[SECRET_NAME] = SECRET
    try:
        judge = Judge(workers=1, isolation=cast(Any, asked.level))
    except (IsolationError, InfraError) as error:
        say({"refused": str(error)})
        return
    with judge:
        say({"isolation": judge.isolation})
        for enemy in SELECTED[:: asked.every]:
            say({"name": enemy.name, "amiss": complaints(enemy, outcome(judge, enemy), judge.isolation)})


if __name__ == "__main__":
    main()

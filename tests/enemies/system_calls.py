"""System calls made straight by ctypes, past whatever Python would refuse: none that matters may succeed."""

from __future__ import annotations

import os

from enemies import Attack, attempt

_ARM = os.uname().machine == "aarch64"

# name: number on x86_64, number on aarch64, arguments. `room` is a zeroed buffer, `parent` the parent's process id.
_CALLS: dict[str, tuple[int, int, str]] = {
    "ptrace the parent": (101, 117, "16, parent, 0, 0"),
    "ptrace itself": (101, 117, "0, 0, 0, 0"),
    "process_vm_readv": (310, 270, "parent, room, 1, room, 1, 0"),
    "process_vm_writev": (311, 271, "parent, room, 1, room, 1, 0"),
    "process_madvise": (440, 440, "3, room, 1, 4, 0"),
    "pidfd_open the parent": (434, 434, "parent, 0"),
    "pidfd_open itself": (434, 434, "os.getpid(), 0"),
    "pidfd_getfd": (438, 438, "3, 0, 0"),
    "pidfd_send_signal": (424, 424, "3, 9, 0, 0"),
    "kcmp": (312, 272, "parent, parent, 0, 0, 0"),
    "rt_sigqueueinfo the parent": (129, 138, "parent, 9, room"),
    "rt_tgsigqueueinfo the parent": (297, 240, "parent, parent, 9, room"),
    "tkill the parent": (200, 130, "parent, 9"),
    "execve": (59, 221, "b'/bin/true', room, room"),
    "execveat": (322, 281, "-100, b'/bin/true', room, room, 0"),
    "fork by clone": (56, 220, "17, 0, 0, 0, 0"),
    "clone with a process namespace": (56, 220, "0x20000000 | 17, 0, 0, 0, 0"),
    "clone with a process namespace and a pidfd": (56, 220, "0x20001000 | 17, 0, room, 0, 0"),
    "clone with a pidfd": (56, 220, "0x1000 | 17, 0, room, 0, 0"),
    "clone with a user namespace": (56, 220, "0x10000000 | 17, 0, 0, 0, 0"),
    "clone as a thread with a user namespace": (56, 220, "0x10010000 | 0x900, 0, 0, 0, 0"),
    "clone as a thread with a mount namespace": (56, 220, "0x20000 | 0x10000 | 0x900, 0, 0, 0, 0"),
    "clone of the parent's child": (56, 220, "0x8000 | 17, 0, 0, 0, 0"),
    "clone3": (435, 435, "room, 88"),
    "unshare users": (272, 97, "0x10000000"),
    "unshare mounts": (272, 97, "0x20000"),
    "unshare the network": (272, 97, "0x40000000"),
    "unshare files": (272, 97, "0x400"),
    "setns": (308, 268, "3, 0"),
    "mount": (165, 40, "b'none', b'/tmp', b'tmpfs', 0, 0"),
    "bind mount": (165, 40, "b'/', b'/tmp', 0, 4096, 0"),
    "umount": (166, 39, "b'/tmp', 2"),
    "mount_setattr": (442, 442, "-100, b'/', 0x8000, room, 32"),
    "open_tree": (428, 428, "-100, b'/', 1"),
    "move_mount": (429, 429, "-100, b'/tmp', -100, b'/usr', 0"),
    "fsopen": (430, 430, "b'tmpfs', 0"),
    "pivot_root": (155, 41, "b'/', b'/tmp'"),
    "chroot": (161, 51, "b'/tmp'"),
    "mknodat": (259, 33, "-100, b'node', 0o20666, 0x501"),
    "name_to_handle_at": (303, 264, "-100, b'/', room, room, 0"),
    "open_by_handle_at": (304, 265, "-100, room, 0"),
    "openat2": (437, 437, "-100, b'/etc/passwd', room, 24"),
    "bpf": (321, 280, "0, room, 72"),
    "perf_event_open": (298, 241, "room, 0, -1, -1, 0"),
    "userfaultfd": (323, 282, "0"),
    "io_uring_setup": (425, 425, "8, room"),
    "memfd_create": (319, 279, "b'x', 0"),
    "memfd_secret": (447, 447, "0"),
    "keyctl": (250, 219, "0, -4, 1"),
    "add_key": (248, 217, "b'user', b'x', b'y', 1, -2"),
    "request_key": (249, 218, "b'user', b'x', 0, -2"),
    "personality": (135, 92, "0x0040000"),
    "setuid": (105, 146, "0"),
    "setresuid": (117, 147, "0, 0, 0"),
    "setgroups": (116, 159, "0, room"),
    "setfsuid": (122, 151, "0"),
    "seccomp": (317, 277, "1, 0, 0"),
    "set a seccomp filter": (317, 277, "1, 0, room"),
    "landlock": (444, 444, "0, 0, 1"),
    "reboot": (169, 142, "0xfee1dead, 672274793, 0, 0"),
    "kexec_load": (246, 104, "0, 0, 0, 0"),
    "init_module": (175, 105, "room, 8, b''"),
    "delete_module": (176, 106, "b'x', 0"),
    "swapon": (167, 224, "b'/tmp', 0"),
    "acct": (163, 89, "0"),
    "syslog": (103, 116, "3, room, 8"),
    "quotactl": (179, 60, "0x800002, 0, 0, room"),
    "sethostname": (170, 161, "b'sneaky', 6"),
    "setdomainname": (171, 162, "b'sneaky', 6"),
    "settimeofday": (164, 170, "room, 0"),
    "clock_settime": (227, 112, "0, room"),
    "clock_adjtime": (305, 266, "0, room"),
    "adjtimex": (159, 171, "room"),
    "fanotify_init": (300, 262, "0, 0"),
    "inotify_init1": (294, 26, "0"),
    "lookup_dcookie": (212, 18, "0, room, 8"),
    "setpriority": (141, 140, "0, 0, -20"),
    "ioprio_set": (251, 30, "1, 0, 0"),
    "sched_setscheduler": (144, 119, "0, 1, room"),
    "sched_setaffinity the parent": (203, 122, "parent, 8, b'\\x01' + bytes(7)"),
    "sched_setattr": (314, 274, "0, room, 0"),
    "prlimit64 the parent": (302, 261, "parent, 0, room, 0"),
    "migrate_pages": (256, 238, "parent, 1, room, room"),
    "move_pages": (279, 239, "parent, 1, room, 0, room, 0"),
    "mbind": (237, 235, "room, 4096, 1, room, 1, 0"),
    "set_mempolicy": (238, 237, "0, 0, 0"),
    "mlock": (149, 228, "room, 4096"),
    "mlockall": (151, 230, "1"),
    "shmget": (29, 194, "0, 4096, 0o1666"),
    "msgget": (68, 186, "5, 0o1666"),
    "semget": (64, 190, "5, 1, 0o1666"),
    "mq_open": (240, 180, "b'x', 0o102, 0o666, 0"),
    "socket": (41, 198, "2, 1, 0"),
    "socketpair": (53, 199, "2, 1, 0, room"),  # within the process, AF_UNIX is allowed: asyncio needs it
    "setsid": (112, 157, ""),
    "vhangup": (153, 58, ""),
    "setxattr": (188, 5, "b'.', b'user.x', b'y', 1, 0"),
    "chown": (260, 54, "-100, b'.', 1, 1, 0"),
    "cachestat": (451, 451, "1, room, room, 0"),
    "map_shadow_stack": (453, 453, "0, 4096, 0"),
    "a call that does not exist": (999, 999, ""),
}

_BODY = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
room = ctypes.create_string_buffer(65536)
parent = os.getppid() or 2
before = os.getpid()
result = libc.syscall({number}, {arguments})
if os.getpid() != before:
    os._exit(0)
return result >= 0
"""

_PRCTLS = {
    "keep capabilities": (8, 1),
    "become a subreaper": (36, 1),
    "raise an ambient capability": (47, 2),
    "drop a bound": (24, 0),
    "set the bits of security": (28, 0),
    "let others trace it": (0x59616D61, -1),
    "turn off its timestamps": (26, 2),
    "map its own memory anew": (35, 1),
    "take part in core scheduling": (62, 1),
}


def _numbered(number: int, arm: int, arguments: str) -> str:
    return _BODY.format(number=arm if _ARM else number, arguments=arguments or "0")


CALLS: list[Attack] = [
    attempt(f"calls {name}", _numbered(*call), "wrong forbidden raised") for name, call in _CALLS.items()
]
CALLS += [
    attempt(f"asks by prctl to {name}", _numbered(157, 167, f"{option}, {value}, 0, 0, 0"), "wrong forbidden")
    for name, (option, value) in _PRCTLS.items()
]
CALLS += [
    attempt(
        f"asks a device to {name}",
        f"import fcntl, os\nfor fd in range(8):\n    try:\n        fcntl.ioctl(fd, {request}, bytes(8))\n"
        f"        return True\n"
        "    except OSError: pass\nreturn False",
        "wrong forbidden",
    )
    for name, request in {
        "put a letter into the terminal": 0x5412,
        "take the terminal": 0x540E,
        "paste": 0x541C,
        "find a loop device": 0x4C82,
        "send signals": 0x5452,
        "map the disk": 1,
    }.items()
]

_MACHINE_CODE = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write({code!r})
return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))() {success}
"""
if not _ARM:
    CALLS += [
        # mov eax, 20 (getpid of the 32-bit table); int 0x80; ret
        attempt(
            "calls by the 32-bit door",
            _MACHINE_CODE.format(code=b"\xb8\x14\x00\x00\x00\xcd\x80\xc3", success="> 0"),
            "forbidden raised",
        ),
        # mov eax, 0x40000027 (getpid of the x32 table); syscall; ret
        attempt(
            "calls by the x32 door",
            _MACHINE_CODE.format(code=b"\xb8\x27\x00\x00\x40\x0f\x05\xc3", success="> 0"),
            "forbidden raised wrong",
        ),
    ]

"""Getting out: to the network, the host's files, its environment and processes; and leaving something behind."""

from __future__ import annotations

import os
from pathlib import Path

from enemies import STDIO, Attack, attack, attempt

SECRET_NAME, SECRET = "SPARKGAP_TEST_TOKEN", "tell-no-one-93117"

_SOCKETS = {
    "IPv4 TCP": "socket.AF_INET, socket.SOCK_STREAM",
    "IPv4 UDP": "socket.AF_INET, socket.SOCK_DGRAM",
    "IPv6 TCP": "socket.AF_INET6, socket.SOCK_STREAM",
    "a raw socket": "socket.AF_INET, socket.SOCK_RAW, 1",
    "a Unix socket": "socket.AF_UNIX, socket.SOCK_STREAM",
    "a packet socket": "socket.AF_PACKET, socket.SOCK_RAW",
    "a netlink socket": "socket.AF_NETLINK, socket.SOCK_RAW, 0",
    "a vsock": "socket.AF_VSOCK, socket.SOCK_STREAM",
    "a Bluetooth socket": "31, socket.SOCK_RAW, 1",
    "an ALG socket": "socket.AF_ALG, socket.SOCK_SEQPACKET",
}

NETWORK: list[Attack] = [
    *(
        attempt(f"opens {name}", f"import socket\nsocket.socket({args})\nreturn True")
        for name, args in _SOCKETS.items()
    ),
    attempt("opens a pair of internet sockets", "import socket\nsocket.socketpair(socket.AF_INET)\nreturn True"),
    attempt("asks for a name", "import socket\nreturn bool(socket.getaddrinfo('localhost', 80))", reduced="timeout"),
    attempt(
        "asks the C library for a name",
        "import ctypes\nreturn bool(ctypes.CDLL(None).gethostbyname(b'localhost.localdomain'))",
    ),
    attempt(
        "fetches a page", "import urllib.request\nreturn bool(urllib.request.urlopen('http://127.0.0.1/', timeout=1))"
    ),
    attempt(
        "serves pages",
        "import http.server\nhttp.server.HTTPServer(('', 0), http.server.BaseHTTPRequestHandler)\nreturn True",
    ),
    attempt(
        "reaches the caller's server",  # the test fills in the port of a server that listens on this machine
        "import socket\nwith socket.create_connection(('127.0.0.1', PORT), 1) as s:\n    s.sendall(b'out')\n"
        "    return True",
    ),
]


def _paths() -> dict[str, str]:
    here = Path(__file__).resolve()
    return {
        "the password file": "/etc/passwd",
        "the shadow file": "/etc/shadow",
        "the host's name": "/etc/hostname",
        "the home folder": os.path.expanduser("~"),
        "the root's home": "/root",
        "everybody's homes": "/home",
        "the judge's own source": str(here.parents[2] / "src" / "sparkgap" / "judge" / "judge.py"),
        "these tests": str(here),
        "the data folder": os.environ.get("SPARKGAP_DATA") or str(here.parents[3] / "shared" / "data"),
        "the caller's folder": os.getcwd(),
        "the processes": "/proc/1/status",
        "its own memory by /proc": "/proc/self/mem",
        "its own environment by /proc": "/proc/self/environ",
        "its own descriptors by /proc": "/proc/self/fd",
        "the kernel's settings": "/proc/sys/kernel/hostname",
        "the kernel's devices": "/sys/class",
        "cgroups": "/sys/fs/cgroup",
        "the terminal": "/dev/tty",
        "the disk": "/dev/vda",
        "the memory device": "/dev/mem",
        "shared memory": "/dev/shm",
        "the log": "/var/log",
        "services": "/run",
        "the Docker socket": "/var/run/docker.sock",
        "other mounts": "/mnt",
    }


_OPENERS = {
    "": "open(path, 'rb').read(1)",
    " by os.open": "os.open(path, os.O_RDONLY)",
    " by libc": "(lambda fd: fd if fd >= 0 else 1 / 0)(__import__('ctypes').CDLL(None).open(path.encode(), 0))",
    " to write": "os.open(path, os.O_WRONLY | os.O_APPEND)",
}
# A device folder's or /proc's own existence is no secret at the reduced level; reading it would be.
_READS = """
import os
path = {path!r}
if os.path.isdir(path):  # a folder above the language's own runtime may be there, with nothing else in it
    runtime = os.path.realpath(os.__file__)
    return any(not runtime.startswith(os.path.join(os.path.realpath(path), name)) for name in os.listdir(path))
{opener}
return True
"""

FILES: list[Attack] = [
    attempt(f"reads {what}{how}", _READS.format(path=path, opener=opener))
    for what, path in _paths().items()
    for how, opener in _OPENERS.items()
    if how in ("", " by libc") or what in ("the password file", "the judge's own source", "the disk")
]

_LINKS = {
    "a symbolic link": "os.symlink('/etc/passwd', 'link')\nopen('link').read()",
    "a symbolic link to the root": "os.symlink('/', 'root')\nopen('root/etc/passwd').read()",
    "a hard link": "os.link('/etc/passwd', 'link')\nopen('link').read()",
    "many steps up": "open('../' * 40 + 'etc/passwd').read()",
    "a change of folder": "os.chdir('/etc')\nopen('passwd').read()",
    "a folder's descriptor": "d = os.open('/', os.O_RDONLY)\nos.open('etc/passwd', os.O_RDONLY, dir_fd=d)",
    "a path-only descriptor": "d = os.open('/etc', os.O_PATH)\nos.open('passwd', os.O_RDONLY, dir_fd=d)",
    "the import system": "import importlib.machinery\nimportlib.machinery.FileFinder('/etc').path_hook()\n"
    "importlib.machinery.SourceFileLoader('x', '/etc/passwd').get_data('/etc/passwd')",
    "sqlite": "import sqlite3\nsqlite3.connect('file:/etc/passwd?mode=ro', uri=True).execute('select 1 from x')",
    "a node of its own": "os.mknod('disk', 0o60600, os.makedev(254, 0))\nos.open('disk', os.O_RDONLY)",
    "a rename": "os.rename('/etc/passwd', 'stolen')",
}
_WRITES = {
    "the standard library": "open(os.__file__, 'a').write('#')",
    "a new module beside it": "open(os.path.join(os.path.dirname(os.__file__), 'sneaky.py'), 'w').write('#')",
    "its byte code": "import importlib.util\nopen(importlib.util.cache_from_source(os.__file__), 'ab').write(b'#')",
    "the interpreter": "import sys\nopen(sys.executable, 'ab').write(b'#')",
    "the folder above": "open('../sneaky', 'w').write('#')",
    "the root folder": "open('/sneaky', 'w').write('#')",
    "shared memory": "open('/dev/shm/sneaky', 'w').write('#')",
    "the C library": "import glob\nopen(glob.glob('/usr/lib/*/libc.so.6')[0], 'ab').write(b'#')",
    "a device's folder": "os.mkdir('/dev/sneaky')",
    "the library's folder, by removing it": "os.rename(os.path.dirname(os.__file__), '/tmp/gone')",
}
FILES += [attempt(f"reads by {name}", f"import os\n{body}\nreturn True") for name, body in _LINKS.items()]
FILES += [attempt(f"writes to {name}", f"import os\n{body}\nreturn True") for name, body in _WRITES.items()]

_ENVIRONS = {
    "os.environ": f"return {SECRET!r} in repr(dict(os.environ)) or {SECRET_NAME!r} in os.environ",
    "getenv": f"c = ctypes.CDLL(None)\nc.getenv.restype = ctypes.c_char_p\n"
    f"return c.getenv({SECRET_NAME!r}.encode()) is not None",
    "the C library's environ": "c = ctypes.CDLL(None)\n"
    "p = ctypes.POINTER(ctypes.c_char_p).in_dll(c, 'environ')\ni = 0\n"
    f"while p[i]:\n    if {SECRET!r}.encode() in p[i]: return True\n    i += 1\nreturn False",
    "the top of its stack": "c = ctypes.CDLL(None)\n"
    "c.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]\n"
    "r, w = os.pipe()\n"
    "page = ctypes.cast(ctypes.POINTER(ctypes.c_char_p).in_dll(c, 'environ'), ctypes.c_void_p).value >> 12 << 12\n"
    "for at in range(page - (64 << 12), page + (64 << 12), 4096):\n    if c.write(w, at, 4096) == 4096:\n"
    f"        if {SECRET!r}.encode() in os.read(r, 4096): return True\nreturn False",
    "every process": f"import glob\n"
    f"return any({SECRET!r}.encode() in open(p, 'rb').read() for p in glob.glob('/proc/[0-9]*/environ'))",
}
ENVIRONMENT: list[Attack] = [
    attempt(f"reads the caller's environment by {name}", f"import ctypes, os\n{body}")
    for name, body in _ENVIRONS.items()
]

_SPAWNS = {
    "fork": "return os.fork() >= 0",
    "forkpty": "import pty\nreturn pty.fork()[0] >= 0",
    "system": "return os.system('true') == 0",
    "popen": "return os.popen('echo yes').read() == 'yes\\n'",
    "subprocess": "import subprocess\nreturn subprocess.run(['/bin/true']).returncode == 0",
    "posix_spawn": "return os.posix_spawn('/bin/true', ['true'], {}) > 0",
    "spawn of the interpreter": "import sys\nreturn os.spawnv(os.P_WAIT, sys.executable, ['python', '-c', '']) == 0",
    "exec of the interpreter": "import sys\nos.execv(sys.executable, ['python', '-c', 'print(1)'])",
    "exec of a shell": "os.execv('/bin/sh', ['sh', '-c', 'exit 0'])",
    "exec of its own file": "open('x', 'w').write('#!/bin/sh\\n')\nos.chmod('x', 0o755)\nos.execv('./x', ['x'])",
    "exec from memory": "f = os.memfd_create('x')\nos.write(f, open('/bin/true', 'rb').read())\n"
    "os.execve(f, ['x'], {})",
    "multiprocessing": "import multiprocessing as m\np = m.Process(target=print)\np.start()\np.join()\n"
    "return p.exitcode == 0",
    "a pool": "import concurrent.futures as c\nwith c.ProcessPoolExecutor(1) as pool:\n"
    "    return pool.submit(abs, -1).result(1) == 1",
    "a daemon": "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True: pass\nreturn True",
    "vfork by libc": "import ctypes\nreturn ctypes.CDLL(None).vfork() >= 0",
    "fork by libc": "import ctypes\nreturn ctypes.CDLL(None).fork() >= 0",
}
_SIGNALS = {
    "its parent": "os.kill(os.getppid(), 9)\nreturn os.getppid() != 0",
    "everything": "os.kill(-1, 9)\nreturn False",
    "its process group": "os.kill(0, 15)\nreturn False",
    "its parent's group": "os.killpg(os.getpgid(os.getppid() or 2), 9)\nreturn os.getppid() != 0",
    "every number": "hit = []\nfor pid in range(1, 40000):\n    try:\n        if pid != os.getpid():\n"
    "            os.kill(pid, 0)\n"
    "            hit.append(pid)\n    except OSError: pass\nreturn bool(hit)",
    "its parent by a signalled pipe": "import fcntl, time\nr, w = os.pipe()\nfcntl.fcntl(r, 10, 9)\n"
    "fcntl.fcntl(r, 8, os.getppid() or 2)\n"
    "fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)\nos.write(w, b'x')\nreturn os.getppid() != 0",
    "its parent by a lease": "import fcntl\nf = os.open('x', os.O_CREAT | os.O_RDWR)\nfcntl.fcntl(f, 1024, 1)\n"
    "return False",
    "a thread of its parent": "import ctypes\nparent = os.getppid()\n"
    "call = 234 if os.uname().machine == 'x86_64' else 131\n"
    "return parent != 0 and ctypes.CDLL(None).syscall(call, parent, parent, 9) == 0",
}
_PRIORITY = {
    "its own affinity": "os.sched_setaffinity(0, {0})\nreturn True",
    "its parent's affinity": "os.sched_setaffinity(os.getppid() or 2, {0})\nreturn True",
    "its priority": "os.setpriority(os.PRIO_PROCESS, 0, -20)\nreturn True",
    "its parent's priority": "os.setpriority(os.PRIO_PROCESS, os.getppid() or 2, 19)\nreturn True",
    "its parent's limits": "import resource\nresource.prlimit(os.getppid() or 2, resource.RLIMIT_CPU, (1, 1))\n"
    "return True",
    "its own limits upwards": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))\n"
    "return True",
    "the user": "os.setuid(0)\nos.setgid(0)\nos.setgroups([0])\nreturn True",
    "the session": "os.setsid()\nreturn True",
    "the root": "os.chroot('.')\nreturn True",
    "the clock": "import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)\nreturn True",
    "the host's name": "import socket\nsocket.sethostname('sneaky')\nreturn True",
}
PROCESSES: list[Attack] = [
    *(attempt(f"starts a process by {name}", f"import os\n{body}") for name, body in _SPAWNS.items()),
    *(
        attempt(f"signals {name}", f"import os\n{body}", "raised forbidden wrong memory")
        for name, body in _SIGNALS.items()
    ),
    *(attempt(f"changes {name}", f"import os\n{body}") for name, body in _PRIORITY.items()),
    attack(
        "a script that starts a shell",
        "raised forbidden",
        "import os\nprint(5 if os.system('true') == 0 else 1 / 0)",
        STDIO,
    ),
    attack(
        "a script that goes on in a daemon",
        "raised forbidden",
        "import os\nif os.fork(): print(5)\nwhile True: pass",
        STDIO,
    ),
]

# What one program leaves, and a program that would find it: `look()` returns True if it does.
LEGACIES: dict[str, tuple[str, str]] = {
    "a file": ("open('left', 'w').write('5')", "os.path.exists('left')"),
    "a hidden file": ("open('.left', 'w').write('5')", "'.left' in os.listdir('.')"),
    "a tree": ("os.makedirs('a/b/c'); open('a/b/c/d', 'w').write('5')", "'a' in os.listdir('.')"),
    "a locked folder": ("os.mkdir('d'); open('d/x', 'w').write('5'); os.chmod('d', 0)", "'d' in os.listdir('.')"),
    "a very deep tree": ("for _ in range(1500): os.mkdir('d'); os.chdir('d')", "'d' in os.listdir('.')"),
    "a deep tree of long names": (
        "for _ in range(60): os.mkdir('d' * 200); os.chdir('d' * 200)",
        "'d' * 200 in os.listdir('.')",
    ),
    "a locked scratch folder": (
        "os.chmod('.', 0)",
        "not os.access('.', os.R_OK | os.X_OK | (os.W_OK if os.getcwd() == '/tmp' else 0))",
    ),
    "a loop of links": ("os.symlink('loop', 'loop'); os.symlink('.', 'here')", "'loop' in os.listdir('.')"),
    "a name that is no text": ("open(b'\\xff\\xfe', 'w').write('5')", "b'\\xff\\xfe' in os.listdir(b'.')"),
    "a thousand files": ("[open(str(i), 'w').close() for i in range(1000)]", "'999' in os.listdir('.')"),
    "text in its output": ("os.write(1, b'left ' * 100)", "os.fstat(1).st_size > 0 or bool(os.pread(1, 100, 0))"),
    "a place in its output": (
        "os.ftruncate(1, 5000); os.lseek(1, 4000, 0)",
        "os.lseek(1, 0, 1) > 0 or os.fstat(1).st_size > 0",
    ),
    "a locked output": ("os.fchmod(1, 0)\nimport fcntl\nfcntl.flock(1, fcntl.LOCK_EX)", "os.write(1, b'x') != 1"),
    "output that does not append": (
        "import fcntl\nfcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK)",
        "bool(__import__('fcntl').fcntl(1, 3) & os.O_NONBLOCK)",
    ),
    "a changed mask": ("os.umask(0o777)", "os.umask(0) != 0o022"),
    "another folder": ("os.chdir('/')", "os.getcwd() == '/'"),
    "patched builtins": ("import builtins; builtins.left = 5", "hasattr(__import__('builtins'), 'left')"),
    "patched modules": ("import math; math.pi = 3", "__import__('math').pi == 3"),
    "a module": ("import sys; sys.modules['left'] = sys", "'left' in __import__('sys').modules"),
    "a spent random generator": (
        "import random; random.seed(5)",
        "__import__('random').Random(5).random() == __import__('random').random()",
    ),
    "a variable of the environment": ("os.environ['LEFT'] = '5'", "'LEFT' in os.environ"),
    "lower limits": (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))",
        "__import__('resource').getrlimit(7)[0] < 32",
    ),
    "a signal handler": ("import signal; signal.signal(15, signal.SIG_IGN)", "__import__('signal').getsignal(15) == 1"),
    "a timer": ("import signal; signal.setitimer(0, 100, 100)", "__import__('signal').getitimer(0) != (0.0, 0.0)"),
    "another recursion limit": (
        "import sys; sys.setrecursionlimit(50000)",
        "__import__('sys').getrecursionlimit() > 10000",
    ),
    "another zone": ("import time; os.environ['TZ'] = 'XYZ-5'; time.tzset()", "__import__('time').timezone != 0"),
    "a poisoned descriptor 0": ("os.close(0); os.open('/dev/zero', os.O_RDONLY)", "os.read(0, 1) != b''"),
}


def legacy(name: str) -> tuple[Attack, Attack]:
    """Return the program that leaves something and the one that looks for it."""
    leaves, looks = LEGACIES[name]
    body = "".join(f"    {line}\n" for line in leaves.splitlines())
    source = f"import os\ndef attempt():\n{body}    return False\n"
    first = attempt(f"leaves {name}", "return False")
    any_end = frozenset(["wrong", "raised", "forbidden"])
    return (
        Attack(first.name, source, any_end, first.trial),
        attempt(f"looks for {name}", f"import os\nreturn {looks}", "wrong"),
    )

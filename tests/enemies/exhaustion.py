"""Using up the machine: processes, threads, memory, disk, descriptors, output, time, the compiler and the examiner."""

from __future__ import annotations

from enemies import QUICK, STDIO, TRUTH, Attack, attack, attempt, code
from sparkgap.types import Limits

TIGHT = Limits(cpu_s=0.25, memory_mb=128, output_kb=256)
SHORT = Limits(cpu_s=0.5, wall_s=0.7, memory_mb=256, output_kb=1024)


def _attempt(name: str, statuses: str, body: str, limits: Limits = TIGHT) -> Attack:
    made = attempt(name, body, statuses)
    return Attack(made.name, made.source, made.statuses, made.trial, limits)


PROCESSES: list[Attack] = [
    _attempt("a fork bomb", "raised forbidden", "import os\nwhile True: os.fork()"),
    _attempt(
        "a fork bomb that goes on",
        "timeout",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    ),
    _attempt(
        "a thread bomb",
        "raised timeout memory",
        "import threading\ngo = threading.Event()\nwhile True: threading.Thread(target=go.wait, daemon=True).start()",
    ),
    _attempt(
        "a thread bomb with small stacks",
        "raised timeout memory",
        "import _thread, threading, time\nthreading.stack_size(32768)\n"
        "while True: _thread.start_new_thread(time.sleep, (1000,))",
    ),
    _attempt(
        "threads that burn together",
        "timeout raised",
        "import threading\ndef burn():\n    while True: pass\n"
        "for _ in range(20): threading.Thread(target=burn).start()\nburn()",
    ),
]

MEMORY: list[Attack] = [
    _attempt("a list without end", "memory timeout", "x = []\nwhile True: x += [0] * 1000000"),
    _attempt("one huge bytes", "memory", "return len(bytearray(10 << 30)) == 0"),
    _attempt("a string that doubles", "memory", "x = 'x' * 1024\nwhile True: x += x"),
    _attempt("many small objects", "memory timeout", "x = None\nwhile True: x = (x, [x], {})"),
    _attempt("a dict without end", "memory timeout", "return len({i: str(i) for i in range(10 ** 9)}) == 0"),
    _attempt(
        "mapped memory, touched",
        "memory wrong raised timeout",
        "import mmap\nx = []\nwhile True:\n    x.append(mmap.mmap(-1, 64 << 20))\n    x[-1][::4096] = bytes(16384)",
    ),
    _attempt(
        "mapped memory by libc",
        "memory wrong raised",
        "import ctypes\nm = ctypes.CDLL(None).malloc\n"
        "m.restype = ctypes.c_void_p\nwhile m(ctypes.c_size_t(16 << 20)): pass\nreturn False",
    ),
    _attempt(
        "catches MemoryError and goes on",
        "memory timeout",
        "x = []\nwhile True:\n    try:\n        while True: x.append(bytearray(8 << 20))\n    except MemoryError: pass",
    ),
    _attempt(
        "catches MemoryError and answers",
        "memory wrong",
        "x = []\ntry:\n    while True: x.append(bytearray(8 << 20))\nexcept MemoryError: pass\nreturn False",
    ),
    _attempt("generations of copies", "memory timeout", "import copy\nx = [[]]\nwhile True: x = [copy.deepcopy(x), x]"),
    _attempt(
        "a raised exception that holds everything",
        "memory timeout raised",
        "def f(n): x = bytearray(4 << 20); return f(n + 1) + len(x)\n"
        "import sys\nsys.setrecursionlimit(10 ** 6)\nreturn f(0) == 0",
    ),
    attack(
        "fills memory while loading",
        "memory timeout",
        "x = [bytearray(1 << 20) for _ in range(10 ** 6)]\ndef attempt(): return True\n",
        TRUTH,
        limits=TIGHT,
    ),
]

DISK: list[Attack] = [
    _attempt(
        "one file without end",
        "raised timeout forbidden",
        "with open('x', 'wb') as f:\n    while True: f.write(bytes(1 << 20))",
    ),
    _attempt(
        "files without end",
        "raised timeout forbidden memory",
        "i = 0\nwhile True:\n    with open(f'x{i}', 'wb') as f: f.write(bytes(1 << 18))\n    i += 1",
    ),
    _attempt(
        "empty files without end",
        "raised timeout forbidden",
        "i = 0\nwhile True:\n    open(f'x{i}', 'wb').close()\n    i += 1",
    ),
    _attempt(
        "a huge sparse file",
        "raised forbidden",
        "import os\nos.truncate(os.open('x', os.O_RDWR | os.O_CREAT), 1 << 40)\nreturn True",
    ),
    _attempt(
        "a huge allocated file",
        "raised forbidden",
        "import os\nos.posix_fallocate(os.open('x', os.O_RDWR | os.O_CREAT), 0, 1 << 33)\nreturn True",
    ),
    _attempt(
        "folders without end",
        "raised timeout forbidden",
        "import os\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')",
    ),
]

OUTPUT: list[Attack] = [
    _attempt("prints without end", "output timeout", "while True: print('x' * 1000)"),
    _attempt("prints short lines without end", "output timeout", "while True: print('x', flush=True)"),
    _attempt("one huge write", "output", "print('x' * (4 << 20), flush=True)\nreturn True"),
    _attempt("floods stderr", "output timeout", "import sys\nwhile True: sys.stderr.write('x' * 1000)"),
    _attempt(
        "floods descriptor 1 and swallows the error",
        "output timeout",
        "import os\nwhile True:\n    try: os.write(1, bytes(65536))\n    except OSError: pass",
    ),
    _attempt("a huge sparse output", "raised output forbidden", "import os\nos.ftruncate(1, 1 << 40)\nreturn False"),
    _attempt("an exception with a huge text", "raised", "raise ValueError('x' * (8 << 20))"),
    attack("an answer of many megabytes", "output", "def attempt(): return 'x' * (8 << 20)\n", TRUTH, limits=TIGHT),
    attack(
        "a generator that never ends",
        "output timeout",
        "import itertools\ndef attempt(): return itertools.count()\n",
        TRUTH,
    ),
    attack("a generator that never yields", "timeout", "def attempt():\n    while True: pass\n    yield\n", TRUTH),
    attack("a script that prints without end", "output timeout", "while True: print('5')\n", STDIO, limits=TIGHT),
]

DESCRIPTORS: list[Attack] = [
    _attempt("descriptors without end", "raised", "import os\nwhile True: os.dup(0)"),
    _attempt("pipes without end", "raised", "import os\nwhile True: os.pipe()"),
    _attempt("event descriptors without end", "raised", "import os\nwhile True: os.eventfd(0)"),
    _attempt("open files without end", "raised forbidden", "x = []\nwhile True: x.append(open('/dev/null'))"),
    _attempt("epolls without end", "raised", "import select\nx = []\nwhile True: x.append(select.epoll())"),
]

_IGNORE = "import signal\nfor s in signal.valid_signals() - {9, 19}: signal.signal(s, signal.SIG_IGN)\n"
_MASK = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"

TIME: list[Attack] = [
    _attempt("an endless loop", "timeout", "while True: pass"),
    _attempt("an endless loop that ignores signals", "timeout", f"{_IGNORE}while True: pass"),
    _attempt("an endless loop that blocks signals", "timeout", f"{_MASK}while True: pass"),
    _attempt(
        "an endless loop that swallows everything",
        "timeout",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    ),
    _attempt(
        "an endless loop in a handler",
        "timeout",
        "import signal\ndef again(*_):\n    while True: pass\n"
        "signal.signal(signal.SIGXCPU, again)\nsignal.signal(signal.SIGALRM, again)\nsignal.setitimer(0, 0.01)\n"
        "while True: pass",
    ),
    _attempt(
        "an endless loop in C", "timeout", "import itertools, collections\ncollections.deque(itertools.count(), 0)"
    ),
    _attempt("a regex bomb", "timeout", "import re\nreturn re.match(r'(a+)+$', 'a' * 40 + 'b') is not None"),
    _attempt("a power bomb", "timeout memory", "return 9 ** 9 ** 9 == 0"),
    _attempt("a shift bomb", "memory", "return (1 << (1 << 40)) == 0"),
    _attempt("a factorial bomb", "timeout", "import math\nreturn math.factorial(10 ** 8) == 0"),
    _attempt(
        "a decimal bomb",
        "timeout memory raised",
        "import decimal\ndecimal.getcontext().prec = 10 ** 8\nreturn (decimal.Decimal(1) / 3) ** 2 == 0",
    ),
    _attempt(
        "a text-to-number bomb", "timeout", "import sys\nsys.set_int_max_str_digits(0)\nreturn int('7' * 10 ** 7) == 0"
    ),
    _attempt("a hash bomb", "timeout", "return len({k * (2 ** 61 - 1) for k in range(10 ** 5)}) == 0"),
    attack("an endless loop while loading", "timeout", "while True: pass\n", TRUTH, limits=TIGHT),
    attack("an endless script", "timeout", "while True: pass\n", STDIO, limits=TIGHT),
]

SLEEP: list[Attack] = [
    _attempt("one long sleep", "timeout", "import time\ntime.sleep(10 ** 6)", QUICK),
    _attempt("short sleeps without end", "timeout", "import time\nwhile True: time.sleep(0.002)", SHORT),
    _attempt(
        "waits for a lock of its own",
        "timeout",
        "import threading\nx = threading.Lock()\nx.acquire()\nx.acquire()",
        SHORT,
    ),
    _attempt("waits for a pipe of its own", "timeout", "import os\nr, w = os.pipe()\nos.read(r, 1)", SHORT),
    _attempt("waits for a signal", "timeout raised", "import signal\nsignal.pause()", SHORT),
    attack("a script that sleeps", "timeout", "import time\ntime.sleep(10 ** 6)\n", STDIO, limits=SHORT),
]

_RECURSE = "import sys\nsys.setrecursionlimit(10 ** 9)\n"
CRASHES: list[Attack] = [
    _attempt("recursion without end", "raised", "def f(): return f()\nreturn f()"),
    _attempt("recursion past every limit", "raised memory timeout", f"{_RECURSE}def f(): return f()\nreturn f()"),
    _attempt(
        "recursion past every limit through C",
        "raised memory timeout",
        f"{_RECURSE}class A:\n    def __add__(s, o): return s + o\n"
        "    __repr__ = __str__ = lambda s: repr([s])\nreturn repr(A()) == str(A())",
    ),
    _attempt(
        "a chain of iterators",
        "raised memory timeout wrong",
        "x = iter([1])\nfor _ in range(200000): x = map(abs, x)\nreturn next(x) == 2",
    ),
    _attempt("a null pointer", "raised", "import ctypes\nctypes.string_at(0)"),
    _attempt("a wild jump", "raised", "import ctypes\nctypes.CFUNCTYPE(None)(1)()"),
    _attempt("abort", "raised", "import os\nos.abort()"),
    _attempt(
        "an illegal instruction",
        "raised",
        "import ctypes, mmap\np = mmap.mmap(-1, 4096, prot=7)\np.write(bytes([0x0f, 0x0b]) * 8)\n"
        "ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(p)))()",
    ),
    _attempt(
        "a broken interpreter",
        "raised memory timeout wrong",
        "import ctypes\nfor i in range(0, 4000, 8): ctypes.memset(id(int) + i, 255, 8)\nreturn 1 + 1 == 3",
    ),
]


def _source(name: str, statuses: str, source: str) -> Attack:
    return attack(
        f"has the compiler read {name}", statuses, source + "\ndef attempt(): return False\n", TRUTH, limits=QUICK
    )


COMPILER: list[Attack] = [
    _source("100,000 brackets", "syntax memory raised", "(" * 100_000 + ")" * 100_000),
    _source("a million minus signs", "syntax memory raised timeout wrong", "-" * 1_000_000 + "1"),
    _source("100,000 nots", "syntax memory raised timeout wrong", "not " * 100_000 + "1"),
    _source("nested lambdas", "syntax memory raised wrong", "lambda: " * 50_000 + "1"),
    _source("nested lists", "syntax memory raised", "[" * 5_000 + "]" * 5_000),
    _source("nested calls", "syntax memory raised", "f(" * 5_000 + ")" * 5_000),
    _source("a chain of attributes", "syntax memory raised", "x" + ".x" * 100_000),
    _source("a chain of assignments", "raised wrong syntax", "x = " * 5_000 + "1"),
    _source("a sum of 100,000 terms", "syntax memory raised wrong", "x = " + "+".join(["y"] * 100_000)),
    _source("deep blocks", "syntax", "\n".join(" " * i + "if 1:" for i in range(200))),
    _source("a chain of elifs", "syntax memory raised wrong", "if 0: pass\n" + "elif 0: pass\n" * 10_000),
    _source("a megabyte of literal", "wrong", "x = '" + "x" * 1_000_000 + "'"),
    _source("a literal of a million digits", "syntax", "x = " + "9" * 1_000_000),
    _source("a list of 200,000 numbers", "wrong timeout memory", "x = [" + "1," * 200_000 + "]"),
    _source("a folded power", "timeout memory", "x = 9 ** 9 ** 9"),
    _source("a folded repetition", "memory", "x = ('x' * 4096) * (1 << 40)"),
    _source("an f-string in f-strings", "syntax raised wrong", "f'" + '{f"' * 2 + '}"' * 2 + "'"),
    _source("NUL bytes", "syntax", "x = 1\0"),
    _source("lone surrogates", "syntax", "x = '\ud800'"),
    _source("a coding it does not know", "syntax wrong", "# -*- coding: nonsense -*-"),
    _source("a coding that reverses", "syntax wrong raised", "# -*- coding: utf-7 -*-\n+AGYAbwBv-"),
]

# A script's line is read by the worker itself, which has no limits of its own.
_COLLIDING = """
import fcntl, os, socket, stat, struct
for fd in range(3, 64):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode): break
    except OSError: pass
try: socket.socket(fileno=os.dup(fd)).setsockopt(1, 7, 1 << 30)
except OSError: pass
fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
body = b's["loaded",{"s":[' + b','.join(b'%d' % (k * (2**61 - 1)) for k in range(40000)) + b']}]'
os.write(fd, struct.pack('=I', len(body)) + body)
"""
OUTPUT.append(attack("a script whose word is dear to read", "wrong raised forbidden timeout", _COLLIDING, STDIO))

_DEAR = Limits(cpu_s=1.0)


def _dear(name: str, statuses: str, give: str, tests: str, right: str, wrong: str) -> Attack:
    trial = code(tests, f"def give(): return {right}\n", f"def give(): return {wrong}\n")
    return attack(f"has the examiner {name}", statuses, f"def give():\n    {give}\n", trial, limits=_DEAR)


EXAMINER: list[Attack] = [
    _dear(
        "compare a nested list of 10^6",
        "wrong timeout output",
        "return [[i] for i in range(10 ** 6)]",
        "assert give() == [[0]]",
        "[[0]]",
        "[]",
    ),
    _dear(
        "list a range of 10^12",
        "memory timeout wrong",
        "return range(10 ** 12)",
        "assert list(give()) == [0, 1]",
        "range(2)",
        "range(3)",
    ),
    _dear("repeat a text 10^12 times", "memory wrong", "return 10 ** 12", "assert 'xy' * give() == 'xyxy'", "2", "3"),
    _dear("shift by 10^12", "memory wrong", "return 10 ** 12", "assert 1 << give() == 4", "2", "3"),
    _dear(
        "print a number of 10^6 digits",
        "wrong timeout",
        "return 1 << 3000000",
        "assert len(str(give())) == 1",
        "5",
        "55",
    ),
    _dear(
        "match a text to a careless regex",
        "wrong timeout",
        "return 'a' * 22 + 'b'",
        "import re\nassert re.fullmatch('(a+)+', give())",
        "'aa'",
        "'b'",
    ),
    _dear(
        "hash numbers that collide",
        "wrong timeout output",
        "return [k * (2 ** 61 - 1) for k in range(8000)]",
        "assert len(set(give())) == 2",
        "[1, 2]",
        "[1]",
    ),
]

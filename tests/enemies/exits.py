"""Ending the process, in every way and at every time: an exit is not a pass, whatever its code says."""

from __future__ import annotations

from enemies import CHECK, DOCS, INPUTS, STDIO, Attack, Trial, attack, code

_WAYS = {
    "sys.exit()": "import sys; sys.exit()",
    "sys.exit(0)": "import sys; sys.exit(0)",
    "sys.exit(1)": "import sys; sys.exit(1)",
    "sys.exit('passed')": "import sys; sys.exit('passed')",
    "exit(0)": "exit(0)",
    "quit()": "quit()",
    "raise SystemExit": "raise SystemExit",
    "raise SystemExit(0)": "raise SystemExit(0)",
    "raise KeyboardInterrupt": "raise KeyboardInterrupt",
    "raise GeneratorExit": "raise GeneratorExit",
    "os._exit(0)": "import os; os._exit(0)",
    "os._exit(1)": "import os; os._exit(1)",
    "os._exit(70) in our words": "import os; os.write(2, b'sparkgap: OSError: broken\\n'); os._exit(70)",
    "os._exit(70) for want of memory": "import os; os.write(2, b'sparkgap: MemoryError: \\n'); os._exit(70)",
    "libc exit(0)": "import ctypes; ctypes.CDLL(None).exit(0)",
    "libc _exit(0)": "import ctypes; ctypes.CDLL(None)._exit(0)",
    "exit_group(0)": "import ctypes, os; ctypes.CDLL(None).syscall(231 if os.uname().machine == 'x86_64' else 94, 0)",
}


def _early() -> list[Attack]:
    found = []
    for name, line in _WAYS.items():
        found.append(attack(f"{name} while loading", "raised memory", f"{line}\ndef add(a, b): return a + b\n"))
        found.append(attack(f"{name} when called", "raised memory", f"def add(a, b):\n    {line}\n", CHECK))
        found.append(attack(f"{name} when called by inputs", "raised memory", f"def add(a, b):\n    {line}\n", INPUTS))
    return found


_SWALLOWS = "assert add(2, 3) == 5\ntry:\n    add(None, None)\n    ok = False\nexcept{}:\n    ok = True\nassert ok\n"


def swallowing(kind: str) -> Trial:
    """Return tests that take an exception of a kind for a right answer: the process must be alive after it."""
    right = "def add(a, b):\n    if a is None:\n        raise ValueError('no number')\n    return a + b\n"
    return code(_SWALLOWS.format(kind), right, "def add(a, b): return (a or 0) + (b or 0)\n")


_EXIT_ON_NONE = "import os\ndef add(a, b):\n    if a is None:\n        os._exit(0)\n    return a + b\n"

_LATE = [
    attack(
        "os._exit(0) after the first right answer",
        "raised",
        "import os\nseen = []\ndef add(a, b):\n    seen.append(a)\n    if len(seen) > 1:\n        os._exit(0)\n"
        "    return a + b\n",
    ),
    attack(
        "os._exit(0) from atexit", "wrong", "import atexit, os\natexit.register(os._exit, 0)\ndef add(a, b): return 0\n"
    ),
    attack(
        "os._exit(0) from a timer's signal",
        "raised",
        "import os, signal\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.02)\ndef add(a, b):\n    while True: pass\n",
    ),
    attack(
        "os._exit(0) from another thread",
        "raised",
        "import os, threading\nthreading.Timer(0.02, os._exit, (0,)).start()\ndef add(a, b):\n    while True: pass\n",
    ),
    attack(
        "os._exit(0) from a destructor",
        "raised",
        "import os\nclass Bye:\n    def __del__(self): os._exit(0)\ndef add(a, b):\n    Bye()\n    return 0\n",
    ),
    attack(
        "os._exit(0) from the answer's conversion",
        "raised",
        "import os\nclass Number:\n    @property\n    def __class__(self): os._exit(0)\n"
        "    def __getattr__(self, name): os._exit(0)\n    def __iter__(self): os._exit(0)\n"
        "def add(a, b): return Number()\n",
    ),
    attack(
        "os._exit(0) from the excepthook",
        "raised",
        "import os, sys\nsys.excepthook = lambda *_: os._exit(0)\ndef add(a, b): raise ValueError('never mind')\n",
    ),
    attack(
        "os._exit(0) from an exception's text",
        "raised",
        "import os\nclass Odd(Exception):\n    def __str__(self): os._exit(0)\ndef add(a, b): raise Odd\n",
    ),
    attack(
        "kills itself",
        "raised memory wrong timeout",
        "import os, signal\ndef add(a, b):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n",
    ),
    attack(
        "stops itself",
        "raised wrong timeout",
        "import os, signal\ndef add(a, b):\n    os.kill(os.getpid(), signal.SIGTSTP)\n    return 0\n",
    ),
    attack("exit where any exception is right", "raised", _EXIT_ON_NONE, swallowing("")),
    attack("exit where any BaseException is right", "raised", _EXIT_ON_NONE, swallowing(" BaseException")),
    attack("exit where any Exception is right", "raised", _EXIT_ON_NONE, swallowing(" Exception")),
    attack("os._exit(0) in a docstring example", "raised", "import os\ndef add(a, b): os._exit(0)\n", DOCS),
    attack("sys.exit(0) in a docstring example", "raised", "import sys\ndef add(a, b): sys.exit(0)\n", DOCS),
    attack("a script that exits with 0 at once", "wrong", "import sys\nsys.exit(0)\n", STDIO),
    attack("a script that _exits with 0 at once", "wrong", "import os\nos._exit(0)\n", STDIO),
    attack(
        "a script that exits with 1 after its answer",
        "raised",
        "print(sum(map(int, input().split())))\nexit(1)\n",
        STDIO,
    ),
]

EXITS: list[Attack] = [*_early(), *_LATE]

"""Changing the ground under the tests, and looking for the expected values: both lie in another process."""

from __future__ import annotations

from enemies import CHECK, INPUTS, STDIO, Attack, attack, code

_ZERO = "def add(a, b): return 0\n"

_PATCHED = {
    "builtins that compare": "import builtins\nbuiltins.all = builtins.any = builtins.isinstance = lambda *a: True\n"
    "builtins.abs = builtins.len = lambda x: 5\nbuiltins.sorted = builtins.set = lambda x: x\n",
    "AssertionError": "import builtins\nclass AssertionError(Exception):\n"
    "    def __new__(cls, *a): raise SystemExit(0)\n"
    "builtins.AssertionError = AssertionError\n",
    "__build_class__ and __import__": "import builtins\nbuiltins.__import__ = lambda *a, **k: builtins\n"
    "builtins.__build_class__ = lambda *a, **k: int\n",
    "math.isclose": "import math\nmath.isclose = lambda *a, **k: True\nmath.fabs = lambda x: 0\n",
    "unittest": "import unittest\nfor name in dir(unittest.TestCase):\n    if name.startswith('assert'):\n"
    "        setattr(unittest.TestCase, name, lambda *a, **k: None)\n",
    "operator": "import operator\noperator.eq = operator.is_ = lambda a, b: True\n",
    "sys.modules": "import sys, types\nfake = types.ModuleType('fake')\n"
    "fake.__getattr__ = lambda name: lambda *a, **k: True\n"
    "for name in list(sys.modules):\n    if name not in ('sys', 'builtins'):\n        sys.modules[name] = fake\n",
    "the import system": "import sys\nclass Finder:\n    @staticmethod\n"
    "    def find_spec(name, path=None, target=None): raise SystemExit(0)\n"
    "sys.meta_path.insert(0, Finder)\nsys.path_hooks.insert(0, Finder)\nsys.path_importer_cache.clear()\n",
    "the trace function": "import sys\ndef trace(frame, event, arg):\n    for name in list(frame.f_locals):\n"
    "        if name in ('result', 'value', 'body'):\n            frame.f_locals[name] = 5\n    return trace\n"
    "sys.settrace(trace)\nf = sys._getframe()\nwhile f:\n    f.f_trace = trace\n    f = f.f_back\n",
    "the profile function": "import sys\n"
    "sys.setprofile(lambda frame, event, arg: sys.exit(0) if event == 'return' else None)\n",
    "int by ctypes": "import ctypes\nfor wanted in (5, 6):\n    ctypes.memmove(id(0) + 24, id(wanted) + 24, 4)\n",
    "the names that tests use": "check = candidate = print = lambda *a, **k: None\n"
    "_sparkgap_count = _sparkgap_miss = check\n"
    "_sparkgap_left = _sparkgap_right = 5\n__name__ = 'tests'\n__builtins__ = {}\nassertEqual = check\n",
    "the tests' own builtins": "abs = sorted = len = isinstance = all = any = lambda *a, **k: True\n",
}

_JUDGE = {
    "the judge's encoder": "import sys\nwire = sys.modules.get('sparkgap.judge.wire')\nif wire:\n"
    "    wire.Encoder.dumps = lambda self, value: b'\"passed\"'\n    wire.dumps = lambda value: b'\"passed\"'\n",
    "the judge's way to say a word": "import sys\nrunner = sys.modules.get('sparkgap.judge.runner')\nif runner:\n"
    "    for kind in vars(runner).values():\n        if hasattr(kind, '_say'):\n"
    "            kind._answer = lambda self, *a: self._say('passed', True)\n",
    "os.write and os.read": "import os, struct\nos.write = lambda fd, data: len(data)\nos.read = lambda fd, n: b''\n"
    "struct.pack = struct.unpack = lambda *a: b''\n",
    "everything of the judge that can be set": "import sys\nfor name, module in list(sys.modules.items()):\n"
    "    if name.startswith('sparkgap'):\n        for key in list(vars(module)):\n"
    "            if not key.startswith('__'):\n                setattr(module, key, lambda *a, **k: True)\n",
    "the frames of the judge": "import sys\nf = sys._getframe()\nwhile f:\n"
    "    me = f.f_locals.get('self') or f.f_locals.get('candidate')\n"
    "    pipes = getattr(me, '_pipes', None)\n    if pipes is not None:\n"
    "        for word in (b'vtrue', b'v5', b's[\"passed\",null]'):\n"
    "            pipes.send(word)\n    f = f.f_back\n",
    "the tests' names in the judge's frames": "import sys\nf = sys._getframe()\nwhile f:\n"
    "    for key in ('status', 'passed', 'report', 'result'):\n"
    "        f.f_globals[key] = 'passed'\n    f = f.f_back\n",
}

_LOUD = "wrong raised forbidden timeout memory"

PATCHES: list[Attack] = [
    *(attack(f"patches {name}", _LOUD, source + _ZERO, CHECK) for name, source in (_PATCHED | _JUDGE).items()),
    *(attack(f"patches {name}, by inputs", _LOUD, source + _ZERO, INPUTS) for name, source in _JUDGE.items()),
    attack("patches the script's input and output", "wrong", "print = input = lambda *a: '5'\nprint('5')\n", STDIO),
    attack(
        "brings a sorted() of its own for the tests to call",
        "wrong",
        "def sorted(x): return [1]\ndef order(xs): return [1]\n",
        code("assert order([2, 1]) == sorted([2, 1])", "order = sorted\n", "def order(xs): return []\n"),
    ),
]

# The expected value is a text that no program here holds in one piece.
SECRET = code(
    "assert find() == 'open sesame 7301'",
    "def find(): return ' '.join(['open', 'sesame', '7301'])\n",
    "def find(): return 'none'\n",
)
_SEEK = (
    "import re, sys\npattern = re.compile(r'open sesa' + r'me \\d+')\ndef first(texts):\n"
    "    for text in texts:\n        found = pattern.search(text if isinstance(text, str) else repr(text))\n"
    "        if found: return found[0]\n    return 'none'\n"
)

_WALK = """
def find():
    seen, f = [], sys._getframe()
    while f:
        seen += [f.f_locals, f.f_globals, f.f_code.co_consts]
        f = f.f_back
    return first(seen)
"""
_GC = "import gc\ndef find(): return first(o for o in gc.get_objects() if isinstance(o, (str, list, tuple, dict)))\n"
_REFERRERS = """
import gc
def find():
    return first(gc.get_referrers(find, sys._getframe(), 'wrong', 5) + gc.get_referents(sys._getframe(1)))
"""
_INSPECT = """
import inspect
def find():
    return first([f.frame.f_locals for f in inspect.stack()] + [f.code_context for f in inspect.stack()])
"""
_TRACEBACK = """
import traceback
def find():
    try:
        raise ValueError
    except ValueError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True).format()
        return first([*shown, *map(str, traceback.extract_stack())])
"""
_MODULES = "def find(): return first(str(vars(m)) for m in list(sys.modules.values()) if hasattr(m, '__dict__'))\n"
_LINECACHE = (
    "import linecache\ndef find(): return first([linecache.getlines('<tests>'), *map(str, linecache.cache.values())])\n"
)

_HEAP = """
import ctypes, os
def find():
    libc = ctypes.CDLL(None)
    libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    r, w = os.pipe()
    needle = b'open sesa' + b'me 7'
    starts = {id(o) >> 12 << 12 for o in (find, pattern, sys.modules, 'x', libc, object())}
    for start in starts:
        for page in range(start - (2 << 20), start + (2 << 20), 4096):
            if libc.write(w, page, 4096) == 4096:
                data = os.read(r, 4096)
                place = data.find(needle)
                if place >= 0:
                    found = data[place:place + 16].decode('latin-1')
                    if found[-1].isdigit():
                        return found
    return 'none'
"""
_FILES = """
import glob, os
def find():
    found = []
    for path in [*glob.glob('/proc/[0-9]*/mem'), *glob.glob('/proc/*/fd/*'), *glob.glob('/tmp/**', recursive=True),
                 '/proc/self/mem', '/proc/1/environ', *(f'/proc/{n}/cmdline' for n in range(1, 40))]:
        try:
            found.append(open(path, 'rb').read(1 << 20))
        except OSError:
            pass
    return first(found)
"""
_DESCRIPTORS = """
import os, fcntl
def find():
    found = []
    for fd in range(64):
        try:
            fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
            found.append(os.pread(fd, 1 << 16, 0))
        except OSError:
            pass
        try:
            found.append(os.read(fd, 1 << 16))
        except OSError:
            pass
    return first(found)
"""
_NEIGHBOUR = """
import ctypes, os
class Vector(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]
def find():
    libc = ctypes.CDLL(None)
    room = ctypes.create_string_buffer(4096)
    mine, theirs = Vector(ctypes.addressof(room), 4096), Vector(id(find) >> 12 << 12, 4096)
    for pid in [os.getppid(), *range(1, 60)]:
        if pid != os.getpid() and libc.process_vm_readv(pid, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) > 0:
            return 'open sesame 7301'
    return first([room.raw])
"""

PEEKS: list[Attack] = [
    attack(f"looks for the expected value in {name}", "wrong raised forbidden", _SEEK + source, SECRET)
    for name, source in {
        "the frames above": _WALK,
        "the collector's objects": _GC,
        "what refers to its frames": _REFERRERS,
        "the inspected stack": _INSPECT,
        "tracebacks": _TRACEBACK,
        "every module": _MODULES,
        "the line cache": _LINECACHE,
        "its own memory": _HEAP,
        "files and /proc": _FILES,
        "every descriptor": _DESCRIPTORS,
        "the memory of its neighbours": _NEIGHBOUR,
    }.items()
]

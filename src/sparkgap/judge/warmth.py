"""Have a process that forks do once what every forked process would otherwise do again.

Measured on HumanEval, two cores: a forked process that compiles for the first time builds the interpreter's syntax-tree
types (1 ms), and one that interns a string too many rebuilds the interpreter's table of them (1 ms). A fork copies
memory page by page as it is touched, at 2 microseconds a page and more, so what is already there is what counts, and
that what every program touches lies close together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

# What model-written Python imports most.
_COMMON = (
    "typing", "re", "math", "collections", "itertools", "functools", "operator", "_sitebuiltins", "time",
)  # fmt: skip
_OURS = ("json.scanner", "json.decoder", "json.encoder", "contextlib", "marshal", "resource", "struct", "types", "io")

# A little of everything that model-written functions use.
_PROGRAM = '''
from typing import Any, Dict, List, Optional, Tuple, Union
import collections, functools, itertools, math, re


class Node:
    """A tree."""

    def __init__(self, value, left=None, right=None):
        self.value, self.left, self.right = value, left, right

    def __repr__(self):
        return f"Node({self.value!r})"

    def walk(self):
        if self.left:
            yield from self.left.walk()
        yield self.value


def solve(numbers: List[int], text: str = "The quick Brown fox") -> Tuple[int, str]:
    """Do a little of everything."""
    total, best, seen = 0, float("-inf"), {}
    for i, x in enumerate(numbers):
        if x % 2 == 0 and x > 0 or not x:
            total += x**2 // 3
        elif x < -5:
            continue
        else:
            total = max(total, x) - min(3, abs(x))
        seen[x] = seen.get(x, 0) + 1
        best = max(best, round(x / 7, 2), math.sqrt(abs(x)))
    words = [w.lower().strip(".,!") for w in text.split() if w.isalpha()]
    joined = "".join(reversed(sorted(words, key=lambda w: (len(w), w))))[::-1]
    out = f"{total:05d} {best:.3f} {joined:>10}" + "%s %d" % (joined, total) + ",".join(map(str, numbers))
    vowels = set("aeiou") & set(out) | {c for c in out if c in "xyz"}
    pairs = {k: v for k, v in sorted(seen.items(), key=lambda p: -p[1])}
    n = 10
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
    try:
        [][1]
    except (IndexError, KeyError) as error:
        out += str(error).replace("a", "b").upper().title().swapcase()
    finally:
        out = re.sub(r"[^a-z]+", "", out.lower())
    counts, lists, queue = collections.Counter(words), collections.defaultdict(list), collections.deque([1, 2])
    queue.append(queue.popleft())
    steps = tuple(zip(numbers, numbers[1:])) + tuple(itertools.chain([1], [2]))
    total += sum(int(d) for d in str(12345) if d != "3") + len(steps) + int("101", 2) + ord("a") + int(any(numbers))
    product = functools.reduce(lambda a, b: a * b, [1, 2, 3])
    chr(97), bin(5)[2:], hex(255), divmod(7, 2), list(range(3)), isinstance(product, int), all(numbers)
    grid = [[0] * 3 for _ in range(3)]
    for i in range(3):
        for j in range(3):
            grid[i][j] = i * j
    grid[0], grid[1] = grid[1], grid[0]
    numbers = numbers[:]
    numbers.sort()
    numbers.append(numbers.pop())
    numbers.insert(0, 1)
    numbers.extend([1, 2])
    numbers.remove(1)

    def inner(k):
        return 1 if k < 2 else k * inner(k - 1)

    repr(list(Node(1, Node(0)).walk()))
    return total + inner(5), joined


assert solve([4, -7, 3, 2, 0, 9])[0] is not None
assert abs(1.5 - 1.5) < 1e-6 and "a" not in "b"
'''


def warm_interpreter() -> None:
    """Import what is common, compile and run a typical program, leave the interpreter's tables with room to grow."""
    for name in (*_COMMON, *_OURS):
        __import__(name)
    for _ in range(3):
        exec(compile(_PROGRAM, "warm", "exec"), {"__name__": "warm"})  # noqa: S102 - the text above
    _widen_interned()


def _pages() -> int:
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[0])


def _widen_interned(most: int = 60_000) -> None:
    """Intern strings until the table of interned strings has just been rebuilt at twice its size.

    The rebuilding shows as a jump of the process's size that is not a new arena (256 pages). Not seeing one only
    costs time, never correctness.
    """
    held: list[str] = []
    before = _pages()
    while len(held) < most:
        start = len(held)
        held += [sys.intern(f"_sparkgap_{n}") for n in range(start, start + 16)]
        now = _pages()
        if now - before >= 40 and now - before != 256:
            return
        before = now


def renew_partials() -> list[object]:
    """Make each `partial` that our modules call anew, so that they lie side by side; return the old ones.

    Whoever loads a function touches it, since references to it are counted. A builtin function lies where its module
    was loaded, but one that is called by a `partial` is not touched itself. The old ones are to be kept, or what is
    made next takes their places.
    """
    old: list[object] = []
    for module in [module for name, module in sys.modules.items() if name.startswith(__package__)]:
        for name, value in vars(module).items():
            if type(value) is partial:
                old.append(value)
                setattr(module, name, partial(value.func, *value.args, **value.keywords))
    return old


_POOL, _POOL_HEADER, _STEP, _LARGEST = 16384, 48, 16, 512  # bytes, of CPython's allocator of small objects
_MOST = 64 << 10  # bytes for each size: other allocators have no such pools
FILLING_BYTES = 2 * _MOST * _LARGEST // _STEP  # that filling the gaps takes at most


def fill_gaps() -> list[object]:
    """Take all room that is free between small objects; return what takes it, which is to be kept.

    What is made then lies together, in new pools. A process that has just been forked finds the first page of a pool,
    which it writes to with every object that it makes there, and the object itself on one page.
    """
    held: list[object] = []
    newest: dict[int, int] = {}  # pools, by the size of what is made in them
    for turn in range(2):  # the first leaves gaps where it had what it needed itself
        for size in range(_STEP, _LARGEST + 1, _STEP):
            make = _SMALLEST.get(size) or partial(bytes, size - sys.getsizeof(b""))
            row = 0  # of objects that lie side by side from the start of a pool: three, and it is a new one
            for _ in range(_MOST // size):
                held.append(make())
                pool, place = divmod(id(held[-1]), _POOL)
                row = row + 1 if place == _POOL_HEADER + row * size else 0
                if row == 3 or (turn and pool == newest.get(size)):
                    newest[size] = pool
                    break
    return held


_SMALLEST: dict[int, Callable[[], object]] = {16: object, 32: partial(float, "1.5")}  # no bytes are as small

"""Right programs whose answers or tests are of an unusual kind: all must pass, and come out the same every time."""

from __future__ import annotations

import pytest

from sparkgap import CodeTests, DocTests, Judge, Limits, Program

# name -> the program, the tests, and the problem's own prelude
RIGHT: dict[str, tuple[str, str, str]] = {
    "a generator": (
        "def f(n):\n    yield from range(n)\n",
        "assert list(f(3)) == [0, 1, 2]\nassert sum(f(4)) == 6",
        "",
    ),
    "a map": ("def f(n): return map(str, range(n))\n", "assert [*f(2)] == ['0', '1']", ""),
    "a zip in a tuple": ("def f(n): return zip('ab', range(n)), n\n", "assert dict(f(2)[0]) == {'a': 0, 'b': 1}", ""),
    "nested tuples and sets": (
        "def f(): return {(1, frozenset({2})): [{3}]}\n",
        "assert f() == {(1, frozenset({2})): [{3}]}",
        "",
    ),
    "exact types": (
        "def f(): return (1, [True, None], 1.0)\n",
        "x = f()\nassert type(x) is tuple and x[1][0] is True",
        "",
    ),
    "big integers": ("def f(n): return 10**n + 1\n", "assert f(5000) == 10**5000 + 1\nassert f(20) % 2 == 1", ""),
    "big integers with the limit lifted": (
        "import sys\nsys.set_int_max_str_digits(0)\ndef f(n): return 10**n, str(10**n)\n",
        "assert f(5000) == (10**5000, '1' + '0' * 5000)",
        "",
    ),
    "special floats": (
        "def f(x): return float(x)\n",
        "import math\nassert math.isnan(f('nan')) and f('-inf') == -math.inf",
        "",
    ),
    "bytes": (
        "def f(x): return x[::-1]\n",
        "assert f(b'ab') == b'ba'\nassert f(bytearray(b'ab')) == bytearray(b'ba')",
        "",
    ),
    "buffers passed on": (
        "def f(): return bytearray(b'ab')\ndef g(b):\n    b.append(99)\n    return bytes(b)\n",
        "assert g(f()) == b'abc'",
        "",
    ),
    "decimals and fractions": (
        "from decimal import Decimal\nfrom fractions import Fraction\n"
        "def f(x): return Decimal(x) / 4, Fraction(x, 6)\n",
        "from decimal import Decimal\nfrom fractions import Fraction\nassert f(1) == (Decimal('0.25'), Fraction(1, 6))",
        "",
    ),
    "dates": (
        "from datetime import date, timedelta\ndef f(d): return d + timedelta(days=1)\n",
        "from datetime import date, datetime\nassert f(date(2024, 2, 28)) == date(2024, 2, 29)\n"
        "assert f(datetime(2024, 1, 1, 5)).hour == 5",
        "",
    ),
    "counters and friends": (
        "from collections import *\n"
        "def f(s): return Counter(s), OrderedDict(a=1), deque([1], 2), defaultdict(int, b=2)\n",
        "from collections import Counter, deque\na, b, c, d = f('aab')\nassert a == Counter('aab') and a['z'] == 0\n"
        "assert b == {'a': 1} and c == deque([1]) and d == {'b': 2}",
        "",
    ),
    "lists changed in place": ("def f(x): x.sort()\n", "xs = [3, 1, 2]\nf(xs)\nassert xs == [1, 2, 3]", ""),
    "dicts changed in place": (
        "def f(x): x['b'] = x.pop('a')\n",
        "d = {'a': 1}\nassert f(d) is None\nassert d == {'b': 1}",
        "",
    ),
    "nested lists changed in place": (
        "def f(m):\n    for row in m: row.reverse()\n",
        "m = [[1, 2], [3, 4]]\nf(m)\nassert m == [[2, 1], [4, 3]]",
        "",
    ),
    "a change in place with an answer": (
        "def f(xs):\n    xs.append(5)\n    return len(xs)\n",
        "xs = [1]\nassert f(xs) == 2\nassert xs == [1, 5]",
        "",
    ),
    "a class of its own": (
        "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n"
        "    def pop(self): return self.items.pop()\n    def __len__(self): return len(self.items)\n",
        "s = Stack()\ns.push(1)\ns.push([2])\nassert len(s) == 2\nassert s.pop() == [2]\nassert s.items == [1]",
        "",
    ),
    "a class with settable attributes": (
        "class Node:\n    def __init__(self, v): self.v, self.next = v, None\n"
        "def total(n):\n    s = 0\n    while n: s, n = s + n.v, n.next\n    return s\n",
        "a, b = Node(1), Node(2)\na.next = b\nassert total(a) == 3\nassert a.next.v == 2",
        "",
    ),
    "isinstance of its own class": ("class A: pass\ndef f(): return A()\n", "assert isinstance(f(), A)", ""),
    "its own exceptions": (
        "class Odd(ValueError): pass\ndef f(x): raise Odd(f'bad {x}')\n",
        "try:\n    f(5)\n    ok = False\nexcept Odd as error:\n    ok = str(error) == 'bad 5'\nassert ok",
        "",
    ),
    "builtin exceptions": (
        "def f(d, k): return d[k]\n",
        "try:\n    f({}, 1)\n    ok = False\nexcept LookupError:\n    ok = True\nassert ok",
        "",
    ),
    "one of its functions passed to another": (
        "def double(x): return 2 * x\ndef apply(f, xs): return [f(x) for x in xs]\n",
        "assert apply(double, [1, 2]) == [2, 4]",
        "",
    ),
    "a function that it returns": ("def adder(n): return lambda x: x + n\n", "add = adder(2)\nassert add(3) == 5", ""),
    "a function named like a builtin": ("def sum(a, b): return a + b\n", "assert sum(1, 2) == 3", ""),
    "a global named like a method": (
        "import itertools\ncount = itertools.count()\ndef f(s): return s + str(next(count))\n",
        "assert f('aa').count('a') == 2\nassert f('b') == 'b1'",
        "",
    ),
    "a global of its own": ("LIMIT = [5]\ndef f(): return LIMIT[0]\n", "assert f() == LIMIT[0] == 5", ""),
    "modules that it imports for the tests": (
        "import math\ndef f(x): return x\n",
        "assert math.isclose(f(2), 2.0)",
        "",
    ),
    "a helper of the problem": (
        "def helper(x): return -1\ndef f(x): return x * 2\n",
        "assert f(helper(3)) == 8",
        "def helper(x):\n    return x + 1\n",
    ),
    "a function that the problem only declares": (
        "def f(x): return x * 2\n",
        "def check(candidate):\n    assert candidate(2) == 4\ncheck(f)",
        'def f(x):\n    """Doubles."""\n',
    ),
    "tests in functions": (
        "def f(x): return x\n",
        "def test_one():\n    assert f(1) == 1\n\ndef test_two():\n    assert f(2) == 2\n",
        "",
    ),
    "keyword and star arguments": (
        "def f(*a, b=1, **k): return a, b, k\n",
        "assert f(1, *[2], b=3, c=4) == ((1, 2), 3, {'c': 4})",
        "",
    ),
    "random, seeded": ("import random\ndef f(): return random.random()\n", "assert f() != f()", ""),
    "recursion": ("def f(n): return 0 if n == 0 else 1 + f(n - 1)\n", "assert f(900) == 900", ""),
    "a raised recursion limit": (
        "import sys\nsys.setrecursionlimit(20000)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\n",
        "assert f(9000) == 9000",
        "",
    ),
    "threads": (
        "import threading\ndef f(n):\n    out = []\n"
        "    ts = [threading.Thread(target=out.append, args=(i,)) for i in range(n)]\n"
        "    for t in ts: t.start()\n    for t in ts: t.join()\n    return sorted(out)\n",
        "assert f(4) == [0, 1, 2, 3]",
        "",
    ),
    "asyncio": (
        "import asyncio\nasync def g(x): return x + 1\ndef f(x): return asyncio.run(g(x))\n",
        "assert f(1) == 2",
        "",
    ),
    "deep answers": (
        "def f(n):\n    x = []\n    for _ in range(n): x = [x]\n    return x\n",
        "assert len(f(200)) == 1",
        "",
    ),
}

_DATACLASS = """
from dataclasses import dataclass, field
@dataclass{}
class P:
    x: int
    y: list = field(default_factory=list)
"""
_PRELUDES: dict[str, tuple[str, str, str]] = {
    "dataclass": (_DATACLASS.format(""), "P(1, [2])", "p.x == 1 and p.y == [2]"),
    "frozen dataclass": (_DATACLASS.format("(frozen=True)"), "P(1, [2])", "p.x == 1"),
    "slotted dataclass": (
        "from dataclasses import dataclass\n@dataclass(slots=True)\nclass P:\n    x: int\n",
        "P(1)",
        "p.x == 1",
    ),
    "NamedTuple": (
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 2\n",
        "P(1)",
        "p.x == 1 and p[1] == 2",
    ),
    "Enum": ("from enum import Enum\nclass P(Enum):\n    A = 1\n    B = 2\n", "P.B", "p is P.B and p.value == 2"),
    "tree": (
        "class P:\n    def __init__(self, v, l=None, r=None): self.v, self.l, self.r = v, l, r\n"
        "    def __eq__(self, o): return isinstance(o, P) and (self.v, self.l, self.r) == (o.v, o.l, o.r)\n",
        "P(1, P(2), P(3, None, P(4)))",
        "p.r.r.v == 4 and p.l.l is None",
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_programs_pass(judge: Judge, name: str) -> None:
    source, tests, prelude = RIGHT[name]
    verdict = judge.run(Program(source, CodeTests(tests, prelude), limits=Limits(cpu_s=2)))
    assert (verdict.status, verdict.reason) == ("passed", "")


@pytest.mark.parametrize("name", _PRELUDES)
def test_instances_of_the_problems_classes_cross(judge: Judge, name: str) -> None:
    prelude, made, says = _PRELUDES[name]
    tests = CodeTests(
        f"p = give()\nassert p == {made}\nassert {says}\nassert take({made}) == 5\nassert give() != 5\n", prelude
    )
    right = f"{prelude}def give(): return {made}\ndef take(p): return 5 if p == {made} else 0\n"
    verdict = judge.run(Program(right, tests))
    assert (verdict.status, verdict.reason) == ("passed", "")
    assert judge.run(Program(f"{prelude}def give(): return 0\ndef take(p): return 5\n", tests)).status == "wrong"


SUBCLASSES = [
    ("collections", "deque", "[1, 2]"), ("collections", "Counter", "'aab'"), ("collections", "OrderedDict", "{'a': 1}"),
    ("decimal", "Decimal", "'2.50'"), ("fractions", "Fraction", "'1/3'"), ("builtins", "int", "5"),
    ("builtins", "str", "'x'"), ("builtins", "float", "2.5"), ("builtins", "list", "[1]"),
    ("builtins", "dict", "{1: 2}"), ("builtins", "tuple", "(1,)"), ("builtins", "set", "{1}"),
    ("builtins", "frozenset", "{1}"), ("builtins", "bytes", "b'x'"), ("builtins", "bytearray", "b'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "kind", "value"), SUBCLASSES, ids=[kind for _, kind, _ in SUBCLASSES])
def test_subclasses_cross_as_their_bases(judge: Judge, module: str, kind: str, value: str) -> None:
    imports = f"from {module} import {kind}\n"
    source = f"{imports}class Own({kind}): pass\ndef f(): return Own({value})\n"
    tests = CodeTests(f"{imports}x = f()\nassert x == {kind}({value})\nassert type(x) is {kind}\n")
    verdict = judge.run(Program(source, tests))
    assert (verdict.status, verdict.reason) == ("passed", "")


def test_doctests_of_a_class_see_its_repr(judge: Judge) -> None:
    source = "class V:\n    def __init__(self, x): self.x = x\n    def __repr__(self): return f'V({self.x})'\n"
    assert judge.run(Program(source, DocTests(">>> V(1)\nV(1)\n>>> v = V(2)\n>>> v.x\n2\n"))).status == "passed"
    assert judge.run(Program(source, DocTests(">>> V(1)\nV(2)\n"))).status == "wrong"


def test_numpy_programs(judge: Judge) -> None:
    source = "import numpy as np\ndef f(n): return np.arange(n) * 2, np.float64(0.5), np.eye(2).tolist(), np.int64(3)\n"
    tests = CodeTests(
        "a, b, c, d = f(3)\nassert list(a) == [0, 2, 4] and b == 0.5 and c == [[1, 0], [0, 1]] and d == 3"
    )
    assert judge.run(Program(source, tests)).status == "passed"
    assert judge.run(Program(source, CodeTests("assert f(3)[1] == 0.6"))).status == "wrong"


@pytest.mark.parametrize(
    "expression",
    [
        "time.time() < 2e9 and time.gmtime().tm_year",
        "datetime.date.today().isoformat()",
        "datetime.datetime.now().year",
        "random.random(), random.randint(0, 10**9), random.sample(range(99), 5)",
        "hash('text')",
        "list({'alpha', 'beta', 'gamma', 'delta'})",
        "time.tzname, time.strftime('%Z'), time.timezone",
        "locale.getlocale(), sys.getfilesystemencoding(), '%s' % 1.5",
        "sys.argv, __name__, os.getcwd(), sorted(os.environ)",
        "os.environ.get('HOME'), os.getpid() > 0, sys.getrecursionlimit()",
        "str(uuid.uuid5(uuid.NAMESPACE_DNS, 'x')), sys.flags, sys.stdin.read()",
    ],
)
def test_what_a_program_sees_is_the_same_in_every_run(judge: Judge, expression: str) -> None:
    from sparkgap import InputTests

    source = f"import datetime, locale, os, random, sys, time, uuid\ndef f(): return repr([{expression}])\n"
    program = Program(source, InputTests("f", ((),), None))
    seen = {judge.run(program).answers for _ in range(3)}
    with Judge(workers=1, isolation=judge.isolation) as other:  # type: ignore[arg-type]
        seen.add(other.run(program).answers)
    assert len(seen) == 1
    assert None not in seen

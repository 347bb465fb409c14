"""Answers that lie about what they are: only their true plain value may be compared."""

from __future__ import annotations

from enemies import CHECK, DOCS, INPUTS, Attack, Trial, attack, code
from sparkgap.types import DocTests

_OPERATORS = """
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    def __hash__(self): return 5
    def __bool__(self): return True
    def __len__(self): return 5
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __abs__(self): return 0
    def __repr__(self): return "5"
"""
_REST = """
    def __int__(self): return 5
    __index__ = __int__
    def __float__(self): return 2.0
    def __round__(self, n=0): return 5
    def __getitem__(self, key): return self
    def __iter__(self): return iter([self, self])
    def __call__(self, *args): return self
    def __getattr__(self, name): return self
"""
LIAR = f"class Liar:{_OPERATORS}{_REST}"


def _liar(trial_name: str, tests: str, right: str, wrong: str) -> Attack:
    """Return the attack that answers a test with an object which agrees with everything."""
    source = f"{LIAR}\ndef give(*args): return Liar()\n"
    trial = code(tests, f"def give(*args): return {right}\n", f"def give(*args): return {wrong}\n", "import math")
    return attack(f"an object that agrees with everything, {trial_name}", "wrong", source, trial)


_AGREEING = [
    _liar("compared by ==", "assert give() == 5", "5", "0"),
    _liar("compared by == from the other side", "assert 5 == give()", "5", "0"),
    _liar("compared by !=", "assert not give() != 5", "5", "0"),
    _liar("taken as false", "assert not give()", "False", "True"),  # taken as true, it says no more than True would
    _liar("compared by <", "assert 4 < give() < 6", "5", "0"),
    _liar("within a tolerance", "assert abs(give() - 5) < 1e-6", "5", "0"),
    _liar("within a tolerance from the other side", "assert abs(5 - give()) < 1e-6", "5", "0"),
    _liar("by math.isclose", "assert math.isclose(give(), 2)", "2.0", "0.0"),
    _liar("rounded", "assert round(give(), 2) == 5", "5", "0"),
    _liar("made an int", "assert int(give()) == 5", "5", "0"),
    _liar("as an item of a list", "assert [give(), give()] == [5, 5]", "5", "0"),
    _liar("as what is iterated", "assert list(give()) == [1, 2]", "[1, 2]", "[0]"),
    _liar("as what contains", "assert 5 in give()", "[5]", "[]"),
    _liar("as what is contained", "assert give() in [5]", "5", "0"),
    _liar("as what is contained in a set", "assert give() in {5}", "5", "0"),
    _liar("by item", "assert give()['key'] == 5", "{'key': 5}", "{}"),
    _liar("by attribute", "assert give().real == 5", "5", "0"),
    _liar("as an index", "assert [1, 2, 3, 4, 5, 6][give()] == 6", "5", "0"),
    _liar("by type", "assert isinstance(give(), int) and give() == 5", "5", "0"),
    _liar("by sorting", "assert sorted([give(), 1]) == [1, 5]", "5", "0"),
    _liar("by all", "assert all(give(i) == 5 for i in range(3))", "5", "0"),
    _liar("by max", "assert max(give(), 1) == 5", "5", "0"),
]

# base -> what a right program answers, what the liar truly is
_BASES: dict[str, tuple[str, str, str]] = {
    "int": ("", "5", "0"),
    "float": ("", "2.5", "0.0"),
    "complex": ("", "1j", "0j"),
    "str": ("", "'right'", "'x'"),
    "bytes": ("", "b'right'", "b'x'"),
    "bytearray": ("", "bytearray(b'right')", "b'x'"),
    "list": ("", "[1, 2]", "[9]"),
    "tuple": ("", "(1, 2)", "(9,)"),
    "dict": ("", "{'a': 1}", "{}"),
    "set": ("", "{1, 2}", "{9}"),
    "frozenset": ("", "frozenset({1, 2})", "{9}"),
    "Decimal": ("from decimal import Decimal", "Decimal('2.5')", "0"),
    "Fraction": ("from fractions import Fraction", "Fraction(1, 3)", "0"),
    "Counter": ("from collections import Counter", "Counter('aab')", "'b'"),
    "OrderedDict": ("from collections import OrderedDict", "OrderedDict(a=1)", "{}"),
    "deque": ("from collections import deque", "deque([1, 2])", "[9]"),
    "timedelta": ("from datetime import timedelta", "timedelta(5)", "0"),
}


def _subclass(base: str) -> Attack:
    imports, right, truth = _BASES[base]
    source = f"{imports}\nclass Liar({base}):{_OPERATORS}\ndef give(): return Liar({truth})\n"
    wrong = f"{imports}\ndef give(): return {base}({truth})\n"
    trial = code(f"assert give() == {right}", f"{imports}\ndef give(): return {right}\n", wrong, imports)
    return attack(f"a subclass of {base} that equals everything", "wrong", source, trial)


def _class_of_the_problem(name: str, extra: str) -> Attack:
    prelude = "class Point:\n    def __init__(self, x): self.x = x\n    def valid(self): return self.x == 3\n"
    right = f"{prelude}def give(): return Point(3)\n"
    trial = code("assert give().valid()", right, f"{prelude}def give(): return Point(0)\n", prelude)
    statuses = "wrong forbidden raised"
    return attack(name, statuses, f"{prelude}{extra}", trial)


_ODD = [
    attack("returns its own function", "wrong", "def add(a, b): return add\n"),
    attack("returns its own module", "wrong", "import sys\ndef add(a, b): return sys.modules[__name__]\n"),
    attack(
        "returns a class whose metaclass equals everything",
        "wrong",
        "class Meta(type):\n    def __eq__(cls, other): return True\n    def __hash__(cls): return 5\n"
        "class Liar(metaclass=Meta): pass\ndef add(a, b): return Liar\n",
    ),
    attack("returns NotImplemented", "wrong", "def add(a, b): return NotImplemented\n"),
    attack("returns Ellipsis", "wrong", "def add(a, b): return ...\n"),
    attack("returns NaN", "wrong", "def add(a, b): return float('nan')\n"),
    attack("returns an integer too long to print", "wrong", "def add(a, b): return 10**5000\n"),
    attack("returns an integer too long to print, by inputs", "wrong", "def add(a, b): return 10**5000\n", INPUTS),
    attack("returns many integers too long to print", "wrong", "def add(a, b): return {10**5000: [10**6000]}\n", CHECK),
    attack(
        "returns a list that contains itself", "wrong", "def add(a, b):\n    x = []\n    x.append(x)\n    return x\n"
    ),
    attack("returns a dict that contains itself", "wrong", "def add(a, b):\n    x = {}\n    x[0] = x\n    return x\n"),
    attack("prints the expected text in a docstring example", "wrong", "def add(a, b): print('five')\n", DOCS),
    attack("an object whose repr is the expected text", "wrong", f"{LIAR}\ndef add(a, b): return Liar()\n", INPUTS),
    attack(
        "an object whose __class__ is int",
        "wrong",
        "class Fake:\n    __class__ = int\n    def __eq__(self, other): return True\ndef add(a, b): return Fake()\n",
        CHECK,
    ),
    attack(
        "answers that change from call to call",
        "wrong",
        "import itertools\nguesses = itertools.cycle([4, 5, 6, 7])\ndef add(a, b): return next(guesses)\n",
        CHECK,
    ),
    attack(
        "empties the argument that the expected value is made of",
        "wrong",
        "def order(xs):\n    xs.clear()\n    return []\n",
        code(
            "xs = [3, 1, 2]\nassert order(xs) == sorted(xs)\nassert len(xs) == 3",
            "def order(xs): return sorted(xs)\n",
            "def order(xs): return xs\n",
        ),
    ),
    attack(
        "raises StopIteration to end the tests' own loop",
        "raised wrong",
        "def even(n): raise StopIteration\n",
        code("assert all(map(even, [2, 4]))", "def even(n): return n % 2 == 0\n", "def even(n): return n % 2 == 1\n"),
    ),
    attack(
        "raises GeneratorExit to end the tests' own loop",
        "raised wrong",
        "def even(n): raise GeneratorExit\n",
        code("assert all(map(even, [2, 4]))", "def even(n): return n % 2 == 0\n", "def even(n): return n % 2 == 1\n"),
    ),
    attack(
        "a mapping that has every key",
        "wrong raised",
        "from collections import defaultdict\ndef table(): return defaultdict(lambda: 1)\n",
        code("assert table()['x'] == 1", "def table(): return {'x': 1}\n", "def table(): return {}\n"),
    ),
    attack(
        "a key that equals every key",
        "wrong",
        f"{LIAR}\ndef table(): return {{Liar(): 1}}\n",
        code("assert table()['x'] == 1", "def table(): return {'x': 1}\n", "def table(): return {}\n"),
    ),
    attack(
        "a math module of its own that finds everything close",
        "wrong raised",
        "class Maths:\n    def __getattr__(self, name): return lambda *a, **k: True\n"
        "math = Maths()\ndef root(x): return 0\n",
        code(
            "assert math.isclose(root(4), 2)",
            "import math\ndef root(x): return math.sqrt(x)\n",
            "import math\ndef root(x): return -math.sqrt(x)\n",
        ),
    ),
    _class_of_the_problem(
        "an instance whose attribute hides the class's own method",
        "def give():\n    p = Point(0)\n    p.valid = lambda: True\n    return p\n",
    ),
    _class_of_the_problem(
        "a class of the problem with its method replaced",
        "Point.valid = lambda self: True\ndef give(): return Point(0)\n",
    ),
    _class_of_the_problem(
        "a subclass that takes the name of the problem's class",
        "class Better(Point):\n    def valid(self): return True\nBetter.__name__ = 'Point'\n"
        "def give(): return Better(0)\n",
    ),
    attack(
        "prints an exception that was to be raised",
        "wrong",
        "def fail(): print('ValueError: bad')\n",
        Trial(
            DocTests(">>> fail()\nTraceback (most recent call last):\n    ...\nValueError: bad\n"),
            "def fail(): raise ValueError('bad')\n",
            "def fail(): raise ValueError('good')\n",
        ),
    ),
]

LIES: list[Attack] = [*_AGREEING, *map(_subclass, _BASES), *_ODD]

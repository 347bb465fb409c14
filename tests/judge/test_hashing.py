"""Which programs a hash seed could matter to: what is let off is proved, and seen to be the same under many seeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap.benchmarks import humaneval, mbpp
from sparkgap.judge.hashing import hash_sensitive


def sensitive(source: str) -> bool:
    return hash_sensitive(compile(source, "solution.py", "exec"))


BLIND = [
    "def f(a):\n    seen = set()\n    for x in a:\n        if x in seen: return x\n        seen.add(x)\n",
    "def f(a):\n    vowels = {'a', 'e', 'i', 'o'}\n    return [x for x in a][0] in vowels and a[1] not in vowels\n",
    "def f(a):\n    pair = {a[0], a[1]}\n    return len(pair) == 1\n",
    "def f(a): return len(set(a.lower())) + len(frozenset(a))\n",
    "def f(a): return sorted(set(a))\n",
    "def f(a): return sorted(list(set(a)))\n",
    "def f(a): return sorted(a, key=lambda x: (-len(set(x)), x))\n",
    "def f(a): return max(set(a)) + min(set(a))\n",
    "def f(a): return set(a) == set('abc')\n",
    "def f(a): return len(set(x.upper() for x in a))\n",
    "def f(a):\n    s = set(a)\n    t = s\n    if not t: return 0\n    s.discard('x')\n    return len(t)\n",
    "def f(a):\n    while set(a): a = a[1:]\n    return a\n",
    "def f(a): return a in ('x', 'y') or a in {'x', 'y'}\n",
    "def intersection(a, b): return [x for x in a if x in b]\ndef f(a): return intersection(a, a)\n",
    "import hashlib, json\ndef f(a): return hashlib.md5(json.dumps(a).encode()).hexdigest()\n",
    "def f(d):\n    return [k for k in d.keys()] and d.items()\n",
]
LOOKING = [
    "def f(a): return list(set(a))\n",
    "def f(a): return [x for x in set(a)]\n",
    "def f(a): return sorted(set(a), key=len)\n",
    "def f(a): return sorted(list(set(a)), key=len)\n",
    "def f(a): return max(set(a), key=a.count)\n",
    "def f(a):\n    s = set(a)\n    t = s\n    return list(t)\n",
    "def f(a):\n    s = {a}\n    for x in s: return x\n",
    "def f(a): return {x for x in a}\n",
    "def f(a): return set(a).pop()\n",
    "def f(a):\n    s = set(a)\n    return s.pop()\n",
    "def f(a):\n    s = set(a)\n    s |= s\n    return s\n",
    "def f(a): return print(len, set(a))\n",
    "def f(a): return str(set(a))\n",
    "def f(a): return f'{set(a)}'\n",
    "def f(a): return ''.join(set(a))\n",
    "def f(a): return (set(a),)\n",
    "def f(a): return a == set(a)\n",
    "def f(a): return list(a or set(a))\n",
    "def f(a): return len(a if a else set(a)) and list(a or set(a))\n",
    "def f(a): return min(*set(a))\n",
    "def f(a): return sum(set(a), [])\n",
    "def f(a):\n    x, *y = set(a)\n    return y\n",
    "def f(a):\n    s = set()\n    s.add(a)\n    return s if a else 0\n",
    "def f(a):\n    s = set(a)\n    return (lambda: list(s))()\n",
    "def f(a): return list(map(set, a))\n",
    "def f(a): return enumerate(set(a))\n",
    "def f(a): return {'a', 'b'}\n",
    "WORDS = {'a', 'b'}\ndef f(a): return list(WORDS)\n",
    "from collections import defaultdict\ndef f(a):\n    d = defaultdict(set)\n    return list(d[1])\n",
    "def f(a):\n    s = set(a)\n    return a.intersection(s)\n",
    # What the names mean is the program's to change.
    "def sorted(x): return list(x)\ndef f(a): return sorted(set(a))\n",
    "def f(a):\n    global len\n    len = list\n    return len(set(a))\n",
    "from copy import copy as sorted\ndef f(a): return sorted(set(a))\n",
    "class len(list): pass\ndef f(a): return len(set(a))\n",
    # A frame shows what its variables hold.
    "import sys\ndef f(a):\n    s = set(a)\n    return list(sys._getframe().f_locals['s'])\n",
    "def f(a):\n    s = set(a)\n    try: 1 / 0\n    except ZeroDivisionError as e: return e.__traceback__\n",
    "import hashlib\ndef f(a): return list(hashlib.algorithms_available)\n",
    "def f(d): return list(d.keys() & d.keys())\n",
    "def f(d): return list(d.keys() - 'a')\n",
    "from x import y\n",
]


@pytest.mark.parametrize("source", BLIND)
def test_who_never_sees_an_order_is_let_off(source: str) -> None:
    assert not sensitive(source)


@pytest.mark.parametrize("source", LOOKING)
def test_who_might_see_one_is_not(source: str) -> None:
    assert sensitive(source)


def test_a_name_too_far_down_the_list_to_be_read_counts_as_rebound() -> None:
    names = "\n".join(f"name_{n} = {n}" for n in range(400))
    assert sensitive(f"{names}\ndef f(a): return len(set(a))\nsorted = list\ndef g(a): return sorted(set(a))\n")


_UNDER_SEEDS = """
import json, sys
found = []
for source, call in json.loads(sys.stdin.read()):
    names = {}
    try:
        exec(source, names)
        found.append(repr(eval(call, names)))
    except Exception as error:
        found.append(f"{type(error).__name__}: {error}")
print(json.dumps(found))
"""


def under_seeds(cases: list[tuple[str, str]], seeds: range = range(1, 7)) -> list[set[str]]:
    """Return what each call comes to under several hash seeds."""
    found = []
    for seed in seeds:
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _UNDER_SEEDS], input=json.dumps(cases), text=True,
            capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": str(seed)},
        )  # fmt: skip
        found.append(json.loads(ran.stdout))
    return [set(each) for each in zip(*found, strict=True)]


WORDS = ["pear", "fig", "plum", "apple", "fig", "kiwi", "date", "lime"]


def test_what_is_let_off_is_the_same_under_every_seed_and_looking_is_not() -> None:
    argument = repr(WORDS)
    strings = {6, 8}  # of BLIND: they want text
    cases = [(source, f"f({argument!s})") for place, source in enumerate(BLIND) if place not in strings]
    assert all(len(found) == 1 for found in under_seeds(cases))
    looks = [(source, f"f({argument})") for source in LOOKING[:3]]
    assert all(len(found) > 1 for found in under_seeds(looks))


_values = st.sampled_from(["set(a)", "frozenset(a)", "{*a}", "{a[0], a[1]}", "set(x + 'z' for x in a)", "s", "t", "a"])
_around = st.sampled_from(
    ["{}", "len({})", "sorted({})", "list({})", "sorted(list({}))", "max({})", "({} == set(a))", "('fig' in {})",
     "str({})", "tuple(sorted({}))", "(not {})", "[x for x in {}]", "sorted({}, key=len)", "({} or 1)", "min(list({}))"]
)  # fmt: skip
_expressions = st.builds(lambda form, outer, value: outer.format(form.format(value)), _around, _around, _values)
_bodies = st.builds(
    lambda first, second, then, result: f"def f(a):\n    s = {first}\n    t = {second}\n{then}    return {result}\n",
    _values.filter(lambda v: v not in "st"), _values.filter(lambda v: v != "t"),
    st.sampled_from(["", "    s.add('new')\n", "    s.update(a)\n", "    t = [s]\n", "    if t: s = a\n"]),
    _expressions,
)  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(st.lists(_bodies, min_size=60, max_size=60))
def test_no_generated_program_that_is_let_off_shows_an_order(sources: list[str]) -> None:
    cases = [(source, f"f({WORDS!r})") for source in sources if not sensitive(source)]
    for (source, _), found in zip(cases, under_seeds(cases, range(1, 5)), strict=True):
        assert len(found) == 1, source


@pytest.mark.parametrize("benchmark", [humaneval.BENCHMARK, mbpp.BENCHMARK])
@pytest.mark.filterwarnings("ignore:invalid escape")
@pytest.mark.usefixtures("published")
def test_few_published_solutions_need_a_second_run(benchmark: Any) -> None:
    problems = list(benchmark.problems())
    assert sum(sensitive(problem.reference) for problem in problems) < 0.08 * len(problems)

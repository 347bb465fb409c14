"""Programs that are run first and examined together: each verdict is what it would be alone, in any company."""

from __future__ import annotations

import os
import random
import signal
import time
from concurrent.futures import wait

import pytest

from sparkgap import CodeTests, DocTests, InputTests, Judge, Limits, Program, StdioTests
from sparkgap.judge.preparing import prepare
from sparkgap.types import Tests, Verdict

ADD = CodeTests("def check(f):\n    assert f(1, 2) == 3\n    assert f(5, 5) == 10\n\ncheck(add)\n")
LOOP = CodeTests("for i in range(30):\n    assert add(i, 1) == i + 1\n")
STATE = CodeTests("import string\nstring.digits = ''\nassert add(1, 1) == 2\n")
CLASS = CodeTests(
    "assert add(P(1), 2).x == 3\n",
    "class P:\n    def __init__(self, x): self.x = x\n    def __repr__(self): return 'P'\n",
)
TESTS: dict[str, Tests] = {
    "asserts": ADD,
    "other asserts": CodeTests("assert add(2, 2) == 4\nassert add(4, 7) == 11\n"),
    "a loop": LOOP,
    "inputs": InputTests("add", ((1, 2), (7, 8)), (3, 15)),
    "examples": DocTests(">>> add(1, 2)\n3\n"),
    "a script": StdioTests((("1 2\n", "3\n"),)),
    "state": STATE,
    "a class": CLASS,
    "nothing that runs": CodeTests("assert add(1, 2) ==\n"),
    "nothing": CodeTests("assert True\n"),
}
_SUM = "    return P(a.x + b) if hasattr(a, 'x') else a + b\n"
_LIMITS = Limits(cpu_s=0.4, output_kb=256, memory_mb=128)
SOURCES = {
    "right": f"def add(a, b):\n{_SUM}",
    "prints": f"def add(a, b):\n    print(a, b)\n{_SUM}",
    "wrong": "def add(a, b): return 0\n",
    "late": f"def add(a, b):\n    if b != 2: return 0\n{_SUM}",
    "syntax": "def add(a, b) return\n",
    "raises": "def add(a, b): raise ValueError(a)\n",
    "exits": "import os\ndef add(a, b): os._exit(0)\n",
    "crashes": "import os\ndef add(a, b): os.abort()\n",
    "loops": "def add(a, b):\n    while True: pass\n",
    "eats": "def add(a, b):\n    x = [0] * 10**6\n    while True: x += x\n",
    "floods": "def add(a, b):\n    while True: print('x' * 5000)\n",
    "nothing": "",
    "by luck": "def add(a, b): return a + b if list({'x', 'y', 'z'})[0] == 'x' else 0\n",
    "answers much": "def add(a, b): return 'x' * 250000\n",
    "long": f"def add(a, b):\n{_SUM}" + "# and so on\n" * 30000,
}


def program(source: str, tests: str) -> Program:
    text = SOURCES[source]
    if tests == "a script":
        text += "print(add(*map(int, input().split())))\n"
    elif tests == "a class":
        text = TESTS[tests].prelude + text  # type: ignore[union-attr]
    return Program(text, TESTS[tests], limits=_LIMITS)


def told(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.status, verdict.stage, verdict.tests_passed, verdict.tests_total, verdict.failure, verdict.diagnostics,
        verdict.output, verdict.answers,
    )  # fmt: skip


QUICK = [(s, t) for s in SOURCES for t in TESTS if s not in ("loops", "eats")]
SLOW = [("loops", "asserts"), ("eats", "inputs")]


def test_a_program_gets_the_same_verdict_in_any_company() -> None:
    pairs = QUICK + SLOW
    shuffled = QUICK + SLOW
    random.Random(5).shuffle(shuffled)
    with Judge(workers=1) as judge:
        alone = {pair: told(judge.run(program(*pair))) for pair in pairs}
        for order in (sorted(shuffled, key=lambda pair: pair[1]), shuffled):
            for place, verdict in judge.stream([program(*pair) for pair in order]):
                assert told(verdict) == alone[order[place]], order[place]
    assert alone["right", "asserts"][0] == alone["long", "inputs"][0] == "passed"
    assert alone["late", "asserts"][:4] == ("wrong", "test", 1, 2)
    assert alone["exits", "asserts"][0] == alone["crashes", "a loop"][0] == "raised"
    assert alone["loops", "asserts"][0] == "timeout"
    assert alone["eats", "inputs"][0] == "memory"
    assert alone["floods", "asserts"][0] == "output"
    assert alone["right", "nothing that runs"][0] == "infra"


def test_tests_that_change_what_all_share_meet_only_themselves(judge: Judge) -> None:
    plain = CodeTests("import string\nassert add(1, 1) == len(string.digits) - 8\n")
    programs = [Program(SOURCES["right"], tests) for _ in range(12) for tests in (ADD, STATE, plain)]
    assert {verdict.status for _, verdict in judge.stream(programs)} == {"passed"}


DEEP = "[" * 70 + "]" * 70
FEELING = CodeTests(f"assert add({DEEP}, []) == {DEEP}\nassert add(1, 2) == 3\n", "from math import floor\n")


@pytest.mark.parametrize(
    "prelude",
    [
        "import sys\nsys.setrecursionlimit(60)\n",
        "import math\ndel math.floor\n",
        "def helper(a=__import__('math').__dict__.pop('floor', None)): pass\n",
        "def helper(a: __import__('math').__dict__.pop('floor', None)): pass\n",
        "def helper() -> __import__('math').__dict__.pop('floor', None): pass\n",
        "class C:\n    import math\n    del math.floor\n",
        "[__import__('math').__dict__.pop('floor', None)]\n",
        "x = __import__('math').__dict__.pop('floor', None)\n",
        "import math\n@math.__dict__.pop\ndef floor(): pass\n",
    ],
)
def test_no_prelude_is_shared_with_that_leaves_something_behind(judge: Judge, prelude: str) -> None:
    leaving = CodeTests("assert add(1, 1) == 2\n", prelude)
    asked = prepare(FEELING.code, FEELING.prelude)[1]
    assert asked is not None
    assert asked.plain, "or it would meet nothing that others leave"
    programs = [Program(SOURCES["right"], tests) for _ in range(4) for tests in (ADD, leaving, FEELING)]
    statuses = [verdict.status for _, verdict in sorted(judge.stream(programs), key=lambda each: each[0])]
    assert [status for place, status in enumerate(statuses) if place % 3 != 1] == ["passed"] * 8


def test_what_fits_no_socket_is_judged_all_the_same(judge: Judge) -> None:
    much = [InputTests("f", ((n,), (n + 1,)), ("x" * n, "x" * (n + 1))) for n in (60_000, 200_000, 3_000_000)]
    many = InputTests("f", tuple((n,) for n in range(3000)), tuple("y" * (n % 300) for n in range(3000)))
    asked = InputTests("f", (("z" * 500_000,), ("z" * 90_000,)), (500_000, 90_000))
    for _ in range(3):
        assert [judge.run(Program("def f(n): return 'x' * n\n", tests)).status for tests in much] == ["passed"] * 3
        assert judge.run(Program("def f(n): return 'y' * (n % 300)\n", many)).status == "passed"
        wrong = judge.run(Program("def f(n): return 'y' * (n % 300) if n < 2999 else n\n", many))
        assert (wrong.status, wrong.tests_passed) == ("wrong", 2999)
        assert judge.run(Program("def f(s): return len(s)\n", asked)).status == "passed"


def test_a_wrong_answer_ends_a_program_that_goes_on_for_long(judge: Judge) -> None:
    """It is found out while the program runs: nobody waits for the rest of what it was asked."""
    source = "def f(x):\n    if x > 2:\n        while True: pass\n    return 5 * x\n"
    tests = InputTests("f", ((1,), (2,), (3,)), (1, 2, 3))
    verdict = judge.run(Program(source, tests, limits=Limits(cpu_s=20.0)))
    assert (verdict.status, verdict.tests_passed) == ("wrong", 0)
    assert verdict.cpu_s < 0.5


def test_a_worker_that_dies_loses_no_program_and_blames_none() -> None:
    slow = "import time\nt = time.monotonic()\nwhile time.monotonic() < t + 0.02: pass\n" + SOURCES["right"]
    with Judge(workers=1) as judge:
        futures = [judge.submit(Program(slow, ADD)) for _ in range(40)]
        killed = []
        deadline = time.monotonic() + 60
        while len(killed) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
            worker = judge._pool[0]
            if worker.jobs and worker._pid not in killed:
                killed.append(worker._pid)
                os.kill(worker._pid, signal.SIGKILL)
        assert len(killed) == 2
        wait(futures, timeout=60)
        statuses = [future.result().status for future in futures]
        assert statuses.count("passed") >= 39  # one may have met both deaths
        assert set(statuses) <= {"passed", "infra"}


def test_no_job_waits_for_ever_behind_those_that_share_their_tests() -> None:
    with Judge(workers=1) as judge:
        done: list[int] = []
        for number in range(300):
            tests = CodeTests("assert add(3, 3) == 6\n") if number == 3 else ADD
            future = judge.submit(Program(SOURCES["right"], tests))
            future.add_done_callback(lambda _, number=number: done.append(number))  # type: ignore[misc]
        deadline = time.monotonic() + 60
        while len(done) < 300 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert sorted(done) == list(range(300))
    assert done.index(3) < 200

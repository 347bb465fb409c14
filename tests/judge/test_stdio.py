"""Whole programs that read stdin and write stdout, and how their output is compared."""

from __future__ import annotations

import pytest

from sparkgap import Judge, Limits, Program, StdioTests, Verdict
from sparkgap.judge.stdio import same_output


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ("5\n", "5"),
        ("  5  \n\n", "5\n"),
        ("5\r\n6\r\n", "5\n6\n"),
        ("1.0 2.50", "1 2.5"),
        ("1e3", "1000"),
        ("a  \n b", "a\nb"),
        ("", "\n"),
        ("-0", "0"),
        ("0.1", "0.10"),
        ("yes", "yes"),
    ],
)
def test_same(actual: str, expected: str) -> None:
    assert same_output(actual, expected)
    assert same_output(expected, actual)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ("5", "6"),
        ("5", "5\n6"),
        ("5\n6", "5"),
        ("5 6", "5\n6"),
        ("YES", "yes"),
        ("a b", "ab"),
        ("1 2", "1 2 3"),
        ("1.0000001", "1"),
        ("nan", "5"),
        ("", "5"),
        ("5\n\n6", "5\n6"),
        ("5 x", "5 y"),
        ("1_0", "10x"),
        ("sNaN", "5"),
        ("1e999999999", "5"),
        ("1e-999999999", "0"),
        ("9" * 100_000, "9"),
    ],
)
def test_different(actual: str, expected: str) -> None:
    assert not same_output(actual, expected)
    assert not same_output(expected, actual)


def run(judge: Judge, source: str, *cases: tuple[str, str | None], all_tests: bool = False) -> Verdict:
    return judge.run(Program(source, StdioTests(cases), limits=Limits(cpu_s=1.0), all_tests=all_tests))


SUM = (("2 3\n", "5\n"), ("10 -4", "6"), ("0 0\n", "0\n"))

RIGHT = {
    "input()": "print(sum(map(int, input().split())))",
    "sys.stdin": "import sys\nprint(sum(int(w) for line in sys.stdin for w in line.split()))",
    "sys.stdin.read": "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
    "sys.stdin.buffer": "import sys\nprint(sum(map(int, sys.stdin.buffer.readline().split())))",
    "open(0)": "print(sum(map(int, open(0).read().split())))",
    "os.read": "import os\nos.write(1, b'%d\\n' % sum(map(int, os.read(0, 1000).split())))",
    "a main function": "def main():\n    print(sum(map(int, input().split())))\nif __name__ == '__main__':\n    main()",
    "an early exit": "import sys\nprint(sum(map(int, input().split())))\nsys.exit()",
    "an exit with 0": "print(sum(map(int, input().split())))\nexit(0)",
    "no newline at the end": "print(sum(map(int, input().split())), end='')",
    "a buffered stdout": "import sys\nsys.stdout.buffer.write(b'%d' % sum(map(int, input().split())))",
    "a thread for its recursion": "import sys, threading\ndef main():\n    print(sum(map(int, input().split())))\n"
    "threading.stack_size(1 << 26)\nt = threading.Thread(target=main)\nt.start()\nt.join()",
    "a thread that nobody waits for": "import threading, time\ndef main():\n    time.sleep(0.05)\n"
    "    print(sum(map(int, input().split())))\nthreading.Thread(target=main).start()",
    "output at exit": "import atexit\nout = []\natexit.register(lambda: print(*out))\n"
    "out.append(sum(map(int, input().split())))",
    "a stdout of its own": "import io, os, sys\nsys.stdout = io.StringIO()\nprint(sum(map(int, input().split())))\n"
    "os.write(1, sys.stdout.getvalue().encode())",
    "a wrapped stdout": "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, write_through=False)\n"
    "print(sum(map(int, input().split())))",
    "asyncio-free generators": "def read():\n    yield from map(int, input().split())\nprint(sum(read()))",
}


@pytest.mark.parametrize("source", RIGHT.values(), ids=RIGHT)
def test_right_scripts_pass(judge: Judge, source: str) -> None:
    verdict = run(judge, source, *SUM)
    assert (verdict.status, verdict.reason) == ("passed", "")
    assert (verdict.tests_passed, verdict.tests_total) == (3, 3)


WRONG = {
    "wrong sums": ("print(0)", "wrong"),
    "nothing": ("", "wrong"),
    "only the first line": ("print(sum(map(int, input().split())))\nprint('and more')", "wrong"),
    "an exit with 1": ("print(sum(map(int, input().split())))\nexit(1)", "raised"),
    "an exception afterwards": ("print(sum(map(int, input().split())))\n1 / 0", "raised"),
    "a signalling NaN": ("print('sNaN')", "wrong"),
    "an endless number": ("print('1e999999999')", "wrong"),
    "too much input": ("input(); input()", "raised"),
    "a syntax error": ("print(", "syntax"),
    "an endless loop": ("while True: pass", "timeout"),
    "too much memory": ("x = bytearray(4 << 30)", "memory"),
    "too much output": ("while True: print('x' * 10000)", "output"),
    "a crash": ("import os\nos.abort()", "raised"),
}


@pytest.mark.parametrize(("source", "status"), WRONG.values(), ids=WRONG)
def test_wrong_scripts_fail(judge: Judge, source: str, status: str) -> None:
    verdict = run(judge, source, *SUM)
    assert verdict.status == status
    assert verdict.tests_passed == 0
    assert verdict.tests_total == 3
    assert verdict.failure is not None
    assert verdict.failure.test == "case 0"
    assert "2 3" in verdict.failure.call


def test_the_first_failing_case_is_shown(judge: Judge) -> None:
    verdict = run(judge, "print(5)", *SUM)
    assert (verdict.status, verdict.tests_passed, verdict.tests_total) == ("wrong", 1, 3)
    assert verdict.failure is not None
    assert (verdict.failure.test, verdict.failure.expected, verdict.failure.actual) == ("case 1", "6", "5\n")


def test_all_cases_run_when_asked(judge: Judge) -> None:
    verdict = run(judge, "print(5 if input() == '2 3' else 0)", *SUM, all_tests=True)
    assert (verdict.status, verdict.tests_passed, verdict.tests_total) == ("wrong", 2, 3)
    assert verdict.failure is not None
    assert verdict.failure.test == "case 1"


def test_a_case_without_an_expected_output_only_records(judge: Judge) -> None:
    verdict = run(judge, "print(input()[::-1])", ("abc\n", None))
    assert (verdict.status, verdict.output) == ("passed", "cba\n")


def test_an_error_names_its_line(judge: Judge) -> None:
    verdict = run(judge, "x = input()\n\ndef f():\n    return int(x) + 1\nprint(f())\n", ("no\n", "5\n"))
    assert verdict.status == "raised"
    (diagnostic,) = verdict.diagnostics
    assert (diagnostic.code, diagnostic.line, diagnostic.column) == ("ValueError", 4, 12)


def test_long_input_and_output_are_whole(judge: Judge) -> None:
    lines = "".join(f"{i}\n" for i in range(100_000))
    verdict = run(judge, "import sys\nsys.stdout.write(sys.stdin.read())\n", (lines, lines))
    assert verdict.status == "passed"
    assert verdict.output_clipped
    assert verdict.output == lines[:65536]


def test_text_beyond_ascii_crosses(judge: Judge) -> None:
    assert run(judge, "print(input()[::-1])", ("añ☃😀\n", "😀☃ña\n")).status == "passed"


def test_every_case_starts_anew(judge: Judge) -> None:
    source = "import builtins\nseen = getattr(builtins, 'seen', 0)\nbuiltins.seen = seen + 1\ninput()\nprint(seen)\n"
    assert run(judge, source, ("", "0"), ("\n", "0"), all_tests=True).status == "raised"
    assert run(judge, source, ("x\n", "0"), ("x\n", "0"), ("x\n", "0")).status == "passed"


def test_luck_of_the_hash_seed_is_wrong(judge: Judge) -> None:
    words = "alpha beta gamma delta epsilon zeta eta theta"
    source = "print(*set(input().split()))"
    first = run(judge, source, (words, None)).output
    verdict = run(judge, source, (words, first))
    assert verdict.status == "wrong"
    assert "hash" in verdict.reason


def test_a_script_that_ends_just_as_the_worker_asks_after_it(judge: Judge) -> None:
    """The worker asks every quarter of a second; an ending that crosses the question must not be lost."""
    naps = [f"import time\ntime.sleep({0.2480 + step / 2000})\nprint(1)" for step in range(12)]
    programs = [Program(nap, StdioTests((("", "1"),))) for nap in naps]
    assert {verdict.status for _, verdict in judge.stream(programs)} == {"passed"}


def test_what_goes_to_stderr_is_no_answer(judge: Judge) -> None:
    verdict = judge.run(Program("import sys\nsys.stderr.write('5\\n')\n", StdioTests((("", "5"),))))
    assert verdict.status == "wrong"
    assert verdict.output == "5\n"
    assert judge.run(Program("import sys\nsys.stderr.write('6\\n')\nprint(5)\n", StdioTests((("", "5"),)))).passed


def test_without_a_case_nothing_is_judged_and_the_judge_goes_on(judge: Judge) -> None:
    verdict = run(judge, "print(5)")
    assert (verdict.status, verdict.reason) == ("infra", "there is no case to run")
    assert run(judge, "print(5)", ("", "5")).passed

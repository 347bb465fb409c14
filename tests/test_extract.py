"""Replies as models write them -> the program that a harness, and a careful reader, would take."""

from __future__ import annotations

import ast
import gzip
import json
import textwrap
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.extract import extract
from sparkgap.types import CodeTests, Problem, SampleForm

PROMPT = '''from typing import List


def half(n: int) -> int:
    return n // 2


def total(numbers: List[int]) -> int:
    """ Sum the numbers.
    >>> total([1, 2])
    3
    """
'''
HEAD = "from typing import List\n\n\n"
BODY = "    result = 0\n    for number in numbers:\n        result += number\n    return result\n"
FUNCTION = f"def total(numbers: List[int]) -> int:\n{BODY}"
BARE = f"def total(numbers):\n{BODY}"
CONTINUED = Problem("T/0", "test", PROMPT, PROMPT + BODY, CodeTests("check(total)"), "total", continues=True)
WHOLE = Problem("T/1", "test", "Sum the numbers.", BARE, CodeTests("assert total([1]) == 1"), "total")
LOOSE = Problem("T/2", "test", "Print the sum of stdin.", "", CodeTests(""), "")


def fenced(code: str, label: str = "python", fence: str = "```") -> str:
    return f"{fence}{label}\n{code.strip(chr(10))}\n{fence}\n"


def parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def same(source: str, expected: str) -> bool:
    return ast.dump(parse(source)) == ast.dump(parse(expected))


# Each name says what a model did; the problem, the form, the reply, and the program that is in it.
Case = tuple[Problem, SampleForm, str, str]
SAID = "Sure! Here's the function:\n\n"
MEANT = "\nThis function adds the numbers up, so it's O(n).\n"
HELPER = "def plus(a, b):\n    return a + b\n"
USING = (
    "def total(numbers):\n    result = 0\n    for n in numbers:\n        result = plus(result, n)\n    return result\n"
)
WRONG = "def total(numbers):\n    return max(numbers)\n"
QUOTING = (
    'def total(numbers):\n    """Sum.\n\n    ```python\n    total([1])\n    ```\n    """\n    return sum(numbers)\n'
)

CASES: dict[str, Case] = {
    # fences
    "python fence": (WHOLE, "response", fenced(BARE), BARE),
    "py fence": (WHOLE, "response", fenced(BARE, "py"), BARE),
    "capital fence": (WHOLE, "response", fenced(BARE, "Python"), BARE),
    "python3 fence with a title": (WHOLE, "response", fenced(BARE, "python3 title=a.py"), BARE),
    "unlabelled fence": (WHOLE, "response", SAID + fenced(BARE, "") + MEANT, BARE),
    "fence of another label": (WHOLE, "response", SAID + fenced(BARE, "tool_code"), BARE),
    "tilde fence": (WHOLE, "response", SAID + fenced(BARE, "python", "~~~") + MEANT, BARE),
    "long fence": (WHOLE, "response", SAID + fenced(BARE, "python", "`````") + MEANT, BARE),
    "fence in a fence": (WHOLE, "response", fenced(SAID + fenced(BARE), "markdown", "````"), BARE),
    "tildes around backticks": (WHOLE, "response", fenced(fenced(BARE), "", "~~~"), BARE),
    "fence in a docstring in a fence": (WHOLE, "response", fenced(QUOTING), QUOTING),
    "fence in a docstring without a fence": (WHOLE, "response", QUOTING, QUOTING),
    "cut off before the fence closes": (WHOLE, "response", SAID + fenced(BARE).removesuffix("```\n"), BARE),
    "fence closed on the last line of code": (WHOLE, "response", fenced(BARE).replace("\n```\n", "```\n"), BARE),
    "fence opened at the end of prose": (WHOLE, "response", "The code: " + fenced(BARE) + MEANT, BARE),
    "fence on one line": (WHOLE, "response", "Simply\n```total = sum```\nDone.", "total = sum"),
    "fence indented in a list": (WHOLE, "response", "1. Do it:\n" + textwrap.indent(fenced(BARE), "   "), BARE),
    "fence on a list item": (WHOLE, "response", "1. " + textwrap.indent(fenced(BARE), "   ").lstrip(), BARE),
    "fence at the margin, code indented": (WHOLE, "response", fenced(textwrap.indent(BARE, "  ")), BARE),
    "fence in a quotation": (WHOLE, "response", SAID + textwrap.indent(fenced(BARE), "> "), BARE),
    "shell before code": (WHOLE, "response", fenced("pip install numpy", "bash") + "\nthen\n" + fenced(BARE), BARE),
    "output after code": (WHOLE, "response", fenced(BARE) + "gives\n" + fenced("3", "text"), BARE),
    "usage after code": (WHOLE, "response", fenced(BARE) + "Use it:\n" + fenced("print(total([1, 2]))"), BARE),
    "usage before code": (WHOLE, "response", "For\n" + fenced("total([1, 2])") + SAID + fenced(BARE), BARE),
    "tests after code": (
        WHOLE, "response", fenced(BARE) + fenced("import unittest\n\nclass T(unittest.TestCase):\n    pass"), BARE,
    ),
    "first try mended": (WHOLE, "response", fenced(WRONG) + "Wait, that is the largest.\n" + fenced(BARE), BARE),
    "code explained piece by piece": (
        WHOLE, "response", fenced(BARE) + "First:\n" + fenced("def total(numbers):\n    result = 0"), BARE,
    ),
    "a line explained": (WHOLE, "response", fenced(BARE) + "In the end:\n" + fenced("    return result"), BARE),
    "code after a stub": (WHOLE, "response", fenced("def total(numbers):\n    ...") + fenced(BARE), BARE),
    "stub after the code": (WHOLE, "response", fenced(BARE) + fenced('def total(numbers):\n    """Sum."""'), BARE),
    "helper in a block before": (WHOLE, "response", fenced(HELPER) + "and\n" + fenced(USING), HELPER + USING),
    "helper in a block after": (WHOLE, "response", fenced(USING) + "with\n" + fenced(HELPER), USING + HELPER),
    "imports in a block of their own": (
        WHOLE, "response", fenced("import math") + fenced("def total(n):\n    return math.fsum(n)"),
        "import math\ndef total(n):\n    return math.fsum(n)",
    ),
    "function in two blocks": (
        WHOLE, "response",
        fenced("def total(numbers):\n    result = sum(numbers)") + "then\n" + fenced("    return result"),
        "def total(numbers):\n    result = sum(numbers)\n    return result",
    ),
    "statement in two blocks": (
        WHOLE, "response", fenced("def total(numbers):") + "with the body\n" + fenced("    return sum(numbers)"),
        "def total(numbers):\n    return sum(numbers)",
    ),
    "windows line ends": (WHOLE, "response", (SAID + fenced(BARE) + MEANT).replace("\n", "\r\n"), BARE),
    "second block broken": (WHOLE, "response", fenced(BARE) + fenced("def total(numbers:\n  return"), BARE),
    # no fences
    "bare code": (WHOLE, "response", BARE, BARE),
    "prose around bare code": (WHOLE, "response", SAID + BARE + MEANT, BARE),
    "one word after bare code": (WHOLE, "response", BARE + "\nDone\n", BARE),
    "one word before and after bare code": (WHOLE, "response", "Sure\n" + BARE + "\nNote: simple\n", BARE),
    "prose between bare functions": (
        WHOLE, "response", SAID + HELPER + "\nand then the function itself:\n\n" + USING + MEANT, HELPER + USING,
    ),
    "markdown headings around bare code": (
        WHOLE, "response", "# Solution\nWe'll sum.\n\n" + BARE + "\n## Complexity\nIt's O(n).", BARE,
    ),
    "indented bare code": (WHOLE, "response", SAID + textwrap.indent(BARE, "    ") + MEANT, BARE),
    "all of the code indented": (WHOLE, "response", textwrap.indent(BARE, "    "), BARE),
    "lines that do not parse at the end": (WHOLE, "response", HELPER + USING + "\n>>> total([1])\n1\n", HELPER + USING),
    # what a sanitizer loses
    "decorated": (
        WHOLE, "response", fenced("from functools import cache\n\n@cache\n" + BARE) + MEANT,
        "from functools import cache\n\n@cache\n" + BARE,
    ),
    "decorated, without a fence": (
        WHOLE, "response", SAID + "from functools import cache\n\n@cache\n" + BARE + MEANT,
        "from functools import cache\n\n@cache\n" + BARE,
    ),
    "top-level if": (
        WHOLE, "response", fenced("import sys\nif sys.maxsize > 0:\n" + textwrap.indent(BARE, "    ")),
        "import sys\nif sys.maxsize > 0:\n" + textwrap.indent(BARE, "    "),
    ),
    "top-level try": (
        WHOLE, "response", SAID + "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n\n" + BARE + MEANT,
        "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n\n" + BARE,
    ),
    "async": (WHOLE, "response", SAID + "async " + BARE + MEANT, "async " + BARE),
    "lambda": (WHOLE, "response", fenced("total = lambda n: sum(n)") + MEANT, "total = lambda n: sum(n)"),
    "class": (
        replace(WHOLE, entry_point="Total"), "response", SAID + fenced("class Total:\n    x = 1") + MEANT,
        "class Total:\n    x = 1",
    ),
    "constants and a main block": (
        WHOLE, "response", fenced("LIMIT = 3\n\n" + BARE + '\nif __name__ == "__main__":\n    print(total([LIMIT]))'),
        "LIMIT = 3\n\n" + BARE + '\nif __name__ == "__main__":\n    print(total([LIMIT]))',
    ),
    # marks
    "thoughts first": (WHOLE, "response", f"<think>\nMaybe\n{fenced(WRONG)}No.\n</think>\n\n{fenced(BARE)}", BARE),
    "thoughts whose start the template ate": (WHOLE, "response", f"{fenced(WRONG)}\n</think>\n\n{fenced(BARE)}", BARE),
    "end token after the fence": (WHOLE, "response", fenced(BARE).rstrip() + "<|im_end|>", BARE),
    "end token after the code": (WHOLE, "solution", BARE.rstrip() + "<|endoftext|>import os\n", BARE),
    "end token of deepseek": (WHOLE, "solution", BARE.rstrip() + "<｜end▁of▁sentence｜>", BARE),
    "role before the code": (WHOLE, "response", "<|im_start|>assistant\n" + BARE + "<|im_end|>", BARE),
    "few-shot marks": (WHOLE, "completion", f"[BEGIN]\n{BARE}[DONE]\nYou are an expert", BARE),
    "few-shot end mark only": (WHOLE, "completion", f"\n{BARE}[DONE]\n[BEGIN]\n{WRONG}[DONE]\n", BARE),
    "python marks": (WHOLE, "response", f"{SAID}[PYTHON]\n{BARE}[/PYTHON]\n{MEANT}", BARE),
    "answer tags": (WHOLE, "response", f"<answer>\n{BARE}</answer>", BARE),
    "a mark in a string": (
        WHOLE, "response", fenced("def total(n):\n    return '</s>' + '[DONE]'"),
        "def total(n):\n    return '</s>' + '[DONE]'",
    ),
    # escapes and what is left of JSON
    "escaped": (WHOLE, "solution", BARE.rstrip().replace("\n", "\\n"), BARE),
    "escaped twice": (WHOLE, "solution", BARE.rstrip().replace("\n", "\\\\n"), BARE),
    "escaped with quotes": (
        WHOLE, "solution", 'def total(n):\\n    \\"\\"\\"Sum.\\"\\"\\"\\n    return sum(n)',
        'def total(n):\n    """Sum."""\n    return sum(n)',
    ),
    "escaped in pieces": (WHOLE, "solution", BARE.rstrip().replace("\n", '\\n" +\n"'), BARE),
    "escapes that belong": (
        WHOLE, "solution", 'def total(n):\n    return "\\n".join(n)', 'def total(n):\n    return "\\n".join(n)',
    ),
    "end of a JSON string": (WHOLE, "solution", BARE.rstrip() + '" }"', BARE),
    "end of many JSON strings": (WHOLE, "solution", BARE.rstrip() + '" }' * 99, BARE),
    "a dict before the end of JSON": (
        WHOLE, "solution", 'def total(n):\n    return {"sum": sum(n)}"}', 'def total(n):\n    return {"sum": sum(n)}',
    ),
    "half of triple quotes": (WHOLE, "solution", f'""{BARE.rstrip()}""', BARE),
    # completions and bodies
    "completion": (CONTINUED, "completion", BODY, PROMPT + BODY),
    "completion and chat": (CONTINUED, "completion", BODY + "\nThat's all there is to it.\n", PROMPT + BODY),
    "completion and an open fence": (CONTINUED, "completion", BODY + "```\n\nExplanation\n", PROMPT + BODY),
    "completion and another function, cut off": (
        CONTINUED, "completion", BODY + "\n\ndef mean(numbers):\n    return total(", PROMPT + BODY,
    ),
    "completion and a test": (
        CONTINUED, "completion", BODY + "\nprint(total([1, 2]))\n", PROMPT + BODY + "\nprint(total([1, 2]))\n",
    ),
    "completion that lost its first indentation": (CONTINUED, "completion", BODY.lstrip(), PROMPT + BODY),
    "completion at the margin": (CONTINUED, "completion", textwrap.dedent(BODY), PROMPT + BODY),
    "completion in tabs": (CONTINUED, "completion", BODY.replace("    ", "\t"), PROMPT + BODY),
    "completion that repeats the signature": (CONTINUED, "completion", FUNCTION, PROMPT + FUNCTION),
    "completion that repeats the prompt": (CONTINUED, "completion", PROMPT + BODY, PROMPT + PROMPT + BODY),
    "completion with a fence": (CONTINUED, "completion", SAID + fenced(FUNCTION), HEAD + FUNCTION),
    "completion, function indented": (CONTINUED, "completion", textwrap.indent(BARE, "    "), BARE),
    "completion with an end token": (CONTINUED, "completion", BODY.rstrip() + "<|endoftext|>", PROMPT + BODY),
    "completion escaped": (CONTINUED, "completion", BODY.replace("\n", "\\n"), PROMPT + BODY),
    "fenced body": (CONTINUED, "response", SAID + fenced(BODY) + MEANT, PROMPT + BODY),
    "fenced body at the margin": (CONTINUED, "response", SAID + fenced(textwrap.dedent(BODY)), PROMPT + BODY),
    "fenced body and usage": (CONTINUED, "response", fenced(BODY) + fenced("print(total([1]))"), PROMPT + BODY),
    "bare body": (CONTINUED, "response", BODY, PROMPT + BODY),
    "bare body and chat": (CONTINUED, "response", SAID + BODY + MEANT, PROMPT + BODY),
    "function without the prompt's imports": (CONTINUED, "response", fenced(FUNCTION), HEAD + FUNCTION),
    "function with its own imports": (CONTINUED, "response", fenced(HEAD + FUNCTION), HEAD + FUNCTION),
    "function that needs no import": (CONTINUED, "response", fenced(BARE), BARE),
    "function that calls the prompt's": (
        CONTINUED, "response", fenced("def total(numbers):\n    return half(2 * sum(numbers))"),
        "def half(n: int) -> int:\n    return n // 2\ndef total(numbers):\n    return half(2 * sum(numbers))",
    ),
    "imports after __future__": (
        CONTINUED, "response", fenced('"""Sum."""\nfrom __future__ import annotations\nLists = List\n' + BARE),
        '"""Sum."""\nfrom __future__ import annotations\nfrom typing import List\nLists = List\n' + BARE,
    ),
    "whole prompt in the answer": (CONTINUED, "response", fenced(PROMPT + BODY), PROMPT + BODY),
    "solution without imports": (CONTINUED, "solution", FUNCTION, HEAD + FUNCTION),
    # programs without an entry point
    "script": (LOOSE, "response", SAID + fenced("print(sum(map(int, input())))"), "print(sum(map(int, input())))"),
    "script and its input": (
        LOOSE, "response", fenced("n = int(input())\nprint(n * 2)") + "Input:\n" + fenced("5") + fenced("10", "text"),
        "n = int(input())\nprint(n * 2)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_lenient_takes_the_program_that_is_there(name: str) -> None:
    problem, form, reply, expected = CASES[name]
    read = extract(reply, problem, form)
    assert same(read.lenient, expected), f"{read.how_lenient}\n{read.lenient}"


STRICT: dict[str, Case] = {
    "completion": (CONTINUED, "completion", FUNCTION, PROMPT + FUNCTION),
    "completion of a whole program": (WHOLE, "completion", BARE, BARE),
    "solution": (CONTINUED, "solution", fenced(BARE), fenced(BARE)),
    "first fence": (WHOLE, "response", SAID + fenced(WRONG) + fenced(BARE), WRONG),
    "first Python fence": (WHOLE, "response", fenced("pip install x", "bash") + fenced(BARE), BARE),
    "no fence": (WHOLE, "response", SAID + BARE, SAID + BARE),
    "fence never closed": (WHOLE, "response", "```python\n" + BARE, "```python\n" + BARE),
    "thoughts are not skipped": (WHOLE, "response", f"<think>\n{fenced(WRONG)}</think>\n{fenced(BARE)}", WRONG),
    "fenced body": (CONTINUED, "response", fenced(BODY), PROMPT + BODY),
    "fenced function": (CONTINUED, "response", fenced(FUNCTION), FUNCTION),
    "broken function": (CONTINUED, "response", fenced("def total(:"), "def total(:\n"),
    "prompt without a last line end": (
        replace(CONTINUED, prompt=PROMPT.rstrip()), "response", fenced(BODY), PROMPT + BODY,
    ),
    "prose under the prompt": (CONTINUED, "response", "I can't.", PROMPT + "I can't."),
}  # fmt: skip


@pytest.mark.parametrize("name", STRICT)
def test_strict_takes_what_a_harness_would(name: str) -> None:
    problem, form, reply, expected = STRICT[name]
    assert extract(reply, problem, form).strict == expected


# Nothing of these is a program; the error is to be seen.
BROKEN: dict[str, Case] = {
    "refusal": (WHOLE, "response", "I'm sorry, but I can't help with that.", ""),
    "error in the middle": (WHOLE, "response", fenced("def total(n):\n    if n  3:\n        n = 1\n    return n"), ""),
    "cut off in the function": (
        WHOLE, "response", "```python\ndef total(n):\n    if not n:\n        return 0\n    for x in", "",
    ),
    "cut off in the completion": (CONTINUED, "completion", "    for number in numbers:\n        if number >", ""),
    "a helper with an error": (WHOLE, "response", "def plus(a, b):\n    return a b\n\n" + USING, ""),
    "unindented line in the function": (
        WHOLE, "solution", "def total(n):\n\tx = 0\ny = 1\n\tfor i in n:\n\t\tx += i\n\treturn x", "",
    ),
    "body of another function": (CONTINUED, "completion", "def other(n):\n    return n +", ""),
    "null bytes": (WHOLE, "response", "def total(n):\n    return '\0'", ""),
    "lone surrogates": (WHOLE, "response", "def total(n):\n    return '\ud800'", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_where_nothing_parses_the_strict_reading_stands(name: str) -> None:
    problem, form, reply, _ = BROKEN[name]
    read = extract(reply, problem, form)
    assert read.lenient == read.strict
    with pytest.raises((SyntaxError, ValueError)):
        compile(read.strict, "<strict>", "exec")


def test_code_without_the_entry_point_is_still_shown() -> None:
    read = extract("The code\n```python\ndef other(x):\n    return x\n", WHOLE, "response")
    assert same(read.lenient, "def other(x):\n    return x")
    assert read.how_lenient == "no total in it"


@pytest.mark.parametrize("reply", ["", " \n\t\r\n"])
@pytest.mark.parametrize("form", ["completion", "solution", "response"])
def test_a_blank_reply_has_no_program(reply: str, form: SampleForm) -> None:
    read = extract(reply, CONTINUED, form)
    assert (read.strict, read.lenient) == ("", "")


def test_reasoning_that_never_ends_has_no_answer() -> None:
    read = extract(f"<think>\nLet's see:\n{fenced(WRONG)}Hmm", WHOLE, "response")
    assert read.strict == WRONG
    assert read.lenient == ""


def test_the_strict_text_stands_where_both_read_the_same_program() -> None:
    windows = BARE.replace("\n", "\r\n")
    read = extract(windows, WHOLE, "solution")
    assert (read.strict, read.lenient) == (windows, windows)


def test_hostile_text_is_silent_and_does_not_change_the_warning_filters() -> None:
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        extract('def total(n):\n    return "\\d" is n or 1if n else 2', WHOLE, "solution")
    assert caught == []
    assert warnings.filters == before


BOMBS = {
    "brackets": "(" * 5000,
    "minuses": "-" * 20000 + "1",
    "attributes": "a" + ".a" * 20000,
    "lambdas": "lambda:" * 3000 + "1",
    "elifs": "if a:\n  b\n" + "elif a:\n  b\n" * 3000,
    "sum": "1" + "+1" * 20000,
    "ifs": "".join(" " * i + "if a:\n" for i in range(99)) + " " * 99 + "a\n",
    "digits": "9" * 5000,
    "power": "def total(n):\n    return 9**9**9**9",
    "backticks": "`" * 100000 + "\n" + "`" * 100000,
    "tildes": ("~" * 1999 + "`\n") * 50,
    "fences": "```\n" * 20000,
    "python fences": "```python\nx\n" * 5000,
    "spaces": " " * 200000 + "x",
    "blank lines": "\n" * 200000 + "x",
    "quotes": '"""' * 20000,
    "tokens": "<|a|>" * 20000,
    "braces": "x" + '" }' * 50000,
    "backslashes": "\\n" * 50000,
    "open strings": "def total(n):\n    '''\n" * 2000,
    "code lines": "def f(\n" * 20000,
    "assignments": "x = (\n" * 20000,
    "decorators": "@a\n" * 20000,
    "words": "word\n" * 15000,
    "comments": "# total\n" * 30000,
    "big list": "total = [" + "1, " * 300000 + "]",
    "junk": "".join(chr(33 + (i * i * 7919) % 90) + ("\n" if i % 61 == 0 else "") for i in range(300000)),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("problem", [CONTINUED, WHOLE, LOOSE], ids=["continued", "whole", "loose"])
def test_bombs_end_and_do_not_raise(name: str, problem: Problem) -> None:
    for form in ("completion", "response"):
        read = extract(BOMBS[name], problem, form)  # type: ignore[arg-type]
        assert isinstance(read.lenient, str)


def test_a_long_reply_takes_a_bounded_number_of_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    real = ast.parse

    def counting(source: str) -> ast.Module:
        parsed.append(len(source))
        return real(source)

    monkeypatch.setattr("sparkgap.extract.parsing.ast.parse", counting)
    extract("for x in words: if (\n" * 50000, WHOLE, "response")
    assert 0 < len(parsed) <= 400
    assert max(parsed) <= 200_000


def test_replies_may_be_read_in_threads() -> None:
    reads: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: reads.extend(extract(SAID + BARE, WHOLE, "response").lenient for _ in range(20))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 80
    assert all(same(read, BARE) for read in reads)


PIECES = st.sampled_from(
    ["```", "```python\n", "~~~", "\n", "    ", "def total(n):", "return n", "'''", '"""', "<think>", "</think>", "(",
     "\\n", "[BEGIN]", "[DONE]", "<|endoftext|>", "> ", "1. ", "\t", "\r\n", "}", "if x:", "\0", "\ud800", "# a",
     "import os", "@f"]
)  # fmt: skip


@given(
    st.lists(PIECES | st.text(max_size=6), max_size=30).map("".join),
    st.sampled_from([CONTINUED, WHOLE, LOOSE]),
    st.sampled_from(["completion", "solution", "response"]),
)
def test_any_text_is_read_without_raising(reply: str, problem: Problem, form: SampleForm) -> None:
    read = extract(reply, problem, form)
    if read.lenient != read.strict:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(read.lenient, "<lenient>", "exec")


EXPRESSIONS = st.recursive(
    st.sampled_from(
        ["n", "0", "'a'", "'```'", '"""\n```\n"""', "'\\n'", "[n]", "{'k': n}", "f'{n}'", "'</s>'", "'don\\'t'"]
    ),
    lambda inner: st.tuples(inner, inner).map(lambda two: f"({two[0]}, {two[1]})") | inner.map("len({})".format),
    max_leaves=4,
)  # fmt: skip
STATEMENTS = st.one_of(
    EXPRESSIONS.map("x = {}".format),
    EXPRESSIONS.map("if n:\n    y = {}".format),
    st.just("# the next step"),
    st.just("for i in range(3):\n    pass"),
    st.just("try:\n    z = 1\nexcept ValueError:\n    raise"),
    st.just('"""Words,\nand more (of them."""'),
)
LINES_AFTER = st.sampled_from(["", "\nprint(total(1))", "\nassert total", '\nif __name__ == "__main__":\n    total(2)'])
BEFORE = st.sampled_from(
    ["", "import math\n\n", "LIMIT = [\n    1,\n]\n", "def aid(n):\n    return n\n\n\n", "@staticmethod\n"]
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    body = "\n".join(draw(st.lists(STATEMENTS, max_size=4)))
    returned = f"return {draw(EXPRESSIONS)}"
    inner = f"{body}\n{returned}" if body else returned
    # Strings over several lines are indented with the rest: another string, but a program all the same.
    return draw(BEFORE) + "def total(n):\n" + textwrap.indent(inner, "    ") + "\n" + draw(LINES_AFTER)


WRAPPERS = {
    "as it is": "{}",
    "prose and fence": SAID + "```python\n{}\n```\n" + MEANT,
    "unlabelled fence": "```\n{}\n```",
    "tildes": "~~~python\n{}\n~~~\nDone.",
    "long fence": "`````py\n{}\n`````",
    "fence and usage": "```python\n{}\n```\nUse:\n```python\nprint(total(3))\n```\n",
    "shell and fence": "```sh\npip install x\n```\n\n```python\n{}\n```",
    "thoughts": "<think>\nI don't know: ```python\n</think>\n```python\n{}\n```",
    "answer tags": "<answer>\n```python\n{}\n```\n</answer>",
    "end token": "```python\n{}\n```<|im_end|>",
    "python marks": "[PYTHON]\n{}\n[/PYTHON]",
    "one word before": "Sure:\n\n{}",
}


@given(programs(), st.sampled_from(sorted(WRAPPERS)))
def test_a_program_is_recovered_from_any_wrapping(program: str, name: str) -> None:
    read = extract(WRAPPERS[name].format(program), WHOLE, "response")
    assert same(read.lenient, program), f"{read.how_lenient}\n{read.lenient}"


# --- Real programs ---------------------------------------------------------------------------------------------------


def humaneval(published: Path) -> list[Problem]:
    with gzip.open(published / "humaneval" / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Problem(
            row["task_id"], "humaneval", row["prompt"], row["prompt"] + row["canonical_solution"],
            CodeTests(row["test"]), row["entry_point"], continues=True,
        )
        for row in rows
    ]  # fmt: skip


def mbpp(published: Path) -> list[Problem]:
    rows = [json.loads(line) for line in (published / "mbpp" / "mbpp.jsonl").read_text("utf-8").splitlines()]
    return [
        Problem(f"Mbpp/{row['task_id']}", "mbpp", row["text"], row["code"], CodeTests(""), entry_of(row))
        for row in rows
    ]


def entry_of(row: dict[str, list[str]]) -> str:
    """The first name called in the first assert that the canonical code defines."""
    defined = {node.name for node in ast.walk(parse(str(row["code"]))) if isinstance(node, ast.FunctionDef)}
    calls = [node.func.id for node in ast.walk(parse(row["test_list"][0]))
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]  # fmt: skip
    return next((name for name in calls if name in defined), "")


CHATS = {
    "fence": fenced,
    "prose and unlabelled fence": lambda code: SAID + fenced(code, "") + MEANT,
    "tildes": lambda code: SAID + fenced(code, "py", "~~~") + MEANT,
    "no fence": lambda code: SAID + code + "\n" + MEANT,
    "never closed": lambda code: SAID + "```python\n" + code,
    "in a list": lambda code: "1. The code:\n" + textwrap.indent(fenced(code), "   ", lambda _: True) + "2. Done.\n",
    "fence and usage": lambda code: fenced(code) + "Use it:\n" + fenced("print('it works')"),
    "shell, code, output": lambda code: fenced("pip install x", "sh") + fenced(code) + fenced("42", ""),
    "windows": lambda code: (SAID + fenced(code) + MEANT).replace("\n", "\r\n"),
    "end token": lambda code: fenced(code).rstrip() + "<|eot_id|>",
    "thoughts": lambda code: f"<think>\nIt's ```easy```.\n</think>\n{fenced(code)}",
}


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("benchmark", [humaneval, mbpp], ids=["humaneval", "mbpp"])
def test_every_canonical_program_is_recovered_from_chat(benchmark: object, chat: str, published: Path) -> None:
    problems = benchmark(published)  # type: ignore[operator]
    lost = []
    for problem in problems:
        code = problem.reference.replace("\r\n", "\n")
        if not same(extract(CHATS[chat](code), problem, "response").lenient, code):
            lost.append(problem.id)
    assert (lost, len(problems) > 100) == ([], True)


BODIES = {
    "completion": ("completion", str),
    "completion and chat": ("completion", lambda body: body + "\nThis works because it's right.\n"),
    "completion and a fence": ("completion", lambda body: body + "```\n"),
    "completion, first indentation lost": ("completion", str.lstrip),
    "completion at the margin": ("completion", textwrap.dedent),
    "completion escaped": ("completion", lambda body: body.replace("\\", "\\\\").replace("\n", "\\n")),
    "fenced body": ("response", lambda body: SAID + fenced(body) + MEANT),
    "fenced body at the margin": ("response", lambda body: SAID + fenced(textwrap.dedent(body)) + MEANT),
    "bare body": ("response", str),
    "fenced body and usage": ("response", lambda body: fenced(body) + fenced("print(1)")),
}


@pytest.mark.parametrize("style", BODIES)
def test_every_canonical_body_is_put_under_its_prompt(style: str, published: Path) -> None:
    form, wrap = BODIES[style]
    lost = []
    for problem in humaneval(published):
        body = problem.reference.removeprefix(problem.prompt)
        read = extract(wrap(body), problem, form)  # type: ignore[arg-type, operator]
        if not same(read.lenient, problem.reference):
            lost.append(problem.id)
    assert lost == []


def test_every_canonical_function_alone_gets_what_it_needs_of_the_prompt(published: Path) -> None:
    """The entry point's function by itself: the answer must define it, with every name it uses bound."""
    lost = []
    for problem in humaneval(published):
        tree = parse(problem.reference)
        function = [node for node in tree.body if getattr(node, "name", "") == problem.entry_point][-1]
        read = extract(fenced(ast.unparse(function)), problem, "response")
        names: dict[str, object] = {}
        exec(compile(read.lenient, "<lenient>", "exec"), names)
        called = {
            node.func.id
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        lacking = {getattr(node, "name", "") for node in tree.body} & called - set(names)
        if problem.entry_point not in names or lacking:
            lost.append(problem.id)
    assert lost == []

"""CRUXEval: every published pair holds in the judge, answers in every form are read, and none can speak for `f`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.benchmarks._expressions import assertion, harmless, source
from sparkgap.benchmarks.cruxeval import BENCHMARK as CRUXEVAL
from sparkgap.judge import Judge
from sparkgap.types import CodeTests, Limits, Problem, Program, Variant

VARIANTS = {variant.name: variant for variant in CRUXEVAL.variants}


@pytest.fixture(scope="module")
def problems(published: Path) -> tuple[Problem, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKGAP_DATA", str(published))
        return tuple(CRUXEVAL.problems())


@pytest.fixture(scope="module")
def judge():
    with Judge() as judge:
        yield judge


def right(problem: Problem) -> str:
    """Return the published assertion."""
    return f"assert f({problem.metadata['input']}) == {problem.metadata['output']}"


def test_every_function_is_there_once(problems: tuple[Problem, ...]) -> None:
    assert [problem.id for problem in problems] == [f"CRUXEval/{number}" for number in range(800)]


def test_every_published_pair_holds_and_is_right_as_an_answer_to_both_tasks(
    problems: tuple[Problem, ...], judge: Judge
) -> None:
    programs, where = [], []
    for problem in problems:
        programs.append(Program(problem.reference, problem.tests))
        where.append((problem.id, "reference"))
        for task in ("output", "input"):
            program, _ = CRUXEVAL.program(problem, VARIANTS[task], f"[ANSWER]\n{right(problem)}\n[/ANSWER]")
            programs.append(Program(program, problem.tests))
            where.append((problem.id, task))
    failed = [where[index] for index, verdict in judge.stream(programs) if not verdict.passed]
    assert failed == [("CRUXEval/258", "input")], "that published input names a variable of its code"


def test_another_functions_output_is_wrong(problems: tuple[Problem, ...], judge: Judge) -> None:
    chosen = problems[:100]
    programs = []
    for problem, other in zip(chosen, problems[1:101], strict=True):
        program, _ = CRUXEVAL.program(problem, VARIANTS["output"], other.metadata["output"])
        programs.append(Program(program, problem.tests))
    values = [ast.literal_eval(problem.metadata["output"]) for problem in problems[:101]]
    same = {place for place in range(100) if values[place] == values[place + 1]}
    assert {index for index, verdict in judge.stream(programs) if verdict.passed} == same
    assert len(same) < 5


@pytest.fixture
def problem() -> Problem:
    code = "def f(n, k=2):\n    for _ in range(k):\n        n = n * 2 - 1\n    return [n]"
    tests = CodeTests("assert answer() == [9]\n")
    return Problem("CRUXEval/0", "cruxeval", code, "", tests, "answer", metadata={"input": "3", "output": "[9]"})


OUTPUTS = {
    "[ANSWER]\nassert f(3) == [9]\n[/ANSWER]": "passed",
    "[ANSWER]assert f(3) == [9][/ANSWER]": "passed",
    "[ANSWER]\n[9]\n[/ANSWER]": "passed",
    "[ANSWER]\nf(3) == [9]\n[/ANSWER]": "passed",
    "[ANSWER]\nassert [9] == f(3)\n[/ANSWER]": "passed",
    "[ANSWER]\n```python\nassert f(3) == [9]\n```\n[/ANSWER]": "passed",
    "[THOUGHT]\nIt is [ANSWER] later.\n[/THOUGHT]\n[ANSWER]\nassert f(3) == [9]\n[/ANSWER]": "passed",
    "First [ANSWER]\nassert f(3) == [8]\n[/ANSWER], no: [ANSWER]\nassert f(3) == [9]\n[/ANSWER] it is.": "passed",
    "[ANSWER]\nassert f(3) == [9]": "passed",
    "assert f(3) == [9]": "passed",
    "The loop runs twice.\nassert f(3) == [9]": "passed",
    "[ANSWER]\nassert f(3) == [3 * 3]\n[/ANSWER]": "passed",
    "[ANSWER]\nassert f(3) == [x for x in range(10) if x > 8]\n[/ANSWER]": "passed",
    "[ANSWER]\nassert f(3) == [10]\n[/ANSWER]": "wrong",
    "[ANSWER]\nassert f(3) == 9\n[/ANSWER]": "wrong",
    "[ANSWER]\nassert f(3) == '[9]'\n[/ANSWER]": "wrong",
    "[ANSWER]\nassert f(3) == f(3)\n[/ANSWER]": "empty",
    "[ANSWER]\nassert f(3) == ??\n[/ANSWER]": "empty",
    "[ANSWER]\nf(3)\n[/ANSWER]": "empty",
    "[ANSWER]\nassert f(3) == [9\n[/ANSWER]": "empty",
    "[ANSWER]\nassert f(3) == [9] == [9]\n[/ANSWER]": "empty",
    "[ANSWER]\nassert f(3) != [9]\n[/ANSWER]": "empty",
    "[ANSWER]\nassert True\n[/ANSWER]": "wrong",
    "I cannot tell.": "empty",
    "[ANSWER][/ANSWER]": "empty",
    "": "empty",
}
INPUTS = {
    "[ANSWER]\nassert f(3) == [9]\n[/ANSWER]": "passed",
    "[ANSWER]\nassert f(5, 1) == [9]\n[/ANSWER]": "passed",
    "[ANSWER]\nassert f(n=5, k=1) == [9]\n[/ANSWER]": "passed",
    "[ANSWER]\nassert f(*[5, 1]) == [9]\n[/ANSWER]": "passed",
    "[ANSWER]\nassert f(len('abc')) == [9]\n[/ANSWER]": "passed",
    "[ANSWER]\nf(9, 0)\n[/ANSWER]": "passed",
    "[ANSWER]\nassert f(3) == [8]\n[/ANSWER]": "passed",  # what it is said to give does not count: f decides
    "[ANSWER]\nassert f(4) == [9]\n[/ANSWER]": "wrong",
    "[ANSWER]\nassert f('x') == [9]\n[/ANSWER]": "raised",
    "[ANSWER]\nassert f(3, 10**12) == [9]\n[/ANSWER]": "timeout",
    "[ANSWER]\n3\n[/ANSWER]": "empty",
    "[ANSWER]\nassert g(3) == [9]\n[/ANSWER]": "empty",
    "[ANSWER]\nassert [9] == [9]\n[/ANSWER]": "empty",
}


@pytest.mark.parametrize(
    ("task", "reply", "status"),
    [("output", *each) for each in OUTPUTS.items()] + [("input", *each) for each in INPUTS.items()],
)
def test_answers_in_every_form(task: str, reply: str, status: str, problem: Problem, judge: Judge) -> None:
    program, how = CRUXEVAL.program(problem, VARIANTS[task], reply)
    assert how
    limits = Limits(cpu_s=0.3)
    assert (judge.run(Program(program, problem.tests, limits=limits)).status if program else "empty") == status


def test_a_completion_ends_at_the_closing_tag_that_the_prompt_opened(problem: Problem) -> None:
    reply = "assert f(3) == [9]\n[/ANSWER]\n\n[PYTHON]\ndef f(x):\n    return x\nassert f(1) == ??"
    program, _ = CRUXEVAL.program(problem, VARIANTS["output_completion"], reply)
    assert program == "def answer():\n    return [9]\n"


@pytest.mark.parametrize(
    "expression",
    [
        "globals().update(f=lambda *a: [9])",
        "__builtins__",
        "f.__globals__",
        "().__class__.__base__.__subclasses__()",
        "(x for x in [1]).gi_frame.f_globals",
        "(lambda: 0).__code__",
        "open('/etc/passwd').read()",
        "__import__('os').system('true')",
        "eval('1')",
        "getattr([], 'append')",
        "setattr(range, 'x', 1)",
        "[globals() for _ in [0]] + [0 for globals in []]",
        "(f := 3)",
        "type('X', (), {'__eq__': lambda *a: True})()",
        "print(1)",
        "f(3)",
        "thigh_o_two",
        "f'{x.__class__}'",
    ],
)
def test_an_answer_that_does_more_than_compute_is_none(expression: str, problem: Problem) -> None:
    for task, reply in (("output", f"[ANSWER]{expression}[/ANSWER]"), ("input", f"[ANSWER]f({expression})[/ANSWER]")):
        assert CRUXEVAL.program(problem, VARIANTS[task], reply)[0] == ""


@pytest.mark.parametrize(
    "expression",
    [
        "{'a': (1, 2.5), 'b': {1, 2}}", "set()", "frozenset({1})", "'a' * 20", "dict(a=1, b=2)", "-1", "1j", "b'x'",
        "'bfre-at'.split('-')", "(lambda x: x < 2)", "[(a, b) for a in 'xy' for b in range(2)]", "''.join(['A'] * 3)",
        "sorted({3, 1}, key=lambda x: -x)", "[1, 2][::-1]", "None", "f'{1 + 1}'", "{**{'a': 1}}",
    ],
)  # fmt: skip
def test_a_value_however_it_is_written_is_let_through(expression: str) -> None:
    assert harmless(ast.parse(expression, mode="eval").body)


def test_the_gap_hides_the_answer_and_the_rest_is_shown(problems: tuple[Problem, ...]) -> None:
    for problem in problems[::40]:
        for name, variant in VARIANTS.items():
            request = CRUXEVAL.ask(problem, variant, ())
            last = (request.text or request.messages[-1].content).rpartition("[PYTHON]\n")[2]
            assert last.startswith(problem.prompt)
            asked = last.partition("\n[/PYTHON]")[0].rpartition("\n")[2]
            if name.startswith("output"):
                assert asked == f"assert f({problem.metadata['input']}) == ??"
            else:
                assert asked == f"assert f(??) == {problem.metadata['output']}"


def test_the_examples_are_right(judge: Judge) -> None:
    """Each example that is shown to a model holds when it is run, and passes as an answer to its own question."""
    problem = Problem("CRUXEval/0", "cruxeval", "def f(x):\n    return x", "", CodeTests("assert answer()"), "answer",
                      metadata={"input": "1", "output": "1"})  # fmt: skip
    for variant in VARIANTS.values():
        request = CRUXEVAL.ask(problem, variant, ())
        shown = request.text or "\n".join(message.content for message in request.messages)
        *shots, _ = shown.split("[PYTHON]\n")[1:]
        assert len(shots) == (1 if "_cot" in variant.name else 2)
        for shot in shots:
            code, _, rest = shot.partition("[/PYTHON]")
            answer = rest.partition("[ANSWER]\n")[2].partition("\n[/ANSWER]")[0]
            function = code.strip().rpartition("\n")[0]
            assert judge.run(Program(function, CodeTests(answer))).passed


@given(st.text() | st.text(alphabet="assertf()=[]{}:'\"\\,. 019\n*lambdax") | st.from_regex(r"\[ANSWER\].{0,40}"))
def test_any_reply_is_read_without_a_fault(text: str) -> None:
    problem = Problem("CRUXEval/0", "cruxeval", "def f(x):\n    return x", "", None, "answer")
    for variant in VARIANTS.values():
        program, how = CRUXEVAL.program(problem, variant, text)
        assert how
        if program:
            ast.parse(program)


@pytest.mark.parametrize(
    "text",
    ["(" * 5000, "[" * 90 + "]" * 90, "-" * 19000 + "1", "1+" * 9000 + "1", "a\n" * 9000, "f(" * 100 + ")" * 100],
)
def test_deep_and_long_answers_are_read_without_a_fault(text: str) -> None:
    problem = Problem("CRUXEval/0", "cruxeval", "def f(x):\n    return x", "", None, "answer")
    for task in ("output", "input"):
        for reply in (text, f"[ANSWER]assert f({text}) == {text}[/ANSWER]"):
            CRUXEVAL.program(problem, VARIANTS[task], reply)


def test_a_sides_source_is_what_was_written() -> None:
    call, value = assertion("assert f(1, *[2], c=3) == {'x': [1, (2,)]}", "f")
    assert call is not None
    assert value is not None
    assert (source(call), source(value)) == ("f(1, *[2], c=3)", "{'x': [1, (2,)]}")


def test_the_decoding_is_the_papers() -> None:
    assert {variant.decoding.temperature for variant in VARIANTS.values()} == {0.2}
    completions: list[Variant] = [variant for variant in VARIANTS.values() if "completion" in variant.needs]
    assert [variant.decoding.stop for variant in completions] == [("[/ANSWER]",)] * 4

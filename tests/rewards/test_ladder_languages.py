"""The ladder over programs in other languages: lines that the compiler refused, warnings, and which asserts count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enemies.languages import NAMES, enemies_of
from rewards.verdicts import PROBLEM, judged, value
from sparkgap import Judge, Program, plugins
from sparkgap.errors import InputError
from sparkgap.rewards import Judged
from sparkgap.rewards._asserts import number_of_asserts
from sparkgap.rewards.ladder import REWARD, Ladder
from sparkgap.types import CodeTests, Diagnostic, Limits, Verdict
from toolchain import needed

LIMITS = Limits(cpu_s=20)


def remarks(severity: str, *lines: int) -> tuple[Diagnostic, ...]:
    return tuple(Diagnostic("parse", severity, "E", "wrong", line, 1) for line in lines)  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 40), min_size=1), st.lists(st.integers(1, 40)))
def test_fewer_lines_refused_are_worth_more_and_none_most(errors: list[int], warnings: list[int]) -> None:
    told = (*remarks("error", *errors), *remarks("warning", *warnings))
    refused = value(REWARD, judged("compile", stage="parse", diagnostics=told))
    mended = value(REWARD, judged("compile", stage="parse", diagnostics=remarks("error", *errors[:-1])))
    accepted = value(REWARD, judged("raised", stage="load", diagnostics=remarks("warning", *warnings)))
    clean = value(REWARD, judged("raised", stage="load"))
    assert refused == pytest.approx(0.02 + 0.03 / (1 + len(set(errors))))
    assert refused is not None
    assert mended is not None
    assert accepted is not None
    assert clean is not None
    assert 0.02 < refused <= mended < accepted <= clean == pytest.approx(0.05)
    assert clean - accepted == pytest.approx(0.03 * 0.25 * min(5, len(warnings)) / 5)


def test_warnings_cost_a_passing_program_nothing() -> None:
    assert value(REWARD, judged("passed", tests_passed=8, diagnostics=remarks("warning", 1, 2, 3))) == 1.0


@pytest.mark.parametrize("status", ["timeout", "memory", "output"])
def test_a_program_that_the_compiler_gave_up_over_gets_nothing(status: str) -> None:
    assert value(REWARD, judged(status, stage="parse")) == 0
    assert value(REWARD, judged(status, stage="load")) == pytest.approx(0.05)


@pytest.mark.parametrize("share", [-0.1, 0.5, 3.0])
def test_warnings_cannot_make_refused_programs_worth_more(share: float) -> None:
    with pytest.raises(InputError, match="warnings"):
        Ladder(warnings=share)


@pytest.mark.parametrize(
    ("language", "code", "number"),
    [
        ("cpp", "int main() { assert(f(1) == 1); assert (f(2) == 2);\n  // assert(f(3))\n}", 2),
        ("cpp", 'bool same(int a) { for (;;) { return true; } }\nint main() { assert(f("; assert(1)") == 1); }', 1),
        ("cpp", "int main() { for (int i = 0; i < 3; i++) { assert(f(i) == i); } }", None),
        ("cpp", "int main() { if (f(1) == 1) { assert(f(2) == 2); } assert(f(3) == 3); }", None),
        ("cpp", "int main() { assert(f(1) == 1); assert(f( 1 ) == 1); }", None),
        ("rust", "#[test]\nfn t() { assert_eq!(f(1), 1);\n assert!(f(2) == 2);\n assert_ne!(f(3), 2); }", 3),
        ("rust", "fn main() { for each in f(1) { assert!(each > 0); } }", None),
        ("cpp", "int main() { for (int i = 0; i < 3; i++)\n  assert(f(i) == i);\n}", None),
        ("java", "class Main { static void main(String[] a) {\n  assert f(1) == 1;\n  assert(f(2) == 2);\n} }", 2),
        ("javascript", "const t = () => {\n  console.assert(f(1) === 1)\n  console.assert(\n    f(2) === 2)\n}", 2),
        ("javascript", "let n = 0; while (n++ < 2)\n  console.assert(f(n) === n)", None),
        ("javascript", "describe('f', () => { assert.equal(f(1), 1); for (const n of [1]) { g(n) } });", 1),
        ("javascript", "f(3).forEach(x => { assert.equal(x, 1); });", None),
        ("go", "func TestA(t *testing.T) {\n\tassert := assert.New(t)\n\tassert.Equal(1, f(1))\n}", 1),
        ("go", "func TestA(t *testing.T) { for _, each := range cases { t.Errorf(each) } }", None),
        ("go", "func TestA(t *testing.T) {\n\tfor i := 0; i < 9; i++ {\n\t\tassert.Equal(t, 1, f(i))\n\t}\n}", None),
        ("shell", "[[ $(f 1) = 1 ]]", None),
        ("python", "assert f(1) == 1\nassert f(2) == 2", 2),
        ("python", "assert f(1) == 1 }", None),
    ],
)  # fmt: skip
def test_asserts_are_counted_where_each_is_reached_once(language: str, code: str, number: int | None) -> None:
    assert number_of_asserts(code, language) == number


@given(st.text(alphabet="{}();\n\"'`/*asert!.f= ", max_size=80))
def test_any_text_is_counted_or_not(text: str) -> None:
    found = number_of_asserts(text, "cpp")
    assert found is None or 0 < found <= text.count("assert")


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(1) as judge:
        yield judge


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_counts_as_many(judge: Judge, name: str) -> None:
    needed(name)
    trial = enemies_of(name).calls
    verdict = judge.run(Program(trial.right, trial.tests, name, LIMITS, all_tests=True))
    assert verdict.passed
    assert number_of_asserts(trial.tests.code, name) in (None, verdict.tests_total)


TESTS = CodeTests(
    "int main() {\n  assert(f(1) == 1);\n  assert(f(2) == 2);\n  assert(f(3) == 3);\n}", "int f(int a);\n"
)


@pytest.mark.parametrize(
    ("source", "worth"),
    [
        ("int f(int a) { return }", 0.0),
        ("int f(int a) {\n  int c = b;\n  return d;\n}", 0.02 + 0.03 / 3),
        ("int f(int a) {\n  int c = b + e;\n  return c;\n}", 0.02 + 0.03 / 2),
        ("int f(int a) { throw 1; }", 0.05),
        ("int f(int a) {\n  int unused;\n  throw 1;\n}", 0.05 - 0.03 * 0.25 / 5),
        ("int f(int a) { return 0; }", 0.15),
        ("int f(int a) { return a < 3 ? a : 0; }", 0.15 + 0.35 * 2 / 3),
        ("int f(int a) { if (a > 1) throw a; return a; }", 0.15 + 0.35 / 3),
        ("int f(int a) { return a; }", 1.0),
    ],
)
def test_a_cpp_program_climbs(judge: Judge, source: str, worth: float) -> None:
    needed("cpp")
    problem = replace(PROBLEM, tests=TESTS, language="cpp")
    verdict = judge.run(Program(source, TESTS, "cpp", LIMITS, all_tests=True))
    assert value(REWARD, Judged(problem, source, verdict)) == pytest.approx(worth), verdict


@pytest.mark.soak
@pytest.mark.parametrize("benchmark", ["humaneval_x_cpp", "humaneval_x_rust", "humaneval_x_go", "humaneval_x_js"])
def test_published_tests_are_as_many_as_counted(
    judge: Judge, published, monkeypatch: pytest.MonkeyPatch, benchmark: str
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    problems = list(plugins.find("benchmarks", benchmark).problems())[::4]
    needed(problems[0].language, problems[0].tests)
    programs = [Program(p.reference, p.tests, p.language, LIMITS, all_tests=True) for p in problems]
    unlike: list[tuple[str, int | None, Verdict]] = []
    known = 0
    for place, verdict in judge.stream(programs):
        tests = problems[place].tests
        assert isinstance(tests, CodeTests)
        number = number_of_asserts(tests.code, problems[place].language)
        known += number is not None
        if verdict.passed and number not in (None, verdict.tests_total):
            unlike.append((problems[place].id, number, verdict))
    assert not unlike
    assert known > 30

"""The kinds of tests, as the examiner runs them: code with asserts, inputs with an oracle, docstring examples."""

from __future__ import annotations

import builtins
import functools
import importlib
import io
import marshal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sparkgap.judge import oracles, testcode, wire
from sparkgap.judge.link import Candidate, Handle, Link, Raised, Stop, status_of
from sparkgap.judge.questionnaire import batches
from sparkgap.judge.rehearsing import questions
from sparkgap.judge.showing import shown


class Exam(Protocol):
    """One set of tests, prepared once and run for many programs."""

    wanted: frozenset[str]
    class_names: frozenset[str]
    passes_sets: bool  # whether the candidate may be given a set, whose order it then sees
    captures: bool  # whether what the program prints during a call belongs to the test
    foretold: tuple[bytes, ...] | None  # all calls that the tests make, see `testcode.packed`, where that is certain
    total: int | None

    def run(self, link: Link, result: Result) -> None:
        """Run the tests; what stops them is raised."""
        ...


def prepare(tests: bytes) -> Exam:
    """Return the exam for tests as the worker sends them: compiled code, or a description of the other kinds.

    Raises:
        SyntaxError, ValueError: the tests cannot be run.
    """
    if tests[:1] == b"C":
        return CodeExam(tests[1:])
    if tests[:1] == b"D":
        return DocExam(wire.loads(tests[1:]))
    return InputExam(wire.loads(tests[2:]), tests[1:2] == b"s")


@dataclass
class Result:
    """What has come of one program so far."""

    all_tests: bool
    passed: int = 0
    missed: int = 0
    groups: dict[str, list[int]] = field(default_factory=dict)
    answers: list[Any] | None = None
    first: dict[str, Any] | None = None  # status, reason, diagnostics of the first failure
    place: dict[str, str] = field(default_factory=dict)  # test, call, expected, actual of the first failure
    link: Link | None = None
    where: Callable[[BaseException], dict[str, Any]] | None = None

    def count(self) -> None:
        """One test held."""
        self.passed += 1

    def miss(self, error: BaseException) -> None:
        """One test failed; what ends all tests goes on up."""
        if isinstance(error, Stop) and error.status in ("gone", "forbidden", "infra", "again"):
            raise error
        self.missed += 1
        if self.first is None:
            self.first = explained(error)
            if self.where is not None:
                self.place = self.where(error)
            if self.link is not None:
                self.place = {**call_made(self.link), **self.place}

    def outcome(self) -> dict[str, Any]:
        """Return the verdict's status after the last test."""
        found: dict[str, Any] = dict(self.first) if self.first is not None else {"status": "passed"}
        if self.answers is not None:
            found["answers"] = self.answers
        return found

    def total(self, known: int | None) -> int | None:
        """Return how many tests there are, None if the failure of one hides how many would have followed."""
        if known is not None:
            return known
        finished = self.all_tests or (self.first is None and not self.place)
        return self.passed + self.missed if finished else None

    def failure(self, link: Link) -> dict[str, str] | None:
        """Return the first failing test in words."""
        return (self.place if self.first is not None else {**call_made(link), **self.place}) or None


def call_made(link: Link) -> dict[str, str]:
    """Return the last call in words, with its arguments as they were sent, and what came back."""
    if link.last_call is None:
        return {}
    name, args, kwargs = link.last_call
    if link.sent[:1] == b"m":
        what, *sent = marshal.loads(link.sent[1:])  # noqa: S302 - our own
        if what == "call":
            _, args, kwargs = sent
    inner = [*map(shown, args), *(f"{key}={shown(value)}" for key, value in kwargs.items())]
    found = {"call": f"{name}({', '.join(inner)})"}
    return found | {"actual": shown(link.last_answer)} if link.answered else found


def explained(error: BaseException) -> dict[str, Any]:
    """Return the status and the reason that an exception out of the tests amounts to."""
    if isinstance(error, Candidate):
        types = error.described["types"]
        reason = f"{types[0]}: {error.described['text']}".rstrip(": ")
        return {"status": status_of(types), "reason": reason, "diagnostics": [error.described]}
    if isinstance(error, Raised):
        return {"status": error.status, "reason": error.reason, "diagnostics": [error.described]}
    if isinstance(error, Stop):
        return {"status": error.status, "reason": error.reason}
    if isinstance(error, AssertionError):
        text = str(error)
        return {"status": "wrong", "reason": f"a test failed: {text}"[:500] if text else "a test failed"}
    if isinstance(error, MemoryError):
        return {"status": "memory", "reason": "its answer takes more memory than the tests may use"}
    if isinstance(error, ImportError):
        return {"status": "infra", "reason": f"the tests import what the examiner does not have: {error}"[:300]}
    if isinstance(error, NameError) and error.name:
        return {"status": "raised", "reason": f"NameError: the program does not define {error.name!r}"}
    return {"status": "wrong", "reason": f"the test cannot use the answer: {type(error).__name__}: {error}"[:500]}


def _supplied(link: Link, wanted: frozenset[str]) -> dict[str, Any]:
    """Return what the candidate defines of the names that tests want, as functions that call it and plain values.

    A standard module that the tests use by name is always the examiner's own.
    """
    namespace: dict[str, Any] = {}
    for name, kind in link.names.items():
        if name not in wanted or type(kind) is not str:
            continue
        if kind == "function":
            namespace[name] = link.function(name)
        elif kind == "class":
            namespace[name] = link.made_class(name)
        elif kind == "exception":
            namespace[name] = link.exceptions[name] = type(name, (Candidate,), {})
        elif kind.startswith("module:") or name in sys.stdlib_module_names:
            module = kind.removeprefix("module:") if kind.startswith("module:") else name
            if module.partition(".")[0] in sys.stdlib_module_names:
                namespace[name] = importlib.import_module(module)
        else:
            namespace[name] = link.request(("get", name))
    return namespace


class CodeExam:
    """Python that calls the candidate's functions (`CodeTests`)."""

    captures = False

    def __init__(self, prepared: bytes) -> None:
        self._tests = testcode.TestCode.unpack(prepared)
        self.wanted = self._tests.wanted
        self.total = self._tests.total
        self.class_names = self._tests.classes
        self.passes_sets = self._tests.passes_sets
        self.foretold = self._tests.foretold

    def rehearse(self) -> tuple[list[tuple[bytes, int]], list[bytes]]:
        """Return all that the tests ask, and have it foretold; see `rehearsing.questions`."""
        tests = self._tests
        if tests.classes or tests.buffers or "unittest" in tests.source:
            return [], []
        rows, calls = questions(tests.source, tests.prelude, tests.wanted)
        self.foretold = tuple(calls) or None
        return rows, calls

    def run(self, link: Link, result: Result) -> None:
        """Run the tests in a fresh namespace."""
        supplied = _supplied(link, self.wanted)
        namespace: dict[str, Any] = {"__name__": "tests", **supplied}
        exec(self._tests.prelude, namespace)  # noqa: S102 - trusted, and jailed all the same
        namespace |= supplied  # what the prelude only declares is the candidate's
        if self.class_names:
            defined = {name: namespace[name] for name in self.class_names if isinstance(namespace.get(name), type)}
            link.supply(defined)
            link.opens_objects = "class" in {link.names.get(name) for name in supplied}
        link.buffers = self._tests.buffers
        namespace[testcode.COUNT] = result.count
        namespace[testcode.MISS] = result.miss
        result.where, result.link = self._place, link
        try:
            exec(self._tests.code, namespace)  # noqa: S102
            _run_test_cases(namespace, result)
        except Exception as error:
            result.miss(error)
        except BaseException as error:
            result.place = result.place or self._place(error)
            raise
        if self._tests.source.strip() and result.first is None and not supplied:
            raise Stop("infra", "the tests use nothing that the program defines")

    def _place(self, error: BaseException) -> dict[str, str]:
        frame = line = None
        step = error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == testcode.TESTS:
                frame, line = step.tb_frame, step.tb_lineno
            step = step.tb_next
        if frame is None or line is None:
            return {}
        lines = self._tests.source.splitlines()
        found = {"test": lines[line - 1].strip()[:1000] if line <= len(lines) else ""}
        if isinstance(error, AssertionError) and not isinstance(error, Candidate):
            operator = self._tests.operators.get(line)
            if operator is not None and testcode.RIGHT in frame.f_locals:
                right = shown(frame.f_locals[testcode.RIGHT])
                found["expected"] = right if operator == "==" else f"{operator} {right}"
                found["actual"] = shown(frame.f_locals[testcode.LEFT])
        return found


def _run_test_cases(namespace: dict[str, Any], result: Result) -> None:
    """Run the `unittest` classes that the tests define; each method counts as one test."""
    unittest = sys.modules.get("unittest")
    if unittest is None:
        return
    for kind in list(namespace.values()):
        if isinstance(kind, type) and issubclass(kind, unittest.TestCase) and kind.__module__ == "tests":
            for case in unittest.defaultTestLoader.loadTestsFromTestCase(kind):
                outcome = case.run()
                if outcome is not None and outcome.wasSuccessful():
                    result.count()
                else:
                    text = str([*outcome.failures, *outcome.errors][0][1])
                    result.miss(AssertionError(text.strip().splitlines()[-1]))
                    if not result.all_tests:
                        return


class InputExam:
    """Inputs, expected outputs and an oracle (`InputTests`)."""

    captures = False
    class_names: frozenset[str] = frozenset()
    foretold: tuple[bytes, ...] | None = None

    def __init__(self, tests: dict[str, Any], passes_sets: bool) -> None:
        oracle, inputs, expected = tests["oracle"], tests["inputs"], tests["expected"]
        if oracle not in oracles.ORACLES:
            raise ValueError(f"no such oracle: {oracle!r}; there are {', '.join(sorted(oracles.ORACLES))}")
        self._entry_point: str = tests["entry_point"]
        self._inputs, self._expected = inputs, expected
        self._atol, self._oracle = tests["atol"], oracle
        self._group_of = [name for name, size in tests["groups"] for _ in range(size)]
        self.passes_sets = passes_sets
        self.wanted = frozenset({self._entry_point})
        self.total: int | None = len(inputs)

    @functools.cached_property
    def _batches(self) -> list[tuple[bytes, int]]:
        return batches(self._entry_point, self._inputs, self._expected)

    def run(self, link: Link, result: Result) -> None:
        """Send the inputs in batches and compare what comes back, in order."""
        if self._entry_point not in link.names:
            result.miss(NameError(name=self._entry_point))
            return
        if self._expected is None:
            result.answers = []
        start = 0
        for message, size in self._batches:
            link.send_bytes(message)
            for index in range(start, start + size):
                if not self._one(link, index, result) and not result.all_tests:
                    return
            start += size

    def _one(self, link: Link, index: int, result: Result) -> bool:
        args = self._inputs[index]
        group = result.groups.setdefault(self._group_of[index], [0, 0]) if self._group_of else [0, 0]
        group[1] += 1
        link.last_call, link.answered = (self._entry_point, args, {}), False
        try:
            answer = link.answer(())  # the inputs stay as they are, whatever the candidate did to its copies
            link.last_answer, link.answered = answer, True
            if self._expected is None:
                assert result.answers is not None
                result.answers.append(answer.described() if type(answer) is Handle else answer)
            elif not oracles.compare(self._oracle, args, answer, self._expected[index], self._atol):
                raise AssertionError
        except (Exception, Stop, Raised) as error:
            result.where = lambda e: self._place(e, index, link)
            result.miss(error)
            return False
        result.count()
        group[0] += 1
        return True

    def _place(self, error: BaseException, index: int, link: Link) -> dict[str, str]:
        call = f"{self._entry_point}({', '.join(map(shown, self._inputs[index]))})"
        found = {"test": f"input {index}" + (f" ({self._group_of[index]})" if self._group_of else ""), "call": call}
        if self._expected is not None:
            found["expected"] = shown(self._expected[index])
        if link.answered:
            found["actual"] = shown(link.last_answer)
        return found


class DocExam:
    """Docstring examples (`DocTests`), compared as doctest does."""

    captures = True
    class_names: frozenset[str] = frozenset()
    foretold: tuple[bytes, ...] | None = None

    def __init__(self, tests: dict[str, Any]) -> None:
        import doctest

        text: str = tests["text"]
        self._examples = doctest.DocTestParser().get_examples(text)
        self._checker = doctest.OutputChecker()
        self._prelude = compile(tests["prelude"], testcode.PRELUDE, "exec", dont_inherit=True)
        if not self._examples:
            raise ValueError("the text has no examples (>>>)")
        self._code = [compile(e.source, testcode.TESTS, "single", dont_inherit=True) for e in self._examples]
        self.wanted = frozenset().union(*map(testcode.used_names, self._code)) - vars(builtins).keys()
        self.total: int | None = len(self._examples)
        self.passes_sets = "{" in text or "set(" in text

    def run(self, link: Link, result: Result) -> None:
        """Run the examples one after another in one namespace."""
        supplied = _supplied(link, self.wanted)
        namespace: dict[str, Any] = {"__name__": "tests", **supplied}
        exec(self._prelude, namespace)  # noqa: S102
        namespace |= supplied
        link.shows_reprs = True
        for example, code in zip(self._examples, self._code, strict=True):
            link.last_call = None
            try:
                self._one(link, namespace, example, code)
            except Exception as error:
                result.where = lambda e, example=example: {"test": example.source.strip(), **getattr(e, "sides", {})}
                result.miss(error)
                if not result.all_tests:
                    return
            else:
                result.count()

    def _one(self, link: Link, namespace: dict[str, Any], example: Any, code: Any) -> None:
        out, before = io.StringIO(), sys.stdout
        link.printed = ""
        sys.stdout = out
        try:
            exec(code, namespace)  # noqa: S102
        except Candidate as error:
            if example.exc_msg is None:
                raise
            types = error.described["types"]
            got = f"{types[0]}: {error.described['text']}\n" if error.described["text"] else f"{types[0]}\n"
            wanted = example.exc_msg
        else:
            got, wanted = link.printed + out.getvalue(), example.want
            if example.exc_msg is not None:
                got = "(no exception)\n"  # whatever was printed
        finally:
            sys.stdout = before
        flags = sum(flag for flag, on in example.options.items() if on)
        if not self._checker.check_output(wanted, got, flags):
            mismatch = AssertionError()
            mismatch.sides = {"expected": wanted.strip()[:400], "actual": got.strip()[:400]}  # type: ignore[attr-defined]
            raise mismatch

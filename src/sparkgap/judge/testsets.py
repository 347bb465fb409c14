"""Sets of tests as a worker has them: made ready once, with all that they ask where that is certain."""

from __future__ import annotations

from typing import NamedTuple

from sparkgap.judge import preparing, testcode, wire
from sparkgap.judge.questionnaire import Questionnaire, batches

_MOST_KEPT, _MOST_KEPT_BYTES = 256, 64 << 10  # sets, and how large each may be


class TestSet(NamedTuple):
    """A set of tests: its key, what an examiner is sent, and all that they ask, if that is certain."""

    key: bytes
    body: bytes
    asked: Questionnaire | None

    def refusal(self) -> str:
        """Return why these are no tests that can be run; "" if they are."""
        return self.body[1:].decode() if self.body[:1] == b"X" else ""

    def is_code(self) -> bool:
        """Whether these are `CodeTests`."""
        return self.body[:1] == b"C"

    def goes_with(self, other: TestSet) -> bool:
        """Whether one examiner may run both."""
        if self.key == other.key:
            return True
        return bool(self.asked and self.asked.plain and other.asked and other.asked.plain)

    def asking(self, rows: list[tuple[bytes, int]], calls: list[bytes]) -> TestSet:
        """Return the same tests with all that they have been found to ask; only of tests that are code."""
        code = testcode.TestCode.unpack(self.body[1:])._replace(foretold=tuple(calls))
        asked = Questionnaire(sorted(code.wanted), [], rows, plain=False)
        return TestSet(self.key, b"C" + code.pack(), asked) if asked.fits() else self


class TestSets:
    """The sets that a worker was sent: the last, which the next jobs are for, and others that may be sent again."""

    def __init__(self) -> None:
        self.current = TestSet(b"", b"", None)
        self._kept: dict[bytes, TestSet] = {}  # by key, oldest first

    def take(self, key: bytes, message: bytes) -> None:
        """Make tests the current ones, as `jobs.py` describes them."""
        self.current = tests = self._kept.pop(key, None) or prepared(key, message)
        if len(tests.body) < _MOST_KEPT_BYTES:
            self._kept[key] = tests  # as the newest
            if len(self._kept) > _MOST_KEPT:
                del self._kept[next(iter(self._kept))]

    def take_plan(self, key: bytes, plan: bytes) -> None:
        """Make tests in another language the current ones."""
        self.current = TestSet(key, plan, None)

    def replace(self, tests: TestSet) -> None:
        """Have tests that are here replaced by the same with more, or less, known of them."""
        if tests.key in self._kept:
            self._kept[tests.key] = tests
        if self.current.key == tests.key:
            self.current = tests


def prepared(key: bytes, message: bytes) -> TestSet:
    """Compile tests that are code, so that no examiner has to, and find out what the tests ask."""
    described = wire.loads(message)
    asked: Questionnaire | None = None
    body = b"D" + message
    try:
        if described["kind"] == "code":
            tests, asked = preparing.prepare(described["code"], described["prelude"], all_tests=described["all_tests"])
            body = b"C" + tests.pack()
        elif described["kind"] == "inputs":
            rows = batches(described["entry_point"], described["inputs"], described["expected"])
            passes_sets = any(b'{"s":' in row or b'{"f":' in row for row, _ in rows)
            body = (b"Is" if passes_sets else b"I-") + message
            asked = Questionnaire([described["entry_point"]], [], rows, plain=True)
    except SyntaxError as error:
        return TestSet(key, f"Xthe tests do not compile: {type(error).__name__}: {error}".encode(), None)
    except Exception as error:  # whatever is wrong with the tests, the worker lives
        return TestSet(key, f"Xthe tests cannot be prepared: {type(error).__name__}: {error}".encode(), None)
    return TestSet(key, body, asked if asked is not None and asked.fits() else None)

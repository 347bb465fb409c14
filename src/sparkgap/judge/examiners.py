"""The worker's end of examiners: who runs which tests, what is asked of them, what they report."""

from __future__ import annotations

import _socket
import json
import marshal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sparkgap.judge import channel
from sparkgap.judge.handles import Broken, ZygoteProcess
from sparkgap.judge.orders import Order
from sparkgap.judge.patience import Patience
from sparkgap.judge.testsets import TestSet
from sparkgap.judge.watching import Watch

_MEMORY_MB = 3072
_MOST_TESTS, _MOST_TESTS_BYTES = 64, 4 << 20  # that one examiner runs
_FOREVER_S = 1e9

Said = tuple[dict[str, Any], bytes]  # a job, and what its program has said


@dataclass
class _Examiner:
    """The running examiner and the tests that it has."""

    channel: channel.Channel
    zygote: ZygoteProcess
    packages: bool
    tests: dict[bytes, TestSet]

    def takes(self, job: dict[str, Any]) -> bool:
        """Whether it may run the job's tests too."""
        tests: TestSet = job["tests"]
        if tests.key in self.tests:
            return True
        known = self.tests.values()
        size = len(tests.body) + sum(len(each.body) for each in known)
        room = len(known) < _MOST_TESTS and size < _MOST_TESTS_BYTES
        return room and self.packages == job["test_packages"] and tests.goes_with(next(iter(known)))


class Examiners:
    """One examiner at a time, another when tests come that it may not run."""

    def __init__(self, zygote: Callable[[bool], ZygoteProcess], watch: Watch) -> None:
        """Begin; `zygote` returns what examiners are forked from, with packages or without."""
        self._zygote, self._watch = zygote, watch
        self._examiner: _Examiner | None = None

    def close(self) -> None:
        """Hang up on the examiner, whose zygote is gone."""
        if self._examiner is not None:
            self._examiner.channel.close()
            self._examiner = None

    def reports(self, said: Sequence[Said]) -> list[dict[str, Any]]:
        """Return the reports on programs that have said what is given; "again" where the examiner broke over it."""
        found: list[dict[str, Any]] = []
        batch: list[Said] = []
        for each in said:
            if batch and not (self._examiner and self._examiner.takes(each[0])):
                found += self._reports_by_one(batch)
                batch = []
            self._for(each[0])
            batch.append(each)
        return found + self._reports_by_one(batch)

    def _reports_by_one(self, batch: Sequence[Said]) -> list[dict[str, Any]]:
        examiner = self._for(batch[0][0])
        told = [(job["tests"].key, job["all_tests"], said) for job, said in batch]
        examiner.channel.send(b"A" + marshal.dumps(told))
        try:
            reports: list[dict[str, Any]] = self._heard(examiner, Patience(batch[0][0]), None)
        except channel.Closed:  # it broke, or we ended it for what the answers cost it
            self._dismiss()
            return [{"status": "again", "stage": "test", "reason": ""} for _ in batch]
        return reports

    def report(self, job: dict[str, Any], candidate: ZygoteProcess, order: Order, patience: Patience) -> dict[str, Any]:
        """Have a program forked, and examined question by question; return the report.

        Raises:
            Broken: the examiner ended by itself.
        """
        examiner = self._for(job)
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            candidate.order(order, (theirs.fileno(),))
            body = marshal.dumps((job["tests"].key, job["all_tests"], job["source"], job["output_kb"] << 10))
            examiner.channel.send(b"J" + body, (ours.fileno(),))
        finally:
            ours.close()
            theirs.close()
        try:
            report: dict[str, Any] = self._heard(examiner, patience, candidate)
        except channel.Closed:
            report = self._died(examiner, patience)
        return report

    def rehearse(self, job: dict[str, Any]) -> TestSet | None:
        """Have the job's tests run against a blank; return them with all that they ask, None if that failed."""
        tests: TestSet = job["tests"]
        try:
            examiner = self._for(job)
            examiner.channel.send(b"Q" + tests.key)
            rows, calls = self._heard(examiner, Patience(job), None)
            found = tests.asking([(bytes.fromhex(row), int(due)) for row, due in rows], list(map(bytes.fromhex, calls)))
        except Exception:  # the tests ended their own process, or take too long for that
            self._dismiss()
            return None
        examiner.tests[tests.key] = found
        return found

    def _heard(self, examiner: _Examiner, patience: Patience, candidate: ZygoteProcess | None) -> Any:
        """Wait for what the examiner says, which is no more than JSON.

        Raises:
            channel.Closed: it has ended.
        """
        self._watch.for_word(examiner.channel.fileno(), patience, candidate, examiner.zygote)
        return json.loads(str(examiner.channel.receive(), "ascii"))

    def _for(self, job: dict[str, Any]) -> _Examiner:
        """Return an examiner that has the job's tests."""
        tests, examiner = job["tests"], self._examiner
        if examiner is None or not examiner.takes(job):
            self._dismiss()
            zygote = self._zygote(job["test_packages"])
            ours, theirs = channel.pair()
            zygote.order(Order(_FOREVER_S, _FOREVER_S, _MEMORY_MB, 1024), (theirs.fileno(),))
            theirs.close()
            examiner = self._examiner = _Examiner(ours, zygote, job["test_packages"], {})
        if tests.key not in examiner.tests:
            examiner.channel.send(b"T" + tests.key + tests.body)
            examiner.tests[tests.key] = tests
        return examiner

    def _dismiss(self) -> None:
        if self._examiner is not None:
            examiner, self._examiner = self._examiner, None
            examiner.channel.close()
            examiner.zygote.end()
            examiner.zygote.ending()

    def _died(self, examiner: _Examiner, patience: Patience) -> dict[str, Any]:
        """Bury the examiner; it was either ended by us for what the answers cost it, or broke."""
        self._examiner = None
        examiner.channel.close()
        ending = examiner.zygote.ending()
        if patience.burnt:
            return {"status": "timeout", "stage": "test", "reason": "comparing its answers took too much CPU"}
        last = ending.errors[-300:].decode("utf-8", "replace")
        raise Broken(f"the examiner ended (status {ending.status}) {last}")

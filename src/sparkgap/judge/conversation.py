"""One run of a candidate against its examiner: frames are handed on until there is a report, or nobody to hear of."""

from __future__ import annotations

import contextlib
import json
import re
import select
from collections.abc import Mapping
from typing import Any

from sparkgap.judge import verdicts
from sparkgap.judge.frames import Ended, Frames, TooLarge
from sparkgap.judge.handles import Broken, YardProcess
from sparkgap.judge.orders import Cause, Ending
from sparkgap.judge.patience import NOTHING, Patience
from sparkgap.judge.servers import Server, heard_from, poller_for
from sparkgap.judge.yard import KILL

GONE_MS = 1000  # how long a process may take to end once its pipes are closed
STARVED = re.compile(
    rb"out of memory|virtual memory exhausted|bad_alloc|memory allocation of \d+ bytes failed|OutOfMemoryError|"
    rb"cannot allocate memory|Cannot allocate memory|heap out of memory|insufficient memory"
)


class Conversation:
    """One run of a candidate against its examiner."""

    def __init__(self, judge: int, job: dict[str, Any], yard: YardProcess, candidate: Frames, examiner: Server) -> None:
        """Begin; `judge` is the descriptor that tells when nobody waits for a verdict any more."""
        self._judge, self._job, self._yard = judge, job, yard
        self._candidate, self._examiner = candidate, examiner
        self._report: dict[str, Any] | None = None
        self._ending: Ending | None = None
        self._heard = self._asked = self._gone = self._spent = False
        self._calls = 0
        self._patience = Patience(job)

    def verdict(self) -> dict[str, Any]:
        """Hand frames on until there is a report, and make the verdict of it."""
        frames = self._examiner.frames
        assert frames is not None
        poller = poller_for(self._judge, self._yard, self._candidate)
        for descriptor, event in ((frames.reading, select.POLLIN), (frames.writing, select.POLLOUT)):
            poller.register(descriptor, event)
        while self._report is None or (self._report["status"] == "passed" and not (self._heard or self._gone)):
            ready = heard_from(poller, self._judge)
            for each in (frames, self._candidate):
                if each.writing in ready:
                    with contextlib.suppress(Ended):
                        if each.flush():
                            poller.unregister(each.writing)
            if frames.reading in ready and self._report is None:
                self._hear_examiner(frames, poller)
            if self._candidate.reading in ready and not self._gone:
                self._hear_candidate(frames, poller)
            if self._gone and (self._asked or self._patience.asleep):
                self._report = {"status": "gone"}
            if self._yard.control.fileno() in ready and self._ending is None:
                self._ending = self._yard.ended()
                if self._ending is not None:
                    poller.unregister(self._yard.control.fileno())
            if not ready:
                self._tick()
        if self._report["status"] == "passed" and not self._heard:
            self._report = {"status": "gone"}
        elif self._report["status"] == "passed" and not self._calls:
            self._report |= {
                "status": "infra",
                "reason": "these tests use nothing of the program's: they prove nothing",
            }
        return self._closed(frames)

    def _hear_examiner(self, frames: Frames, poller: select.poll) -> None:
        try:
            heard = frames.read()
        except Ended:
            self._report = self._examiner_died()
            return
        for body in heard:
            if body[:1] == b"C":
                self._asked = True
                self._calls += 1
                self._send(self._candidate, body, poller)
            elif body[:1] == b"R" and self._report is None:
                poller.unregister(frames.reading)
                self._report = {"stage": "test", "reason": "", **json.loads(body[1:])}

    def _hear_candidate(self, frames: Frames, poller: select.poll) -> None:
        try:
            heard = self._candidate.read()
        except Ended:  # what it has answered so far still counts
            self._gone = True
            poller.unregister(self._candidate.reading)
            return
        except TooLarge as error:
            self._report = {"status": "output", "stage": "test", "reason": f"it answered too much: {error}"}
            return
        for body in heard:
            if body[:1] == b"L" and not self._heard:
                self._heard = True
            elif body[:1] == b"V" and self._asked and self._heard:
                self._asked = False
                self._send(frames, body, poller)
            else:
                reason = "it wrote to the judge's own pipes"
                self._report = {"status": "forbidden", "stage": "test" if self._heard else "load", "reason": reason}
                return

    @staticmethod
    def _send(frames: Frames, body: bytes, poller: select.poll) -> None:
        with contextlib.suppress(Ended):  # whoever is gone is noticed by its silence
            frames.write(body)
            if not frames.flush():
                poller.register(frames.writing, select.POLLOUT)

    def _tick(self) -> None:
        usage = self._yard.usage() if self._ending is None else NOTHING
        examined = self._examiner.yard.usage()
        if usage is None or examined is None:
            return
        self._patience.note(usage, examined)
        self._spent = self._spent or usage.ran_s > self._job["cpu_s"]
        if self._patience.burnt:
            self._examiner.yard.control.send(KILL)
        elif (self._patience.asleep or self._spent) and self._ending is None:
            self._yard.control.send(KILL)

    def _examiner_died(self) -> dict[str, Any]:
        """Bury the examiner; it was either ended for what the answers cost it, or broke."""
        self._examiner.frames.close()  # type: ignore[union-attr]
        self._examiner.frames = None
        ending = self._examiner.yard.ending()
        if self._patience.burnt or ending.cause is Cause.CPU:
            return {"status": "timeout", "stage": "test", "reason": "comparing its answers took too much CPU"}
        last = (ending.errors or ending.output)[-300:].decode("utf-8", "replace").strip()
        if self._calls:  # what the program answered was more than the tests could take
            return {"status": "wrong", "stage": "test", "reason": "a test failed", "failure": {"test": last}}
        raise Broken(f"the examiner ended (status {ending.status}) {last}")

    def _closed(self, frames: Frames) -> dict[str, Any]:
        """End whoever still runs, and compose the verdict."""
        report = self._report
        assert report is not None
        if report["status"] == "gone" and self._ending is None:
            poller = select.poll()
            poller.register(self._yard.control.fileno(), select.POLLIN)
            if poller.poll(GONE_MS):
                self._ending = self._yard.ended()
        if self._ending is None:
            self._yard.control.send(KILL)
            self._ending = self._yard.ending()
        if self._spent and self._ending.cause is Cause.ORDERED:
            self._ending = self._ending._replace(cause=Cause.CPU)
        if self._examiner.frames is not None:
            self._let_go(frames, report)
        if report["status"] == "gone":
            report = {"status": "gone", "stage": "test" if self._heard else "load", "reason": ""}
        unstarted = self._yard.unstarted(self._ending)
        return composed(report, self._ending, self._job, self._patience.asleep, unstarted=unstarted)

    def _let_go(self, frames: Frames, report: Mapping[str, Any]) -> None:
        """End an examiner that was started for this run; have one that lives on give the run up."""
        if not self._examiner.lives_on:
            frames.close()
            self._examiner.frames = None
            self._examiner.yard.control.send(KILL)
            self._examiner.yard.ending()
        elif report["status"] in ("gone", "output", "forbidden") and not self._given_up(frames):
            self._examiner.end()

    def _given_up(self, frames: Frames) -> bool:
        """Tell an examiner that lives on that the candidate is gone; return whether it has understood."""
        try:
            frames.write(b"G")
            for _ in range(40):
                poller = select.poll()
                poller.register(frames.reading, select.POLLIN)
                if not poller.poll(GONE_MS):
                    return False
                if any(body[:1] == b"R" for body in frames.read()):
                    return True
        except Ended:
            pass
        return False


def composed(
    report: dict[str, Any], ending: Ending, job: Mapping[str, Any], asleep: bool, *, unstarted: bool
) -> dict[str, Any]:
    """Make a verdict of what was reported of a program and of how its process ended."""
    verdict = verdicts.compose(report | {"heard": not unstarted}, ending, job, asleep)
    if verdict["status"] == "infra" and unstarted and job["plan"]["run"]["argv"][0].startswith("./"):
        reason = "what was built is no program that can be started"
        verdict |= {"status": "compile", "stage": "parse", "reason": reason}
    last_words = ending.errors[:4000] + ending.errors[-4000:] if report["status"] == "gone" else b""
    last_words += verdict["reason"].encode("utf-8", "replace")
    if verdict["status"] == "raised" and STARVED.search(last_words):
        verdict |= {"status": "memory", "reason": f"it needed more than its {job['memory_mb']} MB of memory"}
        verdict.pop("diagnostics", None)
    return verdict | {"errors": ending.errors.decode("utf-8", "replace")}

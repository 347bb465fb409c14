"""One worker: a process of ours that has programs forked, examined and buried, one after another.

It runs no foreign code. Candidates come from a jailed zygote, examiners from another; the worker watches that neither
sleeps or burns for ever, and puts the verdict together. A program is examined in one of two ways:

- Where it is certain beforehand what the tests ask, the program is run by that alone and its answers are recorded; then
  the examiner reads those of several programs, one after another (`interview.py`).
- Else, and where answers are missing, the two are connected by a fresh socket, and the examiner asks call by call.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import select
import signal
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sparkgap.judge import channel, kernel, scripts, verdicts, wire
from sparkgap.judge.examiners import Examiners
from sparkgap.judge.handles import Broken, HungUp, Settings, ZygoteProcess
from sparkgap.judge.interview import Interview
from sparkgap.judge.orders import Ending
from sparkgap.judge.patience import Looks, Patience
from sparkgap.judge.testsets import TestSet, TestSets
from sparkgap.judge.watching import CHILD_ENDED, Watch

if TYPE_CHECKING:
    from sparkgap.judge.builds import Workshop

GONE_MS = 1000  # how long a process may take to end once its line is closed
SEEDS = (0, 1)
MOST_TOGETHER, MOST_TOGETHER_BYTES, LONGEST_TOGETHER_S = 16, 1 << 18, 0.5
WORTH_A_REHEARSAL = 5  # calls
MUCH_SAID = 64 << 10  # bytes, after which a program may have ended because a socket was full


class Transcript(NamedTuple):
    """What a program has said by itself, and how it ended."""

    job: dict[str, Any]
    said: bytes
    ending: Ending
    asleep: bool


class Worker:
    """Takes jobs from the judge and answers each with a verdict."""

    def __init__(self, judge: channel.Channel, settings: Settings) -> None:
        self._judge = judge
        self._more = select.poll()  # whether the judge has sent more
        self._more.register(judge.fileno(), select.POLLIN)
        self._watch = Watch(judge.fileno())
        self._settings = settings
        self._zygotes: dict[tuple[str, int, bool], ZygoteProcess] = {}  # by role, hash seed, with packages
        self._examiners = Examiners(partial(self._zygote, "examiner", SEEDS[0]), self._watch)
        self._tests = TestSets()
        self._rehearsed: set[bytes] = set()  # keys of tests
        self._waiting: list[Transcript] = []  # for their examination, in the order of their jobs
        self._since = 0.0  # the first of them waits
        self._kits: dict[str, dict[str, Any]] = {}  # of compiled languages, as they are first wanted
        self._workshops: dict[str, Workshop] = {}

    def start(self) -> str:
        """Start the two zygotes that every job needs; return "" or what the kernel refused."""
        started = [ZygoteProcess(role, self._settings, SEEDS[0]) for role in ("candidate", "examiner")]
        self._zygotes |= {(zygote.role, SEEDS[0], False): zygote for zygote in started}
        return started[0].wait_ready() or started[1].wait_ready()

    def close(self) -> None:
        """Hang up on all that were started; each then ends, and its program with it."""
        for zygote in self._zygotes.values():
            zygote.close()
        self._zygotes.clear()
        self._examiners.close()
        for workshop in self._workshops.values():
            workshop.close()
        self._workshops.clear()

    def serve(self) -> None:
        """Answer jobs, in order, until the judge hangs up."""
        while True:
            if self._waiting and not (self._judge.holds_message() or self._more.poll(0)):
                self._settle()
            message = self._judge.receive()
            if message[:1] == b"T":
                self._tests.take(message[1:17], message[17:])
            elif message[:1] == b"U":
                self._tests.take_plan(message[1:17], message[17:])
            elif message[:1] == b"K":
                kit = marshal.loads(message[1:])  # noqa: S302 - the judge's own process sent it
                self._kits[kit["language"]] = kit
            else:
                self._take(marshal.loads(message[1:]) | {"tests": self._tests.current})  # noqa: S302

    def _take(self, job: dict[str, Any]) -> None:
        """Answer a job, or run its program and keep what it said until there are others to examine with it."""
        tests: TestSet = job["tests"]
        if job["kind"] == "tests" and job["ahead"] and tests.asked is not None:
            if self._waiting and not self._go_together(job, self._waiting[0].job):
                self._settle()
            transcript = self._attempt(job)
            if transcript is not None:
                self._waiting.append(transcript)
                self._settle_if_due()
                return
        self._settle()
        verdict = self._verdict(job)
        if verdict["status"] == "passed" and verdict.get("calls", 0) >= WORTH_A_REHEARSAL and job["ahead"]:
            self._rehearse(job)
        self._tell([verdict])

    def _attempt(self, job: dict[str, Any]) -> Transcript | None:
        """Run a program by all that its tests ask; None if that does not go."""
        try:
            return self._interviewed(job, SEEDS[0])
        except Exception:  # what broke is found out, and replaced, where it is judged in the other way
            return None

    def _rehearse(self, job: dict[str, Any]) -> None:
        """Find out if what tests ask, which is a lot, is always the same."""
        tests: TestSet = job["tests"]
        if tests.is_code() and tests.asked is None and tests.key not in self._rehearsed:
            self._rehearsed.add(tests.key)
            self._tests.replace(self._examiners.rehearse(job) or tests)

    def _ask_one_by_one(self, tests: TestSet) -> None:
        self._tests.replace(tests._replace(asked=None))

    @staticmethod
    def _go_together(one: dict[str, Any], other: dict[str, Any]) -> bool:
        return bool(one["test_packages"] == other["test_packages"] and one["tests"].goes_with(other["tests"]))

    def _settle_if_due(self) -> None:
        now = time.monotonic()
        if len(self._waiting) == 1:
            self._since = now
        size = sum(len(each.said) for each in self._waiting)
        if len(self._waiting) >= MOST_TOGETHER or size > MOST_TOGETHER_BYTES or now > self._since + LONGEST_TOGETHER_S:
            self._settle()

    def _tell(self, verdicts: Sequence[dict[str, Any]]) -> None:
        self._judge.send_all([b"V" + marshal.dumps(verdict) for verdict in verdicts])

    def _settle(self) -> None:
        """Examine what waits for that, and tell the judge; what is not clear then is judged once more, alone."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            verdicts = zip(self._judged_together(waiting), waiting, strict=True)
            self._tell([verdict or self._verdict(transcript.job) for verdict, transcript in verdicts])

    def _judged_together(self, waiting: Sequence[Transcript]) -> list[dict[str, Any] | None]:
        """Return the verdicts that are clear by what programs have said."""
        try:
            found = self._read(waiting)
            passed = [(i, v) for i, v in enumerate(found) if v and v["status"] == "passed" and v["sensitive"]]
            seconds = self._read([self._interviewed(waiting[place].job, SEEDS[1]) for place, _ in passed])
            for (place, verdict), second in zip(passed, seconds, strict=True):
                found[place] = second and _confirmed(verdict, second)
        except Exception:  # whatever it was, it is ours
            self._replace()
            return [None for _ in waiting]
        return found

    def _read(self, transcripts: Sequence[Transcript]) -> list[dict[str, Any] | None]:
        """Have the examiner read what programs have said; None where that does not decide."""
        found: list[dict[str, Any] | None] = []
        if not transcripts:
            return found
        reports = self._examiners.reports([(each.job, each.said) for each in transcripts])
        for each, report in zip(transcripts, reports, strict=True):
            gone, tests = report["status"] == "gone", each.job["tests"]
            full = gone and each.ending.status >> 8 == verdicts.OWN_FAILURE and len(each.said) > MUCH_SAID
            if full or (report["status"] == "again" and tests.key in self._rehearsed):
                self._ask_one_by_one(tests)
            verdict = verdicts.compose(report, each.ending, each.job, each.asleep)
            unclear = gone and verdict["status"] != "timeout"  # that is run again by the judge, alone
            unclear = unclear or verdict["status"] in ("again", "output")
            found.append(None if unclear else verdict | {"id": each.job["id"]})
        return found

    def _interviewed(self, job: dict[str, Any], seed: int) -> Transcript:
        """Run a program by all that its tests ask; end it once it has given a wrong answer that somebody sees.

        Raises:
            TooLong: that does not go.
        """
        zygote = self._zygote("candidate", seed, job["packages"])
        interview = Interview(job, job["tests"].asked, zygote)
        patience, looks = Patience(job), Looks()
        try:
            while interview.goes_on():
                self._watch.for_word(interview.fileno(), patience, zygote)
                interview.hear()
                if looks.is_due() and self._is_decided(job, interview):
                    zygote.end()
                    break
            self._watch.for_end(zygote, patience, looks, lambda: interview.hear() and self._is_decided(job, interview))
            ending = zygote.ending()
            return Transcript(job, interview.transcript(), ending, patience.asleep)
        finally:
            interview.close()

    def _is_decided(self, job: dict[str, Any], interview: Interview) -> bool:
        """Whether what a program has answered so far decides its verdict."""
        return self._examiners.reports([(job, interview.said())])[0]["status"] not in ("gone", "again")

    def _verdict(self, job: dict[str, Any]) -> dict[str, Any]:
        verdict: dict[str, Any] = {}
        for _ in range(2):  # what breaks under one program is replaced, and the program tried once more
            try:
                verdict = self._judged(job)
            except Exception as error:  # whatever it was, it is ours, and the next job must not suffer from it
                verdict = {"status": "infra", "stage": "load", "reason": f"a worker's process broke: {error!r}"}
                self._replace()
            if verdict["status"] != "infra" or "broke" not in verdict["reason"]:
                break
        verdict["id"] = job["id"]
        return verdict

    def _judged(self, job: dict[str, Any]) -> dict[str, Any]:
        if "plan" in job:
            return self._built(job)
        attempt = self._script if job["kind"] == "stdio" else self._examined
        verdict = attempt(job, SEEDS[0])
        if verdict["status"] == "passed" and verdict.get("sensitive"):
            return _confirmed(verdict, attempt(job, SEEDS[1]))
        return verdict

    def _built(self, job: dict[str, Any]) -> dict[str, Any]:
        from sparkgap.judge.builds import Workshop  # a worker that sees Python alone never needs it

        name = job["language"]
        shop = self._workshops.get(name)
        if shop is None:
            shop = self._workshops[name] = Workshop(self._kits[name], self._settings, self._judge.fileno())
        key, body, _ = job["tests"]
        return shop.judged(job, key, marshal.loads(body) if job["kind"] == "plan" else None)  # noqa: S302

    def _zygote(self, role: str, seed: int, packages: bool) -> ZygoteProcess:
        """Return the zygote of that kind, started when it is first wanted."""
        kind = role, seed, packages
        zygote = self._zygotes.get(kind)
        if zygote is None:
            chosen = self._settings.packages if packages else ()
            zygote = self._zygotes[kind] = ZygoteProcess(role, self._settings, seed, chosen)
        if not zygote.ready and (trouble := zygote.wait_ready()):
            del self._zygotes[kind]
            zygote.close()
            raise Broken(trouble)
        return zygote

    def _examined(self, job: dict[str, Any], seed: int) -> dict[str, Any]:
        """Have a program examined call by call."""
        if refusal := job["tests"].refusal():
            return {"status": "infra", "stage": "load", "reason": refusal}
        zygote = self._zygote("candidate", seed, job["packages"])
        patience = Patience(job)
        report = self._examiners.report(job, zygote, scripts.order_for(job), patience)
        # A candidate that is gone is about to end by itself, unless it only closed its line.
        if report["status"] != "gone" or not zygote.has_ended(GONE_MS):
            zygote.end()
        return verdicts.compose(report, zygote.ending(), job, patience.asleep)

    def _script(self, job: dict[str, Any], seed: int) -> dict[str, Any]:
        zygote = self._zygote("candidate", seed, job["packages"])
        wait = partial(self._await_script, job, zygote)
        return scripts.judged(job, lambda given: scripts.run_once(job, zygote, wait, given))

    def _await_script(self, job: dict[str, Any], zygote: ZygoteProcess) -> tuple[Ending, bool]:
        """Wait for a script's end; return it, and whether the script slept too long."""
        patience = Patience(job)
        self._watch.for_word(zygote.fileno(), patience, zygote)
        return zygote.ending(), patience.asleep

    def _replace(self) -> None:
        """Start all over with new zygotes."""
        self.close()
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        if trouble := self.start():
            raise Broken(trouble)


def _confirmed(verdict: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict on a program that has passed, given that under a second hash seed."""
    for name in ("cpu_s", "wall_s"):
        verdict[name] += second[name]
    if second["status"] != "passed":
        verdict |= {k: second[k] for k in ("failure", "passed") if k in second}
        verdict |= {"status": "wrong", "stage": second["stage"]}
        verdict["reason"] = f"it passes or fails by the seed of string hashing ({second['reason']})"
    return verdict


def main(control_descriptor: int, levels: Sequence[str], packages: Sequence[str], core: int | None) -> None:
    """Run a worker on the socket that the judge gave it: find the level, say so, serve.

    The worker's processes take turns, and waking one on another core costs more than the turn itself: they all keep to
    `core`, if one is named.
    """
    if core is not None:
        with contextlib.suppress(OSError):  # the core may have been taken away meanwhile
            os.sched_setaffinity(0, {core})
    os.closerange(control_descriptor + 1, 1 << 20)  # whatever the caller's process let its children inherit
    judge = channel.inherit(control_descriptor)
    signal.pthread_sigmask(signal.SIG_BLOCK, CHILD_ENDED)  # it is waited for
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)  # the zygotes' starters end at once; their children are then ours
    with contextlib.suppress(OSError):  # some containers refuse it; only the order of objects by address then varies
        kernel.no_address_randomization()
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    refusals: list[str] = []
    worker: Worker | None = None
    try:
        for level in levels:
            worker = Worker(judge, Settings(home, level, tuple(packages)))
            trouble = worker.start()
            if not trouble:
                gc.collect()
                gc.freeze()
                with contextlib.suppress(channel.Closed, HungUp):
                    judge.send(b"R" + wire.dumps([level, refusals]))
                    worker.serve()
                return
            refusals.append(f"{level}: {trouble}")
            worker.close()
        judge.send(b"E" + wire.dumps(refusals))
    finally:
        if worker is not None:
            worker.close()
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()

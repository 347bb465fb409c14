"""One worker: a process of ours that has programs forked, examined and buried, one after another.

It runs no foreign code. Candidates come from a jailed zygote, examiners from another; the worker watches that neither
sleeps or burns for ever, and puts the verdict together. A program is examined in one of two ways:

- Where it is certain beforehand what the tests ask, the program is run by that alone and its answers are recorded; then
  the examiner reads those of several programs, one after another (`interview.py`).
- Else, and where answers are missing, the two are connected by a fresh socket, and the examiner asks call by call.
"""

from __future__ import annotations

import _socket
import contextlib
import gc
import json
import marshal
import os
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sparkgap.judge import channel, kernel, preparing, scripts, testcode, wire
from sparkgap.judge import verdicts as verdicts_of
from sparkgap.judge.handles import Broken, HungUp, Settings, ZygoteProcess
from sparkgap.judge.interview import Interview
from sparkgap.judge.orders import Ending, Order
from sparkgap.judge.patience import NOTHING, Patience
from sparkgap.judge.questionnaire import Questionnaire, batches
from sparkgap.judge.verdicts import OWN_FAILURE

if TYPE_CHECKING:
    from sparkgap.judge.builds import Workshop

TICK_S = 0.25
GONE_MS = 1000  # how long a process may take to end once its pipes are closed
EXAMINER_MEMORY_MB = 3072
SEEDS = (0, 1)
MOST_CACHED, MOST_CACHED_BYTES = 256, 64 << 10
MOST_TOGETHER, MOST_TOGETHER_BYTES, LONGEST_TOGETHER_S = 16, 1 << 18, 0.5
WORTH_A_REHEARSAL = 20  # calls
MUCH_SAID = 64 << 10  # bytes, after which a program may have ended because a socket was full
MOST_TESTS, MOST_TESTS_BYTES = 64, 4 << 20  # that one examiner runs
LOOK_S = 0.004  # how long a program runs before the examiner is asked whether what it has answered already decides
_CHILD_ENDED = {signal.SIGCHLD}


class Tests(NamedTuple):
    """A set of tests: its key, what an examiner is sent, and all that they ask, if that is certain."""

    key: bytes
    body: bytes
    asked: Questionnaire | None

    def goes_with(self, other: Tests) -> bool:
        """Whether one examiner may run both."""
        if self.key == other.key:
            return True
        return bool(self.asked and self.asked.plain and other.asked and other.asked.plain)


class Transcript(NamedTuple):
    """What a program has said by itself, and how it ended."""

    job: dict[str, Any]
    said: bytes
    ending: Ending
    asleep: bool


class Looks:
    """When to look in on a program: now and then, ever more seldom."""

    def __init__(self) -> None:
        self._wait_s = LOOK_S
        self.due = time.monotonic() + LOOK_S

    def is_due(self) -> bool:
        """Whether it is time for the next look, which is then taken for done."""
        now = time.monotonic()
        if now < self.due:
            return False
        self._wait_s *= 3
        self.due = now + self._wait_s
        return True


@dataclass
class Examiner:
    """The running examiner and the tests that it has."""

    channel: channel.Channel
    zygote: ZygoteProcess
    packages: bool
    tests: dict[bytes, Tests]

    def takes(self, job: dict[str, Any]) -> bool:
        """Whether it may run the job's tests too."""
        tests: Tests = job["tests"]
        if tests.key in self.tests:
            return True
        known = self.tests.values()
        small = len(known) < MOST_TESTS and len(tests.body) + sum(len(each.body) for each in known) < MOST_TESTS_BYTES
        return small and self.packages == job["test_packages"] and tests.goes_with(next(iter(known)))


Said = tuple[dict[str, Any], bytes]  # a job, and what its program has said


class Worker:
    """Takes jobs from the judge and answers each with a verdict."""

    def __init__(self, judge: channel.Channel, settings: Settings) -> None:
        self._judge = judge
        self._settings = settings
        self._zygotes: dict[tuple[str, int, bool], ZygoteProcess] = {}  # by role, hash seed, with packages
        self._examiner: Examiner | None = None
        self._tests = Tests(b"", b"", None)
        self._cache: dict[bytes, Tests] = {}  # by key, oldest first
        self._waiting: list[Transcript] = []  # for their examination, in the order of their jobs
        self._since = 0.0  # the first of them waits
        self._unforeseeable: set[bytes] = set()  # keys of tests that were rehearsed for nothing, or to no avail
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
        if self._examiner is not None:
            self._examiner.channel.close()
            self._examiner = None
        for workshop in self._workshops.values():
            workshop.close()
        self._workshops.clear()

    def serve(self) -> None:
        """Answer jobs, in order, until the judge hangs up."""
        while True:
            if self._waiting and not self._has_more():
                self._settle()
            message = self._judge.receive()
            if message[:1] == b"T":
                self._tests = self._prepared_tests(message[1:17], message[17:])
            elif message[:1] == b"U":  # tests in another language are a plan
                self._tests = Tests(message[1:17], message[17:], None)
            elif message[:1] == b"K":
                kit = marshal.loads(message[1:])  # noqa: S302 - the judge's own process sent it
                self._kits[kit["language"]] = kit
            else:
                self._take(marshal.loads(message[1:]) | {"tests": self._tests})  # noqa: S302

    def _has_more(self) -> bool:
        """Whether the judge has sent more by now."""
        if self._judge.holds_message():
            return True
        poller = select.poll()
        poller.register(self._judge.fileno(), select.POLLIN)
        return bool(poller.poll(0))

    def _take(self, job: dict[str, Any]) -> None:
        """Answer a job, or run its program and keep what it said until there are others to examine with it."""
        tests: Tests = job["tests"]
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
            self._learn_questions(job)
        self._tell([verdict])

    def _attempt(self, job: dict[str, Any]) -> Transcript | None:
        """Run a program by all that its tests ask; None if that does not go."""
        try:
            return self._interviewed(job, SEEDS[0])
        except Exception:  # what broke is found out, and replaced, where it is judged in the other way
            return None

    def _learn_questions(self, job: dict[str, Any]) -> None:
        """Have the tests, which ask a lot, run once more to find out if it is always the same."""
        tests: Tests = job["tests"]
        if tests.asked is not None or tests.key in self._unforeseeable or tests.body[:1] != b"C":
            return
        self._unforeseeable.add(tests.key)  # if nothing comes of it
        try:
            examiner = self._examiner_for(job)
            examiner.channel.send(b"Q" + tests.key)
            self._wait(examiner.channel.fileno(), Patience(job), None, examiner.zygote)
            said, calls = json.loads(str(examiner.channel.receive(), "ascii"))
            rows = [(bytes.fromhex(row), int(due)) for row, due in said]
            code = testcode.TestCode.unpack(tests.body[1:])._replace(foretold=tuple(map(bytes.fromhex, calls)))
        except Exception:  # the tests ended their own process, or take too long for that
            self._dismiss_examiner()
            return
        asked = Questionnaire(sorted(code.wanted), [], rows, plain=False)
        if asked.fits():
            learnt = examiner.tests[tests.key] = Tests(tests.key, b"C" + code.pack(), asked)
            self._know(learnt)

    def _forget_questions(self, tests: Tests, *, full: bool) -> None:
        """Go back to asking one by one: where the answers do not fit, or a rehearsal was wrong on what is asked."""
        if full or tests.key in self._unforeseeable:
            self._know(tests._replace(asked=None))

    def _know(self, tests: Tests) -> None:
        """Have tests that are in use replaced by the same with more, or less, known of them."""
        if tests.key in self._cache:
            self._cache[tests.key] = tests
        if self._tests.key == tests.key:
            self._tests = tests

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
            verdicts = self._read(waiting)
            passed = [(i, v) for i, v in enumerate(verdicts) if v and v["status"] == "passed" and v["sensitive"]]
            seconds = self._read([self._interviewed(waiting[place].job, SEEDS[1]) for place, _ in passed])
            for (place, verdict), second in zip(passed, seconds, strict=True):
                verdicts[place] = second and _confirmed(verdict, second)
        except Exception:  # whatever it was, it is ours
            self._replace()
            return [None for _ in waiting]
        return verdicts

    def _read(self, transcripts: Sequence[Transcript]) -> list[dict[str, Any] | None]:
        """Have the examiner read what programs have said; None where that does not decide."""
        verdicts: list[dict[str, Any] | None] = []
        if not transcripts:
            return verdicts
        reports = self._reports([(each.job, each.said) for each in transcripts])
        for each, report in zip(transcripts, reports, strict=True):
            gone = report["status"] == "gone"
            full = gone and each.ending.status >> 8 == OWN_FAILURE and len(each.said) > MUCH_SAID
            if report["status"] == "again" or full:
                self._forget_questions(each.job["tests"], full=full)
            verdict = verdicts_of.compose(report, each.ending, each.job, each.asleep)
            unclear = gone and verdict["status"] != "timeout"  # that is run again by the judge, alone
            unclear = unclear or verdict["status"] in ("again", "output")
            verdicts.append(None if unclear else verdict | {"id": each.job["id"]})
        return verdicts

    def _reports(self, transcripts: Sequence[Said]) -> list[dict[str, Any]]:
        """Return the examiner's reports on jobs whose programs have said what is given."""
        found: list[dict[str, Any]] = []
        batch: list[Said] = []
        for job, said in transcripts:
            if batch and not (self._examiner and self._examiner.takes(job)):
                found += self._reports_by_one(batch)
                batch = []
            self._examiner_for(job)
            batch.append((job, said))
        return found + self._reports_by_one(batch)

    def _reports_by_one(self, batch: Sequence[Said]) -> list[dict[str, Any]]:
        examiner = self._examiner_for(batch[0][0])
        told = [(job["tests"].key, job["all_tests"], said) for job, said in batch]
        examiner.channel.send(b"A" + marshal.dumps(told))
        patience = Patience(batch[0][0])
        self._wait(examiner.channel.fileno(), patience, None, examiner.zygote)
        try:
            reports: list[dict[str, Any]] = json.loads(str(examiner.channel.receive(), "ascii"))
        except channel.Closed:  # it broke, or we ended it for what the answers cost it: it is told by asking one by one
            self._dismiss_examiner()
            return [{"status": "again", "stage": "test", "reason": ""} for _ in batch]
        return reports

    def _interviewed(self, job: dict[str, Any], seed: int) -> Transcript:
        """Run a program by all that its tests ask.

        Raises:
            TooLong: that does not go.
        """
        zygote = self._zygote("candidate", seed, job["packages"])
        interview = Interview(job, job["tests"].asked, zygote)
        patience, looks = Patience(job), Looks()
        try:
            while interview.goes_on():
                self._wait(interview.fileno(), patience, zygote)
                interview.hear()
                if looks.is_due() and self._is_decided(job, interview):
                    break
            if interview.goes_on():
                zygote.end()
            self._await_end(job, interview, patience, looks, zygote)
            ending = zygote.ending()
            return Transcript(job, interview.transcript(), ending, patience.asleep)
        finally:
            interview.close()

    def _await_end(
        self, job: dict[str, Any], interview: Interview, patience: Patience, looks: Looks, zygote: ZygoteProcess
    ) -> None:
        """Wait until the program has ended; end it if it takes too much, or has given a wrong answer already.

        What is waited for is the signal of a child's end: to learn the program's pidfd first would take a turn more.
        """
        now = time.monotonic()
        tick = now + TICK_S
        while True:
            signal.sigtimedwait(_CHILD_ENDED, max(0.0, min(zygote.due(), tick, looks.due) - now) + 0.001)
            if zygote.has_ended():
                return
            now = time.monotonic()
            zygote.enforce(now)
            if now >= tick:
                self._tick(patience, zygote, None)
                self._check_judge()
                tick = now + TICK_S
            if looks.is_due() and interview.hear() and self._is_decided(job, interview):
                zygote.end()

    def _is_decided(self, job: dict[str, Any], interview: Interview) -> bool:
        """Whether what a program has answered so far decides its verdict."""
        return self._reports([(job, interview.said())])[0]["status"] not in ("gone", "again")

    def _check_judge(self) -> None:
        poller = select.poll()
        poller.register(self._judge.fileno(), 0)
        if poller.poll(0):
            raise HungUp

    def _prepared_tests(self, key: bytes, message: bytes) -> Tests:
        tests = self._cache.pop(key, None) or _prepared(key, message)
        if len(tests.body) < MOST_CACHED_BYTES:
            self._cache[key] = tests  # as the newest
            if len(self._cache) > MOST_CACHED:
                del self._cache[next(iter(self._cache))]
        return tests

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
        tests: Tests = job["tests"]
        if tests.body[:1] == b"X":
            return {"status": "infra", "stage": "load", "reason": tests.body[1:].decode()}
        zygote = self._zygote("candidate", seed, job["packages"])
        examiner = self._examiner_for(job)
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            zygote.order(scripts.order_for(job), (theirs.fileno(),))
            body = marshal.dumps((tests.key, job["all_tests"], job["source"], job["output_kb"] << 10))
            examiner.channel.send(b"J" + body, (ours.fileno(),))
        finally:
            ours.close()
            theirs.close()
        return self._watch(job, zygote, examiner)

    def _examiner_for(self, job: dict[str, Any]) -> Examiner:
        """Return an examiner that has the job's tests."""
        tests, examiner = job["tests"], self._examiner
        if examiner is None or not examiner.takes(job):
            self._dismiss_examiner()
            zygote = self._zygote("examiner", SEEDS[0], job["test_packages"])
            ours, theirs = channel.pair()
            forever = 1e9
            zygote.order(Order(forever, forever, EXAMINER_MEMORY_MB, 1024), (theirs.fileno(),))
            theirs.close()
            examiner = self._examiner = Examiner(ours, zygote, job["test_packages"], {})
        if tests.key not in examiner.tests:
            examiner.channel.send(b"T" + tests.key + tests.body)
            examiner.tests[tests.key] = tests
        return examiner

    def _dismiss_examiner(self) -> None:
        if self._examiner is not None:
            examiner, self._examiner = self._examiner, None
            examiner.channel.close()
            examiner.zygote.end()
            examiner.zygote.ending()

    def _watch(self, job: dict[str, Any], zygote: ZygoteProcess, examiner: Examiner) -> dict[str, Any]:
        """Wait for the examiner's report and the candidate's end; end what sleeps or burns too long."""
        patience = Patience(job)
        self._wait(examiner.channel.fileno(), patience, zygote, examiner.zygote)
        try:
            report = json.loads(str(examiner.channel.receive(), "ascii"))
        except channel.Closed:
            report = self._examiner_died(patience)
        # A candidate that is gone is about to end by itself, unless it only closed its pipes.
        if report["status"] != "gone" or not zygote.has_ended(GONE_MS):
            zygote.end()
        return verdicts_of.compose(report, zygote.ending(), job, patience.asleep)

    def _wait(
        self, awaited: int, patience: Patience, candidate: ZygoteProcess | None, examiner: ZygoteProcess | None = None
    ) -> None:
        """Wait until there is something to read; meanwhile end what takes too much, sleeps or burns too long.

        Raises:
            HungUp: the judge is gone.
        """
        poller = select.poll()
        poller.register(awaited, select.POLLIN)
        poller.register(self._judge.fileno(), 0)  # only to hear that it is gone
        now = time.monotonic()
        tick = now + TICK_S
        while not (ready := poller.poll((min(candidate.due() if candidate else tick, tick) - now) * 1000 + 1)):
            now = time.monotonic()
            if candidate:
                candidate.enforce(now)
            if now >= tick:
                self._tick(patience, candidate, examiner)
                tick = now + TICK_S
        if any(descriptor != awaited for descriptor, _ in ready):
            raise HungUp

    def _script(self, job: dict[str, Any], seed: int) -> dict[str, Any]:
        zygote = self._zygote("candidate", seed, job["packages"])
        wait = partial(self._await_script, job, zygote)
        return scripts.judged(job, lambda given: scripts.run_once(job, zygote, wait, given))

    def _await_script(self, job: dict[str, Any], zygote: ZygoteProcess) -> tuple[Ending, bool]:
        """Wait for a script's end; return it, and whether the script slept too long."""
        patience = Patience(job)
        self._wait(zygote.fileno(), patience, zygote)
        return zygote.ending(), patience.asleep

    def _examiner_died(self, patience: Patience) -> dict[str, Any]:
        """Bury the examiner; it was either ended by us for what the answers cost it, or broke."""
        assert self._examiner is not None
        examiner, self._examiner = self._examiner, None
        examiner.channel.close()
        ending = examiner.zygote.ending()
        if patience.burnt:
            return {"status": "timeout", "stage": "test", "reason": "comparing its answers took too much CPU"}
        last = ending.errors[-300:].decode("utf-8", "replace")
        raise Broken(f"the examiner ended (status {ending.status}) {last}")

    @staticmethod
    def _tick(patience: Patience, candidate: ZygoteProcess | None, examiner: ZygoteProcess | None) -> None:
        """Ask what they have had of the machine; end the one that has had too much, or whoever sleeps."""
        examined = examiner.usage() if examiner else NOTHING
        if examined is None:
            return
        patience.note((candidate.usage() if candidate else None) or NOTHING, examined)
        if examiner and (patience.burnt or (patience.asleep and not candidate)):
            examiner.end()
        elif candidate and patience.asleep:
            candidate.end()

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


def _prepared(key: bytes, message: bytes) -> Tests:
    """Compile tests that are code, so that no examiner has to, and find out what the tests ask."""
    described = wire.loads(message)
    asked: Questionnaire | None
    if described["kind"] == "code":
        try:
            tests, asked = preparing.prepare(described["code"], described["prelude"], all_tests=described["all_tests"])
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return Tests(key, b"X" + f"the tests do not compile: {type(error).__name__}: {error}".encode(), None)
        body = b"C" + tests.pack()
    elif described["kind"] == "inputs":
        rows = batches(described["entry_point"], described["inputs"], described["expected"])
        passes_sets = any(b'{"s":' in row or b'{"f":' in row for row, _ in rows)
        asked = Questionnaire([described["entry_point"]], [], rows, plain=True)
        body = b"Is" if passes_sets else b"I-"
        body += message
    else:
        return Tests(key, b"D" + message, None)
    return Tests(key, body, asked if asked is not None and asked.fits() else None)


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
    signal.pthread_sigmask(signal.SIG_BLOCK, _CHILD_ENDED)  # it is waited for
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

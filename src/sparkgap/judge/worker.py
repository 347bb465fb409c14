"""One worker: a process of ours that has programs forked, examined and buried, one after another.

It runs no foreign code. Candidates come from a jailed zygote, examiners from another; what the worker does is to
connect the two by fresh pipes, watch that neither sleeps or burns for ever, and put the verdict together.
"""

from __future__ import annotations

import contextlib
import gc
import json
import marshal
import os
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sparkgap.judge import channel, kernel, preparing, scripts, verdicts, wire
from sparkgap.judge.handles import Broken, HungUp, Settings, ZygoteProcess
from sparkgap.judge.orders import Ending, Order
from sparkgap.judge.patience import NOTHING, Patience

if TYPE_CHECKING:
    from sparkgap.judge.builds import Workshop

TICK_S = 0.25
GONE_MS = 1000  # how long a process may take to end once its pipes are closed
EXAMINER_MEMORY_MB = 3072
SEEDS = (0, 1)
MOST_CACHED, MOST_CACHED_BYTES = 256, 64 << 10


@dataclass
class Examiner:
    """The running examiner and the tests it was forked for."""

    channel: channel.Channel
    key: bytes
    zygote: ZygoteProcess


class Worker:
    """Takes jobs from the judge and answers each with a verdict."""

    def __init__(self, judge: channel.Channel, settings: Settings) -> None:
        self._judge = judge
        self._settings = settings
        self._zygotes: dict[tuple[str, int, bool], ZygoteProcess] = {}  # by role, hash seed, with packages
        self._examiner: Examiner | None = None
        self._tests: tuple[bytes, bytes] = (b"", b"")  # key, prepared
        self._cache: dict[bytes, bytes] = {}  # prepared tests by key, oldest first
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
        if self._examiner is not None:
            self._examiner.channel.close()
            self._examiner = None
        for workshop in self._workshops.values():
            workshop.close()
        self._workshops.clear()

    def serve(self) -> None:
        """Answer jobs until the judge hangs up."""
        while True:
            message = self._judge.receive()
            if message[:1] == b"T":
                self._tests = message[1:17], self._prepared_tests(message[1:17], message[17:])
                continue
            if message[:1] == b"U":  # tests in another language are a plan
                self._tests = message[1:17], message[17:]
                continue
            if message[:1] == b"K":
                kit = marshal.loads(message[1:])  # noqa: S302 - the judge's own process sent it
                self._kits[kit["language"]] = kit
                continue
            job = marshal.loads(message[1:])  # noqa: S302 - the judge's own process sent it
            self._judge.send(b"V" + marshal.dumps(self._verdict(job)))

    def _prepared_tests(self, key: bytes, tests: bytes) -> bytes:
        prepared = self._cache.pop(key, None) or _prepared(tests)
        if len(prepared) < MOST_CACHED_BYTES:
            self._cache[key] = prepared  # as the newest
            if len(self._cache) > MOST_CACHED:
                del self._cache[next(iter(self._cache))]
        return prepared

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
        attempt = self._script if job["kind"] == "stdio" else self._examined_twice
        verdict = attempt(job, SEEDS[0])
        if verdict["status"] == "passed" and verdict.get("sensitive"):
            second = attempt(job, SEEDS[1])
            for name in ("cpu_s", "wall_s"):
                verdict[name] += second[name]
            if second["status"] != "passed":
                verdict |= {k: second[k] for k in ("failure", "passed") if k in second}
                verdict |= {"status": "wrong", "stage": second["stage"]}
                verdict["reason"] = f"it passes or fails by the seed of string hashing ({second['reason']})"
        return verdict

    def _built(self, job: dict[str, Any]) -> dict[str, Any]:
        from sparkgap.judge.builds import Workshop  # a worker that sees Python alone never needs it

        name = job["language"]
        shop = self._workshops.get(name)
        if shop is None:
            shop = self._workshops[name] = Workshop(self._kits[name], self._settings, self._judge.fileno())
        key, body = self._tests
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

    def _examined_twice(self, job: dict[str, Any], seed: int) -> dict[str, Any]:
        """Examine with all questions asked at once that are certain; where that may have hidden an answer, one by one.

        What timed out is not examined here again, since the judge has it run again alone, and then one by one.
        """
        verdict = self._examined(job, seed)
        unclear = (verdict["gone"] and verdict["status"] != "timeout") or verdict["status"] in ("again", "output")
        return self._examined(job | {"batched": False}, seed) if job["batched"] and unclear else verdict

    def _examined(self, job: dict[str, Any], seed: int) -> dict[str, Any]:
        if self._tests[1][:1] == b"X":
            reason = self._tests[1][1:].decode()
            return {"status": "infra", "stage": "load", "reason": reason, "gone": False}
        zygote = self._zygote("candidate", seed, job["packages"])
        examiner = self._examiner_for(job)
        ours: list[int] = []
        try:
            to_examiner, from_candidate = os.pipe()
            ours += [to_examiner, from_candidate]
            to_candidate, from_examiner = os.pipe()
            ours += [to_candidate, from_examiner]
            zygote.order(scripts.order_for(job), (to_candidate, from_candidate))
            body = marshal.dumps((job["source"], job["output_kb"] << 10, job["all_tests"], job["batched"]))
            examiner.channel.send(b"J" + body, (to_examiner, from_examiner))
        finally:
            for descriptor in ours:
                os.close(descriptor)
        return self._watch(job, zygote, examiner)

    def _examiner_for(self, job: dict[str, Any]) -> Examiner:
        """Return an examiner that was forked for the job's tests."""
        key, body = self._tests
        if self._examiner is not None and self._examiner.key == key:
            return self._examiner
        self._dismiss_examiner()
        zygote = self._zygote("examiner", SEEDS[0], job["test_packages"])
        ours, theirs = channel.pair()
        forever = 1e9
        zygote.order(Order(forever, forever, EXAMINER_MEMORY_MB, 1024), (theirs.fileno(),))
        theirs.close()
        ours.send(b"T" + body)
        self._examiner = Examiner(ours, key, zygote)
        return self._examiner

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
        gone = report["status"] == "gone"
        return verdicts.compose(report, zygote.ending(), job, patience.asleep) | {"gone": gone}

    def _wait(
        self, awaited: int, patience: Patience, candidate: ZygoteProcess, examiner: ZygoteProcess | None = None
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
        while not (ready := poller.poll((min(candidate.due(), tick) - now) * 1000 + 1)):
            now = time.monotonic()
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
    def _tick(patience: Patience, candidate: ZygoteProcess, examiner: ZygoteProcess | None) -> None:
        """Ask what both have had of the machine; end the one that has had too much, or the candidate if it sleeps."""
        examined = examiner.usage() if examiner else NOTHING
        if examined is None:
            return
        patience.note(candidate.usage() or NOTHING, examined)
        if patience.burnt and examiner:
            examiner.end()
        elif patience.asleep:
            candidate.end()

    def _replace(self) -> None:
        """Start all over with new zygotes."""
        self.close()
        self._zygotes.clear()
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        if trouble := self.start():
            raise Broken(trouble)


def _prepared(tests: bytes) -> bytes:
    """Compile tests that are code, so that no examiner has to."""
    described = wire.loads(tests)
    if described["kind"] != "code":
        return b"J" + tests
    try:
        return (
            b"C" + preparing.prepare(described["code"], described["prelude"], all_tests=described["all_tests"]).pack()
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return b"X" + f"the tests do not compile: {type(error).__name__}: {error}".encode()


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

"""Programs in compiled languages, and in languages with a runtime of their own, on the worker's side.

Everything here carries out plans (`plans.py`) in yards (`yard.py`) and knows no language. The way of one program: its
plan's steps in the candidates' yard; the tests' plan in the examiners' yard, once for each set of tests; then both are
started, and the worker hands frames from one to the other until the examiner reports or the candidate is gone.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import select
import shutil
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from sparkgap.judge import scripts, verdicts
from sparkgap.judge.frames import LONGEST, Ended, Frames, TooLarge
from sparkgap.judge.handles import EXAMINER_CPU_S, Broken, HungUp, Patience, Settings, YardProcess, write_all
from sparkgap.judge.zygote import KILL, Cause, Ending, Order

TICK_MS = 250
GONE_MS = 1000  # how long a process may take to end once its pipes are closed
MOST_PREPARED = 48  # sets of tests whose builds are kept
BUILD_FILE_KB = 128 << 10
SCRATCH = (512 << 20, 16 << 10)  # bytes and files of a yard
SAID_BYTES = 1 << 20  # kept of what a compiler says
EXAMINER_MEMORY_MB = 3072

_STARVED = re.compile(
    rb"out of memory|virtual memory exhausted|bad_alloc|memory allocation of \d+ bytes failed|OutOfMemoryError|"
    rb"cannot allocate memory|Cannot allocate memory|heap out of memory|insufficient memory"
)
_OVERGROWN = re.compile(rb"File size limit exceeded|File too large|final link failed: file truncated")


class Server:
    """A process that lives on in a yard of its own: a compiler kept warm, or an examiner for whatever tests come."""

    def __init__(self, yard: YardProcess, command: Mapping[str, Any], cpu_s: float) -> None:
        self.yard = yard
        self._command, self._cpu_s = command, cpu_s
        self.frames: Frames | None = None
        self.answered = False
        self._spent = 0.0

    def running(self) -> Frames:
        """Return the frames to it, started if it is not running."""
        if self.frames is None:
            spec = _spec(self._command, EXAMINER_MEMORY_MB, "", {})
            order = Order(1e9, 1e9, 0, BUILD_FILE_KB, 1 << 16)
            self.frames = _started(self.yard, spec, order, self._command["frames_on_stdio"])
            self._spent = 0.0
        return self.frames

    def ran_s(self) -> float | None:
        """Return for how long it has run since it was last asked; None if it has ended."""
        usage = self.yard.usage()
        return None if usage is None else usage[0] - self._spent

    def note(self) -> None:
        """Count from here."""
        usage = self.yard.usage()
        self._spent = usage[0] if usage else 0.0

    def end(self) -> Ending | None:
        """End it; the next that is asked starts it anew."""
        if self.frames is None:
            return None
        self.frames.close()
        self.frames = None
        self.yard.control.send(KILL)
        ending = self.yard.ending()
        self.yard.sweep()
        return ending


class Workshop:
    """All that a worker has of one language: its yards, its servers, and the tests that it has built."""

    def __init__(self, kit: Mapping[str, Any], settings: Settings, judge: int) -> None:
        self._kit, self._settings, self._judge = kit, settings, judge
        self._yards: dict[str, YardProcess] = {}
        self._folders: list[str] = []  # on the host, where a jail has none of its own
        self._servers: dict[str, Server] = {}
        self._prepared: OrderedDict[bytes, dict[str, Any]] = OrderedDict()  # tests by key

    def close(self) -> None:
        """Hang up on all that were started."""
        for yard in self._yards.values():
            yard.close()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def judged(self, job: dict[str, Any], key: bytes, tests: Mapping[str, Any] | None) -> dict[str, Any]:
        """Build the program of a job, and run it against its tests."""
        yard = self._yard("candidate")
        prepared: dict[str, Any] = {"gifts": {}}
        if tests is not None:
            prepared = self._tests(key, tests)
            if prepared["status"] != "built":
                reason = f"the tests do not build: {prepared['said'][-1500:] or prepared['reason']}".strip()
                return {"status": "infra", "stage": "load", "reason": reason}
        try:
            built = self._built(job["plan"], yard, "work", job["share"], prepared["gifts"])
            files = built.pop("files", {})
            if built["status"] != "built":
                return built
            if job["plan"]["run"] is None:
                return built | {"status": "passed", "stage": "done", "reason": ""}
            verdict = self._script(job, files) if tests is None else self._examined(job, files, prepared)
            return verdict | {"said": built["said"]}
        finally:
            yard.sweep()

    # --- Building ---

    def _built(
        self, plan: Mapping[str, Any], yard: YardProcess, folder: str, share: float, gifts: Mapping[str, bytes]
    ) -> dict[str, Any]:
        """Carry out a plan's steps; return status "built" and the files to add at the start, or a verdict."""
        files: dict[str, bytes] = {**plan["files"], **gifts}
        said = ""
        first = True
        for step in plan["steps"]:
            if "server" in step:
                done = self._errand(step, share)
                files |= done.pop("files", {})
            else:
                done = self._step(step, yard, folder, files if first else {}, share)
                first = False
            said += done["said"]
            if done["status"] != "built":
                return done | {"said": said, "stage": "parse"}
        return {"status": "built", "said": said, "files": files if first else {}}

    def _step(
        self, step: Mapping[str, Any], yard: YardProcess, folder: str, files: Mapping[str, bytes], share: float
    ) -> dict[str, Any]:
        cpu_s = self._kit["build_cpu_s"] * share
        order = Order(cpu_s, 30.0 + 10.0 * cpu_s, 0, BUILD_FILE_KB, SAID_BYTES)
        yard.start(_spec(step, self._kit["build_memory_mb"], folder, files), order, {})
        ending = self._await(yard, None, cpu_s)[0]
        text = ending.errors + ending.output
        done: dict[str, Any] = {"said": text.decode("utf-8", "replace"), "cpu_s": ending.cpu_s, "wall_s": ending.wall_s}
        done["memory_mb"] = round(ending.peak_kb / 1024, 1)
        if ending.status == 0 and ending.cause is Cause.ITSELF:
            return done | {"status": "built"}
        if ending.cause is not Cause.ITSELF or ending.cpu_s >= 0.95 * cpu_s:
            return done | {"status": "timeout", "reason": f"the compiler took more than its {cpu_s:.3g} s of CPU"}
        own = ending.status >> 8 == verdicts.OWN_FAILURE and b"sparkgap: " in ending.errors
        if own or b"error while loading shared libraries" in text:
            return done | {"status": "infra", "reason": f"the compiler did not start: {done['said'][-300:]}"}
        if _STARVED.search(text):
            most = self._kit["build_memory_mb"]
            return done | {"status": "memory", "reason": f"the compiler needed more than its {most} MB of memory"}
        if _OVERGROWN.search(text):
            return done | {"status": "output", "reason": "what the compiler wrote is too large"}
        return done | {"status": "compile", "reason": "the compiler refused it"}

    def _errand(self, step: Mapping[str, Any], share: float) -> dict[str, Any]:
        """Ask a compiler that lives on."""
        cpu_s = self._kit["build_cpu_s"] * share
        server = self._server(step["server"])
        frames = server.running()
        server.note()
        frames.write(b"Q" + step["body"])
        poller = self._poller(server.yard, frames)
        while True:
            ready = self._poll(poller)
            try:
                if frames.writing in ready and frames.flush():
                    poller.unregister(frames.writing)
                answers = frames.read() if frames.reading in ready else []
            except Ended:
                answers = []
                ending = server.end()
                text = (ending.errors + ending.output) if ending else b""
                if not server.answered:
                    raise Broken(f"a compiler that does not start: {text[-400:].decode('utf-8', 'replace')}") from None
                if _STARVED.search(text):
                    return {"status": "memory", "said": "", "reason": "the compiler needed too much memory"}
                return {"status": "compile", "said": "", "reason": "the compiler broke down over it"}
            if answers:
                answer = json.loads(answers[0][1:])
                server.answered = True
                files = {name: base64.b64decode(data) for name, data in answer["files"].items()}
                done = {"said": answer["said"], "files": files}
                refused = {"status": "compile", "reason": "the compiler refused it"}
                return done | ({"status": "built"} if answer["ok"] else refused)
            if not ready:
                ran_s = server.ran_s()
                if ran_s is None or ran_s > cpu_s:
                    server.end()
                    reason = f"the compiler took more than its {cpu_s:.3g} s of CPU"
                    return {"status": "timeout", "said": "", "reason": reason}

    def _tests(self, key: bytes, tests: Mapping[str, Any]) -> dict[str, Any]:
        """Return the tests' build, made when they first come."""
        found = self._prepared.get(key)
        if found is None:
            yard = self._yard("examiner")
            if len(self._prepared) >= MOST_PREPARED:
                yard.sweep(self._prepared.popitem(last=False)[0].hex())
            plan, folder = tests["plan"], key.hex()
            found = self._built(plan, yard, folder, 1.0, {}) | {"run": plan["run"], "folder": folder, "gifts": {}}
            if found["status"] in ("timeout", "memory", "infra"):
                raise Broken(f"the compiler, over the tests: {found['reason']}")
            if found["status"] == "built":
                found["gifts"] = {name: yard.file(f"{folder}/{name}") for name in plan["gifts"]}
            self._prepared[key] = found
        self._prepared.move_to_end(key)
        return found

    # --- Running ---

    def _script(self, job: dict[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
        return scripts.judged(job, lambda given: self._case(job, files, given))

    def _case(self, job: dict[str, Any], files: Mapping[str, bytes], given: str) -> dict[str, Any]:
        yard = self._yard("candidate")
        run = job["plan"]["run"]
        stdin = os.memfd_create("stdin", os.MFD_CLOEXEC)
        try:
            write_all(stdin, given.encode("utf-8", "replace"))
            spec = _spec(run, job["memory_mb"], "work", files)
            yard.start(spec, scripts.order_for(job), {0: stdin})
        finally:
            os.close(stdin)
        ending, asleep = self._await(yard, Patience(job), job["cpu_s"])
        report = {"status": "gone", "stage": "test", "reason": "", "sensitive": False, "heard": True}
        if ending.cause is Cause.ITSELF and ending.status == 0:
            report |= {"status": "passed", "stage": "done"}
        return _composed(report, ending, job, asleep)

    def _examined(self, job: dict[str, Any], files: Mapping[str, bytes], prepared: Mapping[str, Any]) -> dict[str, Any]:
        """Run the candidate and the examiner, and hand frames from one to the other."""
        yard = self._yard("candidate")
        run = job["plan"]["run"]
        spec = _spec(run, job["memory_mb"], "work", files)
        order = scripts.order_for(job)
        examiner = self._examiner(prepared, job)
        candidate = _started(yard, spec, order, run["frames_on_stdio"], job["output_kb"] << 10)
        try:
            return _Conversation(self, job, yard, candidate, examiner).verdict()
        finally:
            candidate.close()

    def _examiner(self, prepared: Mapping[str, Any], job: Mapping[str, Any]) -> Server:
        """Return the examiner for these tests, about to run them."""
        run = prepared["run"]
        if "server" in run:
            server = self._server(run["server"])
            frames = server.running()
            server.note()
            body = run["body"] or prepared["files"]["exam"]
            frames.write(b"T" + body)
            return server
        yard = self._yard("examiner")
        server = Server(yard, run, 0.0)
        spec = _spec(run, EXAMINER_MEMORY_MB, prepared["folder"], prepared["files"])
        cpu_s = EXAMINER_CPU_S + 2 * job["cpu_s"]
        order = Order(cpu_s, 1e9, 0, 1024, 1 << 16)
        server.frames = _started(yard, spec, order, run["frames_on_stdio"])
        return server

    # --- What both need ---

    def _yard(self, role: str) -> YardProcess:
        yard = self._yards.get(role)
        if yard is None:
            folder = ""
            if self._settings.level != "full":
                folder = f"{os.environ.get('TMPDIR', '/tmp')}/sparkgap-{os.urandom(12).hex()}"  # noqa: S108
                os.mkdir(folder, 0o711)
                self._folders.append(folder)
                folder += "/yard"
                os.mkdir(folder)
                os.chmod(folder, 0o777)  # noqa: S103 - the yard may become nobody; the name cannot be guessed
            yard = self._yards[role] = YardProcess(self._settings, self._kit["runtime"], (folder, *SCRATCH))
        if not yard.ready and (trouble := yard.wait_ready()):
            del self._yards[role]
            yard.close()
            raise Broken(trouble)
        return yard

    def _server(self, name: str) -> Server:
        server = self._servers.get(name)
        if server is None:
            command = self._kit["servers"][name]
            server = self._servers[name] = Server(self._yard(f"server {name}"), command, self._kit["build_cpu_s"])
        return server

    def _poller(self, yard: YardProcess, frames: Frames | None = None) -> select.poll:
        poller = select.poll()
        poller.register(yard.control.fileno(), select.POLLIN)
        poller.register(self._judge, 0)  # only to hear that the judge is gone
        if frames is not None:
            poller.register(frames.reading, select.POLLIN)
            poller.register(frames.writing, select.POLLOUT)
        return poller

    def _poll(self, poller: select.poll) -> set[int]:
        ready = {descriptor for descriptor, _ in poller.poll(TICK_MS)}
        if self._judge in ready:
            raise HungUp
        return ready

    def _await(self, yard: YardProcess, patience: Patience | None, cpu_s: float) -> tuple[Ending, bool]:
        """Wait for a program's end; return it, and whether the program slept too long."""
        poller = self._poller(yard)
        spent = False
        while True:
            if yard.control.holds_message() or yard.control.fileno() in self._poll(poller):
                ending = yard.ended()
                if ending is not None:
                    break
            elif (usage := yard.usage()) is not None:
                spent = usage[0] > cpu_s
                if patience is not None:
                    patience.note(usage, (0.0, 0.0))
                if spent or (patience is not None and patience.asleep):
                    yard.control.send(KILL)
        if spent and ending.cause is Cause.ORDERED:
            ending = ending._replace(cause=Cause.CPU)
        return ending, patience is not None and patience.asleep


class _Conversation:
    """One run of a candidate against its examiner."""

    def __init__(
        self, shop: Workshop, job: dict[str, Any], yard: YardProcess, candidate: Frames, examiner: Server
    ) -> None:
        self._shop, self._job, self._yard = shop, job, yard
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
        poller = self._shop._poller(self._yard, self._candidate)
        for descriptor, event in ((frames.reading, select.POLLIN), (frames.writing, select.POLLOUT)):
            poller.register(descriptor, event)
        while self._report is None or (self._report["status"] == "passed" and not (self._heard or self._gone)):
            ready = self._shop._poll(poller)
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
        usage = self._yard.usage() if self._ending is None else (0.0, 0.0)
        examined = self._examiner.yard.usage()
        if usage is None or examined is None:
            return
        self._patience.note(usage, examined)
        self._spent = self._spent or usage[0] > self._job["cpu_s"]
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
            report = {"status": "gone", "stage": "test" if self._heard else "load", "reason": "", "heard": self._heard}
        return _composed(report, self._ending, self._job, self._patience.asleep)

    def _let_go(self, frames: Frames, report: Mapping[str, Any]) -> None:
        """End an examiner that was started for this run; have one that lives on give the run up."""
        if self._examiner not in self._shop._servers.values():
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


def _composed(report: dict[str, Any], ending: Ending, job: Mapping[str, Any], asleep: bool) -> dict[str, Any]:
    verdict = verdicts.compose(report, ending, job, asleep)
    if verdict["status"] == "infra" and job["plan"]["run"].get("argv", ["/"])[0].startswith("./"):
        reason = "what was built is no program that can be started"
        verdict |= {"status": "compile", "stage": "parse", "reason": reason}
    last_words = ending.errors[:4000] + ending.errors[-4000:] if report["status"] == "gone" else b""
    last_words += verdict["reason"].encode("utf-8", "replace")
    if verdict["status"] == "raised" and _STARVED.search(last_words):
        verdict |= {"status": "memory", "reason": f"it needed more than its {job['memory_mb']} MB of memory"}
        verdict.pop("diagnostics", None)
    return verdict | {"errors": ending.errors.decode("utf-8", "replace")}


def _spec(command: Mapping[str, Any], memory_mb: int, folder: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    argv = [part.replace("{memory_mb}", str(memory_mb)) for part in command["argv"]]
    return {
        "argv": argv, "environment": command["environment"], "forks": command["forks"],
        "memory_mb": memory_mb + command["memory_mb"], "folder": folder, "files": dict(files),
    }  # fmt: skip


def _started(
    yard: YardProcess, spec: Mapping[str, Any], order: Order, stdio: bool, most_bytes: int = LONGEST
) -> Frames:
    """Have a program started that talks in frames."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    try:
        yard.start(spec, order, {0: theirs_in, 1: theirs_out} if stdio else {3: theirs_in, 4: theirs_out})
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    return Frames(ours_in, ours_out, min(most_bytes, LONGEST))

"""Programs in compiled languages, and in languages with a runtime of their own, on the worker's side.

Everything here carries out plans (`plans.py`) in yards (`yard.py`) and knows no language. The way of one program: its
plan's steps in the candidates' yard; the tests' plan in the examiners' yard, once for each set of tests; then both are
started, and the worker hands frames from one to the other until the examiner reports or the candidate is gone.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from sparkgap.judge import scripts
from sparkgap.judge.conversation import STARVED, Conversation, composed
from sparkgap.judge.frames import Ended
from sparkgap.judge.handles import Broken, Settings, YardProcess, write_all
from sparkgap.judge.orders import Cause, Ending, Order
from sparkgap.judge.patience import EXAMINER_CPU_S, NOTHING, Patience
from sparkgap.judge.servers import (
    BUILD_FILE_KB,
    EXAMINER_MEMORY_MB,
    Server,
    heard_from,
    poller_for,
    spec_of,
    started,
)  # fmt: skip
from sparkgap.judge.yard import KILL

MOST_PREPARED = 48  # sets of tests whose builds are kept
SCRATCH = (512 << 20, 16 << 10)  # bytes and files of a yard
_UNLINKED = 127  # the status that the loader of shared libraries ends with, and no compiler
SAID_BYTES = 1 << 20  # kept of what a compiler says

_OVERGROWN = re.compile(rb"File size limit exceeded|File too large|final link failed: file truncated")


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
                told = {"said_of_tests": prepared["said"], "reason": f"the tests do not build: {prepared['reason']}"}
                return {"status": "infra", "stage": "load", **told}
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
        yard.start(spec_of(step, self._kit["build_memory_mb"], folder, files), order, {})
        ending = self._await(yard, None, cpu_s)[0]
        text = ending.errors + ending.output
        done: dict[str, Any] = {"said": text.decode("utf-8", "replace"), "cpu_s": ending.cpu_s, "wall_s": ending.wall_s}
        done["memory_mb"] = round(ending.peak_kb / 1024, 1)
        if ending.status == 0 and ending.cause is Cause.ITSELF:
            return done | {"status": "built"}
        if ending.cause is not Cause.ITSELF or ending.cpu_s >= 0.95 * cpu_s:
            return done | {"status": "timeout", "reason": f"the compiler took more than its {cpu_s:.3g} s of CPU"}
        unlinked = ending.status >> 8 == _UNLINKED and b"error while loading shared libraries" in text
        if yard.unstarted(ending) or unlinked:
            return done | {"status": "infra", "reason": f"the compiler did not start: {done['said'][-300:]}"}
        if STARVED.search(text):
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
        poller = poller_for(self._judge, server.yard, frames)
        while True:
            ready = heard_from(poller, self._judge)
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
                if STARVED.search(text):
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
            spec = spec_of(run, job["memory_mb"], "work", files)
            yard.start(spec, scripts.order_for(job), {0: stdin})
        finally:
            os.close(stdin)
        ending, asleep = self._await(yard, Patience(job), job["cpu_s"])
        report = {"status": "gone", "stage": "test", "reason": "", "sensitive": False}
        if ending.cause is Cause.ITSELF and ending.status == 0:
            report |= {"status": "passed", "stage": "done"}
        return composed(report, ending, job, asleep, unstarted=yard.unstarted(ending))

    def _examined(self, job: dict[str, Any], files: Mapping[str, bytes], prepared: Mapping[str, Any]) -> dict[str, Any]:
        """Run the candidate and the examiner, and hand frames from one to the other."""
        yard = self._yard("candidate")
        run = job["plan"]["run"]
        spec = spec_of(run, job["memory_mb"], "work", files)
        order = scripts.order_for(job)
        examiner = self._examiner(prepared, job)
        candidate = started(yard, spec, order, run, job["output_kb"] << 10)
        try:
            return Conversation(self._judge, job, yard, candidate, examiner).verdict()
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
        server = Server(yard, run, lives_on=False)
        spec = spec_of(run, EXAMINER_MEMORY_MB, prepared["folder"], prepared["files"])
        cpu_s = EXAMINER_CPU_S + 2 * job["cpu_s"]
        order = Order(cpu_s, 1e9, 0, 1024, 1 << 16)
        server.frames = started(yard, spec, order, run)
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
            server = self._servers[name] = Server(self._yard(f"server {name}"), command)
        return server

    def _await(self, yard: YardProcess, patience: Patience | None, cpu_s: float) -> tuple[Ending, bool]:
        """Wait for a program's end; return it, and whether the program slept too long."""
        poller = poller_for(self._judge, yard)
        spent = False
        while True:
            if yard.control.holds_message() or yard.control.fileno() in heard_from(poller, self._judge):
                ending = yard.ended()
                if ending is not None:
                    break
            elif (usage := yard.usage()) is not None:
                spent = usage.ran_s > cpu_s
                if patience is not None:
                    patience.note(usage, NOTHING)
                if spent or (patience is not None and patience.asleep):
                    yard.control.send(KILL)
        if spent and ending.cause is Cause.ORDERED:
            ending = ending._replace(cause=Cause.CPU)
        return ending, patience is not None and patience.asleep

"""What runs in the examiner's process: the tests, the expected values, and the only voice that says "passed".

The candidate is in another process; what it answers, or has answered, is plain values (`wire.py`). The examiner is
forked for one set of tests, or for several that leave nothing behind, and judges one program after another, each in a
fresh namespace. It too is jailed: tests come from files that somebody else wrote.
"""

from __future__ import annotations

import _socket as socket
import json
import marshal
import os
import random
import sys
from typing import Any

from sparkgap.judge import channel, exams, wire
from sparkgap.judge.link import Link, Raised, Recorded


def rehearse(times: int = 12) -> None:
    """Examine a small program whose answers are written beforehand, so that forked processes find this path warm."""
    code = "def check(f):\n    x = [1, 2]\n    assert f(x) == 2, 'no'\n    assert f([1], b=2) == 3\n\ncheck(g)\n"
    certain = "def check(f):\n    assert f([1, 2]) == 2, 'no'\n    assert f(1) == 3\n\ncheck(g)\n"
    prelude = 'from typing import List\ndef g(a: List[int]):\n    """Declared only."""\n'
    words = [b"s" + wire.dumps(["compiled", False]), b"s" + wire.dumps(["loaded", {"g": "function"}]), b"v2", b"v3"]
    answers = b"".join(len(word).to_bytes(4, sys.byteorder) + word for word in words)
    ours, theirs = socket.socketpair()
    from sparkgap.judge import preparing

    asked, recorded = (preparing.prepare(text, prelude)[0].pack() for text in (code, certain))
    for _ in range(times):
        theirs.send(answers)
        job = marshal.loads(marshal.dumps((False, prelude, 1 << 20)))  # noqa: S302
        _told(_examined(exams.prepare(b"C" + asked), job, ours.fileno()))
        theirs.recv(1 << 16)
        _told([_reread(exams.prepare(b"C" + recorded), False, answers)])
    ours.close()
    theirs.close()


def main(descriptors: list[int]) -> None:
    """Serve: tests, and programs to examine by them, until the worker hangs up."""
    worker = channel.inherit(descriptors[0])
    exam_of: dict[bytes, exams.Exam | str] = {}  # by the key of the tests; or why there is none
    while True:
        try:
            message = worker.receive()
        except channel.Closed:
            os._exit(0)
        if message[:1] == b"T":
            try:
                exam_of[message[1:17]] = exams.prepare(message[17:])
            except (SyntaxError, ValueError, TypeError, RecursionError) as error:
                exam_of[message[1:17]] = f"the tests cannot be prepared: {type(error).__name__}: {error}"
            continue
        if message[:1] == b"Q":
            exam = exam_of[message[1:17]]
            rows, calls = exam.rehearse() if isinstance(exam, exams.CodeExam) else ([], [])
            worker.send(_told([[(row.hex(), due) for row, due in rows], [call.hex() for call in calls]]))
            continue
        told = marshal.loads(message[1:])  # noqa: S302 - the worker's own
        if message[:1] == b"A":
            worker.send(_told([_reread(exam_of[key], *rest) for key, *rest in told]))
            continue
        (line,) = worker.descriptors()
        worker.send(_told(_examined(exam_of[told[0]], told[1:], line)))
        os.close(line)


def _told(reports: Any) -> bytes:
    """Return reports as the plain JSON that the worker reads."""
    return json.dumps(reports).encode("ascii")


def _examined(exam: exams.Exam | str, job: tuple[bool, str, int], line: int) -> dict[str, Any]:
    """Load the program into the process at the other end of a socket, and examine it there, question by question."""
    if isinstance(exam, str):
        return _unprepared(exam)
    all_tests, source, most_bytes = job
    load = source, False, sorted(exam.wanted), sorted(exam.class_names), exam.captures, most_bytes, False
    return _report(exam, Link(line), all_tests, load)


def _reread(exam: exams.Exam | str, all_tests: bool, said: bytes) -> dict[str, Any]:
    """Examine a program by what it has said."""
    return _unprepared(exam) if isinstance(exam, str) else _report(exam, Recorded(said, exam.foretold or ()), all_tests)


def _unprepared(why: str) -> dict[str, Any]:
    return {"status": "infra", "stage": "load", "reason": why}


def _report(exam: exams.Exam, link: Link, all_tests: bool, load: Any = None) -> dict[str, Any]:
    random.seed(0)
    report: dict[str, Any] = {"status": "infra", "stage": "load", "sensitive": False, "heard": False}
    result = exams.Result(all_tests=all_tests)
    try:
        if load is not None:
            link.send(load)
        if hear_load(link, report):
            report["stage"] = "test"
            exam.run(link, result)
            report |= result.outcome()
            report["sensitive"] = report["sensitive"] or exam.passes_sets
    except BaseException as error:
        report |= exams.explained(error)
    if report["status"] == "passed" and link.stopped is not None:  # a test swallowed it
        report |= exams.explained(link.stopped)
    if report["status"] == "passed":
        report["stage"] = "done"
    else:
        report["failure"] = result.failure(link)
    if "answers" in report:  # as text that only the caller decodes
        report["answers"] = wire.dumps(report["answers"]).decode("ascii")
    report["calls"] = link.calls
    return report | {"passed": result.passed, "total": result.total(exam.total), "groups": result.groups}


def hear_load(link: Link, report: dict[str, Any], *, script: bool = False) -> bool:
    """Hear how the loading of the program went; return whether it can be called."""
    what, value = link.receive_word()  # sent before any of the program has run, so this one is believed
    report["heard"] = True
    if what == "syntax":
        raised = Raised(value)
        status = "memory" if raised.status == "memory" else "syntax"
        report |= {"status": status, "stage": "parse", "reason": raised.reason, "diagnostics": [raised.described]}
        return False
    report["sensitive"] = value is not False
    what, value = link.receive_word()
    if what == "raised":
        raise Raised(value)
    if what == "finished" and script:
        report |= {"status": "passed", "stage": "done"}
        return False
    if what != "loaded" or type(value) is not dict or script:
        raise link.forged("not the word that was due")
    link.names = value
    return True

"""What runs in the examiner's process: the tests, the expected values, and the only voice that says "passed".

The candidate is in another process and is reached through two pipes that carry plain values (`wire.py`). The examiner
is forked for one set of tests, and judges one program after another by it, each in a fresh namespace. It too is jailed:
tests come from files that somebody else wrote.
"""

from __future__ import annotations

import os
import random
import reprlib
import sys
from typing import Any

from sparkgap.judge import channel, exams, wire
from sparkgap.judge.link import Gone, Link, Raised, Refused

MOST_REPR = 400

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 120
_short.maxlist = _short.maxtuple = _short.maxset = _short.maxdict = _short.maxdeque = 20
_short.maxlevel = 4


def shown(value: Any) -> str:
    """Return a short repr of a plain value."""
    return _short.repr(value)[:MOST_REPR]


def rehearse(times: int = 24) -> None:
    """Examine a small program whose answers are written beforehand, so that forked processes find this path warm."""
    code = "def check(f):\n    x = [1, 2]\n    assert f(x) == 2, 'no'\n    assert f([1], b=2) == 3\n\ncheck(g)\n"
    prelude = "from typing import List\ndef g(a: List[int]):\n    \"\"\"Declared only.\"\"\"\n"
    words = [b"s" + wire.dumps(["compiled", False]), b"s" + wire.dumps(["loaded", {"g": "function"}]), b"v2", b"v3"]
    answers = b"".join(len(word).to_bytes(4, sys.byteorder) + word for word in words)
    from_candidate, theirs_out = os.pipe()
    theirs_in, to_candidate = os.pipe()
    from sparkgap.judge import preparing

    prepared = preparing.prepare(code, prelude).pack()
    for _ in range(times):
        exam = exams.prepare(b"C" + prepared)
        os.write(theirs_out, answers)
        job = {"source": prelude, "most_bytes": 1 << 20, "all_tests": False}
        wire.dumps(_examine(exam, wire.loads(wire.dumps(job)), [from_candidate, to_candidate]))
        os.read(theirs_in, 1 << 16)
    for end in (from_candidate, theirs_out, theirs_in, to_candidate):
        os.close(end)


def main(descriptors: list[int]) -> None:
    """Serve one set of tests: first the tests, then program after program, until the worker hangs up."""
    worker = channel.inherit(descriptors[0])
    exam: exams.Exam | None = None
    refused = ""
    while True:
        try:
            message = worker.receive()
        except channel.Closed:
            os._exit(0)
        if message[:1] == b"T":
            try:
                exam = exams.prepare(message[1:])
            except (SyntaxError, ValueError, TypeError, RecursionError) as error:
                refused = f"the tests cannot be prepared: {type(error).__name__}: {error}"
            continue
        job, ends = wire.loads(message[1:]), worker.descriptors()
        if exam is None:
            report: dict[str, Any] = {"status": "infra", "stage": "load", "reason": refused or "there are no tests"}
        else:
            report = _examine(exam, job, ends)
        for end in ends:
            os.close(end)
        worker.send(wire.dumps(report))


def _examine(exam: exams.Exam, job: dict[str, Any], ends: list[int]) -> dict[str, Any]:
    random.seed(0)
    link = Link(ends[0], ends[1])
    report: dict[str, Any] = {"status": "infra", "stage": "load", "sensitive": False}
    result = exams.Result(all_tests=job["all_tests"])
    try:
        load = {
            "source": job["source"], "most_bytes": job["most_bytes"], "script": False,
            "wanted": sorted(exam.wanted), "classes": sorted(exam.class_names), "captures": exam.captures,
        }  # fmt: skip
        if _load(link, load, report):
            report["stage"] = "test"
            exam.run(link, result)
            report |= result.outcome()
            report["stage"] = "done" if report["status"] == "passed" else "test"
            report["sensitive"] = report["sensitive"] or exam.passes_sets
    except Gone:
        report |= {"status": "gone", "reason": ""}
    except Raised as raised:
        report |= {"status": raised.status, "reason": raised.reason, "diagnostics": [raised.described]}
    except Refused as refusal:
        report |= {"status": refusal.status, "reason": refusal.reason}
    except wire.Malformed as error:
        report |= {"status": "forbidden", "reason": f"it wrote to the judge's own pipe ({error})"}
    except MemoryError:
        report |= {"status": "memory", "reason": "its answer takes more memory than the tests may use"}
    except BaseException as error:  # noqa: BLE001 - the tests' own doing
        report |= {"status": "wrong", "reason": f"the test cannot use the answer: {type(error).__name__}: {error}"[:500]}
    if report["status"] != "passed":
        report["failure"] = result.failure(link, shown)
    report |= {"passed": result.passed, "total": result.total(exam.total), "groups": result.groups}
    return report


def _load(link: Link, load: dict[str, Any], report: dict[str, Any]) -> bool:
    """Have the candidate's process load the program; return whether it could."""
    link.send(load)
    what, value = link.receive_word()  # sent before any of the program has run, so this one is believed
    if what == "syntax":
        raised = Raised(value)
        status = "memory" if raised.status == "memory" else "syntax"
        report |= {"status": status, "stage": "parse", "reason": raised.reason, "diagnostics": [raised.described]}
        return False
    report["sensitive"] = value is not False
    what, value = link.receive_word()
    if what == "raised":
        raise Raised(value)
    if what != "loaded" or type(value) is not dict:
        raise wire.Malformed("not the word that was due")
    link.names = value
    return True

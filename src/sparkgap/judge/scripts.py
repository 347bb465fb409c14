"""Whole programs that read stdin and write stdout: run once per case, and compared outside their process."""

from __future__ import annotations

import _socket
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sparkgap.judge import verdicts
from sparkgap.judge.examiner import hear_load
from sparkgap.judge.exams import explained
from sparkgap.judge.handles import write_all
from sparkgap.judge.link import Link, Raised, Stop
from sparkgap.judge.orders import Cause, Ending, Order
from sparkgap.judge.stdio import same_output

MOST_SHOWN = 400
MOST_WORD_BYTES = 32 << 10  # of what a script's process says: the worker, which reads it, has no limits of its own


class Forks(Protocol):
    """The worker's end of a zygote."""

    def order(self, order: Order, descriptors: Sequence[int]) -> None:
        """Have a program forked."""


Wait = Callable[[], tuple[Ending, bool]]  # for the program's end: it, and whether it slept too long


def order_for(job: dict[str, Any]) -> Order:
    """Return what the program of a job may use."""
    wall_s = job["wall_s"] if job["wall_s"] is not None else 30.0 + 10.0 * job["cpu_s"]
    clip = job["output_kb"] << 10 if job["kind"] == "stdio" else 65536
    return Order(job["cpu_s"], wall_s, job["memory_mb"], job["output_kb"], clip)


def judged(job: dict[str, Any], one: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Run every case; the verdict is the first failure's, or passed. `one` runs the program on one input."""
    if not job["cases"]:
        return {"status": "infra", "stage": "load", "reason": "there is no case to run", "sensitive": False}
    verdict: dict[str, Any] = {}
    passed = missed = 0
    cpu_s = wall_s = memory_mb = 0.0
    sensitive = False
    for index, (given, expected) in enumerate(job["cases"]):
        case = one(given)
        printed = case.pop("printed")  # what it wrote to stderr is no answer
        if case["status"] == "passed" and expected is not None and not same_output(printed, expected):
            case |= {"status": "wrong", "stage": "test", "reason": "the output is not the expected one"}
        cpu_s, wall_s = cpu_s + case["cpu_s"], wall_s + case["wall_s"]
        memory_mb = max(memory_mb, case["memory_mb"])
        sensitive = sensitive or case["sensitive"]
        if case["status"] == "passed":
            passed += 1
        else:
            missed += 1
            case["failure"] = {
                "test": f"case {index}", "call": f"stdin: {given[:MOST_SHOWN]!r}",
                "expected": (expected or "")[:MOST_SHOWN], "actual": printed[:MOST_SHOWN],
            }  # fmt: skip
        if not verdict or (verdict["status"] == "passed" and case["status"] != "passed"):
            verdict = case
        if missed and not job["all_tests"]:
            break
    shown = verdict["output"]
    verdict |= {"output": shown[:65536], "output_clipped": verdict["output_clipped"] or len(shown) > 65536}
    return verdict | {
        "passed": passed, "total": len(job["cases"]), "cpu_s": cpu_s, "wall_s": wall_s,
        "memory_mb": memory_mb, "sensitive": sensitive,
    }  # fmt: skip


def run_once(job: dict[str, Any], zygote: Forks, wait: Wait, given: str) -> dict[str, Any]:
    """Run a Python program on one input."""
    stdin = os.memfd_create("stdin", os.MFD_CLOEXEC)
    write_all(stdin, given.encode("utf-8", "replace"))
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        zygote.order(order_for(job), (theirs.fileno(), stdin))
    finally:
        theirs.close()
        os.close(stdin)
    link = Link(ours.fileno(), MOST_WORD_BYTES)
    load: tuple[Any, ...] = job["source"], True, [], [], False, 1 << 20, False
    report: dict[str, Any] = {"status": "gone", "stage": "test", "reason": "", "sensitive": False, "heard": False}
    try:
        with contextlib.suppress(Stop):
            link.send(load)
        ending, asleep = wait()
        try:
            hear_load(link, report, script=True)
        except (Raised, Stop) as error:
            report |= explained(error)
        if report["status"] == "gone" and report["heard"] and ending.cause is Cause.ITSELF and ending.status == 0:
            report |= {"status": "passed", "stage": "done"}  # os._exit(0): what counts is what it wrote
    finally:
        ours.close()
    return verdicts.compose(report, ending, job, asleep)

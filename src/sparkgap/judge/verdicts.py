"""What the examiner saw and how the process ended, made into one verdict (as plain data, to cross to the caller)."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import Any

from sparkgap.judge.orders import Cause, Ending

_FATAL = re.compile(rb"Fatal Python error: (Aborted|Segmentation fault|[^\n]{1,80})")
_CRASH_LINE = re.compile(rb'File "solution\.py", line (\d+)')
_NEARLY_ALL = 0.95
OWN_FAILURE = 70


def compose(
    report: Mapping[str, Any], ending: Ending, limits: Mapping[str, Any], asleep: bool = False
) -> dict[str, Any]:
    """Return the verdict, fields as `types.Verdict` has them.

    Args:
        report: the examiner's; status "gone" means that the candidate's process ended under its hands.
        ending: the forking process's.
        limits: cpu_s, memory_mb, output_kb.
        asleep: the worker killed it because it slept.
    """
    verdict = dict(report)
    if verdict["status"] == "gone":
        verdict |= _death(ending, limits, asleep, heard=bool(report.get("heard")))
    if max(ending.output_bytes, ending.error_bytes) >= limits["output_kb"] << 10 and verdict["status"] != "infra":
        verdict |= {"status": "output", "reason": f"it wrote more than {limits['output_kb']:,} kB"}
    stdout = ending.output_bytes > 0
    text = ending.output if stdout else ending.errors
    verdict["printed"] = ending.output.decode("utf-8", "replace")
    verdict["output_clipped"] = len(text) < (ending.output_bytes if stdout else ending.error_bytes)
    verdict["output"] = text.partition(b"Fatal Python error:")[0].decode("utf-8", "replace")
    verdict["cpu_s"] = ending.cpu_s
    verdict["wall_s"] = ending.wall_s
    verdict["memory_mb"] = round(ending.peak_kb / 1024, 1)
    return verdict


def _death(ending: Ending, limits: Mapping[str, Any], asleep: bool, *, heard: bool) -> dict[str, Any]:
    """Say why the process ended before the tests were over; nothing heard of it means that it never got to run."""
    if asleep:
        return {"status": "timeout", "reason": "it slept, using no CPU, for longer than a program may"}
    if ending.cause is Cause.CPU:
        return {"status": "timeout", "reason": f"it used more than its {limits['cpu_s']:.3g} s of CPU"}
    if ending.cause is Cause.WALL:
        return {"status": "timeout", "reason": "it was not done when the backstop on wall time fell"}
    if ending.cause is Cause.ORDERED:
        return {"status": "forbidden", "reason": "it closed its line to the judge and went on"}
    if ending.signal:
        return _signalled(ending, limits)
    code = ending.status >> 8
    if code == OWN_FAILURE and (b"sparkgap: MemoryError" in ending.errors or _starved(ending, limits)):
        return {"status": "memory", "reason": _memory(limits)}  # too little was left even to say so
    if code == OWN_FAILURE and not heard and b"sparkgap: " in ending.errors:
        first = ending.errors.split(b"sparkgap: ", 1)[1].split(b"\n", 1)[0].decode("utf-8", "replace")
        return {"status": "infra", "reason": f"the candidate's process failed: {first}"[:300]}
    return {
        "status": "raised",
        "reason": f"it ended its own process (exit status {code}) before the tests were over",
        "diagnostics": [{"types": ["exit"], "text": f"exit status {code}", "line": None, "column": None}],
    }


def _signalled(ending: Ending, limits: Mapping[str, Any]) -> dict[str, Any]:
    number = ending.signal
    fatal = _FATAL.search(ending.errors)
    if number == signal.SIGXCPU or (number == signal.SIGKILL and ending.cpu_s >= limits["cpu_s"]):
        return {"status": "timeout", "reason": f"it used more than its {limits['cpu_s']:.3g} s of CPU"}
    if _starved(ending, limits) or number == signal.SIGKILL or b"MemoryError" in ending.errors[-2000:]:
        return {"status": "memory", "reason": _memory(limits)}
    if number == signal.SIGSYS:
        return {"status": "forbidden", "reason": "it made a system call that the jail refuses"}
    # Process 1 of a namespace cannot abort by signal: it dies of the trap behind it, having said so.
    name = "SIGABRT" if fatal and fatal[1] == b"Aborted" else signal.Signals(number).name
    line = _CRASH_LINE.search(ending.errors)
    described = {"types": [name], "text": "the process crashed", "line": int(line[1]) if line else None, "column": None}
    return {"status": "raised", "reason": f"it crashed: {name}", "diagnostics": [described]}


def _starved(ending: Ending, limits: Mapping[str, Any]) -> bool:
    """Whether the process had come close to all the memory it may use."""
    return bool(ending.peak_kb >= (limits["memory_mb"] << 10) * _NEARLY_ALL)


def _memory(limits: Mapping[str, Any]) -> str:
    return f"it needed more than its {limits['memory_mb']} MB of memory"

"""One sample as the page shows it when its problem is opened: JSON, every text visible and of bounded length.

What is empty is left out. Numbers are as they were measured; the page's script puts units to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparkgap.extract import Extraction
from sparkgap.report.plaintext import one_line, shown
from sparkgap.types import Problem, SampleForm

Json = dict[str, Any]
Reading = Callable[[str, Problem, SampleForm], Extraction]


def exhibit(record: Json, reply: Json, problem: Problem | None, read: Reading | None, way: str) -> Json:
    """Return all that there is to show of one sample.

    `record` is its line of scores.jsonl, `reply` that of samples.jsonl, {} where there is none. `read` takes the
    program out of a reply as the judging did, None where there is no program; `way` is the reading of the headline.
    """
    text, form = _reply(reply)
    turns = [one for one in reply.get("replies") or () if isinstance(one, dict)]
    told: Json = {
        "reply": shown(text),
        "turns": [shown(str(one.get("text") or one.get("error") or "")) for one in turns] if len(turns) > 1 else [],
        "logprobs": [round(one, 3) for one in (turns[0].get("logprobs") or ())] if turns else [],
        "ratings": [shown(str(_text_of(one)), 6000) for one in reply.get("ratings") or ()],
        "answer": shown(str(record.get("answer") or ""), 500),
        "metrics": record.get("metrics") or {},
        "truncated": bool(record.get("truncated")),
        "error": one_line(str(reply.get("error") or next((e for one in turns if (e := one.get("error"))), "")), 300),
        "verdict": _verdict(record.get("verdict") or {}),
        "how": one_line(str(record.get("how_lenient") or ""), 200),
        "strict": record.get("strict", ""),
        "lenient": record.get("lenient", ""),
    }
    if problem is not None and read is not None and text.strip():
        told |= _programs(read(text, problem, form), way == "strict" or (way == "auto" and form != "response"))
    return {"index": record["sample_index"]} | {key: value for key, value in told.items() if value}


def _reply(reply: Json) -> tuple[str, SampleForm]:
    forms: tuple[SampleForm, ...] = ("solution", "completion", "response")
    form = next((form for form in forms if isinstance(reply.get(form), str)), forms[-1])
    return reply.get(form) or "", form


def _text_of(rating: object) -> object:
    return rating.get("text", "") if isinstance(rating, dict) else rating


def _programs(read: Extraction, strictly: bool) -> Json:
    """Return the program that was judged, and that of the other reading where it is another one."""
    head, other = (read.strict, read.lenient) if strictly else (read.lenient, read.strict)
    told = {"program": shown(head), "reading": "strict" if strictly else "lenient"}
    if other != head:
        told["other"] = shown(other)
    return told


def _verdict(verdict: Json) -> Json:
    """Return a verdict as it is shown: texts made visible, numbers as they are."""
    failure = verdict.get("failure") or {}
    told: Json = {
        "stage": verdict.get("stage", ""),
        "reason": one_line(str(verdict.get("reason") or ""), 300),
        "tests": _tests(verdict),
        "cpu_s": verdict.get("cpu_s"),
        "memory_mb": verdict.get("memory_mb"),
        "output": shown(str(verdict.get("output") or ""), 2000),
        "failure": {key: shown(str(text), 2000) for key, text in failure.items() if text},
        "diagnostics": [_diagnostic(each) for each in verdict.get("diagnostics") or ()],
        "groups": verdict.get("groups") or {},
    }
    return {key: value for key, value in told.items() if value not in ("", [], {}, None)}


def _tests(verdict: Json) -> str:
    passed, total = verdict.get("tests_passed", 0), verdict.get("tests_total")
    return f"{passed:,} of {total:,} tests passed" if isinstance(total, int) else ""


def _diagnostic(said: Json) -> Json:
    message = ": ".join(part for key in ("code", "message") if (part := one_line(str(said.get(key) or ""), 500)))
    told = {"severity": said.get("severity", "error"), "message": message}
    return told | {key: said[key] for key in ("line", "column") if isinstance(said.get(key), int)}

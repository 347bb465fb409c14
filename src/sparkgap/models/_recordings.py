"""Answers on disk, in the forms in which tools leave them: each line or log entry becomes an `Entry`.

    samples    human-eval, EvalPlus, chat replies: {"task_id", "completion" | "solution" | "response"}; see `samples`
    measure    samples.jsonl of a run of ours: the same with "replies", one for each turn
    lm_eval    samples_TASK_*.jsonl of the lm-evaluation-harness (--log_samples), also log-likelihoods of choices
    mt_bench   FastChat's model_answer/*.jsonl: {"question_id", "choices": [{"turns"}]}
    inspect    .eval and .json logs of Inspect, read by Inspect itself

Of an lm_eval line the raw `resps` count, and only the lines of its first filter, since each filter repeats them all.
Of an Inspect sample the last output counts; tools and earlier turns are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal

from sparkgap.errors import InputError
from sparkgap.models import ModelError, Recorded
from sparkgap.samples import read_objects
from sparkgap.types import Reply, SampleForm

Format = Literal["samples", "measure", "lm_eval", "mt_bench", "inspect"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line or log entry holds: `task` is what the file calls the problem, `text` what it says of it."""

    where: str  # "FILE:LINE"
    task: object
    recorded: tuple[Recorded, ...]
    text: str = ""


def format_of(path: Path) -> Format:
    """Return the form of a file, by its name or its first line.

    Raises:
        InputError: it cannot be read, or is empty.
    """
    if path.suffix in {".eval", ".json"}:
        return "inspect"
    first = next(read_objects(path), None)
    if first is None:
        raise InputError(f"{path} is empty; a recording has a line for each answer")
    record = first[1]
    if "doc_id" in record and "resps" in record:
        return "lm_eval"
    if "question_id" in record and "choices" in record:
        return "mt_bench"
    return "measure" if "replies" in record else "samples"


def entries(path: Path, form: Format) -> Iterator[Entry]:
    """Yield what a file holds, in its order; not for `samples`, which have a reader of their own.

    Raises:
        InputError: a line is not what the form says; the text names file, line and mend.
        ModelError: the package that reads this form is not installed.
    """
    if form == "inspect":
        yield from _inspect(path)
        return
    read: dict[str, Callable[[Mapping[str, Any]], tuple[object, tuple[Recorded, ...]]]]
    read = {"measure": _measure, "lm_eval": _lm_eval, "mt_bench": _mt_bench}
    first_filter: object = None
    for number, record in read_objects(path):
        where = f"{path}:{number}"
        if form == "lm_eval":
            first_filter = record.get("filter") if first_filter is None else first_filter
            if record.get("filter") != first_filter:
                continue
        try:
            task, recorded = read[form](record)
        except (LookupError, TypeError, ValueError, AttributeError) as fault:
            what = f"no {fault}" if isinstance(fault, KeyError) else str(fault)
            raise InputError(f"{where}: not a line as {form} files have it ({what})") from fault
        yield Entry(where, task, recorded)


def scores_choices(path: Path, form: Format) -> bool:
    """Whether a file holds log-probabilities of choices rather than texts."""
    if form not in {"lm_eval", "measure"}:
        return False
    first = next(entries(path, form), None)
    return first is not None and bool(first.recorded and first.recorded[0].replies[-1].logprobs)


def lm_eval_task(path: Path) -> str:
    """Return the task in the name of an lm_eval file: samples_TASK_2025-01-31T10-11-12.345678.jsonl."""
    found = re.fullmatch(r"samples_(.+?)_\d{4}-\d\d-\d\dT.*", path.name)
    return found[1] if found else ""


def _measure(record: Mapping[str, Any]) -> tuple[object, tuple[Recorded, ...]]:
    form: SampleForm = "completion" if "completion" in record else "solution" if "solution" in record else "response"
    replies = tuple(
        Reply(
            _string(reply, "text"),
            reply.get("finish_reason", ""),
            reply.get("prompt_tokens"),
            reply.get("completion_tokens"),
            reply.get("seconds"),
            tuple(map(float, reply.get("logprobs", ()))),
            reply.get("error", ""),
        )
        for reply in record["replies"]
    )
    if not replies:
        raise ValueError("`replies` is empty")
    return record["task_id"], (Recorded(replies, form),)


def _lm_eval(record: Mapping[str, Any]) -> tuple[object, tuple[Recorded, ...]]:
    doc, resps = record["doc"], record["resps"]
    task = doc.get("task_id")
    if task is None:
        task = f"MMLU/{doc['subject']}/{record['doc_id']}" if "subject" in doc else record["doc_id"]
    if not resps or not isinstance(resps[0], list) or not resps[0]:
        raise ValueError("`resps` is no list of lists")
    if not isinstance(resps[0][0], str):  # [[(log-probability, greedy)]] for each choice
        values = (each[0] if isinstance(each[0], list) else each for each in resps)
        return task, (
            Recorded((Reply(finish_reason="stop", logprobs=tuple(float(each[0]) for each in values)),), "response"),
        )
    return task, tuple(_text(text) for text in resps[0])


def _text(text: object) -> Recorded:
    """Return a text that follows a prompt, or is a chat reply where it has a fence."""
    if not isinstance(text, str):
        raise TypeError("a reply that is no string")
    return Recorded((Reply(text),), "response" if "```" in text else "completion")


def _mt_bench(record: Mapping[str, Any]) -> tuple[object, tuple[Recorded, ...]]:
    return record["question_id"], tuple(
        Recorded(tuple(Reply(_string({"turn": turn}, "turn")) for turn in choice["turns"]), "response")
        for choice in record["choices"]
    )


def _string(record: Mapping[str, Any], name: str) -> str:
    if not isinstance(record[name], str):
        raise TypeError(f"`{name}` is no string")
    return str(record[name])


def _inspect(path: Path) -> Iterator[Entry]:
    try:
        read_eval_log = import_module("inspect_ai.log").read_eval_log
    except ImportError as error:
        raise ModelError(f"{path}: Inspect's logs are read by Inspect: pip install 'sparkgap[inspect]'") from error
    try:
        with ThreadPoolExecutor(1) as aside:  # it runs an event loop of its own, and there may be one here
            log = aside.submit(read_eval_log, str(path)).result()
    except Exception as error:  # whatever its reader raises on a file that is no log
        raise InputError(f"{path}: Inspect cannot read this log ({type(error).__name__}: {error})") from error
    for sample in log.samples or ():
        output, usage = sample.output, getattr(sample.output, "usage", None)
        choices = getattr(output, "choices", None) or []
        failed = str(sample.error.message) if sample.error else "" if choices else "no output"
        reply = Reply(
            "" if failed else output.completion,
            _INSPECT_STOPS.get(str(choices[0].stop_reason), str(choices[0].stop_reason)) if choices else "",
            getattr(usage, "input_tokens", None),
            getattr(usage, "output_tokens", None),
            getattr(sample, "working_time", None),
            error=failed[:500],
        )
        text = sample.input if isinstance(sample.input, str) else str(sample.input[-1].text)
        offered = zip(ascii_uppercase, getattr(sample, "choices", None) or (), strict=False)
        text = "\n".join((text, *(f"{letter}. {choice}" for letter, choice in offered)))
        where = f"{path}: sample {sample.id} of epoch {sample.epoch}"
        yield Entry(where, sample.id, (Recorded((reply,), "response"),), text)


_INSPECT_STOPS = {"max_tokens": "length", "model_length": "length"}  # the others are as we call them

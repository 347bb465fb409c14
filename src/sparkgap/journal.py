"""A file of JSON records, one a line, that is whole after any crash: appended to, read back, cut at a torn end.

Records have ordinals, their places among all samples, so that what is done is known at one bit each. Not covered:
several processes writing one file (a run's folder is locked), and removing a record.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparkgap.errors import InputError

BATCH = 64  # records held back at most; a crash costs making these again, no more
FLUSH_S = 1.0  # ... and for how long
SYNC_S = 10.0  # between calls that push the records to the disk itself

Json = dict[str, Any]


class Journal:
    """Records of one file, each under its own ordinal.

    `replay` once, then `add`. Up to `batch` records are held back for a second at most. Where it `repeats`, an ordinal
    has several records, of which the last one counts.
    """

    def __init__(self, path: Path, batch: int = BATCH, repeats: bool = False) -> None:
        """Name the file; nothing is opened yet."""
        self.path, self._batch, self._repeats = path, batch, repeats
        self.done = Ordinals()
        self._file = -1
        self._pending: list[str] = []
        self._flushed = self._synced = time.monotonic()

    def replay(self, visit: Callable[[Json], None]) -> int:
        """Show `visit` every record on disk, each ordinal once unless it `repeats`; return how many.

        Call it before the first `add`.
        The file is cut before the first line that is not a whole record: a torn end, or what a bad disk left.
        """
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        whole = count = 0
        with self.path.open("rb") as stream:
            for line in stream:
                record = _record(line)
                if record is None:
                    break
                whole += len(line)
                if self.done.add(record["ordinal"]) or self._repeats:
                    count += 1
                    visit(record)
        os.ftruncate(self._file, whole)
        return count

    def add(self, record: Json) -> None:
        """Append one record; `record["ordinal"]` is the sample's place among all samples, from 0.

        Raises:
            InputError: the disk is full or gone.
        """
        self.done.add(record["ordinal"])
        self._pending.append(json.dumps(record, separators=(",", ":")) + "\n")
        if len(self._pending) >= self._batch or time.monotonic() - self._flushed > FLUSH_S:
            self.flush()

    def flush(self, sync: bool = False) -> None:
        """Write the records held back; `sync` waits until the disk has them."""
        if self._file < 0:
            return
        try:
            data = "".join(self._pending).encode()
            while data:
                data = data[os.write(self._file, data) :]
            self._pending.clear()
            self._flushed = time.monotonic()
            if sync or self._flushed - self._synced > SYNC_S:
                os.fsync(self._file)
                self._synced = self._flushed
        except OSError as fault:
            raise unwritable(self.path.parent, fault) from fault

    def close(self) -> None:
        """Write what is held back, and close the file; twice is fine."""
        try:
            if self._pending:
                self.flush()
        finally:
            self._pending = []
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


class Ordinals:
    """A set of small whole numbers at one bit each: two million samples take 250 kB."""

    def __init__(self) -> None:
        """Start empty."""
        self._bits = bytearray()
        self._count = 0

    def add(self, ordinal: int) -> bool:
        """Put `ordinal` in; return whether it was new."""
        byte, bit = ordinal >> 3, 1 << (ordinal & 7)
        if byte >= len(self._bits):
            self._bits.extend(bytes(max(byte + 1 - len(self._bits), len(self._bits))))
        new = not self._bits[byte] & bit
        self._bits[byte] |= bit
        self._count += new
        return new

    def __len__(self) -> int:
        """How many are in."""
        return self._count

    def __contains__(self, ordinal: int) -> bool:
        """Whether `ordinal` is in."""
        byte = ordinal >> 3
        return byte < len(self._bits) and bool(self._bits[byte] & 1 << (ordinal & 7))


def drop(path: Path, unwanted: Callable[[Json], bool]) -> None:
    """Rewrite a journal without the records that are `unwanted`; a crash leaves the old one or the new one."""
    if not path.exists():
        return
    draft = path.with_suffix(".tmp")
    try:
        with path.open("rb") as old, draft.open("wb") as new:
            for line in old:
                record = _record(line)
                if record is None:
                    break
                if not unwanted(record):
                    new.write(line)
            new.flush()
            os.fsync(new.fileno())
        draft.replace(path)
    except OSError as fault:
        raise unwritable(path.parent, fault) from fault


def unwritable(folder: Path, fault: OSError) -> InputError:
    """Return what to say when a run's folder cannot be written to."""
    return InputError(f"cannot write to {folder}: {fault.strerror}; mend that, and the same command goes on from here")


def _record(line: bytes) -> Json | None:
    """Return the record of a line, None if the line is not a whole one."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if isinstance(record, dict) and isinstance(ordinal := record.get("ordinal"), int) and ordinal >= 0:
        return record
    return None

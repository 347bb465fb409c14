"""The scan: every entry read and measured once, a unit of entries at a time, each unit a Parquet file of its own.

    DATASET/.scan/unit-000000.parquet   a row for each entry: what it is, all attributes, its text as it may be used

Which entries a unit holds depends on the sources alone, never on who measures it. A unit's file is written whole or
not at all, and bears a key of all it was made from; one that is there with the right key is not made again. This is
how a run that was killed goes on.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate import filtering, licences
from sparkgap.curate.documents import Document, Entry, Value
from sparkgap.curate.executors import in_order
from sparkgap.curate.minhash import NearOptions, bands, signatures
from sparkgap.curate.reading import Reading, read
from sparkgap.curate.shingles import grams, words
from sparkgap.curate.sources import Source
from sparkgap.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

FORMAT = 1  # of a unit's file
UNIT_ENTRIES, UNIT_BYTES = 256, 8 << 20
FOLDER = ".scan"
FACTS = ("source", "repo", "path", "sha256", "read")


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What decides how an entry is measured. `against` holds the benchmarks' index, `against_key` its sha256."""

    max_bytes: int = 1_000_000
    languages: frozenset[str] = frozenset({"python"})
    near: NearOptions = field(default_factory=NearOptions)
    against: Any = None
    against_key: str = ""

    def key(self) -> str:
        """Return a text that differs where a measurement could."""
        told = {"format": FORMAT, "max_bytes": self.max_bytes, "languages": sorted(self.languages),
                "near": asdict(self.near), "against": self.against_key, "filters": filtering.versions()}  # fmt: skip
        return json.dumps(told, sort_keys=True)


def scan(
    sources: Sequence[Source], folder: Path, options: ScanOptions, *, workers: int = 1, ray: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:  # fmt: skip
    """Measure all entries of all sources; return the units' files, in order.

    Args:
        sources: where entries come from, in order of preference.
        folder: the dataset's folder.
        options: what decides the measurements.
        workers: processes on this machine.
        ray: the address of a Ray cluster that does it instead.
        progress: called with the number of files and bytes done.
    """
    home = folder / FOLDER
    home.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    files = size = 0
    key = options.key()

    def missing() -> Iterator[tuple[str, list[Entry]]]:
        nonlocal files, size
        for number, unit in enumerate(units(sources)):
            path, made_of = home / f"unit-{number:06d}.parquet", _key(key, unit)
            paths.append(path)
            files, size = files + len(unit), size + sum(each.size for each in unit)
            if unit_key(path) != made_of:
                coming.append(path)
                yield made_of, unit

    coming: list[Path] = []
    for place, table in enumerate(in_order(measure_unit, options, missing(), workers, ray)):
        _write(coming[place], table)
        if progress is not None:
            progress(files, size)
    for old in sorted(home.glob("unit-*.parquet")):
        if old not in set(paths):
            old.unlink()
    _write_notices(home, sources)
    return paths


def units(sources: Sequence[Source]) -> Iterator[list[Entry]]:
    """Yield the entries of all sources in units; no unit holds entries of two sources."""
    for source in sources:
        unit: list[Entry] = []
        size = 0
        for entry in source.entries():
            unit.append(entry)
            size += (
                len(entry.content) if entry.content is not None else min(entry.size, UNIT_BYTES) if entry.place else 0
            )
            if len(unit) >= UNIT_ENTRIES or size >= UNIT_BYTES:
                yield unit
                unit, size = [], 0
        if unit:
            yield unit


def measure_unit(options: ScanOptions, task: tuple[str, list[Entry]]) -> bytes:
    """Read and measure the entries of one unit; return the bytes of its Parquet file."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    unit_key, unit = task
    rows: list[dict[str, Value]] = []
    sets: list[Any] = []
    for entry in unit:
        row, shingles = _measured(entry, options)
        rows.append(row)
        sets.append(shingles)
    columns = _columns(rows)
    placed = [place for place, each in enumerate(sets) if each is not None]
    signed = signatures([sets[place] for place in placed], options.near)
    keys = bands(signed, options.near)
    for band in range(options.near.bands):
        held = np.zeros(len(rows), np.uint64)
        held[placed] = keys[:, band]
        columns[f"band_{band:02d}"] = pa.array(held, mask=~np.isin(np.arange(len(rows)), placed))
    blobs: list[bytes | None] = [None] * len(rows)
    for place, signature in zip(placed, signed, strict=True):
        blobs[place] = signature.tobytes()
    columns["signature"] = pa.array(blobs, pa.binary(4 * options.near.permutations))
    table = pa.table(columns).replace_schema_metadata({"unit": unit_key})
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd", use_dictionary=["source", "repo", "licence", "language"])
    return stream.getvalue()


def _measured(entry: Entry, options: ScanOptions) -> tuple[dict[str, Value], Any]:
    """Return an entry's row, and its shingles where it has enough of them."""
    import numpy as np

    found = read(entry, options.max_bytes, options.languages)
    row: dict[str, Value] = {
        "source": entry.source, "repo": entry.repo, "path": entry.path, "sha256": found.sha256,
        "fault": found.fault, "language": found.language, "bytes": found.size, "read": int(bool(found.text)),
        "licence": entry.licence, "licence_from": entry.licence_from,
    }  # fmt: skip
    if not found.text:
        return row, None
    document, values = filtering.measure(_document(entry, found), options.against)
    row |= {name: value for name, value in values.items() if value is not None or name not in row}
    row |= {"text": document.text, "content": content_key(document.text)}
    row["copyleft"] = int(licences.copyleft(str(row["licence"] or "")))
    shingles = np.unique(grams(words(document.text), options.near.ngram))
    return row, shingles if len(shingles) >= options.near.least_shingles else None


def _document(entry: Entry, found: Reading) -> Document:
    return Document(
        text=found.text, path=entry.path, repo=entry.repo, source=entry.source, sha256=found.sha256,
        language=found.language, licence=entry.licence, licence_from=entry.licence_from,
    )  # fmt: skip


def content_key(text: str) -> str:
    """Return what two exact duplicates share: the sha256 of a text, white space at the ends of lines left out."""
    return hashlib.sha256("\n".join(map(str.rstrip, text.rstrip().split("\n"))).encode("utf-8", "replace")).hexdigest()


def _columns(rows: list[dict[str, Value]]) -> dict[str, pa.Array]:
    import pyarrow as pa

    kinds = {**dict.fromkeys(FACTS, str), "read": int, **filtering.attributes(), "copyleft": int, "content": str}
    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    columns = {name: pa.array([row.get(name) for row in rows], types[kind]) for name, kind in kinds.items()}
    columns["text"] = pa.array([_writable(row.get("text")) for row in rows], pa.large_string())
    return columns


def _writable(text: Value) -> str | None:
    """Return a text without lone surrogates, which no table can hold."""
    return None if text is None else str(text).encode("utf-8", "replace").decode()


def _key(options: str, unit: list[Entry]) -> str:
    hashed = hashlib.sha256(options.encode())
    for each in unit:
        stamp = each.stamp if each.content is None else hashlib.sha256(each.content).hexdigest()
        told = (each.source, each.repo, each.path, each.size, stamp, each.fault, each.licence, each.licence_from,
                each.language)  # fmt: skip
        hashed.update(repr(told).encode("utf-8", "backslashreplace"))
    return hashed.hexdigest()


def unit_key(path: Path) -> str:
    """Return the key that a unit's file bears; "" where there is none, or a damaged one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return str((pq.read_schema(path).metadata or {}).get(b"unit", b"").decode())
    except (OSError, pa.ArrowException):
        return ""


def _write(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one."""
    draft = path.with_suffix(".tmp")
    try:
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as fault:
        raise InputError(f"cannot write {path}: {fault.strerror}; make room or choose another place") from fault


def _write_notices(home: Path, sources: Sequence[Source]) -> None:
    told = [asdict(notice) for source in sources for notice in source.notices()]
    _write(home / "notices.jsonl", "".join(json.dumps(each) + "\n" for each in told).encode())

"""Opting out: what its owners want forgotten goes from the dataset, from what was read, and does not come back.

    DATASET/forgotten.jsonl   {"repo": ...} or {"sha256": ...} a line; every later run into this folder heeds it

A repository takes its own files with it and no one else's copies of them; a sha256 takes every copy of that file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]

FILE = "forgotten.jsonl"
_HEAVY = ("text", "signature")


def forgotten(dataset: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the repositories and the sha256 (hex) that are to be forgotten.

    Raises:
        InputError: the list is damaged.
    """
    path = dataset / FILE
    repos: set[str] = set()
    hashes: set[str] = set()
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.exists() else (), 1):
        try:
            told = json.loads(line)
            (hashes if "sha256" in told else repos).add(told.get("sha256") or told["repo"])
        except (ValueError, KeyError, AttributeError) as fault:
            raise InputError(f"{path}:{number}: not a repo or a sha256 to forget; mend or remove the line") from fault
    return frozenset(repos), frozenset(hashes)


def add(dataset: Path, what: str) -> None:
    """Note that a repository, or the file of a sha256, is to be forgotten."""
    told = {"sha256": what} if re.fullmatch("[0-9a-f]{64}", what) else {"repo": what}
    with (dataset / FILE).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(told) + "\n")


def mask(table: pa.Table, dataset: Path) -> np.ndarray[Any, Any]:
    """Return which rows are to be forgotten: a sha256 stands for all that have the same content."""
    import numpy as np

    repos, hashes = forgotten(dataset)
    rows = table.num_rows
    if not repos and not hashes:
        return np.zeros(rows, bool)
    shas, contents = table.column("sha256").to_pylist(), table.column("content").to_pylist()
    gone = {content for sha, content in zip(shas, contents, strict=True) if sha in hashes and content}
    named = table.column("repo").to_pylist()
    told = (repo in repos or sha in hashes or content in gone
            for repo, sha, content in zip(named, shas, contents, strict=True))  # fmt: skip
    return np.fromiter(told, bool, rows)


def purge(paths: Sequence[Path], dataset: Path) -> None:
    """Remove the texts of what is to be forgotten from the scan's files; what was measured of it stays."""
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    if forgotten(dataset) == (frozenset(), frozenset()):
        return
    tables = [pq.read_table(path, columns=["repo", "sha256", "content"]) for path in paths]
    gone = mask(pa.concat_tables([each.replace_schema_metadata(None) for each in tables]), dataset)
    start = 0
    for path, told in zip(paths, tables, strict=True):
        chosen = gone[start : start + told.num_rows]
        start += told.num_rows
        table = pq.read_table(path) if chosen.any() else None
        if table is None:
            continue
        for name in _HEAVY:
            place = table.schema.get_field_index(name)
            column = table.column(name).combine_chunks()
            kept = pa.array([None if out else each for out, each in zip(chosen, column.to_pylist(), strict=True)],
                            column.type)  # fmt: skip
            table = table.set_column(place, table.schema.field(name), kept)
        draft = path.with_suffix(".tmp")
        pq.write_table(table, draft, compression="zstd")
        draft.replace(path)

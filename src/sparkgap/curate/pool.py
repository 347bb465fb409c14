"""The pool: all units of a scan read as one table, column by column; texts and signatures only when asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.scan import FOLDER
from sparkgap.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_HEAVY = ("text", "signature", "band_")


@dataclass(frozen=True, slots=True)
class Pool:
    """The units of one dataset, in order; a row's number is its place among all rows."""

    paths: tuple[Path, ...]

    def table(self) -> pa.Table:
        """Return all columns but texts and signatures, some 400 bytes a row in memory."""
        import pyarrow as pa
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        read = []
        for path in self.paths:
            with pq.ParquetFile(path) as file:
                names = [name for name in file.schema_arrow.names if not name.startswith(_HEAVY)]
                read.append(file.read(columns=names).replace_schema_metadata(None))
        return pa.concat_tables(read) if read else pa.table({})

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
        """Yield each unit with some of its columns, and the number of its first row."""
        import pyarrow.parquet as pq

        start = 0
        for path in self.paths:
            with pq.ParquetFile(path) as file:
                table = file.read(columns=list(columns))
            yield start, table
            start += table.num_rows

    def texts(self, rows: Any) -> Iterator[tuple[int, str]]:
        """Yield the number and the text of each row that is true in the mask `rows`."""
        for start, table in self.batches(["text"]):
            chosen = rows[start : start + table.num_rows]
            if chosen.any():
                texts = table.column("text")
                for place in chosen.nonzero()[0]:
                    text = texts[int(place)].as_py()
                    if text is not None:
                        yield start + int(place), text

    def notices(self) -> list[dict[str, str]]:
        """Return the licence files of all sources: repo, path, licence, text."""
        if not self.paths:
            return []
        with (self.paths[0].parent / "notices.jsonl").open(encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]


def open_pool(dataset: Path) -> Pool:
    """Return the pool of a dataset that was made earlier.

    Raises:
        InputError: the dataset is none, or its `.scan` was removed.
    """
    paths = tuple(sorted((dataset / FOLDER).glob("unit-*.parquet")))
    if not paths:
        raise InputError(f"{dataset} has no {FOLDER} folder with what was read; curate it again")
    return Pool(paths)

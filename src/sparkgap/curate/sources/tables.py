"""Tables: JSON Lines and Parquet with a file's contents in each row, and datasets of the Hugging Face hub.

The first column there is of each of these names is taken: The Stack, The Stack v2 and StarCoder's data are understood.
A table says each row's licence in a column, or nobody does: licence files among the rows govern no other row. Not
covered: The Stack v2 without contents (its rows name blobs in somebody's store).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sparkgap.curate import licences
from sparkgap.curate.documents import Entry
from sparkgap.curate.sources.governing import Notice
from sparkgap.errors import InputError

_COLUMNS: dict[str, tuple[str, ...]] = {
    "content": ("content", "text", "code"),
    "path": ("path", "max_stars_repo_path", "max_issues_repo_path", "filename", "file_path"),
    "repo": ("repo", "repo_name", "max_stars_repo_name", "max_issues_repo_name", "repository_name"),
    "licence": ("license", "licence", "detected_licenses", "max_stars_repo_licenses", "licenses", "license_type"),
    "language": ("language", "lang", "programming_language"),
}
_ROWS = 256  # of Parquet held at a time
Row = Mapping[str, Any]


class _Rows:
    """What every table shares: a row becomes an entry."""

    name: str
    home: str  # the repository of rows that name none

    def entries(self) -> Iterator[Entry]:
        """Yield the rows, in order.

        Raises:
            InputError: a row is none, or has no contents; the text says which one.
        """
        for number, row in self._rows():
            yield self._entry(number, row)

    def notices(self) -> Iterator[Notice]:
        """Yield nothing: a table has no licence files that govern."""
        return iter(())

    def _rows(self) -> Iterable[tuple[int, Row]]:
        raise NotImplementedError

    def _entry(self, number: int, row: Row) -> Entry:
        content = _first(row, "content")
        if isinstance(content, bytes):
            data = content
        elif isinstance(content, str):
            data = content.encode("utf-8", "surrogatepass")
        else:
            raise InputError(
                f"{self.name}:{number}: no text in a column named {' or '.join(_COLUMNS['content'])}; "
                f"the columns are {', '.join(map(str, row))}"
            )
        licence = _licence(_first(row, "licence"))
        return Entry(
            source=self.name, repo=str(_first(row, "repo") or self.home),
            path=str(_first(row, "path") or f"{number}.py"), size=len(data), content=data, licence=licence,
            licence_from="column" if licence else "", language=str(_first(row, "language") or "").lower(),
        )  # fmt: skip


class Table(_Rows):
    """One JSON Lines or Parquet file."""

    def __init__(self, place: Path) -> None:
        """Name the file; nothing is read yet."""
        self._place, self.name, self.home = place, str(place), place.name

    def _rows(self) -> Iterator[tuple[int, Row]]:
        if self._place.suffix == ".parquet":
            yield from self._parquet()
            return
        opened = gzip.open if self._place.suffix == ".gz" else open
        try:
            with opened(self._place, "rb") as stream:
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        yield number, self._row(number, line)
        except (OSError, EOFError) as fault:
            raise InputError(f"{self._place} cannot be read: {fault}") from fault

    def _row(self, number: int, line: bytes) -> Row:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as fault:
            raise InputError(f"{self._place}:{number}: not JSON ({fault}); mend or remove the line") from fault
        if not isinstance(row, dict):
            raise InputError(f"{self._place}:{number}: not a JSON object; mend or remove the line")
        return row

    def _parquet(self) -> Iterator[tuple[int, Row]]:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        try:
            with pq.ParquetFile(self._place) as file:
                names = set(file.schema_arrow.names)
                wanted = [each for column in _COLUMNS.values() for each in column if each in names]
                number = 0
                for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row
        except (pa.ArrowException, OSError) as fault:
            raise InputError(f"{self._place} cannot be read as Parquet: {fault}") from fault


class HubDataset(_Rows):
    """A dataset of the hub, or of a folder, by name; streamed."""

    def __init__(self, text: str) -> None:
        """Take `hf:NAME` or `hf:NAME:SPLIT` apart; nothing is read yet."""
        self.name = text
        name, _, split = text.removeprefix("hf:").partition(":")
        self._dataset, self._split, self.home = name, split or "train", name

    def _rows(self) -> Iterator[tuple[int, Row]]:
        try:
            from datasets import load_dataset  # type: ignore[import-untyped]
        except ModuleNotFoundError as fault:
            raise InputError(f"{self.name} needs the package 'datasets'; pip install 'sparkgap[curate]'") from fault
        try:
            yield from enumerate(load_dataset(self._dataset, split=self._split, streaming=True), 1)
        except (OSError, ValueError) as fault:
            raise InputError(f"{self.name} cannot be read: {fault}") from fault


def _first(row: Row, kind: str) -> Any:
    return next((row[name] for name in _COLUMNS[kind] if row.get(name) is not None), None)


def _licence(told: Any) -> str:
    """Return the expression of a licence column: a text, or a list of licences that all hold."""
    if isinstance(told, list):
        named = [licences.of_name(str(each)) for each in told if each]
        return " AND ".join(dict.fromkeys(f"({each})" if " OR " in each else each for each in named))
    return licences.of_name(str(told)) if told and told not in {"permissive", "no_license"} else ""

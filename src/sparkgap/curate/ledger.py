"""The ledger: every file that came in, what was measured of it, and which rule, value and threshold decided.

DATASET/ledger.parquet   a row for each file, in the order in which they came
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.deciding import Decisions
from sparkgap.curate.rules import STEPS
from sparkgap.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

FILE = "ledger.parquet"
KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Stage:
    """How many files and bytes are left after one step, and what each of its rules took."""

    step: str
    files: int
    bytes: int
    dropped: dict[str, tuple[int, int]]  # rule -> files, bytes


def ledger(table: pa.Table, decided: Decisions, splits: Sequence[str]) -> pa.Table:
    """Return the ledger as a table: facts, the decision, copies, then all attributes."""
    import pyarrow as pa

    rows = range(table.num_rows)
    reasons = [decided.reason(row) for row in rows]
    columns: dict[str, Any] = {name: table.column(name) for name in ("source", "repo", "path", "sha256", "bytes")}
    columns["kept"] = pa.array([each is None for each in reasons])
    for name, told in (
        ("step", [each.step if each else "" for each in reasons]),
        ("rule", [each.rule.name if each else "" for each in reasons]),
        ("value", [_value(table, decided, row) for row in rows]),
        ("threshold", [_threshold(each.rule.threshold) if each else "" for each in reasons]),
        ("version", [each.version if each else "" for each in reasons]),
    ):
        columns[name] = pa.array(told, pa.string())
    columns["instead"] = pa.array([decided.instead.get(row) for row in rows], pa.int64())
    columns |= {name: pa.array(getattr(decided, name)) for name in ("exact", "near", "family")}
    columns["split"] = pa.array(list(splits), pa.string())
    for name in table.column_names:
        columns.setdefault(name, table.column(name))
    types = {"gap": pa.float64(), "parses": pa.int64(), "builds": pa.int64()}  # of columns that may hold nothing at all
    for name, values in decided.values.items():
        columns.setdefault(name, pa.array(values.tolist(), types.get(name)))
    return pa.table(columns)


def write(told: pa.Table, path: Path) -> None:
    """Write a ledger."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    pq.write_table(told, path, compression="zstd")


def stages(told: pa.Table) -> list[Stage]:
    """Return what was left after each step, the first being all that came in."""
    steps, rules, sizes = (told.column(name).to_pylist() for name in ("step", "rule", "bytes"))
    files, size = len(steps), sum(sizes)
    found = [Stage("came in", files, size, {})]
    for step in STEPS:
        by_rule: dict[str, tuple[int, int]] = {}
        for each, rule, length in zip(steps, rules, sizes, strict=True):
            if each == step:
                count, total = by_rule.get(rule, (0, 0))
                by_rule[rule] = (count + 1, total + length)
        files -= sum(count for count, _ in by_rule.values())
        size -= sum(total for _, total in by_rule.values())
        found.append(Stage(step, files, size, dict(sorted(by_rule.items(), key=lambda item: (-item[1][0], item[0])))))
    return found


def licences_kept(told: pa.Table) -> Counter[str]:
    """Return how many kept files stand under each licence."""
    kept, named = told.column("kept").to_pylist(), told.column("licence").to_pylist()
    return Counter(licence for each, licence in zip(kept, named, strict=True) if each)


def find(dataset: Path, what: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a dataset's ledger whose sha256 begins with `what`, or whose path is or ends in it.

    Raises:
        InputError: the folder is no dataset.
    """
    import pyarrow.parquet as pq

    path = dataset / FILE
    if not path.is_file():
        raise InputError(f"{dataset} is no dataset of `sparkgap curate` (no {FILE} in it); name one with --dataset")
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=4096):
            for row in batch.to_pylist():
                sha = row["sha256"]
                if row["path"] == what or row["path"].endswith("/" + what) or (len(what) >= 7 and sha.startswith(what)):
                    yield row


def row_at(dataset: Path, number: int) -> dict[str, Any]:
    """Return one row of the ledger by its number."""
    import pyarrow.parquet as pq

    row: dict[str, Any] = pq.read_table(dataset / FILE).slice(number, 1).to_pylist()[0]
    return row


def _value(table: pa.Table, decided: Decisions, row: int) -> str:
    reason = decided.reason(row)
    if reason is None:
        return ""
    across = decided.values.get(reason.rule.attribute)
    value = across[row] if across is not None else table.column(reason.rule.attribute)[row].as_py()
    return f"{float(value):.4g}" if isinstance(value, float) or hasattr(value, "dtype") else str(value or "none")


def _threshold(threshold: Any) -> str:
    if isinstance(threshold, tuple):
        return ",".join(threshold)
    return f"{threshold:g}" if isinstance(threshold, int | float) else str(threshold)

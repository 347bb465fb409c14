"""The dataset's files: shards of Parquet, and NOTICE with whom the code is owed to.

    DATASET/data/train-00000.parquet, ...   content, path, repo, license, language, sha256, cluster, gap
    DATASET/data/held_out-00000.parquet     the same, for whole families of near-duplicates
    DATASET/sft/train-00000.parquet, ...    prompt, completion, function, path, repo, license, sha256
    DATASET/fim/train-00000.parquet, ...    the same columns, of files with a gap, where a model's tokens were given
    DATASET/NOTICE                          repositories, licences, copyright lines, licence texts

Everything is written beside the old files first and put in their place at the end. Nothing in it depends on the time,
the machine, or how many workers there were.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.licences import copyleft
from sparkgap.curate.pairs import Pair, pairs
from sparkgap.curate.pool import Pool

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

SHARD_BYTES = 128 << 20  # of text in a shard
GROUP_ROWS = 512  # rows written at a time
SPLITS = ("train", "held_out")


class Shards:
    """Rows of one split, written into files of a bounded size."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        """Name the files; nothing is written before the first row."""
        self._folder, self._name, self._schema = folder, name, schema
        self._rows: list[dict[str, Any]] = []
        self._writer: Any = None
        self._number = self._size = 0
        self.rows = 0

    def add(self, row: dict[str, Any]) -> None:
        """Take one row."""
        self._rows.append(row)
        self._size += sum(len(value) for value in row.values() if isinstance(value, str))
        self.rows += 1
        if len(self._rows) >= GROUP_ROWS:
            self._flush()
        if self._size >= SHARD_BYTES:
            self.close()

    def close(self) -> None:
        """Write what is held back, and end the file."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._number, self._size = self._number + 1, 0

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        if not self._rows:
            return
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._name}-{self._number:05d}.parquet"
            self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []


def write_data(pool: Pool, told: pa.Table, folder: Path) -> dict[str, int]:
    """Write the kept files of a ledger into `folder`; return how many rows each split has."""
    import pyarrow as pa

    text = pa.string()
    schema = pa.schema([("content", pa.large_string()), ("path", text), ("repo", text), ("license", text),
                        ("language", text), ("sha256", text), ("cluster", pa.int64()),
                        ("gap", pa.float64())])  # fmt: skip
    shards = {split: Shards(folder, split, schema) for split in SPLITS}
    kept = told.column("kept").to_numpy(zero_copy_only=False)
    names = ("path", "repo", "licence", "language", "sha256", "near", "split", "gap")
    columns = {name: told.column(name) for name in names}
    for row, content in pool.texts(kept):
        fact = {name: column[row].as_py() for name, column in columns.items()}
        shards[fact["split"]].add({
            "content": content, "path": fact["path"], "repo": fact["repo"], "license": fact["licence"],
            "language": fact["language"], "sha256": fact["sha256"], "cluster": fact["near"], "gap": fact["gap"],
        })  # fmt: skip
    for each in shards.values():
        each.close()
    return {split: each.rows for split, each in shards.items()}


def write_pairs(
    pool: Pool, told: pa.Table, folder: Path, made: Callable[[str, str], Iterable[Pair]] = pairs
) -> dict[str, int]:
    """Write prompts and completions of the kept files into `folder`; return how many each split has.

    `made` is given a file's text and its path.
    """
    import pyarrow as pa
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    text = pa.string()
    schema = pa.schema([("prompt", text), ("completion", text), ("function", text), ("path", text), ("repo", text),
                        ("license", text), ("sha256", text), ("gap", pa.float64())])  # fmt: skip
    shards = {split: Shards(folder, split, schema) for split in SPLITS}
    python = pc.equal(told.column("language"), "python")
    kept = pc.and_(told.column("kept"), python).to_numpy(zero_copy_only=False)
    columns = {name: told.column(name) for name in ("path", "repo", "licence", "sha256", "split", "gap")}
    seen: set[str] = set()
    for row, content in pool.texts(kept):
        fact = {name: column[row].as_py() for name, column in columns.items()}
        for each in made(content, fact["path"]):
            if each.prompt + each.completion not in seen:
                seen.add(each.prompt + each.completion)
                shards[fact["split"]].add({
                    "prompt": each.prompt, "completion": each.completion, "function": each.function,
                    "path": fact["path"], "repo": fact["repo"], "license": fact["licence"], "sha256": fact["sha256"],
                    "gap": fact["gap"],
                })  # fmt: skip
    for shard in shards.values():
        shard.close()
    return {split: shard.rows for split, shard in shards.items()}


def notice(told: pa.Table, notices: Sequence[dict[str, str]]) -> str:
    """Return the attribution: each repository that something was kept of, and the licence texts that it came with."""
    columns = [told.column(name).to_pylist() for name in ("kept", "repo", "licence", "licence_from", "copyright")]
    repos: dict[str, tuple[dict[str, int], dict[str, None]]] = {}
    governing: set[tuple[str, str]] = set()
    for kept, repo, licence, said, held in zip(*columns, strict=True):
        if kept:
            named, holders = repos.setdefault(repo, ({}, {}))
            governing.add((repo, said))
            named[licence] = named.get(licence, 0) + 1
            if held:
                holders[held] = None
    texts: dict[str, list[str]] = {}
    for each in notices:
        governs = (each["repo"], f"file {each['path']}") in governing
        if governs or (each["repo"] in repos and not copyleft(each["licence"])):
            texts.setdefault(each["text"].strip(), []).append(f"{each['repo']}: {each['path']}")
    parts = ["This dataset holds code of the following repositories and packages, under the licences named here.\n"]
    for repo, (named, holders) in sorted(repos.items()):
        parts.append(
            f"{repo}\n  " + "\n  ".join(f"{licence}: {count} files" for licence, count in sorted(named.items()))
        )
        parts += [f"  {holder}" for holder in holders]
        parts.append("")
    for text, homes in sorted(texts.items(), key=lambda item: item[1]):
        parts += ["-" * 80, *homes, "", text, ""]
    return "\n".join(parts) + "\n"


def put_in_place(draft: Path, dataset: Path) -> None:
    """Move the files of a finished draft over the old ones; what the old dataset had and this one has not goes."""
    for old in ("data", "sft", "fim", "rl"):
        shutil.rmtree(dataset / old, ignore_errors=True)
    for each in sorted(draft.iterdir()):
        target = dataset / each.name
        if target.is_dir():
            shutil.rmtree(target)
        each.replace(target)
    draft.rmdir()

"""Data to imitate: JSON Lines, Parquet, or folders of them, read row by row.

    {"prompt": "def add(x, y):\\n", "completion": "    return x + y\\n"}       learnt: the completion
    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}   the last answer
    {"text": "..."}                                                           all of it

`prompt` and `completion` may be turns of a chat as well. Other keys are not looked at. Not covered: tools and images.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkgap.errors import InputError
from sparkgap.train.imitation import Row, learnt_tokens
from sparkgap.train.overlap import Measured
from sparkgap.train.prompting import template

_KINDS = (".jsonl", ".json", ".parquet")
_NOT_LEARNT = (".", "held_out-")
_MEND = "a row has `prompt` and `completion`, or `messages`, or `text`"


@dataclass(frozen=True, slots=True)
class Examples:
    """What was read: rows to learn from, and how many were left out because they are too long."""

    rows: tuple[Row, ...]
    too_long: int


def files_of(data: Path) -> list[Path]:
    """Return the files of a data set, in the order of their names; of a dataset of `curate`, its pairs.

    Files of a held-out split are left out.

    Raises:
        InputError: there is none.
    """
    if data.is_file():
        return [data]
    if (data / "ledger.parquet").is_file():
        data = data / "sft"
    found = sorted(path for path in data.rglob("*") if path.suffix in _KINDS and not path.name.startswith(_NOT_LEARNT))
    named = [path for path in found if path.suffix != ".json" and "manifest" not in path.name]
    if not named:
        raise InputError(f"there is no data in {data}: it is a JSON Lines or Parquet file, or a folder of those")
    return named


def hashes(data: Path) -> dict[str, str]:
    """Return the sha256 (hex) of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files_of(data)}


def examples(data: Path, tokenizer: Any, max_tokens: int, measured: Measured) -> Examples:
    """Return the rows of a data set as tokens.

    Raises:
        InputError: a row is not what it should be, or holds a problem that the model will be measured on.
    """
    rows: list[Row] = []
    too_long = 0
    for where, record in records(data):
        given, learnt = _texts(where, record, tokenizer)
        if name := measured.in_row(given, learnt):
            raise InputError(f"{where} holds {name}, on which the model will be measured; leave it out (`curate` does)")
        row = Row(_given_tokens(record, given, tokenizer), learnt_tokens(tokenizer, learnt))
        if len(row.given) + len(row.learnt) > max_tokens:
            too_long += 1
        else:
            rows.append(row)
    if not rows:
        raise InputError(f"{data} has no row of at most {max_tokens} tokens ({too_long} are longer)")
    return Examples(tuple(rows), too_long)


def records(data: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every row, and where it stands.

    Raises:
        InputError: a file cannot be read, or a line is no JSON object.
    """
    for path in files_of(data):
        if path.suffix == ".parquet":
            yield from _parquet(path)
            continue
        try:
            with path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield f"{path}:{number}", _object(path, number, line)
        except (OSError, UnicodeDecodeError) as fault:
            raise InputError(f"{path} cannot be read ({fault})") from fault


def _object(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as fault:
        raise InputError(f"{path}:{number}: not JSON ({fault})") from fault
    if not isinstance(record, dict):
        raise InputError(f"{path}:{number}: not an object; {_MEND}")
    return record


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    from pyarrow import ArrowException, parquet  # type: ignore[import-untyped]

    number = 0
    try:
        for batch in parquet.ParquetFile(path).iter_batches(1024):
            for record in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", {name: value for name, value in record.items() if value is not None}
    except (ArrowException, OSError) as fault:
        raise InputError(f"{path} is no Parquet file that can be read ({fault})") from fault


def _texts(where: str, record: Mapping[str, Any], tokenizer: Any) -> tuple[str, str]:
    """Return what is given and what is learnt, as text."""
    prompt, completion = record.get("prompt"), record.get("completion")
    if isinstance(prompt, str) and isinstance(completion, str):
        return prompt, completion
    turns = record.get("messages")
    if isinstance(prompt, list) and isinstance(completion, list):
        turns = [*prompt, *completion]
    if isinstance(turns, list):
        return _chat(where, turns, tokenizer)
    if isinstance(text := record.get("text"), str):
        return "", text
    raise InputError(f"{where}: not to learn from (it has {', '.join(sorted(record)) or 'nothing'}); {_MEND}")


def _chat(where: str, turns: list[Any], tokenizer: Any) -> tuple[str, str]:
    if not all(isinstance(turn, dict) and isinstance(turn.get("content"), str) for turn in turns):
        raise InputError(f"{where}: a turn of a chat is an object with `role` and `content`, both strings")
    if len(turns) < 2 or turns[-1].get("role") != "assistant":
        raise InputError(f"{where}: the last turn is not the assistant's, so there is nothing to learn")
    given = template(tokenizer, turns[:-1], opening=True)
    whole = template(tokenizer, turns, opening=False)
    if not whole.startswith(given):
        raise InputError(f"{where}: the template writes earlier turns anew; give `prompt` and `completion` instead")
    learnt = whole.removeprefix(given).rstrip("\n")
    return given, learnt.removesuffix(str(tokenizer.eos_token))


def _given_tokens(record: Mapping[str, Any], given: str, tokenizer: Any) -> list[int]:
    """Return what is given as tokens: a template has written its special tokens already."""
    if not given:
        return []
    plain = isinstance(record.get("prompt"), str)
    return list(tokenizer(given, add_special_tokens=plain)["input_ids"])

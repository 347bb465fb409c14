"""Published files read record by record, and the little that several of the published benchmarks share.

A record that is not what it should be is a `DataError` that names file and line (or place in the list). Plain and
gzipped files are told apart by content.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sparkgap.data import locate
from sparkgap.errors import DataError

_GZIP = b"\x1f\x8b"
_MEND = "the file is damaged: `sparkgap data verify` checks it, `sparkgap data fetch` gets it again"
_KINDS = {str: "a string", list: "a list", dict: "an object", int: "a number", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object of a published file, and where it stands there."""

    where: str
    values: Mapping[str, Any]

    def text(self, key: str, default: str | None = None) -> str:
        """Return the string under `key`, its line ends as `\\n`; `default` where the key is missing.

        Raises:
            DataError: there is neither, or it is not a string.
        """
        return _lines(self._of(key, str, default))

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return the strings under `key`, as `text` does.

        Raises:
            DataError: there is neither a list of strings nor a default.
        """
        found = self._of(key, (list, tuple), default)
        if not all(isinstance(item, str) for item in found):
            self.fail(f"`{key}` holds something else than strings")
        return tuple(map(_lines, found))

    def number(self, key: str) -> float:
        """Return the number under `key`.

        Raises:
            DataError: there is none.
        """
        found: float = self._of(key, (int, float), None)
        return found

    def rows(self, key: str) -> list[Any]:
        """Return the list under `key`; an empty object counts as an empty list (Mbpp/793 of MBPP+ v0.2.0).

        Raises:
            DataError: there is no list.
        """
        found = self._of(key, (list, dict), None)
        if isinstance(found, dict) and found:
            self.fail(f"`{key}` is an object, not a list")
        return list(found)

    def fail(self, fault: str) -> NoReturn:
        """Raise the `DataError` that says what is wrong with this record, and what to do."""
        raise DataError(f"{self.where}: {fault}; {_MEND}")

    def _of(self, key: str, kinds: type | tuple[type, ...], default: Any) -> Any:
        found = self.values.get(key, default)
        if not isinstance(found, kinds) or isinstance(found, bool):
            first = kinds if isinstance(kinds, type) else kinds[0]
            got = f"is {_KINDS.get(type(found), type(found).__name__)}" if key in self.values else "is missing"
            self.fail(f"`{key}` {got}, where {_KINDS[first]} should be")
        return found


def read_records(name: str) -> Iterator[Record]:
    """Yield the objects of the published file `name`: one a line (JSONL), or the items of one list.

    Raises:
        DataError: the file is missing or is not the published one, or a record in it is not an object.
    """
    path = locate(name)
    content = _content(path)
    if content.lstrip().startswith(b"["):
        yield from _items(path, content)
        return
    # Not splitlines(): JSON strings may hold U+2028 and the like as they are.
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            yield _record(f"{path}:{number}", line)


def mbpp_split(number: int) -> str:
    """Return the split of an MBPP task by its number, as its publishers set it (README of google-research/mbpp).

    Tasks 1-10 are for few-shot prompts, 11-510 for testing, 511-600 for validation, 601-974 for training.
    """
    return "prompt" if number <= 10 else "test" if number <= 510 else "validation" if number <= 600 else "train"


def mbpp_prompt(description: str, first_test: str) -> str:
    """Return the zero-shot prompt: a docstring of the description and one assert, which tells the function's name."""
    return f'"""\n{description}\n{first_test}\n"""\n'


def mbpp_entry_point(record: Record, reference: str, tests: tuple[str, ...]) -> str:
    """Return the name of the function that the reference defines and the tests call; of several, the last one.

    Read off the text: some references have escapes that make Python's parser complain.

    Raises:
        DataError: the tests call nothing that the reference defines.
    """
    found = [
        name
        for name in re.findall(r"^def +(\w+)", reference, re.MULTILINE)
        if any(re.search(rf"\b{name}\s*\(", test) for test in tests)
    ]
    if not found:
        record.fail("its tests call nothing that its code defines")
    return str(found[-1])


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw.startswith(_GZIP) else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip data ({error}); {_MEND}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); mend its permissions") from error


def _items(path: Path, content: bytes) -> Iterator[Record]:
    values = _parsed(str(path), content)
    for number, value in enumerate(values, 1):
        yield _checked(f"{path}, item {number}", value)


def _record(where: str, line: bytes) -> Record:
    return _checked(where, _parsed(where, line))


def _checked(where: str, value: Any) -> Record:
    if not isinstance(value, dict):
        raise DataError(f"{where}: {_KINDS.get(type(value), type(value).__name__)}, not an object; {_MEND}")
    return Record(where, value)


def _parsed(where: str, text: bytes) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise DataError(f"{where}: not JSON ({error.msg} at {place}); {_MEND}") from error
    except (ValueError, RecursionError) as error:  # not UTF-8; a number of thousands of digits; nesting
        raise DataError(f"{where}: not readable ({error}); {_MEND}") from error


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")

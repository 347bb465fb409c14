"""The evidence as the page carries it: compressed, in chunks that the page unpacks only when somebody looks.

A column is one index (every problem, every outcome, every reason: what is filtered and searched) and chunks of texts.
Each is JSON, gzipped, in base64: no text of a model's can end the element that it lies in. The same evidence gives the
same bytes.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sparkgap.report.comparison import Column
from sparkgap.report.evidence import MOST_SAMPLES, Evidence
from sparkgap.report.plaintext import one_line

CHUNK_BYTES = 256 * 1024  # of JSON; what opening one problem costs to unpack

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One column, packed: `index` and `chunks` are base64 text."""

    name: str
    index: str
    chunks: tuple[str, ...]


def bundle(column: Column, evidence: Evidence) -> Bundle:
    """Pack a column's evidence."""
    chunks, starts = [], []
    for start, texts in _chunks(evidence):
        starts.append(start)
        chunks.append(_packed(texts))
    return Bundle(column.name, _packed(_index(column, evidence) | {"starts": starts}), tuple(chunks))


def _chunks(evidence: Evidence) -> Iterator[tuple[int, list[Json]]]:
    """Yield (place of the first problem, texts of the problems from there on)."""
    start, size, texts = 0, 0, list[Json]()
    for place, id_ in enumerate(evidence.ids):
        text = evidence.text(id_)
        texts.append(text)
        size += len(json.dumps(text))
        if size >= CHUNK_BYTES:
            yield start, texts
            start, size, texts = place + 1, 0, []
    if texts:
        yield start, texts


def _index(column: Column, evidence: Evidence) -> Json:
    """What is filtered by: the statuses, then for each row and problem its samples as [status, value, why]."""
    found = {outcome.status for by_id in evidence.outcomes.values() for each in by_id.values() for outcome in each}
    words = sorted(found, key=lambda word: (word != "passed", word))
    place = {word: number for number, word in enumerate(words)}
    return {
        "unit": column.unit,
        "digits": column.scale.digits,
        "rows": [row for row, _ in column.measured()],
        "most": MOST_SAMPLES,
        "ids": evidence.ids,
        "topics": [[one_line(topic, 60) for topic in topics] for topics in evidence.topics],
        "statuses": words,
        "outcomes": [
            [[[place[each.status], each.value, each.why] for each in by_id.get(id_, ())] for id_ in evidence.ids]
            for by_id in (evidence.outcomes[row] for row, _ in column.measured())
        ],
    }


def _packed(content: object) -> str:
    raw = json.dumps(content, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(raw, 6, mtime=0)).decode()

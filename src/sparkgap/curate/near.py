"""Near-duplicates: pairs that share a band, compared by their signatures, as a maximum spanning forest.

Of all pairs found only the forest is kept: at most one edge a file, from which the clusters at any threshold follow
(two files are in one cluster at threshold t if and only if edges of t or more connect them in the forest, as in the
graph of all pairs). Bands and signatures lie in files that are mapped, not read: memory holds one band at a time, 8
bytes a file, its order, as much again, and the forest.

Within one band files that share a key are compared with their next neighbours and with the first of them, not all
with all, so that a thousand copies cost a few thousand comparisons. Not covered: pairs that share no band; `found`
of `NearOptions` says how many that are, `recall` how many it were.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.minhash import NearOptions
from sparkgap.curate.pool import Pool
from sparkgap.curate.shingles import grams, words

if TYPE_CHECKING:
    import numpy as np

FLOOR = 0.5  # pairs below are forgotten; no threshold can be lower
NEIGHBOURS = 8  # with how many of those that follow in a band a file is compared
_CHUNK = 1 << 14  # pairs compared at a time


@dataclass(frozen=True, slots=True)
class Forest:
    """Edges between rows, strongest first: `left`, `right`, and the estimated Jaccard index."""

    left: np.ndarray[Any, Any]
    right: np.ndarray[Any, Any]
    similarity: np.ndarray[Any, Any]

    def clusters(self, rows: int, threshold: float) -> np.ndarray[Any, Any]:
        """Return for each row the smallest row of its cluster at a threshold."""
        labels: np.ndarray[Any, Any] = _labels(rows, self.left, self.right, self.similarity >= threshold)
        return labels

    def strongest(self, rows: int) -> np.ndarray[Any, Any]:
        """Return for each row the similarity to its most similar one; 0 where none was found."""
        import numpy as np

        best = np.zeros(rows)
        np.maximum.at(best, self.left, self.similarity)
        np.maximum.at(best, self.right, self.similarity)
        return best


@dataclass(frozen=True, slots=True)
class Recall:
    """Of `pairs` with a Jaccard index of at least `jaccard`, how many the bands found, and are promised to find."""

    jaccard: float
    sampled: int  # files
    pairs: int
    found: int
    promised: float  # the mean of the S-curve over these pairs


def forest(pool: Pool, chosen: Any, options: NearOptions, scratch: Path) -> Forest:
    """Return the forest over the rows that are true in the mask `chosen`; two files in `scratch` come and go."""
    rows, keys, signatures, files = _mapped(pool, chosen, options, scratch)
    found = link(keys, signatures) if rows.size else Forest(rows, rows, rows.astype(float))
    del keys, signatures
    for file in files:
        file.unlink()
    return Forest(rows[found.left], rows[found.right], found.similarity)


def link(keys: Any, signatures: Any) -> Forest:
    """Return the forest over some documents, from their keys (bands by documents) and signatures, by their places."""
    import numpy as np

    found = Forest(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    for band in keys:
        left, right = _pairs(np.asarray(band))
        found = _spanning(len(signatures), found, _compared(signatures, left, right))
    return found


def recall(pool: Pool, chosen: Any, options: NearOptions, sample: int = 2000, jaccard: float = 0.8) -> Recall:
    """Return the recall on a sample of the files, where all pairs are compared by their sets of shingles.

    Pairs whose signatures differ so much that they cannot be meant (ten standard deviations) are not looked at.
    """
    import numpy as np

    known = ((start + place, blob) for start, table in pool.batches(["signature"])
             for place, blob in enumerate(table.column("signature").to_pylist())
             if blob is not None and chosen[start + place])  # fmt: skip
    signed = sorted(heapq.nsmallest(sample, known, key=lambda each: hashlib.sha256(each[1]).digest()))
    matrix = np.array([np.frombuffer(blob, np.uint32) for _, blob in signed]).reshape(len(signed), options.permutations)
    close = []
    for place in range(len(signed) - 1):
        alike = (matrix[place + 1 :] == matrix[place]).mean(axis=1)
        close += [(place, place + 1 + int(other)) for other in np.flatnonzero(alike >= jaccard - 0.25)]
    wanted = np.zeros(len(chosen), bool)
    wanted[[signed[place][0] for pair in close for place in pair]] = True
    sets = {row: np.unique(grams(words(text), options.ngram)) for row, text in pool.texts(wanted)}
    shown = hits = 0
    promised = 0.0
    for one, other in close:
        index = _jaccard(sets[signed[one][0]], sets[signed[other][0]])
        if index >= jaccard:
            shown += 1
            promised += options.found(index)
            cut = options.bands * options.rows
            same = (matrix[one, :cut] == matrix[other, :cut]).reshape(options.bands, options.rows)
            hits += bool(same.all(axis=1).any())
    return Recall(jaccard, len(signed), shown, hits, promised / shown if shown else 1.0)


def _mapped(pool: Pool, chosen: Any, options: NearOptions, scratch: Path) -> tuple[Any, Any, Any, Sequence[Path]]:
    """Write the bands and signatures of the chosen rows that have them into files, and map those."""
    import numpy as np

    files = (scratch / "bands.tmp", scratch / "signatures.tmp")
    has = chosen.copy()
    for start, table in pool.batches(["signature"]):
        has[start : start + table.num_rows] &= table.column("signature").is_valid().to_numpy()
    rows = np.flatnonzero(has)
    if not rows.size:
        return rows, None, None, ()
    bands = np.memmap(files[0], np.uint64, "w+", shape=(options.bands, rows.size))
    signatures = np.memmap(files[1], np.uint32, "w+", shape=(rows.size, options.permutations))
    names = [f"band_{band:02d}" for band in range(options.bands)]
    at = 0
    for start, table in pool.batches([*names, "signature"]):
        places = np.flatnonzero(has[start : start + table.num_rows])
        if places.size:
            taken = table.take(places)
            for band, name in enumerate(names):
                bands[band, at : at + places.size] = taken.column(name).to_numpy()
            blobs = b"".join(taken.column("signature").to_pylist())
            signatures[at : at + places.size] = np.frombuffer(blobs, np.uint32).reshape(places.size, -1)
            at += places.size
    return rows, bands, signatures, files


def _pairs(keys: Any) -> tuple[Any, Any]:
    """Return the pairs within one band that are worth comparing, each with the smaller row on the left."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    placed = keys[order]
    first = np.flatnonzero(np.concatenate([[True], placed[1:] != placed[:-1]]))
    lengths = np.diff(np.append(first, placed.size))
    head = np.repeat(first, lengths)
    lefts, rights = [order[head]], [order]
    for ahead in range(1, min(NEIGHBOURS, int(lengths.max(initial=1)) - 1) + 1):
        same = np.flatnonzero(placed[ahead:] == placed[:-ahead])
        lefts.append(order[same])
        rights.append(order[same + ahead])
    left, right = np.concatenate(lefts), np.concatenate(rights)
    low, high = np.minimum(left, right), np.maximum(left, right)
    coded = np.unique(low[low != high] * keys.size + high[low != high])
    return coded // keys.size, coded % keys.size


def _compared(signatures: Any, left: Any, right: Any) -> Forest:
    """Return the pairs that are similar enough to matter, with their similarities."""
    import numpy as np

    similarity = np.empty(left.size, np.float32)
    for start in range(0, left.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        similarity[part] = (signatures[left[part]] == signatures[right[part]]).mean(axis=1)
    kept = similarity >= FLOOR
    return Forest(left[kept], right[kept], similarity[kept])


def _spanning(rows: int, old: Forest, new: Forest) -> Forest:
    """Return the maximum spanning forest of both together (Kruskal 1956); ties go by row, so that it is one forest."""
    import numpy as np

    left, right = np.concatenate([old.left, new.left]), np.concatenate([old.right, new.right])
    similarity = np.concatenate([old.similarity, new.similarity])
    order = np.lexsort((right, left, -similarity))
    trees = _Trees(rows)
    kept = [place for place, one, other in zip(order.tolist(), left[order].tolist(), right[order].tolist(), strict=True)
            if trees.join(one, other)]  # fmt: skip
    return Forest(left[kept], right[kept], similarity[kept])


class _Trees:
    """Union-find with the smallest member as the root."""

    def __init__(self, size: int) -> None:
        self._above: dict[int, int] = {}
        self.size = size

    def root(self, one: int) -> int:
        above = self._above
        while (up := above.get(one, one)) != one:
            above[one] = one = above.get(up, up)
        return one

    def join(self, one: int, other: int) -> bool:
        """Put two trees together; whether they were two."""
        low, high = sorted((self.root(one), self.root(other)))
        if low != high:
            self._above[high] = low
        return low != high


def _labels(rows: int, left: Any, right: Any, used: Any) -> Any:
    import numpy as np

    trees = _Trees(rows)
    for one, other in zip(left[used].tolist(), right[used].tolist(), strict=True):
        trees.join(one, other)
    labels = np.arange(rows)
    for row in {*left[used].tolist(), *right[used].tolist()}:
        labels[row] = trees.root(row)
    return labels


def _jaccard(one: Any, other: Any) -> float:
    import numpy as np

    common = np.intersect1d(one, other, assume_unique=True).size
    return float(common / max(1, one.size + other.size - common))

"""Word n-grams of a text as 64-bit hashes, computed by numpy without a loop over words.

A word is a run of letters, digits and underscores (bytes beyond ASCII count as letters), in lower case. What stands
between words does not matter, so that re-wrapped and re-indented code has the same n-grams. The hash of a word is a
polynomial in its bytes modulo 2^64, read off a running sum; words and n-grams are then mixed as MurmurHash3 does.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]

_BASE = 0x9E3779B97F4A7C15
_MIX = 0xFF51AFD7ED558CCD
_PLACES = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5, 0x85EBCA77C2B2AE63)


def words(text: str) -> Hashes:
    """Return the hash of each word of a text, in order."""
    import numpy as np

    folded, is_word = _tables()
    raw = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    if not raw.size:
        return np.empty(0, np.uint64)
    inside = np.zeros(raw.size + 2, np.int8)
    inside[1:-1] = is_word[raw]
    turns = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = turns[::2], turns[1::2]
    powers, inverses = _powers(1 << max(20, int(raw.size).bit_length()))
    running = np.zeros(raw.size + 1, np.uint64)
    np.cumsum(folded[raw] * powers[: raw.size], out=running[1:])
    return _mixed((running[ends] - running[starts]) * inverses[starts])


def grams(hashes: Hashes, n: int) -> Hashes:
    """Return the hashes of all n-grams of words, in order; a shorter text is one gram."""
    import numpy as np

    if not hashes.size:
        return hashes
    n = min(n, hashes.size)
    length = hashes.size - n + 1
    summed = np.zeros(length, np.uint64)
    for place in range(n):
        factor = np.uint64((_PLACES[place % 5] * (2 * place + 1)) & (1 << 64) - 1)
        summed += hashes[place : place + length] * factor
    return _mixed(summed)


def _mixed(hashes: Hashes) -> Hashes:
    import numpy as np

    hashes ^= hashes >> np.uint64(33)
    hashes *= np.uint64(_MIX)
    hashes ^= hashes >> np.uint64(33)
    return hashes


@cache
def _tables() -> tuple[Any, Any]:
    """Return for each byte its value in lower case, and whether it belongs to a word."""
    import numpy as np

    folded = np.arange(256, dtype=np.uint64)
    folded[ord("A") : ord("Z") + 1] += np.uint64(32)
    is_word = np.zeros(256, np.int8)
    for first, last in ("az", "AZ", "09", "__"):
        is_word[ord(first) : ord(last) + 1] = 1
    is_word[128:] = 1
    return folded + np.uint64(1), is_word


@cache
def _powers(size: int) -> tuple[Hashes, Hashes]:
    """Return the powers of the base modulo 2^64, and their inverses (the base is odd)."""
    import numpy as np

    def powers(base: int) -> Hashes:
        row = np.full(size + 1, np.uint64(base), np.uint64)
        row[0] = 1
        return np.cumprod(row, dtype=np.uint64)

    return powers(_BASE), powers(pow(_BASE, -1, 1 << 64))

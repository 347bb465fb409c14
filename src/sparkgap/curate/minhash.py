"""MinHash signatures and bands: which documents are worth comparing, and how probable it is that a pair is found.

A signature holds the smallest value of each of `permutations` hash functions over the set of shingles; two sets share
a value with probability J, their Jaccard index (Broder 1997). Cut into `bands` of `rows` values, a pair with index J
shares at least one whole band with probability 1 - (1 - J^rows)^bands (Leskovec, Rajaraman, Ullman, ch. 3). The
default, 25 bands of 10 out of 256, is the field's usual choice for word 5-grams and a threshold of 0.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkgap.errors import InputError

if TYPE_CHECKING:
    import numpy as np

SEED = 1  # of the hash functions; another seed is another signature


@dataclass(frozen=True, slots=True)
class NearOptions:
    """Parameters of near-deduplication. Texts of fewer than `least_shingles` shingles have only exact duplicates."""

    permutations: int = 256
    bands: int = 25
    rows: int = 10
    ngram: int = 5
    least_shingles: int = 10

    def __post_init__(self) -> None:
        """Refuse bands that the signature cannot fill."""
        if min(self.permutations, self.bands, self.rows, self.ngram) < 1 or self.bands * self.rows > self.permutations:
            raise InputError(
                f"{self.bands} bands of {self.rows} rows need {self.bands * self.rows} permutations, "
                f"and there are {self.permutations}"
            )

    def found(self, jaccard: float) -> float:
        """Return the probability that a pair with this Jaccard index is compared."""
        return float(1 - (1 - jaccard**self.rows) ** self.bands)

    def curve(self) -> dict[float, float]:
        """Return the S-curve at the indices that matter."""
        return {jaccard / 20: self.found(jaccard / 20) for jaccard in range(8, 20)}


def signatures(sets: list[Any], options: NearOptions) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """Return the signature of each set of shingle hashes (sorted, unique, none empty), one a row."""
    import numpy as np
    from rensa import RMinHash  # type: ignore[import-untyped]

    if not sets:
        return np.empty((0, options.permutations), np.uint32)
    offsets = np.zeros(len(sets) + 1, np.uint64)
    np.cumsum([len(each) for each in sets], out=offsets[1:])
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(sets), offsets, options.permutations, SEED)
    return np.array(matrix.to_rows(), np.uint32)


def bands(signature: np.ndarray[Any, np.dtype[np.uint32]], options: NearOptions) -> Any:
    """Return one 64-bit key for each band of each signature: an array of documents by bands."""
    import numpy as np

    used = signature[:, : options.bands * options.rows].reshape(-1, options.bands, options.rows).astype(np.uint64)
    keys = np.zeros(used.shape[:2], np.uint64)
    for row in range(options.rows):
        keys ^= used[:, :, row]
        keys *= np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(32)
    return keys

"""Where the points go: what each side loses on the shared problems, to the harness and to itself.

Every sample loses 1 minus its value, and each loss has one cause, so the losses of a side add up to 1 minus its score,
and their differences to the gap. The harness's are those that say nothing of the model's ability:

    extraction   the reply has a right program in it, in a form that the headline's reading does not take
    truncated    the reply was cut at its greatest length
    unparsed     there was no answer in the reply that could be read

The model's go by how its program ended, read leniently (`syntax`, `wrong`, `raised`, `timeout` ...), or by the word of
a benchmark that scores itself. Samples without a score are in none of this; they are counted beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sparkgap.results import BenchmarkResult
from sparkgap.tally import UNSCORED

Whose = Literal["harness", "model"]

_UNPARSED = ("empty", "unparsed")  # statuses of a reply in which nothing was found


@dataclass(frozen=True, slots=True)
class Loss:
    """What one cause takes from each side, as shares of all points there are; `gap` is ours minus theirs."""

    whose: Whose
    cause: str
    ours: float
    theirs: float

    @property
    def gap(self) -> float:
        """How much of the gap is this: positive where it costs us more."""
        return self.ours - self.theirs


def losses(ours: BenchmarkResult, theirs: BenchmarkResult, ids: Collection[str]) -> tuple[Loss, ...]:
    """Return every loss of either side over the problems `ids`, the harness's first, then the largest first."""
    mine, other = _by_cause(ours, ids), _by_cause(theirs, ids)
    found = [
        Loss(whose, cause, mine.get((whose, cause), 0.0), other.get((whose, cause), 0.0))
        for whose, cause in {**mine, **other}
    ]
    return tuple(sorted(found, key=lambda loss: (loss.whose, -max(loss.ours, loss.theirs), loss.cause)))


def cause_of(record: Mapping[str, Any]) -> tuple[Whose, str]:
    """Return whose loss a record that did not get all points is, and its cause."""
    lenient = str(record.get("lenient", record["status"]))
    if lenient == "passed":
        return "harness", "extraction"
    if record.get("truncated"):
        return "harness", "truncated"
    if lenient in _UNPARSED:
        return "harness", "unparsed"
    # A program that only the strict reading could make out ends as that one did.
    return "model", str(record["status"]) if lenient in UNSCORED else lenient


def _by_cause(result: BenchmarkResult, ids: Collection[str]) -> dict[tuple[Whose, str], float]:
    wanted = set(ids)
    lost: dict[tuple[Whose, str], float] = {}
    for record in result.records():
        value, id_ = record["value"], record["problem_id"]
        if value is None or value >= 1 or id_ not in wanted:
            continue
        cause = cause_of(record)
        lost[cause] = lost.get(cause, 0.0) + (1 - value) / len(result.values[id_]) / len(wanted)
    return lost

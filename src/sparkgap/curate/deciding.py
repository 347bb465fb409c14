"""Deciding: every row kept, or dropped by the first rule that it breaks; from the pool's table alone.

The order is that of the steps: what a file is, its licence, secrets, quality; then copies of what is left; then the
benchmarks. Copies are found among all files that were read, so that other thresholds change who is kept and not who
is a copy of whom. Of several copies that came so far, the one of the earliest source is kept, then the one with the
fewest folders in its path, the shortest path, the first by name.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from sparkgap.curate import filtering
from sparkgap.curate.near import FLOOR, Forest
from sparkgap.curate.rules import STEPS, Judged, Rule, Step, Threshold, with_thresholds

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]

VERSION = "copies 1"
_FEW = 5  # files: a smaller repository is never called a fork
_MANY = 50  # repositories: what so many have (an empty `__init__.py`) says nothing on who forked whom

# Rules on several files at once; the others are the filters'.
ACROSS: tuple[Judged, ...] = (
    Judged(Rule("forgotten", "forgotten", "at most", 0, "1 where its owners asked for it"), "read", VERSION),
    Judged(Rule("parses", "parses", "at least", 1, "1 where the language's compiler finds no error of grammar"),
           "quality", "compiling 1"),
    Judged(Rule("builds", "builds", "at least", 0, "1 where the language's compiler takes the file by itself"),
           "quality", "compiling 1"),
    Judged(Rule("laundered", "laundered", "at most", 0, "1 where a copy stands under copyleft"), "licence", VERSION),
    Judged(Rule("fork", "fork_share", "at most", 0.6, "share of the repository's files that an earlier one has"),
           "duplicates", VERSION),
    Judged(Rule("exact", "copies", "at most", 0, "1 where a better exact copy is kept"), "duplicates", VERSION),
    Judged(Rule("near", "similarity", "at most", 0.7, "estimated Jaccard index with a copy of its cluster"),
           "duplicates", VERSION),
    Judged(Rule("behaviour", "behaviour_weight", "at most", 5,
                "nodes of a function that solves a problem, times how much of it is built like the published solution"),
           "decontamination", "behaviour 3"),
    Judged(Rule("gap", "gap", "at least", -math.inf, "how near it is to the problems that the run of --for failed"),
           "selection", "wanted 1"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of rows besides their measurements.

    `compiled`: what the compiler of a row's language says of it (does it parse, does it build, the first error).
    `behaviour`: the largest weight of a function of a row that solves a problem, and which problem by which function.
    `gap`: how near a row is to the problems that a run failed.
    """

    compiled: Mapping[int, tuple[int, int, str]] = field(default_factory=dict)
    behaviour: Mapping[int, tuple[float, str]] = field(default_factory=dict)
    gap: Mapping[int, float] = field(default_factory=dict)


@dataclass(slots=True)
class Decisions:
    """What came of each row. `broken[row]` is the place in `rules` of the rule that dropped it, -1 if it is kept."""

    rules: tuple[Judged, ...]
    broken: np.ndarray[Any, Any]
    values: dict[str, Any]  # attribute -> one value a row, for the rules across files
    exact: np.ndarray[Any, Any]  # the first row with the same content
    near: np.ndarray[Any, Any]  # the first row of the cluster at the threshold
    family: np.ndarray[Any, Any]  # the first row of the cluster at the lowest threshold there is
    instead: dict[int, int] = field(default_factory=dict)  # row -> the copy that is kept

    @property
    def kept(self) -> np.ndarray[Any, Any]:
        """Which rows are kept."""
        return self.broken < 0

    def before(self, step: Step) -> np.ndarray[Any, Any]:
        """Return which rows no rule of the steps before this one has dropped."""
        import numpy as np

        later = np.array([STEPS.index(each.step) >= STEPS.index(step) for each in self.rules])
        came: np.ndarray[Any, Any] = self.kept | later[self.broken]
        return came

    def reason(self, row: int) -> Judged | None:
        """Return the rule that dropped a row."""
        return self.rules[self.broken[row]] if self.broken[row] >= 0 else None


def all_rules(settings: Mapping[str, str | Threshold]) -> tuple[Judged, ...]:
    """Return every rule, of filters and across files, with the user's thresholds, in the order they are applied.

    Raises:
        InputError: a setting is of no rule, or of another kind.
    """
    both = [(STEPS.index(each.step), 1, number, each) for number, each in enumerate(filtering.rules())]
    both += [(STEPS.index(each.step), 2 * (each.rule.name != "forgotten"), number, each)
             for number, each in enumerate(ACROSS)]  # fmt: skip
    return with_thresholds((each for *_, each in sorted(both, key=lambda row: row[:3])), settings)


def decide(
    table: pa.Table, forest: Forest, rules: Sequence[Judged], forgotten: Any = None, found: Found | None = None
) -> Decisions:  # fmt: skip
    """Apply the rules to all rows.

    Args:
        table: the pool's.
        forest: its near-duplicates.
        rules: in order, from `all_rules`.
        forgotten: a mask of rows whose owners opted out.
        found: what the judge, and a run, say of some of them.
    """
    import numpy as np

    rows = table.num_rows
    exact = _first_of(table.column("content").to_pylist())
    near_at = next(float(each.rule.threshold) for each in rules if each.rule.name == "near")  # type: ignore[arg-type]
    near = forest.clusters(rows, max(FLOOR, near_at))[exact]
    family = forest.clusters(rows, FLOOR)[exact]
    decided = Decisions(tuple(rules), np.full(rows, -1, np.int16), {}, exact, near, family)
    decided.values["forgotten"] = np.zeros(rows, np.int8) if forgotten is None else forgotten.astype(np.int8)
    decided.values["laundered"] = _laundered(table, decided, rules)
    _tell(decided, found or Found())
    for place, judged in enumerate(decided.rules):
        _apply(table, forest, decided, place, judged)
    return decided


def _tell(decided: Decisions, found: Found) -> None:
    """Note what was found of rows, as values that rules compare."""
    import numpy as np

    rows = decided.broken.size
    decided.values["parses"], decided.values["builds"] = np.full(rows, None, object), np.full(rows, None, object)
    decided.values["compiler_says"] = np.full(rows, "", object)
    for row, told in found.compiled.items():
        decided.values["parses"][row], decided.values["builds"][row], decided.values["compiler_says"][row] = told
    decided.values["behaves_as"] = np.full(rows, "", object)
    decided.values["behaviour_weight"] = np.zeros(rows, np.float64)
    for row, (worth, name) in found.behaviour.items():
        decided.values["behaves_as"][row], decided.values["behaviour_weight"][row] = name, worth
    decided.values["gap"] = np.full(rows, None, object)
    for row, score in found.gap.items():
        decided.values["gap"][row] = score


def _apply(table: pa.Table, forest: Forest, decided: Decisions, place: int, judged: Judged) -> None:
    import numpy as np

    rule, rows = judged.rule, table.num_rows
    if rule.name == "fork":
        decided.values["fork_share"] = _fork_shares(table, decided.kept)
    elif rule.name == "exact":
        decided.values["copies"] = _copies(table, decided, decided.exact)
    elif rule.name == "near":
        worse = _copies(table, decided, decided.near) if float(rule.threshold) < 1 else np.zeros(rows, np.int8)  # type: ignore[arg-type]
        decided.values["similarity"] = worse * forest.strongest(rows)[decided.exact]
        decided.broken[decided.kept & (worse > 0)] = place
        return
    values = decided.values.get(rule.attribute)
    breaks = _breaking(table, rule) if values is None else _breaks(values.tolist(), rule)
    if rule.languages:
        breaks &= _isin(table.column("language").to_pylist(), rule.languages)
    decided.broken[decided.kept & breaks] = place


def _breaking(table: pa.Table, rule: Rule) -> Any:
    """Return which rows break a filter's rule; numbers are compared as arrays, texts once for each that occurs."""
    import numpy as np
    import pyarrow as pa

    column = table.column(rule.attribute)
    if rule.compare in {"at most", "at least"} and not pa.types.is_string(column.type):
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        with np.errstate(invalid="ignore"):
            low = rule.compare == "at most"
            return values > float(rule.threshold) if low else values < float(rule.threshold)  # type: ignore[arg-type]
    return _breaks(column.to_pylist(), rule)


def _breaks(values: Sequence[Any], rule: Rule) -> Any:
    import numpy as np

    known: dict[Any, bool] = {}
    for value in values:
        if value not in known:
            known[value] = not rule.keeps(value)
    return np.fromiter((known[value] for value in values), bool, len(values))


def _isin(values: Sequence[Any], those: Sequence[str]) -> Any:
    import numpy as np

    return np.fromiter((value in those for value in values), bool, len(values))


def _first_of(values: Sequence[str | None]) -> Any:
    """Return for each row the first row with the same value; rows without one are alone."""
    import numpy as np

    seen: dict[str, int] = {}
    return np.fromiter(
        (row if value is None else seen.setdefault(value, row) for row, value in enumerate(values)),
        np.int64, len(values),
    )  # fmt: skip


def _laundered(table: pa.Table, decided: Decisions, rules: Sequence[Judged]) -> Any:
    """Return 1 for rows with a copy, exact or near, under a copyleft licence that the user does not allow."""
    import numpy as np

    licence = next(each.rule for each in rules if each.rule.name == "licence")
    copyleft = np.nan_to_num(table.column("copyleft").to_numpy(zero_copy_only=False).astype(float)) > 0
    copyleft &= _breaks(table.column("licence").to_pylist(), licence)
    tainted = np.zeros(table.num_rows, bool)
    tainted[np.unique(decided.near[copyleft])] = True
    return tainted[decided.near].astype(np.int8)


def _fork_shares(table: pa.Table, alive: Any) -> Any:
    """Return for each row the share of its repository's files that one earlier repository has as well."""
    import numpy as np

    repos = table.column("repo").to_pylist()
    contents = table.column("content").to_pylist()
    order: dict[str, int] = {}
    holders: dict[str, set[str]] = defaultdict(set)
    for row in np.flatnonzero(alive).tolist():
        order.setdefault(repos[row], len(order))
        holders[contents[row]].add(repos[row])
    sizes: Counter[str] = Counter(repo for held in holders.values() for repo in held)
    common: Counter[tuple[str, str]] = Counter()
    for held in holders.values():
        if 1 < len(held) <= _MANY:
            common.update(combinations(sorted(held, key=order.__getitem__), 2))
    shares: dict[str, float] = {}
    for (_, later), count in common.items():
        if sizes[later] >= _FEW:
            shares[later] = max(shares.get(later, 0.0), count / sizes[later])
    return np.fromiter((round(shares.get(repo, 0.0), 4) for repo in repos), float, len(repos))


def _copies(table: pa.Table, decided: Decisions, groups: Any) -> Any:
    """Return 1 for rows of a group in which a better row came so far, and note which."""
    import numpy as np

    alive = np.flatnonzero(decided.kept)
    times = np.bincount(groups[alive], minlength=table.num_rows)
    many = alive[times[groups[alive]] > 1]
    paths = table.column("path").take(many).to_pylist()
    sources = table.column("source").take(many).to_pylist()
    rank = {source: place for place, source in enumerate(dict.fromkeys(table.column("source").to_pylist()))}
    best: dict[int, tuple[Any, ...]] = {}
    for row, path, source in zip(many.tolist(), paths, sources, strict=True):
        key = (rank[source], path.count("/"), len(path), path, row)
        group = int(groups[row])
        best[group] = min(best.get(group, key), key)
    worse = np.zeros(table.num_rows, np.int8)
    for row in many.tolist():
        first = best[int(groups[row])][-1]
        if row != first:
            worse[row] = 1
            decided.instead[row] = first
    return worse


def held_out(contents: Sequence[str | None], family: Iterable[int], share: float) -> list[bool]:
    """Return which rows are of the held-out split: whole families, drawn by the hash of their first file."""
    drawn: dict[int, bool] = {}
    for first in family:
        if first not in drawn:
            digest = hashlib.sha256(f"split {contents[first]}".encode()).digest()
            drawn[first] = int.from_bytes(digest[:8], "big") < share * 2**64
    return [drawn[first] for first in family]

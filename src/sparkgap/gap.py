"""The gap: how far one model is from others, how sure that is, and where the points go.

The first side is ours; each other is compared with it, benchmark by benchmark, on the problems that both have answers
to. A side is a run of `measure` or `grade`, or a claimed figure, which is reported and not measured, and has no
problems to pair. p-values are corrected over the benchmarks of a pair of sides (Holm), not over the pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sparkgap import plugins, stats
from sparkgap.claims import REPORTED, read_claims
from sparkgap.compare.contrast import Contrast, contrast, shared
from sparkgap.compare.figures import Figure, means
from sparkgap.compare.losses import Loss, cause_of, losses
from sparkgap.compare.sides import Side, matched, read_side, unmatched
from sparkgap.compare.topics import Group, Traits, groups, traits
from sparkgap.compare.words import verdict
from sparkgap.errors import InputError, PluginError
from sparkgap.results import BenchmarkResult, RunResult
from sparkgap.stats import Interval
from sparkgap.verbs import callable_module

Json = dict[str, Any]

SOLVED = 0.5  # of the samples of a problem, from which on a side is said to solve it


@dataclass(frozen=True, slots=True)
class Refused:
    """A benchmark that both sides have, and why their figures must not be compared."""

    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the points of one benchmark go: whose losses, and on which problems.

    `ahead` holds the problems that they solve and we do not, each with their share of samples that do.
    """

    losses: tuple[Loss, ...]
    groups: tuple[Group, ...]
    ahead: Mapping[str, float]
    unscored: tuple[int, int]  # samples without a score, ours and theirs


@dataclass(frozen=True, slots=True)
class Gap:
    """Ours against one other side. `places` is by the benchmark's name, for benchmarks that both sides measured."""

    ours: Side
    theirs: Side
    contrasts: tuple[Contrast, ...]
    refused: tuple[Refused, ...]
    only_ours: tuple[str, ...]
    only_theirs: tuple[str, ...]
    places: Mapping[str, Places]

    @property
    def verdict(self) -> str:
        """The whole of it in one line."""
        return verdict(self.contrasts, tuple(each.name for each in self.refused))

    def as_json(self) -> Json:
        """Return it as what JSON can hold."""
        return {
            "theirs": _side(self.theirs),
            "verdict": self.verdict,
            "benchmarks": [_contrast(each, self.places.get(each.name)) for each in self.contrasts],
            "refused": [{"name": each.name, "reasons": list(each.reasons)} for each in self.refused],
            "only_ours": list(self.only_ours),
            "only_theirs": list(self.only_theirs),
        }


@dataclass(frozen=True, slots=True)
class GapReport:
    """Ours against every other side, and the problems that others solve and we do not."""

    ours: Side
    gaps: tuple[Gap, ...]
    problems: tuple[Json, ...]

    def as_json(self) -> Json:
        """Return it as what JSON can hold."""
        return {
            "ours": _side(self.ours),
            "gaps": [each.as_json() for each in self.gaps],
            "problems_others_solve": len(self.problems),
        }


def gap(
    ours: str | Path | Side,
    *others: str | Path | Side,
    claims: Iterable[str | Path] = (),
    anyway: bool = False,
    draws: int = 10_000,
) -> GapReport:
    """Compare one side with others.

    Args:
        ours: a run's folder, `claim:MODEL`, `NAME=` before either, or a side that was read already.
        others: what it is compared with, likewise.
        claims: TOML files with the user's own claims.
        anyway: compare benchmarks that were not the same exam, and only say what differs.
        draws: of the bootstrap and of the sign flips.

    Raises:
        InputError: a side cannot be read, or shares no benchmark with ours that can be compared.
    """
    if not others:
        raise InputError("a gap is between two: name another run, or a claim such as claim:gpt-5")
    claims = tuple(claims)
    read_claims(claims)  # a file that is wrong is said, whichever sides are named
    mine, *sides = _told_apart([read_side(side, claims) for side in (ours, *others)])
    known: dict[str, Mapping[str, Traits]] = {}
    gaps = tuple(_gap(mine, other, anyway, draws, known) for other in sides)
    return GapReport(mine, gaps, tuple(_unsolved(mine, gaps, known)))


def _told_apart(sides: list[Side]) -> list[Side]:
    """Return the sides, runs of the same name (checkpoints of a model) with their folder's name added."""
    names = Counter(side.name for side in sides)
    return [
        replace(side, name=f"{side.name} ({side.folder.name})")
        if names[side.name] > 1 and isinstance(side, RunResult)
        else side
        for side in sides
    ]


def _gap(ours: Side, theirs: Side, anyway: bool, draws: int, known: dict[str, Mapping[str, Traits]]) -> Gap:
    contrasts: list[Contrast] = []
    refused: list[Refused] = []
    places: dict[str, Places] = {}
    for name, mine, other in matched(ours, theirs):
        if mine.unit != other.unit:
            refused.append(Refused(name, (f"in different units: {mine.unit} and {other.unit}",)))
            continue
        found = contrast(name, mine, other, ability=_ability(mine, other), draws=draws)
        if found is None:
            refused.append(Refused(name, ("no problem has a score on both sides",)))
        elif found.unlikeness.refusals and not anyway:
            refused.append(Refused(name, found.unlikeness.refusals))
        else:
            contrasts.append(found)
            if isinstance(mine, BenchmarkResult) and isinstance(other, BenchmarkResult):
                places[name] = _places(mine, other, known)
    if not contrasts:
        raise InputError(_nothing(ours, theirs, refused))
    corrected = iter(stats.holm([each.p for each in contrasts if each.p is not None]))
    contrasts = [replace(each, p_holm=next(corrected)) if each.p is not None else each for each in contrasts]
    return Gap(ours, theirs, tuple(contrasts), tuple(refused), *unmatched(ours, theirs), places)


def _ability(ours: object, theirs: object) -> str:
    for side in (ours, theirs):
        if isinstance(side, BenchmarkResult):
            return side.ability
    try:
        return str(getattr(plugins.find("benchmarks", str(getattr(ours, "benchmark", ""))), "ability", "code"))
    except PluginError:
        return "other"


def _places(ours: BenchmarkResult, theirs: BenchmarkResult, known: dict[str, Mapping[str, Traits]]) -> Places:
    ids = shared(ours, theirs)
    if ours.benchmark not in known:
        known[ours.benchmark] = traits(ours.benchmark, ours.values)
    share = ours.unit == "share"
    rates = {id_: (_mean(ours.values[id_]), _mean(theirs.values[id_])) for id_ in ids} if share else {}
    return Places(
        losses=losses(ours, theirs, ids) if share else (),
        ahead={id_: other for id_, (mine, other) in rates.items() if mine < SOLVED <= other},
        groups=groups(ours, theirs, ids, known[ours.benchmark]),
        unscored=(ours.unscored, theirs.unscored),
    )


def _unsolved(ours: Side, gaps: Sequence[Gap], known: Mapping[str, Mapping[str, Traits]]) -> Iterator[Json]:
    """Yield the problems that some other side solves in most samples, and we do not."""
    if not isinstance(ours, RunResult):
        return
    for name, mine in ours.benchmarks.items():
        solvers: dict[str, dict[str, float]] = {}
        for each in gaps:
            for id_, rate in each.places[name].ahead.items() if name in each.places else ():
                solvers.setdefault(id_, {})[each.theirs.name] = rate
        failed = _first_failures(mine) if solvers else {}
        for id_ in (id_ for id_ in mine.values if id_ in solvers):
            told = known.get(mine.benchmark, {}).get(id_)
            whose, cause, why = failed[id_]
            yield {
                "benchmark": mine.benchmark, "task_id": id_, "variant": mine.variant, "ours": _mean(mine.values[id_]),
                "solved_by": solvers[id_], "loss": whose, "cause": cause, "why": why,
                "topics": list(told.topics) if told else [], "difficulty": told.difficulty if told else "",
            }  # fmt: skip


def _mean(values: tuple[float, ...]) -> float:
    return means([values])[0]


def _first_failures(result: BenchmarkResult) -> dict[str, tuple[str, str, str]]:
    """Return for each problem with a failed sample whose loss the first of them is, its cause, and why."""
    found: dict[str, tuple[int, tuple[str, str, str]]] = {}
    for record in result.records():
        index, id_ = record["sample_index"], record["problem_id"]
        if record["value"] is not None and record["value"] < 1 and (id_ not in found or index < found[id_][0]):
            found[id_] = index, (*cause_of(record), str(record.get("why", "")))
    return {id_: told for id_, (_, told) in found.items()}


def _nothing(ours: Side, theirs: Side, refused: Sequence[Refused]) -> str:
    pair = f"{ours.name} and {theirs.name}"
    if refused:
        reasons = "; ".join(f"{each.name}: {', '.join(each.reasons)}" for each in refused)
        return f"{pair} cannot be compared: {reasons} (--anyway compares what was not the same exam)"
    mine, other = unmatched(ours, theirs)
    return f"{pair} share no benchmark: {', '.join(mine) or 'none'} here, {', '.join(other) or 'none'} there"


def _side(side: Side) -> Json:
    if isinstance(side, RunResult):
        return {"name": side.name, "model": side.model, "run": str(side.folder), "started": side.started}
    return {"name": side.name, "model": side.model, "claims": [str(each) for each in side.claims.values()]}


def _contrast(each: Contrast, places: Places | None) -> Json:
    told: Json = {
        "benchmark": each.benchmark, "name": each.name, "title": each.title, "ability": each.ability,
        "variant": each.variant, "unit": each.unit, "ours": _figure(each.ours), "theirs": _figure(each.theirs),
        "paired": each.paired, "problems": each.problems, "difference": each.difference,
        "interval": _interval(each.interval), "bootstrap": _interval(each.bootstrap),
        "p": each.p, "p_holm": each.p_holm, "distinct": each.distinct, "test": each.test,
        "only_ours": each.only_ours, "only_theirs": each.only_theirs,
        "smallest_gap": each.smallest, "problems_needed": each.needed,
        "not_alike": list(each.unlikeness.refusals), "warnings": list(each.unlikeness.warnings),
        "agreement": asdict(each.agreement) if each.agreement else None,
    }  # fmt: skip
    if places is not None:
        told["losses"] = [asdict(loss) | {"gap": loss.gap} for loss in places.losses]
        told["groups"] = [asdict(group) for group in places.groups]
        told["unscored"] = {"ours": places.unscored[0], "theirs": places.unscored[1]}
    return told


def _figure(figure: Figure) -> Json:
    told: Json = {"value": figure.value, "interval": _interval(figure.interval), "problems": figure.problems}
    if figure.claim is not None:
        told |= {"basis": REPORTED, "claim": asdict(figure.claim)}
    return told


def _interval(interval: Interval | None) -> Json | None:
    return asdict(interval) if interval is not None else None


callable_module(__name__, gap)

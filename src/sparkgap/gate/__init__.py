"""The gate: rules that a run must keep, for CI.

Each rule is decided at 95 % confidence on its own. The gate holds only if every rule holds, so it passes a run that
breaks any rule at most 5 times in 100, however many rules there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparkgap.claims import read_claims
from sparkgap.compare.contrast import shared
from sparkgap.compare.figures import values_of
from sparkgap.compare.likeness import Unlikeness, unlike
from sparkgap.compare.sides import Measured, Side, matched, read_side, unmatched
from sparkgap.errors import InfraError, InputError
from sparkgap.gate.checks import Check, Outcome, check
from sparkgap.gate.rules import ALL, Rule, parse_rule
from sparkgap.results import BenchmarkResult, RunResult
from sparkgap.verbs import callable_module

EXIT_CODES: dict[Outcome, int] = {"holds": 0, "fails": 1, "inconclusive": 3, "unscored": 4}
_WORST: tuple[Outcome, ...] = ("unscored", "fails", "inconclusive", "holds")

__all__ = ["EXIT_CODES", "Check", "GateResult", "Rule", "gate", "parse_rule"]


@dataclass(frozen=True, slots=True)
class GateResult:
    """Every rule on every benchmark that it is about, in the order of the rules.

    `unmatched` are benchmarks that only one of the two sides has: no gap, drop or gain is about them.
    """

    run: RunResult
    against: Side | None
    checks: tuple[Check, ...]
    unmatched: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The worst of all: without scores, failed, inconclusive, or held."""
        return next(each for each in _WORST if any(check.outcome == each for check in self.checks))

    @property
    def exit_code(self) -> int:
        """0 holds, 1 fails, 3 inconclusive, 4 too much without a score."""
        return EXIT_CODES[self.outcome]

    def as_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "run": {"name": self.run.name, "model": self.run.model, "run": str(self.run.folder)},
            "against": None if self.against is None else {"name": self.against.name, "model": self.against.model},
            "unmatched": list(self.unmatched),
            "checks": [asdict(each) | {"rule": str(each.rule)} for each in self.checks],
        }


def gate(
    run: str | Path | RunResult,
    rules: Sequence[str | Rule],
    *,
    against: str | Path | Side | None = None,
    claims: Iterable[str | Path] = (),
    anyway: bool = False,
) -> GateResult:
    """Decide which rules a run keeps.

    Args:
        run: the run's folder.
        rules: see `sparkgap.gate.rules`.
        against: another run, or a claim, that gaps, drops and gains are to.
        claims: TOML files with the user's own claims.
        anyway: compare runs that were not the same exam, with a warning.

    Raises:
        InputError: a rule cannot be read, or is about what there is not; runs that must not be compared.
        InfraError: no sample at all of a benchmark has a score, so that there is no figure.
    """
    if not rules:
        raise InputError('a gate needs a rule at least, e.g. --rule "humaneval gap < 10"')
    claims = tuple(claims)
    parsed = [rule if isinstance(rule, Rule) else parse_rule(rule) for rule in rules]
    read_claims(claims)  # a file that is wrong is said, whichever side is named
    ours = read_side(run, claims)
    if not isinstance(ours, RunResult):
        raise InputError(f"the gate is for a run, and {ours.name} is a claim; claims go behind --against")
    theirs = None if against is None else read_side(against, claims)
    pairs = {} if theirs is None else {name: other for name, _, other in matched(ours, theirs)}
    checks = [each for rule in parsed for each in _checks(rule, ours, theirs, pairs, anyway)]
    apart = () if theirs is None else tuple(name for side in unmatched(ours, theirs) for name in side)
    return GateResult(ours, theirs, tuple(checks), apart)


def _checks(
    rule: Rule, ours: RunResult, theirs: Side | None, pairs: dict[str, Measured], anyway: bool
) -> Iterator[Check]:
    if rule.quantity and theirs is None:
        raise InputError(f'"{rule}" is about a {rule.quantity} to something: name it with --against')
    for name in _subjects(rule, ours, theirs, pairs):
        mine, other = ours.benchmarks[name], pairs.get(name) if rule.quantity else None
        if other is not None and other.unit != mine.unit:
            raise InputError(f'"{rule}": {name} is in different units, {mine.unit} and {other.unit}')
        likeness = unlike(mine, other) if isinstance(other, BenchmarkResult) else Unlikeness()
        if likeness.refusals and not anyway:
            reasons = "; ".join(likeness.refusals)
            raise InputError(f'"{rule}": {name} was not the same exam: {reasons} (--anyway compares them still)')
        for side in (mine, other):
            if isinstance(side, BenchmarkResult) and not values_of(side):
                raise InfraError(f'"{rule}": {_nothing(name, side)}')
        if isinstance(other, BenchmarkResult) and not shared(mine, other):
            raise InputError(f'"{rule}": no problem of {name} has a score on both sides')
        yield check(rule, name, mine, other, (*likeness.refusals, *likeness.warnings))


def _nothing(name: str, side: BenchmarkResult) -> str:
    model = side.asked.get("model") or "one side"
    mend = "ask again (`measure --retry-failed --out RUN`)"
    return f"none of {side.unscored:,} samples of {name} by {model} has a score; {mend}"


def _subjects(rule: Rule, ours: RunResult, theirs: Side | None, pairs: dict[str, Measured]) -> list[str]:
    """Return the names of our benchmarks that a rule is about."""
    there = [name for name in ours.benchmarks if not rule.quantity or name in pairs]
    found = [
        name
        for name in there
        if rule.subject in (ALL, name, (each := ours.benchmarks[name]).benchmark, each.ability)
        or rule.subject == f"{each.benchmark}:{each.variant}"
    ]
    if not found:
        where = (
            f"{ours.name} and {theirs.name} both have" if rule.quantity and theirs is not None else f"{ours.name} has"
        )
        raise InputError(f'"{rule}" is about {rule.subject}; {where} {", ".join(there) or "nothing"}')
    return found


callable_module(__name__, gate)

"""Arms of the demonstration: how a model was made, what it scores, and what one arm has over another.

Greedy, sampled and best of several stand side by side, since reinforcement may raise one and lower another: a model
that is surer of itself passes more often with one try, and not with eight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparkgap import stats
from sparkgap.compare.contrast import paired_interval
from sparkgap.compare.figures import measured, values_of
from sparkgap.judge import Judge
from sparkgap.loop.corpus import BENCHMARK
from sparkgap.measure import MeasureOptions, MeasureProgress, measure
from sparkgap.results import BenchmarkResult, read_result
from sparkgap.stats import Interval

TEMPERATURE = 0.8
Values = list[tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Arm:
    """One model and its figures, all shares of problems.

    `best` is pass@k, k the number of samples. `runs` are the folders that the greedy and the sampled figure are from.
    """

    name: str
    model: Path
    greedy: Interval
    sampled: Interval
    best: Interval
    runs: tuple[Path, Path]


@dataclass(frozen=True, slots=True)
class Gain:
    """What arm `of` has over arm `over`: paired differences over the same problems, with 95 % intervals."""

    of: str
    over: str
    greedy: Interval
    sampled: Interval
    best: Interval

    def as_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Exam:
    """How every arm is measured: `limit` problems (None: all), `samples` of each; by which judge, shown to whom."""

    judge: Judge
    folder: Path
    limit: int | None
    samples: int
    seed: int
    show: Callable[[MeasureProgress], None]

    def arm(self, name: str, model: Path) -> Arm:
        """Measure a model, greedily and by samples; what was measured before is read."""
        slug = name.replace(" + ", "-").replace(" ", "-").lower()
        runs = (self._run(model, f"{slug}-greedy", 1, 0.0), self._run(model, f"{slug}-sampled", self.samples, None))
        greedy, sampled = map(_values, runs)
        return Arm(
            name,
            model,
            _interval(greedy),
            _interval(sampled),
            stats.mean_pass_at_k(_counts(sampled), self.samples),
            runs,
        )

    def _run(self, model: Path, name: str, samples: int, temperature: float | None) -> Path:
        options = MeasureOptions(
            samples=samples,
            temperature=TEMPERATURE if temperature is None else temperature,
            seed=1000 * self.seed,
            limit=self.limit,
            k=(1, samples),
            model_args={"threads": "1"},
        )
        result = measure(
            f"hf/{model.resolve()}",
            f"{BENCHMARK}:completion",
            judge=self.judge,
            out=self.folder / name,
            progress=self.show,
            options=options,
        )
        return result.run


def gain(of: Arm, over: Arm) -> Gain:
    """Return what one arm has over another."""
    greedy, sampled = (_paired(of.runs[at], over.runs[at]) for at in (0, 1))
    solved: list[Values] = [[(float(any(samples)),) for samples in side] for side in sampled]
    return Gain(
        of.name,
        over.name,
        paired_interval(*greedy, "share"),
        paired_interval(*sampled, "share"),
        paired_interval(solved[0], solved[1], "share"),
    )


def _paired(ours: Path, theirs: Path) -> tuple[Values, Values]:
    """Return the values of the problems that both runs have scores of, in one order."""
    mine, other = _result(ours).values, _result(theirs).values
    shared = [name for name, values in mine.items() if values and other.get(name)]
    return [mine[name] for name in shared], [other[name] for name in shared]


def _result(run: Path) -> BenchmarkResult:
    (only,) = read_result(run).benchmarks.values()
    return only


def _values(run: Path) -> Values:
    return values_of(_result(run))


def _counts(values: Values) -> Sequence[tuple[int, int]]:
    return [(len(samples), round(sum(samples))) for samples in values]


def _interval(values: Values) -> Interval:
    found = measured(values, "share").interval
    assert found is not None, "no problem has a score"
    return found

"""What a training run came to, and the files that show it: before and after, side by side and as runs to compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap import __version__
from sparkgap.runs import open_run
from sparkgap.stats import Interval, paired_difference
from sparkgap.tally import Tally
from sparkgap.train.evaluating import HeldOut
from sparkgap.train.folder import MODEL, PAIRS, Folder, is_main
from sparkgap.train.weights import copy_start, merged, save

if TYPE_CHECKING:
    from sparkgap.train.guards import Watch
    from sparkgap.train.options import Training
    from sparkgap.train.prompting import Prompter

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What came of a run. `before`, `after` and `gain` are of the held-out problems, None where there were none.

    `steps` were done, `best_step` is that of the model kept; 0 is the start. `after` is of the model kept, hence chosen
    by these very problems: it is optimistic, and a test split tells the truth. `left_out` counts problems that were not
    trained on because a benchmark has them.
    """

    way: str
    folder: Path
    model: Path
    steps: int
    best_step: int
    stopped: str
    before: Interval | None
    after: Interval | None
    gain: Interval | None
    figures: Mapping[str, float]
    seconds: float
    left_out: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        told = {name: getattr(self, name) for name in ("way", "steps", "best_step", "stopped", "seconds", "left_out")}
        told |= {name: str(getattr(self, name)) for name in ("folder", "model")}
        parts = {name: getattr(self, name) for name in ("before", "after", "gain")}
        told |= {name: asdict(part) if part is not None else None for name, part in parts.items()}
        return told | {"figures": dict(self.figures)}


def read_result(told: Mapping[str, Any]) -> TrainResult:
    """Return what `as_json` told."""
    values = dict(told) | {name: Path(told[name]) for name in ("folder", "model")}
    values |= {name: Interval(**told[name]) if told[name] else None for name in ("before", "after", "gain")}
    return TrainResult(**values)


def summed_up(way: str, trainer: Any, watch: Watch, options: Training, seconds: float) -> TrainResult:
    """Put the model that is kept into the run's folder, show before and after, and return the result."""
    folder = watch.folder
    if watch.kept is None:  # nothing was held out: the last model it is
        watch.best_step = trainer.state.global_step
        save(trainer, folder.path / MODEL)
    elif watch.best_step == 0 and is_main():
        copy_start(options, folder.path / MODEL)
    if is_main():
        merged(options, folder.path / MODEL)
    write_measures(folder, watch, {"model": options.model, "way": way})
    before, after = watch.first, watch.kept
    last = {name: value for entry in trainer.state.log_history for name, value in entry.items()}
    return TrainResult(
        way=way,
        folder=folder.path,
        model=folder.path / MODEL,
        steps=trainer.state.global_step,
        best_step=watch.best_step,
        stopped=watch.stopped,
        before=before.rate() if before else None,
        after=after.rate() if after else None,
        gain=gain(before, after) if before and after else None,
        figures={name: float(value) for name, value in last.items() if isinstance(value, (int, float))},
        seconds=round(seconds, 3),
    )


def gain(before: HeldOut, after: HeldOut) -> Interval | None:
    """Return the paired difference of the shares that pass, over problems that were judged both times."""
    shares = [{each.id: _share(found) for each, found in zip(held.problems, held.statuses, strict=True)}
              for held in (before, after)]  # fmt: skip
    known = [(old, new) for name, old in shares[0].items() if old is not None and (new := shares[1][name]) is not None]
    if not known:
        return None
    return paired_difference([new - old for old, new in known], samples=len(before.statuses[0]))


def write_measures(folder: Folder, watch: Watch, asked: Mapping[str, Any]) -> None:
    """Write what the model wrote before and after, on the same problems; also as two run folders."""
    before, after = watch.first, watch.kept
    if before is None or after is None or watch.prompter is None or not is_main():
        return
    folder.write(PAIRS, _side_by_side(before, after, watch.prompter))
    for name, held in ((BEFORE, before), (AFTER, after)):
        _as_run(folder.path / name, held, {**asked, "step": 0 if name == BEFORE else watch.best_step})


def _side_by_side(before: HeldOut, after: HeldOut, prompter: Prompter) -> Iterator[dict[str, Any]]:
    for place, problem in enumerate(before.problems):
        yield {
            "problem_id": problem.id,
            "prompt": prompter.text(problem),
            "reference": problem.reference,
            "before": before.replies[place][0],
            "before_status": before.statuses[place][0],
            "after": after.replies[place][0],
            "after_status": after.statuses[place][0],
        }


def _as_run(path: Path, held: HeldOut, asked: Mapping[str, Any]) -> None:
    """Write one measure as `grade` would."""
    question = {"benchmark": held.problems[0].benchmark, "split": held.problems[0].split, "sparkgap": __version__}
    tally = Tally()
    with open_run({**question, **asked}, out=path, fresh=True) as run:
        run.begin({"sparkgap": __version__, "files": []})
        run.replay(lambda _: None)
        for ordinal, record in enumerate(_records(held)):
            run.add({"ordinal": ordinal, **record})
            tally.add({"ordinal": ordinal, **record})
        result = tally.result(question["benchmark"], [each.id for each in held.problems], (1, 8))
        summary = result.as_json()
        del summary["run"]
        run.finish(summary)


def _records(held: HeldOut) -> Iterator[dict[str, Any]]:
    for problem, statuses in zip(held.problems, held.statuses, strict=True):
        for index, status in enumerate(statuses):
            value = None if status == "infra" else float(status == "passed")
            yield {"problem_id": problem.id, "sample_index": index, "value": value, "why": "", "status": status,
                   "strict": status, "lenient": status}  # fmt: skip


def _share(statuses: tuple[str, ...]) -> float | None:
    known = [status for status in statuses if status != "infra"]
    return known.count("passed") / len(known) if known else None

"""Judged completions in a file, drawn once: what `rft` imitates and what `dpo` compares.

The first line says what was asked (its sha256, the key); then comes one completion a line:

    {"problem_id": ..., "index": 0, "reply": "...", "status": "passed", "value": 1.0, "tokens": [...], "ended": true}

Drawing is resumed problem by problem after any crash. A file of another model, other problems or other sampling is
refused, not mixed in.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.errors import InputError
from sparkgap.train.guards import Show, TrainProgress
from sparkgap.train.marking import require_judged
from sparkgap.train.overlap import fingerprint
from sparkgap.train.sampler import Drawing, complete
from sparkgap.train.setting import Together

if TYPE_CHECKING:
    from sparkgap.train.marking import Marker
    from sparkgap.train.options import Sampling
    from sparkgap.train.prompting import Prompter
    from sparkgap.types import Problem

AT_ONCE = 64  # problems between two looks at the file


@dataclass(frozen=True, slots=True)
class Rollout:
    """One judged completion: `tokens` are what the model wrote, `ended` whether it came to an end by itself."""

    problem_id: str
    index: int
    reply: str
    status: str
    value: float | None
    tokens: tuple[int, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class Roller:
    """Draws `sampling.group` completions of each problem with a model, and has them judged."""

    model: Any
    name: str  # of the model, its weights' sha256 included
    prompter: Prompter
    marker: Marker
    drawing: Drawing
    sampling: Sampling
    seed: int
    show: Show

    def rollouts(self, problems: Sequence[Problem], path: Path, together: Together) -> list[Rollout]:
        """Return the completions of all problems: those in the file, and the missing ones, which are appended.

        With several processes each draws its share into a file of its own; the first puts them together.

        Raises:
            InputError: the file is of another model, other problems or other sampling.
        """
        key = self._key(problems)
        mine = path if together.count == 1 else path.with_name(f"{path.name}.{together.index}of{together.count}")
        ours = list(problems[together.index :: together.count])
        found = _read(path, key) if path.exists() else None
        if found is None or len(found) < len(problems):
            found = self._drawn(ours, mine, key)
            if together.count > 1:
                together.wait()
                found = _joined(path, key, together) if together.index == 0 else found
                together.wait()
                found = _read(path, key)
        return [rollout for problem in problems for rollout in found[problem.id]]

    def _drawn(self, problems: Sequence[Problem], path: Path, key: str) -> dict[str, list[Rollout]]:
        import torch

        found = {name: each for name, each in _read(path, key).items() if len(each) == self.sampling.group}
        todo = [problem for problem in problems if problem.id not in found]
        path.parent.mkdir(parents=True, exist_ok=True)
        with _whole(path, key, found) as stream:
            for first in range(0, len(todo), AT_ONCE):
                some = todo[first : first + AT_ONCE]
                torch.manual_seed(
                    int.from_bytes(hashlib.sha256(f"{self.seed}/{some[0].id}".encode()).digest()[:4], "big")
                )
                for problem, each in zip(some, self._judged(some, not found), strict=True):
                    found[problem.id] = each
                    stream.writelines(_line(rollout) for rollout in each)
                stream.flush()
                passed = sum(rollout.status == "passed" for each in found.values() for rollout in each)
                rate = passed / (len(found) * self.sampling.group)
                self.show(TrainProgress("sampling", len(found), len(problems), {"pass_rate": rate}))
        return found

    def _judged(self, problems: Sequence[Problem], first: bool) -> list[list[Rollout]]:
        group, prompter = self.sampling.group, self.prompter
        self.marker.prepare(problems)
        rows = [problem for problem in problems for _ in range(group)]
        tickets: dict[int, Any] = {}
        replies: dict[int, str] = {}

        def done(place: int, tokens: list[int]) -> None:
            replies[place] = prompter.reply(rows[place], tokens)
            tickets[place] = self.marker.submit(rows[place], replies[place], prompter.form)

        drawn = complete(self.model, [prompter.tokens(problem) for problem in rows], self.drawing, done)
        found: list[list[Rollout]] = [[] for _ in problems]
        marks = self.marker.collect([tickets[place] for place in range(len(rows))])
        if first:
            require_judged(marks)
        for place, (tokens, mark) in enumerate(zip(drawn, marks, strict=True)):
            ended = tokens[-1] in self.drawing.eos
            found[place // group].append(
                Rollout(rows[place].id, place % group, replies[place], mark.status, mark.value, tuple(tokens), ended)
            )
        return found

    def _key(self, problems: Sequence[Problem]) -> str:
        sampling = asdict(self.sampling)
        del sampling["at_once"]
        told = [self.name, fingerprint(problems), sampling, self.seed, self.prompter.variant.name]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def passing_tokens(rollouts: Sequence[Rollout], most: int) -> list[tuple[str, tuple[int, ...]]]:
    """Return up to `most` different completions of each problem that pass and came to an end, shortest ones first.

    Shortest, since among right answers the longer ones are mostly so by code that does nothing.
    """
    kept: list[tuple[str, tuple[int, ...]]] = []
    for name, each in by_problem(rollouts).items():
        right = {rollout.tokens for rollout in each if rollout.status == "passed" and rollout.ended}
        kept += [(name, tokens) for tokens in sorted(right, key=lambda tokens: (len(tokens), tokens))[:most]]
    return kept


def contrasts(rollouts: Sequence[Rollout], most: int) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Return up to `most` pairs of a passing and a failing completion of each problem that has both, all different."""
    pairs = []
    for name, each in by_problem(rollouts).items():
        ended = [rollout for rollout in each if rollout.ended and rollout.status != "infra"]
        right = list(dict.fromkeys(rollout.tokens for rollout in ended if rollout.status == "passed"))
        wrong = list(dict.fromkeys(rollout.tokens for rollout in ended if rollout.status != "passed"))
        count = min(most, max(len(right), len(wrong))) if right and wrong else 0
        pairs += [(name, right[at % len(right)], wrong[at % len(wrong)]) for at in range(count)]
    return pairs


def by_chance(rollouts: Sequence[Rollout], seed: int) -> list[Rollout]:
    """Return the rollouts with what became of those that ended dealt out anew among them: as many pass, at random.

    The control of `rft` and `dpo`, as the reward `random` is that of `rlcf`: same problems, same completions, same
    share that is kept, and nothing that the judge knows.
    """
    places = [at for at, rollout in enumerate(rollouts) if rollout.ended and rollout.status != "infra"]
    dealt = list(places)
    random.Random(seed).shuffle(dealt)  # noqa: S311
    found = list(rollouts)
    for at, other in zip(places, dealt, strict=True):
        found[at] = replace(rollouts[at], status=rollouts[other].status, value=rollouts[other].value)
    return found


def by_problem(rollouts: Sequence[Rollout]) -> dict[str, list[Rollout]]:
    """Return the completions of each problem."""
    found: dict[str, list[Rollout]] = {}
    for rollout in rollouts:
        found.setdefault(rollout.problem_id, []).append(rollout)
    return found


def _read(path: Path, key: str) -> dict[str, list[Rollout]]:
    """Return what is in a file, up to its first line that is not whole."""
    if not path.exists():
        return {}
    found: dict[str, list[Rollout]] = {}
    with path.open(encoding="utf-8", errors="surrogatepass") as lines:
        for number, line in enumerate(lines):
            try:
                record: Mapping[str, Any] = json.loads(line)
                if number == 0:
                    if record["key"] != key:
                        raise InputError(
                            f"{path} holds completions of another model, other problems or other sampling; name "
                            "another file with --rollouts"
                        )
                    continue
                rollout = Rollout(**{**record, "tokens": tuple(record["tokens"])})
            except (ValueError, KeyError, TypeError):
                if number == 0:
                    raise InputError(f"{path} holds no completions; name another file with --rollouts") from None
                break
            found.setdefault(rollout.problem_id, []).append(rollout)
    return found


@contextmanager
def _whole(path: Path, key: str, found: Mapping[str, Sequence[Rollout]]) -> Iterator[Any]:
    """Write what is whole of a file anew, and open it to be appended to."""
    draft = path.with_name(path.name + ".tmp")
    with draft.open("w", encoding="utf-8", errors="surrogatepass") as stream:
        stream.write(json.dumps({"key": key}) + "\n")
        stream.writelines(_line(rollout) for each in found.values() for rollout in each)
    draft.replace(path)
    with path.open("a", encoding="utf-8", errors="surrogatepass") as stream:
        yield stream


def _joined(path: Path, key: str, together: Together) -> dict[str, list[Rollout]]:
    parts = [path.with_name(f"{path.name}.{index}of{together.count}") for index in range(together.count)]
    found = {name: each for part in parts for name, each in _read(part, key).items()}
    with _whole(path, key, found):
        pass
    for part in parts:
        part.unlink()
    return found


def _line(rollout: Rollout) -> str:
    return json.dumps(asdict(rollout), ensure_ascii=False) + "\n"

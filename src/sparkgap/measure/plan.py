"""What is to be measured: benchmarks and variants by name, their problems, and the question that a run's key is of."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sparkgap import __version__, data, plugins
from sparkgap.benchmarks import Asked, Rated, Scored
from sparkgap.errors import InputError
from sparkgap.measure.options import MeasureOptions
from sparkgap.types import Feature, Problem, Reply, Request, Variant

SAMPLING_TEMPERATURE = 0.8  # of several samples where the variant is greedy: greedy ones would be all the same

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark in one variant: which problems are asked, how often each, and how."""

    benchmark: Asked
    variant: Variant
    problems: tuple[Problem, ...]
    samples: int
    decoding: Mapping[str, Any]  # laid over every request's own
    split: str
    limit: int | None
    recorded: Mapping[str, Any] | None = None  # of replies on disk: how they were asked for, {} if nobody knows

    @property
    def name(self) -> str:
        """What the run's folder is called."""
        return f"{self.benchmark.name}-{self.variant.name}"

    @property
    def total(self) -> int:
        """How many samples there will be."""
        return len(self.problems) * self.samples

    def request(self, problem: Problem, replies: tuple[Reply, ...], index: int) -> Request | None:
        """Return what to ask next for the sample of this index; its seed is the user's plus the index."""
        request = self.benchmark.ask(problem, self.variant, replies)
        if request is None:
            return None
        decoding = replace(request.decoding, **self.decoding)
        if decoding.seed is not None and index:
            decoding = replace(decoding, seed=decoding.seed + index)
        return replace(request, decoding=decoding)

    def question(self) -> Json:
        """Return what decides this part's result, the model and the judging aside.

        Replies on disk are not said to have been asked for in our words: what is known of that is told, or nothing.
        """
        known = (
            None if self.recorded is None else {"decoding": None, "prompts": "", "limit": self.limit, **self.recorded}
        )
        published = data.published()
        return {
            "benchmark": self.benchmark.name,
            "variant": self.variant.name,
            "split": self.split,
            "limit": self.limit if known is None else known["limit"],
            "samples": self.samples,
            "decoding": self._overrides() if known is None else known["decoding"],
            "data": {name: published[name].sha256 for name in self.benchmark.files if name in published},
            "prompts": self._prompts() if known is None else known["prompts"],
            "sparkgap": __version__,
            "python": platform.python_version(),
        }

    def _overrides(self) -> Json:
        return {name: list(value) if name == "stop" else value for name, value in self.decoding.items()}

    def _prompts(self) -> str:
        """Return the sha256 (hex) of what every problem's first request says, however the reply is drawn."""
        digest = hashlib.sha256()
        for problem in self.problems:
            request = self.request(problem, (), 0)
            said = request and (request.messages, request.text, request.choices)
            digest.update(f"{problem.id}\0{said!r}\0".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def parts(names: tuple[str, ...], features: frozenset[Feature], options: MeasureOptions) -> tuple[Part, ...]:
    """Return the parts that `names` ask for, each "benchmark" or "benchmark:variant".

    Raises:
        InputError: a name, variant, split or number makes no sense, or the model cannot be asked that way.
        PluginError: there is no benchmark of that name.
        DataError: a benchmark's published files are not here.
    """
    if not names:
        raise InputError("name a benchmark at least, e.g. -b humaneval")
    found = tuple(_part(name, features, options) for name in names)
    twice = {part.name for part in found if sum(other.name == part.name for other in found) > 1}
    if twice:
        raise InputError(f"{', '.join(sorted(twice))}: asked for twice")
    return found


def _part(name: str, features: frozenset[Feature], options: MeasureOptions) -> Part:
    plain, _, wanted = name.partition(":")
    benchmark = plugins.find("benchmarks", plain)
    if not isinstance(benchmark, Asked):
        raise InputError(f"{plain} cannot be put to a model; `sparkgap grade` takes samples of it")
    variant = _variant(benchmark, wanted, features)
    split = options.split or benchmark.split or "all"
    problems = tuple(_problems(benchmark, split))
    if options.limit is not None and options.limit < len(problems):
        problems = tuple(problems[at * len(problems) // options.limit] for at in range(options.limit))
    decoding, samples = _decoding(options), options.samples or variant.samples
    if samples > 1 and "temperature" not in decoding and variant.decoding.temperature == 0:
        decoding["temperature"] = SAMPLING_TEMPERATURE
    return Part(benchmark, variant, problems, samples, decoding, split, options.limit)


def _decoding(options: MeasureOptions) -> Json:
    """Return what the user wants otherwise than a request has it."""
    wanted = {name: getattr(options, name) for name in ("temperature", "top_p", "max_tokens", "seed")}
    wanted["stop"] = options.stop or None
    return {name: value for name, value in wanted.items() if value is not None}


def _variant(benchmark: Asked, wanted: str, features: frozenset[Feature]) -> Variant:
    for variant in benchmark.variants:
        if wanted == variant.name or (not wanted and variant.needs <= features):
            if missing := sorted(variant.needs - features):
                can = ", ".join(sorted(features))
                raise InputError(
                    f"{benchmark.name}:{wanted} needs a model that does {' and '.join(missing)}; this one does {can}"
                )
            return variant
    names = ", ".join(variant.name for variant in benchmark.variants)
    if wanted:
        raise InputError(f"{benchmark.name} has no variant {wanted!r}; it has {names}")
    raise InputError(f"this model does {', '.join(sorted(features))}, which no variant of {benchmark.name} can use")


def _problems(benchmark: Asked, split: str) -> Iterator[Problem]:
    every = list(benchmark.problems())
    there = tuple(dict.fromkeys(problem.split for problem in every))
    if split == "all":
        return iter(every)
    if split not in there:
        raise InputError(f"{benchmark.name} has no split {split!r}; it has {', '.join(there)}, and all")
    return (problem for problem in every if problem.split == split)


def unit_of(benchmark: Asked) -> str:
    """Return the unit of a benchmark's headline."""
    return benchmark.unit if isinstance(benchmark, Scored) else "share"


def needs_rater(chosen: tuple[Part, ...]) -> tuple[str, ...]:
    """Return the names of the parts whose replies another model rates."""
    return tuple(part.name for part in chosen if isinstance(part.benchmark, Rated))

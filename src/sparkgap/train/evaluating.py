"""Measures while training goes on: held-out problems through the judge, and benchmarks that must not suffer.

Each process takes a share of the problems; all learn of all results. Not covered: benchmarks that a second model rates,
and totals that are no mean over problems (BLEU); those are for `measure`, after training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sparkgap import plugins
from sparkgap.benchmarks import Asked, Programmed, Rated, Scored, Totalled
from sparkgap.errors import InputError
from sparkgap.stats import Interval, mean_interval, mean_pass_at_k, paired_difference
from sparkgap.train.marking import Marker
from sparkgap.train.prompting import Prompter, context_of, cut, prompt_tokens
from sparkgap.train.sampler import Drawing, complete
from sparkgap.types import Problem, Reply, Request, Variant

MOST_TURNS = 16  # of one conversation


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out completions and what became of them: `replies[i]` and `statuses[i]` are of `problems[i]`."""

    problems: tuple[Problem, ...]
    replies: tuple[tuple[str, ...], ...]
    statuses: tuple[tuple[str, ...], ...]

    def counts(self) -> list[tuple[int, int]]:
        """Return (passed, judged) of each problem that has a judged completion."""
        known = [[status for status in each if status != "infra"] for each in self.statuses]
        return [(each.count("passed"), len(each)) for each in known if each]

    def rate(self) -> Interval | None:
        """Return the share of completions that pass, over problems; None where none could be judged."""
        counts = self.counts()
        return mean_pass_at_k([(n, c) for c, n in counts], 1) if counts else None


class Share:
    """This process among those that measure together."""

    def __init__(self) -> None:
        """Find out which one it is."""
        import torch.distributed as dist

        together = dist.is_available() and dist.is_initialized()
        self.index, self.count = (dist.get_rank(), dist.get_world_size()) if together else (0, 1)

    def of(self, items: Sequence[Any]) -> list[Any]:
        """Return every n-th item, starting with ours."""
        return list(items[self.index :: self.count])

    def together(self, ours: list[Any], total: int) -> list[Any]:
        """Return what all processes found, in the order of the items that `of` dealt out."""
        if self.count == 1:
            return ours
        import torch.distributed as dist

        parts: list[Any] = [None] * self.count
        dist.all_gather_object(parts, ours)
        return [parts[place % self.count][place // self.count] for place in range(total)]


def held_out(
    model: Any, prompter: Prompter, problems: Sequence[Problem], marker: Marker, drawing: Drawing, samples: int
) -> HeldOut:
    """Return `samples` completions of each problem, and what the judge says of them."""
    share = Share()
    ours = share.of(problems)
    marker.prepare(ours)
    prompts = [prompter.tokens(problem) for problem in ours for _ in range(samples)]
    tickets: dict[int, Any] = {}
    replies: dict[int, str] = {}

    def done(place: int, tokens: list[int]) -> None:
        problem = ours[place // samples]
        replies[place] = prompter.reply(problem, tokens)
        tickets[place] = marker.submit(problem, replies[place], prompter.form)

    complete(model, prompts, drawing, done)
    marks = marker.collect([tickets[place] for place in range(len(prompts))])
    found = [
        [(replies[place], marks[place].status) for place in range(first, first + samples)]
        for first in range(0, len(prompts), samples)
    ]
    every = share.together(found, len(problems))
    return HeldOut(
        tuple(problems),
        tuple(tuple(reply for reply, _ in each) for each in every),
        tuple(tuple(status for _, status in each) for each in every),
    )


class Ability:
    """One benchmark that must not suffer: what the model scores on it, at the start and later."""

    def __init__(self, name: str, tokenizer: Any, marker: Marker, limit: int) -> None:
        """Find the benchmark, `name` or `name:variant`, and take `limit` of its problems, spread evenly.

        Raises:
            InputError: it cannot be measured while training.
        """
        plain, _, variant = name.partition(":")
        benchmark = plugins.find("benchmarks", plain)
        if not isinstance(benchmark, Asked) or isinstance(benchmark, (Rated, Totalled)):
            raise InputError(f"{plain} cannot be watched while training; measure it before and after instead")
        self.name, self._benchmark, self._tokenizer = name, benchmark, tokenizer
        every = [each for each in benchmark.problems() if not benchmark.split or each.split == benchmark.split]
        step = max(1, len(every) // limit) if limit else 1
        self.problems = every[::step][:limit]
        self._variant = _variant(benchmark, variant, tokenizer)
        self.scale = {"share": 1.0, "rating": 9.0, "score": 100.0}[getattr(benchmark, "unit", "share")]
        self._marker = marker
        self.start: list[float | None] | None = None

    def measure(self, model: Any, drawing: Drawing) -> list[float | None]:
        """Return the value of each problem, None where it could not be scored; the first call is the start."""
        share = Share()
        ours = share.of(self.problems)
        replies: list[tuple[Reply, ...]] = [() for _ in ours]
        for _ in range(MOST_TURNS):
            asked = [
                self._benchmark.ask(problem, self._variant, told) for problem, told in zip(ours, replies, strict=True)
            ]
            open_ = [
                (place, request)
                for place, request in enumerate(asked)
                if request is not None and not any(reply.error for reply in replies[place])
            ]
            if not open_:
                break
            answers = answered(model, self._tokenizer, [request for _, request in open_], drawing)
            for (place, _), reply in zip(open_, answers, strict=True):
                replies[place] = (*replies[place], reply)
        values = share.together(self._values(ours, replies), len(self.problems))
        if self.start is None:
            self.start = values
        return values

    def change(self, values: Sequence[float | None]) -> Interval:
        """Return the mean difference to the start, with its paired 95 % interval."""
        assert self.start is not None
        pairs = [(new, old) for new, old in zip(values, self.start, strict=True) if new is not None and old is not None]
        return paired_difference([new - old for new, old in pairs] or [0.0], scale=self.scale)

    def _values(self, problems: list[Problem], replies: list[tuple[Reply, ...]]) -> list[float | None]:
        """Return the value of each problem, None where there is no reply."""
        places = [place for place, told in enumerate(replies) if told and not any(reply.error for reply in told)]
        values: list[float | None] = [None] * len(problems)
        found = self._scored([problems[place] for place in places], [replies[place] for place in places])
        for place, value in zip(places, found, strict=True):
            values[place] = value
        return values

    def _scored(self, problems: list[Problem], replies: list[tuple[Reply, ...]]) -> list[float | None]:
        benchmark, variant = self._benchmark, self._variant
        if isinstance(benchmark, Scored):
            scored = (benchmark.score(each, variant, told, ()) for each, told in zip(problems, replies, strict=True))
            return [outcome.value for outcome in scored]
        texts = [told[-1].text for told in replies]
        if isinstance(benchmark, Programmed):
            texts = [benchmark.program(each, variant, text)[0] for each, text in zip(problems, texts, strict=True)]
        form = "solution" if isinstance(benchmark, Programmed) else variant.form
        marks = self._marker.marks(zip(problems, texts, strict=True), form)
        return [None if mark.passed is None else float(mark.passed) for mark in marks]


def answered(model: Any, tokenizer: Any, requests: Sequence[Request], drawing: Drawing) -> list[Reply]:
    """Return a greedy reply to each request, or the log-probabilities of its choices; errors where none is possible."""
    replies: list[Reply] = [Reply(error="the prompt leaves no room in the model's context") for _ in requests]
    prompts = [prompt_tokens(tokenizer, request) for request in requests]
    context = context_of(model)
    left = [context - len(prompt) for prompt in prompts]
    rooms = [min(request.decoding.max_tokens, room) for request, room in zip(requests, left, strict=True)]
    written = [place for place, request in enumerate(requests) if rooms[place] > 0 and not request.choices]
    if written:
        longest = min(max(rooms[place] for place in written), *(left[place] for place in written))
        greedy = replace(drawing, temperature=0.0, max_tokens=longest)
        found = complete(model, [prompts[place] for place in written], greedy)
        for place, tokens in zip(written, found, strict=True):
            replies[place] = _written(tokenizer, requests[place], tokens[: rooms[place]], drawing)
    for place, request in enumerate(requests):
        if request.choices and rooms[place] > 0:
            replies[place] = _chosen(model, tokenizer, request, prompts[place])
    return replies


def _written(tokenizer: Any, request: Request, tokens: Sequence[int], drawing: Drawing) -> Reply:
    text = cut(str(tokenizer.decode(tokens, skip_special_tokens=True)), request.decoding.stop)
    ended = bool(tokens) and tokens[-1] in drawing.eos
    return Reply(text, "stop" if ended else "length", completion_tokens=len(tokens))


def _chosen(model: Any, tokenizer: Any, request: Request, prompt: Sequence[int]) -> Reply:
    """Return the log-probability of each choice after the prompt, summed over its tokens."""
    import torch

    device = model.get_input_embeddings().weight.device
    logps = []
    for choice in request.choices:
        tokens = tokenizer(choice, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([[*prompt, *tokens]], device=device)
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
        logps.append(logits.float().log_softmax(-1).gather(1, ids[0, len(prompt) :, None]).sum().item())
    return Reply(logprobs=tuple(logps))


def _variant(benchmark: Asked, name: str, tokenizer: Any) -> Variant:
    features = {"completion", "logprobs"} | ({"chat"} if getattr(tokenizer, "chat_template", None) else set())
    for variant in benchmark.variants:
        if variant.needs <= features and name in ("", variant.name):
            return variant
    known = ", ".join(variant.name for variant in benchmark.variants)
    raise InputError(f"{benchmark.name} cannot be put to this model as {name or 'any variant'} (variants: {known})")


def mean(values: Sequence[float | None]) -> Interval | None:
    """Return the mean of the values that are there."""
    known = [value for value in values if value is not None]
    return mean_interval(known) if known else None


def plain_marker(judge: Any, judging: Any) -> Marker:
    """Return a marker that asks only whether a program passes."""
    return Marker(judge, "tests", judging)

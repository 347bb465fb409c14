"""Models: one file for each provider, with one public name, `PROVIDER`; named `provider/model` as the field does.

A model turns one request into replies, or raises one of three faults; waiting, retrying and counting are `asking`'s.
A provider that works in batches (hf, vllm) gathers concurrent calls of `generate` into its own batches. Keys come from
the environment alone, and are in no name, identity or message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from sparkgap.errors import SparkgapError
from sparkgap.types import Feature, Problem, Reply, Request, SampleForm


class ModelError(SparkgapError):
    """A model cannot be used at all: no key, no such model, a package that is not installed. Ends the run."""


class Transient(Exception):
    """A request failed and may work in a while: 429, 5xx, a cut connection, a timeout, a malformed reply.

    `after_s` is what the server asked for (Retry-After), if it did; `crowded` says that there were too many requests.
    """

    def __init__(self, message: str, *, after_s: float | None = None, crowded: bool = False) -> None:
        """Keep what the server said."""
        super().__init__(message)
        self.after_s, self.crowded = after_s, crowded


class Refused(Exception):
    """This one request will never work (400, too long, filtered); others may."""


@runtime_checkable
class Model(Protocol):
    """One model, ready to be asked. Made on the thread whose event loop asks it."""

    name: str  # "openai/gpt-4o-mini", as the user typed it
    features: frozenset[Feature]
    concurrency: int  # requests in flight that suit it, where the user does not say

    async def generate(self, request: Request, n: int = 1) -> tuple[Reply, ...]:
        """Return n replies to one request (one with `logprobs`, where it has `choices`).

        Raises:
            Transient, Refused, ModelError: see there. Anything else is a bug.
        """
        ...

    def identity(self) -> Mapping[str, Any]:
        """Return what decides its replies besides the request, as JSON: model, revision, address, precision; no key."""
        ...

    async def close(self) -> None:
        """Let go of connections and memory."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """One sample as it lies on disk: a reply for each turn, and how the last one relates to the prompt."""

    replies: tuple[Reply, ...]
    form: SampleForm


@runtime_checkable
class Recording(Model, Protocol):
    """A model whose answers are on disk already: nothing is asked, and nobody is paid."""

    def recorded(self, benchmark: str, problem: Problem) -> tuple[Recorded, ...]:
        """Return the samples of one problem of a benchmark in the order of their index; () where there are none."""
        ...

    def asked(self, benchmark: str) -> Mapping[str, Any]:
        """Return how the answers were asked for, as the manifest of a run of ours has it; {} where nobody knows."""
        ...


@runtime_checkable
class Provider(Protocol):
    """What `PROVIDER` in each file is."""

    name: str  # the part before the slash
    title: str  # one line for a person

    def open(self, model: str, options: Mapping[str, str]) -> Model:
        """Return the model called `model` (the part behind the first slash).

        `options` come from the command line: `--base-url`, and `--model-arg NAME=VALUE`, as strings.

        Raises:
            ModelError: it cannot be had here, and how to mend that; an option that this provider does not know.
        """
        ...

"""What asking cost: requests, tokens, seconds and money, for a sample, a benchmark and each problem solved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sparkgap.prices import Prices
from sparkgap.types import Reply

Json = dict[str, Any]


@dataclass(slots=True)
class Usage:
    """A running sum over replies of one model. `cost` is None once a price or a count of tokens is missing."""

    model: str
    prices: Prices | None = None
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    cost: float | None = field(init=False)

    def __post_init__(self) -> None:
        """Start at no cost where the model has a price."""
        self.cost = 0.0 if self.prices is not None and self.prices.known(self.model) else None

    def add(self, replies: Iterable[Reply]) -> None:
        """Count the replies of one sample."""
        had = [reply for reply in replies if not reply.error]
        self.requests += len(had)
        self.prompt_tokens += sum(reply.prompt_tokens or 0 for reply in had)
        self.completion_tokens += sum(reply.completion_tokens or 0 for reply in had)
        self.seconds += sum(round(reply.seconds or 0.0, 4) for reply in had)  # as samples.jsonl has them
        if self.cost is not None:
            cost = self.cost_of(had)
            self.cost = None if cost is None else self.cost + cost

    def cost_of(self, replies: Iterable[Reply]) -> float | None:
        """Return what the replies of one sample cost in USD; None without a price, or where tokens were not counted."""
        if self.prices is None:
            return None
        costs = [
            self.prices.cost(self.model, reply.prompt_tokens, reply.completion_tokens)
            for reply in replies
            if not reply.error
        ]
        return None if None in costs else sum(cost or 0.0 for cost in costs)

    def merge(self, other: Usage) -> None:
        """Add what another sum over the same model counted."""
        self.requests += other.requests
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.seconds += other.seconds
        self.cost = None if self.cost is None or other.cost is None else self.cost + other.cost

    def as_json(self, solved: int | None = None) -> Json:
        """Return it for a summary; `solved` problems share the cost."""
        told: Json = {
            "model": self.model,
            "requests": self.requests,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "seconds": round(self.seconds, 3),
        }
        if self.cost is not None:
            told["cost"] = round(self.cost, 6)
        if solved:
            told["completion_tokens_per_solved"] = round(self.completion_tokens / solved, 1)
            told["seconds_per_solved"] = round(self.seconds / solved, 3)
            if self.cost is not None:
                told["cost_per_solved"] = round(self.cost / solved, 6)
        return told


def reply_json(reply: Reply) -> Json:
    """Return a reply as a line of samples.jsonl holds it: what is empty is left out."""
    told: Json = {"text": reply.text}
    for name in ("finish_reason", "prompt_tokens", "completion_tokens", "error"):
        if value := getattr(reply, name):
            told[name] = value
    if reply.seconds is not None:
        told["seconds"] = round(reply.seconds, 4)
    if reply.logprobs:
        told["logprobs"] = list(reply.logprobs)
    return told


def reply_from(told: Mapping[str, Any]) -> Reply:
    """Return the reply that `reply_json` wrote."""
    return Reply(
        text=told.get("text", ""),
        finish_reason=told.get("finish_reason", ""),
        prompt_tokens=told.get("prompt_tokens"),
        completion_tokens=told.get("completion_tokens"),
        seconds=told.get("seconds"),
        logprobs=tuple(told.get("logprobs", ())),
        error=told.get("error", ""),
    )

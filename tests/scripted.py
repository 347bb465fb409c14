"""A model whose replies a function writes, installed as the provider `scripted` for the length of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from sparkgap import plugins
from sparkgap.types import Feature, Reply, Request

Answer = Callable[[Request, int], str | Reply]
EVERYTHING: frozenset[Feature] = frozenset({"chat", "completion", "logprobs"})


@dataclass
class Scripted:
    """One scripted model: `answer(request, i)` is reply i to a request, or an exception that it raises."""

    answer: Answer
    features: frozenset[Feature] = EVERYTHING
    name: str = "scripted/model"
    concurrency: int = 16
    delay_s: float = 0.0
    asked: list[Request] = field(default_factory=list)
    closed: bool = False

    async def generate(self, request: Request, n: int = 1) -> tuple[Reply, ...]:
        self.asked.append(request)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        return tuple(self._reply(request, index) for index in range(n))

    def _reply(self, request: Request, index: int) -> Reply:
        told = self.answer(request, index)
        if isinstance(told, Reply):
            return told
        prompt = sum(len(message.content) for message in request.messages) + len(request.text)
        return Reply(told, "stop", prompt_tokens=prompt // 4 + 1, completion_tokens=len(told) // 4 + 1)

    def identity(self) -> Mapping[str, Any]:
        return {"model": self.name}

    async def close(self) -> None:
        self.closed = True


@dataclass
class Provider:
    """Gives the models by name."""

    models: Mapping[str, Scripted]
    name: str = "scripted"
    title: str = "replies written by a test"

    def open(self, model: str, options: Mapping[str, str]) -> Scripted:
        return self.models[model]


def install(monkeypatch: pytest.MonkeyPatch, **models: Scripted) -> None:
    """Let `scripted/NAME` name these models."""
    for name, model in models.items():
        model.name = f"scripted/{name}"
    provider, find = Provider(models), plugins.find

    def found(kind: Any, name: str) -> Any:
        return provider if (kind, name) == ("models", "scripted") else find(kind, name)

    monkeypatch.setattr(plugins, "find", found)


def canonical(benchmark: str) -> Answer:
    """Return the answer of a model that knows every reference, told from the text of the prompt."""
    problems = list(plugins.find("benchmarks", benchmark).problems())

    def answer(request: Request, index: int) -> str:
        text = request.text or request.messages[-1].content
        best = max((p for p in problems if p.prompt.strip() in text), key=lambda p: len(p.prompt), default=None)
        if best is None:
            return "I do not know."
        if request.text and best.continues:
            return best.reference.removeprefix(best.prompt)
        return best.reference if request.text else f"```python\n{best.reference}\n```"

    return answer

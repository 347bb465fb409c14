"""How problems are put to the model in training: in the same words, and with the same stops, as `measure` uses.

A tokenizer with a chat template gets the benchmark's chat variant, another one its completion variant; the user may
name a variant. What a completion is worth is decided on the text before the first stop, as in `measure`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sparkgap import plugins
from sparkgap.benchmarks import Asked
from sparkgap.benchmarks._languages import NAMES
from sparkgap.benchmarks._languages import ask as ask_in_language
from sparkgap.benchmarks._prompts import (
    CHAT,
    COMPLETION,
    DOCSTRING_STOPS,
    ask_for_function,
    ask_for_program,
    turn,
)
from sparkgap.errors import InputError, PluginError
from sparkgap.types import Feature, Message, Problem, Request, SampleForm, StdioTests, Variant


class Prompter:
    """Puts the problems of one benchmark to one tokenizer, each prompt tokenized once."""

    def __init__(self, tokenizer: Any, benchmark: str, variant: str = "") -> None:
        """Choose the variant: the one named, else the first that the tokenizer has a template for.

        Raises:
            InputError: there is no such variant, or none that suits.
        """
        self.tokenizer = tokenizer
        self._benchmark = _asked(benchmark)
        chats = bool(getattr(tokenizer, "chat_template", None))
        self.variant = _variant(benchmark, self._benchmark, variant, chats)
        self.form: SampleForm = self.variant.form
        self._tokens: dict[str, list[int]] = {}
        self._stops: dict[str, tuple[str, ...]] = {}

    def request(self, problem: Problem) -> Request:
        """Return what is asked about a problem."""
        if self._benchmark is None:
            return _plainly(problem, self.variant)
        asked = self._benchmark.ask(problem, self.variant, ())
        assert asked is not None, f"{problem.benchmark} asks nothing about {problem.id}"
        return asked

    def tokens(self, problem: Problem) -> list[int]:
        """Return the prompt as tokens, as the model reads it before its first own token."""
        if problem.id not in self._tokens:
            request = self.request(problem)
            self._stops[problem.id] = request.decoding.stop
            self._tokens[problem.id] = prompt_tokens(self.tokenizer, request)
        return self._tokens[problem.id]

    def require_room(self, problems: Iterable[Problem], max_tokens: int, model: Any) -> None:
        """Look whether every prompt leaves room for a completion in the model's context.

        Raises:
            InputError: one does not.
        """
        context = context_of(model)
        for problem in problems:
            if (length := len(self.tokens(problem))) + max_tokens > context:
                raise InputError(
                    f"{problem.id} has {length} tokens, which with {max_tokens} of a completion are more than the "
                    f"model's context of {context}; lower --max-tokens, name another --variant, or leave it out"
                )

    def text(self, problem: Problem) -> str:
        """Return the prompt as text, special tokens included."""
        return str(self.tokenizer.decode(self.tokens(problem)))

    def reply(self, problem: Problem, completion: Sequence[int]) -> str:
        """Return the text of a completion: without special tokens, and up to the first stop of the problem's."""
        self.tokens(problem)
        return cut(str(self.tokenizer.decode(completion, skip_special_tokens=True)), self._stops[problem.id])


def context_of(model: Any) -> int:
    """Return how many tokens the model can read, as far as its settings say."""
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30)


def cut(text: str, stop: Sequence[str]) -> str:
    """Return `text` before the first of the `stop` strings in it."""
    ends = [at for word in stop if (at := text.find(word)) >= 0]
    return text[: min(ends)] if ends else text


def prompt_tokens(tokenizer: Any, request: Request) -> list[int]:
    """Return a request as tokens: a chat through the template, with the opening of the reply; a text as it is."""
    if request.text:
        return list(tokenizer(request.text)["input_ids"])
    return chat_tokens(tokenizer, request.messages)


def chat_tokens(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Return the turns of a chat as tokens, with the opening of the next reply."""
    turns = [{"role": message.role, "content": message.content} for message in messages]
    return list(tokenizer(template(tokenizer, turns, opening=True), add_special_tokens=False)["input_ids"])


def template(tokenizer: Any, turns: list[dict[str, str]], opening: bool) -> str:
    """Return the turns of a chat as the tokenizer's template writes them."""
    if not getattr(tokenizer, "chat_template", None):
        raise InputError("the model's tokenizer has no chat template; train it on prompt and completion, or on text")
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opening))


def _plainly(problem: Problem, variant: Variant) -> Request:
    """Return the request for a problem of a file, which has no words of its own."""
    if problem.continues:
        return (ask_for_function if problem.language == "python" else ask_in_language)(problem, variant)
    called = problem.language == "python" and not isinstance(problem.tests, StdioTests)
    if variant.form == "completion":
        stops = DOCSTRING_STOPS if called else ()
        return Request(text=problem.prompt, decoding=replace(variant.decoding, stop=stops))
    if called:
        return ask_for_program(problem, variant)
    name = {"python": "Python", "c": "C", **NAMES}.get(problem.language, problem.language)
    way = " It reads standard input and writes to standard output." if isinstance(problem.tests, StdioTests) else ""
    return turn(
        f"Write a {name} program that solves this task.{way} Answer with the whole program in one fenced code block."
        f"\n\n{problem.prompt.strip()}",
        variant.decoding,
    )


def _asked(benchmark: str) -> Asked | None:
    try:
        found = plugins.find("benchmarks", benchmark)
    except PluginError:
        return None
    return found if isinstance(found, Asked) else None


def _variant(benchmark: str, asked: Asked | None, name: str, chats: bool) -> Variant:
    variants = asked.variants if asked is not None else (CHAT, COMPLETION)
    features: frozenset[Feature] = frozenset({"chat", "completion"} if chats else {"completion"})
    fitting = [variant for variant in variants if variant.needs <= features]
    if name:
        fitting = [variant for variant in fitting if variant.name == name]
    if not fitting:
        known = ", ".join(variant.name for variant in variants)
        why = "" if chats else "; the tokenizer has no chat template"
        raise InputError(f"{benchmark} cannot be put to this model as {name or 'any variant'} (variants: {known}){why}")
    return fitting[0]

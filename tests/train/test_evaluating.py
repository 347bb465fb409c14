"""Measures while training: benchmarks of every kind, and the rule that stops a run which harms them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sparkgap import plugins
from sparkgap.benchmarks._prompts import COMPLETION
from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.train.evaluating import Ability, answered, mean
from sparkgap.train.guards import Watch
from sparkgap.train.marking import Marker
from sparkgap.train.options import Guards
from sparkgap.train.prompting import Prompter, cut, prompt_tokens
from sparkgap.train.sampler import Drawing
from sparkgap.types import Decoding, Message, Outcome, Problem, Reply, Request, Variant
from tiny_models import make, tokenizer

DRAWING = Drawing(eos=(1,), pad=0, max_tokens=8)


class Asking:
    """A benchmark that scores itself: two turns, and the length of the answers decides."""

    name = "asking"
    title = "Asking"
    files: tuple[str, ...] = ()
    ability = "knowledge"
    split = "test"
    metrics = ("accuracy",)
    unit = "share"
    variants = (Variant("completion", "completed", frozenset({"completion"})),)
    right = 3

    def problems(self) -> list[Problem]:
        return [Problem(f"a/{at}", "asking", f"add {at}", "", None) for at in range(10)]

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        return Request(text=problem.prompt, decoding=Decoding(max_tokens=4)) if len(replies) < 2 else None

    def score(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...], ratings: Any) -> Outcome:
        assert len(replies) == 2
        return Outcome(float(int(problem.id[2:]) < self.right), "passed")


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Asking:
    benchmark = Asking()
    monkeypatch.setattr(plugins, "find", lambda kind, name: benchmark)
    return benchmark


def test_a_benchmark_that_scores_itself_is_asked_turn_by_turn(asking: Asking, torch: Any) -> None:
    ability = Ability("asking", tokenizer(), None, 10)  # type: ignore[arg-type]
    values = ability.measure(make("llama"), DRAWING)
    assert mean(values).value == 0.3  # type: ignore[union-attr]
    assert ability.start == values
    assert Ability("asking", tokenizer(), None, 5).problems == asking.problems()[::2]  # type: ignore[arg-type]


@pytest.mark.parametrize(("right", "stops"), [(8, False), (7, False), (0, True)])
def test_a_run_stops_once_an_ability_falls_for_certain(asking: Asking, torch: Any, right: int, stops: bool) -> None:
    asking.right = 8
    ability = Ability("asking", tokenizer(), None, 10)  # type: ignore[arg-type]
    watch = Watch(Guards(ability_drop=0.03), SimpleNamespace(), lambda _: None, DRAWING, abilities=[ability])  # type: ignore[arg-type]
    model = make("llama")
    figures, _ = watch.measure(model, 0)
    assert figures == {"ability/asking": 0.8}
    asking.right = right
    figures, _ = watch.measure(model, 10)
    assert figures == {"ability/asking": right / 10}
    assert bool(watch.stopped) == stops
    if stops:
        assert watch.stopped.startswith("asking fell by more than allowed: -80.0%")


def test_code_is_judged_and_katas_can_be_watched(judge: Judge, torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hello = plugins.find("benchmarks", "hello")
    marker = Marker(judge, "tests")
    ability = Ability("hello", tokenizer(), marker, 4)
    by_prompt = {}
    for problem in ability.problems:
        request = hello.ask(problem, ability._variant, ())
        text = problem.reference
        if ability._variant.form == "completion" and problem.continues:
            text = text.removeprefix(problem.prompt)
        by_prompt[request.text] = text
    monkeypatch.setattr(
        "sparkgap.train.evaluating.answered",
        lambda model, words, requests, drawing: [Reply(by_prompt[request.text]) for request in requests],
    )
    assert ability.measure(None, DRAWING) == [1.0] * len(ability.problems)
    marker.close()


def test_choices_are_weighed_by_their_log_probabilities(torch: Any) -> None:
    model, words = make("qwen2"), tokenizer()
    request = Request(text="def f(x):\n", choices=(" return x", " return 1"))
    (reply,) = answered(model, words, [request], DRAWING)
    for choice, found in zip(request.choices, reply.logprobs, strict=True):
        prompt, tokens = words(request.text)["input_ids"], words(choice)["input_ids"]
        logits = model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        expected = logits.gather(1, torch.tensor(tokens)[:, None]).sum().item()
        assert found == pytest.approx(expected, abs=1e-4)


def test_a_prompt_that_fills_the_context_is_left_unscored(torch: Any) -> None:
    model, words = make("gpt2"), tokenizer()  # 128 positions
    short = Request(text="def f(x):", decoding=Decoding(max_tokens=500))
    long = Request(text="@" * 130, decoding=Decoding(max_tokens=2))
    choice = Request(text="@" * 130, choices=(" return x",))
    written, none, neither = answered(model, words, [short, long, choice], DRAWING)
    assert written.completion_tokens == 128 - len(words(short.text)["input_ids"]) or written.finish_reason == "stop"
    assert "no room" in none.error
    assert "no room" in neither.error


def test_rated_benchmarks_are_refused(torch: Any) -> None:
    with pytest.raises(InputError, match="mt_bench cannot be watched while training"):
        Ability("mt_bench", tokenizer(), None, 5)  # type: ignore[arg-type]


def test_a_problem_of_no_benchmark_is_put_as_it_is(torch: Any) -> None:
    problem = Problem("x", "nowhere", "def f(x):\n", "", None, continues=True)
    prompter = Prompter(tokenizer(), "nowhere")
    assert prompter.variant == COMPLETION
    assert prompter.text(problem) == "def f(x):\n"
    assert prompter.reply(problem, [*tokenizer()("    return x\ndef g(): pass")["input_ids"], 1]) == "    return x"
    with pytest.raises(InputError, match="cannot be put to this model as chat"):
        Prompter(tokenizer(), "nowhere", "chat")


def test_a_chat_is_put_through_the_template(torch: Any) -> None:
    from copy import deepcopy

    words = deepcopy(tokenizer())
    turns, opening = (
        "{% for m in messages %}<{{ m.content }}>{% endfor %}",
        "{% if add_generation_prompt %}A:{% endif %}",
    )
    words.chat_template = turns + opening
    request = Request(messages=(Message("user", "hi"),))
    assert words.decode(prompt_tokens(words, request)) == "<hi>A:"
    problem = Problem("x", "nowhere", "def f(x):\n", "", None, continues=True)
    prompter = Prompter(words, "nowhere")
    assert (prompter.variant.name, prompter.form) == ("chat", "response")
    assert "def f(x):" in prompter.text(problem)


@pytest.mark.parametrize(
    ("text", "stop", "kept"), [("a\nb\nc", ("\nc", "\nb"), "a"), ("abc", (), "abc"), ("x", ("x",), "")]
)
def test_a_reply_ends_before_the_first_stop(text: str, stop: tuple[str, ...], kept: str) -> None:
    assert cut(text, stop) == kept

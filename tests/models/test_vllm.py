"""The translation to and from vLLM, with a stand-in that has the shapes of its interface and runs a tiny model."""

from __future__ import annotations

import asyncio
import json
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers

import causal_models
from sparkgap import plugins
from sparkgap.models import Model, ModelError, Provider, Refused
from sparkgap.models.hf import HFModel
from sparkgap.models.vllm import VllmModel
from sparkgap.types import Decoding, Message, Reply, Request

torch.set_num_threads(1)


@dataclass
class SamplingParams:
    """Those arguments of the true one that are used; like it, it refuses several greedy replies."""

    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: list[str] | None = None
    max_tokens: int | None = 16
    prompt_logprobs: int | None = None

    def __post_init__(self) -> None:
        if self.temperature < 1e-5 and self.n > 1:
            raise ValueError("n must be 1 when using greedy sampling")


@dataclass
class LLM:
    """Runs a model of transformers in the true one's place."""

    model: str
    dtype: str = "auto"
    revision: str | None = None
    enable_lora: bool = False
    max_model_len: int = 100
    asked: list[tuple[Any, Any]] = field(default_factory=list)
    lora: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._net = transformers.AutoModelForCausalLM.from_pretrained(self.model).eval()
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(self.model)
        config = types.SimpleNamespace(max_model_len=self.max_model_len, dtype=torch.bfloat16)
        self.llm_engine = types.SimpleNamespace(model_config=config)
        LLM.last = self

    def get_tokenizer(self) -> Any:
        return self._tokenizer

    def generate(
        self, prompts: Sequence[Any], sampling_params: Sequence[Any], *, use_tqdm: bool = True, lora_request: Any = None
    ) -> list[Any]:
        assert use_tqdm is False
        self.asked += list(zip(prompts, sampling_params, strict=True))
        self.lora.append(lora_request)
        return [self._one(prompt["prompt_token_ids"], params) for prompt, params in self.asked[-len(prompts) :]]

    def _one(self, tokens: list[int], params: SamplingParams) -> Any:
        given = torch.tensor([tokens])
        with torch.inference_mode():
            told = self._net.generate(given, max_new_tokens=params.max_tokens, do_sample=False, pad_token_id=0)
            values = torch.log_softmax(self._net(given).logits[0], -1)
        new = told[0][len(tokens) :].tolist()
        text = self._tokenizer.decode(new)
        for stop in params.stop or ():
            text = text.split(stop)[0]
        reason = "length" if len(new) == params.max_tokens else "stop"
        out = types.SimpleNamespace(text=text, token_ids=tuple(new), finish_reason=reason, stop_reason=None)
        logprobs: list[Any] = [None]  # the first token has none
        for i in range(1, len(tokens)):
            logprobs.append({tokens[i]: types.SimpleNamespace(logprob=float(values[i - 1, tokens[i]]), rank=1)})
        wanted = logprobs if params.prompt_logprobs is not None else None
        return types.SimpleNamespace(outputs=[out] * params.n, prompt_token_ids=tokens, prompt_logprobs=wanted)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return causal_models.save(tmp_path_factory.mktemp("models") / "qwen2", "qwen2")


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    vllm, lora = types.ModuleType("vllm"), types.ModuleType("vllm.lora.request")
    vllm.LLM, vllm.SamplingParams, vllm.__version__ = LLM, SamplingParams, "0.0"  # type: ignore[attr-defined]
    lora.LoRARequest = lambda *given: given  # type: ignore[attr-defined]
    for name, module in {"vllm": vllm, "vllm.lora": types.ModuleType("vllm.lora"), "vllm.lora.request": lora}.items():
        monkeypatch.setitem(sys.modules, name, module)


def generate(model: Model, *requests: Request, n: int = 1) -> list[tuple[Reply, ...]]:
    async def run() -> list[tuple[Reply, ...]]:
        found = await asyncio.gather(*(model.generate(request, n) for request in requests))
        await model.close()
        return found

    return asyncio.run(run())


def test_it_keeps_the_contracts(folder: Path) -> None:
    provider = plugins.find("models", "vllm")
    assert isinstance(provider, Provider)
    model = provider.open(str(folder), {"batch_size": "8", "engine.max_model_len": "64"})
    assert isinstance(model, Model)
    assert (model.features, model.concurrency) == ({"chat", "completion", "logprobs"}, 16)
    assert LLM.last.max_model_len == 64
    identity = model.identity()
    json.dumps(identity)
    assert identity["arguments"] == {"max_model_len": 64}
    assert (identity["engine"], identity["dtype"], len(identity["sha256"])) == ("0.0", "bfloat16", 64)


def test_requests_made_at_once_go_to_the_engine_at_once(folder: Path) -> None:
    decoding = Decoding(max_tokens=12)
    requests = [Request(text=text, decoding=decoding) for text in ("for i in", "x", "def add(a, b):\n")]
    requests.append(Request(messages=(Message("user", "hi"),), decoding=decoding))
    replies = generate(VllmModel(str(folder), {}), *requests)
    assert len(LLM.last.lora) == 1
    assert replies == generate(HFModel(str(folder), {"device": "cpu"}), *requests)


def test_choices_are_scored_as_hf_scores_them(folder: Path) -> None:
    requests = [
        Request(text="Answer:", choices=(" A", " the lazy dog", "er")),
        Request(messages=(Message("user", "which?"),), choices=("A", "B")),
    ]
    ours = generate(VllmModel(str(folder), {}), *requests)
    theirs = generate(HFModel(str(folder), {"device": "cpu"}), *requests)
    for (one,), (other,) in zip(ours, theirs, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=2e-4)


def test_how_a_reply_is_drawn_is_told_to_the_engine(folder: Path) -> None:
    decoding = Decoding(temperature=0.7, top_p=0.9, max_tokens=5, stop=("a", "b"), seed=3)
    model = VllmModel(str(folder), {})
    assert len(generate(model, Request(text="x", decoding=decoding), Request(text="y", decoding=decoding), n=4)[0]) == 4
    (_, one), (_, other) = LLM.last.asked
    assert one.seed != other.seed
    assert (one.n, one.temperature, one.top_p, one.max_tokens, one.stop) == (4, 0.7, 0.9, 5, ["a", "b"])
    generate(VllmModel(str(folder), {}), Request(text="x", decoding=decoding), n=4)
    assert LLM.last.asked[0][1] == one


def test_several_greedy_replies_are_drawn_once(folder: Path) -> None:
    ((one, other),) = generate(VllmModel(str(folder), {}), Request(text="x", decoding=Decoding(max_tokens=5)), n=2)
    assert one == other
    assert LLM.last.asked[0][1].n == 1


def test_a_prompt_that_does_not_fit_is_refused_and_a_reply_is_cut_to_the_room(folder: Path) -> None:
    with pytest.raises(Refused, match="context is 100"):
        generate(VllmModel(str(folder), {}), Request(text="x" * 300))
    ((reply,),) = generate(VllmModel(str(folder), {}), Request(text="x" * 96))
    assert (reply.completion_tokens, reply.finish_reason) == (4, "length")


def test_an_adapter_is_given_with_every_request(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    model = VllmModel(str(folder), {"adapter": str(tmp_path)})
    generate(model, Request(text="x", decoding=Decoding(max_tokens=2)))
    assert LLM.last.enable_lora
    assert LLM.last.lora == [("adapter", 1, str(tmp_path))]


def test_mistakes_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"vLLM cannot load it \(TypeError: .*no_such"):
        VllmModel(str(folder), {"engine.no_such": "1"})
    with pytest.raises(ModelError, match="dtype='int4' must be one of"):
        VllmModel(str(folder), {"dtype": "int4"})
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ModelError, match=r"pip install 'sparkgap\[vllm\]'"):
        VllmModel(str(folder), {})

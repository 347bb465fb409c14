"""Causal language models run by vLLM in this process (its offline `LLM`), for machines with a GPU.

    vllm/Qwen/Qwen2.5-Coder-7B-Instruct     a name on the hub, or a folder

Options:
    revision     branch, tag or commit on the hub
    adapter      a folder with a LoRA adapter
    dtype        `auto` (the default), `float32`, `bfloat16`, `float16`
    batch_size   most requests handed over at once, by default 256; vLLM makes its own batches of them
    chat         `auto` (the default: if the tokenizer has a chat template) or `off`
    engine.NAME  anything else for `vllm.LLM`, as JSON: engine.tensor_parallel_size=2, engine.max_model_len=8192

**This file has never been run on a GPU.** It was written against vLLM's published interface, 0.10 to 0.32, and its
tests put a stand-in of the same shapes in vLLM's place. To ask a vLLM server (`openai/` with --base-url) is the better
way for more than one run anyhow. Choices are scored by `prompt_logprobs`, one prompt for each choice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from sparkgap.models import Model, ModelError
from sparkgap.models._batches import Batcher
from sparkgap.models._checkpoint import Prompts, fingerprint, own_seed
from sparkgap.models._options import Options
from sparkgap.types import Decoding, Feature, Reply, Request


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt for the engine, and the arguments of its `SamplingParams`."""

    tokens: tuple[int, ...]
    sampling: Mapping[str, Any]


class VllmModel:
    """A model that vLLM runs."""

    def __init__(self, model: str, options: Mapping[str, str]) -> None:
        """Load the model.

        Raises:
            ModelError: as `VllmProvider.open`.
        """
        read = Options("vllm", options)
        self.name = f"vllm/{model}"
        self._where, self._revision, self._adapter = model, read.text("revision"), read.text("adapter")
        self._dtype = read.one_of("dtype", ("auto", "float32", "bfloat16", "float16"))
        chat = read.one_of("chat", ("auto", "off"))
        size = read.count("batch_size", 256)
        self._arguments = read.nested("engine")
        read.finish()
        self._load()
        context = getattr(_model_config(self._llm), "max_model_len", None)
        self._prompts = Prompts(self._llm.get_tokenizer(), context, chat == "auto")
        self.features: frozenset[Feature] = frozenset({"completion", "logprobs"})
        if self._prompts.chat:
            self.features |= {"chat"}
        self.concurrency = 2 * size
        self._batcher: Batcher[Job, Any] = Batcher(self._run, size)

    async def generate(self, request: Request, n: int = 1) -> tuple[Reply, ...]:
        """Return n replies, or one with the log-probabilities of the choices.

        Raises:
            Refused: the prompt does not fit, or is none for this model.
        """
        if request.choices:
            return (await self._scored(request),)
        tokens = self._prompts.tokens(request)
        decoding = self._prompts.fitting(request.decoding, len(tokens))
        output = await self._batcher.put(Job(tokens, sampling(decoding, n, tokens)))
        replies = tuple(
            Reply(each.text, str(each.finish_reason or ""), len(tokens), len(each.token_ids)) for each in output.outputs
        )
        return replies * n if decoding.temperature == 0 else replies

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the replies besides the request; of a folder the sha256 of its files."""
        told: dict[str, Any] = {"provider": "vllm", "model": self._where, "engine": self._version}
        told |= {"dtype": str(getattr(_model_config(self._llm), "dtype", self._dtype)).removeprefix("torch.")}
        told |= {"chat": str(self._prompts.chat).lower(), "arguments": self._arguments}
        if self._revision:
            told["revision"] = self._revision
        if Path(self._where).is_dir():
            told["sha256"] = fingerprint(Path(self._where))
        if self._adapter:
            told |= {"adapter": self._adapter, "adapter_sha256": fingerprint(Path(self._adapter))}
        return told

    async def close(self) -> None:
        """Let go of the engine."""
        self._batcher.close()
        del self._llm

    def _load(self) -> None:
        try:
            vllm = import_module("vllm")
        except ImportError as error:
            raise ModelError("vllm/ models need a package: pip install 'sparkgap[vllm]'") from error
        arguments = {"dtype": self._dtype} | ({"revision": self._revision} if self._revision else {}) | self._arguments
        self._lora = None
        try:
            if self._adapter:
                arguments["enable_lora"] = True
                self._lora = import_module("vllm.lora.request").LoRARequest("adapter", 1, self._adapter)
            self._llm = vllm.LLM(model=self._where, **arguments)
        except (OSError, ValueError, RuntimeError, TypeError, ImportError) as error:
            said = " ".join(str(error).split())[:400]
            raise ModelError(f"{self.name}: vLLM cannot load it ({type(error).__name__}: {said})") from error
        self._params, self._version = vllm.SamplingParams, str(getattr(vllm, "__version__", "unknown"))

    def _run(self, jobs: Sequence[Job]) -> Sequence[Any]:
        """Hand jobs to the engine; its outputs come in their order."""
        prompts = [{"prompt_token_ids": list(job.tokens)} for job in jobs]
        params = [self._params(**job.sampling) for job in jobs]
        told: Sequence[Any] = self._llm.generate(prompts, params, use_tqdm=False, lora_request=self._lora)
        return told

    async def _scored(self, request: Request) -> Reply:
        """Score each choice by the log-probabilities of its own tokens within a prompt that ends with it."""
        logprobs, paid = [], 0
        choices = self._prompts.choices(request)
        jobs = [Job(whole, {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 1}) for whole, _ in choices]
        outputs = await asyncio.gather(*map(self._batcher.put, jobs))
        for (whole, shared), output in zip(choices, outputs, strict=True):
            told = output.prompt_logprobs
            logprobs.append(float(sum(told[i][whole[i]].logprob for i in range(shared, len(whole)))))
            paid += len(whole)
        return Reply("", "stop", paid, 0, logprobs=tuple(logprobs))


class VllmProvider:
    """Opens models in vLLM."""

    name = "vllm"
    title = "a causal LM run by vLLM in this process (needs a GPU)"

    def open(self, model: str, options: Mapping[str, str]) -> Model:
        """Load the model in the folder, or of the name, `model`.

        Raises:
            ModelError: the package is missing, vLLM cannot load it, or an option is not understood.
        """
        return VllmModel(model, options)


PROVIDER = VllmProvider()


def sampling(decoding: Decoding, n: int, tokens: Sequence[int]) -> dict[str, Any]:
    """Return the arguments of `SamplingParams`; greedy replies are drawn once, since vLLM refuses more.

    vLLM gives reply i of n the seed + i.
    """
    told: dict[str, Any] = {"max_tokens": decoding.max_tokens, "temperature": decoding.temperature}
    if decoding.stop:
        told["stop"] = list(decoding.stop)
    if decoding.temperature > 0:
        seed = random.SystemRandom().getrandbits(32) if decoding.seed is None else decoding.seed
        told |= {"n": n, "top_p": decoding.top_p, "seed": own_seed(seed, tokens)}
    return told


def _model_config(llm: Any) -> Any:
    """Return the engine's settings of the model, which have moved from one release to another."""
    return getattr(llm, "model_config", None) or getattr(getattr(llm, "llm_engine", None), "model_config", None)

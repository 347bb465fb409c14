"""Causal language models of Hugging Face, on this machine's CPU or GPU.

    hf/out/checkpoint-200             a folder
    hf/Qwen/Qwen2.5-Coder-1.5B        a name on the hub, downloaded by transformers

Options:
    revision     branch, tag or commit on the hub
    adapter      a folder with an adapter of peft, laid over the model
    device       `cpu`, `cuda`, `cuda:1`, `mps`; by default a GPU if there is one
    dtype        `float32`, `bfloat16`, `float16`, `auto`; by default the checkpoint's own on a GPU, float32 on a CPU
    batch_size   most rows at once, by default 32 on a GPU and 8 on a CPU; halved when memory runs out
    threads      torch's threads on a CPU, by default one a core; fewer where the judge needs the cores too
    chat         `auto` (the default: if the tokenizer has a chat template) or `off`

Concurrent requests are gathered into batches of like length, padded on the left (`_batches`, `_causal`). Choices are
scored in one pass each, by the tokens after those that the text shares with the bare prompt. A replies' seed is mixed
with its prompt, so the same request with the same seed is answered alike in any company, but for rounding. A prompt
that fills the context is refused; one that nearly does gets a shorter reply, with finish reason "length".

Not covered: models with code of their own (`trust_remote_code`), several GPUs for one model, quantised loading.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from sparkgap.models import Model, ModelError
from sparkgap.models._batches import Batcher
from sparkgap.models._causal import CausalEngine, Continuation, Row, ScoreRow
from sparkgap.models._checkpoint import Prompts, fingerprint, own_seed
from sparkgap.models._options import Options
from sparkgap.types import Feature, Reply, Request


class HFModel:
    """A model in this process."""

    def __init__(self, model: str, options: Mapping[str, str]) -> None:
        """Load the model.

        Raises:
            ModelError: as `HFProvider.open`.
        """
        read = Options("hf", options)
        self.name = f"hf/{model}"
        self._where, self._revision, self._adapter = model, read.text("revision"), read.text("adapter")
        device, dtype = read.text("device"), read.one_of("dtype", ("", "auto", "float32", "bfloat16", "float16"))
        chat = read.one_of("chat", ("auto", "off"))
        size = read.count("batch_size", 0) if read.text("batch_size") else 0
        threads = read.count("threads", 0) if read.text("threads") else 0
        read.finish()
        self._engine = _engine(self.name, model, self._revision, self._adapter, _device(device, threads), dtype)
        size = size or (8 if self._engine.model.device.type == "cpu" else 32)
        self.concurrency = 4 * size
        self._prompts = Prompts(self._engine.tokenizer, self._engine.context, chat == "auto")
        self.features: frozenset[Feature] = frozenset({"completion", "logprobs"})
        if self._prompts.chat:
            self.features |= {"chat"}
        self._batcher: Batcher[Row | ScoreRow, Any] = Batcher(
            self._engine.run, size, key=_kind, length=lambda row: len(row.tokens)
        )
        self._identity: dict[str, Any] | None = None

    async def generate(self, request: Request, n: int = 1) -> tuple[Reply, ...]:
        """Return n replies, or one with the log-probabilities of the choices.

        Raises:
            Refused: the prompt does not fit, or is none for this model.
        """
        if request.choices:
            return (await self._scored(request),)
        tokens = self._prompts.tokens(request)
        decoding = self._prompts.fitting(request.decoding, len(tokens))
        if decoding.temperature == 0:
            rows = [Row(tokens, decoding, None)]
        else:
            first = random.SystemRandom().getrandbits(32) if decoding.seed is None else decoding.seed
            rows = [Row(tokens, decoding, own_seed(first + i, tokens)) for i in range(n)]
        found: list[Continuation] = await asyncio.gather(*(self._batcher.put(row) for row in rows))
        replies = tuple(Reply(each.text, each.finish_reason, len(tokens), each.tokens) for each in found)
        return replies * n if len(rows) < n else replies

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the replies besides the request; of a folder the sha256 of its files."""
        if self._identity is None:
            model = self._engine.model
            told = {"provider": "hf", "model": self._where, "dtype": str(model.dtype).removeprefix("torch.")}
            told |= {"device": model.device.type, "chat": str("chat" in self.features).lower()}
            if self._revision:
                told["revision"] = self._revision
            if commit := getattr(model.config, "_commit_hash", None):
                told["commit"] = commit
            if Path(self._where).is_dir():
                told["sha256"] = fingerprint(Path(self._where))
            if self._adapter:
                told |= {"adapter": self._adapter, "adapter_sha256": fingerprint(Path(self._adapter))}
            self._identity = told
        return self._identity

    async def close(self) -> None:
        """Let go of the model's memory."""
        self._batcher.close()
        device = self._engine.model.device.type
        del self._engine
        if device == "cuda":
            import torch

            torch.cuda.empty_cache()

    async def _scored(self, request: Request) -> Reply:
        """Score each choice by the tokens that are its own, in as few rows as will do."""
        targets: dict[tuple[int, ...], list[tuple[int, int]]] = {}
        places = []  # for each choice (row, first target, one past the last)
        for whole, shared in self._prompts.choices(request):
            row = targets.setdefault(whole[:-1], [])
            places.append((whole[:-1], len(row), len(row) + len(whole) - shared))
            row += [(i - 1, whole[i]) for i in range(shared, len(whole))]
        rows = [ScoreRow(tokens, tuple(wanted)) for tokens, wanted in targets.items()]
        answers: list[tuple[float, ...]] = await asyncio.gather(*(self._batcher.put(row) for row in rows))
        found = {row.tokens: values for row, values in zip(rows, answers, strict=True)}
        logprobs = tuple(sum(found[tokens][start:end]) for tokens, start, end in places)
        return Reply("", "stop", sum(len(row.tokens) for row in rows), 0, logprobs=logprobs)


class HFProvider:
    """Opens models of Hugging Face."""

    name = "hf"
    title = "a Hugging Face causal LM, in this process"

    def open(self, model: str, options: Mapping[str, str]) -> Model:
        """Load the model in the folder, or of the name, `model`.

        Raises:
            ModelError: a package is missing, there is no such model, or an option is not understood.
        """
        return HFModel(model, options)


PROVIDER = HFProvider()


def _kind(row: Row | ScoreRow) -> Any:
    """Return what rows of one batch have in common."""
    if isinstance(row, ScoreRow):
        return None
    return row.decoding.temperature, row.decoding.top_p, row.decoding.max_tokens, row.decoding.stop


def _device(asked: str, threads: int) -> Any:
    """Return the device to run on, and set how many threads a CPU uses.

    Raises:
        ModelError: torch is not installed, or has no such device.
    """
    try:
        import torch
    except ImportError as error:
        raise ModelError("hf/ models need packages: pip install 'sparkgap[hf]'") from error
    if threads:
        torch.set_num_threads(threads)
    if not asked:
        asked = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=asked).device
    except (RuntimeError, AssertionError) as error:  # torch says so in either way
        said = str(error).partition("\n")[0][:200]
        raise ModelError(f"hf: there is no device {asked!r} here ({said}); try --model-arg device=cpu") from error


def _engine(name: str, where: str, revision: str, adapter: str, device: Any, dtype: str) -> CausalEngine:
    """Load a model and its tokenizer, without drawing progress bars over ours."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if where.startswith(("/", "./", "../", "~")) and not Path(where).is_dir():
        raise ModelError(f"{name}: there is no folder {where!r}")
    try:
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise ModelError("hf/ models need packages: pip install 'sparkgap[hf]'") from error
    loud, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        wanted = {"revision": revision} if revision else {}
        precision = dtype or ("float32" if device.type == "cpu" else "auto")
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, **wanted)
        model = transformers.AutoModelForCausalLM.from_pretrained(where, dtype=precision, **wanted)
        if adapter:
            model.load_adapter(adapter)
    except (OSError, ValueError, ImportError) as error:
        said = " ".join(str(error).split())[:400]
        raise ModelError(f"{name}: cannot be loaded ({type(error).__name__}: {said})") from error
    finally:
        transformers.logging.set_verbosity(loud)
        if bars:
            transformers.logging.enable_progress_bar()
    return CausalEngine(model.to(device).eval(), tokenizer)

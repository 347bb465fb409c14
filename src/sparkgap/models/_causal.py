"""Causal language models of Hugging Face, run in batches: text from tokens, and tokens' log-probabilities.

Rows of a batch are padded on the left. A row is sampled by adding Gumbel noise of its own generator to its scores and
taking the greatest, which draws from the softmax (Gumbel 1954; "the Gumbel-max trick"): so what a seed draws does not
depend on the rows beside it. The model's own defaults for sampling (repetition penalty, top-k) are left out.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparkgap.models._batches import OutOfMemory
from sparkgap.types import Decoding


@dataclass(frozen=True, slots=True)
class Row:
    """A row to go on from. `seed` is None for a greedy one."""

    tokens: tuple[int, ...]
    decoding: Decoding
    seed: int | None


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a row went on with; `finish_reason` is "stop" or "length"."""

    text: str
    finish_reason: str
    tokens: int


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A row whose next tokens are scored: `targets` are (place of the token before, token)."""

    tokens: tuple[int, ...]
    targets: tuple[tuple[int, int], ...]


class CausalEngine:
    """A loaded model and its tokenizer, used from one thread."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """Take over `model`, which is in evaluation mode on its device."""
        import torch
        import transformers

        self._torch: Any = torch
        self._library: Any = transformers
        self.model, self.tokenizer = model, tokenizer
        told = getattr(model, "generation_config", None)
        ends = getattr(told, "eos_token_id", None)
        ends = list(ends) if isinstance(ends, (list, tuple)) else [ends]
        self.ends = sorted({end for end in [*ends, tokenizer.eos_token_id] if end is not None})
        pad = tokenizer.pad_token_id
        self._pad = pad if pad is not None else self.ends[0] if self.ends else 0
        model.generation_config = self._config()  # what it brings would change scores unasked
        parameters = inspect.signature(model.forward).parameters
        self._takes = {name for name in ("position_ids", "logits_to_keep") if name in parameters}
        config = model.config.get_text_config()
        self.context = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)

    def run(self, rows: Sequence[Row | ScoreRow]) -> list[Any]:
        """Return a `Continuation` for each row, or for score rows each a tuple of log-probabilities in nats.

        Raises:
            OutOfMemory: the batch does not fit.
        """
        torch = self._torch
        try:
            with torch.inference_mode():
                if isinstance(rows[0], ScoreRow):
                    return self._scored([row for row in rows if isinstance(row, ScoreRow)])
                return self._written([row for row in rows if isinstance(row, Row)])
        except torch.OutOfMemoryError as error:
            said = str(error).partition("\n")[0][:200]
        except RuntimeError as error:
            if "DefaultCPUAllocator" not in str(error):
                raise
            said = "no more main memory"
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory(said)

    def _written(self, rows: Sequence[Row]) -> list[Continuation]:
        library, decoding = self._library, rows[0].decoding
        tokens, mask = self._padded([row.tokens for row in rows])
        width = tokens.shape[1]
        config = self._config(max_new_tokens=decoding.max_tokens)
        processors = library.LogitsProcessorList()
        if decoding.temperature > 0:
            processors.append(_Tempered(decoding.temperature))
            if decoding.top_p < 1:
                processors.append(library.TopPLogitsWarper(decoding.top_p))
            processors.append(_Gumbel(self._torch, [row.seed or 0 for row in rows], tokens.device))
        criteria = library.StoppingCriteriaList()
        if decoding.stop:
            criteria.append(_Stops(self._torch, self.tokenizer, decoding.stop, width))
        told = self.model.generate(
            tokens, generation_config=config, attention_mask=mask, logits_processor=processors,
            stopping_criteria=criteria,
        )  # fmt: skip
        return [self._read(row, new) for row, new in zip(rows, told[:, width:].tolist(), strict=True)]

    def _config(self, **limits: int) -> Any:
        """Return settings for greedy generation, with nothing in them that changes scores."""
        config: Any = self._library.GenerationConfig
        return config(do_sample=False, eos_token_id=self.ends or None, pad_token_id=self._pad, **limits)

    def _read(self, row: Row, new: list[int]) -> Continuation:
        """Return what is new, as text before the first stop or end."""
        end = next((i for i, token in enumerate(new) if token in self.ends), None)
        text = self.text_after(row.tokens, new[:end])
        places = [at for stop in row.decoding.stop if stop and (at := text.find(stop)) >= 0]
        if places:
            end = len(new) if end is None else end  # a stop within the last tokens
            return Continuation(text[: min(places)], "stop", end)
        return Continuation(text, "stop" if end is not None else "length", len(new) if end is None else end + 1)

    def text_after(self, tokens: Sequence[int], new: Sequence[int]) -> str:
        """Return the text that `new` adds to `tokens`: decoded alone, it would lose a blank that it starts with."""
        before, after = self._decoded(tokens), self._decoded([*tokens, *new])
        return after[len(before) :] if after.startswith(before) else self._decoded(new)

    def _decoded(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _scored(self, rows: Sequence[ScoreRow]) -> list[tuple[float, ...]]:
        torch = self._torch
        tokens, mask = self._padded([row.tokens for row in rows])
        width = tokens.shape[1]
        keep = max(len(row.tokens) - min(place for place, _ in row.targets) for row in rows)
        given: dict[str, Any] = {"logits_to_keep": keep} if "logits_to_keep" in self._takes else {}
        if "position_ids" in self._takes:
            given["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = self.model(input_ids=tokens, attention_mask=mask, use_cache=False, **given).logits
        shift = width - logits.shape[1]
        found = []
        for i, row in enumerate(rows):
            left = width - len(row.tokens) - shift
            values = []
            for place, token in row.targets:
                scores = torch.log_softmax(logits[i, left + place].float(), dim=-1)
                values.append(float(scores[token]))
            found.append(tuple(values))
        return found

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        width = max(map(len, rows))
        tokens = [[self._pad] * (width - len(row)) + list(row) for row in rows]
        mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
        device = self.model.device
        return self._torch.tensor(tokens, device=device), self._torch.tensor(mask, device=device)


class _Tempered:
    """Divides scores by a temperature, in full precision."""

    def __init__(self, temperature: float) -> None:
        self._temperature = temperature

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        return scores.float() / self._temperature


class _Gumbel:
    """Adds noise to scores so that their greatest is a draw from their softmax, each row by its own seed."""

    def __init__(self, torch: Any, seeds: Sequence[int], device: Any) -> None:
        self._torch = torch
        self._generators = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        noise = self._torch.empty_like(scores)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores - noise.log()


class _Stops:
    """Ends a row once a stop is in the text of its last tokens."""

    def __init__(self, torch: Any, tokenizer: Any, stops: Sequence[str], width: int) -> None:
        self._torch, self._tokenizer, self._width = torch, tokenizer, width
        self._stops = [stop for stop in stops if stop]
        self._tail = max(map(len, self._stops), default=0) + 8  # tokens that may hold a stop just written

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        start = max(self._width, input_ids.shape[1] - self._tail)
        tails = self._tokenizer.batch_decode(
            input_ids[:, start:].tolist(), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        done = [any(stop in tail for stop in self._stops) for tail in tails]
        return self._torch.tensor(done, device=input_ids.device, dtype=self._torch.bool)

"""A tight sampler: many short completions from a causal language model, for where `generate` is mostly overhead.

Each different prompt goes through the model once, however many completions it gets; a row leaves the batch, and the
cache, as soon as it ends; a token is drawn with one random number a row. The distribution is that of `generate` with
the same temperature, top-p and top-k; greedy completions are the same tokens. Measured with a model of 0.4 M
parameters, 192 completions of 24 prompts: a third of `generate`'s time.

Not covered: beams, penalties, models that keep anything else than keys and values of full attention (`fits` says so).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

_KEEP = 0.8  # a batch of which less is alive is made smaller


@dataclass(frozen=True, slots=True)
class Drawing:
    """How completions are drawn. Temperature 0 is greedy. `rows` bounds how many grow at once.

    `eos` are the tokens that end a completion; the one that did is its last. `top_k` 0 keeps every token.
    """

    eos: tuple[int, ...]
    pad: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 256
    rows: int = 512


def fits(model: Any) -> bool:
    """Whether this model's cache is plain keys and values of full attention, and its forward takes what we pass."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ("full_attention",))
    plain = not (getattr(model, "_is_stateful", False) or config.is_encoder_decoder)
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    takes = signature(model.forward).parameters
    needed = {"input_ids", "attention_mask", "position_ids", _cache_word(model)}
    return plain and kinds == {"full_attention"} and not window and needed <= set(takes)


def _cache_word(model: Any) -> str:
    """What this version of transformers calls the cache among a forward's arguments."""
    return "cache" if "cache" in signature(model.forward).parameters else "past_key_values"


Done = Callable[[int, list[int]], None]
Logps = dict[int, list[float]]


def draw(
    model: Any,
    prompts: Sequence[Sequence[int]],
    drawing: Drawing,
    done: Done | None = None,
    logps: Logps | None = None,
) -> list[list[int]]:
    """Return a completion, as tokens, for each prompt; prompts that come several times are read once.

    `done` is told (place, completion) as soon as each one ends. `logps` is given, by place, the log-probabilities of
    the tokens at the temperature, top-p and top-k aside. Random numbers come from torch's own generator of the model's
    device. Call it with the model in eval mode, under `torch.inference_mode` or `no_grad`.
    """
    found: list[list[int]] = [[] for _ in prompts]

    def end(place: int, tokens: list[int]) -> None:
        found[place] = tokens
        if done is not None:
            done(place, tokens)

    for places in _batches(prompts, drawing.rows):
        _grow(model, prompts, places, drawing, end, logps)
    return found


def complete(
    model: Any,
    prompts: Sequence[Sequence[int]],
    drawing: Drawing,
    done: Done | None = None,
    logps: Logps | None = None,
) -> list[list[int]]:
    """Return a completion of each prompt, as `draw` does.

    Where the sampler does not fit, the model's own `generate` is used, which tells no `logps`.
    """
    import torch

    was = model.training
    model.eval()
    try:
        with torch.no_grad():
            if fits(model):
                return draw(model, prompts, drawing, done, logps)
            return _generated(model, prompts, drawing, done)
    finally:
        model.train(was)


def _generated(
    model: Any,
    prompts: Sequence[Sequence[int]],
    drawing: Drawing,
    done: Done | None,
) -> list[list[int]]:
    from transformers import GenerationConfig

    device = model.get_input_embeddings().weight.device
    chosen: dict[str, Any] = {"do_sample": False}
    if drawing.temperature:
        chosen = {"do_sample": True, "temperature": drawing.temperature, "top_p": drawing.top_p, "top_k": drawing.top_k}
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=drawing.max_tokens, eos_token_id=list(drawing.eos), pad_token_id=drawing.pad, **chosen
    )
    found: list[list[int]] = [[] for _ in prompts]
    for places in _batches(prompts, drawing.rows):
        ids, mask = _padded([tuple(prompts[place]) for place in places], drawing.pad, device)
        grown = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)
        for place, row in zip(places, grown[:, ids.shape[1] :].tolist(), strict=True):
            ends = [at for at, token in enumerate(row) if token in drawing.eos]
            found[place] = row[: ends[0] + 1] if ends else row
            if done is not None:
                done(place, found[place])
    return found


def _padded(prompts: list[tuple[int, ...]], pad: int, device: Any) -> tuple[Any, Any]:
    """Return prompts padded on the left, and their mask."""
    import torch

    longest = max(map(len, prompts))
    ids = torch.tensor([(pad,) * (longest - len(prompt)) + prompt for prompt in prompts], device=device)
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
    return ids, mask


def _batches(prompts: Sequence[Sequence[int]], rows: int) -> Iterator[list[int]]:
    """Yield places of prompts, shortest prompts first, equal ones together, at most `rows` at a time."""
    order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place]), list(prompts[place])))
    for start in range(0, len(order), rows):
        yield order[start : start + rows]


def _grow(
    model: Any,
    prompts: Sequence[Sequence[int]],
    places: list[int],
    drawing: Drawing,
    end: Done,
    logps: Logps | None,
) -> None:
    import torch

    logits, cache, mask = _opened(model, [tuple(prompts[place]) for place in places], drawing.pad)
    kept_in = {_cache_word(model): cache, "use_cache": True}
    padded = not bool(mask.all())
    positions = mask.sum(1, keepdim=True)
    alive = list(range(len(places)))  # rows of this batch that still grow, in the order of the cache
    grown: list[list[int]] = [[] for _ in places]
    one = mask.new_ones(len(places), 1)
    eos = set(drawing.eos)
    for length in range(1, drawing.max_tokens + 1):
        tokens = _next(logits, drawing)
        scores = _logps(logits, tokens, drawing) if logps is not None else []
        kept = []
        for row, (place, token) in enumerate(zip(alive, tokens.tolist(), strict=True)):
            if grown[place] and grown[place][-1] in eos:
                continue  # it has ended, and is in the batch until that is made smaller
            grown[place].append(token)
            if logps is not None:
                logps.setdefault(places[place], []).append(scores[row])
            if token not in eos:
                kept.append(row)
            if token in eos or length == drawing.max_tokens:
                end(places[place], grown[place])
        if not kept or length == drawing.max_tokens:
            return
        if len(kept) < _KEEP * len(alive):
            index = torch.tensor(kept, device=mask.device)
            cache.batch_select_indices(index)
            tokens, mask, positions = tokens[index], mask[index], positions[index]
            alive = [alive[row] for row in kept]
        mask = torch.cat([mask, one[: len(alive)]], 1)
        logits = model(
            input_ids=tokens[:, None],
            attention_mask=mask if padded else None,
            position_ids=positions,
            **kept_in,
        ).logits[:, -1]
        positions = positions + 1


def _opened(model: Any, prompts: list[tuple[int, ...]], pad: int) -> tuple[Any, Any, Any]:
    """Return what `_read` does, a row for each prompt, though equal ones are read once."""
    import torch

    device = model.get_input_embeddings().weight.device
    different: dict[tuple[int, ...], int] = {}
    which = [different.setdefault(prompt, len(different)) for prompt in prompts]
    logits, cache, mask = _read(model, list(different), pad, device)
    if len(which) == len(different):
        return logits, cache, mask
    index = torch.tensor(which, device=device)
    cache.batch_select_indices(index)
    return logits[index], cache, mask[index]


def _read(model: Any, prompts: list[tuple[int, ...]], pad: int, device: Any) -> tuple[Any, Any, Any]:
    """Return the last logits (prompts, vocabulary), the cache and the mask of prompts padded on the left."""
    from transformers import DynamicCache

    ids, mask = _padded(prompts, pad, device)
    cache = DynamicCache(config=model.config)
    last = {"logits_to_keep": 1} if "logits_to_keep" in signature(model.forward).parameters else {}
    read = model(
        input_ids=ids,
        attention_mask=None if bool(mask.all()) else mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        use_cache=True,
        **{_cache_word(model): cache},
        **last,
    )
    return read.logits[:, -1], cache, mask


def _logps(logits: Any, tokens: Any, drawing: Drawing) -> list[float]:
    scores = (logits.float() / (drawing.temperature or 1.0)).log_softmax(-1).gather(1, tokens[:, None])
    found: list[float] = scores.squeeze(1).tolist()
    return found


def _next(logits: Any, drawing: Drawing) -> Any:
    """Return one token for each row of `logits`."""
    import torch

    if not drawing.temperature:
        return logits.argmax(-1)
    shares = (logits.float() / drawing.temperature).softmax(-1)
    if drawing.top_k:
        least = shares.topk(min(drawing.top_k, shares.shape[-1])).values[:, -1:]
        shares = shares.masked_fill(shares < least, 0.0)
    if drawing.top_p < 1:
        ordered, places = shares.sort(-1, descending=True)
        before = ordered.cumsum(-1) - ordered
        ordered = ordered.masked_fill(before >= drawing.top_p * shares.sum(-1, keepdim=True), 0.0)
        shares = torch.zeros_like(shares).scatter(-1, places, ordered)
    # The inverse of the distribution function at one random number; `torch.multinomial` draws one for each token.
    summed = shares.double().cumsum(-1)
    at = torch.rand(len(shares), 1, device=shares.device, dtype=torch.double) * summed[:, -1:]
    return torch.searchsorted(summed, at, right=True).squeeze(-1).clamp(max=shares.shape[-1] - 1)

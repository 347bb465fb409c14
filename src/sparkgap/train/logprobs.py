"""Log-probabilities of completions, without padding on the left and without logits that nobody needs.

TRL's trainers compute them over whole rows, padded on the left; on a CPU that is most of a step of a small model. Here
prompt and completion are put together without a gap, so that plain causal attention needs no mask and positions are
those of the text (models with absolute positions would otherwise be trained at other positions than they are sampled
at), and only the completion's own tokens reach the output layer.

Not covered: GPUs with large vocabularies, where the logits of a batch are gigabytes; TRL's fused layer is used there.
"""

from __future__ import annotations

import functools
import types
from typing import Any

_SCALED = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier", "output_multiplier")


def plain(model: Any) -> bool:
    """Whether the model's logits are its last hidden states through its output layer, and nothing else."""
    config = model.config.get_text_config()
    return not any(getattr(config, name, None) not in (None, 1, 1.0) for name in _SCALED)


def add_scores(model: Any) -> None:
    """Let `model(..., scored=(rows, columns))` return the logits of those places alone, as (places, vocabulary)."""
    model = model.get_base_model() if hasattr(model, "get_base_model") else model  # under adapters
    original = model.forward

    @functools.wraps(type(model).forward)
    def forward(self: Any, *args: Any, scored: tuple[Any, Any] | None = None, **kwargs: Any) -> Any:
        if scored is None:
            return original(*args, **kwargs)
        hidden = self.base_model(*args, use_cache=False, **kwargs).last_hidden_state
        return self.get_output_embeddings()(hidden[scored])

    model.forward = types.MethodType(forward, model)


def completion_logps(
    model: Any, prompts: tuple[Any, Any], completions: tuple[Any, Any], temperature: float = 1.0
) -> tuple[Any, Any]:
    """Return log-probabilities and entropies (in nats) of completion tokens, both (rows, longest completion).

    `prompts` and `completions` are each (tokens, mask), padded anywhere, (rows, length); masked places get 0. The model
    is one that `add_scores` was called on; gradients flow through the log-probabilities, not through the entropies.
    """
    import torch

    (prompt_ids, prompt_mask), (ids, mask) = prompts, completions
    joined, start = _joined(prompt_ids, prompt_mask, ids, mask)
    row, column = mask.nonzero(as_tuple=True)
    place = start[row] + (mask.cumsum(1) - 1)[row, column]
    shape = mask.shape
    if not len(row):
        nothing = model(joined, scored=(start[:1] * 0, start[:1] * 0)).sum() * 0.0  # differentiable all the same
        return nothing.expand(shape), torch.zeros(shape, device=ids.device)
    logits = model(joined, scored=(row, place - 1)).float() / temperature
    logps = torch.log_softmax(logits, -1)
    with torch.no_grad():
        entropy = -(logps.exp() * logps).sum(-1)
    chosen = logps.gather(1, ids[row, column, None]).squeeze(1)
    empty = torch.zeros(shape, dtype=chosen.dtype, device=ids.device)
    return empty.index_put((row, column), chosen), empty.index_put((row, column), entropy.to(empty.dtype))


def _joined(prompt_ids: Any, prompt_mask: Any, ids: Any, mask: Any) -> tuple[Any, Any]:
    """Return the tokens of each row from its first place on, filled up at the end, and where its completion starts."""
    import torch

    every = torch.cat([prompt_ids, ids], 1)
    told = torch.cat([prompt_mask, mask], 1).bool()
    order = torch.sort(~told, dim=1, stable=True).indices  # what is told first, in its order
    longest = max(1, int(told.sum(1).max()))
    return every.gather(1, order)[:, :longest], prompt_mask.sum(1)

"""What tokens cost, from a table that the user gives: there is none built in, since prices change every month.

    ["openai/gpt-4o-mini"]     the model's name as `measure` takes it; `*` stands for anything, the first match counts
    input = 0.15               USD per million tokens of the prompt
    output = 0.60              ... of the reply

Not covered: discounts for cached prompts and batches.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sparkgap.errors import InputError

_KEYS = ("input", "output")


@dataclass(frozen=True, slots=True)
class Prices:
    """A price table: pattern -> (input, output), in USD per million tokens."""

    table: Mapping[str, tuple[float, float]]

    def known(self, model: str) -> bool:
        """Whether the table has a price for `model`."""
        return self._price(model) is not None

    def cost(self, model: str, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
        """Return what one reply cost in USD; None where there is no price or the tokens were not counted."""
        price = self._price(model)
        if price is None or prompt_tokens is None or completion_tokens is None:
            return None
        return (price[0] * prompt_tokens + price[1] * completion_tokens) / 1e6

    def _price(self, model: str) -> tuple[float, float] | None:
        if model in self.table:
            return self.table[model]
        return next((price for pattern, price in self.table.items() if fnmatchcase(model, pattern)), None)


def read_prices(path: Path) -> Prices:
    """Return the price table in a TOML file.

    Raises:
        InputError: it cannot be read, or holds something else than prices (and where).
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: cannot be read ({fault})") from fault
    except tomllib.TOMLDecodeError as fault:
        raise InputError(
            f'{path}: is no TOML ({fault}); a model\'s name stands in quotes: ["openai/gpt-4o"]'
        ) from fault
    return Prices({name: _price(path, name, entry) for name, entry in content.items()})


def _price(path: Path, name: str, entry: object) -> tuple[float, float]:
    if not isinstance(entry, dict) or set(entry) != set(_KEYS):
        raise InputError(f'{path}: ["{name}"] must hold `input` and `output`, in USD per million tokens, and no more')
    for key in _KEYS:
        value = entry[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise InputError(f'{path}: `{key}` of ["{name}"] is {value!r}; it must be a number of USD, at least 0')
    return float(entry["input"]), float(entry["output"])

"""Price tables: what is found for a model, and a clear word for what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.errors import InputError
from sparkgap.prices import Prices, read_prices

TABLE = """
["openai/gpt-4o-mini"]
input = 0.15
output = 0.60

["openai/*"]
input = 1
output = 2
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_name_goes_before_a_pattern_and_what_is_not_there_has_no_price(tmp_path: Path) -> None:
    prices = read_prices(write(tmp_path, TABLE))
    assert prices.cost("openai/gpt-4o-mini", 1_000_000, 500_000) == pytest.approx(0.45)
    assert prices.cost("openai/o9", 1_000_000, 1_000_000) == pytest.approx(3.0)
    assert prices.cost("anthropic/claude", 10, 10) is None
    assert prices.known("openai/o9")
    assert not prices.known("anthropic/claude")


def test_a_name_goes_before_a_pattern_whatever_their_order(tmp_path: Path) -> None:
    first, _, second = TABLE.strip().partition("\n\n")
    prices = read_prices(write(tmp_path, f"{second}\n\n{first}\n"))
    assert prices.cost("openai/gpt-4o-mini", 1_000_000, 0) == pytest.approx(0.15)


@pytest.mark.parametrize(("prompt", "completion"), [(None, 5), (5, None), (None, None)])
def test_what_was_not_counted_has_no_cost(prompt: int | None, completion: int | None) -> None:
    assert Prices({"m": (1.0, 1.0)}).cost("m", prompt, completion) is None


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1000), st.floats(0, 1000))
def test_costs_add_up(prompt: int, completion: int, input_usd: float, output_usd: float) -> None:
    prices = Prices({"m": (input_usd, output_usd)})
    both = prices.cost("m", prompt, completion)
    one, other = prices.cost("m", prompt, 0), prices.cost("m", 0, completion)
    assert one is not None
    assert other is not None
    assert both == pytest.approx(one + other)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[openai/gpt-4o]\ninput = 1\noutput = 1\n", "is no TOML .*stands in quotes"),
        ('["m"]\ninput = 1\n', r'\["m"\] must hold `input` and `output`'),
        ('["m"]\ninput = 1\noutput = 1\ncached = 1\n', "and no more"),
        ('["m"]\ninput = "1"\noutput = 1\n', "`input` of .* is '1'; it must be a number"),
        ('["m"]\ninput = true\noutput = 1\n', "`input` of .* is True"),
        ('["m"]\ninput = 1\noutput = -1\n', "`output` of .* is -1"),
        ('["m"]\ninput = nan\noutput = 1\n', "`input` of .* is nan"),
        ("m = 3\n", r'\["m"\] must hold'),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=said) as caught:
        read_prices(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_prices(tmp_path / "nowhere.toml")

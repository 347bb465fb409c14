"""What every provider keeps, the day its file appears."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkgap import plugins
from sparkgap.models import ModelError, Provider
from sparkgap.models._options import Options

PROVIDERS = plugins.names("models")


def test_the_known_providers_are_there() -> None:
    assert {"anthropic", "hf", "openai", "replay", "vllm"} <= set(PROVIDERS)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_says_who_it_is(name: str) -> None:
    provider = plugins.find("models", name)
    assert isinstance(provider, Provider)
    assert provider.name == name
    assert provider.title
    assert "\n" not in provider.title


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_option_that_nobody_knows_is_refused_before_anything_is_loaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(variable, "none")
    with pytest.raises(ModelError, match=rf"{name} has no option 'no_such_option' \(there are: "):
        plugins.find("models", name).open(str(tmp_path), {"no-such-option": "1"})


# Options


def read(**given: str) -> Options:
    return Options("test", given)


def test_options_are_read_by_type() -> None:
    options = read(**{"base-url": "x", "timeout_s": "2.5", "size": "4", "api": "b", "body.a": "[1]", "body.b": "low"})
    assert options.text("base_url") == "x"
    assert options.text("other", "default") == "default"
    assert options.number("timeout_s", 1) == 2.5
    assert (options.count("size", 1), options.count("unsaid", 7)) == (4, 7)
    assert (options.one_of("api", ("a", "b")), options.one_of("mode", ("x", "y"))) == ("b", "x")
    assert options.nested("body") == {"a": [1], "b": "low"}
    options.finish()


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many", ""])
def test_a_number_is_a_positive_one(value: str) -> None:
    with pytest.raises(ModelError, match=f"test: n='{value}' must be a number above 0"):
        read(n=value).number("n", 1)


def test_a_count_is_whole() -> None:
    with pytest.raises(ModelError, match=r"n='2\.5' must be a whole number"):
        read(n="2.5").count("n", 1)


@pytest.mark.parametrize("name", ["body", "body.", "boby.x"])
def test_what_is_not_under_a_prefix_is_refused(name: str) -> None:
    options = read(**{name: "1"})
    assert options.nested("body") == {}
    with pytest.raises(ModelError, match="has no option"):
        options.finish()

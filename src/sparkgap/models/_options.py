"""The options of a model as they come from the command line: strings, read and checked by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from sparkgap.models import ModelError


class Options:
    """Reads options one by one, then refuses those that nobody read. `-` and `_` in names are the same."""

    def __init__(self, provider: str, options: Mapping[str, str]) -> None:
        """Read the `options` of `provider`."""
        self._provider = provider
        self._given = {name.replace("-", "_"): value for name, value in options.items()}
        self._known: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """Return the option `name` as it is."""
        self._known.append(name)
        return self._given.get(name, default)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return the option `name`, one of `choices`, by default the first.

        Raises:
            ModelError: it is something else.
        """
        value = self.text(name, choices[0])
        if value not in choices:
            raise ModelError(f"{self._provider}: {name}={value!r} must be one of {', '.join(choices)}")
        return value

    def number(self, name: str, default: float, *, least: float = 0.0) -> float:
        """Return the option `name` as a number above `least`.

        Raises:
            ModelError: it is no such number.
        """
        value = self.text(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not least < number < float("inf"):
            raise ModelError(f"{self._provider}: {name}={value!r} must be a number above {least:g}")
        return number

    def count(self, name: str, default: int) -> int:
        """Return the option `name` as a whole number from 1.

        Raises:
            ModelError: it is no such number.
        """
        number = self.number(name, default)
        if number != int(number):
            raise ModelError(f"{self._provider}: {name}={self._given[name]!r} must be a whole number")
        return int(number)

    def nested(self, prefix: str) -> dict[str, Any]:
        """Return the options called `prefix`.NAME by NAME; values are read as JSON, or as text where they are none."""
        self._known.append(f"{prefix}.NAME")
        found: dict[str, Any] = {}
        for name, value in self._given.items():
            if name.startswith(f"{prefix}.") and len(name) > len(prefix) + 1:
                try:
                    found[name[len(prefix) + 1 :]] = json.loads(value)
                except ValueError:
                    found[name[len(prefix) + 1 :]] = value
        return found

    def finish(self) -> None:
        """Refuse what was given and not read.

        Raises:
            ModelError: there is such an option; the text has those that there are.
        """
        prefixes = tuple(name.removesuffix("NAME") for name in self._known if name.endswith(".NAME"))
        for name in self._given:
            if name not in self._known and not (name.startswith(prefixes) and name not in prefixes):
                close = get_close_matches(name, self._known, n=1)
                meant = f"; did you mean {close[0]}?" if close else ""
                known = ", ".join(self._known) or "none"
                raise ModelError(f"{self._provider} has no option {name!r}{meant} (there are: {known})")

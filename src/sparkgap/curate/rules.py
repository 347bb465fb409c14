"""Rules: one threshold on one measured attribute. Config is data; what a rule may compare is fixed here.

Measuring is apart from deciding: every attribute of every file is kept in the ledger, so that other thresholds can be
tried without reading a file again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Protocol, cast, runtime_checkable

from sparkgap.curate import licences
from sparkgap.curate.documents import Document, Value, Values
from sparkgap.errors import InputError

Threshold = float | str | tuple[str, ...]
Compare = Literal["at most", "at least", "is", "one of", "licensed"]
Step = Literal["read", "licence", "secrets", "quality", "duplicates", "decontamination", "selection"]
STEPS: tuple[Step, ...] = ("read", "licence", "secrets", "quality", "duplicates", "decontamination", "selection")


@dataclass(frozen=True, slots=True)
class Rule:
    """A file stays if its `attribute` compares with the `threshold` as said; an attribute not measured never drops it.

    `languages` names those that the rule is for; () is all.
    """

    name: str
    attribute: str
    compare: Compare
    threshold: Threshold
    says: str  # what the attribute is, for people
    languages: tuple[str, ...] = ()

    def keeps(self, value: Value) -> bool:
        """Whether a file with this value stays."""
        return value is None or _COMPARE[self.compare](value, self.threshold)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "at most": lambda value, threshold: float(value) <= threshold,
    "at least": lambda value, threshold: float(value) >= threshold,
    "is": lambda value, threshold: str(value) == threshold,
    "one of": lambda value, threshold: value in threshold,
    "licensed": lambda value, threshold: licences.allowed(str(value), frozenset(threshold)),
}


@runtime_checkable
class Filter(Protocol):
    """What `FILTER` in each file of `filters/` is: it measures; its rules decide."""

    name: str
    version: str  # raised whenever the same text could measure differently
    step: Step
    order: int  # within the step
    attributes: Mapping[str, type]  # what `measure` may return: name -> int, float or str
    rules: tuple[Rule, ...]

    def measure(self, document: Document) -> Values:
        """Return the attributes of a document; never raises for what is in it."""
        ...


@runtime_checkable
class Rewriter(Filter, Protocol):
    """A filter that changes the text; those after it see the new one."""

    def rewrite(self, document: Document) -> tuple[Document, Values]:
        """Return the document with its new text, and its attributes."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule with the step and the version of the filter that it belongs to."""

    rule: Rule
    step: str
    version: str


def with_thresholds(rules: Iterable[Judged], settings: Mapping[str, str | Threshold]) -> tuple[Judged, ...]:
    """Return the rules with other thresholds; `settings` maps a rule's name to its threshold, as text or as a value.

    Raises:
        InputError: there is no such rule, or the threshold is not of its kind.
    """
    rules = tuple(rules)
    known = {each.rule.name for each in rules}
    for name in settings:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else f" (there are: {', '.join(sorted(known))})"
            raise InputError(f"there is no rule {name!r}{meant}")
    return tuple(
        replace(each, rule=replace(each.rule, threshold=_threshold(each.rule, settings[each.rule.name])))
        if each.rule.name in settings
        else each
        for each in rules
    )


def read_settings(path: Path | None, assignments: Iterable[str]) -> dict[str, str | Threshold]:
    """Return thresholds from the [thresholds] of a TOML file, and from texts like `max_line=2000`, which win.

    Raises:
        InputError: the file is missing or is not of that form, or a text is no assignment.
    """
    settings: dict[str, str | Threshold] = {}
    if path is not None:
        try:
            read = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as fault:
            raise InputError(f"{path} cannot be read as TOML: {fault}") from fault
        if set(read) - {"thresholds"} or not isinstance(read.get("thresholds", {}), dict):
            raise InputError(f"{path}: write the thresholds under [thresholds], one `rule = value` a line")
        for name, value in read.get("thresholds", {}).items():
            settings[name] = tuple(map(str, value)) if isinstance(value, list) else cast("str | float", value)
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InputError(f"{text!r} is no setting; write it like max_line=2000")
        settings[name.strip()] = value.strip()
    return settings


def _threshold(rule: Rule, given: str | Threshold) -> Threshold:
    try:
        if rule.compare in {"at most", "at least"}:
            return float(given)  # type: ignore[arg-type]
        if isinstance(rule.threshold, tuple):
            return given if isinstance(given, tuple) else tuple(part.strip() for part in str(given).split(","))
        return str(given)
    except (TypeError, ValueError) as fault:
        raise InputError(f"{rule.name} takes a number ({rule.says} {rule.compare} it), not {given!r}") from fault

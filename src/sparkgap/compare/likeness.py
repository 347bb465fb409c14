"""May two runs be compared? What was asked of each, part by part.

Two models differ in model and identity, and that is what is compared. Everything else that the runs record should be
the same. What makes it another exam (data, prompts, variant, split, extraction, rater) is a refusal; what should not
move a score much (limits, isolation, versions, decoding) is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparkgap.results import BenchmarkResult

_EXAM = {  # what makes it another exam, and how that is said
    "variant": "put to the model in different ways",
    "split": "over different splits",
    "extraction": "replies read in different ways",
}
_CONDITIONS = {
    "limits": "limits of time and memory",
    "isolation": "isolation",
    "code": "code that reads replies and judges programs",
    "sparkgap": "version of Sparkgap",
    "python": "version of Python",
    "decoding": "decoding",
}
_IN_PROMPTS = ("limit", "split", "variant")  # what changes the sha256 of the prompts besides the prompts


@dataclass(frozen=True, slots=True)
class Unlikeness:
    """What differs between two runs of a benchmark: why they must not be compared, and what to bear in mind."""

    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def unlike(ours: BenchmarkResult, theirs: BenchmarkResult) -> Unlikeness:
    """Return how two runs of the same benchmark differ in what was asked."""
    return Unlikeness(tuple(_refusals(ours.asked, theirs.asked)), tuple(_warnings(ours.asked, theirs.asked)))


def _refusals(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    for file in sorted({*ours.get("data", {})} & {*theirs.get("data", {})}):
        if ours["data"][file] != theirs["data"][file]:
            yield f"different data: {file} is {ours['data'][file][:10]} and {theirs['data'][file][:10]}"
    for key, words in _EXAM.items():
        if _known(ours, theirs, key) and ours[key] != theirs[key]:
            yield f"{words}: {_shown(ours[key])} and {_shown(theirs[key])}"
    if _known(ours, theirs, "rater") and ours["rater"].get("model") != theirs["rater"].get("model"):
        yield f"rated by different models: {ours['rater'].get('model')} and {theirs['rater'].get('model')}"
    if _prompts_differ(ours, theirs) and not _moved(ours, theirs):
        yield f"different prompts: {ours['prompts'][:10]} and {theirs['prompts'][:10]}"


def _warnings(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    for key, words in _CONDITIONS.items():
        if None not in (ours.get(key), theirs.get(key)) and ours[key] != theirs[key]:
            yield f"different {words}: {_shown(ours[key])} and {_shown(theirs[key])}"
    raters = [each["rater"] for each in (ours, theirs) if each.get("rater")]
    if len(raters) == 2 and raters[0] != raters[1] and raters[0].get("model") == raters[1].get("model"):
        yield f"rated by {raters[0].get('model')} under different identities"
    if _prompts_differ(ours, theirs) and (moved := _moved(ours, theirs)):
        yield f"whether the prompts are the same cannot be told, for their sha256 covers {' and '.join(moved)} as well"
    if ours.get("limit") != theirs.get("limit"):
        asked = (str(each.get("limit") or "all") for each in (ours, theirs))
        yield f"different numbers of problems asked: {' and '.join(asked)}; the shared ones are compared"
    if unknown := [each for each in (ours, theirs) if not each.get("prompts")]:
        side = "one side was" if len(unknown) == 1 else "both sides were"
        yield f"how {side} asked (prompts, decoding) is not recorded: answers that were on disk already"


def _known(ours: Mapping[str, Any], theirs: Mapping[str, Any], key: str) -> bool:
    """Whether both sides recorded it; "auto" splits are what the samples touched, which the shared problems settle."""
    told = ours.get(key), theirs.get(key)
    return all(told) and not (key == "split" and "auto" in told)


def _prompts_differ(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return _known(ours, theirs, "prompts") and bool(ours["prompts"] != theirs["prompts"])


def _moved(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    return [key for key in _IN_PROMPTS if ours.get(key) != theirs.get(key)]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        told = ", ".join(f"{key} {_shown(part)}" for key, part in value.items() if part not in (None, {}, ""))
        return told or "the defaults"
    if isinstance(value, str) and len(value) == 64:  # a sha256
        return value[:10]
    return "none" if value in (None, "") else str(value)

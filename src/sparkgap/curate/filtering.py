"""All filters, in their order, and what they make of one document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sparkgap import plugins
from sparkgap.curate.documents import Document, Value
from sparkgap.curate.rules import STEPS, Filter, Judged, Rewriter


@cache
def filters() -> tuple[Filter, ...]:
    """Return every filter, built in or a third party's, in the order of their steps."""
    found = [plugins.find("filters", name) for name in plugins.names("filters")]
    return tuple(sorted(found, key=lambda each: (STEPS.index(each.step), each.order, each.name)))


def rules() -> tuple[Judged, ...]:
    """Return every rule of every filter, in the order in which they are applied."""
    return tuple(Judged(rule, each.step, f"{each.name} {each.version}") for each in filters() for rule in each.rules)


def attributes() -> dict[str, type]:
    """Return the name and the type of all that filters measure."""
    return {name: kind for each in filters() for name, kind in each.attributes.items()}


def measure(document: Document, prepared: Any = None) -> tuple[Document, dict[str, Value]]:
    """Return a document as the filters leave it, and all its attributes.

    `prepared` is what `prepare` of the filters that have it is given (the benchmarks).
    """
    values: dict[str, Value] = {}
    for each in filters():
        if isinstance(each, Rewriter):
            document, found = each.rewrite(document)
            values |= found
        values |= _measured(each, replace(document, attributes=values), prepared)
    return document, values


def _measured(each: Filter, document: Document, prepared: Any) -> dict[str, Value]:
    if against := getattr(each, "measure_against", None):
        return dict(against(document, prepared)) if prepared is not None else {}
    return dict(each.measure(document))


def versions(chosen: Sequence[Filter] | None = None) -> dict[str, str]:
    """Return the version of each filter by its name."""
    return {each.name: each.version for each in chosen or filters()}

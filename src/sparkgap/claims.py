"""Published figures: who said what of which model, when and where; reported, not measured.

`claims.toml` beside this file holds what ships with Sparkgap and says the form; users add files of their own, whose
figures go before these. A claim knows how exactly it was put, so that it can be checked against the number of problems
that it is said to be over.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sparkgap.errors import InputError

SHIPPED = Path(__file__).with_name("claims.toml")
REPORTED = "reported, not measured"

_UNITS = {"%": ("share", 100), "rating": ("rating", 1), "score": ("score", 1)}  # as typed -> unit, its scale there
_ENDS = {"share": (0, 1), "rating": (1, 10), "score": (0, 100)}
_SAID = ("model", "said_by", "when", "where")  # what each claim must say


@dataclass(frozen=True, slots=True)
class Claim:
    """One published figure, in the `unit` of its benchmark ([0, 1] for a share).

    `rounding` is half a unit of its last digit. `problems` is how many it is said, or assumed, to be over; None where
    nobody knows.
    """

    model: str
    benchmark: str
    value: float
    unit: str
    said_by: str
    when: str
    where: str
    note: str = ""
    problems: int | None = None
    rounding: float = 0.0

    def __str__(self) -> str:
        """Say it in one line."""
        shown = f"{100 * self.value:.10g} %" if self.unit == "share" else f"{self.value:.10g}"
        tail = f"; {self.note}" if self.note else ""
        return f"{self.model} {self.benchmark} {shown}: {self.said_by}, {self.when} ({self.where}){tail}"

    def attainable(self, problems: int) -> bool:
        """Whether one sample a problem can give this share, as it is rounded (Brown and Heathers 2017, "GRIM")."""
        if self.unit != "share":
            return True
        nearest = round(self.value * problems)
        return any(abs(k / problems - self.value) <= self.rounding + 1e-12 for k in (nearest - 1, nearest, nearest + 1))


@dataclass(frozen=True, slots=True)
class Claimed:
    """All that is claimed of one model, by benchmark. `name` is what the user called it, else the model's name."""

    name: str
    model: str
    claims: Mapping[str, Claim]


def read_claims(files: Iterable[str | Path] = ()) -> dict[str, Claimed]:
    """Return what is claimed, by the slug of the model's name; `files` of the user go before what ships.

    Raises:
        InputError: a file is missing, is no TOML, or lacks something that a claim must say (it names file and claim).
    """
    models: dict[str, Claimed] = {}
    problems: dict[str, int] = {}
    for path in (SHIPPED, *map(Path, files)):
        there: set[tuple[str, str]] = set()
        content = _toml(path)
        problems |= _problems(path, content.pop("problems", {}))
        for claim in _claims(path, content, problems):
            key = slug(claim.model)
            if (key, claim.benchmark) in there:
                raise InputError(f"{path}: {claim.model} has two figures for {claim.benchmark}; keep one")
            there.add((key, claim.benchmark))
            old = models[key].claims if key in models else {}
            models[key] = Claimed(claim.model, claim.model, {**old, claim.benchmark: claim})
    return models


def find_claims(model: str, files: Iterable[str | Path] = ()) -> Claimed:
    """Return what is claimed of `model`, written in any way that has the same slug ("GPT-5", "gpt 5").

    Raises:
        InputError: nothing is claimed of it, or see `read_claims`.
    """
    models = read_claims(files)
    if (found := models.get(slug(model))) is not None:
        return found
    close = get_close_matches(slug(model), models, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(models))}"
    raise InputError(f"nothing is claimed of {model!r}; {hint} (--claims FILE adds yours)")


def slug(model: str) -> str:
    """Return a model's name in small letters, digits and dots, everything else a dash."""
    return re.sub(r"[^a-z0-9.]+", "-", model.lower()).strip("-")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except OSError as fault:
        raise InputError(f"cannot read the claims in {path}: {fault.strerror}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: {fault}; {SHIPPED} shows the form") from fault


def _problems(path: Path, told: Any) -> dict[str, int]:
    if not isinstance(told, dict) or not all(_is_count(count) for count in told.values()):
        raise InputError(f"{path}: [problems] holds a whole number above 0 for each benchmark")
    return told


def _claims(path: Path, content: dict[str, Any], problems: Mapping[str, int]) -> Iterator[Claim]:
    tables = content.pop("claims", [])
    if content or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        unknown = ", ".join(content) or "claims"
        raise InputError(f"{path}: {unknown}: a file of claims has [[claims]] tables and [problems]; see {SHIPPED}")
    for number, table in enumerate(tables, 1):
        place = f"{path}: claim {number} ({table.get('model', 'no model')})"
        for key in _SAID:
            if not isinstance(table.get(key), str) or not table[key].strip():
                raise InputError(f"{place} does not say {key}; a figure without a source is no claim")
        figures = table.get("figures")
        if not isinstance(figures, dict) or not figures:
            raise InputError(f"{place} has no figures; put them under [claims.figures]")
        if unknown_keys := table.keys() - {*_SAID, "note", "figures"}:
            raise InputError(f"{place} has {', '.join(sorted(unknown_keys))}, which no claim has; see {SHIPPED}")
        said = {key: table[key] for key in _SAID} | {"note": str(table.get("note", ""))}
        for benchmark, figure in figures.items():
            yield _claim(f"{place}, {benchmark}", benchmark, figure, said, problems.get(benchmark))


def _claim(place: str, benchmark: str, figure: Any, said: Mapping[str, str], problems: int | None) -> Claim:
    table = figure if isinstance(figure, dict) else {"value": figure}
    if unknown := table.keys() - {"value", "unit", "problems", "note"}:
        raise InputError(f"{place}: {', '.join(sorted(unknown))} is not part of a figure; see {SHIPPED}")
    value, typed = table.get("value"), table.get("unit", "%")
    if typed not in _UNITS:
        raise InputError(f'{place}: unit {typed!r} is none of "%", "rating" and "score"')
    unit, scale = _UNITS[typed]
    low, high = _ENDS[unit]
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not low <= float(value) / scale <= high:
        raise InputError(f"{place}: {value} is no figure from {low * scale} to {high * scale}")
    told = table.get("problems", problems)
    if told is not None and not _is_count(told):
        raise InputError(f"{place}: problems is a whole number above 0, not {told!r}")
    return Claim(
        benchmark=benchmark,
        value=float(Decimal(value) / scale),
        unit=unit,
        problems=told,
        rounding=0.5 * 10.0 ** _exponent(Decimal(value)) / scale,
        **{**said, "note": "; ".join(part for part in (str(table.get("note", "")), said["note"]) if part)},
    )


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0

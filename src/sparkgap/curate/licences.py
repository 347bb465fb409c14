"""Licences: from words to SPDX expressions, and from an expression to yes or no; whatever is not known is no.

The phrases are those of the licences' own texts and of the headers that they recommend. Not covered: licences in
other languages than English, and telling which part of a file a second licence in it is for: all that are found hold
at once (`AND`).
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

DEFAULT_ALLOWED: tuple[str, ...] = (
    "0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "HPND",
    "ISC", "MIT", "MIT-0", "MIT-CMU", "NCSA", "PostgreSQL", "PSF-2.0", "Python-2.0", "Python-2.0.1", "Unlicense",
    "UPL-1.0", "X11", "Zlib", "ZPL-2.1",
)  # fmt: skip
UNKNOWN = "LicenseRef-unknown"

_COPYLEFT = re.compile(
    r"^(A?GPL|LGPL|MPL|EPL|EUPL|CDDL|CPL|OSL|SSPL|CC-BY-SA|CC-BY-NC|CC-BY-ND|CECILL|QPL|RPL|Sleepycat|MS-RL|"
    r"LicenseRef-(proprietary|non-commercial)|BUSL|Parity|PolyForm|Elastic|LPPL|OFL|ODbL|Artistic-1|NPL|SISSL|IPL|RPSL)"
)

_GRANTED = r"(?<!software that is )(licensed|released|distributed|available) under (the )?(terms of )?(the )?(gnu )?"

# In order; the phrase must stand in the text after `_flat`. (Python's own licence speaks of "other software that is
# released under the GPL", and grants nothing by it.) "{only}" becomes -only or -or-later by what stands near.
_TEXTS: tuple[tuple[str, str], ...] = (
    (r"gnu affero general public license.{0,40}version 3|(under|of) the (terms of the )?gnu affero general public",
     "AGPL-3.0{only}"),
    (r"gnu lesser general public license.{0,20}version 3|"
     r"(under|of) the (terms of the )?gnu lesser general public.{0,120}version 3",
     "LGPL-3.0{only}"),
    (r"gnu (lesser|library) general public license.{0,20}version 2|"
     r"(under|of) the (terms of the )?gnu (lesser|library) general public",
     "LGPL-2.1{only}"),
    (r"gnu general public license.{0,20}version 3[ ,.]|"
     r"(under|of) the (terms of the )?gnu general public license.{0,120}version 3",
     "GPL-3.0{only}"),
    (r"gnu general public license version 2|(under|by) the terms of the (version [\d.]+ of the )?gnu general public"
     r"|(licensed|released|available|redistributed) under (the )?gnu general public", "GPL-2.0{only}"),
    (_GRANTED + "agpl", "AGPL-3.0{only}"),
    (_GRANTED + "lgpl", "LGPL-2.1{only}"),
    (_GRANTED + "gpl", "GPL-2.0{only}"),
    (r"mozilla public license,? (version |v\. ?)?2|mozilla\.org/mpl/2", "MPL-2.0"),
    (r"mozilla public license,? (version |v\. ?)?1", "MPL-1.1"),
    (r"eclipse public license", "EPL-2.0"),
    (r"common development and distribution license", "CDDL-1.0"),
    (r"server side public license", "SSPL-1.0"),
    (r"business source license", "BUSL-1.1"),
    (r"commons clause", "LicenseRef-non-commercial"),
    (r"creative commons attribution-?( )?non-?commercial", "CC-BY-NC-4.0"),
    (r"creative commons attribution-?( )?share-?alike", "CC-BY-SA-4.0"),
    (r"proprietary and confidential|confidential and proprietary|unauthorized copying of this file",
     "LicenseRef-proprietary"),
    (r"apache license,? version 2\.0|apache\.org/licenses/license-2\.0|apache license 2\.0|apache 2\.0 licen[sc]e|"
     r"licensed under apache-?2",
     "Apache-2.0"),
    (r"permission is hereby granted, free of charge, to any person obtaining a copy|opensource\.org/licenses/mit|"
     r"(licensed|released|distributed|available) under (the )?(terms of )?(the )?mit licen[sc]e", "MIT"),
    (r"redistribution and use in source and binary forms.{0,900}all advertising materials", "BSD-4-Clause"),
    (r"redistribution and use in source and binary forms.{0,1200}(neither the name|names? of .{0,60}may not be used)",
     "BSD-3-Clause"),
    (r"redistribution and use in source and binary forms(?!.{0,1200}(neither the name|may not be used))",
     "BSD-2-Clause"),
    (r"(licensed|released|distributed|available) under (the )?(terms of )?(the )?(new |modified |revised )?"
     r"bsd(-3-clause| 3-clause)? licen[sc]e", "BSD-3-Clause"),
    (r"permission to use, copy, modify,? (and/or|and) distribute this software for any purpose with or without fee is "
     r"hereby granted, provided that the above", "ISC"),
    (r"permission to use, copy, modify,? (and/or|and) distribute this software for any purpose with or without fee is "
     r"hereby granted\. the software", "0BSD"),
    (r"permission to use, copy, modify,? and distribute this (software|python software) and its (associated )?"
     r"documentation (for any purpose )?(and )?without fee|permission to use, copy, modify,? and distribute this "
     r"(software|python software) and its (associated )?documentation for any purpose", "HPND"),
    (r"licensed to psf under a contributor agreement|python software foundation license version 2|"
     r"psf license agreement for python", "PSF-2.0"),
    (r"this is free and unencumbered software released into the public domain|unlicense\.org", "Unlicense"),
    (r"cc0 1\.0 universal|creativecommons\.org/publicdomain/zero", "CC0-1.0"),
    (r"boost software license", "BSL-1.0"),
    (r"this software is provided 'as-is', without any express or implied warranty\. in no event", "Zlib"),
    (r"zope public license", "ZPL-2.1"),
)  # fmt: skip

# Free text of metadata and of one-line headers ("License: BSD 3 clause"), whole, after `_flat`.
_NAMES: tuple[tuple[str, str], ...] = (
    (r"(gnu )?(affero|agpl).*", "AGPL-3.0-or-later"),
    (r"(gnu )?(lesser|library|lgpl).*3.*", "LGPL-3.0-or-later"),
    (r"(gnu )?(lesser|library|lgpl).*", "LGPL-2.1-or-later"),
    (r"(gnu )?(general public|gpl).*3.*", "GPL-3.0-or-later"),
    (r"(gnu )?(general public|gpl).*", "GPL-2.0-or-later"),
    (r"(the )?(mozilla|mpl).*1\.1.*", "MPL-1.1"),
    (r"(the )?(mozilla|mpl).*", "MPL-2.0"),
    (r"(the )?(mit|expat)( licen[sc]e)?( \(mit\))?", "MIT"),
    (r"(the )?mit-cmu.*|historical permission notice.*|hpnd.*", "HPND"),
    (r"(the )?apache( software)?( licen[sc]e)?,?( ?v?(ersion)? ?2(\.0)?)?|asl ?2(\.0)?|apache-2", "Apache-2.0"),
    (r"(the )?(new|modified|revised|3-clause|three-clause|3 clause) bsd.*|(the )?bsd[- ]?(\()?(3|three|new|modified).*",
     "BSD-3-Clause"),
    (r"(the )?(simplified|2-clause) bsd.*|(the )?bsd[- ]?(\()?(2|two|simplified).*", "BSD-2-Clause"),
    (r"(the )?bsd([- ](style|licen[sc]e))?( licen[sc]e)?", "BSD-3-Clause"),
    (r"(the )?isc( licen[sc]e)?( \(iscl\))?", "ISC"),
    (r"(the )?(python software foundation|psf|psfl).*", "PSF-2.0"),
    (r"python( licen[sc]e)?( \(cnri.*)?", "Python-2.0"),
    (r"(the )?unlicense.*", "Unlicense"),
    (r"cc0.*", "CC0-1.0"),
    (r"(the )?zlib.*", "Zlib"),
    (r"(zope public|zpl).*", "ZPL-2.1"),
    (r"0bsd|bsd-0.*", "0BSD"),
    (r"boost.*|bsl-?1.*", "BSL-1.0"),
    (r"ncsa.*|university of illinois.*", "NCSA"),
    (r".*proprietary.*|.*all rights reserved.*", "LicenseRef-proprietary"),
)  # fmt: skip

_PHRASES = tuple((re.compile(pattern), spdx) for pattern, spdx in _TEXTS)
_CALLED = tuple((re.compile(pattern), spdx) for pattern, spdx in _NAMES)
_HINT = re.compile(
    r"licen[sc]|copying|permission|redistribution|public domain|confidential|unauthorized|warranty", re.I
)
_TAG = re.compile(r"SPDX-License-Identifier:\s*(.+?)\s*(?:\*/|-->|$)", re.MULTILINE)
_LINE = re.compile(
    r"^\W{0,6}(?:@?licen[sc]ed?(?: under)?(?: the)?)\s*[:=]?\s+(?P<name>[^\n]{2,60}?)[\s.\"']*$", re.I | re.M
)
_SAME = 0.9  # share of word pairs two texts have in common to be the same licence


def of_header(header: str) -> str:
    """Return what a file's header (comments and docstring) says, as an SPDX expression; "" if nothing."""
    if tags := _TAG.findall(header):
        return _joined([_normal(tag) for tag in tags])
    if not _HINT.search(header):
        return ""
    if found := _by_phrase(_flat(header)):
        return _joined(found)
    for match in _LINE.finditer(header):
        if named := of_name(match["name"], known_only=True):
            return named
    return ""


def of_file(text: str) -> str:
    """Return the licence of a licence file's text, as an SPDX expression; `UNKNOWN` if it cannot be told."""
    if tags := _TAG.findall(text[:2000]):
        return _joined([_normal(tag) for tag in tags])
    flat = _flat(text)
    found = _by_phrase(flat)
    if (same := _by_likeness(flat)) is not None:
        spdx, own = same  # a licence's text may speak of others; what else is found was put to it
        found = [spdx, *(each for each in found if each not in own)]
    return _joined(found) or UNKNOWN


def of_name(name: str, known_only: bool = False) -> str:
    """Return the SPDX expression that a name in metadata means, e.g. of "BSD 3-Clause" or "MIT OR Apache-2.0"."""
    name = name.strip()
    if not name or name.lower() in {"unknown", "none", "other"}:
        return "" if known_only else UNKNOWN
    if len(name) > 200:
        return of_file(name)
    expression = _normal(name)
    if expression != UNKNOWN:
        return expression
    flat = _flat(name)
    for pattern, spdx in _CALLED:
        if pattern.fullmatch(flat):
            return spdx
    return "" if known_only else UNKNOWN


@lru_cache(maxsize=4096)
def allowed(expression: str, allow: frozenset[str]) -> bool:
    """Whether code under `expression` may be used if the licences in `allow` may; "" and what is unknown may not.

    An exception (`WITH`) counts as the licence without it.
    """
    parsed = _parsed(expression)
    return parsed is not None and _holds(parsed, lambda key: key in allow)


@lru_cache(maxsize=4096)
def copyleft(expression: str) -> bool:
    """Whether code under `expression` can only be had under terms that pass on to what is made of it, or forbid it."""
    parsed = _parsed(expression)
    return parsed is not None and not _holds(parsed, lambda key: _COPYLEFT.match(key) is None)


def _holds(node: Any, good: Any) -> bool:
    kind = type(node).__name__
    if kind in {"AND", "OR"}:
        return (all if kind == "AND" else any)(_holds(part, good) for part in node.args)
    key = node.license_symbol.key if hasattr(node, "license_symbol") else node.key
    return bool(good(key))


@cache
def _licensing() -> Any:
    from license_expression import get_spdx_licensing  # type: ignore[import-untyped]

    return get_spdx_licensing()


def _parsed(expression: str) -> Any:
    from license_expression import ExpressionError

    if not expression:
        return None
    try:
        return _licensing().parse(expression)
    except (ExpressionError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _normal(expression: str) -> str:
    """Return an SPDX expression in SPDX's own spelling, or `UNKNOWN` if a part of it is no SPDX identifier."""
    parsed = _parsed(expression)
    if parsed is None or _licensing().unknown_license_keys(parsed):
        return UNKNOWN
    return str(parsed)


def _joined(found: list[str]) -> str:
    """Return the expression for licences that all hold."""
    parts = list(dict.fromkeys(found))
    if UNKNOWN in parts:
        return UNKNOWN
    return " AND ".join(f"({part})" if " OR " in part and len(parts) > 1 else part for part in parts)


def _flat(text: str) -> str:
    """Return a text in lower case, without comment marks, each run of white space as one blank."""
    return re.sub(r"[\s#*;|\"`]+", " ", re.sub(r"(?m)^[ \t]*//+", " ", text.lower())).strip()


def _by_phrase(flat: str) -> list[str]:
    found: list[str] = []
    for pattern, spdx in _PHRASES:
        if match := pattern.search(flat):
            near = flat[match.start() : match.end() + 400]
            later = "any later version" in near or "or later" in near
            found.append(spdx.replace("{only}", "-or-later" if later else "-only"))
    families = {each.split("-")[0] for each in found}
    if len(found) > 1 and "AGPL" in families:  # its text speaks of the GPL, and the LGPL's text does as well
        found = [each for each in found if not each.startswith(("GPL", "LGPL"))]
    if len(found) > 1 and "LGPL" in families:
        found = [each for each in found if not each.startswith("GPL")]
    return [each for place, each in enumerate(found) if each.split("-")[0] not in
            {other.split("-")[0] for other in found[:place]} or each.startswith("BSD")]  # fmt: skip


def _by_likeness(flat: str) -> tuple[str, list[str]] | None:
    """Return the licence whose published text this is, and the licences whose phrases stand in that text."""
    pairs = _pairs(flat)
    likeness, spdx, own = max((_share(pairs, known), spdx, own) for spdx, known, own in _known_texts())
    if likeness < _SAME:
        return None
    return (spdx + "-only" if re.match(r"A?L?GPL", spdx) else spdx), own


@cache
def _known_texts() -> tuple[tuple[str, Counter[tuple[str, str]], list[str]], ...]:
    from identify.vendor.licenses import LICENSES

    return tuple((spdx, _pairs(_flat(text)), _by_phrase(_flat(text))) for spdx, text in LICENSES)


def _pairs(flat: str) -> Counter[tuple[str, str]]:
    words = re.findall(r"\w+", re.sub(r"copyright .{0,80}", " ", flat))
    return Counter(pairwise(words))


def _share(one: Counter[tuple[str, str]], other: Counter[tuple[str, str]]) -> float:
    return 2 * (one & other).total() / max(1, one.total() + other.total())

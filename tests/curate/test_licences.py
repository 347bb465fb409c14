"""Licences: the published texts, headers as people write them, and expressions against plain logic."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identify.vendor.licenses import LICENSES

import corpus
from sparkgap.curate import licences
from sparkgap.curate.filters.licence import header

ALLOWED = frozenset(licences.DEFAULT_ALLOWED)


@pytest.mark.parametrize(("spdx", "text"), LICENSES, ids=[spdx for spdx, _ in LICENSES])
def test_a_published_text_is_known(spdx: str, text: str) -> None:
    told = licences.of_file(text)
    if re.match(r"A?L?GPL", spdx):
        assert told.startswith(spdx) or told.startswith(spdx.replace(".0", ".0-only"))
        assert licences.copyleft(told)
    else:
        assert told.split("-Clear")[0].startswith(spdx.split("-", maxsplit=1)[0]), told
    assert licences.allowed(told, ALLOWED) == licences.allowed(licences.of_name(spdx), ALLOWED)


@pytest.mark.parametrize(
    ("text", "spdx"),
    [
        ("# SPDX-License-Identifier: MIT", "MIT"),
        ("/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */", "GPL-2.0-only OR MIT"),
        ("# SPDX-License-Identifier: Something-Else", licences.UNKNOWN),
        (corpus.GPL_HEADER, "GPL-3.0-or-later"),
        ("# This file is part of X, which is licensed under the GNU General Public License, v2.", "GPL-2.0-only"),
        ("# License: LGPLv3+", "LGPL-3.0-or-later"),
        ("# License: BSD 3 clause", "BSD-3-Clause"),
        ("# Licensed under the Apache License, Version 2.0 (the \"License\");", "Apache-2.0"),
        ("# Licensed to PSF under a Contributor Agreement.", "PSF-2.0"),
        ("# Released under the MIT License.", "MIT"),
        ("# This source code is licensed under the BSD-style license found in the\n# LICENSE file", ""),
        ("# License: see LICENSE", ""),
        ("# Parses licence files and says which licence they hold.", ""),
        ("# PROPRIETARY AND CONFIDENTIAL. Unauthorized copying of this file is prohibited.", "LicenseRef-proprietary"),
        ("# just a comment", ""),
    ],
)  # fmt: skip
def test_a_header_says_what_it_says(text: str, spdx: str) -> None:
    assert licences.of_header(text) == spdx


def test_pythons_own_licence_is_known() -> None:
    path = Path(sysconfig.get_paths()["stdlib"]) / "LICENSE.txt"
    if not path.exists():
        pytest.skip("this Python came without its licence")
    told = licences.of_file(path.read_text("utf-8"))
    assert "PSF-2.0" in told
    assert licences.allowed(told, ALLOWED)


def test_the_copy_of_a_licence_in_code_is_no_header() -> None:
    assert header('import re\nPHRASE = "under the terms of the GNU General Public License"\n') == ""
    assert "terms" in header('"""A tool.\n\nunder the terms of it\n"""\nimport re\n')


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        ("MIT", "MIT"), ("MIT License", "MIT"), ("BSD", "BSD-3-Clause"), ("BSD 2-Clause", "BSD-2-Clause"),
        ("Apache Software License 2.0", "Apache-2.0"), ("GPLv3", "GPL-3.0-or-later"), ("apache-2.0", "Apache-2.0"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"), ("Foo", licences.UNKNOWN), ("", licences.UNKNOWN),
        ("GNU Lesser General Public License v3 (LGPLv3)", "LGPL-3.0-or-later"),
        ("All rights reserved", "LicenseRef-proprietary"),
    ],
)  # fmt: skip
def test_a_name_means_an_expression(name: str, spdx: str) -> None:
    assert licences.of_name(name) == spdx


@pytest.mark.parametrize(
    "expression", ["", "nonsense ((", licences.UNKNOWN, "GPL-2.0-only WITH Classpath-exception-2.0"]
)
def test_what_is_not_known_may_not_be_used(expression: str) -> None:
    assert not licences.allowed(expression, ALLOWED)


KEYS = ("MIT", "Apache-2.0", "GPL-3.0-only", "MPL-2.0", "ISC")
EXPRESSIONS = st.recursive(
    st.sampled_from(KEYS), lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner), max_leaves=6
)


@given(EXPRESSIONS, st.sets(st.sampled_from(KEYS)))
def test_an_expression_holds_as_logic_has_it(tree: object, allow: set[str]) -> None:
    def told(node: object) -> str:
        return node if isinstance(node, str) else f"({told(node[1])} {node[0]} {told(node[2])})"  # type: ignore[index]

    def true(node: object) -> bool:
        if isinstance(node, str):
            return node in allow
        kind, left, right = node  # type: ignore[misc]
        return (true(left) and true(right)) if kind == "AND" else (true(left) or true(right))

    assert licences.allowed(told(tree), frozenset(allow)) == true(tree)

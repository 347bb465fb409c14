"""What a test of another language stands on: its toolchain, or the test is skipped.

SPARKGAP_REQUIRE_LANGUAGES names languages, spaces between them, whose tests fail instead.
"""

from __future__ import annotations

import os

import pytest

from sparkgap import CodeTests, plugins
from sparkgap.errors import ToolchainError


def needed(language: str, tests: CodeTests | None = None) -> None:
    """Skip the test where what a language (or these tests in it) stand on is not here; fail it where it was to be."""
    try:
        found = plugins.find("languages", language)
        found.kit()
        if tests is not None:
            found.candidate("", tests)
    except ToolchainError as error:
        if language in os.environ.get("SPARKGAP_REQUIRE_LANGUAGES", "").split():
            pytest.fail(str(error))
        pytest.skip(str(error))

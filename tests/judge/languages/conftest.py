"""A judge for programs in other languages, with one worker, so that what one leaves would meet the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sparkgap import Judge
from toolchain import needed


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """A judge at the best level of this machine."""
    with Judge(workers=1) as judge:
        yield judge


@pytest.fixture
def installed():
    """Return a function that skips the test where a language's toolchain is not installed."""
    return needed

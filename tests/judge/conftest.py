"""The judge that attacks are put to, with one worker, so that what an attack leaves would meet the next program."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from enemies.escapes import SECRET, SECRET_NAME
from sparkgap import Judge


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """A judge at the best level of this machine, whose caller has a secret in its environment."""
    os.environ[SECRET_NAME] = SECRET
    with Judge(workers=1) as judge:
        yield judge
    del os.environ[SECRET_NAME]

"""Shared fixtures: where the published benchmark files are, if anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine takes its time over one example; what must not take long is watched by other means than a clock.
settings.register_profile("sparkgap", deadline=None)
settings.load_profile("sparkgap")


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of published files (`SPARKGAP_DATA`, or `../shared/data` beside the checkout), else skip."""
    named = os.environ.get("SPARKGAP_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "humaneval").is_dir():
        pytest.skip("the published benchmark files are not here (set SPARKGAP_DATA)")
    return folder

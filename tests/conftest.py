"""Shared fixtures: where the published benchmark files are, if anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine takes its time over one example; what must not take long is watched by other means than a clock.
settings.register_profile("sparkgap", deadline=None)
settings.load_profile("sparkgap")


# Every test finds the published files in one way: where SPARKGAP_DATA says, else in `shared/data` beside the checkout.
_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
if _BESIDE.is_dir():
    os.environ.setdefault("SPARKGAP_DATA", str(_BESIDE))


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of published files, else skip."""
    folder = Path(os.environ.get("SPARKGAP_DATA", ""))
    if not (folder / "humaneval").is_dir():
        pytest.skip("the published benchmark files are not here (set SPARKGAP_DATA)")
    return folder

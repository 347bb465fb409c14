"""A key stays where it was: in the environment. Looked for in everything that a whole measurement writes and says."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from chat_server import chatting
from sparkgap.measure import MeasureOptions, measure
from sparkgap.models import ModelError

CANARY = "sk-canary-8f14e45fceea167a"


def everything(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8", errors="replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_key_is_in_nothing_that_a_measurement_leaves(
    provider: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", CANARY)
    said = {"error": {"message": f"no: you sent {CANARY}"}}
    always: Any = None if status == 200 else (status, said, {})
    error = ""
    with chatting(always=always) as server, caplog.at_level(logging.DEBUG):
        url = server.url if provider == "openai" else server.url.removesuffix("/v1")
        options = MeasureOptions(model_args={"base_url": url}, limit=3, retries=1, root=tmp_path)
        try:
            measure(f"{provider}/some-model", "hello", options=options)
        except ModelError as fault:
            error = str(fault)
        assert any(CANARY in head for head in server.headers)
    assert bool(error) == (status == 401)
    written = everything(tmp_path)
    assert "some-model" in written
    assert ("[key]" in written + error) == (status != 200)
    captured = capfd.readouterr()
    assert CANARY not in written + error + caplog.text + captured.out + captured.err

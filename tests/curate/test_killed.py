"""Killed at random moments by a signal that nobody can catch, the same command comes to the same bytes."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import corpus

pytestmark = pytest.mark.soak
SEED = int(os.environ.get("SPARKGAP_KILL_SEED", "1"))


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".scan" not in path.parts
    }


def start(sources: list[str], out: Path, workers: int) -> subprocess.Popen[bytes]:
    words = ["curate", *sources, "-o", str(out), "--against", "hello", "--selftest", "3", "--workers", str(workers),
             "--quiet", "--fim", "<a>,<b>,<c>", "--set", "language=python,shell"]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "sparkgap", *words], start_new_session=True, stdout=subprocess.DEVNULL
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_at_random_moments_changes_no_byte(tmp_path: Path, workers: int) -> None:
    sources = corpus.build(tmp_path / "corpus")
    began = time.monotonic()
    whole = start(sources, tmp_path / "whole", 1)
    assert whole.wait(600) == 0
    took = time.monotonic() - began
    chance, kills, out = random.Random(SEED + workers), 0, tmp_path / "killed"
    while True:
        process = start(sources, out, workers)
        try:
            assert process.wait(chance.uniform(0.1, 0.9) * took if kills < 12 else 600) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        if kills >= 3:
            break
        shutil.rmtree(out)  # the machine is less busy than it was: once more, and sooner
        kills, took = 0, 0.6 * took
    assert hashes(out) == hashes(tmp_path / "whole")
    assert "data/train-00000.parquet" in hashes(out)

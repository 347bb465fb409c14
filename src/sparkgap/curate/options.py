"""What a user may choose of a curation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sparkgap.curate.minhash import NearOptions
from sparkgap.curate.rules import Threshold

Progress = Callable[[str, int, int], None]  # the phase; files or functions done; bytes done, 0 where there are none


@dataclass(frozen=True, slots=True)
class CurateOptions:
    """Thresholds and how much is done; the machine's part (workers, Ray) changes nothing in the result.

    `against` names benchmarks, () is all whose published files are at hand. `held_out` is a share of the files.
    """

    settings: Mapping[str, str | Threshold] = field(default_factory=dict)
    near: NearOptions = field(default_factory=NearOptions)
    against: tuple[str, ...] = ()
    compiling: bool = True  # files in other languages than Python are looked over by their compilers
    behaviour: bool = True
    proof: bool = True
    selftest: int = 40  # problems of each benchmark that the decontamination is tested with; 0 for none
    held_out: float = 0.02
    fim: tuple[str, str, str] | None = None  # a model's tokens before prefix, suffix and middle: files with a gap, too
    prefer: Path | None = None  # a run, or a list of `gap`: files are scored by how near they are to what was failed
    workers: int = 1
    ray: str = ""
    progress: Progress | None = None

    def tell(self, phase: str, done: int = 0, size: int = 0) -> None:
        """Say how far it is."""
        if self.progress is not None:
            self.progress(phase, done, size)

"""What compiled languages stand on: programs found on the PATH, what is made with them once, and what of it jails show.

What is made once (a precompiled header, a harness) comes from Sparkgap's own files, never from a candidate's, and is
kept in the cache folder under a sha256 of those files and of the toolchain's version.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from sparkgap.data import cache_folder
from sparkgap.errors import InfraError, ToolchainError
from sparkgap.judge.jail import Runtime

_QUIET = {"LC_ALL": "C.UTF-8"}


def program(name: str, language: str, mend: str) -> str:
    """Return the path of a program on the PATH, links followed.

    Raises:
        ToolchainError: there is none; the text says how to get it.
    """
    found = shutil.which(name)
    if found is None:
        raise ToolchainError(f"{language} needs `{name}`, which is not on the PATH; {mend}")
    return os.path.realpath(found)


def said(*argv: str, check: bool = True, environment: Mapping[str, str] | None = None) -> str:
    """Return what a trusted program prints: its version, where its parts are."""
    done = subprocess.run(
        argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
        env={**os.environ, **_QUIET, **(environment or {})},
    )  # fmt: skip
    if check and done.returncode:
        raise ToolchainError(f"`{' '.join(argv)}` fails ({done.stderr.strip()[-300:]}); reinstall what it belongs to")
    return done.stdout + done.stderr


@cache
def library_folders(*programs: str) -> tuple[str, ...]:
    """Return the folders of the shared libraries that programs load, and of the loader itself."""
    folders = set()
    for path in programs:
        for line in said("ldd", path, check=False).splitlines():
            for word in line.split():
                if word.startswith("/") and ".so" in word:
                    folders |= {os.path.dirname(word), os.path.dirname(os.path.realpath(word))}
    return tuple(sorted(folders))


def runtime(folders: Iterable[str], programs: Iterable[tuple[str, str]]) -> Runtime:
    """Return what a jail shows: whole folders, and programs one by one (where it appears, the host's file)."""
    shown = tuple(programs)
    real = {os.path.realpath(f) for f in (*folders, *library_folders(*(path for _, path in shown)))}
    whole = {f for f in real if os.path.isdir(f) and f != "/"}
    outer = tuple(sorted(f for f in whole if not any(f.startswith(other + "/") for other in whole)))
    apart = tuple(each for each in shown if not each[1].startswith(tuple(f"{folder}/" for folder in outer)))
    return Runtime(outer, ("/etc/ld.so.cache",), programs=apart)


def home() -> Path:
    """Return the folder for what is made once; it need not exist yet."""
    return cache_folder().parent / "toolchains"


def digest(*parts: str | bytes) -> str:
    """Return the start of a sha256 (hex) over several texts."""
    total = hashlib.sha256()
    for each in parts:
        data = each.encode() if isinstance(each, str) else each
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:20]


def draft(path: Path) -> Path:
    """Return a name beside `path` that no other process uses: what is made there is then renamed."""
    return path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")


def finished(unfinished: Path) -> Path:
    """Return the name that a draft will be renamed to."""
    return unfinished.with_name(unfinished.name[1:].rsplit(".", 2)[0])


def made(name: str, depends: Sequence[str | bytes], make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` filled, made anew if anything in `depends` has changed.

    Raises:
        InfraError: it cannot be made or kept.
    """
    base = home()
    folder = base / f"{name}-{digest(*depends)}"
    if folder.is_dir():
        return folder
    try:
        base.mkdir(parents=True, exist_ok=True)
        with open(base / f".{folder.name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder
            unfinished = draft(folder)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
            with contextlib.suppress(OSError):
                os.unlink(base / f".{folder.name}.lock")
    except (OSError, subprocess.SubprocessError) as error:
        raise InfraError(f"what {name} programs are built with cannot be made in {base}: {error}") from error
    return folder


def run(argv: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a trusted program of a toolchain in a folder.

    Raises:
        InfraError: it fails.
    """
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, check=False,
        env={**os.environ, **_QUIET, **(environment or {})},
    )  # fmt: skip
    if done.returncode:
        raise InfraError(f"`{' '.join(argv)}` fails: {(done.stderr or done.stdout).strip()[-2000:]}")

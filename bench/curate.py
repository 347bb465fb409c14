"""What curation costs: near-deduplication beside datasketch and datatrove, and the whole pipeline, in one run.

    python bench/curate.py [--quick] [--rounds N] [--files N] [--json FILE] [SOURCE ...]
    python bench/curate.py --memory FILES

The load are Python files of the SOURCEs, by default the standard library and the packages of the Python that runs
this: at least 200 characters each, no two the same. All contenders get the same parameters (word 5-grams, 25 bands of
10), the same core, and one thread; rounds alternate between them, and a ratio is the median of the rounds' ratios.
CPU seconds count from the texts in memory to the clusters.

Found and agreed is counted on true pairs: the Jaccard index of every two files is computed exactly, from the sets of
their word 5-grams, all with all. The peers are installed from PyPI into an environment in the cache folder.
Not covered: several cores.

With --memory only the memory that near-deduplication holds is measured, on as many made-up signatures, of which three
in ten have a near copy: the peak of what the process holds beyond what it held before, pages of mapped files, which
the kernel may drop, left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import venv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sparkgap import __version__
from sparkgap.curate import CurateOptions, NearOptions, curate
from sparkgap.curate.minhash import bands
from sparkgap.curate.near import forest
from sparkgap.curate.pool import Pool
from sparkgap.curate.shingles import grams, words
from sparkgap.data import cache_folder

PEERS = {"datasketch": ("datasketch==2.0.0",), "datatrove": ("datatrove[processing]==0.10.1", "spacy", "nltk")}
NEAR = NearOptions()
AT = 0.8  # the Jaccard index from which a pair is a near-duplicate that must be found
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def load(sources: Iterable[Path], most: int) -> list[tuple[Path, str]]:
    """Return up to `most` different Python files, evenly by the hash of their text, the same ones every time."""
    seen: dict[str, tuple[Path, str]] = {}
    for source in sources:
        for path in sorted(source.rglob("*.py")):
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            if 200 <= len(text) <= 1_000_000:
                seen.setdefault(hashlib.sha256(text.encode()).hexdigest(), (path, text))
    return [seen[key] for key in sorted(seen)[:most]]


def true_pairs(texts: list[str], least: float) -> dict[tuple[int, int], float]:
    """Return the exact Jaccard index of every two texts that have at least `least`; all are compared with all."""
    sets = [np.unique(grams(words(text), NEAR.ngram)) for text in texts]
    sizes = np.array([each.size for each in sets])
    owner = np.repeat(np.arange(len(sets)), sizes)
    flat = np.concatenate(sets)
    order = np.argsort(flat, kind="stable")
    flat, owner = flat[order], owner[order]
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    ends = np.append(starts[1:], flat.size)
    found: dict[tuple[int, int], float] = {}
    for place, each in enumerate(sets):
        at = np.searchsorted(flat[starts], each)
        shared = [owner[starts[one] : ends[one]] for one in at if ends[one] - starts[one] > 1]
        if not shared:
            continue
        common = np.bincount(np.concatenate(shared), minlength=len(sets))
        index = common / (sizes + sizes[place] - common)
        for other in np.flatnonzero(index >= least):
            if other > place:
                found[place, int(other)] = float(index[other])
    return found


def peers_python() -> tuple[str, list[str]]:
    """Return the Python with the peers installed, and why one is missing."""
    folder = cache_folder().parent / "bench" / f"dedupers-{sys.implementation.cache_tag}-{platform.machine()}"
    python = folder / "bin" / "python"
    missing = []
    if not python.exists():
        venv.create(folder, with_pip=True, clear=True)
    for name, needs in PEERS.items():
        if subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False).returncode:
            done = subprocess.run(
                [python, "-m", "pip", "install", "-q", *needs], capture_output=True, text=True, check=False
            )
            if done.returncode:
                missing.append(f"{name} is left out: {done.stderr.strip().splitlines()[-1:]}")
    return str(python), missing


def run(name: str, python: str, samples: Path, core: int) -> dict[str, Any]:
    """Run one contender in a process of its own on one core."""
    given = {
        "permutations": NEAR.permutations,
        "bands": NEAR.bands,
        "rows": NEAR.rows,
        "ngram": NEAR.ngram,
        "percent": 50,
    }
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run(
            [python, str(Path(__file__).with_name("dedupers.py")), name, str(samples), out.name, json.dumps(given)],
            check=True, env={**os.environ, **THREADS}, preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        told: dict[str, Any] = json.loads(Path(out.name).read_text("utf-8"))
    return told


def judged(clusters: list[int], pairs: dict[tuple[int, int], float]) -> dict[str, float]:
    """Return how many of the true pairs a contender put together."""
    near = [pair for pair, index in pairs.items() if index >= AT]
    hit = sum(clusters[one] == clusters[other] for one, other in near)
    return {"pairs": len(near), "found": hit, "recall": hit / max(1, len(near))}


def agreement(one: list[int], other: list[int]) -> float:
    """Return the share of pairs that both put together, of those that either does."""

    def pairs(clusters: list[int]) -> set[tuple[int, int]]:
        homes: dict[int, list[int]] = {}
        for place, cluster in enumerate(clusters):
            homes.setdefault(cluster, []).append(place)
        return {(a, b) for home in homes.values() for at, a in enumerate(home) for b in home[at + 1 :]}

    first, second = pairs(one), pairs(other)
    return len(first & second) / max(1, len(first | second))


def pipeline(files: list[tuple[Path, str]], folder: Path) -> dict[str, float]:
    """Return the CPU seconds of the whole pipeline on one worker, without the judge, and the peak of memory."""
    source = folder / "source"
    source.mkdir()
    for number, (_, text) in enumerate(files):
        (source / f"f{number:06d}.py").write_text(text, "utf-8")
    (source / "pyproject.toml").write_text('[project]\nlicense = "MIT"\n')
    before = resource.getrusage(resource.RUSAGE_SELF)
    options = CurateOptions(against=("hello",), behaviour=False, proof=False, workers=1)
    curate([str(source)], folder / "out", options)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": cpu_s, "peak_mb": after.ru_maxrss / 1024}


def memory(rows: int, folder: Path) -> dict[str, float]:
    """Return how many bytes a file near-deduplication holds and maps, and its CPU seconds, for made-up signatures."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    chance = np.random.default_rng(1)
    paths = []
    for number, start in enumerate(range(0, rows, 4096)):
        size = min(4096, rows - start)
        signed = chance.integers(0, 2**32, (size, NEAR.permutations), np.uint32)
        copies = size * 3 // 10
        signed[:copies] = signed[size - copies :]
        changed = chance.random((copies, NEAR.permutations)) < 0.1
        signed[:copies][changed] = chance.integers(0, 2**32, int(changed.sum()), np.uint32)
        keys = bands(signed, NEAR)
        columns = {f"band_{band:02d}": pa.array(keys[:, band]) for band in range(NEAR.bands)}
        blobs = [each.tobytes() for each in signed]
        columns["signature"] = pa.array(blobs, pa.binary(4 * NEAR.permutations))
        paths.append(folder / f"unit-{number:06d}.parquet")
        pq.write_table(pa.table(columns), paths[-1], compression="none")
    del signed, keys, columns, blobs
    peak, ended = [_held()], threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            peak.append(max(peak.pop(), _held()))

    before, cpu_s = _held(), time.process_time()
    watcher = threading.Thread(target=watch)
    watcher.start()
    found = forest(Pool(tuple(paths)), np.ones(rows, bool), NEAR, folder)
    cpu_s = time.process_time() - cpu_s
    ended.set()
    watcher.join()
    return {"files": rows, "edges": len(found.left), "bytes_a_file": (peak[0] - before) / rows, "cpu_s": cpu_s}


def _held() -> int:
    """Return the bytes of this process's own memory, mapped files left out."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this kernel does not say what a process holds")


def main() -> None:
    """Print the tables."""
    words_of = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words_of.add_argument("sources", nargs="*", type=Path)
    words_of.add_argument("--files", type=int, default=5000)
    words_of.add_argument("--rounds", type=int, default=3)
    words_of.add_argument("--quick", action="store_true")
    words_of.add_argument("--json", type=Path)
    words_of.add_argument("--memory", type=int, metavar="FILES")
    chosen = words_of.parse_args()
    if chosen.memory:
        with tempfile.TemporaryDirectory() as scratch:
            held = memory(chosen.memory, Path(scratch))
        print(f"{held['files']:,} files, {held['edges']:,} edges: {held['bytes_a_file']:.0f} bytes a file, "
              f"so {held['bytes_a_file']:.0f} MB a million; {held['cpu_s']:.1f} CPU s")  # fmt: skip
        return
    paths = sysconfig.get_paths()
    files = load(
        chosen.sources or [Path(paths["stdlib"]), Path(paths["purelib"])], 300 if chosen.quick else chosen.files
    )
    size = sum(len(text.encode()) for _, text in files) / 1e6
    print(f"Sparkgap {__version__}, Python {platform.python_version()}: {len(files):,} files, {size:.1f} MB")
    python, missing = peers_python()
    for each in missing:
        print(each)
    names = ["sparkgap", *(name for name in PEERS if not any(each.startswith(name) for each in missing))]
    core = min(os.sched_getaffinity(0))
    costs: dict[str, list[float]] = {name: [] for name in names}
    clusters: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        samples = Path(scratch) / "load.jsonl"
        samples.write_text("".join(json.dumps({"text": text}) + "\n" for _, text in files), "utf-8")
        for _ in range(1 if chosen.quick else chosen.rounds):
            for name in names:
                told = run(name, sys.executable if name == "sparkgap" else python, samples, core)
                costs[name].append(told["cpu_s"])
                clusters[name] = told["clusters"]
        whole = pipeline(files, Path(scratch))
    pairs = true_pairs([text for _, text in files], 0.5)
    report = _report(names, costs, clusters, pairs, size)
    promised = [NEAR.found(index) for index in pairs.values() if index >= AT]
    share = statistics.mean(promised or [1.0])
    print(f"\nthe parameters promise {share:.2%} of the {len(promised):,} pairs with J >= {AT}")
    print(f"the whole pipeline without the judge: {size / whole['cpu_s']:.2f} MB/s, peak {whole['peak_mb']:.0f} MB")
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"mb": size, "files": len(files), "near": report, "pipeline": whole}, indent=2)
        )


def _report(
    names: Iterable[str], costs: dict[str, list[float]], clusters: dict[str, list[int]],
    pairs: dict[tuple[int, int], float], size: float,
) -> dict[str, Any]:  # fmt: skip
    report: dict[str, Any] = {}
    print(f"\n{'':12}{'MB/s':>8}{'CPU s':>9}{'times':>9}{'recall':>9}{'agrees':>9}")
    for name in names:
        ratio = statistics.median(theirs / ours for theirs, ours in zip(costs[name], costs["sparkgap"], strict=True))
        told = judged(clusters[name], pairs)
        agrees = agreement(clusters["sparkgap"], clusters[name])
        cpu_s = statistics.median(costs[name])
        report[name] = {"cpu_s": costs[name], "mb_s": size / cpu_s, "slower": ratio, "agrees": agrees, **told}
        print(f"{name:12}{size / cpu_s:8.2f}{cpu_s:9.2f}{ratio:9.1f}{told['recall']:9.2%}{agrees:9.2%}")
    return report


if __name__ == "__main__":
    main()

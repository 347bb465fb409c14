"""What a dataset's `.scan` keeps besides the units: whatever would cost a second run as much as the first.

    forest.npz         near-duplicates          benchmarks.npz     n-grams and structures of the benchmarks
    probes.json        calls and answers        verdicts.jsonl     which functions solve which problem
    proofs.jsonl       tests and mutants        selftest.json(l)   how well the check of the benchmarks works
    compiled.jsonl     what compilers said
    found.json         what the judge and a run found of the rows of this very pool

Each bears a key of all that it was made of, and is made anew where that differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.compiling import Compiled, compiled
from sparkgap.curate.contamination.behaviour import VERSION, Behaviour, Examiner, Verdicts, behaviour
from sparkgap.curate.contamination.index import VERSION as INDEX
from sparkgap.curate.contamination.index import Index, Known, build, load, save
from sparkgap.curate.contamination.selftest import VERSION as SELFTEST
from sparkgap.curate.contamination.selftest import Check, as_facts, sampled, selftest, standard_library
from sparkgap.curate.deciding import Found
from sparkgap.curate.minhash import NearOptions
from sparkgap.curate.near import Forest, Recall, forest, recall
from sparkgap.curate.options import CurateOptions
from sparkgap.curate.pool import Pool
from sparkgap.curate.scan import FOLDER, unit_key

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]

    from sparkgap.judge import Judge


class Shelf:
    """The `.scan` of one dataset."""

    def __init__(self, dataset: Path) -> None:
        """Name the folder; nothing is read yet."""
        self.home = dataset / FOLDER

    def index(self, against: Known) -> Index:
        """Return the benchmarks' index."""
        path = self.home / "benchmarks.npz"
        key = _key([(INDEX, each.id, each.prompt, each.reference) for each in against.problems])
        if (held := load(path, key)) is not None:
            return held
        made = build(against.problems)
        save(made, path, key)
        return made

    def forest(self, pool: Pool, table: pa.Table, near: NearOptions) -> Forest:
        """Return the forest of near-duplicates."""
        import numpy as np

        path, key = self.home / "forest.npz", _key([near, _pool_key(pool)])
        if path.exists():
            with np.load(path) as held:
                if str(held["key"]) == key:
                    return Forest(held["left"], held["right"], held["similarity"])
        trees = forest(pool, _distinct(table), near, self.home)
        draft = self.home / "forest.tmp.npz"
        np.savez(draft, key=np.array(key), left=trees.left, right=trees.right, similarity=trees.similarity)
        draft.replace(path)
        return trees

    def recall(self, pool: Pool, table: pa.Table, near: NearOptions) -> Recall:
        """Return how many near-duplicates were found, on a sample."""
        return recall(pool, _distinct(table), near)

    def examiner(self, judge: Judge, against: Known, options: CurateOptions) -> Examiner:
        """Return the benchmarks' probes, ready to be asked."""
        options.tell("asking the benchmarks' references")
        return Examiner(judge, against.problems, self.home / "probes.json")

    def compiled(self, judge: Judge, pool: Pool, table: pa.Table, rows: Any, options: CurateOptions) -> Compiled:
        """Return what the compilers of other languages than Python say of the rows that are true in a mask."""
        import numpy as np

        languages, paths = table.column("language").to_pylist(), table.column("path")
        foreign = np.fromiter((each != "python" for each in languages), bool, len(languages))
        with self.verdicts("compiled.jsonl") as kept:
            return compiled(judge, pool.texts(rows & foreign), lambda row: (languages[row], paths[row].as_py()), kept,
                            lambda done: options.tell("compiling", done))  # fmt: skip

    def behaviour(self, examiner: Examiner, documents: Iterator[tuple[int, str]], options: CurateOptions) -> Behaviour:
        """Return which documents hold a function that solves a problem."""
        with self.verdicts("verdicts.jsonl") as kept:
            return behaviour(examiner, documents, kept, lambda done: options.tell("behaviour", done))

    def tested(self, check: Check, against: Known, options: CurateOptions) -> dict[str, Any]:
        """Return what the test of the benchmarks' check came to; nothing where there is to be none."""
        if not options.selftest:
            return {}
        thresholds = sorted((name, rule.threshold) for name, rule in check.rules.items())
        path, key = (
            self.home / "selftest.json",
            _key([check.index.key, options.selftest, SELFTEST, VERSION, thresholds]),
        )
        if path.exists() and (held := json.loads(path.read_bytes()))["key"] == key:
            return dict(held["outcome"])
        options.tell("testing the check of the benchmarks")
        hidden, clean = sampled(against.problems, options.selftest), standard_library(10 * options.selftest)
        with self.verdicts("selftest.jsonl") as kept:
            outcome = as_facts(selftest(check, hidden, clean, kept))
        put(path, {"key": key, "outcome": outcome})
        return outcome

    @contextmanager
    def verdicts(self, name: str) -> Iterator[Verdicts]:
        """Give the answers of the judge that one of the files keeps."""
        kept = Verdicts(self.home / name)
        try:
            yield kept
        finally:
            kept.close()

    def keep_found(self, pool: Pool, found: Found) -> None:
        """Write what was found of the rows of a pool."""
        told = {"key": _pool_key(pool), "compiled": _told(found.compiled), "behaviour": _told(found.behaviour),
                "gap": _told(found.gap)}  # fmt: skip
        put(self.home / "found.json", told)

    def found(self, pool: Pool) -> Found:
        """Return what was found of the rows of a pool; nothing where that was another pool."""
        path = self.home / "found.json"
        told = json.loads(path.read_bytes()) if path.exists() else {}
        if told.get("key") != _pool_key(pool):
            return Found()
        looked = {int(row): (parses, builds, said) for row, (parses, builds, said) in told["compiled"].items()}
        behaved = {int(row): (nodes, name) for row, (nodes, name) in told["behaviour"].items()}
        return Found(looked, behaved, {int(row): score for row, score in told["gap"].items()})


def put(path: Path, told: Mapping[str, Any]) -> None:
    """Write JSON so that a crash leaves the old file or the new one."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
    draft.replace(path)


def _told(rows: Mapping[int, Any]) -> dict[str, Any]:
    return {str(row): told for row, told in sorted(rows.items())}


def _key(told: Any) -> str:
    return hashlib.sha256(repr(told).encode("utf-8", "replace")).hexdigest()


def _pool_key(pool: Pool) -> str:
    return _key([unit_key(path) for path in pool.paths])


def _distinct(table: pa.Table) -> np.ndarray[Any, Any]:
    """Return which rows are the first with their content."""
    import numpy as np

    contents = table.column("content").to_pylist()
    seen: set[str] = set()
    first = np.zeros(len(contents), bool)
    for row, content in enumerate(contents):
        if content is not None and content not in seen:
            seen.add(content)
            first[row] = True
    return first

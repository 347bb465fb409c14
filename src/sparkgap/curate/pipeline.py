"""The pipeline: sources -> a dataset.

    read and measure     scan.py       every file once, in parallel, kept in DATASET/.scan
    copies               near.py       a forest of near-duplicates over all of them
    decide               deciding.py   rules over the table of measurements
    compilers            compiling.py  files in other languages, in the judge's jail
    behaviour, proof     the judge     only files that are kept by then
    write                writing.py    beside the old dataset, then in its place

Each phase keeps what it found in `.scan` (shelf.py), so that a run that was killed goes on, and a second one with
other thresholds reads nothing again. One run at a time works on a dataset.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap import __version__
from sparkgap.compare.wanted import Wanted, scores, wanted
from sparkgap.curate import card, compiling, ledger, opting_out
from sparkgap.curate.contamination.index import Index, Known, known
from sparkgap.curate.contamination.selftest import WAYS, Check
from sparkgap.curate.deciding import Decisions, Found, all_rules, decide, held_out
from sparkgap.curate.minhash import NearOptions
from sparkgap.curate.near import Forest
from sparkgap.curate.options import CurateOptions
from sparkgap.curate.pairs import gaps
from sparkgap.curate.pool import Pool, open_pool
from sparkgap.curate.proof import Claim, claims, lines, prove
from sparkgap.curate.rules import Judged, Threshold
from sparkgap.curate.scan import FOLDER, ScanOptions, scan
from sparkgap.curate.shelf import Shelf, put
from sparkgap.curate.sources import Source, open_source
from sparkgap.curate.writing import SPLITS, notice, put_in_place, write_data, write_pairs
from sparkgap.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

    from sparkgap.judge import Judge

MANIFEST = "manifest.json"
_DRAFT, _PROOFS = "draft", "proofs.jsonl"


@dataclass(frozen=True, slots=True)
class Curated:
    """What a run came to: the dataset's folder, and its summary as it stands in `summary.json`."""

    folder: Path
    summary: Mapping[str, Any]


def curate(sources: Sequence[str], out: Path, options: CurateOptions, judge: Judge | None = None) -> Curated:
    """Make a dataset of some sources.

    Args:
        sources: as `open_source` understands them, the preferred ones first.
        out: the dataset's folder; an earlier dataset there is gone on with, or made anew.
        options: thresholds and how much is done.
        judge: compiles files and runs functions; without one there is neither behaviour nor proof.

    Raises:
        InputError: a source or a setting is not what it should be, or the folder holds something else.
        DataError: a benchmark's published file is missing or damaged.
    """
    rules = all_rules(options.settings)
    with _locked(out):
        opened, shelf = _opened(sources, rules), Shelf(out)
        prefer = None if options.prefer is None else wanted(options.prefer)
        against = known(options.against)
        index = shelf.index(against)
        pool = _scanned(opened, out, rules, index, options)
        table = pool.table()
        if not table.num_rows:
            raise InputError(f"there is no file in {', '.join(sources)}")
        trees = shelf.forest(pool, table, options.near)
        work = _Work(pool, table, trees, _decided(table, trees, rules, out, Found()), out)
        found, told = _judged(work, judge, against, index, options)
        work = work.again(found)
        if prefer is not None:
            found = replace(found, gap=scores(prefer, pool.texts(work.decided.kept)))
            work = work.again(found)
        shelf.keep_found(pool, found)
        proving = judge if options.proof else None
        if proving is not None:
            with shelf.verdicts(_PROOFS) as kept:
                prove(proving, _claims(work), kept, lambda done: options.tell("proof", done))
        near = card.near_facts(options.near, shelf.recall(pool, table, options.near))
        facts = card.Facts(tuple(sources), rules, near, *told, {} if prefer is None else prefer.as_facts())
        asked = _asked(sources, against, options, proving is not None) | _preferred(options, prefer)
        return _written(work, facts, asked)


def redecide(dataset: Path, settings: Mapping[str, str | Threshold]) -> tuple[pa.Table, Decisions]:
    """Return a dataset's table and what other thresholds would make of it; nothing is read or written.

    Raises:
        InputError: the dataset is none, its scan is gone, or a setting is of no rule.
    """
    work = _again(dataset, settings)
    return work.table, work.decided


def _again(dataset: Path, settings: Mapping[str, str | Threshold]) -> _Work:
    manifest = read_manifest(dataset)
    rules = all_rules({**manifest["settings"], **settings})
    pool, shelf = open_pool(dataset), Shelf(dataset)
    table = pool.table()
    trees = shelf.forest(pool, table, NearOptions(**manifest["near"]))
    return _Work(pool, table, trees, _decided(table, trees, rules, dataset, shelf.found(pool)), dataset)


def rewrite(dataset: Path) -> Decisions:
    """Write a dataset anew from its scan, heeding what is to be forgotten; return what was decided.

    Raises:
        InputError: the dataset is none, or its scan is gone.
    """
    manifest = read_manifest(dataset)
    with _locked(dataset):
        opting_out.purge(open_pool(dataset).paths, dataset)
        work = _again(dataset, {})
        old = json.loads((dataset / "summary.json").read_bytes())
        kept = (old[name] for name in ("near", "benchmarks", "compiling", "wanted"))
        facts = card.Facts(tuple(old["sources"]), work.decided.rules, *kept)
        _written(work, facts, manifest)
        return work.decided


def read_manifest(dataset: Path) -> dict[str, Any]:
    """Return what a dataset was asked for.

    Raises:
        InputError: there is no dataset.
    """
    try:
        told: dict[str, Any] = json.loads((dataset / MANIFEST).read_bytes())
    except (OSError, ValueError) as fault:
        raise InputError(f"{dataset} is no dataset of `sparkgap curate` ({fault}); name one with --dataset") from fault
    told["settings"] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in told["settings"].items()
    }
    return told


def _opened(sources: Sequence[str], rules: Sequence[Judged]) -> list[Source]:
    opened = [open_source(text, int(_threshold(rules, "max_bytes"))) for text in sources]
    names = [each.name for each in opened]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"{min(twice)} is named twice; name each source once")
    return opened


def _threshold(rules: Sequence[Judged], name: str) -> Any:
    return next(each.rule.threshold for each in rules if each.rule.name == name)


def _scanned(opened: list[Source], out: Path, rules: Sequence[Judged], index: Index, options: CurateOptions) -> Pool:
    chosen = ScanOptions(
        max_bytes=int(_threshold(rules, "max_bytes")), languages=frozenset(_threshold(rules, "language")),
        near=options.near, against=index, against_key=index.key,
    )  # fmt: skip
    paths = scan(opened, out, chosen, workers=options.workers, ray=options.ray,
                 progress=lambda files, size: options.tell("reading", files, size))  # fmt: skip
    opting_out.purge(paths, out)
    return Pool(tuple(paths))


def _decided(table: pa.Table, trees: Forest, rules: Sequence[Judged], out: Path, found: Found) -> Decisions:
    return decide(table, trees, rules, opting_out.mask(table, out), found)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is written: the pool, its table and its copies, the decisions, and where to."""

    pool: Pool
    table: pa.Table
    trees: Forest
    decided: Decisions
    out: Path

    def again(self, found: Found) -> _Work:
        """Decide again, with what was found."""
        return replace(self, decided=_decided(self.table, self.trees, self.decided.rules, self.out, found))


def _judged(
    work: _Work, judge: Judge | None, against: Known, index: Index, options: CurateOptions
) -> tuple[Found, tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return what the judge finds of the rows, and what the card says of benchmarks and of compilers."""
    shelf, found = Shelf(work.out), Found()
    looked: Mapping[str, Any] = {}
    checked = card.benchmark_facts(against, None)
    if judge is not None and options.compiling:
        compiled = shelf.compiled(judge, work.pool, work.table, work.decided.before("duplicates"), options)
        found = Found({row: (each.parses, each.builds, each.said) for row, each in compiled.rows.items()})
        looked, work = compiling.facts(compiled), work.again(found)
    if judge is not None and options.behaviour:
        examiner = shelf.examiner(judge, against, options)
        behaved = shelf.behaviour(examiner, work.pool.texts(work.decided.kept), options)
        chosen = {each.rule.name: each.rule for each in work.decided.rules if each.rule.name in WAYS}
        tried = shelf.tested(Check(judge, index, examiner, chosen), against, options)
        found, checked = replace(found, behaviour=behaved.rows), card.benchmark_facts(against, behaved, tried)
    return found, (checked, looked)


def _claims(work: _Work) -> Iterator[Claim]:
    repos, paths = (work.table.column(name) for name in ("repo", "path"))
    return claims(
        lambda: work.pool.texts(work.decided.kept), lambda row: (repos[row].as_py(), paths[row].as_py())
    )  # fmt: skip


def _written(work: _Work, facts: card.Facts, asked: Mapping[str, Any]) -> Curated:
    draft = work.out / FOLDER / _DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    drawn = held_out(work.table.column("content").to_pylist(), work.decided.family.tolist(), asked["held_out"])
    told = ledger.ledger(work.table, work.decided, [SPLITS[each] for each in drawn])
    ledger.write(told, draft / ledger.FILE)
    rows = {"files": write_data(work.pool, told, draft / "data"), "pairs": write_pairs(work.pool, told, draft / "sft")}
    rows["gaps"] = {"train": 0, "held_out": 0}
    if asked["fim"]:
        rows["gaps"] = write_pairs(work.pool, told, draft / "fim", partial(gaps, tokens=tuple(asked["fim"])))
    rows["problems"] = _problems(work, told, draft) if asked["proof"] else {"train": 0, "validation": 0}
    (draft / "NOTICE").write_text(notice(told, work.pool.notices()), "utf-8")
    summary = card.summary(told, facts, rows)
    put(draft / "summary.json", summary)
    (draft / "README.md").write_text(card.card(summary), "utf-8")
    (draft / "funnel.svg").write_text(card.picture(summary), "utf-8")
    put(draft / MANIFEST, asked)
    put_in_place(draft, work.out)
    return Curated(work.out, summary)


def _problems(work: _Work, told: pa.Table, draft: Path) -> dict[str, int]:
    """Write the problems that were proven; return how many each split has."""
    counts = {"train": 0, "validation": 0}
    splits, licences = told.column("split"), told.column("licence")
    with Shelf(work.out).verdicts(_PROOFS) as kept:
        made = lines(_claims(work), kept, lambda row: (splits[row].as_py(), licences[row].as_py()))
        (draft / "rl").mkdir()
        with (draft / "rl" / "problems.jsonl").open("w", encoding="utf-8") as stream:
            for line in made:
                counts[json.loads(line)["split"]] += 1
                stream.write(line)
    return counts


def _asked(sources: Sequence[str], against: Known, options: CurateOptions, proof: bool) -> dict[str, Any]:
    settings = {name: list(each) if isinstance(each, tuple) else each for name, each in options.settings.items()}
    return {
        "format": 1, "kind": "curate", "sources": list(sources), "sparkgap": __version__, "settings": settings,
        "near": asdict(options.near), "against": list(against.benchmarks), "held_out": options.held_out,
        "proof": proof, "fim": options.fim and list(options.fim),
    }  # fmt: skip


def _preferred(options: CurateOptions, prefer: Wanted | None) -> dict[str, Any]:
    """Return what files were preferred for: the run or list by its name, and by the words that it came to."""
    if prefer is None:
        return {"prefer": None}
    words = json.dumps(prefer.words, sort_keys=True)
    return {"prefer": str(options.prefer), "prefer_sha256": hashlib.sha256(words.encode()).hexdigest()}


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the dataset's folder against other runs.

    Raises:
        InputError: another run has it, or it holds something else than a dataset.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / FOLDER).exists() and not (out / MANIFEST).exists():
        raise InputError(f"{out} holds other files; choose a new folder for the dataset")
    try:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        lock = os.open(out / FOLDER / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as fault:
        raise InputError(f"cannot use {out} for the dataset: {fault.strerror}") from fault
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            raise InputError(f"another run works on {out}; wait for its end or choose another folder") from fault
        yield
    finally:
        os.close(lock)

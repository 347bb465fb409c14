"""What there is to ask of a dataset: why a file is in it, what other thresholds would change, and to forget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate import ledger, opting_out
from sparkgap.curate.deciding import Decisions, all_rules
from sparkgap.curate.pipeline import redecide, rewrite
from sparkgap.curate.rules import Threshold
from sparkgap.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


_UNASKED = "what comes in was not run by the judge yet; `sparkgap curate` of the same sources does that"


@dataclass(frozen=True, slots=True)
class Moved:
    """One file that comes or goes, and why it goes."""

    repo: str
    path: str
    sha256: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """How a dataset differs from what it was, or would."""

    before: int
    after: int
    gone: tuple[Moved, ...]
    come: tuple[Moved, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def explanations(dataset: Path, what: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the ledger's row of each file that is meant, and what it says in words.

    Raises:
        InputError: the folder is no dataset.
    """
    says = {each.rule.name: each.rule for each in all_rules({})}
    for row in ledger.find(dataset, what):
        lines = [f"{row['repo']}: {row['path']} ({row['bytes']:,} bytes, sha256 {row['sha256'][:16] or 'not read'})"]
        if row["kept"]:
            lines.append(f"  kept, in {row['split']}, under {row['licence']} ({row['licence_from']})")
        else:
            rule = says.get(row["rule"])
            told = f"{rule.says} must be {rule.compare} {row['threshold'] or 'nothing'}" if rule else row["threshold"]
            lines.append(f"  dropped at {row['step']} by {row['rule']} ({row['version']}): {row['value']}; {told}")
        if row["instead"] is not None:
            better = ledger.row_at(dataset, row["instead"])
            lines.append(f"  the copy {better['repo']}: {better['path']} goes before it")
        if row["compiler_says"]:
            lines.append(f"  its compiler says, line {row['compiler_says']}")
        if row["ngram_overlap"]:
            lines.append(f"  {row['ngram_overlap']:.0%} of the n-grams of {row['ngram_text']} are in it")
        if row["structure_problem"]:
            lines.append(f"  a function of {row['structure_nodes']} nodes is built like {row['structure_problem']}")
        if row["behaves_as"]:
            lines.append(f"  a function of it solves {row['behaves_as']}, and weighs {row['behaviour_weight']:g}")
        yield row, "\n".join(lines)


def what_if(dataset: Path, settings: Mapping[str, str | Threshold]) -> Change:
    """Return what other thresholds would change; nothing is written.

    Raises:
        InputError: the dataset is none, its scan is gone, or a setting is of no rule.
    """
    table, before = redecide(dataset, {})
    _, after = redecide(dataset, settings)
    unread = int((after.kept & (table.column("read").to_numpy() == 0)).sum())
    notes = [f"{unread:,} of them were never read; `sparkgap curate` with the same --set reads them"] if unread else []
    come = after.kept & ~before.kept
    if come.any():
        notes.append(_UNASKED)
    return _change(table, before, after, notes)


def forget(dataset: Path, what: str) -> Change:
    """Take a repository or every copy of a file out of a dataset, rewrite it, and return what changed.

    Raises:
        InputError: no such thing came in, the folder is no dataset, or its scan is gone.
    """
    table, before = redecide(dataset, {})
    repos, hashes = set(table.column("repo").to_pylist()), set(table.column("sha256").to_pylist())
    if what not in repos and (what not in hashes or not what):
        raise InputError(f"neither a repository nor a whole sha256 of {dataset}: {what!r}; `explain` shows both")
    opting_out.add(dataset, what)
    after = rewrite(dataset)
    gone = opting_out.mask(table, dataset)
    alike = {int(label) for label in before.near[gone]}
    close = [row for row in after.kept.nonzero()[0].tolist() if int(after.near[row]) in alike]
    notes = [f"a near-copy stays: {table.column('repo')[row]}: {table.column('path')[row]}" for row in close[:20]]
    if (after.kept & ~before.kept).any():
        notes.append(_UNASKED)
    return _change(table, before, after, notes)


def _change(table: pa.Table, before: Decisions, after: Decisions, notes: list[str]) -> Change:
    def moved(rows: Any, reasons: Decisions | None) -> tuple[Moved, ...]:
        told = []
        for row in rows.nonzero()[0].tolist():
            reason = reasons.reason(row) if reasons else None
            repo, path, sha = (table.column(name)[row].as_py() for name in ("repo", "path", "sha256"))
            told.append(Moved(repo, path, sha, reason.rule.name if reason else ""))
        return tuple(told)

    return Change(
        before=int(before.kept.sum()), after=int(after.kept.sum()), gone=moved(before.kept & ~after.kept, after),
        come=moved(after.kept & ~before.kept, None), notes=tuple(notes),
    )  # fmt: skip

"""The dataset's card: what came in, what went out and why, under which licences, and how well that was checked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sparkgap import __version__
from sparkgap.curate import ledger
from sparkgap.curate.contamination.behaviour import Behaviour
from sparkgap.curate.contamination.index import Known
from sparkgap.curate.contamination.selftest import CLEAN, WAYS
from sparkgap.curate.funnel import funnel, size
from sparkgap.curate.ledger import Stage
from sparkgap.curate.minhash import NearOptions
from sparkgap.curate.near import Recall
from sparkgap.curate.rules import Judged

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


_FOLDERS = {"files": "data", "pairs": "sft", "gaps": "fim", "problems": "rl"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run knows besides its ledger; mappings as they stand in the summary, empty where nothing was asked."""

    sources: tuple[str, ...]
    rules: tuple[Judged, ...]
    near: Mapping[str, Any]
    benchmarks: Mapping[str, Any]
    compiling: Mapping[str, Any]
    wanted: Mapping[str, Any]


def near_facts(options: NearOptions, found: Recall) -> dict[str, Any]:
    """Return the parameters of near-deduplication, their S-curve, and the recall that was measured."""
    curve = {f"{index:.2f}": round(share, 4) for index, share in options.curve().items()}
    return {**asdict(options), "curve": curve, "recall": asdict(found)}


def benchmark_facts(
    against: Known, found: Behaviour | None, outcome: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what was compared with which benchmarks; `found` is None where no function was run.

    `outcome` is that of the check's own test; nothing where there was none.
    """
    told = outcome or {}
    asked = None if found is None else {
        "functions": found.functions, "unfinished": found.unfinished, "problems": found.problems,
        "without": [[each.benchmark, each.id, why] for each, why in found.without],
    }  # fmt: skip
    return {"against": list(against.benchmarks), "missing": list(against.missing), "problems": len(against.problems),
            "behaviour": asked, "selftest": told.get("tried", []), "missed": told.get("missed", []),
            "alarms": told.get("alarms", [])}  # fmt: skip


def summary(told: pa.Table, facts: Facts, rows: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Return all figures of a run, as JSON; the card is drawn from them alone."""
    kept = told.filter(told.column("kept"))
    stages = ledger.stages(told)
    return {
        "sparkgap": __version__,
        "sources": list(facts.sources),
        "files": {"in": told.num_rows, "kept": kept.num_rows, **rows["files"]},
        "pairs": dict(rows["pairs"]),
        "gaps": dict(rows["gaps"]),
        "problems": dict(rows["problems"]),
        "bytes": {"in": stages[0].bytes, "kept": stages[-1].bytes},
        "stages": [asdict(each) for each in stages],
        "licences": dict(ledger.licences_kept(told).most_common()),
        "languages": dict(Counter(kept.column("language").to_pylist()).most_common()),
        "repositories": len(set(kept.column("repo").to_pylist())),
        "redacted": {name: sum(filter(None, kept.column(name).to_pylist()))
                     for name in ("emails", "addresses", "tokens", "passwords", "private_keys")},
        "rules": [{"rule": each.rule.name, "step": each.step, "version": each.version, "says": each.rule.says,
                   "compare": each.rule.compare, "threshold": _plain(each.rule.threshold)} for each in facts.rules],
        "near": dict(facts.near),
        "benchmarks": dict(facts.benchmarks),
        "compiling": dict(facts.compiling),
        "wanted": dict(facts.wanted),
    }  # fmt: skip


def picture(told: Mapping[str, Any]) -> str:
    """Return the funnel as SVG."""
    stages = [Stage(each["step"], each["files"], each["bytes"], each["dropped"]) for each in told["stages"]]
    return funnel(stages, Counter(told["licences"]))


def card(told: Mapping[str, Any]) -> str:
    """Return README.md: what Hugging Face's hub and `datasets` read at its top, then what people read."""
    files = told["files"]
    parts = [
        _front(told),
        f"# Curated code: {files['kept']:,} of {files['in']:,} files\n",
        f"Made by Sparkgap {told['sparkgap']} of {', '.join(f'`{each}`' for each in told['sources'])}: "
        f"{size(told['bytes']['kept'])} of {size(told['bytes']['in'])} are kept, of {told['repositories']:,} "
        "repositories and packages. `ledger.parquet` says of every file that came in why it is here or is not; "
        "`NOTICE` names whom the code is owed to.\n",
        "![How many files and bytes each step left, and the licences of what is kept](funnel.svg)\n",
        _table(("", "train", "held out"), _rows(told)),
        "Whole families of near-duplicates are in one split. A problem is a function whose own tests pass three times "
        "in three, and fail on at least half of its mutants.\n",
        "## What went, and why\n",
        _table(("step", "rule", "files", "bytes"), _dropped(told)),
        "## Licences\n",
        "The header of a file goes before the nearest licence file upward, that before the package's metadata; what "
        "none of them names is out, and so is every copy of a file that stands under copyleft anywhere.\n",
        _table(("licence", "files"), [(f"`{name}`", f"{count:,}") for name, count in told["licences"].items()]),
        "## Secrets and personal data\n",
        "Replaced in the files that are kept: "
        + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in told["redacted"].items()) + ".\n",
        *_compiling(told["compiling"]),
        _copies(told["near"]),
        _benchmarks(told["benchmarks"]),
        *_wanted(told["wanted"]),
        "## Rules\n",
        _table(("rule", "what is measured", "stays if", "version"), _rules(told["rules"])),
    ]  # fmt: skip
    return "\n".join(parts)


def _front(told: Mapping[str, Any]) -> str:
    lines = ["---", "license: other", "license_name: several", "license_link: NOTICE", "tags:", "- code", "configs:"]
    for config, rows in (("default", "files"), ("sft", "pairs"), ("fim", "gaps")):
        folder, counts = _FOLDERS[rows], told[rows]
        if names := [name for name in ("train", "held_out") if counts[name]]:
            lines += [f"- config_name: {config}", "  data_files:"]
            for name in names:
                lines += [f"  - split: {name}", f"    path: {folder}/{name}-*.parquet"]
    return "\n".join([*lines, "---", ""])


def _rows(told: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return how many rows of each kind each split has; files with a gap only where there are some."""
    shown: list[tuple[str, ...]] = []
    for rows, says in (("files", "files"), ("pairs", "prompts with completions"), ("gaps", "files with a gap"),
                       ("problems", "proven problems")):  # fmt: skip
        counts = told[rows]
        apart = counts["validation"] if rows == "problems" else counts["held_out"]
        if rows != "gaps" or counts["train"] + apart:
            shown.append((f"{says} (`{_FOLDERS[rows]}/`)", f"{counts['train']:,}", f"{apart:,}"))
    return shown


def _dropped(told: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (stage["step"], f"`{rule}`", f"{files:,}", size(held))
        for stage in told["stages"]
        for rule, (files, held) in stage["dropped"].items()
    ]


def _compiling(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what compilers said of files in other languages than Python; nothing where there was none."""
    if told and (told["compilers"] or told["missing"]):
        yield "## Compilers\n"
        yield (
            f"Of {told['files']:,} files in other languages than Python {told['parse']:,} parse, and {told['build']:,} "
            "compile by themselves.\n"
        )
        rows = [*told["compilers"].items(), *((name, f"not looked over: {why}") for name, why in
                                              told["missing"].items())]  # fmt: skip
        yield _table(("language", "looked over by"), [(f"`{name}`", by) for name, by in rows])


def _wanted(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield which files are preferred, and why; nothing where no run was named."""
    if told:
        by = ", ".join(f"{count:,} {status}" for status, count in told["statuses"].items()) or "none"
        nearer, farther = (", ".join(told[side]) or "none" for side in ("nearer", "farther"))
        yield "## Chosen by a run\n"
        yield (
            f"`gap` says how near a file is to the {told['failed']:,} problems that a run failed, rather than to the "
            f"{told['solved']:,} that it solved. What became of its samples that did not pass: {by}. Words that count "
            f"for a file: {nearer}; against it: {farther}.\n"
        )


def _copies(near: Mapping[str, Any]) -> str:
    recall = near["recall"]
    shown = {index: found for index, found in near["curve"].items() if float(index) >= 0.5}
    measured = (
        f"Of {recall['pairs']:,} such pairs among {recall['sampled']:,} files, all compared with all, the bands found "
        f"{recall['found']:,} ({recall['found'] / recall['pairs']:.1%}); {recall['promised']:.1%} were promised."
        if recall["pairs"]
        else f"Among {recall['sampled']:,} files, all compared with all, there was no such pair."
    )
    return "\n".join([
        "## Copies\n",
        f"Word {near['ngram']}-grams, MinHash with {near['permutations']} permutations as {near['bands']} bands of "
        f"{near['rows']}. A pair with Jaccard index J is found with probability 1 - (1 - J^{near['rows']})"
        f"^{near['bands']}:\n",
        _table(("J", *shown), [("found", *(f"{found:.3f}" for found in shown.values()))]),
        f"Checked on pairs with J of at least {recall['jaccard']}: {measured}\n",
    ])  # fmt: skip


def _benchmarks(told: Mapping[str, Any]) -> str:
    lines = ["## Benchmarks\n", f"Checked against {told['problems']:,} problems of {', '.join(told['against'])}."]
    if told["missing"]:
        lines.append(f"**Not checked**, because their published files were not at hand: {', '.join(told['missing'])}.")
    if (asked := told["behaviour"]) is None:
        lines.append("**Behaviour was not checked**: no function was run.")
    else:
        lines.append(
            f"{asked['functions']:,} functions were asked {asked['problems']:,} problems by running them; "
            f"{asked['unfinished']:,} did not come to an end, and {len(asked['without']):,} problems cannot be asked"
            f"{_counted(why for _, _, why in asked['without'])}."
        )
    if told["selftest"]:
        lines += [
            "\nThe check, tested: the share that is found of solutions put among other code in disguise, and of "
            "modules of Python's standard library, where all that is found counts as a false alarm. A problem is "
            "decidable if it can be asked at all, and its solution is longer than what innocent code does as well.\n",
            _selftest(told["selftest"]),
            f"What behaviour missed{_counted(each['why'] for each in told['missed']) or ': nothing'}.",
            f"False alarms by behaviour: {', '.join(told['alarms']) or 'none'}.",
        ]
    return "\n".join([*lines, ""])


def _counted(reasons: Iterable[str]) -> str:
    """Return how often each reason was given, the most frequent first; "" if there is none."""
    counts = sorted(Counter(reasons).items(), key=lambda each: (-each[1], each[0]))
    return ": " * bool(counts) + "; ".join(f"{count:,} since {why}" for why, count in counts)


def _selftest(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("", "files", *WAYS, "of the decidable", "any way")
    shown = [
        (each["guise"], f"{each['of']:,}", *(_share(each[way], each["of"]) for way in WAYS),
         _share(each["behaviour"], each["decidable"]), _share(each["any"], each["of"]))
        for each in rows
    ]  # fmt: skip
    clean = {each["guise"]: each for each in rows}[CLEAN]
    hidden = [each for each in rows if each["guise"] != CLEAN]
    files = {way: (sum(each[way] for each in hidden), clean[way]) for way in (*WAYS, "any")}
    of = sum(each["of"] for each in hidden)
    one_to_one = {
        way: _precision(found / max(1, of), wrong / max(1, clean["of"])) for way, (found, wrong) in files.items()
    }
    precise = {way: _precision(*told) for way, told in files.items()}
    asked = _precision(sum(each["solvers"] for each in hidden), clean["solvers"])
    alarms = _share(clean["solvers"], clean["functions"])
    balanced = "precision, files, were there as many of either kind"
    return _table(head, [
        *shown,
        (f"{CLEAN}, functions", f"{clean['functions']:,}", "", "", alarms, "", ""),
        ("precision, files", "", *(precise[way] for way in WAYS), "", precise["any"]),
        (balanced, "", *(one_to_one[way] for way in WAYS), "", one_to_one["any"]),
        ("precision, functions", "", "", "", asked, "", ""),
    ])  # fmt: skip


def _precision(found: float, wrong: float) -> str:
    return f"{found / (found + wrong):.1%}" if found + wrong else "none found"


def _share(part: int, of: int) -> str:
    return f"{part / of:.1%}" if of else ""


def _rules(rules: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [(f"`{each['rule']}`", each["says"], _condition(each), each["version"]) for each in rules]


def _condition(rule: Mapping[str, Any]) -> str:
    threshold = rule["threshold"]
    told = ", ".join(threshold) if isinstance(threshold, list) else f"{threshold}" or "nothing"
    return f"it is {told}" if rule["compare"] == "is" else f"{rule['compare']} {told}"


def _plain(threshold: Any) -> Any:
    if isinstance(threshold, tuple):
        return list(threshold)
    return str(threshold) if isinstance(threshold, float) and math.isinf(threshold) else threshold


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(each) + " |" for each in rows]
    return "\n".join(lines) + "\n"

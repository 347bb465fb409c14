"""The judge as its callers use it: from threads and asyncio, in streams, closed early, with workers killed under it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest

from families import children, family, only_worker
from sparkgap import CodeTests, Judge, Limits, Program, StdioTests, Verdict
from sparkgap.errors import InfraError, PluginError
from sparkgap.judge.judge import _apart
from sparkgap.types import STATUSES, InputTests, Status

QUICK = Limits(cpu_s=0.4, memory_mb=256, output_kb=256)
FIVE = CodeTests("assert f(2) == 5\nassert f(0) == 3\n")
RIGHT = Program("def f(x): return x + 3\n", FIVE, limits=QUICK)
WRONG = Program("def f(x): return x + 2\n", FIVE, limits=QUICK)
ENDLESS = Program("def f(x):\n    while True: pass\n", FIVE, limits=QUICK)
LASTING = Program("while True: pass\n", limits=Limits(cpu_s=600))


def expected(index: int) -> tuple[Program, str]:
    """Return the program of a mixed load at a place, and its status."""
    return ((RIGHT, "passed"), (WRONG, "wrong"), (Program("def f(:\n", FIVE), "syntax"))[index % 3]


@pytest.fixture(scope="module")
def pair() -> Iterator[Judge]:
    with Judge(workers=2) as judge:
        yield judge


def test_statuses_of_every_kind_are_reached(judge: Judge) -> None:
    sources = {
        "passed": RIGHT,
        "wrong": WRONG,
        "raised": Program("def f(x): return 1 / 0\n", FIVE),
        "syntax": Program("def f(x) return\n", FIVE),
        "timeout": ENDLESS,
        "memory": Program("def f(x): return len(bytearray(10 << 30))\n", FIVE),
        "output": Program("def f(x):\n    while True: print('x' * 1000)\n", FIVE, limits=QUICK),
        "forbidden": Program("import socket\ndef f(x): return socket.socket()\n", FIVE),
        "infra": Program("def f(g): return g(1)\n", CodeTests("assert f(lambda x: x) == 1")),
    }
    assert {status: judge.run(program).status for status, program in sources.items()} == {s: s for s in sources}
    # What is left belongs to other rooms: a compiler's refusal, and a reply without a program.
    assert set(STATUSES) - set(sources) == {"compile", "empty"}


def test_submit_returns_futures_in_any_order(pair: Judge) -> None:
    futures = [pair.submit(expected(i)[0]) for i in range(30)]
    assert [future.result(60).status for future in reversed(futures)] == [expected(i)[1] for i in reversed(range(30))]


def test_verdicts_do_not_depend_on_order(judge: Judge) -> None:
    programs = [expected(i)[0] for i in range(9)]
    for order in list(itertools.permutations(range(9)))[:: 362_880 // 6]:
        assert [judge.run(programs[i]).status for i in order] == [expected(i)[1] for i in order]


def test_eight_threads_may_submit_at_once(pair: Judge) -> None:
    seen: dict[int, list[str]] = {}

    def work(number: int) -> None:
        seen[number] = [pair.run(expected(number + i)[0]).status for i in range(12)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {n: [expected(n + i)[1] for i in range(12)] for n in range(8)}


def test_stream_gives_every_index_once(pair: Judge) -> None:
    verdicts = dict(pair.stream(expected(i)[0] for i in range(100)))
    assert {i: verdict.status for i, verdict in verdicts.items()} == {i: expected(i)[1] for i in range(100)}
    assert list(pair.stream([])) == []


@pytest.mark.parametrize("window", [1, 3, 10])
def test_stream_draws_programs_only_as_they_are_judged(pair: Judge, window: int) -> None:
    drawn = given = 0

    def programs() -> Iterator[Program]:
        nonlocal drawn
        for i in range(60):
            drawn += 1
            assert drawn - given <= window + 1
            yield expected(i)[0]

    for _ in pair.stream(programs(), window=window):
        given += 1
    assert given == 60


def test_a_stream_may_be_left_in_the_middle(pair: Judge) -> None:
    stream = pair.stream(itertools.repeat(RIGHT))
    assert [next(stream)[1].status for _ in range(5)] == ["passed"] * 5
    stream.close()  # type: ignore[attr-defined]
    assert pair.run(RIGHT).status == "passed"


def test_an_error_of_the_source_of_programs_reaches_the_caller(pair: Judge) -> None:
    def programs() -> Iterator[Program]:
        yield RIGHT
        raise OSError("no more disk")

    with pytest.raises(OSError, match="no more disk"):
        list(pair.stream(programs()))
    assert pair.run(RIGHT).status == "passed"


def test_asyncio_runs_and_streams(pair: Judge) -> None:
    async def both() -> tuple[list[Verdict], dict[int, Status]]:
        ran = await asyncio.gather(*(pair.run_async(expected(i)[0]) for i in range(10)))
        streamed = {i: v.status async for i, v in pair.stream_async((expected(i)[0] for i in range(50)), window=5)}
        return ran, streamed

    ran, streamed = asyncio.run(both())
    assert [verdict.status for verdict in ran] == [expected(i)[1] for i in range(10)]
    assert streamed == {i: expected(i)[1] for i in range(50)}


def test_a_future_may_be_cancelled_before_its_turn() -> None:
    with Judge(workers=1) as judge:
        running = judge.submit(ENDLESS)
        waiting = [judge.submit(RIGHT) for _ in range(20)]
        assert waiting[-1].cancel()
        assert running.result(60).status == "timeout"
        assert all(future.result(60).passed for future in waiting[:-1])
        with pytest.raises(CancelledError):
            waiting[-1].result(0)


def test_closing_ends_what_runs_and_what_waits() -> None:
    judge = Judge(workers=1)
    futures: list[Future[Verdict]] = [judge.submit(LASTING), *(judge.submit(RIGHT) for _ in range(10))]
    closing = threading.Thread(target=judge.close)
    closing.start()
    for future in futures:
        with pytest.raises((CancelledError, InfraError)):
            future.result(30)
    closing.join(30)
    assert not closing.is_alive()
    judge.close()  # once more does no harm


def test_a_closed_judge_refuses_work() -> None:
    with Judge(workers=1) as judge:
        assert judge.run(RIGHT).passed
    for use in (judge.submit, judge.run, lambda program: list(judge.stream([program]))):
        with pytest.raises(InfraError, match="closed"):
            use(RIGHT)


@pytest.mark.parametrize("target", ["worker", "keeper", "zygote", "examiner"])
def test_a_process_that_dies_is_replaced_and_the_verdict_is_right(target: str) -> None:
    others = set(children(os.getpid()))
    with Judge(workers=1) as judge:
        assert judge.run(RIGHT).passed
        worker = only_worker(others)
        below = family(worker)
        doomed = {"worker": [worker], "keeper": below.keepers, "zygote": below.zygotes, "examiner": below.programs}
        assert doomed[target] or (target == "keeper" and judge.isolation != "full")
        for pid in doomed[target]:
            os.kill(pid, signal.SIGKILL)
        assert [judge.run(expected(i)[0]).status for i in range(6)] == [expected(i)[1] for i in range(6)]


def test_a_worker_killed_under_a_program_is_no_verdict() -> None:
    slow = Program("x = 0\nwhile x < 3 * 10**6: x += 1\ndef f(n): return n + 3\n", FIVE, limits=Limits(cpu_s=9))
    others = set(children(os.getpid()))
    with Judge(workers=2) as judge:
        futures = [judge.submit(slow) for _ in range(4)]
        for pid in set(children(os.getpid())) - others:
            os.kill(pid, signal.SIGKILL)
        assert [future.result(120).status for future in futures] == ["passed"] * 4


def test_a_program_that_takes_its_worker_down_twice_is_infra() -> None:
    others = set(children(os.getpid()))
    with Judge(workers=1) as judge:
        future = judge.submit(LASTING)
        seen: set[int] = set()
        while not future.done():
            for pid in set(children(os.getpid())) - seen - others:
                if _has_a_program(pid):
                    os.kill(pid, signal.SIGKILL)
                    seen.add(pid)
        assert future.result().status == "infra"
        assert "died" in future.result().reason
        assert len(seen) == 2
        assert judge.run(RIGHT).passed


def _has_a_program(worker: int) -> bool:
    """Whether a forked program is at work below the worker (it burns CPU as no examiner does)."""
    for program in family(worker).programs:
        with contextlib.suppress(OSError), open(f"/proc/{program}/stat") as stat:
            if int(stat.read().rpartition(")")[2].split()[11]) >= 5:
                return True
    return False


def _state() -> tuple[list[int], list[str], list[str], set[str]]:
    """Return the children, descriptors, mounts and temporary folders of Sparkgap that there are."""
    gc.collect()
    with open("/proc/self/mounts") as mounts:
        mounted = mounts.read().splitlines()
    left = {p.name for p in Path(os.environ.get("TMPDIR", "/tmp")).glob("sparkgap-*")}
    return children(os.getpid()), sorted(os.listdir("/proc/self/fd")), mounted, left


@pytest.mark.parametrize("level", ["auto", "reduced"])
def test_twenty_judges_leave_nothing_behind(level: str) -> None:
    Judge(workers=1).close()
    before = _state()
    threads = threading.active_count()
    for i in range(20 if level == "auto" else 5):
        with Judge(workers=1, isolation=level) as judge:  # type: ignore[arg-type]
            if i % 5 == 0:
                judge.run(RIGHT)
            elif i % 5 == 1:
                judge.submit(LASTING)
    assert _state() == before
    assert threading.active_count() == threads


@pytest.mark.parametrize("doomed", ["caller", "worker"])
@pytest.mark.parametrize("level", ["auto", "reduced"])
def test_a_caller_or_worker_that_dies_leaves_no_process(level: str, doomed: str) -> None:
    source = (
        f"import os, sys\nfrom sparkgap import Judge, Program\njudge = Judge(workers=1, isolation={level!r})\n"
        "judge.run(Program('x = 1'))\n"
        "judge.submit(Program('while True: pass'))\nprint('ready', flush=True)\nsys.stdin.read()\n"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(sys.modules["sparkgap"].__file__ or "").parents[1])},
    )  # fmt: skip
    with caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "ready\n"
        workers = children(caller.pid)
        below = [child for worker in workers for child in children(worker)]
        assert len(workers) == 1
        assert below
        watches = [os.pidfd_open(pid) for pid in (*workers, *below)]
        os.kill(caller.pid if doomed == "caller" else workers[0], signal.SIGKILL)
        for watch in watches:
            assert _ends(watch)
            os.close(watch)
        caller.kill()


def _ends(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 30)[0])


def test_timeouts_are_confirmed_on_one_worker_for_each_physical_core(tmp_path: Path, monkeypatch: Any) -> None:
    for cpu, siblings in enumerate(["0,4", "1,5", "2,6", "2,6", "0,4"]):
        (tmp_path / f"cpu{cpu}").write_text(siblings)
    monkeypatch.setattr("sparkgap.judge.judge._SIBLINGS", f"{tmp_path}/cpu{{}}")
    assert _apart([0, 1, 2, 3, 4]) == [0, 1, 2]
    assert _apart([3]) == [0]
    assert _apart([None, None, None, None, None]) == [0, 1]
    assert _apart([None]) == [0]
    assert _apart([0, 9]) == [0]


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="workers must be at least 1"):
        Judge(workers=0)


def test_what_cannot_be_sent_is_refused_at_once(judge: Judge) -> None:
    with pytest.raises(PluginError, match="no language 'cobol'"):
        judge.submit(Program("x = 1", language="cobol"))
    with pytest.raises(ValueError, match="cannot be sent"):
        judge.submit(Program("x = 1", InputTests("f", ((object(),),), (1,))))
    assert judge.run(Program("print(5)", StdioTests((("", "5"),)))).passed

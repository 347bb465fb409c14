"""Memory moved into huge pages and few mappings: no byte or address changes, nothing is both written and executed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from families import children, family, only_worker
from sparkgap.judge import Judge, folios

_SETTLED = """
import ctypes, gc, hashlib, json, os, sys
from sparkgap.judge import folios

def pages():
    return int(open("/proc/self/statm").read().split()[0])

def mappings():
    return sum(1 for _ in open("/proc/self/maps"))

def code_of(plan):
    return hashlib.sha256((ctypes.c_char * plan.code.size).from_address(plan.code.start)).hexdigest()

things = {n: [str(n), float(n), {n: bytes(n % 700)}] for n in range(20_000)}
plan, size, before = folios.plan(), pages(), mappings()
code = code_of(plan)
for _ in range(3):
    folios.settle(plan)
del things[0]
gc.collect()
child = os.fork()
if not child:
    os._exit(7 if things[19_999][1] == 19_999.0 and eval("sum(range(10))") == 45 else 1)
_, status = os.waitpid(child, 0)
maps = [line.split() for line in open("/proc/self/maps")]
print(json.dumps({
    "written": len(plan.written),
    "fewer": before - len(maps),
    "intact": all(t == [str(n), float(n), {n: bytes(n % 700)}] for n, t in things.items()),
    "code": code_of(plan) == code,
    "status": os.waitstatus_to_exitcode(status),
    "grown": pages() - size,
    "both": [line for line in maps if "w" in line[1] and "x" in line[1]],
    "stack": next(line[1] for line in maps if line[-1] == "[stack]"),
}))
"""


def test_a_settled_process_goes_on_with_the_same_memory() -> None:
    ran = subprocess.run([sys.executable, "-c", _SETTLED], capture_output=True, text=True, check=True)
    said = json.loads(ran.stdout)
    assert said["written"] > 0 or folios.plan() == folios.NOTHING
    assert said["fewer"] > 0 or folios.plan() == folios.NOTHING
    assert said["intact"]
    assert said["code"]
    assert said["status"] == 7
    assert said["grown"] < 64
    assert said["both"] == []
    assert said["stack"] == "rw-p"


def test_what_is_gone_meanwhile_is_left_out() -> None:
    gone = folios.Piece(1 << 40, 1 << 20)
    folios.settle(folios.Plan((gone,), folios.Piece(0, 0), (gone,)))


def test_without_huge_pages_there_is_no_plan(tmp_path: Path, monkeypatch: Any) -> None:
    switch = tmp_path / "enabled"
    switch.write_text("always madvise [never]\n")
    for place in (switch, tmp_path / "absent"):
        monkeypatch.setattr(folios, "_ENABLED", str(place))
        assert folios.plan() == folios.NOTHING


def test_zygotes_are_settled_and_what_stays_beside_them_is_not() -> None:
    there = folios.plan() != folios.NOTHING
    before = set(children(os.getpid()))
    with Judge(workers=1):
        below = family(only_worker(before))
        assert len(below.zygotes) == 2
        assert [bool(_advised(zygote)) for zygote in below.zygotes] == [there] * 2
        assert not any(map(_advised, below.keepers))


def _advised(process: int) -> int | None:
    """Return how many mappings of a process are advised to be of huge pages; None if it is dead."""
    flags = [line for line in Path(f"/proc/{process}/smaps").read_text().splitlines() if line.startswith("VmFlags:")]
    return sum(" hg " in line for line in flags) if flags else None

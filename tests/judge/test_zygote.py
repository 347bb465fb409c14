"""A zygote by itself, seen from a process that does what a worker does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sparkgap
from sparkgap import Judge

_DRIVEN = """
import json, os, signal, socket, sys
from sparkgap.judge import handles, kernel
from sparkgap.judge.orders import Order

home, level, refused = sys.argv[1:]
kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
zygote = handles.ZygoteProcess("candidate", handles.Settings(home, level, ()))
said = {"refusal": zygote.wait_ready()}

def no(*_):
    raise PermissionError

if refused == "signals":
    signal.pidfd_send_signal = no
for name in ("killed", "killed again", "hung up"):
    ours, theirs = socket.socketpair()
    zygote.order(Order(5.0, 5.0, 200, 100), (theirs.fileno(),))
    theirs.close()
    if name == "hung up":
        ours.close()  # nothing will be asked: it ends by itself
    else:
        zygote.end()
    ending = zygote.ending()
    said[name] = [int(ending.cause), ending.signal, ending.status]
zygote.close()
left = 0
try:
    while True:
        os.wait()
        left += 1
except ChildProcessError:
    said["left"] = left
print(json.dumps(said))
"""


@pytest.mark.parametrize("level", ["full", "reduced", "unsafe"])
@pytest.mark.parametrize("refused", ["nothing", "signals"])
def test_a_program_is_killed_even_by_one_who_may_not_signal_it(judge: Judge, level: str, refused: str) -> None:
    home = str(Path(sparkgap.__file__).parents[1])
    ran = subprocess.run(
        [sys.executable, "-c", _DRIVEN, home, level, refused],
        capture_output=True, text=True, timeout=60, check=True, env={"PYTHONPATH": home},
    )  # fmt: skip
    said = json.loads(ran.stdout)
    if said["refusal"]:
        assert level not in (judge.isolation, "unsafe"), said["refusal"]
        pytest.skip(f"this machine has no {level} jail: {said['refusal']}")
    assert said["killed"] == said["killed again"] == [3, 9, 9]
    assert said["hung up"] == [0, 0, 0]

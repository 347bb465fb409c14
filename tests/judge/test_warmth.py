"""What a process does before it forks: no gaps are left between small objects, nor more memory taken than is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sparkgap.judge import hashing, warmth

_FILLED = """
import gc, json, sys
from sparkgap.judge import warmth

kept = [bytes(size) for size in range(480) for _ in range(9)]
del kept[::3]
gc.collect()
held = warmth.fill_gaps()
old = {id(each) // 16384 for each in kept}
made = [bytes(size) for size in range(2, 480)]
print(json.dumps({
    "taken": sum(map(sys.getsizeof, held)),
    "in old pools": sum(id(each) // 16384 in old for each in made),
}))
"""


def _filled(**environment: str) -> dict[str, int]:
    command = [sys.executable, "-c", _FILLED]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | environment)
    found: dict[str, int] = json.loads(ran.stdout)
    return found


def test_what_is_made_after_the_gaps_are_filled_lies_in_new_pools() -> None:
    found = _filled()
    assert found["in old pools"] == 0
    assert found["taken"] < warmth.FILLING_BYTES


@pytest.mark.parametrize("allocator", ["malloc", "pymalloc_debug"])
def test_another_allocator_is_asked_for_no_more_than_is_said(allocator: str) -> None:
    assert _filled(PYTHONMALLOC=allocator)["taken"] <= warmth.FILLING_BYTES


def test_what_is_made_anew_does_the_same_and_the_old_is_kept() -> None:
    before = hashing._makes_no_set
    old = warmth.renew_partials()
    assert any(each is before for each in old)
    assert hashing._makes_no_set is not before
    assert hashing.hash_sensitive(compile("x = list({'a', 'b'})", "", "exec"))
    assert not hashing.hash_sensitive(compile("x = list(['a', 'b'])", "", "exec"))

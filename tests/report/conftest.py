"""Runs to report on: real ones of `grade` over hostile replies, and the folder layout of `measure` around them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkgap import plugins
from sparkgap.claims import Claim, Claimed
from sparkgap.grade import GradeOptions, grade
from sparkgap.judge import Judge
from sparkgap.report import read, report
from sparkgap.types import Problem

HOSTILE = (
    "</script><script>window.attacked = 1</script>",
    '<img src=x onerror="window.attacked = 2">',
    "<svg onload='window.attacked = 3'>",
    '"><iframe srcdoc="<script>parent.attacked = 4</script>"></iframe>',
    "]]><!-- <style>*{display:none}</style> --!>",
    "{{ 7 * 7 }}{% raw %}&lt;b&gt;&amp;",
    "\x00\x07\x1b[2J\x7f\u202egnp.exe\u2066\u200b\ufeff\r",
    "עברית عربى 漢字 👩‍👩‍👧 e\u0301",
    "x" * 100_000,
    "\n" * 5_000,
)


@pytest.fixture(scope="session")
def problems() -> list[Problem]:
    return list(plugins.find("benchmarks", "hello").problems())


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory, problems: list[Problem]) -> Iterator[tuple[Path, Path]]:
    """Two finished runs of `grade` on `hello`: one that is right throughout, and one of hostile replies."""
    folder = tmp_path_factory.mktemp("graded")
    right = [{"task_id": problem.id, "solution": problem.reference} for problem in problems]
    hostile = []
    for place, problem in enumerate(problems):
        text = HOSTILE[place % len(HOSTILE)]
        name = problem.entry_point or "f"
        reply = f"{text}\n```python\ndef {name}(*args):\n    raise ValueError({text[:200]!r})\n```\n{text}"
        hostile.append({"task_id": problem.id, "response": problem.reference if place % 3 == 2 else reply})
    hostile.append({"task_id": problems[0].id, "response": None})
    with pytest.MonkeyPatch.context() as patch, Judge(1) as judge:
        patch.setenv("SPARKGAP_CACHE", str(folder / "cache"))
        for name, rows in (("right", right), ("hostile", hostile)):
            samples = folder / f"{name}_samples.jsonl"
            samples.write_text("".join(json.dumps(row) + "\n" for row in rows))
            grade(samples, "hello", judge=judge, out=folder / name, options=GradeOptions(k=(1,)))
        yield folder / "right", folder / "hostile"


@pytest.fixture(scope="session")
def hostile() -> tuple[str, ...]:
    """What the replies of the hostile run say, one after another."""
    return HOSTILE


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run whose metrics have hostile names."""
    folder = tmp_path_factory.mktemp("training")
    lines = [{"step": n, "reward": n / 20, HOSTILE[1]: 1 - n / 20} for n in range(20)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="session")
def page(graded: tuple[Path, Path], training: Path) -> str:
    """The report on both runs and the training run, under hostile names, with a hostile claim and one of nothing."""
    claim = Claim(f"X-1 {HOSTILE[1]}", "hello", 0.9, "share", HOSTILE[0], HOSTILE[6], HOSTILE[3])
    claims = [Claimed(claim.model, claim.model, {"hello": claim}), Claimed("Y-2", "Y-2", {})]
    runs = [read(graded[0]), read(graded[1], f"model {HOSTILE[0]}"), read(training, HOSTILE[2])]
    return report(runs, claims=claims, title=f"Title {HOSTILE[3]}")

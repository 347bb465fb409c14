"""Another language all the way: replies asked for and measured, samples files graded, programs judged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripted import Scripted, canonical, install
from sparkgap import plugins
from sparkgap.cli import main
from sparkgap.measure import MeasureOptions, measure
from sparkgap.results import read_result
from sparkgap.types import CodeTests, Request
from toolchain import needed


@pytest.fixture
def _data(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))


@pytest.mark.usefixtures("_data")
def test_a_model_is_measured_in_another_language(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needed("javascript")
    know = canonical("humaneval_x_js")
    asked: list[str] = []

    def answer(request: Request, index: int) -> str:
        asked.append(request.messages[-1].content)
        program = know(request, index).removeprefix("```python").removesuffix("```")
        match len(asked):
            case 1:
                return f"Here it is.\n\n```javascript\n{program}\n```\nIt is tested by\n```sh\nnode x.js\n```"
            case 2:
                return f"```js\n{program.replace('return', 'return !')}\n```"
            case 3:
                return f"```\n{program[: len(program) // 2]}(\n```"
            case _:
                return "I would rather not."

    install(monkeypatch, polyglot=Scripted(answer))
    options = MeasureOptions(limit=4, concurrency=1, workers=1)
    result = measure("scripted/polyglot", "humaneval_x_js", out=tmp_path / "run", options=options)
    (summary,) = result.benchmarks.values()
    assert all("JavaScript" in text and "Python" not in text for text in asked)
    assert summary["by_status"] == {"passed": 1, "wrong": 1, "syntax": 2}
    assert summary["metrics"]["pass@1"]["value"] == 0.25
    assert read_result(tmp_path / "run").model == "scripted/polyglot"


@pytest.mark.usefixtures("_data")
def test_samples_files_are_graded_in_another_language(tmp_path: Path) -> None:
    problems = list(plugins.find("benchmarks", "humaneval_x_cpp").problems())[20:22]
    tests = problems[0].tests
    needed("cpp", tests if isinstance(tests, CodeTests) else None)
    rows = []
    for problem in problems:
        body = problem.reference.removeprefix(problem.prompt)
        rows += [
            {"task_id": problem.id, "completion": body},
            {"task_id": problem.id, "solution": problem.reference},
            {"task_id": problem.id, "response": f"Sure.\n```cpp\n{problem.reference}\n```\nDone."},
            {"task_id": problem.id, "completion": "    return undefined_name;\n}\n"},
        ]
    path = tmp_path / "samples.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    words = ["grade", str(path), "-b", "humaneval_x_cpp", "--out", str(tmp_path / "run"), "--workers", "2"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "run" / "summary.json").read_text("utf-8"))
    assert summary["by_status"] == {"passed": 6, "compile": 2}
    scores = [json.loads(line) for line in (tmp_path / "run" / "scores.jsonl").read_text("utf-8").splitlines()]
    refused = [score for score in scores if score["status"] == "compile"]
    assert all("undefined_name" in score["why"] for score in refused)

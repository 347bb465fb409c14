from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from run_folders import flags, write_measure
from sparkgap import plugins
from sparkgap.report.bundle import bundle
from sparkgap.report.comparison import Comparison, compare
from sparkgap.report.evidence import MOST_SAMPLES, Evidence, evidence, failures
from sparkgap.report.plaintext import visible
from sparkgap.results import read_result
from sparkgap.types import Problem


def looked_at(*folders: Path) -> tuple[Comparison, Evidence]:
    table = compare([read_result(folder) for folder in folders])
    return table, evidence(table.columns[0], table.rows)


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_a_run_of_grade_shows_the_replies_and_programs_that_were_judged(
    graded: tuple[Path, Path], problems: list[Problem]
) -> None:
    table, found = looked_at(*graded)
    assert found.ids == tuple(problem.id for problem in problems)
    assert found.notes == ()
    records = [json.loads(line) for line in (graded[1] / "scores.jsonl").read_text().splitlines()]
    assert sum(count.get(1, 0) for count in failures(found).values()) == len(records) == len(problems) + 1
    for problem in problems:
        told = found.text(problem.id)
        assert told["prompt"] == visible(problem.prompt)
        (right,) = told["runs"][0]
        assert right["program"].rstrip() == visible(problem.reference).rstrip()
        assert right["reading"] == "strict"
        first = told["runs"][1][0]
        assert first["reading"] == "lenient"
        assert first["reply"]
    first, unanswered = found.text(problems[0].id)["runs"][1]
    assert first["verdict"]["diagnostics"][0]["message"].startswith("ValueError: </script>")
    assert "raise ValueError(" in first["program"].splitlines()[first["verdict"]["diagnostics"][0]["line"] - 1]
    assert (unanswered["index"], unanswered["error"]) == (1, "the reply is null")
    assert table.rows[1].name == "hostile"


def test_answers_are_not_taken_from_another_file(graded: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("manifest.json", "summary.json", "scores.jsonl"):
        (folder / name).write_bytes((graded[0] / name).read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text())
    other = tmp_path / "right_samples.jsonl"
    other.write_text(Path(manifest["sessions"][-1]["files"][0]).read_text() + "\n")
    manifest["sessions"][-1]["files"] = [str(other)]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    _, found = looked_at(folder)
    assert found.notes == (
        "run: answers are not shown, since the samples file is gone or is not the one that was graded",
    )
    (told,) = found.text(found.ids[0])["runs"][0]
    assert "reply" not in told
    assert told["verdict"]["tests"]


def test_an_unknown_benchmark_is_shown_without_prompts(tmp_path: Path) -> None:
    _, found = looked_at(write_measure(tmp_path / "a", "m", {"nobodys": flags([1, 0])}))
    assert "there is no benchmark 'nobodys'" in found.notes[0]
    assert found.ids == ("Problem/0", "Problem/1")
    assert found.text("Problem/1")["runs"] == {0: [{"index": 0, "place": 0, "strict": "wrong", "lenient": "wrong"}]}


def test_data_of_another_version_shows_no_prompts(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    said = {"humaneval": {"data": {"humaneval/HumanEval.jsonl.gz": "0" * 64}}}
    _, found = looked_at(write_measure(tmp_path / "a", "m", {"humaneval": flags([1], "HumanEval")}, **said))
    assert "not the version that was measured with" in found.notes[0]
    assert "prompt" not in found.text("HumanEval/0")


def test_replies_turns_and_ratings_of_measure_are_shown(tmp_path: Path) -> None:
    record = {"status": "rated", "value": 7.5, "why": "two of two", "answer": "7, 8", "metrics": {"turn 1": 7.0}}
    said = {"unit": "rating", "records": {"q1": record}}
    folder = write_measure(tmp_path / "a", "m", {"mt_bench_like": {"q1": [7.5]}}, mt_bench_like=said)
    sample = {
        "ordinal": 0, "task_id": "q1", "sample_index": 0, "response": "second",
        "replies": [{"text": "first", "logprobs": [-0.12345]}, {"text": "second"}],
        "ratings": [{"text": "Rating: [[7]]"}, {"text": "", "error": "429"}],
    }  # fmt: skip
    (folder / "mt_bench_like-chat" / "samples.jsonl").write_text(json.dumps(sample) + "\n")
    _, found = looked_at(folder)
    (told,) = found.text("q1")["runs"][0]
    assert told["turns"] == ["first", "second"]
    assert told["ratings"] == ["Rating: [[7]]", ""]
    assert told["logprobs"] == [-0.123]
    assert (told["answer"], told["metrics"]) == ("7, 8", {"turn 1": 7.0})
    assert "program" not in told
    assert found.outcomes[0]["q1"][0].value == 7.5


def test_of_many_samples_all_are_counted_and_some_shown(tmp_path: Path) -> None:
    values = {"p": [1.0] * 30 + [0.0] * 10}
    table, found = looked_at(write_measure(tmp_path / "a", "m", {"nobodys": values}))
    assert len(found.text("p")["runs"][0]) == MOST_SAMPLES
    index = unpacked(bundle(table.columns[0], found).index)
    assert len(index["outcomes"][0][0]) == 40
    assert failures(found) == {("passed", ""): {0: 30}, ("wrong", ""): {0: 10}}


def test_stages_tell_failures_of_one_status_apart(graded: tuple[Path, Path]) -> None:
    _, found = looked_at(*graded)
    counts = failures(found)
    assert next(iter(counts)) == ("passed", "")
    assert counts["passed", ""][0] == len(found.ids)
    assert ("raised", "test") in counts
    assert counts["unanswered", ""] == {1: 1}


def test_a_bundle_holds_every_problem_once_in_chunks(
    graded: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkgap.report.bundle.CHUNK_BYTES", 30_000)
    table, found = looked_at(*graded)
    packed = bundle(table.columns[0], found)
    index = unpacked(packed.index)
    texts = [text for chunk in packed.chunks for text in unpacked(chunk)]
    assert len(packed.chunks) > 2
    assert index["starts"] == [
        sum(len(unpacked(chunk)) for chunk in packed.chunks[:n]) for n in range(len(packed.chunks))
    ]
    assert texts == [json.loads(json.dumps(found.text(id_))) for id_ in index["ids"]]
    for row, by_problem in zip(index["rows"], index["outcomes"], strict=True):
        for id_, samples in zip(index["ids"], by_problem, strict=True):
            told = [(index["statuses"][status], value, why) for status, value, why in samples]
            assert told == [(each.status, each.value, each.why) for each in found.outcomes[row][id_]]


def test_a_bundle_is_the_same_bytes_each_time_and_holds_no_markup(graded: tuple[Path, Path]) -> None:
    table, found = looked_at(*graded)
    packed = bundle(table.columns[0], found)
    assert packed == bundle(table.columns[0], looked_at(*graded)[1])
    assert not set("<>&\"'") & set("".join((packed.index, *packed.chunks)))


def test_the_prompt_is_what_was_asked_in_all_its_turns(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    for benchmark, variant, id_ in (("humaneval", "completion", "HumanEval/0"), ("humaneval", "chat", "HumanEval/0")):
        folder = write_measure(tmp_path / variant, "m", {f"{benchmark}:{variant}": {id_: [1.0]}})
        _, found = looked_at(folder)
        plugin = plugins.find("benchmarks", benchmark)
        problem = next(plugin.problems())
        request = plugin.ask(problem, next(each for each in plugin.variants if each.name == variant), ())
        asked = request.messages[-1].content if request.messages else request.text
        assert found.text(id_)["prompt"] == visible(asked)
        assert visible(asked) in found.example
    _, found = looked_at(write_measure(tmp_path / "mt", "m", {"mt_bench:published": {"MT-Bench/81": [1.0]}}))
    first, second = found.text("MT-Bench/81")["prompt"].split("\n\n[turn 2]\n")
    assert first.startswith("Compose an engaging travel blog post")
    assert second.startswith("Rewrite your previous response")

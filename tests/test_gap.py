"""The gap between runs, and to claims: real graded samples, and runs made up to be alike or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from run_folders import flags, write_measure, write_run
from sparkgap import stats
from sparkgap.errors import InputError
from sparkgap.gap import GapReport, gap
from sparkgap.gate import gate
from sparkgap.grade import GradeOptions, grade

SHA = "a" * 64, "b" * 64
MODELS = ("deepseek-coder_6.7b", "qwen2.5-coder_7b", "codegemma_7b", "codellama_7b")


@pytest.fixture(scope="session")
def graded(published: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Published HumanEval answers of four models, graded."""
    folder = tmp_path_factory.mktemp("graded")
    samples = published / "outputs" / "poe-evaluation" / "samples"
    if not samples.is_dir():
        pytest.skip("the published answers are not here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKGAP_DATA", str(published))
        patch.setenv("SPARKGAP_CACHE", str(folder / "cache"))
        for model in MODELS:
            grade(samples / f"{model}_samples.jsonl", "humaneval", out=folder / model, options=GradeOptions(workers=2))
    return {model: folder / model for model in MODELS}


@pytest.fixture(scope="session")
def report(graded: dict[str, Path], published: Path) -> GapReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKGAP_DATA", str(published))
        return gap(graded[MODELS[0]], *(graded[model] for model in MODELS[1:]), "claim:llama-4")


def records(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "scores.jsonl").read_text().splitlines()
    return {record["problem_id"]: record for record in map(json.loads, lines)}


def test_real_runs_differ_by_what_their_scores_say(report: GapReport, graded: dict[str, Path]) -> None:
    ours = records(graded[MODELS[0]])
    for each, model in zip(report.gaps, MODELS[1:], strict=False):
        theirs = records(graded[model])
        (found,) = each.contrasts
        only_ours = sum(ours[id_]["value"] > theirs[id_]["value"] for id_ in ours)
        only_theirs = sum(ours[id_]["value"] < theirs[id_]["value"] for id_ in ours)
        assert (found.problems, found.only_ours, found.only_theirs) == (164, only_ours, only_theirs)
        assert found.difference == pytest.approx((only_ours - only_theirs) / 164)
        assert found.p == stats.mcnemar(only_ours, only_theirs)
        assert each.theirs.name == model
        assert found.unlikeness.refusals == ()
    verdicts = [each.verdict for each in report.gaps]
    assert verdicts[0].startswith("behind at code by ")
    assert verdicts[1].startswith("ahead at code by ")
    assert verdicts[3].endswith("; with figures that are reported, not measured")


def test_the_harness_s_losses_are_the_samples_that_pass_leniently(report: GapReport, graded: dict[str, Path]) -> None:
    places = report.gaps[0].places["humaneval"]
    for side, model in (("ours", MODELS[0]), ("theirs", MODELS[1])):
        gained = sum(r["lenient"] == "passed" != r["status"] for r in records(graded[model]).values())
        assert gained > 0
        (extraction,) = [loss for loss in places.losses if loss.cause == "extraction"]
        assert getattr(extraction, side) == pytest.approx(gained / 164)
    assert sum(loss.gap for loss in places.losses) == pytest.approx(-report.gaps[0].contrasts[0].difference)
    assert {group.kind for group in places.groups} == {"topic", "difficulty"}
    assert places.unscored == (0, 0)


def test_the_problems_that_others_solve_say_who_and_why_not_we(report: GapReport, graded: dict[str, Path]) -> None:
    runs = {model: records(graded[model]) for model in MODELS}
    expected = {
        id_: {model for model in MODELS[1:] if runs[model][id_]["value"] == 1}
        for id_ in runs[MODELS[0]]
        if runs[MODELS[0]][id_]["value"] == 0
    }
    told = {problem["task_id"]: set(problem["solved_by"]) for problem in report.problems}
    assert told == {id_: solvers for id_, solvers in expected.items() if solvers}
    for problem in report.problems:
        assert (problem["benchmark"], problem["ours"]) == ("humaneval", 0.0)
        assert problem["loss"] in ("harness", "model")
        assert problem["topics"]
        assert problem["difficulty"]
        assert problem["why"] == runs[MODELS[0]][problem["task_id"]]["why"]


def test_the_report_is_json_without_infinities(report: GapReport) -> None:
    told = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert [each["theirs"]["name"] for each in told["gaps"]] == [*MODELS[1:], "Llama 4"]
    claimed = told["gaps"][3]["benchmarks"][0]
    assert claimed["theirs"]["basis"] == "reported, not measured"
    assert (claimed["paired"], claimed["problems"]) == (False, None)
    assert told["problems_others_solve"] == len(report.problems)


def test_a_model_that_lost_nothing_cannot_be_told_from_itself(graded: dict[str, Path]) -> None:
    (each,) = gap(graded[MODELS[0]], graded[MODELS[0]]).gaps
    (found,) = each.contrasts
    assert (found.difference, found.p, found.distinct) == (0.0, 1.0, False)
    assert found.interval is not None
    assert found.interval.low < 0 < found.interval.high
    assert each.verdict == "at code not distinguishable"


def test_p_values_are_corrected_over_the_benchmarks_of_a_pair(tmp_path: Path) -> None:
    ours = {"humaneval": flags([0] * 9 + [1] * 41), "mbpp": flags([0] * 8 + [1] * 42), "gsm8k": flags([1] * 50)}
    theirs = {"humaneval": flags([1] * 50), "mbpp": flags([1] * 50), "gsm8k": flags([1] * 50)}
    a, b = write_measure(tmp_path / "a", "a", ours), write_measure(tmp_path / "b", "b", theirs)
    (each,) = gap(a, b).gaps
    plain = [found.p for found in each.contrasts]
    assert None not in plain
    assert [found.p_holm for found in each.contrasts] == stats.holm([p for p in plain if p is not None])
    by_name = {found.name: found for found in each.contrasts}
    assert by_name["humaneval"].p_holm == pytest.approx(3 * 2 / 2**9)


def test_what_was_another_exam_is_refused_unless_it_is_asked_for(tmp_path: Path) -> None:
    values = {"humaneval": flags([1, 0] * 20), "mbpp": flags([1, 1] * 20)}
    a = write_measure(tmp_path / "a", "a", values, mbpp={"data": {"f": SHA[0]}})
    b = write_measure(tmp_path / "b", "b", values, mbpp={"data": {"f": SHA[1]}})
    (each,) = gap(a, b).gaps
    assert [found.name for found in each.contrasts] == ["humaneval"]
    assert [refusal.name for refusal in each.refused] == ["mbpp"]
    assert "different data" in each.refused[0].reasons[0]
    assert each.verdict.endswith("; not compared: mbpp")
    (each,) = gap(a, b, anyway=True).gaps
    assert each.refused == ()
    by_name = {found.name: found for found in each.contrasts}
    assert "different data" in by_name["mbpp"].unlikeness.refusals[0]
    with pytest.raises(InputError, match=r"cannot be compared: mbpp: different data.*--anyway"):
        gap(a / "mbpp-chat", b / "mbpp-chat")


def test_sides_that_have_nothing_in_common_say_what_each_has(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", "humaneval", flags([1, 0]))
    b = write_run(tmp_path / "b", "mbpp", flags([1, 0]))
    with pytest.raises(InputError, match="share no benchmark: humaneval here, mbpp there"):
        gap(a, b)
    c = write_run(tmp_path / "c", "humaneval", {"elsewhere": [1.0]})
    with pytest.raises(InputError, match="no problem has a score on both sides"):
        gap(a, c)
    with pytest.raises(InputError, match="a gap is between two"):
        gap(a)


def test_claims_are_compared_with_each_other_as_reported() -> None:
    (each,) = gap("muse-spark", "claim:gpt-5").gaps
    assert each.verdict.startswith("behind at code by 17.1 points, 95 % 8.7 to 25.3; behind on general ability: mmlu")
    assert "no spread is reported: mt_bench" in each.verdict
    assert each.verdict.endswith("reported, not measured")
    assert each.places == {}


def test_a_users_claim_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[claims]]\nmodel = "Mine"\nsaid_by = "me"\nwhen = "today"\nwhere = "here"\n'
        "[claims.figures]\nhumaneval = 50.0\n"
    )
    run = write_run(tmp_path / "a", "humaneval", flags([1] * 82 + [0] * 82))
    (each,) = gap(run, "claim:mine", claims=[path]).gaps
    assert each.contrasts[0].agreement is not None
    assert each.contrasts[0].agreement.p == 1.0


def test_samples_without_a_score_are_in_no_figure_and_are_counted(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", "humaneval", flags([1, 1, None, 0]))
    b = write_run(tmp_path / "b", "humaneval", flags([1, 0, 1, None]))
    (each,) = gap(a, b).gaps
    assert (each.contrasts[0].problems, each.contrasts[0].difference) == (2, 0.5)
    assert each.places["humaneval"].unscored == (1, 1)


def test_runs_of_one_model_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name, "humaneval", flags(values)) for name, values in
               (("step-1", [0, 0, 0]), ("step-2", [1, 0, 0]), ("step-3", [1, 1, 0]))]  # fmt: skip
    report = gap(folders[0], *folders[1:], "claim:gpt-5")
    assert report.ours.name == "openai/some (step-1)"
    assert [each.theirs.name for each in report.gaps] == ["openai/some (step-2)", "openai/some (step-3)", "GPT-5"]
    assert report.problems[0]["solved_by"] == {"openai/some (step-2)": 1.0, "openai/some (step-3)": 1.0}
    assert report.problems[1]["solved_by"] == {"openai/some (step-3)": 1.0}


def test_a_claim_in_another_unit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[claims]]\nmodel = "Mine"\nsaid_by = "me"\nwhen = "today"\nwhere = "here"\n[claims.figures]\nmt_bench = 87\n'
    )
    run = write_run(tmp_path / "a", "mt_bench", {f"p{i}": [8.0] for i in range(80)}, unit="rating")
    with pytest.raises(InputError, match="mt_bench: in different units: rating and share"):
        gap(run, "claim:mine", claims=[path])
    with pytest.raises(InputError, match="mt_bench is in different units, rating and share"):
        gate(run, ["mt_bench gap < 1"], against="claim:mine", claims=[path])

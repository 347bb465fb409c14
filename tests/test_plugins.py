"""Plug-ins: names without imports, clear errors, third parties, and the contract that every benchmark keeps."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from sparkgap import data, plugins
from sparkgap.benchmarks import Ability, Asked, Benchmark, Programmed, Rated, Scored, Totalled, Unit
from sparkgap.errors import PluginError
from sparkgap.types import CodeTests, DocTests, Feature, InputTests, Outcome, Problem, Reply, StdioTests, Variant

BENCHMARKS = plugins.names("benchmarks")
LANGUAGES = plugins.names("languages")
WITHOUT_SOLUTIONS = {name for name in BENCHMARKS if name.startswith("multipl_e_")}  # none are published
QUIET = pytest.mark.filterwarnings("ignore:invalid escape sequence")  # published programs hold "\\w" and the like


def test_the_known_benchmarks_and_languages_are_there() -> None:
    code = {"hello", "humaneval", "humaneval_plus", "mbpp", "mbpp_plus", "mbpp_sanitized"}
    assert code | {"cruxeval", "gsm8k", "mmlu", "mt_bench", "translation"} <= set(BENCHMARKS)
    assert "python" in LANGUAGES


def test_names_are_sorted_and_leave_out_shared_parts() -> None:
    assert list(BENCHMARKS) == sorted(set(BENCHMARKS))
    assert not [name for name in BENCHMARKS + LANGUAGES if name.startswith("_")]


def test_listing_imports_no_plugin_and_no_room_above() -> None:
    script = (
        "import sys; from sparkgap import plugins; plugins.names('benchmarks'); plugins.names('languages');"
        "print(*[m for m in sys.modules if m.startswith('sparkgap.')])"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert sorted(loaded) == ["sparkgap.errors", "sparkgap.plugins"]


def test_an_unknown_name_gets_the_close_ones_and_the_list() -> None:
    with pytest.raises(PluginError, match=r"no benchmark 'humanevl'; did you mean humaneval.*there are: .*mbpp_plus"):
        plugins.find("benchmarks", "humanevl")


@pytest.mark.parametrize("name", ["", "_shared", "../types", "types", "sparkgap.types", "__init__"])
def test_only_plugins_can_be_found(name: str) -> None:
    with pytest.raises(PluginError, match="there is no benchmark"):
        plugins.find("benchmarks", name)


# Third parties


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that lays an installed package `dist` with one module and its entry points on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def lay(dist: str, points: str, source: str = "") -> None:
        (tmp_path / f"{dist}_module.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{dist}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[sparkgap.benchmarks]\n{points}\n", encoding="utf-8")

    yield lay
    for name in [name for name in sys.modules if name.endswith("_module")]:
        del sys.modules[name]


@pytest.mark.parametrize("target", ["outside_module", "outside_module:BENCHMARK"])
def test_a_third_party_is_found_by_module_or_by_object(install, target: str) -> None:
    install("outside", f"theirs = {target}", "BENCHMARK = 'their benchmark'")
    assert "theirs" in plugins.names("benchmarks")
    assert "outside_module" not in sys.modules
    assert plugins.find("benchmarks", "theirs") == "their benchmark"


def test_a_third_party_cannot_take_over_a_built_in_name(install) -> None:
    install("outside", "humaneval = outside_module", "raise SystemExit('never imported')")
    assert plugins.names("benchmarks").count("humaneval") == 1
    assert plugins.find("benchmarks", "humaneval").name == "humaneval"


def test_two_third_parties_of_one_name_are_both_named(install) -> None:
    install("outside", "theirs = outside_module", "BENCHMARK = 1")
    install("beyond", "theirs = beyond_module", "BENCHMARK = 2")
    with pytest.raises(PluginError, match="several installed packages bring benchmark 'theirs': beyond and outside"):
        plugins.find("benchmarks", "theirs")


def test_a_broken_third_party_is_named_with_its_error(install) -> None:
    install("outside", "theirs = outside_module", "1 / 0")
    with pytest.raises(PluginError, match=r"'theirs' of outside cannot be imported \(ZeroDivisionError: division"):
        plugins.find("benchmarks", "theirs")


def test_a_file_without_its_public_name_is_named(install) -> None:
    install("outside", "theirs = outside_module", "benchmark = 1")
    with pytest.raises(PluginError, match="outside_module does not define BENCHMARK"):
        plugins.find("benchmarks", "theirs")


# The contract of every benchmark


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_says_who_it_is(name: str) -> None:
    benchmark = plugins.find("benchmarks", name)
    assert isinstance(benchmark, Benchmark)
    assert benchmark.name == name
    assert benchmark.title
    assert "\n" not in benchmark.title
    assert isinstance(benchmark.files, tuple)
    assert set(benchmark.files) <= set(data.published())


@pytest.fixture(scope="session")
def problems_of(only_its_files):
    """Return a function that reads a benchmark from a folder with the files that it names, and no other."""
    read: dict[str, tuple[Problem, ...]] = {}

    def problems(name: str) -> tuple[Problem, ...]:
        if name not in read:
            benchmark = plugins.find("benchmarks", name)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("SPARKGAP_DATA", str(only_its_files(name)))
                read[name] = tuple(benchmark.problems())
                again = benchmark.problems()
                assert next(iter(again)) == read[name][0], "a second reading starts over"
        return read[name]

    return problems


@pytest.fixture(scope="session")
def only_its_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Return a function that gives a folder with the files that a benchmark names, and no other; "" if it has none."""
    folders: dict[str, Path | str] = {}

    def folder_of(name: str) -> Path | str:
        files = plugins.find("benchmarks", name).files
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("only") if files else ""
            for file in files:
                (folders[name] / file).parent.mkdir(parents=True, exist_ok=True)
                (folders[name] / file).symlink_to(request.getfixturevalue("published") / file)
        return folders[name]

    return folder_of


@pytest.fixture
def asking_from(only_its_files, monkeypatch: pytest.MonkeyPatch):
    """Return a function that lets a benchmark see its own files alone, for as long as the test runs."""
    return lambda name: monkeypatch.setenv("SPARKGAP_DATA", str(only_its_files(name)))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmarks_problems_are_whole(name: str, problems_of) -> None:
    problems = problems_of(name)
    assert len(problems) >= 20
    ids = [problem.id for problem in problems]
    assert len(ids) == len(set(ids))
    for problem in problems:
        assert isinstance(problem, Problem)
        assert problem.benchmark == name
        assert problem.id
        assert problem.prompt.strip(), problem.id
        assert problem.language in LANGUAGES or (problem.tests is None and not problem.language)
        json.dumps(dict(problem.metadata))  # what is not plain data could not be written into a run


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_has_as_many_problems_as_its_file_has_records(name: str, problems_of) -> None:
    files = plugins.find("benchmarks", name).files
    counts = {data.published()[file].records for file in files}
    assert not files or len(problems_of(name)) in counts


@QUIET
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmarks_references_are_programs_that_hold_the_entry_point(name: str, problems_of) -> None:
    for problem in problems_of(name):
        assert problem.reference or problem.tests is None or name in WITHOUT_SOLUTIONS, problem.id
        if problem.continues and problem.reference and problem.language != "go":  # Go's imports are made anew
            assert problem.reference.startswith(problem.prompt), problem.id
        if problem.language == "python":
            tree = ast.parse(problem.reference)
            defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            bound = {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
                     if isinstance(target, ast.Name)}  # fmt: skip
            assert not problem.entry_point or problem.entry_point in defined | bound, problem.id


@QUIET
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmarks_tests_are_of_a_known_kind_and_test_something(name: str, problems_of) -> None:
    scored = isinstance(plugins.find("benchmarks", name), Scored)
    for problem in problems_of(name):
        match problem.tests:
            case CodeTests(code, prelude) if problem.language != "python":
                assert problem.entry_point in prelude, problem.id
                assert code.strip(), problem.id
            case CodeTests(code, prelude):
                tree = ast.parse(code)
                ast.parse(prelude)
                asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert | ast.Call)]
                assert asserts, problem.id
            case InputTests(entry_point, inputs, expected, atol, _, groups):
                assert entry_point, problem.id
                assert inputs, problem.id
                assert all(isinstance(arguments, tuple) for arguments in inputs), problem.id
                assert expected is None or len(expected) == len(inputs), problem.id
                assert atol >= 0
                assert not groups or sum(size for _, size in groups) == len(inputs), problem.id
                assert all(one[0] != other[0] for one, other in pairwise(groups)), problem.id
            case StdioTests(cases):
                assert cases, problem.id
            case DocTests(text):
                assert ">>>" in text, problem.id
            case other:
                assert other is None, f"{problem.id}: unknown tests {type(other).__name__}"
                assert scored, f"{problem.id}: neither tests nor a benchmark that scores"


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_is_found_under_its_files_name(name: str) -> None:
    assert plugins.find("languages", name).name == name


# The contract of benchmarks that are put to a model


ASKED = [name for name in BENCHMARKS if isinstance(plugins.find("benchmarks", name), Asked)]
VARIANTS = [(name, variant) for name in ASKED for variant in plugins.find("benchmarks", name).variants]
ids = pytest.mark.parametrize(("name", "variant"), VARIANTS, ids=[f"{name}:{v.name}" for name, v in VARIANTS])


def test_every_benchmark_that_ships_can_be_put_to_a_model() -> None:
    assert list(BENCHMARKS) == ASKED


@pytest.mark.parametrize("name", ASKED)
def test_a_benchmarks_variants_are_distinct_and_one_suits_a_chat_model(name: str) -> None:
    benchmark = plugins.find("benchmarks", name)
    assert benchmark.ability in get_args(Ability)
    names = [variant.name for variant in benchmark.variants]
    assert len(names) == len(set(names)) > 0
    assert any(variant.needs == {"chat"} for variant in benchmark.variants)
    for variant in benchmark.variants:
        assert re.fullmatch(r"[\w-]+", variant.name), "it becomes part of a folder's name and of `-b name:variant`"
        assert variant.title
        assert variant.needs <= set(get_args(Feature))
        assert variant.samples >= 1


@pytest.mark.parametrize("name", ASKED)
def test_a_benchmark_is_in_the_document(name: str) -> None:
    text = (Path(__file__).parents[1] / "docs" / "benchmarks.md").read_text("utf-8")
    assert f"`{name}`" in text


@pytest.mark.parametrize("name", ASKED)
def test_a_benchmarks_split_holds_problems(name: str, problems_of) -> None:
    split = plugins.find("benchmarks", name).split
    assert not split or any(problem.split == split for problem in problems_of(name))


# What a model may answer: nothing at all, noise, each kind of answer, and a loop that was cut.
REPLIES = (
    "",
    "\ufeff\x00\ud800?",
    "Answer: B",
    "#### 1",
    "[ANSWER]\nassert f(1) == 1\n[/ANSWER]",
    "Rating: [[7]]",
    "the " * 999,
)


@ids
def test_every_problem_is_asked_and_every_reply_scored(name: str, variant: Variant, problems_of, asking_from) -> None:
    """Ask until there is no more to ask, rate likewise, score: whatever the replies, nothing is raised."""
    benchmark = plugins.find("benchmarks", name)
    asking_from(name)
    records = []
    for number, problem in enumerate(problems_of(name)[:: max(1, len(problems_of(name)) // 50)]):
        text = REPLIES[number % len(REPLIES)]
        replies = exchange(text, variant.needs, partial(benchmark.ask, problem, variant))
        assert replies, problem.id
        if isinstance(benchmark, Programmed):
            program, how = benchmark.program(problem, variant, text)
            assert isinstance(program, str)
            assert how
        if not isinstance(benchmark, Scored):
            continue
        ratings: tuple[Reply, ...] = ()
        if isinstance(benchmark, Rated):
            ratings = exchange(text, {"chat"}, partial(benchmark.rate, problem, variant, replies))
        outcome = benchmark.score(problem, variant, replies, ratings)
        records.append(checked(benchmark, problem.id, outcome))
        lost = (replace(replies[0], error="503 overloaded"), *replies[1:])
        unscored = benchmark.score(problem, variant, lost, ratings)
        assert unscored.value is None, "a reply that never came is no zero"
        assert unscored.status == "unanswered"
        assert "503" in unscored.why
    if isinstance(benchmark, Totalled):
        metrics, notes = benchmark.total(records)
        assert set(metrics) == set(benchmark.metrics)
        assert all(each.low <= each.value <= each.high for each in metrics.values())
        assert all(isinstance(note, str) for note in notes.values())
        assert set(benchmark.total([])[0]) <= set(benchmark.metrics), "a run without a scored sample has a total too"


def exchange(text: str, needs: frozenset[str] | set[str], ask) -> tuple[Reply, ...]:
    """Return the replies to all that is asked, each being `text`; checks the requests on the way."""
    replies: tuple[Reply, ...] = ()
    while (request := ask(replies)) is not None:
        assert bool(request.messages) != bool(request.text), "a chat or a text, not both"
        assert ("chat" if request.messages else "completion") in needs
        assert bool(request.choices) == ("logprobs" in needs)
        assert request == ask(replies), "the same question has the same request"
        assert not request.messages or request.messages[-1].role == "user"
        assert request.decoding.max_tokens > 0
        logprobs = tuple(-float(place) for place, _ in enumerate(request.choices))
        replies = (*replies, Reply(text=text, finish_reason="stop", logprobs=logprobs))
        assert len(replies) <= 8
    return replies


def checked(benchmark: Scored, id_: str, outcome: Outcome) -> dict[str, object]:
    """Return an outcome as a line of scores.jsonl, once it keeps the contract."""
    low, high = {"share": (0, 1), "rating": (1, 10), "score": (0, 100)}[benchmark.unit]
    assert outcome.value is None or low <= outcome.value <= high
    assert outcome.status
    assert set(outcome.metrics) <= set(benchmark.metrics)
    assert outcome.value is None or outcome.metrics[benchmark.metrics[0]] == outcome.value
    record = {"problem_id": id_, "value": outcome.value, "status": outcome.status, "metrics": dict(outcome.metrics)}
    return json.loads(json.dumps(record | {"answer": outcome.answer, "details": dict(outcome.details)}))


@pytest.mark.parametrize("name", [n for n in ASKED if isinstance(plugins.find("benchmarks", n), Scored)])
def test_a_scored_benchmark_says_what_it_measures(name: str) -> None:
    benchmark = plugins.find("benchmarks", name)
    assert benchmark.unit in get_args(Unit)
    assert len(benchmark.metrics) == len(set(benchmark.metrics)) > 0

"""The five published benchmarks, against what their publishers say and against the files themselves."""

from __future__ import annotations

import ast
import contextlib
import gzip
import json
import math
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from sparkgap.benchmarks import _published
from sparkgap.benchmarks.humaneval import BENCHMARK as HUMANEVAL
from sparkgap.benchmarks.humaneval_plus import BENCHMARK as HUMANEVAL_PLUS
from sparkgap.benchmarks.mbpp import BENCHMARK as MBPP
from sparkgap.benchmarks.mbpp_plus import BENCHMARK as MBPP_PLUS
from sparkgap.benchmarks.mbpp_sanitized import BENCHMARK as MBPP_SANITIZED
from sparkgap.errors import DataError
from sparkgap.types import CodeTests, InputTests, Problem

# Published code has escapes such as "\\w" in plain strings.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")]
ALL = [HUMANEVAL, HUMANEVAL_PLUS, MBPP, MBPP_SANITIZED, MBPP_PLUS]


@pytest.fixture(scope="module")
def read(published: Path) -> Iterator[dict[str, dict[str, Problem]]]:
    """All problems by benchmark and id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKGAP_DATA", str(published))
        yield {benchmark.name: {p.id: p for p in benchmark.problems()} for benchmark in ALL}


Read = dict[str, dict[str, Problem]]


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("humaneval", 164, "HumanEval/0", "HumanEval/163"),
        ("humaneval_plus", 164, "HumanEval/0", "HumanEval/163"),
        ("mbpp", 974, "Mbpp/1", "Mbpp/974"),
        ("mbpp_sanitized", 427, "Mbpp/2", "Mbpp/809"),
        ("mbpp_plus", 378, "Mbpp/2", "Mbpp/809"),
    ],
)
def test_every_problem_is_there_once_and_in_order(read: Read, name: str, count: int, first: str, last: str) -> None:
    ids = list(read[name])
    assert (len(ids), ids[0], ids[-1]) == (count, first, last)
    numbers = [int(id_.partition("/")[2]) for id_ in ids]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("humaneval", {"test": 164}),
        ("humaneval_plus", {"test": 164}),
        ("mbpp", {"prompt": 10, "test": 500, "validation": 90, "train": 374}),
        ("mbpp_sanitized", {"prompt": 7, "test": 257, "validation": 43, "train": 120}),
    ],
)
def test_splits_have_their_published_sizes(read: Read, name: str, splits: dict[str, int]) -> None:
    assert Counter(problem.split for problem in read[name].values()) == splits


def test_the_ends_of_mbpps_splits(read: Read) -> None:
    ends = [1, 10, 11, 510, 511, 600, 601, 974]
    assert [read["mbpp"][f"Mbpp/{n}"].split for n in ends] == [
        "prompt", "prompt", "test", "test", "validation", "validation", "train", "train",
    ]  # fmt: skip


def test_a_task_is_in_one_split_in_all_forms_of_mbpp(read: Read) -> None:
    for name in ("mbpp_sanitized", "mbpp_plus"):
        assert all(problem.split == read["mbpp"][id_].split for id_, problem in read[name].items())


def test_no_carriage_return_is_left(read: Read, published: Path) -> None:
    assert (published / "mbpp" / "mbpp.jsonl").read_bytes().count(rb"\r\n") > 972
    for problems in read.values():
        for problem in problems.values():
            tests = problem.tests
            texts = [tests.code, tests.prelude] if isinstance(tests, CodeTests) else []
            assert not [text for text in (problem.prompt, problem.reference, *texts) if "\r" in text], problem.id


def test_setup_code_and_imports_reach_the_prelude(read: Read) -> None:
    preludes = {
        name: {id_: p.tests.prelude for id_, p in read[name].items() if isinstance(p.tests, CodeTests)}
        for name in ("mbpp", "mbpp_sanitized")
    }
    setup = {id_: prelude for id_, prelude in preludes["mbpp"].items() if prelude}
    assert sorted(setup) == ["Mbpp/367", "Mbpp/927"]
    assert all(prelude.startswith("root = Node(1)") for prelude in setup.values())
    imports = {id_: prelude for id_, prelude in preludes["mbpp_sanitized"].items() if prelude}
    assert len(imports) == 13
    assert set(imports.values()) == {"import math"}


def test_challenge_tests_are_kept_apart(read: Read) -> None:
    challenged = [p for p in read["mbpp"].values() if p.metadata.get("challenge_test_list")]
    assert len(challenged) == 11
    for problem in challenged:
        assert isinstance(problem.tests, CodeTests)
        assert not [test for test in problem.metadata["challenge_test_list"] if test in problem.tests.code]


@pytest.mark.parametrize("name", ["mbpp", "mbpp_sanitized"])
def test_mbpp_prompts_are_a_docstring_ending_in_the_first_assert(read: Read, name: str) -> None:
    for problem in read[name].values():
        (docstring,) = ast.parse(problem.prompt).body
        assert isinstance(docstring, ast.Expr)
        assert isinstance(problem.tests, CodeTests)
        assert problem.prompt.splitlines()[-2] == problem.tests.code.splitlines()[0], problem.id
        assert problem.entry_point in problem.prompt, problem.id
        assert not problem.continues


def test_the_prompt_form_is_evalplus(read: Read) -> None:
    same = [id_ for id_, p in read["mbpp_plus"].items() if p.prompt == read["mbpp_sanitized"][id_].prompt]
    assert len(same) > 250, "MBPP+ changed the text or the first assert of the others"


def test_entry_points_of_mbpp_are_those_that_evalplus_found(read: Read) -> None:
    differ = {id_ for id_, p in read["mbpp_plus"].items() if p.entry_point != read["mbpp_sanitized"][id_].entry_point}
    assert not differ
    assert read["mbpp"]["Mbpp/601"].entry_point == "max_chain_length", "its tests also build a Pair"


@pytest.mark.parametrize("name", ["humaneval", "humaneval_plus"])
def test_humaneval_goes_on_from_a_prompt_that_parses_as_it_stands(read: Read, name: str) -> None:
    for problem in read[name].values():
        stub = ast.parse(problem.prompt).body[-1]
        assert isinstance(stub, ast.FunctionDef)
        assert stub.name == problem.entry_point
        assert problem.prompt.endswith("\n"), "a base model's score halves without it"
        assert problem.continues
        assert problem.reference.startswith(problem.prompt)


def test_humaneval_tests_call_check_beside_the_prompts_own_functions(read: Read) -> None:
    beside = {}
    for problem in read["humaneval"].values():
        assert isinstance(problem.tests, CodeTests)
        assert problem.tests.code.endswith(f"\ncheck({problem.entry_point})\n")
        names = {n.name for n in ast.parse(problem.tests.prelude).body if isinstance(n, ast.FunctionDef)}
        if names != {problem.entry_point}:
            beside[problem.id] = names - {problem.entry_point}
    assert beside == {
        "HumanEval/10": {"is_palindrome"}, "HumanEval/32": {"poly"},
        "HumanEval/38": {"encode_cyclic"}, "HumanEval/50": {"encode_shift"},
    }  # fmt: skip


# The inputs of the plus sets


def inputs_of(problem: Problem) -> InputTests:
    assert isinstance(problem.tests, InputTests)
    return problem.tests


def test_plus_inputs_are_grouped_and_complete(read: Read) -> None:
    sums: Counter[str] = Counter()
    for name in ("humaneval_plus", "mbpp_plus"):
        for problem in read[name].values():
            tests = inputs_of(problem)
            (base, of_base), (plus, of_plus) = tests.groups
            assert (base, plus) == ("base", "plus")
            assert of_base > 0
            assert of_base + of_plus == len(tests.inputs)
            assert tests.expected is None
            sums[f"{name} base"] += of_base
            sums[f"{name} plus"] += of_plus
    assert sums == {
        "humaneval_plus base": 1570, "humaneval_plus plus": 122683, "mbpp_plus base": 1174, "mbpp_plus plus": 39841 - 5,
    }  # fmt: skip


def test_what_is_left_out_is_what_has_millions_of_items(read: Read, published: Path) -> None:
    with gzip.open(published / "evalplus" / "MbppPlus.jsonl.gz") as lines:
        (task,) = [record for record in map(json.loads, lines) if record["task_id"] == "Mbpp/255"]
    sizes = [math.comb(max(0, len(items) + n - 1), n) * n for items, n in task["plus_input"]]
    large = [place for place, size in enumerate(sizes) if size > 1_000_000]
    assert {p.id: p.metadata["plus_inputs_left_out"] for p in read["mbpp_plus"].values() if len(p.metadata) > 2} == {
        "Mbpp/255": large
    }
    assert sorted(sizes)[-6:][0] < 1_000_000 < 6_000_000 < sorted(sizes)[-5]


def test_oracles_and_tolerances_are_evalplus(read: Read) -> None:
    special = {
        id_: inputs_of(p).oracle
        for name in ("humaneval_plus", "mbpp_plus")
        for id_, p in read[name].items()
        if inputs_of(p).oracle != "equal"
    }
    sets = dict.fromkeys((f"Mbpp/{n}" for n in (2, 7, 111, 140, 232, 579, 769)), "set")
    not_none = dict.fromkeys((f"Mbpp/{n}" for n in (737, 787, 794)), "not_none")
    named = {"HumanEval/32": "poly_zero", "Mbpp/558": "digit_distance", "Mbpp/581": "pyramid_area"}
    assert special == sets | not_none | named
    atols = Counter(inputs_of(p).atol for p in read["mbpp_plus"].values())
    assert atols == {0: 365, 1e-4: 13}
    assert inputs_of(read["humaneval_plus"]["HumanEval/32"]).atol == 1e-4


def plainly(value: Any) -> Any:
    """What JSON makes of a value: tuples as lists."""
    if isinstance(value, (list, tuple)):
        return [plainly(item) for item in value]
    return {key: plainly(item) for key, item in value.items()} if isinstance(value, dict) else value


def test_retyped_inputs_still_hold_the_published_values(read: Read, published: Path) -> None:
    retyped = 0
    with gzip.open(published / "evalplus" / "MbppPlus.jsonl.gz") as lines:
        for record in map(json.loads, lines):
            ours = list(inputs_of(read["mbpp_plus"][record["task_id"]]).inputs)
            left_out = read["mbpp_plus"][record["task_id"]].metadata.get("plus_inputs_left_out", [])
            plus = [args for place, args in enumerate(record["plus_input"]) if place not in left_out]
            theirs = [tuple(args) for args in [*record["base_input"], *plus]]
            if repr(ours) == repr(theirs):
                continue
            retyped += 1
            if record["task_id"] not in ("Mbpp/124", "Mbpp/252"):  # complex numbers
                assert plainly(ours) == plainly(theirs), record["task_id"]
    assert retyped == 52


def typed(value: Any) -> Any:
    """A form of a value that is equal only where the types are, too."""
    if isinstance(value, (list, tuple)):
        return type(value), [typed(item) for item in value]
    if isinstance(value, dict):
        return dict, [(typed(key), typed(item)) for key, item in value.items()]
    return type(value), value


def test_base_inputs_are_the_arguments_of_the_published_asserts(read: Read) -> None:
    differ = set()
    for problem in read["mbpp_plus"].values():
        base = [typed(args) for args in inputs_of(problem).inputs[: inputs_of(problem).groups[0][1]]]
        for call in ast.walk(ast.parse(problem.metadata["assertion"])):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == problem.entry_point:
                arguments = tuple(eval(ast.unparse(argument)) for argument in call.args)
                if typed(arguments) not in base:
                    differ.add(problem.id)
    values = {"Mbpp/87", "Mbpp/301", "Mbpp/596"}  # EvalPlus changed the values themselves
    lists = {"Mbpp/98", "Mbpp/104", "Mbpp/140", "Mbpp/145"}  # and gives these lists for the asserts' tuples
    wider = {"Mbpp/124", "Mbpp/252"}  # and 0.0 for 0, (1+0j) for 1
    assert differ == values | lists | wider


@pytest.mark.parametrize(
    ("number", "first"),
    [
        (124, (0.0, 1j)),
        (252, (1 + 0j,)),
        (278, ((1, 5, 7, (4, 6), 10),)),
        (580, ((4, 5, (7, 6, (2, 4)), 6, 8),)),
    ],
)
def test_first_inputs(read: Read, number: int, first: tuple[Any, ...]) -> None:
    assert typed(inputs_of(read["mbpp_plus"][f"Mbpp/{number}"]).inputs[0]) == typed(first)


@pytest.mark.parametrize("name", ["humaneval_plus", "mbpp_plus"])
def test_references_answer_their_first_inputs(read: Read, name: str) -> None:
    for problem in read[name].values():
        tests = inputs_of(problem)
        namespace: dict[str, Any] = {"__name__": "reference"}
        exec(compile(problem.reference, problem.id, "exec"), namespace)
        of_base = tests.groups[0][1]
        with contextlib.redirect_stdout(StringIO()):
            for args in (*tests.inputs[:3], *tests.inputs[of_base : of_base + 3]):
                namespace[tests.entry_point](*deepcopy(args))  # its own asserts on the arguments would raise


def test_published_inputs_keep_their_contracts(read: Read) -> None:
    broken = set()
    for problem in read["humaneval_plus"].values():
        tests = inputs_of(problem)
        namespace: dict[str, Any] = {}
        exec(f"{problem.prompt}{problem.metadata['contract']}\n    return True\n", namespace)
        for args in tests.inputs[: tests.groups[0][1] + 5]:
            try:
                assert namespace[tests.entry_point](*deepcopy(args)) is True
            except AssertionError:
                broken.add(problem.id)
    assert broken == {"HumanEval/116"}


# Files that are not what they should be


@pytest.fixture
def lay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts content in the place of every published file."""

    def put(content: bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content)
        monkeypatch.setattr(_published, "locate", lambda name: path)
        return path

    return put


@pytest.mark.parametrize("benchmark", ALL, ids=lambda benchmark: benchmark.name)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"task_id": ', "not JSON .* at column 13"),
        (b"7", "a number, not an object"),
        (b'"a"', "a string, not an object"),
        (b'{"task_id": "\xff"}', "not readable"),
        (b'{"n": ' + b"9" * 5000 + b"}", "not readable"),
        (b'{"a": ' + b"[" * 100_000, "not readable"),
        (b"{}", "`[a-z_]+` is missing, where a (string|number|list) should be"),
        (b'{"task_id": true, "code": "", "prompt": ""}', "`[a-z_]+` is (bool|missing), where a .* should be"),
    ],
)
def test_a_bad_line_is_named(lay: Any, benchmark: Any, pack: Any, line: bytes, fault: str) -> None:
    lay(pack(b"\n\n" + line + b"\n"))
    with pytest.raises(DataError, match=rf"file:3: ({fault}).*sparkgap data verify"):
        list(benchmark.problems())


def test_the_line_is_the_one_at_fault(lay: Any) -> None:
    good = json.dumps({"task_id": 1, "text": "t", "code": "def f(): pass", "test_setup_code": "",
                       "test_list": ["assert f()"], "challenge_test_list": []})  # fmt: skip
    lay(f"{good}\n\n{good}\nnonsense\n{good}\n".encode())
    problems = MBPP.problems()
    assert [next(problems).id, next(problems).id] == ["Mbpp/1", "Mbpp/1"]
    with pytest.raises(DataError, match=r"file:4: not JSON \(Expecting value at column 1\)"):
        next(problems)


def test_an_item_of_a_list_is_named_by_its_place(lay: Any) -> None:
    lay(b'[{"task_id": 2, "prompt": "p", "code": "x = 1", "test_list": ["assert f()"], "test_imports": []}]')
    with pytest.raises(DataError, match="file, item 1: its tests call nothing that its code defines"):
        list(MBPP_SANITIZED.problems())
    lay(b'[{"task_id": 2,\n "prompt": nonsense}]')
    with pytest.raises(DataError, match=r"file: not JSON \(Expecting value at line 2, column 12\)"):
        list(MBPP_SANITIZED.problems())


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"code": "def g(): pass"}, "its tests call nothing"),
        ({"test_list": []}, "its tests call nothing"),
        ({"test_list": [1]}, "`test_list` holds something else than strings"),
        ({"test_list": "assert f()"}, "`test_list` is a string, where a list should be"),
        ({"task_id": None}, "`task_id` is null, where a number should be"),
    ],
)
def test_a_bad_mbpp_record_is_named(lay: Any, changed: dict[str, Any], fault: str) -> None:
    record = {"task_id": 1, "text": "t", "code": "def f(): pass", "test_setup_code": "",
              "test_list": ["assert f()"], "challenge_test_list": []}  # fmt: skip
    lay(json.dumps(record | changed).encode())
    with pytest.raises(DataError, match=f"file:1: {fault}"):
        list(MBPP.problems())


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"task_id": "HumanEval/2"}, "`task_id` is 'HumanEval/2', which is no task of MBPP+"),
        ({"base_input": [[3]]}, "`base_input` does not hold the arguments of task 2"),
        ({"plus_input": {"a": 1}}, "`plus_input` is an object, not a list"),
        ({"base_input": [7]}, "`base_input` does not hold the arguments of task 2"),
    ],
)
def test_a_bad_plus_record_is_named(lay: Any, changed: dict[str, Any], fault: str) -> None:
    record = {"task_id": "Mbpp/2", "prompt": "p", "entry_point": "f", "canonical_solution": "def f(): pass", "atol": 0,
              "contract": "", "assertion": "", "base_input": [[[3], [4]]], "plus_input": {}}  # fmt: skip
    lay(json.dumps(record).encode())
    assert inputs_of(next(MBPP_PLUS.problems())).inputs == (((3,), (4,)),)
    lay(json.dumps(record | changed).encode())
    with pytest.raises(DataError, match=f"file:1: {fault}".replace("+", r"\+")):
        list(MBPP_PLUS.problems())


def test_a_list_in_a_line_is_read_as_one_list(lay: Any) -> None:
    lay(b"\n[1]\n")
    with pytest.raises(DataError, match="file, item 1: a number, not an object"):
        list(HUMANEVAL.problems())
    lay(b"null\n[1]\n")
    with pytest.raises(DataError, match="file:1: null, not an object"):
        list(HUMANEVAL.problems())
    lay(b"{}\n[1]\n")
    with pytest.raises(DataError, match="file:2: a list, not an object"):
        list(_published.read_records("any"))


def test_damaged_gzip_is_said(lay: Any) -> None:
    whole = gzip.compress(b'{"a": 1}\n' * 1000)
    for damaged in (whole[:-20], whole[:20] + b"\0\0\0\0" + whole[24:], whole[:-4] + b"\0\0\0\0"):
        lay(damaged)
        with pytest.raises(DataError, match="damaged gzip data"):
            list(HUMANEVAL.problems())


def test_a_separator_inside_a_string_is_no_line_end(lay: Any) -> None:
    record = {"task_id": "HumanEval/0", "prompt": "# a\u2028b\x85c\n", "entry_point": "f", "canonical_solution": "",
              "test": ""}  # fmt: skip
    lay(json.dumps(record, ensure_ascii=False).encode())
    assert next(HUMANEVAL.problems()).prompt == record["prompt"]

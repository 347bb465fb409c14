"""The reader of SAMPLES files: every form people have, and a clear word for everything else."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkgap.errors import InputError
from sparkgap.samples import MAX_LINE_MB, TaskIds, read_samples, survey
from sparkgap.types import Sample

HUMANEVAL = TaskIds(f"HumanEval/{n}" for n in range(164))
MBPP = TaskIds(f"Mbpp/{n}" for n in range(1, 975))


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read(*paths: Path, ids: TaskIds = HUMANEVAL) -> list[Sample]:
    return list(read_samples(paths, ids))


def refusal(path: Path, ids: TaskIds = HUMANEVAL) -> str:
    with pytest.raises(InputError) as caught:
        read(path, ids=ids)
    return str(caught.value)


def test_the_three_forms_are_told_by_their_key(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl",
        {"task_id": "HumanEval/0", "completion": "    return 1"},
        {"task_id": "HumanEval/1", "solution": "def f(): pass", "extra": [1, 2]},
        {"task_id": "HumanEval/2", "response": "```python\n```", "passed": False},
    )
    assert [(s.problem_id, s.form, s.reply) for s in read(path)] == [
        ("HumanEval/0", "completion", "    return 1"),
        ("HumanEval/1", "solution", "def f(): pass"),
        ("HumanEval/2", "response", "```python\n```"),
    ]


def test_solution_goes_before_completion_as_in_evalplus(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", {"task_id": "HumanEval/0", "completion": "a", "solution": "b", "response": "c"})
    assert [(s.form, s.reply) for s in read(path)] == [("solution", "b")]


@pytest.mark.parametrize("task_id", ["Mbpp/11", "MBPP/11", "mbpp/11", "11", 11, " Mbpp/11 "])
def test_task_ids_are_normalised(tmp_path: Path, task_id: object) -> None:
    path = write(tmp_path / "s.jsonl", {"task_id": task_id, "completion": ""})
    assert [s.problem_id for s in read(path, ids=MBPP)] == ["Mbpp/11"]


def test_a_number_that_names_two_problems_names_none(tmp_path: Path) -> None:
    ids = TaskIds(["a/1", "b/1", "b/2"])
    assert ids.find(2) == "b/2"
    assert ids.find("a/1") == "a/1"
    with pytest.raises(InputError, match="no problem '1'"):
        ids.find(1)


def test_index_counts_per_problem_across_files(tmp_path: Path) -> None:
    one = write(tmp_path / "1.jsonl", *({"task_id": f"HumanEval/{n}", "completion": ""} for n in (0, 1, 0)))
    two = write(tmp_path / "2.jsonl", *({"task_id": f"HumanEval/{n}", "completion": ""} for n in (1, 0)))
    assert [(s.problem_id[-1], s.index) for s in read(one, two)] == [("0", 0), ("1", 0), ("0", 1), ("1", 1), ("0", 2)]


def test_a_reply_that_was_never_obtained_is_an_error_and_not_a_failure(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl",
        {"task_id": "HumanEval/0", "response": None},
        {"task_id": "HumanEval/0", "error": "rate limit"},
        {"task_id": "HumanEval/0", "completion": None, "error": {"code": 500}},
        {"task_id": "HumanEval/0", "response": ""},
        {"task_id": "HumanEval/0", "completion": "    pass", "error": "AssertionError"},
        {"task_id": "HumanEval/0", "completion": "    pass", "error": None},
    )
    samples = read(path)
    assert [s.error for s in samples] == ["the reply is null", "rate limit", "{'code': 500}", "", "", ""]
    assert [s.index for s in samples] == [0, 1, 2, 3, 4, 5]


def test_gzip_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    line = json.dumps({"task_id": "HumanEval/0", "completion": "é"}).encode() + b"\n"
    zipped, plain = tmp_path / "zipped.jsonl", tmp_path / "plain.jsonl.gz"
    zipped.write_bytes(gzip.compress(line) + gzip.compress(line))
    plain.write_bytes(line)
    assert [s.reply for s in read(zipped, plain)] == ["é", "é", "é"]


def test_bom_crlf_blank_lines_and_a_missing_last_newline_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    line = b'{"task_id": "HumanEval/0", "completion": "a\\r\\nb"}'
    path.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n  \n" + line)
    assert [s.reply for s in read(path)] == ["a\r\nb", "a\r\nb"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"task_id": "HumanEval/164", "completion": ""}', "no problem 'HumanEval/164'"),
        ('{"task_id": "Mbpp/1", "completion": ""}', "--benchmark"),
        ('{"task_id": true, "completion": ""}', "`task_id` is a boolean"),
        ('{"task_id": null, "completion": ""}', "`task_id` is null"),
        ('{"task_id": 1.0, "completion": ""}', "`task_id` is a number"),
        ('{"completion": ""}', "no `task_id` (keys: 'completion')"),
        ("{}", "keys: none"),
        ('{"task_id": "HumanEval/0", "generation": ""}', "no `completion`, `solution` or `response`"),
        ('{"task_id": "HumanEval/0", "completion": ["a", "b"]}', "one line for each sample"),
        ('{"task_id": "HumanEval/0", "completion": 3}', "`completion` is a number, not a string"),
        ('{"task_id": "HumanEval/0", "completion": "a}', "not JSON"),
        ('[{"task_id": "HumanEval/0"}]', "jq"),
        ('"text"', "a string, not an object"),
        ("null", "null, not an object"),
        ("[" * 100_000, "too big"),
        ("1" * 5_000, "too big"),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_mend(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text('{"task_id": "HumanEval/0", "completion": ""}\n\n' + line + "\n")
    text = refusal(path)
    assert text.startswith(f"{path}:3: ")
    assert says in text


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b'{"task_id": "HumanEval/0", "completion": "\xe9"}\n')
    assert f"{path}:1: not UTF-8 at byte 43" in refusal(path)
    path.write_bytes('{"task_id": "HumanEval/0", "completion": ""}'.encode("utf-16"))
    assert "UTF-16" in refusal(path)


def test_folders_pipes_and_missing_files_are_refused(tmp_path: Path) -> None:
    assert f"{tmp_path}/*.jsonl" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "a pipe or a device" in refusal(tmp_path / "pipe")
    assert "No such file" in refusal(tmp_path / "none.jsonl")


def test_damaged_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl.gz"
    line = json.dumps({"task_id": "HumanEval/0", "completion": "x" * 1000}).encode() + b"\n"
    whole = gzip.compress(line * 50)
    path.write_bytes(whole[:-20])
    assert "damaged gzip" in refusal(path)
    path.write_bytes(whole[:60] + b"\xff\xff" + whole[62:])
    assert "damaged gzip" in refusal(path)


def test_a_gzip_bomb_of_one_line_is_refused_without_unpacking_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl.gz"
    packer = zlib.compressobj(9, wbits=31)
    with path.open("wb") as stream:
        for _ in range(4 * MAX_LINE_MB):
            stream.write(packer.compress(b" x" * 2**19))
        stream.write(packer.flush())
    assert f"a line of over {MAX_LINE_MB} MB" in refusal(path)


def test_survey_counts_and_hashes(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl",
        {"task_id": 7, "completion": "a"},
        {"task_id": 0, "response": "b"},
        {"task_id": 7, "completion": None},
    )
    found = survey([path], HUMANEVAL)
    assert dict(found.counts) == {"HumanEval/7": 2, "HumanEval/0": 1}
    assert (found.samples, found.unanswered) == (3, 1)
    assert dict(found.forms) == {"completion": 2, "response": 1}
    told = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
    assert found.files[0].sha256 == told
    assert found.files[0].unchanged()
    with path.open("a") as stream:
        stream.write("\n")
    assert not found.files[0].unchanged()


def test_survey_refuses_files_without_samples(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text("\n \n")
    with pytest.raises(InputError, match="no samples in"):
        survey([path], HUMANEVAL)


keys = st.sampled_from(["task_id", "completion", "solution", "response", "error", "x", ""])
ids = st.sampled_from(["HumanEval/0", "HumanEval/163", "humaneval/5", "HumanEval/164", 0, 3, 999, -1, "3", True])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | ids
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))
records = st.dictionaries(keys, values, max_size=5) | values
near_lines = st.builds(
    lambda r, tail: json.dumps(r).encode() + tail, records, st.sampled_from([b"\n", b"\r\n", b"}\n"])
)
near_files = st.lists(near_lines, max_size=5).map(b"".join)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200) | near_files | (st.binary(max_size=100) | near_files).map(gzip.compress))
def test_any_bytes_give_samples_or_an_input_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(content)
    refused: InputError | None = None
    try:
        samples = read(path)
    except InputError as fault:
        samples, refused = [], fault
    assert refused is None or str(path) in str(refused).encode().decode()
    assert len({(s.problem_id, s.index) for s in samples}) == len(samples)
    for sample in samples:
        assert sample.problem_id in {f"HumanEval/{n}" for n in range(164)}
        assert isinstance(sample.reply, str)


READ_ALL = """
import resource, sys
from pathlib import Path
from sparkgap.samples import TaskIds, read_samples
ids = TaskIds(f"HumanEval/{n}" for n in range(164))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in read_samples([Path(sys.argv[1])], ids))
print(count, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.soak
def test_two_million_lines_do_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    with path.open("w") as stream:
        for n in range(2_000_000):
            stream.write(f'{{"task_id": "HumanEval/{n % 164}", "completion": "    return {n}"}}\n')
    out = subprocess.run([sys.executable, "-c", READ_ALL, path], capture_output=True, text=True, check=True).stdout
    count, before, peak = map(int, out.split())
    assert count == 2_000_000
    assert peak - before < 4 * 1024, f"peak resident memory grew by {peak - before} KiB"

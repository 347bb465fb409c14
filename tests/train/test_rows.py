"""Data to imitate: the three forms of rows, from JSON Lines and Parquet, with every fault named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparkgap.errors import InputError
from sparkgap.train.overlap import Measured
from sparkgap.train.rows import examples, files_of, hashes, records
from tiny_models import tokenizer

NOTHING = Measured((), frozenset(), {}, {})
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<end>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TURNS = [{"role": "user", "content": "add 1"}, {"role": "assistant", "content": "x + 1"}]


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def chatting(torch: Any) -> Any:
    from copy import deepcopy

    words = deepcopy(tokenizer())
    words.chat_template = CHAT
    return words


def texts(found: Any, words: Any) -> list[tuple[str, str]]:
    return [(words.decode(row.given), words.decode(row.learnt)) for row in found.rows]


def test_prompt_and_completion_meet_as_they_do_when_a_model_completes(tmp_path: Path, torch: Any) -> None:
    words = tokenizer()
    row = {"prompt": 'def f(x):\n    "add 1"', "completion": "\n    return x + 1", "more": 3}
    found = examples(write(tmp_path / "a.jsonl", row, "", row), words, 64, NOTHING)
    assert [list(each.given) for each in found.rows] == [words(row["prompt"])["input_ids"]] * 2
    assert texts(found, words)[0] == (row["prompt"], row["completion"] + "<end>")


def test_of_a_chat_the_last_answer_is_learnt(tmp_path: Path, chatting: Any) -> None:
    forms = [{"messages": TURNS}, {"prompt": TURNS[:1], "completion": TURNS[1:]}]
    found = examples(write(tmp_path / "a.jsonl", *forms), chatting, 64, NOTHING)
    assert texts(found, chatting) == [("<|user|>add 1<end>\n<|assistant|>", "x + 1<end>")] * 2


def test_of_a_text_all_is_learnt(tmp_path: Path, torch: Any) -> None:
    found = examples(write(tmp_path / "a.jsonl", {"text": "return x"}), tokenizer(), 64, NOTHING)
    assert texts(found, tokenizer()) == [("", "return x<end>")]


def test_rows_that_are_too_long_are_left_out_and_counted(tmp_path: Path, torch: Any) -> None:
    path = write(tmp_path / "a.jsonl", {"text": "x"}, {"text": "@" * 50})
    found = examples(path, tokenizer(), 20, NOTHING)
    assert (len(found.rows), found.too_long) == (1, 1)
    with pytest.raises(InputError, match=r"no row of at most 1 tokens \(2 are longer\)"):
        examples(path, tokenizer(), 1, NOTHING)


def test_parquet_says_the_same_as_json_lines(tmp_path: Path, torch: Any) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "d"}]
    folder = tmp_path / "data"
    folder.mkdir()
    columns = pa.schema([(name, pa.string()) for name in ("prompt", "completion", "text")])
    parquet.write_table(pa.Table.from_pylist([*rows, {"text": "e"}], columns), folder / "part-0.parquet")
    write(folder / "part-1.jsonl", *rows)
    write(folder / "manifest.jsonl", {"not": "a row"})
    (folder / "stats.json").write_text("{}", "utf-8")
    assert [record for _, record in records(folder)] == [*rows, {"text": "e"}, *rows]
    assert sorted(hashes(folder)) == ["part-0.parquet", "part-1.jsonl"]
    (folder / "part-0.parquet").write_bytes(b"no")
    with pytest.raises(InputError, match=r"part-0\.parquet is no Parquet file"):
        list(records(folder))


def test_a_folder_without_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no data in"):
        files_of(tmp_path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", r"a\.jsonl:2: not JSON"),
        ("3", r"a\.jsonl:2: not an object"),
        ({"question": "x"}, r"a\.jsonl:2: not to learn from \(it has question\)"),
        ({"messages": TURNS[:1]}, "the last turn is not the assistant's"),
        ({"messages": ["add 1", "x"]}, "an object with `role` and `content`"),
    ],
)
def test_a_row_that_is_none_is_named(tmp_path: Path, chatting: Any, row: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        examples(write(tmp_path / "a.jsonl", {"text": "x"}, row), chatting, 64, NOTHING)


def test_turns_for_a_model_that_does_not_chat_are_refused(tmp_path: Path, torch: Any) -> None:
    with pytest.raises(InputError, match="has no chat template"):
        examples(write(tmp_path / "a.jsonl", {"messages": TURNS}), tokenizer(), 64, NOTHING)


def test_a_template_that_rewrites_earlier_turns_is_refused(tmp_path: Path, chatting: Any) -> None:
    chatting.chat_template = "{{ messages | length }}" + CHAT
    with pytest.raises(InputError, match="writes earlier turns anew"):
        examples(write(tmp_path / "a.jsonl", {"messages": TURNS}), chatting, 64, NOTHING)


def test_a_row_with_a_measured_problem_in_it_is_refused(tmp_path: Path, torch: Any) -> None:
    text = "return the sum of all even numbers in the given list of words"
    measured = Measured(("m",), frozenset(), {text: "m/3"}, {" ".join(text.split()[:10]): [(text, "m/3")]})
    path = write(tmp_path / "a.jsonl", {"text": "x"}, {"prompt": f"# Task:\n{text.title()}.", "completion": "pass"})
    with pytest.raises(InputError, match=r"a\.jsonl:2 holds m/3"):
        examples(path, tokenizer(), 200, measured)


def test_a_measured_problem_is_found_wherever_the_prompt_ends(tmp_path: Path, torch: Any) -> None:
    words = "write a function that returns every second word of a sentence"
    known = Measured(("known",), frozenset(), {words: "known/7"}, {" ".join(words.split()[:10]): [(words, "known/7")]})
    for row in ({"prompt": "x", "completion": f"{words}."}, {"prompt": words[:16], "completion": words[17:]}):
        with pytest.raises(InputError, match=r"rows\.jsonl:1 holds known/7"):
            examples(write(tmp_path / "rows.jsonl", row), tokenizer(), 512, known)

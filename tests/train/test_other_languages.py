"""Problems of a file in other languages than Python: put in their own words, judged, and no canary of them passes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.rewards import is_impossible
from sparkgap.train.imitation import reference_rows
from sparkgap.train.marking import Marker
from sparkgap.train.problems import impossible, read_problems
from sparkgap.train.prompting import Prompter
from sparkgap.types import CodeTests, Problem
from tiny_models import tokenizer
from toolchain import needed

SHELL = {
    "id": "next", "language": "shell", "prompt": "# print the number after the one that is read\n",
    "reference": 'read x\necho "$((x + 1))"', "tests": {"stdio": [["1\n", "2\n"], ["41\n", "42\n"]]},
}  # fmt: skip
C = {
    "id": "add", "language": "c", "prompt": "int add(int x, int y) {\n", "continues": True, "entry_point": "add",
    "prelude": "int add(int x, int y);", "tests": "assert(add(1, 2) == 3);\nassert(add(-1, 2) == 1);",
    "reference": "int add(int x, int y) {\n    return x + y;\n}",
}  # fmt: skip


@pytest.fixture
def found(tmp_path: Path) -> tuple[Problem, ...]:
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in (SHELL, C)), "utf-8")
    return tuple(read_problems(path))


def test_programs_are_judged_in_their_language(found: tuple[Problem, ...], judge: Judge) -> None:
    shell, c = found
    needed("shell")
    needed("c", c.tests if isinstance(c.tests, CodeTests) else None)
    marker = Marker(judge, "tests")
    chat = marker.marks(
        [(shell, f"```bash\n{shell.reference}\n```"), (shell, "```bash\necho 2\n```"),
         (c, f"So:\n```c\n{c.reference}\n```"), (c, "```c\nint add(int x, int y) {\n    return x;\n}\n```")],
        "response",
    )  # fmt: skip
    assert [mark.value for mark in chat] == [1.0, 0.0, 1.0, 0.0]
    texts = [
        (shell, shell.reference),
        (c, "    return x + y;"),
        (c, "    return x - y;"),
        (c, "    return x + y"),
        (c, "    return x + y;\n}\nint"),
    ]
    completions = marker.marks(texts, "completion")
    assert [mark.status for mark in completions] == ["passed", "passed", "wrong", "syntax", "passed"]
    canaries = impossible(found, 1.0)
    assert [each.id for each in canaries] == ["next/impossible"]  # of C none is made
    assert all(map(is_impossible, canaries))
    (mark,) = marker.marks([(canaries[0], shell.reference)], "completion")
    assert (mark.status, mark.value, mark.hole) == ("wrong", None, None)
    marker.close()


def test_each_is_put_in_its_own_words(found: tuple[Problem, ...], torch: Any) -> None:
    shell, c = found
    plain = Prompter(tokenizer(), "file")
    assert plain.text(shell) == shell.prompt
    assert plain.reply(shell, tokenizer()("read x\n# if\nif true\n}\nprint")["input_ids"]).endswith("print")
    stopped = replace(c, id="stopped", metadata={"stops": ["\n}"]})
    assert plain.reply(stopped, tokenizer()("    return 1;\n}\nint main")["input_ids"]) == "    return 1;"
    words = _chatting()
    chat = Prompter(words, "file")
    asked = chat.request(shell).messages[-1].content
    assert "shell (bash) program" in asked
    assert "standard input" in asked
    assert "Python" not in asked + chat.request(c).messages[-1].content
    assert "Python program" in chat.request(replace(shell, language="python")).messages[-1].content
    learnt = [words.decode(row.learnt) for row in reference_rows(found, chat)]
    assert [text.partition("\n")[0] for text in learnt] == ["```shell", "```c"]


def _chatting() -> Any:
    from copy import deepcopy

    words = deepcopy(tokenizer())
    words.chat_template = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
    return words


def test_a_language_that_there_is_not_is_named(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_text(json.dumps({**SHELL, "language": "cobol"}) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"problems\.jsonl:1: .*`language` is one of c, .*not 'cobol'"):
        list(read_problems(path))

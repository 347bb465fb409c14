"""Programs in other languages taken out of replies: completions cut and closed, fences chosen, heads supplied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.extract import extract
from sparkgap.extract.foreign import with_imports
from sparkgap.types import Problem

CPP = Problem(
    "CPP/0", "humaneval_x_cpp", "#include <vector>\nusing namespace std;\nint sum(vector<int> xs) {\n", "", None, "sum",
    continues=True, language="cpp", metadata={"stops": ["\n}"], "closing": "\n}\n"},
)  # fmt: skip
JAVA = Problem(
    "Java/0", "humaneval_x_java",
    'import java.util.*;\n\nclass Solution {\n    /** "{" */\n    public int sum(int a) {\n', "", None, "sum",
    continues=True, language="java", metadata={"stops": ["\n    }\n"], "closing": "\n    }\n}\n"},
)  # fmt: skip
GO = Problem(
    "Go/0", "humaneval_x_go", 'import (\n    "math"\n)\n\nfunc Sum(a int) int {\n', "", None, "Sum", continues=True,
    language="go", metadata={"stops": ["\n}"], "closing": "\n}\n"},
)  # fmt: skip


def test_a_completion_is_cut_at_its_stop_and_closed() -> None:
    read = extract("    return 1;\n}\nint main() { sum({}); }\n", CPP, "completion")
    assert read.strict == CPP.prompt + "    return 1;\n}\n"
    assert read.lenient.strip() == (CPP.prompt + "    return 1;\n}").strip()


def test_a_completion_that_stopped_is_closed_in_both_readings() -> None:
    read = extract("    return 1;", CPP, "completion")
    assert read.strict.count("{") == read.strict.count("}")
    assert read.lenient.count("{") == read.lenient.count("}")


def test_brackets_in_comments_and_texts_do_not_count() -> None:
    reply = (
        "        String s = \"}\"; // }\n        /* } */ char c = '}';\n        return a;\n    }\n\n    void more() {"
    )
    read = extract(reply, JAVA, "completion")
    assert read.lenient.endswith("return a;\n    }\n}\n")
    assert "more" not in read.lenient


@pytest.mark.parametrize("label", ["cpp", "c++", "C++", ""])
def test_the_first_fence_of_the_language_is_taken(label: str) -> None:
    reply = f"First a test:\n```bash\ng++ x.cpp\n```\nThen:\n```{label}\n{CPP.prompt}  return 0;\n}}\n```\nDone."
    read = extract(reply, CPP, "response")
    assert read.strict == read.lenient == f"{CPP.prompt}  return 0;\n}}\n"


def test_a_fence_without_the_function_goes_on_from_the_prompt() -> None:
    read = extract("The body:\n```cpp\n  return 0;\n}\n```", CPP, "response")
    assert read.strict.startswith(CPP.prompt)
    assert "appended" in read.how_strict
    assert read.lenient == f"{CPP.prompt}  return 0;\n}}\n"


def test_the_fence_with_the_function_is_preferred_leniently() -> None:
    reply = (
        "Use it so:\n```cpp\nint main() { return sum({1}); }\n```\n```cpp\nint sum(vector<int> xs) { return 0; }\n```"
    )
    read = extract(reply, CPP, "response")
    assert "int main" in read.strict
    assert "int main" not in read.lenient
    assert read.lenient.startswith("#include <vector>\nusing namespace std;\nint sum")


def test_a_method_without_its_class_gets_one() -> None:
    read = extract("```java\npublic int sum(int a) {\n    return a;\n}\n```", JAVA, "response")
    assert read.lenient.startswith("import java.util.*;\nclass Solution {\npublic int sum")
    assert read.lenient.count("{") == read.lenient.count("}")


def test_an_empty_reply_holds_no_program() -> None:
    assert extract(" \n", CPP, "response").strict == ""


def test_imports_of_go_are_made_anew() -> None:
    program = 'package main\nimport (\n  "math"\n  "os"\n)\nfunc F(s string) string { return strings.ToUpper(s) }\n'
    assert with_imports(program) == (
        'package main\nimport "strings"\nfunc F(s string) string { return strings.ToUpper(s) }\n'
    )
    assert 'import "math/rand"' in with_imports("func F() int { return rand.Int() }")
    assert '"fmt"' not in with_imports('func F() string { return "fmt.Println" } // fmt.Println')
    read = extract("    return int(math.Sqrt(float64(a)))\n}\n", GO, "completion")
    assert read.strict.startswith('package main\nimport "math"\n')
    assert extract("    return a\n}\n", GO, "completion").strict.startswith("package main\n\nfunc Sum")


@given(
    st.text(alphabet="{}()`'\"/*\n #abc;sum int", max_size=200), st.sampled_from(["completion", "response", "solution"])
)
def test_nothing_that_a_model_writes_raises(reply: str, form: str) -> None:
    for problem in (CPP, JAVA, GO):
        read = extract(reply, problem, form)  # type: ignore[arg-type]
        assert isinstance(read.strict, str)
        assert read.how_strict
        assert read.how_lenient

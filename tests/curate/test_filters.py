"""Every filter held to its contract, and the particulars of each."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpus
from sparkgap.curate import licences
from sparkgap.curate.contamination.index import build
from sparkgap.curate.documents import Document
from sparkgap.curate.filtering import attributes, filters, measure, rules
from sparkgap.curate.filters.lines import FILTER as LINES
from sparkgap.curate.filters.origin import FILTER as ORIGIN
from sparkgap.curate.filters.python import FILTER as PYTHON
from sparkgap.curate.filters.secrets import FILTER as SECRETS
from sparkgap.curate.rules import STEPS, Filter

INDEX = build(())


def document(text: str, path: str = "a.py", language: str = "python") -> Document:
    return Document(text, path, language=language)


@pytest.mark.parametrize("each", filters(), ids=lambda each: each.name)
def test_a_filter_keeps_its_contract(each: Filter) -> None:
    assert isinstance(each, Filter)
    assert each.step in STEPS
    assert each.version
    for rule in each.rules:
        assert rule.attribute in {*each.attributes, "bytes", "fault", "language"}
        assert rule.says
    _, values = measure(document(corpus.module(1)), INDEX)
    assert set(values) <= set(attributes())
    for name, value in values.items():
        assert value is None or isinstance(value, attributes()[name]), name


def test_no_two_rules_and_no_two_attributes_share_a_name() -> None:
    names = [each.rule.name for each in rules()]
    assert len(names) == len(set(names))
    owned = [name for each in filters() for name in each.attributes]
    assert len(owned) == len(set(owned))


CODE = st.lists(
    st.sampled_from(
        [
            "def f(x):\n",
            "    return x\n",
            '"""',
            "'",
            "# a@b.org\n",
            "password='",
            "1.2.3.4",
            "\\",
            "\t",
            "\x0c",
            "é",
            "\0",
            "(",
            "\n",
        ]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(CODE, st.text(max_size=200)), st.sampled_from(["python", "c", ""]))
def test_no_text_makes_a_filter_fail(text: str, language: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured, values = measure(document(text, language=language), INDEX)
    assert isinstance(measured.text, str)
    assert set(values) <= set(attributes())


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 900_000 + "x", " " * 900_000 + "x", "a" * 900_000, "0a" * 450_000, "ab, " * 225_000, "a@" * 450_000,
        "a." * 450_000 + "a@a." * 20, "-" * 900_000, "1.2.3.4." * 110_000, ":" * 900_000, "12:" * 300_000,
        "#" * 900_000, "# licence\n" * 90_000, "-----BEGIN PRIVATE KEY-----" * 30_000, "password='" * 90_000,
        "(" * 100_000, "[" * 900_000, "-" * 200_000 + "1", "not " * 200_000 + "1", "lambda:" * 100_000 + "1",
        "x=" * 100_000 + "1", "a" + ".b" * 200_000, "a" + "()" * 100_000, "f'{" * 100_000, "if 1:\n" * 10_000,
        "".join(" " * depth + "if 1:\n" for depth in range(900)) + " " * 900 + "1\n", "1" + "+1" * 200_000,
        "'" * 900_000, '"""' * 300_000, "\\\n" * 300_000, "def f(): pass;" * 60_000,
    ],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_no_text_takes_for_ever_or_ends_the_process(text: str) -> None:
    measured, _ = measure(document(text), INDEX)
    licences.of_file(text)
    assert len(measured.text) <= 2 * len(text)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f'key = "{corpus.TOKEN}"', "tokens"),
        ('key = "' + "AKIA" + 'IOSFODNN7EXAMPL3"', "tokens"),
        ('# "' + "xoxb-" + '123456789012-abcdefGHIJ"', "tokens"),
        ('url = "postgres://me:Tr0ub4dor@db.acme.io/x"', "passwords"),
        ('password = "xK9-mP2vQ7rT4z"', "passwords"),
        ('config = {"api_key": "8f14e45fceea167a5a36dedd4bea2543"}', "passwords"),
        ("# write to jane.doe@mail.acme.io", "emails"),
        ('host = "93.184.216.34"', "addresses"),
        ('host = "2606:2800:220:1:248:1893:25c8:1946"', "addresses"),
        (f'key = """{corpus.KEY}"""', "private_keys"),
    ],
)
def test_a_secret_is_found_and_replaced(line: str, kind: str) -> None:
    measured, values = SECRETS.rewrite(document(line + "\n"))
    assert values == {**dict.fromkeys(SECRETS.attributes, 0), kind: 1}
    assert measured.text != line + "\n"
    compile(measured.text, "x", "exec")
    again, values = SECRETS.rewrite(measured)
    assert again.text == measured.text
    assert not any(values.values())


@pytest.mark.parametrize(
    "line",
    [
        "y = a@b.size", "# you@example.com", 'host = "127.0.0.1"', 'host = "10.1.2.3"', 'version = "1.2.3.4"',
        'password = "changeme"', 'password = "{password}"', 'token = "my_token_here"', 'git = "git@github.com:a/b"',
        "__version__ = '25.11.12.13'", 'mask = "255.255.255.0"', "@pytest.fixture", 'token = "../path/to/token1"',
    ],
)  # fmt: skip
def test_what_is_no_secret_is_left(line: str) -> None:
    measured, values = SECRETS.rewrite(document(line + "\n"))
    assert (measured.text, sum(values.values())) == (line + "\n", 0)


@pytest.mark.parametrize(
    ("path", "text", "attribute"),
    [
        ("a/vendor/b.py", "", "vendored"), ("third_party/x/b.py", "", "vendored"), ("a/_vendor/b.py", "", "vendored"),
        ("x_pb2.py", "", "generated"), ("a.py", "# This file was automatically generated by SWIG\n", "generated"),
        ("lib.min.js", "", "minified"),
    ],
)  # fmt: skip
def test_others_code_is_known(path: str, text: str, attribute: str) -> None:
    found = ORIGIN.measure(document(text + "x = 1\n", path))
    assert [name for name, value in found.items() if value == 1] == [attribute]


def test_own_code_is_known_as_such() -> None:
    found = ORIGIN.measure(document(corpus.module(2), "src/vendors.py"))
    assert not any(found[name] for name in ("vendored", "generated", "minified"))


def test_lines_are_measured_as_they_are() -> None:
    found = LINES.measure(document("ab cd\n\nab cd\nx\n"))
    assert found == {
        "max_line": 5, "mean_line": 2.75, "alnum_share": 0.6, "encoded_run": 0, "encoded_share": 0.0,
        "repeated_lines": 0.3333,
    }  # fmt: skip
    data = "QUJD" * 300
    found = LINES.measure(document(f'x = "{data}"\n'))
    assert found["encoded_run"] == 1200


def test_python_is_measured_as_it_is() -> None:
    text = '"""Doc."""\nimport os\n\n\ndef f():\n    """Say it."""\n    pass  # TODO\n    assert os\n    print(1)\n'
    found = PYTHON.measure(document(text))
    share = round(1 / 7, 4)
    shares = ("import_lines", "def_lines", "pass_lines", "assert_lines", "print_lines", "todo_lines")
    assert {name: found[name] for name in shares} == dict.fromkeys(shares, share)
    assert (found["functions"], found["docstrings"], found["compiles"]) == (1, 2, 1)
    assert PYTHON.measure(document("return 1\n")) == {"compiles": 0}  # it parses, and does not compile
    assert PYTHON.measure(document("x", language="c")) == {}

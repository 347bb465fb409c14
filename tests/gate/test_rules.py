"""Rules as text: what is read, and where the caret points."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sparkgap.errors import InputError
from sparkgap.gate.rules import Rule, parse_rule

SUBJECTS = st.from_regex(r"[a-z_][a-z0-9_]{0,12}(:[a-zA-Z0-9_.-]{1,12})?", fullmatch=True)
RULES = st.builds(
    Rule,
    SUBJECTS,
    st.sampled_from(["gap", "drop", "gain", ""]),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.decimals(-100, 100, places=2).map(float),
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("humaneval gap < 10", Rule("humaneval", "gap", "<", 10)),
        ("mmlu drop<1", Rule("mmlu", "drop", "<", 1)),
        ("  code gain >= -.5 % ", Rule("code", "gain", ">=", -0.5)),
        ("mbpp_plus >= 70.5%", Rule("mbpp_plus", "", ">=", 70.5)),
        ("translation:eng_Latn-deu_Latn drop <= +2.", Rule("translation:eng_Latn-deu_Latn", "drop", "<=", 2)),
        ("gap gap < 1", Rule("gap", "gap", "<", 1)),
    ],
)
def test_a_rule_is_read(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule


@given(RULES)
def test_a_rule_reads_back_as_it_is_written(rule: Rule) -> None:
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    ("text", "says", "at"),
    [
        ("", "expected a benchmark", ""),
        ("   ", "expected a benchmark", ""),
        ("< 10", "expected a benchmark", "< 10"),
        ("humaneval", "expected one of <, <=, >, >=", ""),
        ("humaneval gap", "expected one of", ""),
        ("humaneval gap 10", "expected one of", "10"),
        ("humaneval gab < 10", "'gab' is none of gap, drop and gain; did you mean gap?", "gab < 10"),
        ("humaneval gap == 10", "'==' is none of", "== 10"),
        ("humaneval gap =< 10", "'=<' is none of", "=< 10"),
        ("humaneval gap <", "expected a number", ""),
        ("humaneval gap < ten", "expected a number", "ten"),
        ("humaneval gap < 10 mmlu drop < 1", "should end here", "mmlu drop < 1"),
        ("humaneval gap < 10 points", "should end here", "points"),
        ("humaneval gap < 1e3", "should end here", "e3"),
        ("humaneval gap < inf", "expected a number", "inf"),
        ("humaneval gap < 10 %%", "should end here", "%"),
        ("humaneval, gap < 1", "expected one of", ", gap < 1"),
    ],
)
def test_what_is_no_rule_is_pointed_at(text: str, says: str, at: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_rule(text)
    message, shown, caret = str(caught.value).split("\n")
    assert says in message
    assert '"humaneval gap < 10"' in message
    assert shown[2:] == text
    assert text[caret.index("^") - 2 :].strip() == at


@given(st.one_of(st.text(), st.text(alphabet=string.ascii_lowercase + " <>=%.-+0123456789:")))
@example("a" * 10_000 + "<" * 10_000)
@example("a\n< 1")
@example("\x1b[2J < 1")
def test_any_text_is_a_rule_or_a_message(text: str) -> None:
    try:
        rule = parse_rule(text)
    except InputError as fault:
        shown = str(fault).split("\n")
        assert len(shown) == 3
        assert all(line.isprintable() for line in shown)
    else:
        assert parse_rule(str(rule)).subject == rule.subject

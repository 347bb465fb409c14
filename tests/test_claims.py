"""Claims: what ships, what a user adds, and files that say too little."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.claims import Claim, find_claims, read_claims, slug
from sparkgap.errors import InputError
from sparkgap.plugins import find, names

SAID = 'said_by = "its maker"\nwhen = "2026-05"\nwhere = "its card"\n'
PUBLISHED = {
    "muse-spark": {"humaneval": 72.3, "mmlu": 90.2, "gsm8k": 93.5, "mt_bench": 8.7},
    "gpt-5": {"humaneval": 89.4, "mmlu": 93.1, "gsm8k": 96.2, "mt_bench": 9.1},
    "claude-4.0": {"humaneval": 87.1, "mmlu": 92.8, "gsm8k": 95.8, "mt_bench": 9.0},
    "llama-4": {"humaneval": 60.1, "mmlu": 86.7, "gsm8k": 89.1},
}


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_the_figures_of_april_2026_ship_each_with_its_source() -> None:
    models = read_claims()
    assert models.keys() == PUBLISHED.keys()
    for key, figures in PUBLISHED.items():
        claims = models[key].claims
        shown = {name: round(claim.value * (100 if claim.unit == "share" else 1), 6) for name, claim in claims.items()}
        assert shown == figures
        for claim in claims.values():
            assert claim.said_by
            assert (claim.when, claim.problems is None) == ("2026-04", False)
            assert "no one has verified it" in str(claim)


def test_the_problems_that_ship_are_those_of_the_published_files(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    assumed = {name: claim.problems for each in read_claims().values() for name, claim in each.claims.items()}
    there = assumed.keys() & set(names("benchmarks"))
    assert "humaneval" in there
    for name in there:
        benchmark = find("benchmarks", name)
        split = getattr(benchmark, "split", "")
        assert sum(not split or problem.split == split for problem in benchmark.problems()) == assumed[name]


def test_a_users_file_adds_models_and_goes_before_what_ships(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f'[problems]\nmine = 50\n[[claims]]\nmodel = "Own One"\n{SAID}[claims.figures]\nmine = 40\n'
        'humaneval = {value = 55.50, problems = 100, note = "two tries"}\n'
        f'[[claims]]\nmodel = "gpt 5"\n{SAID}[claims.figures]\nhumaneval = 91\n',
    )
    own = find_claims("own-one", [path])
    assert own.claims["mine"] == Claim(
        "Own One", "mine", 0.4, "share", "its maker", "2026-05", "its card", "", 50, 0.005
    )
    assert own.claims["humaneval"].rounding == pytest.approx(0.00005)
    assert own.claims["humaneval"].problems == 100
    assert str(own.claims["humaneval"]) == "Own One humaneval 55.5 %: its maker, 2026-05 (its card); two tries"
    theirs = find_claims("GPT-5", [path])
    assert (theirs.claims["humaneval"].value, theirs.claims["mmlu"].value) == (0.91, 0.931)
    assert find_claims("GPT-5").claims["humaneval"].value == 0.894


@pytest.mark.parametrize("name", ["GPT-5", "gpt-5", "gpt 5", "Gpt_5", " GPT - 5 "])
def test_a_model_is_found_however_it_is_written(name: str) -> None:
    assert find_claims(name).model == "GPT-5"


@given(st.text())
def test_a_slug_is_its_own_slug(name: str) -> None:
    assert slug(slug(name)) == slug(name)


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"did you mean claude-4\.0"):
        find_claims("claude-4")
    with pytest.raises(InputError, match=r"there are claude-4\.0, gpt-5, llama-4, muse-spark"):
        find_claims("zzz")


@pytest.mark.parametrize(
    ("share", "problems", "attainable"),
    [("72.3", 164, False), ("72.6", 164, True), ("89.4", 164, False), ("93.5", 1319, True), ("73", 164, True)],
)
def test_a_share_that_no_whole_number_of_problems_gives_is_told(
    share: str, problems: int, attainable: bool, tmp_path: Path
) -> None:
    path = write(tmp_path, f'[[claims]]\nmodel = "X"\n{SAID}[claims.figures]\nhumaneval = {share}\n')
    assert find_claims("X", [path]).claims["humaneval"].attainable(problems) is attainable


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(0, 3))
def test_every_share_that_is_one_is_attainable(passes: tuple[int, int], digits: int) -> None:
    k, n = passes
    claim = Claim("X", "b", round(100 * k / n, digits) / 100, "share", "", "", "", rounding=0.5 * 10**-digits / 100)
    assert claim.attainable(n)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[claims]\n", "mine.toml: .*line 1"),
        ("[[claims]]\n", r"claim 1 \(no model\) does not say model"),
        ('[[claims]]\nmodel = "X"\n', r"claim 1 \(X\) does not say said_by"),
        (f'[[claims]]\nmodel = "X"\n{SAID}', "has no figures"),
        (f'[[claims]]\nmodel = "X"\n{SAID}[claims.figures]\nmmlu = 101\n', "no figure from 0 to 100"),
        (f'[[claims]]\nmodel = "X"\n{SAID}[claims.figures]\nmmlu = "90"\n', "no figure from 0 to 100"),
        (f'[[claims]]\nmodel = "X"\n{SAID}[claims.figures]\nmmlu = nan\n', "no figure from 0 to 100"),
        (f'[[claims]]\nmodel = "X"\n{SAID}[claims.figures]\nmmlu = true\n', "no figure from 0 to 100"),
        (f'[[claims]]\nmodel = "X"\n{SAID}[claims.figures.mmlu]\nvalue = 9\nunit = "stars"\n', "unit 'stars' is none"),
        (f'[[claims]]\nmodel = "X"\n{SAID}[claims.figures.mmlu]\nvalue = 9\nproblems = 0\n', "whole number above 0"),
        (f'[[claims]]\nmodel = "X"\n{SAID}[claims.figures.mmlu]\nvalue = 9\nn = 3\n', "n is not part of a figure"),
        (f'[[claims]]\nmodel = "X"\nurl = "y"\n{SAID}[claims.figures]\nmmlu = 9\n', "has url, which no claim has"),
        ("[problems]\nmmlu = 0.5\n", "whole number above 0"),
        ("[other]\n", "other: a file of claims has"),
        ("claims = 3\n", "claims: a file of claims has"),
        (
            f'[[claims]]\nmodel = "X"\n{SAID}[claims.figures]\nmmlu = 9\n' * 2,
            "two figures for mmlu",
        ),
    ],
)
def test_a_file_that_says_too_little_is_told_what_is_missing(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        read_claims([write(tmp_path, text)])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the claims"):
        read_claims([tmp_path / "none.toml"])

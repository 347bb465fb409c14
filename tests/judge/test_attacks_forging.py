"""Attacks that want to be called right without being right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enemies import ADD, CHECK, DOCS, INPUTS, STDIO, TRUTH, Attack, Trial, complaints, outcome
from enemies.channels import CHANNELS
from enemies.exits import EXITS
from enemies.lies import LIES
from enemies.patches import PATCHES, PEEKS
from sparkgap import CodeTests, InputTests, Judge, Limits, Program

ATTACKS: list[Attack] = [*EXITS, *LIES, *PATCHES, *PEEKS, *CHANNELS]
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def test_no_two_attacks_share_a_name() -> None:
    names = [enemy.name for enemy in ATTACKS]
    assert len(names) == len(set(names))
    assert len(names) > 200
    assert not any({"passed", "infra"} & (enemy.statuses | enemy.reduced) for enemy in ATTACKS)


@pytest.mark.parametrize(
    "trial", [ADD, CHECK, INPUTS, DOCS, STDIO, TRUTH], ids=["add", "check", "inputs", "docs", "stdio", "truth"]
)
def test_trials_tell_right_from_wrong(judge: Judge, trial: Trial) -> None:
    assert judge.run(Program(trial.right, trial.tests)).status == "passed"
    assert judge.run(Program(trial.wrong, trial.tests)).status == "wrong"


@pytest.mark.parametrize("enemy", ATTACKS, ids=lambda enemy: enemy.name)
def test_forgery_fails(judge: Judge, enemy: Attack) -> None:
    assert not complaints(enemy, outcome(judge, enemy), judge.isolation)


@pytest.mark.parametrize("enemy", [*EXITS, *PEEKS, *CHANNELS], ids=lambda enemy: enemy.name)
def test_forgery_fails_where_it_is_asked_one_thing_after_the_other(judge: Judge, enemy: Attack) -> None:
    trial = ADD if enemy.trial is INPUTS else enemy.trial
    if isinstance(trial.tests, CodeTests):
        enemy = replace(enemy, trial=trial.asked_one_by_one())
        assert not complaints(enemy, outcome(judge, enemy), judge.isolation)


ROOT = InputTests("root", (([-2.0, 1.0],), ([6.0, -3.0],)), (2.0, 2.0), atol=1e-4, oracle="poly_zero")


@pytest.mark.parametrize(
    "mutation",
    ["xs.clear()", "xs[:] = [0.0]", "xs[0] = 0", "del xs[:]; return 0.0", "xs *= 0", "xs.append(float('nan'))"],
)
def test_poisoned_arguments_do_not_reach_the_oracle(judge: Judge, mutation: str) -> None:
    attack = Program(f"def root(xs):\n    {mutation}\n", ROOT, all_tests=True)
    assert judge.run(attack).status in ("wrong", "raised")
    assert judge.run(Program("def root(xs): return 99.0\n", ROOT)).status == "wrong"
    assert judge.run(Program("def root(xs): return 2.0\n", ROOT)).status == "passed"


@pytest.mark.parametrize(
    "source",
    [
        "def order(words): return list(set(words))\n",
        "def order(words): return [w for w in {*words}]\n",
        "def order(words): return list(frozenset(words) | set())\n",
        "def order(words): return sorted(words, key=hash)\n",
        "def order(words): return sorted(words, key=lambda w: w.__hash__())\n",
        "def order(words): return list(dict.fromkeys(words).keys() | {}.keys())\n",
        "import operator\ndef order(words): return list(operator.or_(dict.fromkeys(words).keys(), {}.keys()))\n",
        "def order(words): return list(dict.fromkeys(words).keys().__or__([]))\n",
        "def order(words): return list(eval('se' + 't(words)'))\n",
        "import builtins\ndef order(words): return list(vars(builtins)['se' + 't'](words))\n",
        "def order(words):\n    s = set()\n    for w in words: s.add(w)\n    return [*s]\n",
    ],
    ids=lambda source: source.strip().splitlines()[-1].strip()[:60],
)
def test_right_by_luck_of_the_hash_seed_is_wrong(judge: Judge, source: str) -> None:
    """The expected answer is what the program gives under the first seed: only chance makes it right."""
    lucky = judge.run(Program(source, InputTests("order", ((WORDS,),), None))).answers
    assert lucky is not None
    assert sorted(lucky[0]) == sorted(WORDS)
    verdict = judge.run(Program(source, CodeTests(f"assert order({WORDS!r}) == {lucky[0]!r}")))
    assert verdict.status == "wrong"
    assert "hash" in verdict.reason


def test_a_second_run_does_not_see_the_first(judge: Judge) -> None:
    """A program that is confirmed under a second hash seed may not know, by what it left, that it is the second."""
    source = (
        "import os\nseen = set()\ndef attempt():\n    again = os.path.exists('seen')\n"
        "    try: open('seen', 'w').close()\n    except OSError: pass\n    return not again\n"
    )
    assert judge.run(Program(source, TRUTH.tests)).status == "passed"


@pytest.mark.parametrize("status", ["infra", "memory", "timeout"])
def test_a_verdict_in_the_programs_own_words_is_not_believed(judge: Judge, status: str) -> None:
    source = f"def add(a, b):\n    class {status}(BaseException): pass\n    raise {status}('{status}')\n"
    assert judge.run(Program(source, ADD.tests)).status == "raised"


@pytest.mark.parametrize("guess", ["True", "0", "''", "[]", "None", "5", "b''", "{}", "1.0", "lambda: 5", "object()"])
def test_constant_answers_fail(judge: Judge, guess: str) -> None:
    verdict = judge.run(Program(f"def add(*args): return {guess}\n", CHECK.tests, limits=Limits(cpu_s=0.5)))
    assert verdict.status in ("wrong", "raised")

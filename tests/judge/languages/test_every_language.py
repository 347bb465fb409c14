"""What holds for every language that is built: verdicts, diagnostics, limits, and attacks that do not pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from enemies import Attack
from enemies.languages import NAMES, enemies_of
from sparkgap import CodeTests, Judge, Program, StdioTests, plugins
from sparkgap.judge.languages import Built
from sparkgap.types import Diagnostic, DocTests, Limits

every = pytest.mark.parametrize("name", NAMES)


def found(told: Diagnostic, wanted: Diagnostic) -> bool:
    """Whether a diagnostic is the wanted one; of its message a part will do."""
    places = (told.line, told.column) == (wanted.line, wanted.column)
    alike = (told.stage, told.severity, told.code) == (wanted.stage, wanted.severity, wanted.code)
    return places and alike and wanted.message in told.message


def test_every_built_language_is_attacked() -> None:
    built = {name for name in plugins.names("languages") if isinstance(plugins.find("languages", name), Built)}
    assert set(NAMES) == built


@every
def test_right_passes_and_wrong_does_not(judge: Judge, installed, name: str) -> None:
    installed(name)
    enemies = enemies_of(name)
    for trial in (enemies.calls, enemies.script):
        right, wrong = (judge.run(trial.program(source)) for source in (trial.right, trial.wrong))
        assert right.status == "passed", right
        assert right.stage == "done"
        assert right.tests_passed == right.tests_total == 2
        assert right.cpu_s > 0
        assert right.memory_mb > 0
        assert wrong.status == "wrong", wrong
        assert wrong.stage == "test"
        assert wrong.failure is not None
    failed = judge.run(enemies.calls.program(enemies.calls.wrong)).failure
    assert failed is not None
    assert failed.call in ("add(2, 3)", "add 2 3")
    assert failed.actual == "-1"
    assert "5" in failed.test + failed.expected


@every
def test_all_tests_are_tried_if_asked(judge: Judge, installed, name: str) -> None:
    installed(name)
    trial = enemies_of(name).calls
    verdict = judge.run(Program(trial.wrong, trial.tests, name, all_tests=True))
    assert (verdict.status, verdict.tests_passed, verdict.tests_total) == ("wrong", 0, 2)
    assert judge.run(Program(trial.right, trial.tests, name, all_tests=True)).tests_total == 2


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Judge]:
    """A judge that builds two programs at a time."""
    with Judge(workers=2) as judge:
        yield judge


@every
def test_attacks_do_not_pass(judge: Judge, two_workers: Judge, installed, name: str) -> None:
    installed(name)
    enemies = enemies_of(name)
    attacked = judge if name == "typescript" else two_workers  # its compiler takes longest to start, in each worker
    assert not amiss(attacked, enemies.attacks)
    after = [enemies.calls.program(source) for source in (enemies.calls.right, enemies.calls.wrong) * 4]
    verdicts = dict(attacked.stream(after))
    assert [verdicts[place].status for place in range(8)] == ["passed", "wrong"] * 4


def amiss(judge: Judge, attacks: Sequence[Attack]) -> list[str]:
    """Put attacks to the judge; return what is wrong with the verdicts."""
    verdicts = judge.stream(enemy.program() for enemy in attacks)
    return [
        f"{attacks[place].name}: {verdict.status} ({verdict.reason}), not {sorted(attacks[place].statuses)}"
        for place, verdict in verdicts
        if verdict.status not in attacks[place].statuses
    ]


@every
def test_attacks_are_named_and_none_may_pass(name: str) -> None:
    enemies = enemies_of(name)
    attacks = (*enemies.attacks, *enemies.sieges, *enemies.bombs)
    assert len({attack.name for attack in attacks}) == len(attacks) >= 20
    assert not any({"passed", "infra"} & attack.statuses for attack in attacks)


@pytest.mark.soak
@every
def test_sieges_do_not_pass(judge: Judge, installed, name: str) -> None:
    installed(name)
    assert not amiss(judge, enemies_of(name).sieges)
    assert not amiss(judge, enemies_of(name).bombs)


@every
def test_diagnostics_point_into_the_programs_own_source(judge: Judge, installed, name: str) -> None:
    installed(name)
    enemies = enemies_of(name)
    if enemies.refused:
        source, wanted = enemies.refused
        verdict = judge.run(enemies.calls.program(source))
        assert verdict.status == "compile", verdict
        assert verdict.stage == "parse"
        assert any(found(told, wanted) for told in verdict.diagnostics), verdict.diagnostics
        assert verdict.diagnostics[0].severity == "error"
    refused = judge.run(enemies.calls.program(enemies.grammar))
    assert refused.status == "syntax", refused
    if enemies.warned:
        source, wanted = enemies.warned
        warned = judge.run(enemies.calls.program(source))
        assert warned.status == "passed"
        assert any(found(told, wanted) for told in warned.diagnostics), warned.diagnostics
        assert not any(told.severity == "error" for told in warned.diagnostics)


@pytest.mark.parametrize("name", [name for name in NAMES if enemies_of(name).raises])  # not every language has any
def test_an_exception_is_told(judge: Judge, installed, name: str) -> None:
    installed(name)
    enemies = enemies_of(name)
    assert enemies.raises is not None
    source, word = enemies.raises
    verdict = judge.run(enemies.calls.program(source))
    assert verdict.status == "raised", verdict
    assert word in verdict.reason
    assert verdict.diagnostics
    assert word in verdict.diagnostics[0].message


@every
def test_a_script_may_print_and_end_as_it_likes(judge: Judge, installed, name: str) -> None:
    installed(name)
    trial = enemies_of(name).script
    many = StdioTests((("1 2\n", "3"), ("2 2\n", "4.0"), ("5 5\n", "11"), ("0 0\n", None)))
    verdict = judge.run(Program(trial.right, many, name, all_tests=True))
    assert (verdict.status, verdict.tests_passed, verdict.tests_total) == ("wrong", 3, 4)
    assert verdict.failure is not None
    assert verdict.failure.expected == "11"
    assert judge.run(Program(trial.right, None, name)).status in ("passed", "raised")


@every
def test_tests_that_cannot_be_put_are_nobodys_fault(judge: Judge, installed, name: str) -> None:
    installed(name)
    trial = enemies_of(name).calls
    verdict = judge.run(Program(trial.right, DocTests(">>> add(1, 1)\n2\n"), name))
    assert verdict.status == "infra"
    assert "DocTests" in verdict.reason
    broken = judge.run(Program(trial.right, CodeTests("this is ((( no code", trial.tests.prelude), name))
    assert broken.status == "infra", broken
    assert judge.run(trial.program(trial.right)).passed


@every
def test_limits_are_kept(judge: Judge, installed, name: str) -> None:
    installed(name)
    trial = enemies_of(name).calls
    assert judge.run(trial.program(trial.right, Limits(cpu_s=2.0, memory_mb=64, output_kb=64))).passed

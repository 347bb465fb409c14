"""`sparkgap check`: can this machine grade safely, has it the data, and does the judge judge right?"""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from sparkgap import data, plugins
from sparkgap.errors import InfraError, IsolationError, ToolchainError

if TYPE_CHECKING:
    from sparkgap.data import Holding
    from sparkgap.judge.isolation import Isolation
    from sparkgap.selftest import Check

SAFE = ("full", "reduced")

_INDENT = 11
_LEVELS = {
    "full": "every wall stands",
    "reduced": "safe: cheats, network and host files are stopped, without namespaces",
}

_NOTES = """\b
Exit code 0: all is well. 2: something is missing for safe grading, and you can
mend it. 4: the judge failed its self-test, or did not start.

Missing data files and toolchains are no fault: each benchmark says what it
needs.
"""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What programs of a language are built and run with: its version, or what is missing and how to get it."""

    language: str
    title: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class _Report:
    """What was found out. `fault` is set where the judge did not start, with the exit code of why."""

    isolation: Isolation
    held: list[Holding]
    toolchains: tuple[Toolchain, ...] = ()
    checks: tuple[Check, ...] = ()
    fault: str = ""
    code: int = 0

    @property
    def exit_code(self) -> int:
        """Whether all is well, as an exit code."""
        if self.code or (self.checks and not all(check.ok for check in self.checks)):
            return self.code or InfraError.exit_code
        unsafe = self.isolation.level not in SAFE
        return 2 if unsafe or any(each.state == "differs" for each in self.held) else 0


@click.command(name="check", epilog=_NOTES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def command(as_json: bool) -> None:
    """Say what this machine can jail and which data it has, and test the judge."""
    report = _report()
    if as_json:
        click.echo(json.dumps(_plain(report), indent=2))
    else:
        _show_isolation(report.isolation)
        _show_data(report.held)
        _show_toolchains(report.toolchains)
        _show_selftest(report)
    sys.exit(report.exit_code)


def _report() -> _Report:
    from sparkgap.judge import Judge
    from sparkgap.judge.isolation import probe
    from sparkgap.selftest import selftest

    isolation = probe()
    held = [data.holding(name) for name in data.published()]
    tools = tuple(map(_toolchain, plugins.names("languages")))
    try:
        with Judge(1) as judge:
            return _Report(isolation, held, tools, selftest(judge))
    except (InfraError, IsolationError) as fault:
        return _Report(isolation, held, tools, fault=str(fault), code=fault.exit_code)


def _toolchain(name: str) -> Toolchain:
    language = plugins.find("languages", name)
    try:
        return Toolchain(name, language.title, True, language.version())
    except ToolchainError as absent:
        return Toolchain(name, language.title, False, str(absent))


def _show_isolation(isolation: Isolation) -> None:
    click.echo(f"Isolation: {isolation.level} ({_LEVELS.get(isolation.level, 'no programs are run')})")
    for layer in isolation.layers:
        _item(layer.ok, f"{layer.name}: {layer.detail}", layer.mend, "MISSING" if layer.needed else "absent")
    for refusal in isolation.refusals:
        _item(False, refusal, "", "refused")


def _show_data(held: list[Holding]) -> None:
    here = [each for each in held if each.state == "ok"]
    click.echo(
        f"\nData: {len(here)} of {len(held)} published files are in {data.offline_folder() or data.cache_folder()}"
    )
    for each in held:
        if each.state == "differs":
            _item(False, each.why, each.mend, "differs")
    if absent := [each for each in held if each.state == "absent"]:
        click.echo(f"  {len(absent)} are absent: `sparkgap data list` names, `sparkgap data fetch` gets them")


def _show_toolchains(toolchains: tuple[Toolchain, ...]) -> None:
    here = sum(each.ok for each in toolchains)
    click.echo(f"\nLanguages: {here} of {len(toolchains)} can be built and run")
    for each in toolchains:
        told = f"{each.title}: {each.detail}" if each.ok else each.detail
        _item(each.ok, told, "", "absent")


def _show_selftest(report: _Report) -> None:
    if report.fault:
        click.echo(f"\nSelf-test: the judge does not start: {report.fault}")
        return
    good = sum(check.ok for check in report.checks)
    click.echo(f"\nSelf-test: {good} of {len(report.checks)} verdicts are what they must be")
    for name in dict.fromkeys(check.name for check in report.checks):
        alike = [check for check in report.checks if check.name == name]
        bad = [check for check in alike if not check.ok]
        must = "passes" if alike[0].must_pass else "fails"
        told = f"; is {bad[0].verdict.status} on {bad[0].problem_id} {bad[0].verdict.reason}".rstrip() if bad else ""
        _item(not bad, f"{name} {must}{told}", "", "FAILED")


def _item(ok: bool, text: str, mend: str, bad: str = "MISSING") -> None:
    """Print one finding, wrapped below itself, and under it what to do."""
    mark = click.style("ok     ", fg="green") if ok else click.style(f"{bad:<7}", fg="red")
    first, *rest = textwrap.wrap(text, 80 - _INDENT) or [""]
    click.echo(f"  {mark}  {first}")
    for line in [
        *rest,
        *(textwrap.wrap(f"-> {mend}", 80 - _INDENT, break_long_words=False) if mend and not ok else ()),
    ]:
        click.echo(" " * _INDENT + line)


def _plain(report: _Report) -> dict[str, Any]:
    return {
        "ok": report.exit_code == 0,
        "isolation": asdict(report.isolation),
        "data": [
            {"name": each.file.name, "path": str(each.path), "state": each.state, "why": each.why, "mend": each.mend}
            for each in report.held
        ],
        "languages": [asdict(each) for each in report.toolchains],
        "self_test": {
            "ok": not report.fault and all(check.ok for check in report.checks),
            "fault": report.fault,
            "checks": [
                {
                    "name": check.name,
                    "problem": check.problem_id,
                    "must_pass": check.must_pass,
                    "status": check.verdict.status,
                    "ok": check.ok,
                }
                for check in report.checks
            ],
        },
    }

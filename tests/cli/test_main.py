"""The command itself: what it imports, its error tree and exit codes, quiet pipes, interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import sparkgap
from sparkgap import cli
from sparkgap.errors import DataError, InfraError, InputError, IsolationError, PluginError

SPARKGAP = [sys.executable, "-c", "from sparkgap.cli import main; main()"]


def modules_after(script: str) -> set[str]:
    """Run a script in a fresh interpreter and return the modules that it imported."""
    watched = f"import sys\ntry:\n    {script}\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


HEAVY = {"asyncio", "click", "importlib.metadata", "multiprocessing", "numpy", "rich", "scipy", "ssl", "urllib3"}


def test_importing_sparkgap_imports_none_of_its_rooms() -> None:
    loaded = modules_after("import sparkgap")
    assert {name for name in loaded if name.startswith("sparkgap")} == {"sparkgap"}
    assert not loaded & HEAVY


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_import_no_verb(word: str) -> None:
    loaded = modules_after(f"from sparkgap.cli import main; main([{word!r}])")
    assert {name for name in loaded if name.startswith("sparkgap")} == {"sparkgap", "sparkgap.cli", "sparkgap.errors"}
    assert not loaded & (HEAVY - {"click"})


def test_one_verb_does_not_import_the_others() -> None:
    loaded = modules_after("from sparkgap.cli import main; main(['data', '--help'])")
    assert {name for name in loaded if name.startswith("sparkgap.cli.")} == {"sparkgap.cli.data"}
    assert not loaded & {"numpy", "rich", "scipy", "urllib3"}


def test_help_names_every_verb_in_order() -> None:
    text = CliRunner().invoke(cli.main, ["--help"]).output
    places = [text.index(f"\n  {verb} ") for verb in cli.COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("verb", cli.COMMANDS)
def test_every_verb_is_a_command_of_its_own_file(verb: str) -> None:
    command = import_module(cli.COMMANDS[verb][0]).command
    assert isinstance(command, click.Command)
    assert command.name == verb
    assert CliRunner().invoke(cli.main, [verb, "--help"]).exit_code == 0


def test_every_file_that_holds_a_command_is_a_verb() -> None:
    stems = [path.stem for path in Path(cli.__file__).parent.glob("*.py") if path.stem != "__init__"]
    modules = [f"sparkgap.cli.{stem}" for stem in stems]
    verbs = {name for name in modules if hasattr(import_module(name), "command")}
    assert verbs == {module for module, _ in cli.COMMANDS.values()}


def test_version_is_the_packages() -> None:
    assert CliRunner().invoke(cli.main, ["--version"]).output == f"sparkgap {sparkgap.__version__}\n"


def test_a_mistyped_verb_is_a_mistake_with_a_suggestion() -> None:
    done = CliRunner().invoke(cli.main, ["grad"])
    assert done.exit_code == 2
    assert "Did you mean 'grade'?" in done.stderr


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make the verb `data list` fail with `error`."""
    from sparkgap.cli import data

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(data, "_readers", fail)


@pytest.mark.parametrize("kind", [DataError, InputError, IsolationError, PluginError])
def test_a_users_mistake_is_one_message_and_exit_2(monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    failing(monkeypatch, kind("the thing is wrong; mend it so"))
    done = CliRunner().invoke(cli.main, ["data", "list"])
    assert done.exit_code == 2
    assert done.stderr == "sparkgap: the thing is wrong; mend it so\n"
    assert done.stdout == ""


def test_our_own_failure_is_exit_4(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, InfraError("the workers keep dying"))
    done = CliRunner().invoke(cli.main, ["data", "list"])
    assert (done.exit_code, done.stderr) == (4, "sparkgap: the workers keep dying\n")


def test_an_interrupt_is_exit_130(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    done = CliRunner().invoke(cli.main, ["data", "list"])
    assert (done.exit_code, done.stderr) == (130, "sparkgap: interrupted\n")


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, ZeroDivisionError("a bug"))
    done = CliRunner().invoke(cli.main, ["data", "list"])
    assert isinstance(done.exception, ZeroDivisionError)
    assert done.exit_code == 1


def test_a_real_interrupt_ends_the_process_with_130() -> None:
    script = (
        "import os, signal; from sparkgap import data; from sparkgap.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "data.published = lambda: os.kill(os.getpid(), signal.SIGINT) or {}\n"
        "main(['data', 'verify'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "sparkgap: interrupted\n")
    assert signal.SIGINT + 128 == 130


@pytest.mark.parametrize("words", [["data", "list"], ["data", "list", "--json"], ["--help"]])
def test_a_reader_that_leaves_early_is_met_with_silence(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run([*SPARKGAP, *words], stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 1


def test_the_installed_command_is_this_one() -> None:
    from importlib.metadata import entry_points

    (point,) = entry_points(group="console_scripts", name="sparkgap")
    assert point.load() is cli.main

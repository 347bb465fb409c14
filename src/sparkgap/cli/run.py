"""`sparkgap run`: one program in, its verdict in full out."""

from __future__ import annotations

import ast
import json
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkgap import plugins
from sparkgap.errors import InfraError, InputError
from sparkgap.types import CodeTests, Diagnostic, Limits, Program, StdioTests, Verdict

if TYPE_CHECKING:
    from rich.text import Text

_NOTES = """\b
Without --tests the program is run as a script, and passes if it ends cleanly.
The suffix of FILE tells its language; compilers run in the jail, too. --check
has its compiler and linters look it over, and runs nothing.
With --tests the asserts and the test_* functions of that file are run against
it: its imports of FILE are understood, and anything it uses without defining
it is taken from FILE. The two run in different processes.

\b
Exit code 0: it passed. 1: it did not. 2: a mistake that you can mend. 4: our
machinery failed.
"""
_SHOWN_LINE = 120  # columns of a source line around the place that is pointed at
_SHOWN_VALUE = 1000  # characters of a value or a reason
_SHOWN_OUTPUT = 20  # lines of output at its start, and as many at its end


@click.command(name="run", epilog=_NOTES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--tests", type=click.Path(path_type=Path), metavar="T.py", help="Asserts and test_* functions for it.")
@click.option("--stdin", type=click.Path(path_type=Path), metavar="FILE", help="What the program reads.")
@click.option("--language", metavar="NAME", help="The language of FILE, where its suffix does not tell.")
@click.option("--check", is_flag=True, help="Only what compiler and linters say; it is not run.")
@click.option(
    "--cpu", "cpu_s", type=click.FloatRange(0, min_open=True), metavar="S", help="CPU seconds; 3 unless said."
)
@click.option("--memory", "memory_mb", type=click.IntRange(32), metavar="MB", help="Memory; 1024 unless said.")
@click.option(
    "--isolation", type=click.Choice(["auto", "full", "reduced"]), default="auto", help="The level of the jail."
)
@click.option("--unsafe", is_flag=True, help="Run the program without a jail.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def command(file: Path, tests: Path | None, stdin: Path | None, **chosen: Any) -> None:
    """Judge one program and show its verdict in full."""
    from sparkgap.judge import Judge

    if chosen["unsafe"] and chosen["isolation"] != "auto":
        raise InputError("--unsafe is no jail and --isolation asks for one; give one of them")
    if tests and stdin:
        raise InputError("--stdin is for a script and --tests calls its functions; give one of them")
    if chosen["check"] and (tests or stdin):
        raise InputError("--check runs nothing, so --tests and --stdin have no use with it")
    source = _text(file)
    language = chosen["language"] or _language_of(file)
    if tests and language != "python":
        raise InputError(f"--tests is for Python; a {language} program is run as a script, or looked over with --check")
    limits = Limits(chosen["cpu_s"] or Limits().cpu_s, memory_mb=chosen["memory_mb"] or Limits().memory_mb)
    asked = _tests(tests, file.stem) if tests else StdioTests(((_text(stdin) if stdin else "", None),))
    with Judge(1, isolation="unsafe" if chosen["unsafe"] else chosen["isolation"]) as judge:
        if chosen["check"]:
            verdict = judge.check(source, language).result()
        else:
            verdict = judge.run(Program(source, asked, language, limits))
        isolation = judge.isolation
    if chosen["as_json"]:
        click.echo(json.dumps({"file": str(file), "isolation": isolation} | _plain(verdict), indent=2))
    else:
        _show(Shown(verdict, source, str(file), isolation, isinstance(asked, StdioTests)))
    sys.exit(0 if verdict.passed else InfraError.exit_code if verdict.status == "infra" else 1)


def _language_of(file: Path) -> str:
    """Return the language whose files have this suffix; Python where the file has none."""
    suffixes = {plugins.find("languages", name).suffix: name for name in plugins.names("languages")}
    if not file.suffix:
        return "python"
    try:
        return suffixes[file.suffix]
    except KeyError:
        raise InputError(
            f"the suffix {file.suffix!r} tells no language; --language does (there are: {', '.join(suffixes.values())})"
        ) from None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: byte {error.start} is not; save it as UTF-8") from error


# --- The tests --------------------------------------------------------------------------------------------------------


def _tests(path: Path, module: str) -> CodeTests:
    """Read a file of tests for the program that it knows as `module`.

    Raises:
        InputError: it is not Python, or nothing in it tests.
    """
    text = _text(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
            compile(tree, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise InputError(
            f"{path}:{getattr(error, 'lineno', None) or 1} is not Python: {getattr(error, 'msg', error)}"
        ) from error
    calls = [call for node in tree.body if (call := _call(node, path))]
    if not any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(tree)):
        raise InputError(f"{path} tests nothing: write asserts, at its top level or in functions named test_*")
    return CodeTests("\n".join([_without_imports(text, tree, module), *calls]) + "\n")


def _call(node: ast.stmt, path: Path) -> str:
    """The call of a test function, "" of anything else."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
        return ""
    required = len(node.args.posonlyargs) + len(node.args.args) - len(node.args.defaults)
    if required > 0 or None in node.args.kw_defaults or isinstance(node, ast.AsyncFunctionDef):
        raise InputError(
            f"{path}:{node.lineno} {node.name} is async or takes arguments: pytest's fixtures and parameters are not "
            "known here; call it from a function without any"
        )
    return f"{node.name}()"


def _without_imports(text: str, tree: ast.Module, module: str) -> str:
    """Take out the imports of the program: what it defines is at hand by its own names. Lines stay where they are."""
    edits: list[tuple[ast.stmt | ast.expr, str]] = []
    known: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == module and node.level < 2:
            renamed = [f"{each.asname} = {each.name}" for each in node.names if each.asname not in (None, each.name)]
            edits.append((node, "; ".join(renamed) or "pass"))
        elif isinstance(node, ast.Import) and any(each.name == module for each in node.names):
            known |= {each.asname or each.name for each in node.names if each.name == module}
            others = [ast.unparse(ast.Import([each])) for each in node.names if each.name != module]
            edits.append((node, "; ".join(others) or "pass"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            edits.append((node, node.attr))
    return _edited(text, edits)


def _edited(text: str, edits: list[tuple[ast.stmt | ast.expr, str]]) -> str:
    """Replace nodes by texts of one line; the columns of `ast` count bytes of UTF-8."""
    lines = [line.encode() for line in text.split("\n")]
    for node, new in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        kept = lines[last][node.end_col_offset :]
        lines[first] = lines[first][: node.col_offset] + new.encode() + kept
        lines[first + 1 : last + 1] = [b""] * (last - first)
    return "\n".join(line.decode() for line in lines)


# --- The verdict ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A verdict with what is needed to show it; `script` where the program's output is the point."""

    verdict: Verdict
    source: str
    file: str
    isolation: str
    script: bool


def _plain(verdict: Verdict) -> dict[str, Any]:
    plain = asdict(verdict)
    del plain["answers"]
    return plain


def _show(shown: Shown) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for line in _lines(shown):
        console.print(line, soft_wrap=True)


def _lines(shown: Shown) -> Iterator[Text]:
    from rich.text import Text

    verdict = shown.verdict
    colour = {"passed": "bold green", "infra": "bold yellow"}.get(verdict.status, "bold red")
    yield Text.assemble((verdict.status, colour), "  ", _printable(shown.file))
    yield _row("stage", verdict.stage)
    if verdict.reason:
        yield _row("reason", verdict.reason)
    if not shown.script:
        total = "an unknown number" if verdict.tests_total is None else f"{verdict.tests_total}"
        yield _row("tests", f"{verdict.tests_passed} passed of {total}")
    for diagnostic in verdict.diagnostics:
        yield Text()
        yield from _diagnostic(diagnostic, shown)
    if verdict.failure and not shown.script:
        yield Text()
        yield Text("the first test that failed", "bold")
        for name in ("test", "call", "expected", "actual"):
            if value := getattr(verdict.failure, name):
                yield _row(name, value)
    yield Text()
    yield _row("CPU", f"{verdict.cpu_s:.3f} s, {verdict.wall_s:.3f} s on the wall")
    yield _row("memory", f"{verdict.memory_mb:.1f} MB at most")
    yield _row("isolation", shown.isolation)
    if verdict.output:
        yield Text()
        yield Text("output" + (", clipped: it wrote more" if verdict.output_clipped else ""), "bold")
        yield from _output(verdict.output)


def _row(name: str, value: str) -> Text:
    from rich.text import Text

    text = value if len(value) <= _SHOWN_VALUE else f"{value[:_SHOWN_VALUE]} ... ({len(value):,} characters)"
    first, *rest = text.split("\n")
    lines = [_printable(first), *(f"{'':13}{_printable(line)}" for line in rest)]
    return Text.assemble((f"  {name:<11}", "dim"), "\n".join(lines))


def _diagnostic(diagnostic: Diagnostic, shown: Shown) -> Iterator[Text]:
    from rich.text import Text

    place = ":".join(str(part) for part in (shown.file, diagnostic.line, diagnostic.column) if part is not None)
    said = f"{diagnostic.code}: {diagnostic.message}" if diagnostic.message else diagnostic.code
    yield Text.assemble((_printable(place), "bold"), f" {diagnostic.severity}: ", _printable(said[:_SHOWN_VALUE]))
    lines = shown.source.split("\n")
    if diagnostic.line is None or not 1 <= diagnostic.line <= len(lines):
        return
    line, column = lines[diagnostic.line - 1].rstrip("\r"), diagnostic.column
    start = max(0, (column or 1) - 1 - _SHOWN_LINE // 2)
    piece = line[start : start + _SHOWN_LINE]
    margin = f"{diagnostic.line:>6} | "
    yield Text(margin + _printable(piece.expandtabs(4)))
    if column is not None and 1 <= column <= len(line) + 1:
        before = Text(_printable(line[start : column - 1].expandtabs(4))).cell_len
        yield Text.assemble(f"{'':>6} | {'':{before}}", ("^", "bold red"))


def _output(output: str) -> Iterator[Text]:
    from rich.text import Text

    lines = output.rstrip("\n").split("\n")
    left_out = len(lines) - 2 * _SHOWN_OUTPUT
    for number, line in enumerate(lines):
        if left_out > 1 and number == _SHOWN_OUTPUT:
            yield Text(f"  ... {left_out:,} lines not shown ...", "dim")
        if left_out <= 1 or not _SHOWN_OUTPUT <= number < _SHOWN_OUTPUT + left_out:
            shown = line if len(line) <= _SHOWN_VALUE else f"{line[:_SHOWN_VALUE]} ... ({len(line):,} characters)"
            yield Text(f"  {_printable(shown.expandtabs(8))}")


def _printable(text: str) -> str:
    """Escape what would move a terminal's cursor, colour it or turn its text round."""
    return "".join(
        char if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} else ascii(char)[1:-1] for char in text
    )

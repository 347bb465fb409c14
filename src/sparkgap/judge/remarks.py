"""What compilers and linters say of a program, for a person, a prompt or a reward: nothing is run.

    told = feedback(source, language="rust")
    told.diagnostics, told.text

The text is short and the same for the same program: it goes into prompts, and rewards may depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparkgap import plugins
from sparkgap.types import Diagnostic, Status

if TYPE_CHECKING:
    from sparkgap.judge.judge import Judge

MOST = 10  # diagnostics in a text
_LONGEST_MESSAGE, _LONGEST_LINE = 240, 100


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was said of a program: "passed" if nobody refused it, the diagnostics, errors first, and a text of them."""

    status: Status
    diagnostics: tuple[Diagnostic, ...]
    text: str

    @property
    def errors(self) -> int:
        """How many errors there are."""
        return sum(each.severity == "error" for each in self.diagnostics)

    @property
    def warnings(self) -> int:
        """How many warnings there are."""
        return sum(each.severity == "warning" for each in self.diagnostics)


def feedback(source: str, language: str = "python", *, judge: Judge | None = None) -> Feedback:
    """Return what the compiler and the linters of a language say of a program, which is not run.

    Args:
        judge: one that is running; without it one is started for this call, which takes a second.

    Raises:
        PluginError: there is no such language.
        ToolchainError: its compiler is not installed.
        IsolationError: this machine cannot jail compilers.
        InfraError: the judge failed.
    """
    from sparkgap.judge.judge import Judge

    if judge is None:
        with Judge(1) as own:
            return feedback(source, language, judge=own)
    verdict = judge.check(source, language).result()
    suffix = plugins.find("languages", language).suffix
    text = rendered(verdict.diagnostics, source, f"solution{suffix}")
    if verdict.status not in ("passed", "syntax", "compile"):  # the compiler itself came to an end
        text = f"solution{suffix}: error: {verdict.reason}\n{text}"
    return Feedback(verdict.status, verdict.diagnostics, text)


def rendered(diagnostics: Sequence[Diagnostic], source: str, file: str, most: int = MOST) -> str:
    """Return diagnostics as a text: place, severity, code and message, and the line with a caret below the column."""
    lines = source.split("\n")
    found = [_one(each, lines, file) for each in diagnostics[:most]]
    if len(diagnostics) > most:
        found.append(f"{len(diagnostics) - most} more not shown")
    if not diagnostics:
        return "no errors, no warnings\n"
    counts = [sum(each.severity == kind for each in diagnostics) for kind in ("error", "warning")]
    told = (f"{count} {word}{'s' * (count != 1)}" for count, word in zip(counts, ("error", "warning"), strict=True))
    return "\n".join([*found, ", ".join(told), ""])


def _one(each: Diagnostic, lines: list[str], file: str) -> str:
    place = ":".join(str(part) for part in (file, each.line, each.column) if part is not None)
    message = " ".join(each.message.split())
    message = message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 4] + " ..."
    head = f"{place}: {each.severity}[{each.code}]: {message}"
    if each.line is None or not 1 <= each.line <= len(lines):
        return head
    line = lines[each.line - 1].rstrip("\r")
    start = max(0, (each.column or 1) - 1 - _LONGEST_LINE // 2)
    shown = "".join(char if char.isprintable() else " " for char in line[start : start + _LONGEST_LINE])
    text = f"{head}\n{each.line:>5} | {shown}"
    if each.column is not None and 1 <= each.column <= len(line) + 1:
        text += f"\n      | {' ' * (each.column - 1 - start)}^"
    return text

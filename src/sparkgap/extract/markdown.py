"""The fenced blocks of a chat reply, closed or not, at the margin or in lists, quotes and longer fences."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

PYTHON = frozenset({"", "python", "py", "python3", "py3", "ipython"})
_FENCE = re.compile(r"`{3,}|~{3,}")
_INLINE = re.compile(r"\s*```(?:python|py)?\s*(?P<code>[^`]+)```\s*")
_LEAD = re.compile(r"[\s>]*(?:[-*+]|\d+[.)])?[\s>]*")  # of a list item or a quotation
_LONGEST_LINE = 2000  # a longer line holds no fence
_REACH = 12  # marks looked at beyond an opening


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its text, the first word of its label in lower case, and whether it was closed."""

    text: str
    label: str
    closed: bool


@dataclass(frozen=True, slots=True)
class _Mark:
    """A line that may open or close a fence. `before` is what stands in front of the fence on that line."""

    line: int
    before: str
    fence: str
    label: str

    @property
    def alone(self) -> bool:
        return _LEAD.fullmatch(self.before) is not None

    def ends(self, opening: _Mark) -> bool:
        """Whether this mark closes the block of `opening`, or opens the next because that was never closed."""
        if self.fence[0] != opening.fence[0]:
            return False
        return self.reopens or (not self.label and len(self.fence) >= len(opening.fence))

    @property
    def reopens(self) -> bool:
        return bool(self.label) and self.label in PYTHON


def fenced_blocks(text: str, whole: Callable[[str], bool]) -> list[Block]:
    """Return the fenced blocks of `text`, in order, empty ones left out.

    A fence ends at the first mark that may close it. Where it then stops within a string (a docstring with a fence of
    its own) it goes on to the first later mark at which `whole` holds for what is inside.
    """
    lines = text.split("\n")
    marks = [mark for number, line in enumerate(lines) if (mark := _mark(number, line))]
    blocks: list[Block] = []
    at = number = 0  # the next mark, the next line
    while number < len(lines):
        while at < len(marks) and marks[at].line < number:
            at += 1
        stop = marks[at].line if at < len(marks) else len(lines)
        blocks += [Block(found["code"], "", True) for line in lines[number:stop] if (found := _inline(line))]
        if stop == len(lines):
            break
        ends = [mark for mark in marks[at + 1 : at + 1 + _REACH] if mark.ends(marks[at])]
        end = _end(lines, marks[at], ends, whole)
        blocks.append(Block(_inside(lines, marks[at], end), marks[at].label, end is not None and not end.reopens))
        number = len(lines) if end is None else end.line + (not end.reopens)
    return [block for block in blocks if block.text.strip()]


def _mark(number: int, line: str) -> _Mark | None:
    if ("```" not in line and "~~~" not in line) or len(line) > _LONGEST_LINE:
        return None
    found = _FENCE.search(line)
    if found is None or "`" in line[found.end() :]:
        return None
    label = (line[found.end() :].split() or [""])[0].lower().strip("{}.:=")
    mark = _Mark(number, line[: found.start()], found[0], label)
    # Prose may run into a fence ("The code: ```python"), and code into its end, but hardly into anything else.
    return mark if mark.alone or (label in PYTHON and mark.fence[0] == "`") else None


def _inline(line: str) -> re.Match[str] | None:
    return _INLINE.fullmatch(line) if "```" in line and len(line) <= _LONGEST_LINE else None


def _end(lines: list[str], opening: _Mark, ends: list[_Mark], whole: Callable[[str], bool]) -> _Mark | None:
    if not ends:
        return None
    first = _inside(lines, opening, ends[0])
    if first.count('"""') % 2 or first.count("'''") % 2:
        for end in ends[1:]:
            if whole(_inside(lines, opening, end)):
                return end
    return ends[0]


def _inside(lines: list[str], opening: _Mark, end: _Mark | None) -> str:
    """The lines between two marks, less the indentation or quoting of the opening."""
    inside = lines[opening.line + 1 : end.line if end else len(lines)]
    if end and not end.alone:
        inside = [*inside, end.before]
    if ">" in opening.before:
        lead = re.compile(r"[ \t]*>[ ]?")
    else:
        lead = re.compile(rf"[ \t]{{0,{len(opening.before) if opening.alone else 0}}}")
    return "".join(lead.sub("", line, count=1) + "\n" if lead.match(line) else line + "\n" for line in inside)

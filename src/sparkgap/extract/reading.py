"""The lenient reading: what a careful person would take for the program, by parsing and not by one pattern.

Whole texts come first: the prompt and its continuation, the reply itself, its fenced blocks, a body for the prompt.
Only when none of them is a program are lines given up: a tail that was cut off, chat around bare code.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

from sparkgap.extract.markdown import PYTHON, Block, fenced_blocks
from sparkgap.extract.parsing import Parser, first_line, idle, names_bound
from sparkgap.types import Problem, SampleForm

_MOST_BLOCKS = 40

# What reasoning models write before the answer, and the marks that models and few-shot prompts put around it.
_THOUGHTS = r"(?:think|thinking|thought|reasoning|scratchpad)"
_THINK_OPEN = re.compile(rf"\s*<{_THOUGHTS}>", re.IGNORECASE)
_THINK_CLOSE = re.compile(rf"</{_THOUGHTS}>", re.IGNORECASE)
_THINK_CLOSE_LINE = re.compile(rf"^[ \t]*</{_THOUGHTS}>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_MARK = r"<[|｜][^|｜<>\n]{1,40}[|｜]>|</?s>|<eos>|<bos>|<(?:start|end)_of_turn>|<fim_\w{1,20}>|<file_sep>"
_LEADING = re.compile(rf"\s*(?:{_MARK})(?:(?:assistant|model)\n)?")
_OPEN = re.compile(r"\[BEGIN\]|\[PYTHON\]|<(?:code|answer|solution)>")
_CLOSE = re.compile(rf"{_MARK}|\[DONE\]|\[/PYTHON\]|\[/?INST\]|</(?:code|answer|solution)>")
_TAIL = "\"'}])`,;"
_MOST_TAIL = 8
_PIECES = re.compile(r"\\n[\"'][ \t]*[+\\]?[ \t]*\n[ \t]*\+?[ \t]*[\"']")
_ESCAPE = re.compile(r"\\([ntr\"'\\])")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\n"}
_CODE_LINE = re.compile(
    r"[@#]|(?:async|def|class|import|from|if|for|while|with|try|print)\b|\"\"\"|'''|[A-Za-z_][\w.]{0,80}\s{0,3}[=(:\[,+]"
)

Reading = tuple[str, str]  # a program, and how it was come by


def plain_newlines(text: str) -> str:
    """Return `text` with the line ends of Windows and of old Macs made plain ones."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def below(prompt: str, text: str) -> str:
    """Return `text` under `prompt`, on a line of its own."""
    return prompt + text if prompt.endswith("\n") else f"{prompt}\n{text}"


class Reader:
    """Reads one reply to a problem leniently."""

    def __init__(self, problem: Problem, form: SampleForm, parser: Parser) -> None:
        """Read with `parser`, whose budget is for one reply."""
        self._entry = problem.entry_point
        self._prompt = plain_newlines(problem.prompt) if problem.continues else ""
        self._completes = problem.continues and form == "completion"
        self._parser = parser

    def read(self, reply: str) -> Reading | None:
        """Return the program in `reply` and how it was found, or None where nothing in it parses."""
        text, thoughts = _without_thoughts(plain_newlines(reply))
        if not text.strip():
            return "", "no answer after the reasoning"
        variants = [(each, "; ".join(filter(None, (thoughts, how)))) for each, how in self._variants(text)]
        # Marks of a model or a prompt would cost the lines they stand on, so they go first where lines are given up.
        cleaned = [*variants[1:], variants[0]] if any("marks dropped" in how for _, how in variants) else variants
        for attempt, order in ((self._exact, variants), (self._lossy, cleaned), (self._any, cleaned)):
            for each, how in order:
                if found := attempt(each):
                    return found[0], "; ".join(filter(None, (how, found[1])))
        return None

    def _variants(self, text: str) -> Iterator[Reading]:
        """The text as it is, then less what stands around it and unescaped; each also less a tail of JSON."""
        yield text, ""
        seen, how = {text}, ""
        for change, name in (
            (_without_marks, "marks dropped"), (_without_quotes, "quotes dropped"),
            (_unescaped, "unescaped"), (_unescaped, "unescaped twice"),
        ):  # fmt: skip
            if (changed := change(text)) not in seen:
                text, how = changed, f"{how}; {name}".removeprefix("; ")
                seen.add(text)
                yield text, how
            for cut in _tails(text):
                if self._parser.answers(cut) or (self._completes and self._parser.answers(self._prompt + cut)):
                    yield cut, f"{how}; tail dropped".removeprefix("; ")
                    break

    # What loses nothing

    def _exact(self, text: str) -> Reading | None:
        if self._completes and self._parser.answers(self._prompt + text) and not self._words(self._prompt + text):
            return self._finished(self._prompt + text, "prompt + completion")
        for whole in (text, textwrap.dedent(text)):
            if self._parser.answers(whole) and not self._words(self._without_words(whole)):
                return self._finished(whole, "the whole reply")
        blocks = self._blocks(text)
        python = [block.text for block in blocks if block.label in PYTHON]
        for texts in (python, [block.text for block in blocks]):
            if chosen := self._chosen([self._margin(each) for each in texts], "fenced block"):
                return self._finished(*chosen)
        return self._body([*python, text])

    def _blocks(self, text: str) -> list[Block]:
        return fenced_blocks(text, lambda inside: self._parser.facts(inside).ok)[-_MOST_BLOCKS:]

    def _margin(self, text: str) -> str:
        """The text moved to the margin, if only that makes it a program."""
        dedented = textwrap.dedent(text)
        return dedented if not self._parser.facts(text).ok and self._parser.facts(dedented).ok else text

    def _chosen(self, texts: list[str], kind: str) -> Reading | None:
        """The last text that is a program with the entry point, is no excerpt of another, and lacks no name.

        The last, since models mend their first attempts; not an excerpt, since they explain theirs. Without an entry
        point the longest. Texts that bind names it lacks go with it. Where no text serves, all of them together may.
        """
        programs = [number for number, text in enumerate(texts) if self._parser.answers(text)]
        if not programs:
            joined = "\n".join(texts)
            whole = len(texts) > 1 and self._parser.answers(joined)
            return (joined, f"{len(texts)} {kind}s joined") if whole else None
        lines = {number: {line.strip() for line in texts[number].split("\n")} - {""} for number in programs}
        kept = [n for n in programs if not any(lines[n] < lines[other] for other in programs)]
        known = names_bound(self._parser.facts(text) for text in texts) | self._parser.facts(self._prompt).bound
        complete = [n for n in kept if self._parser.facts(texts[n]).free <= known] or kept
        pick = complete[-1] if self._entry else max(complete, key=lambda n: len(texts[n]))
        parts = self._with_needed(texts, pick)
        joined = "\n".join(texts[n] for n in parts)
        if len(parts) > 1 and self._parser.answers(joined):
            return joined, f"{len(parts)} {kind}s of {len(texts)} joined"
        return texts[pick], kind if len(texts) == 1 else f"{kind} {pick + 1} of {len(texts)}"

    def _with_needed(self, texts: list[str], pick: int) -> list[int]:
        """The numbers, in order, of the chosen text and of those that bind or go on with what it lacks."""
        parts, added = {pick}, True
        while added:
            facts = [self._parser.facts(texts[n]) for n in parts]
            missing = frozenset().union(*(each.free for each in facts)) - names_bound(facts)
            helpers = {n for n in range(len(texts)) if n not in parts and self._helps(texts[n], n < pick, missing)}
            added = bool(helpers)
            parts |= helpers
        following = pick + 1
        if parts == {pick} and following < len(texts) and self._goes_on(texts[pick], texts[following]):
            parts.add(following)
        return sorted(parts)

    def _goes_on(self, text: str, following: str) -> bool:
        """Whether a function that returns nothing yet goes on, indented, in the text that follows."""
        both = f"{text}\n{following}"
        return following[:1].isspace() and not self._parser.returns(text) and self._parser.returns(both)

    def _helps(self, text: str, earlier: bool, missing: frozenset[str]) -> bool:
        """Whether a text binds a missing name, and does not put another entry point after the chosen one."""
        bound = self._parser.facts(text).bound
        return bool(bound & missing) and (earlier or self._entry not in bound)

    def _body(self, texts: list[str]) -> Reading | None:
        """The first text that is a body for the prompt's function, once it is indented as one."""
        for text in texts if self._prompt else ():
            if self._parser.mentions(text):
                continue
            for shape in self._shapes(text):
                source = below(self._prompt, shape)
                if self._parser.answers(source) and self._parser.returns(source):
                    return self._finished(source, "body under the prompt")
        return None

    def _shapes(self, text: str) -> Iterator[str]:
        """A body as it is, with the first line's lost indentation restored, and moved to the prompt's indentation."""
        text = text.strip("\n")
        last = self._prompt.rstrip().rpartition("\n")[2]
        margin = last[: len(last) - len(last.lstrip())] or "    "
        yield text
        yield margin + text.lstrip()
        yield textwrap.indent(textwrap.dedent(text), margin)
        if "\t" in text:
            yield textwrap.indent(textwrap.dedent(text.expandtabs(4)), margin.expandtabs(4))

    # What gives up lines

    def _lossy(self, text: str) -> Reading | None:
        if self._completes and (found := self._cut_body([text], shaped=False)):
            return found
        blocks = [block.text for block in self._blocks(text) if block.label in PYTHON]
        for sources, kind in ((blocks, "passage of fenced code"), ([text], "passage of code")):
            chosen = self._chosen([run for source in sources for run in self._runs(source)], kind)
            if chosen and not self._lost(text, chosen[0]):
                return self._finished(*chosen)
        return self._cut_body([*blocks, text, _indented(text)], shaped=True) if self._prompt else None

    def _lost(self, text: str, source: str) -> bool:
        """Whether the program lacks a function that the text defines, in a passage with an error."""
        missing = self._parser.facts(source).free
        return any(found[1] in missing for found in re.finditer(r"^[ \t]*(?:def|class)[ \t]+(\w+)", text, re.MULTILINE))

    def _cut_body(self, texts: list[str], *, shaped: bool) -> Reading | None:
        """The first text that is a body for the prompt's function once its tail is cut off."""
        for text in texts:
            if shaped and self._parser.mentions(text):
                continue
            for shape in self._shapes(text) if shaped else (text,):
                whole = below(self._prompt, shape) if shaped else self._prompt + shape
                source, _ = self._parser.prefix(whole.split("\n"))
                if source and self._parser.answers(source) and self._parser.returns(source):
                    return self._finished(source, "prompt + completion, its tail cut off")
        return None

    def _runs(self, text: str) -> list[str]:
        """The passages of code in a text, each as long as it compiles; found from lines that look like code."""
        lines = text.split("\n")
        if found := self._parser.mentions(text):
            lines = [line.removeprefix(found[1]) for line in lines]
        runs, number = [], 0
        while number < len(lines) and not self._parser.spent:
            if _CODE_LINE.match(lines[number]):
                source, end = self._parser.prefix(lines, number)
                tree = self._parser.facts(source).tree if source else None
                if tree and not all(idle(node) for node in tree.body):
                    runs.append(source)
                number = max(end, number + 1)
            else:
                number += 1
        return runs[-_MOST_BLOCKS:]

    def _any(self, text: str) -> Reading | None:
        """For want of a better, the longest code that parses: without the entry point it shows what went wrong."""
        if self._completes or self._parser.mentions(text):
            return None
        blocks = [self._margin(block.text) for block in self._blocks(text) if block.label in PYTHON]
        texts = [each for each in (*blocks, text) if self._busy(each)] or self._runs(text)
        if not texts:
            return None
        return max(texts, key=len), f"no {self._entry or 'program'} in it"

    def _busy(self, text: str) -> bool:
        tree = self._parser.facts(text).tree
        return tree is not None and not all(idle(node) for node in tree.body)

    # The last touch

    def _finished(self, source: str, how: str) -> Reading:
        """The program less the words of chat that parse as names, with what it needs of the prompt."""
        trimmed = self._without_words(source)
        if trimmed != source and self._parser.answers(trimmed):
            source, how = trimmed, f"{how}, less words that parse"
        needed = self._of_prompt(source)
        if needed:
            whole = _inserted(source, needed, self._parser.facts(source).tree)
            if self._parser.answers(whole):
                return whole, f"{how}, with the prompt's {'lines' if 'def ' in needed else 'imports'}"
        return source, how

    def _without_words(self, source: str) -> str:
        """Drop leading and trailing statements that are only names nobody binds: "Explanation", "Note: this"."""
        tree = self._parser.facts(source).tree
        body, words = tree.body if tree else [], self._words(source)
        first, last = 0, len(body)
        while first < last and first in words:
            first += 1
        while last > first and last - 1 in words:
            last -= 1
        if last - first in (0, len(body)):
            return source
        lines = source.split("\n")
        start = body[first - 1].end_lineno or 0 if first else 0
        stop = first_line(body[last]) - 1 if last < len(body) else len(lines)
        return "\n".join(lines[start:stop]) + "\n"

    def _words(self, source: str) -> set[int]:
        """The numbers of those top-level statements that do nothing but look up a name nobody binds, and so fail."""
        facts = self._parser.facts(source)
        body = facts.tree.body if facts.tree else []
        return {number for number, node in enumerate(body) if _is_word(node, facts.free)}

    def _of_prompt(self, source: str) -> str:
        """The prompt's imports and functions that bind what `source` uses and lacks, and what those need in turn."""
        tree = self._parser.facts(self._prompt).tree if self._prompt else None
        if tree is None:
            return ""
        missing, bound = self._parser.facts(source).free, self._parser.facts(source).bound
        kept: list[str] = []
        for node in reversed(tree.body):
            text = "\n".join(self._prompt.split("\n")[first_line(node) - 1 : node.end_lineno])
            facts = self._parser.facts(text)
            if facts.bound & missing - bound and self._entry not in facts.bound:
                kept.insert(0, text)
                missing |= facts.free
        return "\n".join(kept)


def _without_thoughts(text: str) -> Reading:
    """Drop the reasoning before the answer; all of the text where the reasoning never ends."""
    if opened := _THINK_OPEN.match(text):
        closed = _THINK_CLOSE.search(text, opened.end())
        return (text[closed.end() :] if closed else ""), "reasoning dropped"
    *_, closed = (None, *_THINK_CLOSE_LINE.finditer(text))
    return (text[closed.end() :], "reasoning dropped") if closed else (text, "")


def _without_marks(text: str) -> str:
    """What is between the marks of a model or of a few-shot prompt, where something is."""
    while lead := _LEADING.match(text):
        text = text[lead.end() :]
    opened, closed = _OPEN.search(text), _CLOSE.search(text)
    if opened and not (closed and closed.start() < opened.start() and text[: closed.start()].strip()):
        text = text[opened.end() :]
        closed = _CLOSE.search(text)
    return text[: closed.start()] if closed and text[: closed.start()].strip() else text


def _without_quotes(text: str) -> str:
    """What is between quotes around the whole: a string literal, or half of its triple quotes."""
    bare = text.strip()
    for quotes in ('"""', "'''", '""', "''"):
        if len(bare) > 2 * len(quotes) and bare.startswith(quotes) and bare.endswith(quotes):
            return bare[len(quotes) : -len(quotes)]
    return text


def _unescaped(text: str) -> str:
    """The program that an escaped string literal stands for, or several, line by line."""
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), _PIECES.sub("\n", text))


def _tails(text: str) -> Iterator[str]:
    """The text less ever more of the quotes and brackets at its end, with which a JSON string would have closed."""
    for _ in range(_MOST_TAIL):
        text = text.rstrip()
        if not text or text[-1] not in _TAIL:
            return
        text = text[:-1]
        yield text
    yield text.rstrip(_TAIL + " \n")


def _indented(text: str) -> str:
    """The longest run of indented (or blank) lines: a body between words of chat, unless some function's own."""
    if re.search(r"^[ \t]*(?:async[ \t]+)?def\b", text, re.MULTILINE):
        return ""
    runs = re.findall(r"(?:^(?:[ \t]+\S.*|[ \t]*)\n)+", text + "\n", re.MULTILINE)
    return max(runs, key=len, default="")


def _is_word(node: ast.stmt, free: frozenset[str]) -> bool:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    return idle(node) and bool(names & free)


def _inserted(source: str, text: str, tree: ast.Module | None) -> str:
    """Put `text` before the program, but after its docstring and its imports from `__future__`, which must be first."""
    after = 0
    for number, node in enumerate(tree.body if tree else ()):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        after = node.end_lineno or 0
    lines = source.split("\n")
    return "\n".join([*lines[:after], text, *lines[after:]])

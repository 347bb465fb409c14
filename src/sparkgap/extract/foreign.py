"""A reply -> the program in it, for languages other than Python: by fences and brackets, without a parser.

Strict: a completion goes on from the prompt, is cut at the problem's stop tokens and closed as the published harness
closes it (MultiPL-E appends the brackets that its tests begin with); of a response the first closed fence that is
labelled as of the language, or not labelled, appended to the prompt where it lacks the entry point. Lenient: of all the
fences the first that holds the entry point, without the tests and examples behind it; includes and imports of the
prompt that it lacks; brackets left open are closed.

The import clauses of a Go program that goes on from a prompt are made anew, as HumanEval-X's harness does: a completion
can neither add one nor leave one out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparkgap.extract.markdown import Block, fenced_blocks
from sparkgap.types import Problem, SampleForm

_LONGEST = 200_000  # characters that are looked at closely; nobody answers a benchmark with more


@dataclass(frozen=True, slots=True)
class _Way:
    """How programs of a language are told: labels of fences, comments, and the lines that stand at a program's head."""

    labels: frozenset[str]
    noise: re.Pattern[str]  # comments, strings and characters, in which brackets do not count
    head: re.Pattern[str]  # a line of includes, imports and the like


_C_NOISE = r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
_QUOTES = r"|`(?:\\.|[^`\\])*`"


def _way(labels: str, noise: str, head: str) -> _Way:
    return _Way(frozenset(labels.split()), re.compile(noise, re.DOTALL), re.compile(head))


_WAYS = {
    "c": _way("c h", _C_NOISE, r"\s*#\s*(?:include|define)\b.*"),
    "cpp": _way("cpp c++ cc cxx c", _C_NOISE, r"\s*#\s*include\b.*|\s*using\s+namespace\s+\w+\s*;\s*"),
    "rust": _way(
        "rust rs", r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\[^']*|[^'\\\n])'", r"\s*(?:pub\s+)?use\s+[^;]+;\s*"
    ),
    "go": _way("go golang", _C_NOISE + _QUOTES, r"\s*package\s+\w+\s*;?\s*"),
    "java": _way("java", _C_NOISE, r"\s*import\s+[^;]+;\s*"),
    "javascript": _way("javascript js node mjs cjs", _C_NOISE + _QUOTES, r"\s*const\s+.*=\s*require\(.*\);?\s*"),
    "typescript": _way("typescript ts", _C_NOISE + _QUOTES, r"\s*import\s.*from\s.*;?\s*"),
    "shell": _way("shell sh bash zsh console", r"#[^\n]*|'[^']*'|\"(?:\\.|[^\"\\])*\"", r"#!.*"),
}
_OTHER = _way("", _C_NOISE, r"(?!)")
_GO_IMPORT = re.compile(r'^[ \t]*import[ \t]*(?:\([^)]*\)|[\w.]*[ \t]*"[^"\n]+")[ \t]*;?[ \t]*\n?', re.MULTILINE)
_GO_PACKAGE = re.compile(r"^[ \t]*package[ \t]+\w+[ \t]*;?[ \t]*\n?", re.MULTILINE)
# What HumanEval-X's harness adds where a program uses it (CodeGeeX, codegeex/benchmark/execution.py).
_GO_PACKAGES = (
    "math", "strings", "fmt", "strconv", "time", "bytes", "regexp", "sort", "math/rand", "crypto/md5", "errors",
    "unicode", "bufio", "os", "container/heap", "container/list", "math/bits", "math/big", "unicode/utf8",
)  # fmt: skip


def program_in(reply: str, problem: Problem, form: SampleForm) -> tuple[str, str, str, str]:
    """Return the program in a reply, read strictly and leniently, and how each was come by."""
    way = _WAYS.get(problem.language, _OTHER)
    if form == "solution":
        return reply, reply, "verbatim", "verbatim"
    if form == "completion":
        return _completed(reply, problem, way)
    blocks = [block for block in fenced_blocks(reply[:_LONGEST], lambda _: False) if block.label in way.labels | {""}]
    strict, how = _strict(reply, problem, way, blocks)
    lenient, how_lenient = _lenient(reply, problem, way, blocks)
    return strict, lenient, how, how_lenient


def _completed(reply: str, problem: Problem, way: _Way) -> tuple[str, str, str, str]:
    if not problem.continues:
        return reply, reply, "verbatim", "verbatim"
    cut = _cut_at_stops(reply, problem)
    closing = str(problem.metadata.get("closing", ""))
    strict = _imported(problem.prompt + cut + closing, problem)
    within = _first_whole(problem.prompt + reply, len(problem.prompt), way)
    lenient = _imported(_closed(within, way), problem)
    return strict, lenient, "prompt + completion", "prompt + completion, to the end of the function"


def _cut_at_stops(reply: str, problem: Problem) -> str:
    places = [reply.find(stop) for stop in problem.metadata.get("stops", ()) if stop in reply]
    return reply[: min(places)] if places else reply


def _strict(reply: str, problem: Problem, way: _Way, blocks: list[Block]) -> tuple[str, str]:
    first = next((block.text for block in blocks if block.closed), None)
    text, how = (reply, "whole reply") if first is None else (first, "first fenced block")
    if problem.continues and not _defines(text, problem.entry_point):
        return _imported(problem.prompt + text, problem), f"{how}, appended to the prompt"
    return text, how


def _lenient(reply: str, problem: Problem, way: _Way, blocks: list[Block]) -> tuple[str, str]:
    texts = [block.text for block in blocks]
    holding = [text for text in texts if _defines(text, problem.entry_point)]
    if holding:
        return _headed(_closed(holding[0], way), problem, way), "the fenced block with the entry point"
    if texts and problem.continues:
        whole = _closed(_first_whole(problem.prompt + texts[0], len(problem.prompt), way), way)
        return _imported(whole, problem), "first fenced block, appended to the prompt"
    if texts:
        return texts[0], "first fenced block"
    if _defines(reply, problem.entry_point):
        return _headed(_closed(reply, way), problem, way), "whole reply"
    if problem.continues:
        whole = _closed(_first_whole(problem.prompt + reply, len(problem.prompt), way), way)
        return _imported(whole, problem), "whole reply, appended to the prompt"
    return reply, "whole reply"


def _defines(text: str, name: str) -> bool:
    """Whether the text seems to define a function of that name: in no language does a call look like this."""
    if not name:
        return True
    found = re.escape(name)
    head = rf"\b(?:fn|func|function|def)\s+{found}\b|\b(?:const|let|var)\s+{found}\s*[=:]|^\s*{found}\s*\(\)\s*\{{"
    typed = rf"^[ \t]*(?:[\w:<>,\[\]*&]+[ \t]+)*[\w:<>,\[\]*&]+[ \t*&]+{found}\s*\([^;{{}}]*\)[^;{{}}]*\{{"
    return re.search(f"{head}|{typed}", text, re.MULTILINE) is not None


def _headed(text: str, problem: Problem, way: _Way) -> str:
    """Put in front what the program lacks of the prompt's head."""
    if not problem.continues:
        return text
    if problem.language == "go":
        return _imported(text, problem) if "import" not in text else text
    there = {" ".join(line.split()) for line in text.split("\n")}
    lines = [line for line in problem.prompt.split("\n") if way.head.fullmatch(line) and line.strip()]
    lacking = [line for line in dict.fromkeys(lines) if " ".join(line.split()) not in there]
    if problem.language == "java" and re.search(r"\bclass\s", text) is None:
        found = re.search(r"\bclass\s+\w+", problem.prompt)
        text = f"{found[0]} {{\n{text}\n}}" if found else text
    return "\n".join([*lacking, text]) if lacking else text


def _depths(text: str, way: _Way) -> list[tuple[int, int]]:
    """Return where each curly bracket stands and how deep it leaves the text."""
    plain = way.noise.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text[:_LONGEST])
    depth, found = 0, []
    for bracket in re.finditer(r"[{}]", plain):
        depth += 1 if bracket[0] == "{" else -1
        found.append((bracket.end(), depth))
    return found


def _first_whole(text: str, start: int, way: _Way) -> str:
    """Cut the text behind the bracket that closes what was open at `start`."""
    depths = _depths(text, way)
    before = [depth for end, depth in depths if end <= start]
    outside = (before[-1] if before else 0) - 1
    for end, depth in depths:
        if end > start and depth <= max(0, outside):
            return text[:end] + "\n"
    return text


def _closed(text: str, way: _Way) -> str:
    """Close the curly brackets that the text leaves open."""
    depths = _depths(text, way)
    left = depths[-1][1] if depths else 0
    return text.rstrip("\n") + "\n" + "}\n" * left if 0 < left <= 4 else text


def _imported(text: str, problem: Problem) -> str:
    return with_imports(text) if problem.language == "go" else text


def with_imports(program: str) -> str:
    """Return a Go program with the imports that its text uses, and no others."""
    clause = _GO_PACKAGE.search(program)
    body = _GO_IMPORT.sub("", _GO_PACKAGE.sub("", program))
    plain = _WAYS["go"].noise.sub(lambda found: " " * len(found[0]), body)
    used = [name for name in _GO_PACKAGES if re.search(rf"(?<![\w.]){name.rpartition('/')[2]}\.\w", plain)]
    for aliased in _GO_IMPORT.findall(program):  # what is not on the list is kept if it is used
        for name in re.findall(r'"([^"\n]+)"', aliased):
            if name not in _GO_PACKAGES and re.search(rf"(?<![\w.]){name.rpartition('/')[2]}\.\w", plain):
                used.append(name)
    lines = [clause[0].strip() if clause else "package main", *(f'import "{name}"' for name in used), ""]
    return "\n".join(lines) + body

"""OpenCoder's rules for Python (Huang et al. 2024, arXiv:2411.04905) and StarCoder's on comments; it must compile."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sparkgap.curate.documents import Document, Values
from sparkgap.curate.rules import Rule, Step
from sparkgap.parsing import docstring_nodes, functions_in, parsed

_PYTHON = ("python",)
_DEF = re.compile(r"^[ \t]*(async[ \t]+)?def\s", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*(import|from)\s", re.MULTILINE)
_PASS = re.compile(r"^[ \t]*pass[ \t]*(#.*)?$", re.MULTILINE)
_PRINT = re.compile(r"^[ \t]*print[ \t]*\(", re.MULTILINE)
_ASSERT = re.compile(r"^[ \t]*(assert\b|self\.assert\w+\()", re.MULTILINE)
_TODO = re.compile(r"^.*\b(TODO|FIXME)\b.*$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*#.*$|[ \t]#[ \t].*$", re.MULTILINE)


class Python:
    """Shares of lines that say something (not blank); of comments and docstrings, the share of characters."""

    name = "python"
    version = "1"
    step: Step = "quality"
    order = 1
    attributes: Mapping[str, type] = {
        "compiles": int, "comment_share": float, "def_lines": float, "pass_lines": float, "import_lines": float,
        "print_lines": float, "assert_lines": float, "todo_lines": float, "functions": int, "docstrings": int,
    }  # fmt: skip
    rules = (
        Rule("compiles", "compiles", "at least", 1, "1 where Python's compiler takes it", _PYTHON),
        Rule("min_comments", "comment_share", "at least", 0.01, "share of comments and docstrings", _PYTHON),
        Rule("max_comments", "comment_share", "at most", 0.8, "share of comments and docstrings", _PYTHON),
        Rule("def_lines", "def_lines", "at most", 0.2, "share of lines that begin a function", _PYTHON),
        Rule("pass_lines", "pass_lines", "at most", 0.05, "share of lines that are `pass`", _PYTHON),
        Rule("import_lines", "import_lines", "at most", 0.3, "share of lines that import", _PYTHON),
        Rule("print_lines", "print_lines", "at most", 0.4, "share of lines that print", _PYTHON),
        Rule("assert_lines", "assert_lines", "at most", 0.4, "share of lines that assert", _PYTHON),
        Rule("todo_lines", "todo_lines", "at most", 0.01, "share of lines that say TODO", _PYTHON),
    )

    def measure(self, document: Document) -> Values:
        """Measure a Python file; other languages have none of these attributes."""
        if document.language not in _PYTHON:
            return {}
        text = document.text
        tree = parsed(text)
        if tree is None:
            return {"compiles": 0}
        docstrings = [node for node in docstring_nodes(tree) if isinstance(node.value, str)]
        comments = sum(len(match[0]) for match in _COMMENT.finditer(text))
        comments += sum(len(str(node.value)) for node in docstrings)
        filled = max(1, sum(1 for line in text.splitlines() if line.strip()))

        def share(form: re.Pattern[str]) -> float:
            return round(sum(1 for _ in form.finditer(text)) / filled, 4)

        return {
            "compiles": 1,
            "comment_share": round(min(1.0, comments / max(1, len(text))), 4),
            "def_lines": share(_DEF), "pass_lines": share(_PASS), "import_lines": share(_IMPORT),
            "print_lines": share(_PRINT), "assert_lines": share(_ASSERT), "todo_lines": share(_TODO),
            "functions": sum(1 for _ in functions_in(tree)),
            "docstrings": len(docstrings),
        }  # fmt: skip


FILTER = Python()

"""Can a program's behaviour depend on the seed of string hashing at all?

`list(set(words))` passes or fails by luck, so a pass is confirmed under a second hash seed. Most programs have nothing
the seed could act on, and proving that from the compiled code is far cheaper than a second run. The proof is
one-sided: whatever might reach a set's order, a hash value or code it cannot see counts as sensitive.
"""

from __future__ import annotations

import opcode
from functools import partial
from types import CodeType

from sparkgap.judge.setuse import looks, rebinds

# Modules that neither hand out sets nor iterate over one whose order shows.
INERT_MODULES = frozenset({
    "abc", "array", "base64", "binascii", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime",
    "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers",
    "operator", "queue", "random", "re", "statistics", "string", "struct", "sys", "textwrap", "time", "typing",
    "unicodedata", "__future__",
})  # fmt: skip

# Names that make or reveal a set, a hash, or code that is not in the program's own text. Views of dicts are sets to
# the operators & | - ^, hence `keys` and `items` count when one of those operators is used.
_REVEALING = frozenset({
    "f_locals", "_getframe", "__traceback__", "exc_info", "gi_frame", "cr_frame", "ag_frame", "hash", "eval", "exec",
    "compile", "getattr", "vars", "globals", "locals", "dir", "__import__", "__builtins__", "__hash__", "__dict__",
    "__subclasses__", "__getattribute__", "__globals__", "__class__", "__loader__", "__spec__", "attrgetter",
    "methodcaller", "modules", "Set", "MutableSet", "algorithms_available", "algorithms_guaranteed", "__or__",
    "__and__", "__sub__", "__xor__", "__ror__", "__rand__", "__rsub__", "__rxor__", "__code__", "co_consts",
    "stdlib_module_names", "builtin_module_names", "__abstractmethods__",
})  # fmt: skip
_VIEWS = frozenset({"keys", "items"})


_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})  # programs define such functions

_OP = {name: opcode.opmap.get(name, -1) for name in ("EXTENDED_ARG", "LOAD_CONST")}
_IMPORT = opcode.opmap["IMPORT_NAME"]
_SET_OPCODES = frozenset(opcode.opmap[name] for name in ("BUILD_SET", "SET_ADD", "SET_UPDATE"))
_INTO_SETS = frozenset(opcode.opmap[name] for name in ("CONTAINS_OP", "SET_UPDATE"))
_OF_ATTRIBUTES = frozenset(opcode.opmap.get(name, -1) for name in ("LOAD_ATTR", "LOAD_METHOD"))
_BINARY_OP = opcode.opmap["BINARY_OP"]
_SET_OPERATORS = frozenset(
    index
    for index, (_, sign) in enumerate(opcode._nb_ops)  # type: ignore[attr-defined]
    if sign in ("&", "|", "-", "^", "&=", "|=", "-=", "^=")
)

# Bound beforehand, since each program pays for what it is the first to touch.
_reveals_nothing, _makes_no_view, _combines_by_no_method, _makes_no_set, _builds_no_set = (
    partial(names.isdisjoint) for names in (_REVEALING, _VIEWS, _METHODS, frozenset({"set", "frozenset"}), _SET_OPCODES)
)
_INNOCENT = frozenset({type(None), bool, int, float, complex, str, bytes, tuple, type(...)})  # constants
_are_inert = partial(INERT_MODULES.issuperset)


def hash_sensitive(code: CodeType) -> bool:
    """Return whether running `code` could show the order of a set or the value of a hash.

    Args:
        code: a compiled program that has not run yet.
    """
    makers: list[CodeType] = []  # what makes sets
    waiting = [code]
    for each in waiting:
        names, opcodes = each.co_names, each.co_code[::2]
        if (
            not _reveals_nothing(names)
            or (_IMPORT in opcodes and not _are_inert(_imports(each, opcodes)))
            or (not _makes_no_view(names) and ("operator" in names or _combines(each)))
            or (not _combines_by_no_method(names) and not _OF_ATTRIBUTES.isdisjoint(opcodes))
        ):
            return True
        if not _makes_no_set(names) or not _builds_no_set(opcodes):
            makers.append(each)
        for constant in each.co_consts:
            kind = type(constant)
            if kind in _INNOCENT:
                continue
            if kind is CodeType:
                waiting.append(constant)
            elif kind is frozenset and not _only_asked_for_membership(each):
                return True
    return bool(makers) and (rebinds(code) or any(map(looks, makers)))


def _imports(code: CodeType, opcodes: bytes) -> set[str]:
    """Return the top-level names of the modules that the code imports ("?" where that can't be told)."""
    if _OP["EXTENDED_ARG"] in opcodes and len(code.co_names) > 255:
        return {"?"}
    arguments = code.co_code[1::2]
    return {
        code.co_names[argument].partition(".")[0]
        for op, argument in zip(opcodes, arguments, strict=True)
        if op == _IMPORT
    }


def _combines(code: CodeType) -> bool:
    """Whether the code uses an operator that dict views understand as a set operation."""
    steps = code.co_code
    pairs = zip(steps[::2], steps[1::2], strict=True)
    return any(op == _BINARY_OP and argument in _SET_OPERATORS for op, argument in pairs)


def _only_asked_for_membership(code: CodeType) -> bool:
    """Whether every constant set of the code is used by `in`, or to make a set, which `setuse.py` looks after."""
    if len(code.co_consts) > 255:  # a number that takes more than a byte is not worth the trouble
        return False
    steps = code.co_code
    loads = _OP["LOAD_CONST"]
    return all(
        steps[place + 2] in _INTO_SETS
        for place in range(0, len(steps) - 2, 2)
        if steps[place] == loads and isinstance(code.co_consts[steps[place + 1]], frozenset)
    )

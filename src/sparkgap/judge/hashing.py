"""Can a program's behaviour depend on the seed of string hashing at all?

`list(set(words))` passes or fails by luck, so a pass is confirmed under a second hash seed. Most programs have nothing
the seed could act on, and proving that from the compiled code is far cheaper than a second run. The proof is
one-sided: whatever might reach a set's order, a hash value or code it cannot see counts as sensitive.
"""

from __future__ import annotations

import opcode
from itertools import pairwise
from types import CodeType

# Modules that neither hand out sets nor iterate over one whose order shows.
INERT_MODULES = frozenset({
    "abc", "array", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools", "heapq", "itertools", "math", "operator", "queue", "random", "re", "statistics",
    "string", "sys", "time", "typing", "__future__",
})  # fmt: skip

# Names that make or reveal a set, a hash, or code that is not in the program's own text. Views of dicts are sets to
# the operators & | - ^, hence `keys` and `items` count when one of those operators is used.
_REVEALING = frozenset({
    "set", "frozenset", "hash", "eval", "exec", "compile", "getattr", "vars", "globals", "locals", "dir",
    "__import__", "__builtins__", "__hash__", "__dict__", "__subclasses__", "__getattribute__", "__globals__",
    "__class__", "__loader__", "__spec__", "attrgetter", "methodcaller", "modules", "Set", "MutableSet", "union",
    "intersection", "difference", "symmetric_difference", "__or__", "__and__", "__sub__", "__xor__",
    "__ror__", "__rand__", "__rsub__", "__rxor__", "__code__", "co_consts", "stdlib_module_names",
    "builtin_module_names", "__abstractmethods__",
})  # fmt: skip
_VIEWS = frozenset({"keys", "items"})


_OP = {name: opcode.opmap.get(name, -1) for name in ("IMPORT_NAME", "EXTENDED_ARG")}
_SET_OPCODES = frozenset(opcode.opmap[name] for name in ("BUILD_SET", "SET_ADD", "SET_UPDATE"))
_SET_OPERATORS = ("&", "|", "-", "^", "&=", "|=", "-=", "^=")


def hash_sensitive(code: CodeType) -> bool:
    """Return whether running `code` could show the order of a set or the value of a hash.

    Args:
        code: a compiled program that has not run yet.
    """
    opcodes = code.co_code[::2]
    names = code.co_names
    if (
        not _SET_OPCODES.isdisjoint(opcodes)
        or not _REVEALING.isdisjoint(names)
        or not INERT_MODULES.issuperset(_imports(code, opcodes))
        or (not _VIEWS.isdisjoint(names) and ("operator" in names or _combines(code)))
    ):
        return True
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and hash_sensitive(constant):
            return True
        if isinstance(constant, frozenset) and not _only_asked_for_membership(code):
            return True
    return False


def _imports(code: CodeType, opcodes: bytes) -> set[str]:
    """Return the top-level names of the modules that the code imports ("?" where that can't be told)."""
    if _OP["IMPORT_NAME"] not in opcodes:
        return set()
    if _OP["EXTENDED_ARG"] in opcodes and len(code.co_names) > 255:
        return {"?"}
    arguments = code.co_code[1::2]
    return {
        code.co_names[argument].partition(".")[0]
        for op, argument in zip(opcodes, arguments, strict=True)
        if op == _OP["IMPORT_NAME"]
    }


def _combines(code: CodeType) -> bool:
    """Whether the code uses an operator that dict views understand as a set operation."""
    import dis  # rarely needed, and large

    return any(s.opname == "BINARY_OP" and s.argrepr in _SET_OPERATORS for s in dis.get_instructions(code))


def _only_asked_for_membership(code: CodeType) -> bool:
    """Whether every constant set of the code is used by `in` and nothing else."""
    import dis

    steps = list(dis.get_instructions(code))
    return all(
        after.opname == "CONTAINS_OP"
        for step, after in pairwise(steps)
        if step.opname == "LOAD_CONST" and isinstance(step.argval, frozenset)
    )

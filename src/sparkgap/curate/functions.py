"""Functions cut out of a module together with what they need of it, so that they run alone.

A function stands alone if every name it uses is its own, Python's, an import of the standard library, or something
else of the module that stands alone: functions, classes, and names assigned once at the top. `from __future__ import
annotations` is put before it, so that annotations need nothing. Not covered: what is defined under `if` or `try`,
star imports, and methods that use their instance; such functions are left out, never guessed.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sparkgap.parsing import Definition, docstring_node, parsed

MOST_CHARS = 20_000  # of a function with all that it needs
FUTURE = "from __future__ import annotations\n"
_BUILTIN = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
_UNTRUE_IMPORTS = {"__future__"}


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a module. `own` is its source, `needs` the source of what it uses, in the module's order."""

    name: str
    own: str
    needs: str
    docstring: str
    required: int  # positional arguments that must be given
    most: int  # positional arguments that may be given
    line: int
    imports: tuple[str, ...]  # modules of the standard library that it uses

    @property
    def program(self) -> str:
        """The whole program that defines the function."""
        return f"{FUTURE}{self.needs}{self.own}"


@lru_cache(maxsize=8)
def functions(text: str) -> tuple[Function, ...]:
    """Return the functions of a module that stand alone, those of classes without their class, in order."""
    tree = parsed(text)
    if tree is None:
        return ()
    module = _Module(tree, text)
    return tuple(found for node in _definitions(tree) if (found := module.cut(*node)) is not None)


def _definitions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, bool]]:
    """Yield functions at the top, and methods that do not use their instance, each with whether it is a method."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, False
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield inner, True


class _Module:
    """The names that a module binds at its top, and the source of each."""

    def __init__(self, tree: ast.Module, text: str) -> None:
        self._lines = text.split("\n")
        self._bound: dict[str, ast.stmt] = {}
        self._aliases: dict[str, tuple[ast.stmt, ast.alias]] = {}
        twice: set[str] = set()
        for node in tree.body:
            for name, alias in _binds(node):
                if name in self._bound:
                    twice.add(name)
                self._bound[name] = node
                if alias is not None:
                    self._aliases[name] = (node, alias)
        for name in twice:
            self._bound.pop(name, None)

    def cut(self, node: ast.FunctionDef, method: bool) -> Function | None:
        """Return a function with what it needs, None if it does not stand alone."""
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)
        if method and not static:
            if not positional or node.decorator_list or _uses(node, positional[0].arg):
                return None
            positional = positional[1:]
        if _is_empty(node) or any(default is None for default in arguments.kw_defaults):
            return None
        needed = self._needed(node)
        if needed is None or (not method and self._bound.get(node.name) is not node):
            return None
        own = self._method(node, static) if method else self._source(node)
        needs, imports = self._written(needed)
        if len(own) + len(needs) > MOST_CHARS:
            return None
        docstring = docstring_node(node)
        return Function(
            name=node.name, own=own, needs=needs, docstring=ast.get_docstring(node) or "" if docstring else "",
            required=len(positional) - len(arguments.defaults), most=len(positional), line=node.lineno,
            imports=imports,
        )  # fmt: skip

    def _needed(self, node: ast.stmt) -> list[str] | None:
        """Return the names at the top of the module that a statement needs, directly or not; None if one is unknown."""
        needed: dict[str, None] = {}
        waiting = [node]
        while waiting:
            current = waiting.pop()
            used, own = _names(current)
            for name in sorted(used - own - set(needed)):
                if name in self._bound:
                    if self._bound[name] is node:
                        continue
                    if not self._may(name):
                        return None
                    needed[name] = None
                    if name not in self._aliases:
                        waiting.append(self._bound[name])
                elif name not in _BUILTIN:
                    return None
        return list(needed)

    def _may(self, name: str) -> bool:
        """Whether a name may be taken along: an import only if of the standard library."""
        if name not in self._aliases:
            return True
        return bool(_root(*self._aliases[name]))

    def _written(self, needed: list[str]) -> tuple[str, tuple[str, ...]]:
        """Return the source of the needed names in the module's order, and the modules that they import."""
        imports = {name: _import(*self._aliases[name]) for name in needed if name in self._aliases}
        roots = {_root(*self._aliases[name]) for name in imports}
        nodes = {id(self._bound[name]): self._bound[name] for name in needed if name not in self._aliases}
        parts = [self._source(node) for node in sorted(nodes.values(), key=lambda each: each.lineno)]
        head = "\n".join(sorted(imports.values()))
        return (f"{head}\n" if head else "") + "".join(parts), tuple(sorted(roots))

    def _source(self, node: ast.stmt) -> str:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        return "\n".join(self._lines[first - 1 : node.end_lineno]) + "\n\n"

    def _method(self, node: ast.FunctionDef, static: bool) -> str:
        """Return a method as a function: without its instance, at the left margin."""
        arguments = node.args
        plain = ast.arguments(
            posonlyargs=arguments.posonlyargs if static else arguments.posonlyargs[1:],
            args=arguments.args if static or arguments.posonlyargs else arguments.args[1:],
            vararg=arguments.vararg, kwonlyargs=arguments.kwonlyargs, kw_defaults=arguments.kw_defaults,
            kwarg=arguments.kwarg, defaults=arguments.defaults,
        )  # fmt: skip
        free = ast.FunctionDef(name=node.name, args=plain, body=node.body, decorator_list=[], returns=node.returns)
        return ast.unparse(ast.fix_missing_locations(free)) + "\n\n"


def _binds(node: ast.stmt) -> Iterator[tuple[str, ast.alias | None]]:
    match node:
        case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
            yield node.name, None
        case ast.Assign(targets=targets):
            for target in targets:
                yield from ((each.id, None) for each in ast.walk(target) if isinstance(each, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            yield name, None
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            for alias in names:
                yield alias.asname or alias.name.partition(".")[0], alias


def _root(node: ast.stmt, alias: ast.alias) -> str:
    """Return the module of the standard library that an import is of; "" for any other."""
    if isinstance(node, ast.ImportFrom):
        root = "" if node.level or alias.name == "*" else (node.module or "").partition(".")[0]
    else:
        root = alias.name.partition(".")[0]
    return root if root in sys.stdlib_module_names and root not in _UNTRUE_IMPORTS else ""


def _import(node: ast.stmt, alias: ast.alias) -> str:
    one = ast.ImportFrom(node.module, [alias], 0) if isinstance(node, ast.ImportFrom) else ast.Import([alias])
    return ast.unparse(one)


def _names(node: ast.AST) -> tuple[set[str], set[str]]:
    """Return the names that a statement uses outside of annotations, and those that it binds itself anywhere within."""
    used: set[str] = set()
    own: set[str] = set()
    waiting: list[ast.AST] = [node]
    while waiting:
        current = waiting.pop()
        match current:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name):
                own.add(name)
            case ast.arg(arg=name):
                own.add(name)
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if current is not node:
                    own.add(current.name)
                waiting += [current.args, *current.body, *current.decorator_list]
                continue
            case ast.ClassDef() if current is not node:
                own.add(current.name)
            case ast.AnnAssign(target=target, value=value):
                waiting += [target, *([value] if value is not None else [])]
                continue
            case ast.ExceptHandler(name=str(name)) | ast.alias(asname=str(name)):
                own.add(name)
            case ast.alias(name=name):
                own.add(name.partition(".")[0])
            case ast.Global(names=names):
                used.update(names)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                own.add(name)
        waiting += ast.iter_child_nodes(current)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        own -= {name for name, _ in _binds(node)}
    return used, own


def _uses(node: ast.FunctionDef, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node)) or "super" in _names(node)[0]


def _is_empty(node: Definition) -> bool:
    """Whether a function does nothing of its own: a constant, `pass`, `...`, `raise`, a call of `super`."""
    body = node.body[1:] if docstring_node(node) is not None else node.body
    if len(body) > 1:
        return False
    match body:
        case [] | [ast.Pass()] | [ast.Raise()] | [ast.Expr(ast.Constant())] | [ast.Return(None | ast.Constant())]:
            return True
        case [ast.Return(ast.Name())]:
            return True
    return False

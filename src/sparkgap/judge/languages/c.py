"""C, by the gcc on the PATH, as GNU C17, with the mathematical library.

The program and its tests are two binaries. A function that the tests' prelude declares and does not define is the
program's; behind the program's own text stands one function for each, which calls it by the declared types. What is
between the two processes is C++ (`_c/sparkgap.hpp`), so g++ is needed as well.

A pointer says nothing of what is behind it, so names decide. `int *xs, int n` is an array of n items, which come back
changed (n, len, size, count and names that end so); `const char *` is a text; `char *` is a text that may be changed in
place, or a buffer where a length follows; a pointer that is returned is a text, or an array where a parameter such as
`int *returnSize` tells its length; any other pointer is to one value, which comes back changed.

Not covered: structures, functions as parameters, pointers to pointers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from sparkgap.judge import toolchains
from sparkgap.judge.languages._c import gcc
from sparkgap.judge.languages._c.signatures import Declared, Parameter, Signature, declared
from sparkgap.judge.plans import Command, Kit, Plan
from sparkgap.types import CodeTests, Diagnostic

FILE = "solution.c"
_FLAGS = ("-std=gnu17", "-pipe")
_GLUE_FLAGS = ("-std=c++17", "-pipe")
_LENGTH = re.compile(
    r"(?:.*_)?(?:[nm]|len|length|size|count|num|cap|capacity)\d*|.*(?:Len|Length|Size|Count|Num|Capacity)"
)
_TOLD_LENGTH = re.compile(r"(?:ret|return|out|result|res)\w*?_?(?:[Ss]ize|[Ll]en|[Ll]ength|[Cc]ount|[Nn])")
_INTEGRAL = re.compile(
    r"(?:const\s+)?(?:unsigned\s+)?(?:int|long|long\s+long|short|unsigned|size_t|ssize_t|u?int\d+_t)"
)
_SCALAR = re.compile(
    r"(?:const\s+)?(?:(?:un)?signed|short|long|int|char|float|double|bool|_Bool|size_t|ssize_t|u?int\d+_t|\s)+"
)


@dataclass(frozen=True, slots=True)
class _Crossing:
    """How one parameter crosses: "value", "text" (kept), "edited" (a text changed in place), "array", "one", "told"."""

    kind: str
    type: str  # of the value, or of one item
    name: str
    length: str = ""  # of an array: the parameter that says how long it is


class C:
    """C17 by gcc."""

    name = "c"
    suffix = ".c"
    title = "C (gcc, C17)"

    def kit(self) -> Kit:
        """Return what programs are built with.

        Raises:
            ToolchainError: gcc or g++ is not installed.
        """
        shown = gcc.runtime(gcc.compiler("gcc"), "c", str(_home()))
        glue = gcc.runtime(gcc.compiler("g++"), "c++")
        folders = tuple(sorted({*shown.folders, *glue.folders}))
        programs = tuple(dict.fromkeys((*shown.programs, *glue.programs)))
        return Kit(self.name, tuple(toolchains.runtime(folders, programs)))

    def version(self) -> str:
        """Return what compiles here."""
        return gcc.version(gcc.compiler("gcc"))

    def check(self, source: str) -> Plan:
        """Return how a program is looked over."""
        return Plan({FILE: source.encode()}, (_command(*_compiler(), "-Wextra", "-fsyntax-only", FILE),), None)

    def program(self, source: str) -> Plan:
        """Return how a whole program is built and run."""
        step = _command(*_compiler(), FILE, "-o", "program", *_libraries(source))
        return Plan({FILE: source.encode()}, (step,), Command(("./program",), memory_mb=32))

    def candidate(self, source: str, tests: CodeTests) -> Plan:
        """Return how a program is built that serves the functions which the tests declare.

        Raises:
            ValueError: they declare none, or a form that is not covered.
        """
        functions = _declared(tests).functions
        text = "\n".join([source, '#line 1 "sparkgap"', *map(_adapter, range(len(functions)), functions), ""])
        steps = (
            _command(*_compiler(), "-c", FILE),
            _command(
                gcc.compiler("g++"), "solution.o", "glue.o", "-Wl,--wrap=main", "-o", "program", *_libraries(source)
            ),
        )
        return Plan({FILE: text.encode()}, steps, Command(("./program",), memory_mb=32))

    def examiner(self, tests: CodeTests, *, all_tests: bool) -> Plan:
        """Return how the tests are built: their own binary, and `glue.o`, which goes to every candidate.

        Raises:
            ValueError: they declare no function of the program's, or a form that is not covered.
        """
        context = _declared(tests)
        glue = (gcc.compiler("g++"), *_GLUE_FLAGS, "-w", "-include", f"{_home()}/sparkgap.hpp", "-c")
        steps = (
            _command(*glue, "glue.cpp", "stand_ins.cpp"),
            _command(*_compiler(), "-w", "-I", f"{_home()}/tests", "-c", "tests.c"),
            _command(
                gcc.compiler("g++"), "tests.o", "stand_ins.o", "-o", "tests", *_libraries(tests.prelude + tests.code)
            ),
        )
        has_main = re.search(r"\bmain\s*\(", tests.code) is not None
        code = tests.code if has_main else f"int main(void) {{\n{tests.code}\nreturn 0;\n}}"
        texts = {
            "glue.cpp": _glue(context),
            "stand_ins.cpp": _stand_ins(context, all_tests),
            "tests.c": "\n".join([tests.prelude, "#undef NDEBUG", "#include <assert.h>", code, ""]),
        }
        plain = {name: text.encode() for name, text in texts.items()}
        return Plan(plain, steps, Command(("./tests",)), gifts=("glue.o",))

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what the compiler said, errors first."""
        return gcc.read(said, source, FILE)

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return the status of a program that the compiler refused."""
        return gcc.refusal(diagnostics)

    def crash(self, errors: str) -> Diagnostic | None:
        """Return nothing: a C program ends without a word."""
        return None


def _compiler() -> tuple[str, ...]:
    return (gcc.compiler("gcc"), *_FLAGS, *gcc.SAID)


def _command(*argv: str) -> Command:
    return Command(argv, gcc.ENVIRONMENT, forks=True)


def _libraries(source: str) -> tuple[str, ...]:
    return (*gcc.linker(), "-lm", *(("-pthread",) if "pthread" in source else ()))


@cache
def _home() -> Path:
    """Return the folder with the harness, its header compiled."""
    path = gcc.compiler("g++")
    texts = {name: (files(__package__) / "_c" / name).read_text("utf-8") for name in ("sparkgap.hpp", "assert.h")}

    def make(folder: Path) -> None:
        (folder / "sparkgap.hpp").write_text(texts["sparkgap.hpp"], "utf-8")
        (folder / "tests").mkdir()
        (folder / "tests" / "assert.h").write_text(texts["assert.h"], "utf-8")
        header = ("-w", "-x", "c++-header", "sparkgap.hpp", "-o", "sparkgap.hpp.gch")
        toolchains.run((path, *_GLUE_FLAGS, *header), folder)

    return toolchains.made("c", [gcc.version(path), *texts.values(), *_GLUE_FLAGS], make)


@lru_cache(maxsize=512)
def _declared(tests: CodeTests) -> Declared:
    context = declared(tests.prelude)
    if not context.functions:
        raise ValueError("the tests' prelude declares no function that the program must define")
    for function in context.functions:
        _crossings(function)
        _returned(function)
    return context


def _adapter(place: int, function: Signature) -> str:
    passed = ", ".join(parameter.name for parameter in function.parameters)
    back = "" if function.returns == "void" else "return "
    return f"{function.declared_as(f'sparkgap_{place}')} {{ {back}{function.name}({passed}); }}"


# --- How pointers cross -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _crossings(function: Signature) -> tuple[_Crossing, ...]:
    """Return how each parameter crosses.

    Raises:
        ValueError: one of a form that is not covered.
    """
    found = []
    following: list[Parameter | None] = [*function.parameters[1:], None]
    for parameter, after in zip(function.parameters, following, strict=False):
        kind = " ".join(parameter.type.split())
        item = kind.removesuffix("*").strip()
        length = (
            after.name if after and _INTEGRAL.fullmatch(after.type.strip()) and _LENGTH.fullmatch(after.name) else ""
        )
        if not _SCALAR.fullmatch(item) or "*" in item:
            raise ValueError(f"`{parameter.type} {parameter.name}` cannot cross between the program and its tests")
        if not kind.endswith("*"):
            found.append(_Crossing("value", kind, parameter.name))
        elif item == "const char":
            found.append(_Crossing("text", item, parameter.name))
        elif length:
            found.append(_Crossing("array", item.removeprefix("const "), parameter.name, length))
        elif item == "char":
            found.append(_Crossing("edited", item, parameter.name))
        elif _TOLD_LENGTH.fullmatch(parameter.name) and function.returns.endswith("*"):
            found.append(_Crossing("told", item, parameter.name))
        else:
            found.append(_Crossing("one", item.removeprefix("const "), parameter.name))
    return tuple(found)


def _returned(function: Signature) -> str:
    """Return how the result crosses: "void", "value", "text" or "array".

    Raises:
        ValueError: a pointer whose length nobody tells.
    """
    kind = " ".join(function.returns.split())
    if kind == "void":
        return "void"
    if not kind.endswith("*"):
        if not _SCALAR.fullmatch(kind):
            raise ValueError(f"`{kind}` cannot cross between the program and its tests")
        return "value"
    if kind.removeprefix("const ") == "char*" or kind.removeprefix("const ") == "char *":
        return "text"
    if not any(each.kind == "told" for each in _crossings(function)):
        raise ValueError(f"`{kind} {function.name}(...)`: no parameter tells the length of what it returns")
    return "array"


def _glue(context: Declared) -> str:
    """Return the program's other half: it reads calls, makes memory of the values, and answers."""
    lines = [context.names, 'extern "C" {']
    lines += [f"{function.declared_as(f'sparkgap_{n}')};" for n, function in enumerate(context.functions)]
    lines.append("}")
    for place, function in enumerate(context.functions):
        lines.append(f"static void serve_{place}(sparkgap::Reader& in, std::string& out) {{")
        given, back = [], []
        for each in _crossings(function):
            taken, passed, returned = _memory(each)
            lines.append(taken)
            given.append(passed)
            back += [returned] if returned else []
        call = f"sparkgap_{place}({', '.join(given)})"
        how = _returned(function)
        lines.append(f"{call};" if how == "void" else f"auto result = {call};")
        told = next((each.name for each in _crossings(function) if each.kind == "told"), "")
        if how == "array":
            item = function.returns.replace("*", "").replace("const ", "").strip()
            lines.append(f"if (result == nullptr || {told} < 0) {told} = 0;")
            lines.append(f"sparkgap::put<std::vector<{item}>>(out, std::vector<{item}>(result, result + {told}));")
        elif how == "text":
            lines.append('sparkgap::put<std::string>(out, result ? result : "");')
        elif how == "value":
            lines.append(f"sparkgap::put<{function.returns}>(out, result);")
        lines += [*back, "}"]
    served = ", ".join(f"serve_{n}" for n in range(len(context.functions)))
    lines.append(f"static const sparkgap::Serve served[] = {{{served}}};")
    lines.append(
        'extern "C" int __wrap_main() { sparkgap::serve_all(served, sizeof served / sizeof *served); return 0; }'
    )
    return "\n".join([*lines, ""])


def _memory(each: _Crossing) -> tuple[str, str, str]:
    """Return how a parameter is read, what the function is given, and how it is sent back."""
    name, kind = each.name, each.type
    match each.kind:
        case "text":
            return f"auto {name} = sparkgap::get<std::string>(in);", f"{name}.c_str()", ""
        case "edited":
            taken = f"auto {name} = sparkgap::get<std::string>(in); {name}.resize({name}.size() + 4096);"
            return taken, f"&{name}[0]", f"sparkgap::put<std::string>(out, {name}.c_str());"
        case "array":
            taken = f"auto {name} = sparkgap::get<std::vector<{kind}>>(in); {name}.reserve({name}.size() + 1);"
            return taken, f"{name}.data()", f"sparkgap::put<std::vector<{kind}>>(out, {name});"
        case "one":
            return f"auto {name} = sparkgap::get<{kind}>(in);", f"&{name}", f"sparkgap::put<{kind}>(out, {name});"
        case "told":
            return f"{kind} {name} = 0;", f"&{name}", ""
    return f"auto {name} = sparkgap::get<{kind}>(in);", name, ""


def _stand_ins(context: Declared, all_tests: bool) -> str:
    """Return what the tests call in the program's stead."""
    lines = [
        context.names, "static sparkgap::Begin sparkgap_begin;",
        f"static bool sparkgap_all = sparkgap::run.all = {str(all_tests).lower()};", 'extern "C" {',
        "void sparkgap_check(int held, const char* test) { sparkgap::check(held, test); }",
    ]  # fmt: skip
    for place, function in enumerate(context.functions):
        lines.append(function.declared_as(function.name) + " {")
        types, given, after = [], [], []
        for each in _crossings(function):
            if each.kind == "told":
                continue
            kind, made, back = _sent(each)
            lines.append(made)
            types.append(kind)
            given.append(each.name if each.kind == "value" else f"sparkgap_{each.name}")
            after += [back] if back else []
        how = _returned(function)
        item = function.returns.replace("*", "").replace("const ", "").strip()
        result = {"array": f"std::vector<{item}>", "text": "std::string"}.get(how, function.returns)
        passed = ", ".join([str(place), f'"{function.name}"', *given])
        call = f"sparkgap::Call<{', '.join([result, *types])}>::on({passed})"
        lines.append(f"{call};" if how == "void" else f"auto result = {call};")
        lines += after
        if how == "array":
            told = next(each.name for each in _crossings(function) if each.kind == "told")
            lines.append(
                f"*{told} = result.size(); {item}* kept = ({item}*)malloc(result.size() * sizeof({item}) + 1);"
            )
            lines.append("std::copy(result.begin(), result.end(), kept); return kept;")
        elif how == "text":
            lines.append("return strdup(result.c_str());")
        elif how == "value":
            lines.append("return result;")
        lines.append("}")
    return "\n".join([*lines, "}", ""])


def _sent(each: _Crossing) -> tuple[str, str, str]:
    """Return a parameter's type across, how it is made of what the tests gave, and how what comes back is taken."""
    name, kind = each.name, each.type
    match each.kind:
        case "text":
            return "const std::string&", f'const std::string sparkgap_{name}({name} ? {name} : "");', ""
        case "edited":  # no more than was there: how much room there is, nobody tells
            back = f"if ({name}) {{ sparkgap_{name}.resize(std::min(sparkgap_{name}.size(), strlen({name}))); "
            back += f"std::strcpy({name}, sparkgap_{name}.c_str()); }}"
            return "std::string&", f'std::string sparkgap_{name}({name} ? {name} : "");', back
        case "array":
            count = f"({name} && {each.length} > 0 ? {each.length} : 0)"
            back = f"if (sparkgap_{name}.size() == (size_t){count}) std::copy(sparkgap_{name}.begin(), "
            back += f"sparkgap_{name}.end(), ({kind}*){name});"
            made = f"std::vector<{kind}> sparkgap_{name}({name}, {name} + {count});"
            return f"std::vector<{kind}>&", made, back
        case "one":
            back = f"if ({name}) *({kind}*){name} = sparkgap_{name};"
            return f"{kind}&", f"{kind} sparkgap_{name} = {name} ? *{name} : {kind}();", back
    return kind, "", ""


LANGUAGE = C()

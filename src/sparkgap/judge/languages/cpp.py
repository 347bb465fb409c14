"""C++, by the g++ on the PATH, as C++17.

The program and its tests are two binaries. A function that the tests' prelude declares and does not define is the
program's; behind the program's own text stands one line for each, which calls it by the declared types, and the values
cross as `_c/sparkgap.hpp` has it. The tests' `main` and asserts run in the other process.

Headers: what a program includes at its start is taken from a header compiled beforehand, made of exactly those standard
headers; nothing more is in sight than the program asks for.

Not covered: tests that use the program's own types, templates or variables.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from sparkgap.judge import toolchains
from sparkgap.judge.languages._c import gcc
from sparkgap.judge.languages._c.signatures import Declared, declared
from sparkgap.judge.plans import Command, Kit, Plan
from sparkgap.types import CodeTests, Diagnostic

FILE = "solution.cpp"
_HARNESS, _WHOLE = "sparkgap.hpp", "whole.hpp"  # both are compiled beforehand; the second for tests that include all
_FLAGS = ("-std=c++17", "-pipe")
_MOST_HEADERS = 64  # sets of standard headers that are compiled beforehand
_STANDARD_HEADERS = """
algorithm any array assert.h bits/stdc++.h bitset cassert cctype cerrno cfloat chrono climits cmath complex
cstddef cstdint cstdio cstdlib cstring ctime ctype.h deque exception float.h forward_list functional
initializer_list iomanip ios iosfwd iostream istream iterator limits limits.h list locale map math.h memory
numeric optional ostream queue random ratio regex set sstream stack stddef.h stdexcept stdint.h stdio.h stdlib.h
streambuf string string.h string_view time.h tuple type_traits typeindex typeinfo unordered_map unordered_set
utility valarray variant vector
"""
_STANDARD = frozenset(_STANDARD_HEADERS.split())
_INCLUDE = re.compile(r"[ \t]*#[ \t]*include[ \t]*<([\w./+]+)>[ \t]*(?://.*)?")
_SKIPPED = re.compile(r"[ \t]*(?://.*)?|[ \t]*using namespace std;[ \t]*")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class Cpp:
    """C++17 by g++."""

    name = "cpp"
    suffix = ".cpp"
    title = "C++ (g++, C++17)"

    def kit(self) -> Kit:
        """Return what programs are built with.

        Raises:
            ToolchainError: g++ is not installed.
        """
        home = _home()
        return Kit(self.name, tuple(gcc.runtime(gcc.compiler("g++"), "c++", str(home))))

    def version(self) -> str:
        """Return what compiles here."""
        return gcc.version(gcc.compiler("g++"))

    def check(self, source: str) -> Plan:
        """Return how a program is looked over."""
        argv = (*self._compile(source), "-Wextra", "-fsyntax-only", FILE)
        return Plan({FILE: source.encode()}, (self._command(argv),), None)

    def program(self, source: str) -> Plan:
        """Return how a whole program is built and run."""
        argv = (*self._compile(source), FILE, "-o", "program", *self._libraries(source))
        return Plan({FILE: source.encode()}, (self._command(argv),), Command(("./program",), memory_mb=32))

    def candidate(self, source: str, tests: CodeTests) -> Plan:
        """Return how a program is built that serves the functions which the tests declare.

        Raises:
            ValueError: they declare none, or a form that is not covered.
        """
        context = _declared(tests)
        text = source + '\n#line 1 "sparkgap"\n' + _adapter(context)
        argv = (*self._compile(source), FILE, "-x", "none", "glue.o", "-Wl,--wrap=main", "-o", "program")
        steps = (self._command((*argv, *self._libraries(source))),)
        return Plan({FILE: text.encode()}, steps, Command(("./program",), memory_mb=32))

    def examiner(self, tests: CodeTests, *, all_tests: bool) -> Plan:
        """Return how the tests are built: their own binary, and `glue.o`, which goes to every candidate.

        Raises:
            ValueError: they declare no function of the program's, or a form that is not covered.
        """
        context = _declared(tests)
        home = _home()
        harness = _WHOLE if "bits/stdc++.h" in tests.prelude else _HARNESS
        ours = (gcc.compiler("g++"), *_FLAGS, "-w", "-include", f"{home}/{harness}", "-idirafter", f"{home}/absent")
        theirs = (*self._compile(tests.prelude), "-w", "-I", f"{home}/tests")
        steps = (
            self._command((*ours, "-c", "glue.cpp", "stand_ins.cpp")),
            self._command(
                (*theirs, "tests.cpp", "-x", "none", "stand_ins.o", "-o", "tests", *self._libraries(tests.prelude))
            ),
        )
        texts = {
            "glue.cpp": _glue(tests, context),
            "stand_ins.cpp": _stand_ins(tests, context, all_tests),
            "tests.cpp": _tests(tests),
        }
        run = Command(("./tests",))
        return Plan({name: text.encode() for name, text in texts.items()}, steps, run, gifts=("glue.o",))

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what the compiler said, errors first."""
        return gcc.read(said, source, FILE)

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return the status of a program that the compiler refused."""
        return gcc.refusal(diagnostics)

    def crash(self, errors: str) -> Diagnostic | None:
        """Return what a program said of its own end, None if nothing."""
        found = re.search(r"terminate called after throwing an instance of '([^']+)'(?:\s+what\(\):\s+(.*))?", errors)
        return Diagnostic("load", "error", found[1], found[2] or "not caught") if found else None

    def _compile(self, source: str) -> tuple[str, ...]:
        header = _precompiled(_headers(source))
        included = ("-include", str(header)) if header else ()
        return (gcc.compiler("g++"), *_FLAGS, *gcc.SAID, *included, "-idirafter", f"{_home()}/absent")

    def _command(self, argv: tuple[str, ...]) -> Command:
        return Command(argv, gcc.ENVIRONMENT, forks=True)

    def _libraries(self, source: str) -> tuple[str, ...]:
        threads = ("-pthread",) if "thread" in source or "<future>" in source else ()
        return (*gcc.linker(), *threads, *(("-lcrypto",) if "openssl/" in source else ()))


@cache
def _home() -> Path:
    """Return the folder with the harness, its header compiled."""
    path = gcc.compiler("g++")
    own = files(__package__) / "_c"
    texts = {name: (own / name).read_text("utf-8") for name in (_HARNESS, "assert.h", "boost/any.hpp")}

    def make(folder: Path) -> None:
        (folder / _HARNESS).write_text(texts[_HARNESS], "utf-8")
        (folder / "tests").mkdir()
        (folder / "absent" / "boost").mkdir(parents=True)
        (folder / "absent" / "boost" / "any.hpp").write_text(texts["boost/any.hpp"], "utf-8")
        (folder / "sets").mkdir()
        for name in ("assert.h", "cassert"):
            (folder / "tests" / name).write_text(texts["assert.h"], "utf-8")
        (folder / _WHOLE).write_text(f'#include <bits/stdc++.h>\n#include "{_HARNESS}"\n', "utf-8")
        for name in (_HARNESS, _WHOLE):
            toolchains.run((path, *_FLAGS, "-w", "-x", "c++-header", name, "-o", f"{name}.gch"), folder)

    return toolchains.made("cpp", [gcc.version(path), *texts.values(), " ".join(_FLAGS)], make)


def _headers(source: str) -> tuple[str, ...]:
    """Return the standard headers that a program includes before anything that could change what they mean."""
    found = set()
    for line in _COMMENT.sub(lambda each: "\n" * each[0].count("\n"), source).split("\n"):
        if (include := _INCLUDE.fullmatch(line)) is not None:
            if include[1] in _STANDARD:
                found.add(include[1])
        elif not _SKIPPED.fullmatch(line):
            break
    return tuple(sorted(found))


@cache
def _precompiled(headers: tuple[str, ...]) -> Path | None:
    """Return the header to include first, which is compiled; None where there are too many sets of them already."""
    if not headers:
        return None
    sets = _home() / "sets"
    name = toolchains.digest(*headers)
    header = sets / f"{name}.h"
    if not (sets / f"{name}.h.gch").is_file():
        if len(list(sets.glob("*.gch"))) >= _MOST_HEADERS:
            return None
        header.write_text("".join(f"#include <{each}>\n" for each in headers), "utf-8")
        draft = toolchains.draft(sets / f"{name}.h.gch")
        toolchains.run((gcc.compiler("g++"), *_FLAGS, "-Wall", "-x", "c++-header", header.name, "-o", draft.name), sets)
        draft.rename(sets / f"{name}.h.gch")
    return header


@lru_cache(maxsize=512)
def _declared(tests: CodeTests) -> Declared:
    context = declared(tests.prelude)
    if not context.functions:
        raise ValueError("the tests' prelude declares no function that the program must define")
    return context


def _adapter(context: Declared) -> str:
    """Return what stands behind the program: each declared function under a name of ours, calling the program's."""
    lines = [f"namespace sparkgap_adapter {{ using namespace std; {' '.join(context.names.split(chr(10)))}"]
    for place, function in enumerate(context.functions):
        passed = ", ".join(parameter.name for parameter in function.parameters)
        lines.append(f"{function.declared_as(f'sparkgap_{place}')} {{ return ::{function.name}({passed}); }}")
    return "\n".join([*lines, "}", ""])


_ANY = """
struct BoostCast {
  template <class T> static T to(const boost::any& value) { return boost::any_cast<T>(value); }
};
template <> struct sparkgap::Value<boost::any> : sparkgap::Any<boost::any, BoostCast> {};
"""


def _types(tests: CodeTests, context: Declared) -> str:
    """Return what the declared types stand on: the headers that the tests include, their own names for types."""
    lines = [line for line in tests.prelude.split("\n") if line.lstrip().startswith("#")]
    lines += [_ANY] if "boost/any.hpp" in tests.prelude else []
    return "\n".join([*lines, "using namespace std;", context.names])


def _glue(tests: CodeTests, context: Declared) -> str:
    """Return the program's other half: it reads calls, and answers them."""
    served = [
        f"&sparkgap::Signature<decltype(&sparkgap_adapter::sparkgap_{n})>::serve<&sparkgap_adapter::sparkgap_{n}>"
        for n in range(len(context.functions))
    ]
    declarations = [f"{function.declared_as(f'sparkgap_{n}')};" for n, function in enumerate(context.functions)]
    return "\n".join([
        _types(tests, context), "namespace sparkgap_adapter {", *declarations, "}",
        f"static const sparkgap::Serve served[] = {{{', '.join(served)}}};",
        'extern "C" int __wrap_main() { sparkgap::serve_all(served, sizeof served / sizeof *served); return 0; }', "",
    ])  # fmt: skip


def _stand_ins(tests: CodeTests, context: Declared, all_tests: bool) -> str:
    """Return what the tests call in the program's stead: functions that send the call across."""
    stands = []
    for place, function in enumerate(context.functions):
        types = ", ".join([function.returns, *(parameter.type for parameter in function.parameters)])
        passed = ", ".join([f'{place}, "{function.name}"', *(parameter.name for parameter in function.parameters)])
        stands.append(f"{function.declared_as(function.name)} {{ return sparkgap::Call<{types}>::on({passed}); }}")
    every = f"static bool sparkgap_all = sparkgap::run.all = {str(all_tests).lower()};"
    return "\n".join([_types(tests, context), "static sparkgap::Begin sparkgap_begin;", every, *stands, ""])


def _tests(tests: CodeTests) -> str:
    """Return the tests as a program: the prelude, then the tests themselves."""
    has_main = re.search(r"\bmain\s*\(", tests.code) is not None
    code = tests.code if has_main else f"int main() {{\n{tests.code}\n}}"
    return "\n".join([tests.prelude, "#undef NDEBUG", "#include <assert.h>", code, ""])


LANGUAGE = Cpp()

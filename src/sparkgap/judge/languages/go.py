"""Go, by the compiler and linker of the `go` on the PATH, without the `go` command's own overhead.

The program and its tests are two binaries. A function that the tests' prelude declares (a head without a body) is the
program's; a second file of the program's package hands calls to it, whatever its package clause says, and values cross
by reflection as `_go/sparkgap.go` has it. Tests see packages of ours in the place of `testing` and of testify's
`assert`. The program has one processor, `GOMAXPROCS=1`.

Not covered: modules and packages besides the standard library; cgo; tests that use the program's own types; methods.
The order of a map's keys is random in every run, as everywhere in Go.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from sparkgap.judge import toolchains
from sparkgap.judge.languages._text import blanked, enclosed, parts
from sparkgap.judge.plans import Command, Kit, Plan
from sparkgap.types import CodeTests, Diagnostic

FILE = "solution.go"
_MEND = "https://go.dev/dl has it; on Debian or Ubuntu `apt-get install golang-go`"
_RESERVED_MB = 1024  # of address space, which Go's runtime takes at its start
_PACKAGE = re.compile(r"^[ \t]*package[ \t]+\w+[ \t]*;?", re.MULTILINE)
_IMPORT = re.compile(
    r'^[ \t]*import[ \t]*(?:\((?P<many>.*?)\)|(?P<one>[\w.]*[ \t]*"[^"\n]+"))', re.MULTILINE | re.DOTALL
)
_SPEC = re.compile(r'(?P<alias>[\w.]*)[ \t]*"(?P<path>[^"\n]+)"')
_TOLD = re.compile(r"^(?:\./)?(?P<file>[\w./]+\.go):(?P<line>\d+):(?:(?P<column>\d+):)? (?P<text>.*)$")
_FAULT = re.compile(r"^(?:panic|fatal error): (?P<text>[^\n]*)", re.MULTILINE)
_ANY = re.compile(r"\binterface\s*\{\s*\}")
# The names of go/types' own codes (internal/types/errors), which the compiler does not print.
_CODES = {
    "syntax error": "syntax",
    "undefined: ": "UndeclaredName",
    "declared and not used": "UnusedVar",
    "declared but not used": "UnusedVar",
    "imported and not used": "UnusedImport",
    "imported but not": "UnusedImport",
    "cannot use ": "IncompatibleAssign",
    "missing return": "MissingReturn",
    "not enough arguments": "WrongArgCount",
    "too many arguments": "WrongArgCount",
    "mismatched types": "MismatchedTypes",
    "redeclared": "DuplicateDecl",
    "has no field or method": "MissingFieldOrMethod",
    "cannot convert": "InvalidConversion",
}


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the program must define: parameters as (name, type), and the types of what it returns."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    results: tuple[str, ...]


class Go:
    """Go by its own compiler."""

    name = "go"
    suffix = ".go"
    title = "Go (gc)"

    def kit(self) -> Kit:
        """Return what programs are built with.

        Raises:
            ToolchainError: Go is not installed.
        """
        tools = [(path, path) for path in (f"{_tools()}/{name}" for name in ("compile", "link", "vet"))]
        shown = toolchains.runtime([str(_home()), str(_standard()), "/usr/share/zoneinfo"], tools)
        return Kit(self.name, tuple(shown), build_memory_mb=4096)

    def version(self) -> str:
        """Return what compiles here."""
        return _version()

    def check(self, source: str) -> Plan:
        """Return how a program is looked over: by the compiler, and by vet."""
        compiler = self._steps("importcfg", FILE)[0]
        vet = self._command(f"{_tools()}/vet", "-json", "vet.cfg")
        return Plan({FILE: _positioned(source), "vet.cfg": _vetted()}, (compiler, vet), None)

    def program(self, source: str) -> Plan:
        """Return how a whole program is built and run."""
        return Plan({FILE: _positioned(source)}, self._steps("importcfg", FILE), self._run("./program"))

    def candidate(self, source: str, tests: CodeTests) -> Plan:
        """Return how a program is built that serves the functions which the tests declare.

        Raises:
            ValueError: they declare none, or a form that is not covered.
        """
        names = ", ".join(function.name for function in _declared(tests))
        own_main = re.search(r"^func\s+main\s*\(", blanked(source), re.MULTILINE)
        adapter = f'package main\nimport "sparkgap"\nfunc init() {{ sparkgap.Serve({names}) }}\n'
        adapter += "" if own_main else "func main() {}\n"
        texts = {FILE: _positioned(source), "sparkgap_adapter.go": adapter.encode()}
        return Plan(texts, self._steps("importcfg", *texts), self._run("./program"))

    def examiner(self, tests: CodeTests, *, all_tests: bool) -> Plan:
        """Return how the tests are built.

        Raises:
            ValueError: they declare no function of the program's, or a form that is not covered.
        """
        text = _tests(tests, _declared(tests), all_tests)
        return Plan({"tests.go": text.encode()}, self._steps("tests.cfg", "tests.go"), self._run("./program"))

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what the compiler said: errors all, since Go knows no warnings but vet's."""
        lines = source.split("\n")
        found = []
        for line in said.split("\n"):
            if told := _TOLD.match(line):
                code = next((name for words, name in _CODES.items() if words in told["text"]), "error")
                place = _place(told, lines) if told["file"].endswith(FILE) else (None, None)
                found.append(Diagnostic("parse", "error", code, told["text"].strip(), *place))
        return [*found, *_warned(said, lines)]

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return "syntax" where the first error is one of the grammar, else "compile"."""
        return "syntax" if diagnostics and diagnostics[0].code == "syntax" else "compile"

    def crash(self, errors: str) -> Diagnostic | None:
        """Return the panic, or the runtime's own error, that the program's stderr tells of."""
        found = _FAULT.search(errors)
        if found is None:
            return None
        at = re.search(rf"{FILE}:(\d+)", errors[found.end() :])
        return Diagnostic("load", "error", found[0].partition(":")[0], found["text"], int(at[1]) if at else None)

    def _steps(self, packages: str, *names: str) -> tuple[Command, ...]:
        compiler = (f"{_tools()}/compile", "-p", "main", "-complete", "-e", "-importcfg", f"{_home()}/{packages}")
        linker = (f"{_tools()}/link", "-s", "-w", "-importcfg", f"{_home()}/{packages}", "-o", "program", "main.a")
        return self._command(*compiler, "-o", "main.a", *names), self._command(*linker)

    def _command(self, *argv: str) -> Command:
        return Command(argv, {"GOROOT": _goroot(), "TMPDIR": ".", "GOMAXPROCS": "2"}, forks=True)

    def _run(self, program: str) -> Command:
        return Command((program,), {"GOMAXPROCS": "1", "GODEBUG": "madvdontneed=1"}, memory_mb=_RESERVED_MB)


@cache
def _goroot() -> str:
    toolchains.program("go", "Go", _MEND)
    return toolchains.said("go", "env", "GOROOT").strip()


@cache
def _tools() -> str:
    return os.path.realpath(toolchains.said("go", "env", "GOTOOLDIR").strip() if _goroot() else "")


@cache
def _version() -> str:
    return toolchains.said("go", "version").strip() if _goroot() else ""


@cache
def _standard() -> Path:
    """Return the folder with the standard library, compiled."""

    def make(folder: Path) -> None:
        settings = {"GOFLAGS": "", "GO111MODULE": "off", "CGO_ENABLED": "0"}
        form = "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}"
        listed = toolchains.said("go", "list", "-export", "-f", form, "std", environment=settings)
        table = []
        for number, line in enumerate(line for line in listed.splitlines() if "=/" in line):
            package, _, path = line.partition("=")
            (folder / f"{number}.a").write_bytes(Path(path).read_bytes())
            table.append(f"packagefile {package}=FOLDER/{number}.a\n")
        (folder / "packages").write_text("".join(table), "utf-8")

    return toolchains.made("go-standard", [_version(), "without cgo"], make)


@cache
def _home() -> Path:
    """Return the folder with the harness, compiled, and the tables of packages that programs and tests may import."""
    names = ("sparkgap", "testing", "assert")
    texts = {name: (files(__package__) / "_go" / f"{name}.go").read_text("utf-8") for name in names}
    packages = (_standard() / "packages").read_text("utf-8").replace("FOLDER", str(_standard()))

    def make(folder: Path) -> None:
        listed = packages
        for name, text in texts.items():
            package = "github.com/stretchr/testify/assert" if name == "assert" else name
            if name == "testing":  # the tests' own, from here on
                listed = "".join(
                    line for line in listed.splitlines(True) if not line.startswith("packagefile testing=")
                )
            (folder / f"{name}.go").write_text(text, "utf-8")
            (folder / "tests.cfg").write_text(listed, "utf-8")
            compiler = (f"{_tools()}/compile", "-p", package, "-complete", "-importcfg", "tests.cfg")
            toolchains.run((*compiler, "-o", f"{name}.a", f"{name}.go"), folder, {"GOROOT": _goroot()})
            listed += f"packagefile {package}={folder}/{name}.a\n"
        listed = listed.replace(str(folder), str(toolchains.finished(folder)))
        (folder / "tests.cfg").write_text(listed, "utf-8")
        ours = f"packagefile sparkgap={toolchains.finished(folder)}/sparkgap.a\n"
        (folder / "importcfg").write_text(packages + ours, "utf-8")

    return toolchains.made("go", [_version(), *texts.values(), packages], make)


def _positioned(source: str) -> bytes:
    """Return a program as a file of the package `main`, with its lines where they were."""
    plain = blanked(source)
    clause = _PACKAGE.search(plain)
    if clause is None:
        return f"package main\n//line {FILE}:1:1\n{source}".encode()
    return f"{source[: clause.start()]}package main;{source[clause.end() :]}".encode()


@cache
def _vetted() -> bytes:
    """Return what vet must know of a package, as cmd/go tells it: its file, and where what it imports lies."""
    lines = (_home() / "importcfg").read_text("utf-8").splitlines()
    packages = dict(line.removeprefix("packagefile ").split("=", 1) for line in lines)
    told = {
        "ID": "main", "Compiler": "gc", "Dir": ".", "ImportPath": "main", "GoFiles": [FILE], "NonGoFiles": [],
        "IgnoredFiles": [], "ImportMap": {name: name for name in packages}, "PackageFile": packages, "Standard": {},
        "PackageVetx": {}, "VetxOnly": False, "VetxOutput": "vetx", "SucceedOnTypecheckFailure": True,
    }  # fmt: skip
    return json.dumps(told).encode()


def _warned(said: str, lines: list[str]) -> list[Diagnostic]:
    """Return what vet said, as JSON: package -> analyzer -> findings."""
    start = said.find("\n{") + 1 if "\n{" in said else 0 if said.startswith("{") else -1
    if start < 0:
        return []
    try:
        packages, _ = json.JSONDecoder().raw_decode(said, start)
    except ValueError:
        return []
    found = []
    for analyzers in packages.values():
        for name, findings in analyzers.items():
            for each in findings if isinstance(findings, list) else ():
                at = re.search(r"(?P<line>\d+):(?P<column>\d+)$", each.get("posn", ""))
                place = _place(at, lines) if at else (None, None)
                found.append(Diagnostic("parse", "warning", f"vet:{name}", each["message"], *place))
    return found


def _place(told: re.Match[str], lines: list[str]) -> tuple[int | None, int | None]:
    line, column = int(told["line"]), int(told["column"] or 0)
    if not 1 <= line <= len(lines):
        return None, None
    before = lines[line - 1].encode()[: max(0, column - 1)]
    return line, len(before.decode("utf-8", "replace")) + 1 if column else None


@lru_cache(maxsize=512)
def _declared(tests: CodeTests) -> tuple[Function, ...]:
    text = _ANY.sub("any", blanked(tests.prelude))
    functions = []
    for head in re.finditer(r"^func\s+(\w+)\s*(?=\()", text, re.MULTILINE):
        inside, behind = enclosed(text[head.end() :])
        results, rest = _results(behind)
        if not rest.lstrip(" \t").startswith("{"):
            functions.append(Function(head[1], _parameters(inside), results))
    if not functions:
        raise ValueError("the tests' prelude declares no function that the program must define")
    return tuple(functions)


def _results(text: str) -> tuple[tuple[str, ...], str]:
    """Return the types that a head names behind its parameters, and what follows them."""
    text = text.lstrip(" \t")
    if text.startswith("("):
        inside, rest = enclosed(text)
        return tuple(kind for _, kind in _parameters(inside)), rest
    found = re.match(r"[^\s{;][^{;\n]*", text)
    return ((found[0].strip(),), text[found.end() :]) if found else ((), text)


def _parameters(text: str) -> tuple[tuple[str, str], ...]:
    """Return (name, type) of each: `a, b int` gives both the type, and types alone get names."""
    items = [part.strip() for part in parts(text) if part.strip()]
    pairs = [item.split(None, 1) for item in items]
    if all(len(pair) == 1 or pair[0] in ("map", "chan", "func") for pair in pairs):
        return tuple((f"a{place}", item) for place, item in enumerate(items))
    found: list[tuple[str, str]] = []
    kind = ""
    for pair in reversed(pairs):
        kind = pair[1] if len(pair) > 1 else kind
        found.append((pair[0], kind))
    return tuple(reversed(found))


def _tests(tests: CodeTests, functions: tuple[Function, ...], all_tests: bool) -> str:
    """Return the tests as a program: the packages that they use, the prelude, stand-ins, the tests, a `main`."""
    imports: dict[str, str] = {}
    bodies = []
    for text in (_without_heads(tests.prelude, functions), tests.code):
        for found in _IMPORT.finditer(text):
            for spec in _SPEC.finditer(found["many"] or found["one"] or ""):
                imports[spec["path"]] = spec["alias"]
        bodies.append(_PACKAGE.sub("", _IMPORT.sub("", text)))
    names = re.findall(r"^func\s+(Test\w*)\s*\(", bodies[1], re.MULTILINE)
    if not names:
        bodies[1] = "func TestAll(t *testing.T) {\n" + bodies[1] + "\n}\n"
        names = ["TestAll"]
    stands = [_stand_in(place, function) for place, function in enumerate(functions)]
    listed = ", ".join(f'testing.Test{{"{name}", {name}}}' for name in names)
    body = "\n".join([*bodies, *stands, f"func main() {{ testing.Main({str(all_tests).lower()}, {listed}) }}", ""])
    imports |= {"testing": imports.get("testing", ""), "sparkgap": ""}
    used = [
        f'{alias} "{path}"'
        for path, alias in imports.items()
        if alias in ("_", ".") or re.search(rf"\b{alias or path.rpartition('/')[2]}\.", body)
    ]
    return "\n".join(["package main", "import (", *used, ")", body])


def _without_heads(prelude: str, functions: tuple[Function, ...]) -> str:
    for function in functions:
        prelude = re.sub(rf"^func\s+{function.name}\s*\(.*$", "", prelude, count=1, flags=re.MULTILINE)
    return prelude


def _stand_in(place: int, function: Function) -> str:
    parameters = ", ".join(f"{name} {kind}" for name, kind in function.parameters)
    results = ", ".join(f"r{n} {kind}" for n, kind in enumerate(function.results))
    given = ", ".join(f"&{name}" for name, _ in function.parameters)
    wanted = ", ".join(f"&r{n}" for n in range(len(function.results)))
    call = f'sparkgap.Call({place}, "{function.name}", []interface{{}}{{{given}}}, []interface{{}}{{{wanted}}})'
    return f"func {function.name}({parameters}) ({results}) {{ {call}; return }}"


LANGUAGE = Go()

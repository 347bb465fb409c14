"""Java, by the JDK whose `javac` is on the PATH (17 or newer).

The compiler is a process that lives on, in a jail of its own; so is the examiner, which runs the tests. Only the
program gets a fresh virtual machine, from an archive of classes (AppCDS), with the simplest collector and compiler.
A method that a class of the tests' prelude declares without a body is the program's; calls of it find the program's
class by name, and values cross as `_java/Values.java` has it. `assert` of the tests counts what holds.

Not covered: programs of more than one file, packages besides the JDK and `org.javatuples` (up to `Quintet`), tests
that use other classes of the program's or constructors with parameters.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from sparkgap.judge import toolchains
from sparkgap.judge.languages._text import blanked, parts
from sparkgap.judge.plans import Command, Errand, Kit, Plan
from sparkgap.types import CodeTests, Diagnostic

_MEND = "on Debian or Ubuntu `apt-get install openjdk-17-jdk-headless`; https://adoptium.net has it for others"
_RESERVED_MB = 768  # of address space, for what the virtual machine takes beside its heap
_TUPLES = ("Unit", "Pair", "Triplet", "Quartet", "Quintet")
_SOURCES = ("Values", "Candidate", "Examiner", "Compiler")
_METHOD = re.compile(
    r"(?P<modifiers>(?:\b(?:public|private|protected|static|final|synchronized)\s+)*)(?P<generics><[^;{}()=]+>\s*)?"
    r"\b(?P<returns>[A-Za-z_][\w.]*(?:\s*<[^;{}()=]*>)?(?:\s*\[\s*\])*)\s+(?P<name>\w+)\s*\((?P<parameters>[^(){};]*)\)"
    r"\s*(?P<throws>throws\s+[\w.,\s]+)?;"
)
_STATEMENTS = ("return", "new", "throw", "else", "assert", "case", "yield")
_ASSERT = re.compile(r"^(?P<space>[ \t]*)assert\b[ \t]*(?P<held>.+?)(?:[ \t]:[ \t][^\n]*)?;[ \t]*$", re.MULTILINE)
_BOXED = {
    "int": "Integer", "long": "Long", "double": "Double", "float": "Float", "boolean": "Boolean", "char": "Character",
    "short": "Short", "byte": "Byte",
}  # fmt: skip
_THROWN = re.compile(r"^Exception in thread \"[^\"\n]*\" (?P<type>[\w.$]+)(?:: (?P<text>[^\n]*))?", re.MULTILINE)
_GRAMMAR = re.compile(
    r"compiler\.err\.(?:expected\d?|illegal\.start|premature\.eof|not\.stmt|unclosed|illegal\.char|else\.without|"
    r"catch\.without|orphaned|class\.public|invalid\.meth|variable\.not\.allowed|try\.without|illegal\.(?:esc|line|text))"
)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a prelude declares: its text with stand-ins for the methods that the program must define."""

    text: str
    methods: tuple[str, ...]


class Java:
    """Java by javac, kept warm, and the virtual machine."""

    name = "java"
    suffix = ".java"
    title = "Java (JDK)"

    def kit(self) -> Kit:
        """Return what programs are compiled and run with.

        Raises:
            ToolchainError: no JDK is installed.
        """
        folders = [str(_home()), str(_archives()), _jdk(), *_elsewhere()]
        shown = toolchains.runtime(folders, [(path := f"{_jdk()}/bin/java", path)])
        servers = {name: _server(f"sparkgap.{name.title()}") for name in ("compiler", "examiner")}
        return Kit(self.name, tuple(shown), servers)

    def version(self) -> str:
        """Return what compiles and runs here."""
        return _version()

    def check(self, source: str) -> Plan:
        """Return how a program is looked over."""
        return Plan({}, (_asked("program", source),), None)

    def program(self, source: str) -> Plan:
        """Return how a whole program is compiled and run."""
        return Plan({}, (_asked("program", source),), _run("sparkgap.main"))

    def candidate(self, source: str, tests: CodeTests) -> Plan:
        """Return how a program is compiled, and run to serve the methods which the tests declare.

        Raises:
            ValueError: they declare none.
        """
        _declared(tests)
        return Plan({}, (_asked("program", source),), _run())

    def examiner(self, tests: CodeTests, *, all_tests: bool) -> Plan:
        """Return what the examiner is asked, once the compiler has made classes of it.

        Raises:
            ValueError: they declare no method of the program's.
        """
        text = _tests(tests, _declared(tests))
        return Plan({}, (_asked("all tests" if all_tests else "tests", text),), Errand("examiner", b""))

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what javac said, errors first."""
        found = []
        for line in said.split("\n"):
            if line.startswith("["):
                for each in json.loads(line):
                    place = each.get("line"), each.get("column")
                    found.append(Diagnostic("parse", each["severity"], each["code"], each["message"], *place))
        return sorted(found, key=lambda each: ("error", "warning", "note").index(each.severity))

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return "syntax" where the first error is one of the grammar, else "compile"."""
        first = next((each.code for each in diagnostics if each.severity == "error"), "")
        return "syntax" if _GRAMMAR.match(first) else "compile"

    def crash(self, errors: str) -> Diagnostic | None:
        """Return the last exception that the program's stderr tells of."""
        found = list(_THROWN.finditer(errors))
        if not found:
            return None
        at = re.search(r"\(\w+\.java:(\d+)\)", errors[found[-1].end() :])
        code = found[-1]["type"].rpartition(".")[2]
        return Diagnostic("load", "error", code, found[-1]["text"] or "", int(at[1]) if at else None)


def _asked(what: str, text: str) -> Errand:
    return Errand("compiler", f"{what}\n{text}".encode())


def _run(*arguments: str) -> Command:
    archive = f"-XX:SharedArchiveFile={_archives()}/candidate.jsa"
    argv = (*_machine(), "-Xmx{memory_mb}m", archive, "-cp", f"{_home()}/sparkgap.jar:.", "sparkgap.Candidate")
    return Command((*argv, *arguments), _environment(), memory_mb=_RESERVED_MB, frames_on_stdio=not arguments)


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", "TZ": "UTC", "LD_LIBRARY_PATH": f"{_jdk()}/lib"}  # $ORIGIN needs a /proc


def _machine() -> tuple[str, ...]:
    """Return how a virtual machine is started that is small and quick to start."""
    flags = (
        "-Xshare:auto", "-Xlog:all=off", "-XX:+DisplayVMOutputToStderr", "-XX:-UsePerfData", "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1", "-XX:CompressedClassSpaceSize=64m", "-XX:ReservedCodeCacheSize=64m", "-Xms16m",
    )  # fmt: skip
    return (f"{_jdk()}/bin/java", *flags)


def _server(name: str) -> Command:
    archive = f"-XX:SharedArchiveFile={_archives()}/server.jsa"
    argv = (*_machine(), "-Xmx1536m", "-Xss16m", archive, "-cp", f"{_home()}/sparkgap.jar", name)
    return Command(argv, _environment(), memory_mb=_RESERVED_MB, frames_on_stdio=True)


@cache
def _jdk() -> str:
    return os.path.dirname(os.path.dirname(toolchains.program("javac", "Java", _MEND)))


@cache
def _elsewhere() -> tuple[str, ...]:
    """Return the folders outside of the JDK that its links lead to: distributions keep its settings in /etc."""
    found = set()
    for root, folders, names in os.walk(_jdk()):
        for path in (os.path.realpath(os.path.join(root, name)) for name in (*folders, *names)):
            if not path.startswith(_jdk() + "/"):
                found.add(path if os.path.isdir(path) else os.path.dirname(path))
    return tuple(sorted(found - {"/etc", "/usr", "/"}))


@cache
def _version() -> str:
    return toolchains.said(f"{_jdk()}/bin/javac", "-version").strip()


@cache
def _home() -> Path:
    """Return the folder with both halves of a run and the compiler, in `sparkgap.jar`."""
    own = files(__package__) / "_java"
    texts = {f"sparkgap/{name}.java": (own / f"{name}.java").read_text("utf-8") for name in _SOURCES}
    texts["org/javatuples/Tuple.java"] = (own / "Tuple.java").read_text("utf-8")
    texts |= {f"org/javatuples/{name}.java": _tuple(name, size) for size, name in enumerate(_TUPLES, 1)}

    def make(folder: Path) -> None:
        for name, text in texts.items():
            (folder / "sources" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "sources" / name).write_text(text, "utf-8")
        sources = [f"sources/{name}" for name in texts]
        toolchains.run((f"{_jdk()}/bin/javac", "-nowarn", "-d", "classes", *sources), folder)
        toolchains.run((f"{_jdk()}/bin/jar", "cf", "sparkgap.jar", "-C", "classes", "."), folder)
        shutil.rmtree(folder / "classes")

    return toolchains.made("java", [_version(), *texts.values()], make)


@cache
def _archives() -> Path:
    """Return the folder with the classes that virtual machines load anyway, written down by ones that had done so."""

    def make(folder: Path) -> None:
        for archive, main in (("candidate", "Candidate"), ("server", "Compiler")):
            argv = (*_machine(), f"-XX:ArchiveClassesAtExit={archive}.jsa", "-cp", f"{_home()}/sparkgap.jar")
            toolchains.run((*argv, f"sparkgap.{main}"), folder)

    return toolchains.made("java-archives", [_home().name, *_machine()], make)


def _tuple(name: str, size: int) -> str:
    """Return a tuple's class, as javatuples has it."""
    kinds = [f"T{n}" for n in range(size)]
    given = ", ".join(f"{kind} v{n}" for n, kind in enumerate(kinds))
    passed = ", ".join(f"v{n}" for n in range(size))
    whole = f"{name}<{', '.join(kinds)}>"
    lines = ["package org.javatuples;", f"public final class {whole} extends Tuple {{"]
    lines.append(f"public {name}({given}) {{ super({passed}); }}")
    lines.append(f"public static <{', '.join(kinds)}> {whole} with({given}) {{ return new {name}<>({passed}); }}")
    for n, kind in enumerate(kinds):
        lines.append(f'@SuppressWarnings("unchecked") public {kind} getValue{n}() {{ return ({kind}) getValue({n}); }}')
        others = ", ".join(f"v{m}" if m == n else f"getValue{m}()" for m in range(size))
        changed = f"{name}<{', '.join('X' if m == n else each for m, each in enumerate(kinds))}>"
        lines.append(f"public <X> {changed} setAt{n}(X v{n}) {{ return new {name}<>({others}); }}")
    return "\n".join([*lines, "}", ""])


@lru_cache(maxsize=512)
def _declared(tests: CodeTests) -> Declared:
    """Return a prelude with stand-ins for the methods that it declares.

    Raises:
        ValueError: it declares none.
    """
    plain = blanked(tests.prelude)
    text, methods = tests.prelude, []
    for found in reversed(list(_METHOD.finditer(plain))):
        owners = re.findall(r"\bclass\s+(\w+)", plain[: found.start()])
        if found["returns"].split()[0] in _STATEMENTS or not owners:
            continue
        text = text[: found.start()] + _stand_in(found, owners[-1]) + text[found.end() :]
        methods.append(found["name"])
    if not methods:
        raise ValueError("the tests' prelude declares no method that the program must define")
    number = " private final int sparkgapInstance = sparkgap.Examiner.instance();"
    for owner in dict.fromkeys(re.findall(r"\bclass\s+(\w+)", plain)):
        text = re.sub(rf"(\bclass\s+{owner}\b[^{{]*\{{)", rf"\1{number}", text, count=1)
    return Declared(text, tuple(methods))


def _stand_in(found: re.Match[str], owner: str) -> str:
    parameters = [part.strip() for part in parts(found["parameters"]) if part.strip()]
    names = [re.sub(r"\s*\[\s*\]$", "", parameter).split()[-1] for parameter in parameters]
    instance = "0" if "static" in found["modifiers"] else "sparkgapInstance"
    given = "".join(f", (Object) {name}" for name in names)
    returns = found["returns"]
    call = f'call("{owner}", {instance}, "{found["name"]}"{given});'
    body = (
        f"sparkgap.Examiner.{call}"
        if returns == "void"
        else f"return sparkgap.Examiner.<{_BOXED.get(returns, returns)}>{call}"
    )
    generics, throws = found["generics"] or "", found["throws"] or ""
    return f"{found['modifiers']}{generics}{returns} {found['name']}({', '.join(parameters)}) {throws} {{ {body} }}"


def _tests(tests: CodeTests, declared: Declared) -> str:
    """Return the tests as a program."""
    code = tests.code
    imports = "".join(re.findall(r"^[ \t]*import [^;\n]+;[ \t]*$\n?", code, re.MULTILINE))
    code = re.sub(r"^[ \t]*import [^;\n]+;[ \t]*$", "", code, flags=re.MULTILINE)
    if not re.search(r"\bclass\s+\w+", blanked(code)):
        code = f"class Main {{ public static void main(String[] args) throws Throwable {{\n{code}\n}} }}"
    code = _ASSERT.sub(
        lambda found: f"{found['space']}sparkgap.Examiner.check({found['held']}, {json.dumps(found[0].strip())});", code
    )
    whole = imports + declared.text + "\n" + code
    heads = list(re.finditer(r"\bpublic\s+((?:abstract\s+|final\s+)*class\b)", whole))
    for head in reversed(heads):  # one file holds them all
        whole = whole[: head.start()] + head[1] + whole[head.end() :]
    return whole


LANGUAGE = Java()

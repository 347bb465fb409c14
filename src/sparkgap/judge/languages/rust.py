"""Rust, by the rustc on the PATH, edition 2021, without optimisation and with overflow checks, as `cargo test` has it.

The program and its tests are two binaries. A function that the tests' prelude declares (a head that ends in a
semicolon) is the program's; behind the program's own text stands a module that answers calls of it, and values cross as
`_rust/sparkgap.rs` has it. Asserts of the tests are macros of ours, which tell what they compared.

Crates: `rand` and `md5` are stand-ins of ours; `regex` is the real one, where cargo finds its source without a network.

Not covered: tests that use the program's own types, traits or macros; Cargo projects. A HashMap's order is random in
every process, as everywhere in Rust.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from sparkgap.errors import InfraError, ToolchainError
from sparkgap.judge import toolchains
from sparkgap.judge.languages._c import gcc
from sparkgap.judge.languages._text import blanked, enclosed, parts, top_level
from sparkgap.judge.plans import Command, Kit, Plan
from sparkgap.types import CodeTests, Diagnostic

FILE, WHOLE = "solution.rs", "program.rs"  # one whose functions are called, and one that is run
_EDITION = ("--edition", "2021")
_MEND = "https://rustup.rs installs it; on Debian or Ubuntu `apt-get install rustc`"
_DEBIAN = Path("/usr/share/cargo/registry")
_HEAD = re.compile(r"(?:pub\s+)?fn\s+(?P<name>\w+)\s*(?P<generics><[^>()]*>)?\s*(?=\()")
_LIFETIME = re.compile(r"'(?!static\b)\w+\s*")
_PANIC = re.compile(
    r"panicked at (?:(?P<file>solution\.rs|program\.rs):(?P<line>\d+):(?P<column>\d+)|[^\n]*?):\n(?P<text>[^\n]*)"
)
_OURS = re.compile(r"aborting due to|function `main` is never used|\d+ warnings? emitted")


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the program must define, as the tests declare it: parameters are (name, type)."""

    name: str
    generics: str
    parameters: tuple[tuple[str, str], ...]
    returns: str

    @property
    def changed(self) -> tuple[str, ...]:
        """The parameters that the program may change."""
        return tuple(name for name, kind in self.parameters if re.match(r"&\s*(?:'\w+\s+)?mut\b", kind))


class Rust:
    """Rust by rustc."""

    name = "rust"
    suffix = ".rs"
    title = "Rust (rustc, edition 2021)"

    def kit(self) -> Kit:
        """Return what programs are built with.

        Raises:
            ToolchainError: rustc or a C compiler, which it links with, is not installed.
        """
        root = _sysroot()
        own = [f"{root}/lib/rustlib", *toolchains.library_folders(_rustc())] if root == "/usr" else [root]
        crates = [str(folder)] if (folder := _crates()) else []
        shown = gcc.runtime(gcc.compiler("gcc"), "c", str(_home()), *own, *crates)
        known = {path for _, path in shown.programs}
        programs = shown.programs if _rustc() in known else (*shown.programs, (_rustc(), _rustc()))
        return Kit(self.name, tuple(shown._replace(programs=programs)), build_memory_mb=6144)

    def version(self) -> str:
        """Return what compiles here."""
        return _version()

    def check(self, source: str) -> Plan:
        """Return how a program is looked over; what is not used may be meant for whoever calls it."""
        own_main = re.search(r"^\s*(?:async\s+)?fn\s+main\s*\(", source, re.MULTILINE)
        kind = () if own_main else ("--crate-type=lib", "-Adead_code")
        return Plan({WHOLE: source.encode()}, (self._rustc(WHOLE, "program", source, *kind, "--emit=metadata"),), None)

    def program(self, source: str) -> Plan:
        """Return how a whole program is built and run."""
        step = self._rustc(WHOLE, "program", source)
        return Plan({WHOLE: source.encode()}, (step,), Command(("./program",), _environment(), memory_mb=64))

    def candidate(self, source: str, tests: CodeTests) -> Plan:
        """Return how a program is built that serves the functions which the tests declare.

        Raises:
            ValueError: they declare none.
            ToolchainError: they need the crate `regex`, which is not here.
        """
        functions = _declared(tests)[0]
        if re.search(r"\bregex\b", tests.prelude) and _crates() is None:
            raise ToolchainError(_regex_mend())
        text = "#![no_main]\n" + source + "\n" + _adapter(functions)
        step = self._rustc(FILE, "program", source)
        return Plan({FILE: text.encode()}, (step,), Command(("./program",), _environment(), memory_mb=64))

    def examiner(self, tests: CodeTests, *, all_tests: bool) -> Plan:
        """Return how the tests are built.

        Raises:
            ValueError: they declare no function of the program's.
        """
        functions, rest = _declared(tests)
        harness = ("--test",) if "#[test]" in tests.code else ()
        step = self._rustc("tests.rs", "tests", tests.prelude + tests.code, *harness)
        run = Command(("./tests", *(("--test-threads=1",) if harness else ())), _environment())
        return Plan({"tests.rs": _tests(tests, functions, rest, all_tests).encode()}, (step,), run)

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what rustc said, errors first."""
        lines = source.count("\n") + 1
        found = [each for told in _objects(said) if (each := _diagnostic(told, lines))]
        return sorted(found, key=lambda each: ("error", "warning", "note").index(each.severity))

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return "syntax" where the first error is the parser's, which numbers none of its own, else "compile"."""
        first = next((each for each in diagnostics if each.severity == "error"), None)
        grammar = re.compile(
            r"expected |unexpected |this file contains|mismatched closing|unterminated |unknown start|missing "
        )
        return "syntax" if first and first.code == "error" and grammar.match(first.message) else "compile"

    def crash(self, errors: str) -> Diagnostic | None:
        """Return the last panic that the program's stderr tells of."""
        found = list(_PANIC.finditer(errors))
        if not found:
            return None
        last = found[-1]
        if not last["line"]:
            return Diagnostic("load", "error", "panic", last["text"])
        line = int(last["line"]) - (last["file"] == FILE)
        return Diagnostic("load", "error", "panic", last["text"], line, int(last["column"]))

    def _rustc(self, file: str, program: str, source: str, *more: str) -> Command:
        home = _home()
        externs = [f"--extern={name}={home}/lib{name}.rlib" for name in ("sparkgap", "rand", "md5")]
        if re.search(r"\bregex\b", source) and (crates := _crates()):
            externs += [f"--extern=regex={next(crates.glob('libregex-*.rlib'))}", f"-Ldependency={crates}"]
        argv = (
            _rustc(), "--sysroot", _sysroot(), *_EDITION, "--error-format=json", "--crate-name", program,
            "-Ccodegen-units=1", "-Cdebuginfo=0", "-Cprefer-dynamic",
            f"-Clinker={gcc.compiler('gcc')}", *externs, *more, file, "-o", program,
        )  # fmt: skip
        return Command(argv, gcc.ENVIRONMENT | _environment(), forks=True)


@cache
def _sysroot() -> str:
    toolchains.program("rustc", "Rust", _MEND)
    return toolchains.said("rustc", "--print", "sysroot").strip().splitlines()[-1]


@cache
def _rustc() -> str:
    return f"{_sysroot()}/bin/rustc"


@cache
def _environment() -> dict[str, str]:
    """Return what makes the loader find Rust's shared libraries: their own $ORIGIN needs a /proc."""
    found = toolchains.said(_rustc(), "--print", "target-libdir").strip()
    return {"LD_LIBRARY_PATH": f"{_sysroot()}/lib:{found}", "LC_ALL": "C.UTF-8"}


@cache
def _version() -> str:
    return toolchains.said(_rustc(), "--version").strip()


@cache
def _home() -> Path:
    """Return the folder with the harness and the crates that we stand in for, compiled."""
    names = ("sparkgap", "rand", "md5")
    texts = {name: (files(__package__) / "_rust" / f"{name}.rs").read_text("utf-8") for name in names}

    def make(folder: Path) -> None:
        for name, text in texts.items():
            (folder / f"{name}.rs").write_text(text, "utf-8")
            toolchains.run((_rustc(), *_EDITION, "--crate-type=rlib", "-Copt-level=1", f"{name}.rs"), folder)

    return toolchains.made("rust", [_version(), *texts.values()], make)


@cache
def _crates() -> Path | None:
    """Return the folder with the crate `regex`, compiled; None where cargo finds no source for it on this machine."""
    if shutil.which("cargo") is None:
        return None

    def make(folder: Path) -> None:
        project = _project(folder / "project")
        toolchains.run(("cargo", "build", "--offline", "--quiet"), project)
        for path in (project / "target" / "debug" / "deps").glob("*.rlib"):
            path.rename(folder / path.name)
        shutil.rmtree(project)

    try:
        return toolchains.made("rust-crates", [_version()], make)
    except InfraError:
        return None


def _project(folder: Path) -> Path:
    """Write a Cargo project that depends on `regex` and nothing else."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "lib.rs").write_text("", "utf-8")
    manifest = '[package]\nname = "crates"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nregex = "1"\n'
    (folder / "Cargo.toml").write_text(manifest, "utf-8")
    if list(_DEBIAN.glob("regex-1*")):
        (folder / ".cargo").mkdir(exist_ok=True)
        source = f'[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "{_DEBIAN}"\n'
        (folder / ".cargo" / "config.toml").write_text(source, "utf-8")
    return folder


def _regex_mend() -> str:
    manifest = _project(toolchains.home() / "rust-project") / "Cargo.toml"
    return (
        "these Rust programs use the crate `regex`, which is not on this machine; `cargo fetch --manifest-path "
        f"{manifest}` gets it, or on Debian and Ubuntu `apt-get install librust-regex-dev librust-aho-corasick-dev "
        "librust-memchr-dev`"
    )


@lru_cache(maxsize=512)
def _declared(tests: CodeTests) -> tuple[tuple[Function, ...], str]:
    """Return the functions that a prelude declares, and the prelude without them."""
    functions, rest = [], tests.prelude
    for chunk, ended in top_level(blanked(tests.prelude, lifetimes=True)):
        start = re.search(r"(?:pub\s+)?fn\s", chunk)
        if ended and start and (found := _HEAD.match(chunk, start.start())):
            functions.append(_function(found, chunk[found.end() :]))
            rest = re.sub(rf"(?:pub\s+)?fn\s+{found['name']}\b[^;{{]*;", "", rest, count=1)
    if not functions:
        raise ValueError("the tests' prelude declares no function that the program must define")
    return tuple(functions), rest


def _function(found: re.Match[str], rest: str) -> Function:
    inside, behind = enclosed(rest)
    returns = behind.partition("->")[2].strip() or "()"
    parameters = []
    for part in parts(inside):
        name, colon, kind = part.strip().partition(":")
        if colon:
            parameters.append((re.sub(r"^mut\s+", "", name.strip()), kind.strip()))
    return Function(found["name"], found["generics"] or "", tuple(parameters), returns)


def _adapter(functions: tuple[Function, ...]) -> str:
    """Return the module that answers calls of the declared functions."""
    lines = ["mod sparkgap_adapter {", "#![allow(warnings)]", "use super::*;"]
    for place, function in enumerate(functions):
        lines.append(
            f"fn serve_{place}(from: &mut sparkgap::Reader, out: &mut ::std::vec::Vec<u8>) -> sparkgap::Got<()> {{"
        )
        for n, (_, kind) in enumerate(function.parameters):
            lines.append(f"let a{n}: {_LIFETIME.sub('', kind)} = sparkgap::get(from)?;")
        changed = [n for n, (name, _) in enumerate(function.parameters) if name in function.changed]
        passed = ", ".join(f"&mut *a{n}" if n in changed else f"a{n}" for n in range(len(function.parameters)))
        lines.append(f"let answer: {_LIFETIME.sub('', function.returns)} = super::{function.name}({passed});")
        lines.append("sparkgap::Put::put(&answer, out);")
        lines += [f"sparkgap::Put::put(&*a{n}, out);" for n in changed]
        lines.append("Ok(()) }")
    served = ", ".join(f"serve_{place}" for place in range(len(functions)))
    lines.append(f'#[export_name = "main"] pub extern "C" fn start() -> i32 {{ sparkgap::serve_all(&[{served}]) }}')
    return "\n".join([*lines, "}", ""])


_ASSERTS = """
#[allow(unused_macros)]
macro_rules! assert {
    ($held:expr $(,)?) => { sparkgap::check($held, concat!("assert!(", stringify!($held), ")")) };
    ($held:expr, $($text:tt)+) => { sparkgap::check($held, concat!("assert!(", stringify!($held), ")")) };
}
#[allow(unused_macros)]
macro_rules! assert_eq {
    ($left:expr, $right:expr $(, $($text:tt)*)?) => { match (&$left, &$right) { (left, right) => {
        let test = concat!("assert_eq!(", stringify!($left), ", ", stringify!($right), ")");
        sparkgap::check_equal(*left == *right, test, &format!("{:?}", right))
    } } };
}
#[allow(unused_macros)]
macro_rules! assert_ne {
    ($left:expr, $right:expr $(, $($text:tt)*)?) => { match (&$left, &$right) { (left, right) => {
        let test = concat!("assert_ne!(", stringify!($left), ", ", stringify!($right), ")");
        sparkgap::check_equal(*left != *right, test, &format!("not {:?}", right))
    } } };
}
"""


_BEGIN = """
#[used]
#[link_section = ".init_array"]
static SPARKGAP: extern "C" fn() = { extern "C" fn begin() { sparkgap::begin(ALL) } begin };
"""


def _tests(tests: CodeTests, functions: tuple[Function, ...], rest: str, all_tests: bool) -> str:
    """Return the tests as a program: asserts of ours, the prelude, stand-ins for the program's functions, the tests."""
    stands = []
    for place, function in enumerate(functions):
        parameters = ", ".join(f"{name}: {kind}" for name, kind in function.parameters)
        given = ", ".join(f"&{name}" for name, _ in function.parameters)
        taken = "".join(f"answer.take(&mut *{name}); " for name in function.changed)
        stands.append(
            f"pub fn {function.name}{function.generics}({parameters}) -> {function.returns} {{ "
            f'let mut answer = sparkgap::call({place}, "{function.name}", &[{given}]); '
            f"let result = answer.get::<{function.returns}>(); {taken}answer.done(result) }}"
        )
    begin = _BEGIN.replace("ALL", str(all_tests).lower())
    has_main = re.search(r"\bfn\s+main\s*\(|#\[test\]", tests.code) is not None
    code = tests.code if has_main else f"fn main() {{\n{tests.code}\n}}"
    return "\n".join(["#![allow(warnings)]", _ASSERTS, rest, begin, *stands, code, ""])


def _objects(said: str) -> Iterator[dict[str, Any]]:
    for line in said.split("\n"):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict) and "message" in found and "level" in found:
                yield found


def _diagnostic(said: dict[str, Any], lines: int) -> Diagnostic | None:
    message = str(said["message"])
    if _OURS.match(message) or said["level"] not in ("error", "error: internal compiler error", "warning", "note"):
        return None
    severity = (
        "error" if str(said["level"]).startswith("error") else "warning" if said["level"] == "warning" else "note"
    )
    code = said.get("code") or {}
    line = column = None
    for span in said.get("spans") or ():
        if span.get("is_primary") and span.get("file_name") in (FILE, WHOLE):
            line, column = span["line_start"] - (span["file_name"] == FILE), span["column_start"]
            break
    if line is not None and not 1 <= line <= lines:
        line = column = None
    return Diagnostic("parse", severity, str(code.get("code") or severity), message, line, column)  # type: ignore[arg-type]


LANGUAGE = Rust()

"""The package as users get it: data files included, from a checkout and from a source archive alike."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import sparkgap

ROOT = Path(__file__).resolve().parents[1]


def build(kind: str, root: Path, into: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from the source archive, built from the checkout."""
    archive = build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as packed:
        packed.extraction_filter = getattr(tarfile, "data_filter", None)  # asked for by 3.12, unknown to the first 3.11
        packed.extractall(unpacked)
    (root,) = unpacked.iterdir()
    return build("wheel", root, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    source = ROOT / "src"
    ours = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert {"sparkgap/published.tsv", "sparkgap/py.typed"} <= ours
    with zipfile.ZipFile(wheel) as packed:
        held = {name for name in packed.namelist() if ".dist-info/" not in name}
    assert held == ours


def test_the_wheel_works_on_its_own(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    script = "import sparkgap; from sparkgap.cli import main; print(sparkgap.__file__); main(['data', 'list'])"
    alone = {"PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=alone, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert "humaneval/HumanEval.jsonl.gz" in done.stdout


def test_the_command_line_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "sparkgap", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"sparkgap {sparkgap.__version__}\n"


CALLS = """
from sparkgap import SparkgapError, gap, gate, grade, measure, report
for verb, *words in (gap, "a"), (gate, "a", []), (grade, [], "hello"), (measure, "nobody/m", "hello"), (report, []):
    try:
        verb(*words)
    except SparkgapError as fault:
        print(fault)
"""


@pytest.mark.parametrize(
    "first", ["", "import sparkgap.gap, sparkgap.gate, sparkgap.grade, sparkgap.measure, sparkgap.report\n"]
)
def test_verbs_can_be_called_from_the_package_whatever_was_imported_before(first: str, tmp_path: Path) -> None:
    script = first + CALLS
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert len(said) == 5
    assert said[0].startswith("a gap is between two")
    assert said[1].startswith("a gate needs a rule")
    assert said[4].startswith("there is nothing to report on")

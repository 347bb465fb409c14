"""Sources: whose file it is, which licence governs it, and what a damaged or hostile source does."""

from __future__ import annotations

import gzip
import json
import subprocess
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import corpus
from sparkgap.curate.documents import Entry
from sparkgap.curate.scan import UNIT_ENTRIES, units
from sparkgap.curate.sources import open_source
from sparkgap.errors import InputError

MOST = 1 << 20


def entries(source: Path | str) -> dict[str, Entry]:
    found = list(open_source(str(source), MOST).entries())
    assert len({each.path for each in found}) == len(found)
    return {each.path: each for each in found}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


def test_the_nearest_licence_file_governs(tmp_path: Path) -> None:
    found = entries(write(tmp_path / "r", {
        "LICENSE": corpus.MIT, "a.py": "", "deep/er/b.py": "", "lib/COPYING": corpus.GPL, "lib/sub/c.py": "",
    }))  # fmt: skip
    assert (found["a.py"].licence, found["a.py"].licence_from) == ("MIT", "file LICENSE")
    assert found["deep/er/b.py"].licence == "MIT"
    assert found["lib/sub/c.py"].licence.startswith("GPL-3.0")


def test_two_licence_files_hold_both(tmp_path: Path) -> None:
    found = entries(write(tmp_path / "r", {"COPYING": corpus.GPL, "LICENSE-MIT": corpus.MIT, "a.py": ""}))
    assert found["a.py"].licence == "GPL-3.0-only AND MIT"


@pytest.mark.parametrize(
    ("name", "text", "spdx"),
    [
        ("pyproject.toml", '[project]\nlicense = "Apache-2.0"\n', "Apache-2.0"),
        ("pyproject.toml", '[project]\nlicense = {text = "BSD 3-Clause"}\n', "BSD-3-Clause"),
        ("pyproject.toml", '[tool.poetry]\nlicense = "MIT"\n', "MIT"),
        ("setup.cfg", "[metadata]\nlicense = MIT License\n", "MIT"),
        ("package.json", '{"license": "ISC"}', "ISC"),
        ("PKG-INFO", "Name: x\nClassifier: License :: OSI Approved :: MIT License\n", "MIT"),
        ("PKG-INFO", "Name: x\nLicense-Expression: MIT AND Zlib\n", "MIT AND Zlib"),
        ("pyproject.toml", "not toml [", ""),
        ("package.json", "[", ""),
    ],
)
def test_metadata_governs_where_no_licence_file_does(tmp_path: Path, name: str, text: str, spdx: str) -> None:
    assert entries(write(tmp_path / "r", {name: text, "pkg/a.py": ""}))["pkg/a.py"].licence == spdx


def test_a_careless_package_licenses_no_other(tmp_path: Path) -> None:
    root = write(tmp_path / "site", {
        "LICENSE": corpus.MIT, "careless.py": "", "careless-1.0.dist-info/METADATA": "Name: careless\n",
        "careless-1.0.dist-info/RECORD": "careless.py,,\nLICENSE,,\n../../../bin/x,,\n",
        "other/__init__.py": "", "other-2.0.dist-info/METADATA": "Name: other\nLicense: GPLv3\n",
        "other-2.0.dist-info/RECORD": "other/__init__.py,sha256=x,10\n",
        "bare/__init__.py": "", "bare-1.dist-info/METADATA": "Name: bare\n",
        "bare-1.dist-info/licenses/LICENSE": corpus.MIT,
        "bare-1.dist-info/RECORD": "bare/__init__.py,,\nbare-1.dist-info/licenses/LICENSE,,\n", "stray.py": "",
    })  # fmt: skip
    found = entries(root)
    assert (found["careless.py"].repo, found["careless.py"].licence) == ("careless", "MIT")
    assert (found["other/__init__.py"].repo, found["other/__init__.py"].licence) == ("other", "GPL-3.0-or-later")
    assert (found["bare/__init__.py"].repo, found["bare/__init__.py"].licence) == ("bare", "MIT")
    assert (found["stray.py"].licence, found["stray.py"].repo) == ("", "site (no package)")


def test_a_repository_within_a_folder_is_its_own(tmp_path: Path) -> None:
    root = write(tmp_path / "all", {"LICENSE": corpus.MIT, "own/.git/HEAD": "", "own/a.py": "", "b.py": ""})
    found = entries(root)
    assert (found["own/a.py"].repo, found["own/a.py"].licence) == ("all/own", "")
    assert (found["b.py"].repo, found["b.py"].licence) == ("all", "MIT")
    assert "own/.git/HEAD" not in found


def test_names_that_are_no_utf_8_are_readable(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    with open(bytes(tmp_path / "r") + b"/caf\xe9.py", "wb") as stream:
        stream.write(b"x = 1\n")
    (each,) = entries(tmp_path / "r").values()
    assert each.path == "caf\\xe9.py"
    assert Path(each.place).read_bytes() == b"x = 1\n"


def test_any_revision_of_a_repository_can_be_read(tmp_path: Path) -> None:
    work = write(tmp_path / "w", {"a.py": "x = 1\n"})
    told = ("git", "-C", str(work), "-c", "user.name=A", "-c", "user.email=a@example.com")
    subprocess.run([*told, "init", "-q"], check=True)
    for number, text in enumerate(("x = 1\n", "x = 2\n")):
        write(work, {"a.py": text, f"only{number}.py": ""})
        subprocess.run([*told, "add", "."], check=True)
        subprocess.run([*told, "commit", "-q", "-m", str(number)], check=True)
    write(work, {"a.py": "x = 3\n"})
    assert entries(f"{work}@HEAD")["a.py"].content == b"x = 2\n"
    assert entries(f"{work}@HEAD~1")["a.py"].content == b"x = 1\n"
    assert "only1.py" not in entries(f"{work}@HEAD~1")
    assert entries(work)["a.py"].content is None  # the working tree is a folder, read where it lies
    with pytest.raises(InputError, match="no such revision"):
        open_source(f"{work}@nowhere", MOST)
    with pytest.raises(InputError, match="no such revision"):
        open_source(f"{work}@--output=x", MOST)


def test_a_wheel_is_its_package(tmp_path: Path) -> None:
    path = tmp_path / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing/__init__.py", "x = 1\n")
        archive.writestr("thing-1.0.dist-info/METADATA", "Name: thing\nLicense: MIT\n")
        archive.writestr("thing-1.0.dist-info/RECORD", "thing/__init__.py,,\n")
    each = entries(path)["thing/__init__.py"]
    assert (each.repo, each.licence, each.content) == ("thing", "MIT", b"x = 1\n")


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.parquet", "a.jsonl.gz"])
def test_a_damaged_source_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x1f\x8b not what it says")
    with pytest.raises(InputError, match=name):
        list(open_source(str(tmp_path / name), MOST).entries())


def test_a_member_that_is_cut_short_is_a_fault_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.py", "x = 1\n" * 100)
        archive.writestr("b.py", "y = 1\n")
    data = bytearray(path.read_bytes())
    data[60:64] = b"!!!!"
    path.write_bytes(data)
    found = entries(path)
    assert found["a.py"].fault.startswith("damaged")
    assert found["b.py"].content == b"y = 1\n"


@pytest.mark.parametrize("zipped", [False, True])
def test_a_line_that_is_no_row_is_named(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / ("rows.jsonl.gz" if zipped else "rows.jsonl")
    with (gzip.open if zipped else open)(path, "wt") as stream:
        stream.write(json.dumps({"content": "x", "license": "MIT"}) + "\n\n[1]\n")
    with pytest.raises(InputError, match=r"rows\.jsonl.*:3: not a JSON object"):
        list(open_source(str(path), MOST).entries())


def test_rows_without_contents_are_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"body": "x"}\n')
    with pytest.raises(InputError, match=r"rows\.jsonl:1: no text in a column named content"):
        list(open_source(str(tmp_path / "rows.jsonl"), MOST).entries())


def test_parquet_is_read_like_json_lines(tmp_path: Path) -> None:
    rows = [{"content": f"x = {number}\n", "path": f"{number}.py", "license": ["MIT", "ISC"]} for number in range(600)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    found = entries(tmp_path / "rows.parquet")
    assert len(found) == 600
    assert (found["7.py"].content, found["7.py"].licence) == (b"x = 7\n", "MIT AND ISC")


def test_parquet_with_the_names_of_the_stack_is_read(tmp_path: Path) -> None:
    row = {"hexsha": "0", "lang": "Python", "content": "x = 1\n", "max_stars_repo_path": "pkg/a.py", "ext": "py",
           "max_stars_repo_name": "someone/stack", "max_stars_repo_licenses": ["MIT", "GPL-3.0"]}  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "stack.parquet")
    each = entries(tmp_path / "stack.parquet")["pkg/a.py"]
    assert (each.repo, each.licence, each.licence_from) == ("someone/stack", "MIT AND GPL-3.0-only", "column")
    assert (each.content, each.language) == (b"x = 1\n", "python")


def test_a_hub_dataset_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "train.jsonl").write_text('{"content": "x = 1", "path": "a.py", "license": "MIT"}\n')
    found = entries(f"hf:{tmp_path / 'd'}")
    assert found["a.py"].licence == "MIT"


def test_units_depend_on_the_source_alone(tmp_path: Path) -> None:
    root = write(tmp_path / "r", {f"{number:04d}.py": "x" for number in range(UNIT_ENTRIES + 3)})
    source = [open_source(str(root), MOST)]
    found = [[each.path for each in unit] for unit in units(source)]
    assert [len(unit) for unit in found] == [UNIT_ENTRIES, 3]
    assert found == [[each.path for each in unit] for unit in units(source)]

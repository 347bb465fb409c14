"""A made-up corpus for curation: one file for everything that can be the matter with one, and where each must end.

`build` writes it below a folder; `EXPECTED` says which rule takes which file, "" for those that are kept. Code is made
of a small vocabulary by chance, so that no two files are alike unless they are meant to be.
"""

from __future__ import annotations

import io
import json
import random
import subprocess
import tarfile
import zipfile
from pathlib import Path

MIT = (
    "MIT License\n\nCopyright (c) 2020 Somebody\n\nPermission is hereby granted, free of charge, to any person "
    'obtaining a copy\nof this software and associated documentation files (the "Software"), to deal\nin the Software '
    "without restriction, including without limitation the rights\nto use, copy, modify, merge, publish, distribute, "
    "sublicense, and/or sell\ncopies of the Software.\n"
)
GPL = (
    "                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n\n Everyone is "
    "permitted to copy and distribute verbatim copies\n of this license document, but changing it is not allowed.\n"
)
GPL_HEADER = (
    "# This program is free software: you can redistribute it and/or modify\n# it under the terms of the GNU General "
    "Public License as published by\n# the Free Software Foundation, either version 3 of the License, or\n"
    "# (at your option) any later version.\n"
)
# Forms of secrets, put together here so that no scanner takes this file for a leak.
TOKEN = "ghp" + "_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7f3k9x2" * 4 + "\n-----END RSA " + "PRIVATE KEY-----"

_WORDS = (
    "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jetty", "kelp", "lagoon",
    "marsh", "notch", "orchard", "prairie", "quarry", "ridge", "summit", "tundra", "upland", "valley", "willow",
    "yarrow", "zephyr", "anchor", "beacon", "canopy", "dune", "estuary", "flint", "glacier", "harbor", "island",
)  # fmt: skip


def module(seed: int, functions: int = 6) -> str:
    """Return a module that is like no other: functions with docstrings, some arithmetic, some text."""
    chance = random.Random(seed)

    def name() -> str:
        return "_".join(chance.sample(_WORDS, 2))

    parts = [f'"""The {" ".join(chance.sample(_WORDS, 5))} of number {seed}."""\n']
    for _ in range(functions):
        one, two, three = name(), name(), name()
        parts.append(
            f"def {name()}({one}, {two}):\n"
            f'    """Return the {" ".join(chance.sample(_WORDS, 4))} of both."""\n'
            f"    {three} = {one} {chance.choice('+-*')} {chance.randrange(99)}"
            f"  # {' '.join(chance.sample(_WORDS, 3))}\n"
            f"    if {three} {chance.choice(('<', '>', '=='))} {two}:\n"
            f"        return {three} {chance.choice('+-*')} {two}\n"
            f"    for step in range({chance.randrange(2, 9)}):\n"
            f"        {three} {chance.choice(('+=', '-='))} step {chance.choice('+*')} {chance.randrange(9)}\n"
            f"    return [{three}, {chance.randrange(999)}, {name()!r}]\n"
        )
    return "\n\n".join(parts)


RENAMED = '''"""Helpers for sequences that are in order already."""


def zip_ordered(first, second):
    """Put two rising sequences together so that the whole rises."""
    out, a, b = [], 0, 0
    while a < len(first) and b < len(second):
        if first[a] <= second[b]:
            out.append(first[a])
            a += 1
        else:
            out.append(second[b])
            b += 1
    return out + first[a:] + second[b:]
'''
VERBATIM = '''"""Names, and what can be made of them."""


def initials(name: str) -> str:
    """Return the first letters of a name.

    >>> initials('Ada Lovelace')
    'A.L.'
    >>> initials('alan mathison turing')
    'A.M.T.'
    >>> initials('')
    ''
    """
    return ''.join(word[0].upper() + '.' for word in name.split())
'''
REWRITTEN = '''"""Runner-up."""


def runner_up(values):
    """Who comes after the winner? Nobody, if all are equal."""
    # One pass is enough: keep the two best that differ.
    best = follow = None
    for value in values:
        if best is None or value > best:
            best, follow = value, best
        elif value != best and (follow is None or value > follow):
            follow = value
    return follow
'''
PROVEN = '''"""Distances along a line."""


def gaps(points):
    """Return how far each point is from the one before it.

    >>> gaps([1, 4, 9])
    [3, 5]
    >>> gaps([2, 2])
    [0]
    >>> gaps([7])
    []
    """
    # Each point is paired with the next one.
    return [after - before for before, after in zip(points, points[1:])]


def untested(points):
    """Return the points, unless there are none.

    >>> untested([])
    >>> untested([1]) is None
    False
    """
    # The examples would pass for many a wrong body.
    return points or None
'''
_SECRETS = f'''"""Settings of a service; no real ones."""

# Ask jane.doe@mail.acme.io before you change anything here.
OWNER = "jane.doe@mail.acme.io"
TOKEN = "{TOKEN}"
HOST = "93.184.216.34"
password = "xK9-mP2vQ7rT4z"


def product(left, right):
    """Return the product of two matrices, which is no address of anybody's."""
    return left@right.matrix.shape
'''

# file -> the rule that takes it, "" if it is kept
EXPECTED: dict[str, str] = {
    "good.py": "", "proven.py": "", "latin.py": "", "secrets.py": "", "LICENSE": "language",
    "latin_undeclared.py": "fault", "loop": "fault", "empty.py": "fault", "binary.py": "fault", "big.py": "max_bytes",
    "notes.txt": "language", "minified.py": "min_blank", "generated.py": "generated", "wide.py": "max_line",
    "broken.py": "compiles", "header_gpl.py": "licence", "vendor/lib/COPYING": "language",
    "third/gpl/COPYING": "language", "third/gpl/vendored.py": "licence", "vendor/lib/other.py": "vendored",
    "private.py": "private_keys", "laundered.py": "laundered", "again.py": "exact", "nearly.py": "near",
    "renamed.py": "structure", "verbatim.py": "ngrams", "rewritten.py": "behaviour",
}  # fmt: skip


def build(root: Path) -> list[str]:
    """Write the corpus below `root`; return its sources, in order."""
    _permissive(root / "permissive")
    _write(root / "gpl", {"COPYING": GPL, "shared.py": module(50)})
    _write(root / "nobody", {"plain.py": module(60)})
    original = {f"part{number}.py": module(70 + number) for number in range(6)}
    _write(root / "original", {"LICENSE": MIT, **original})
    _write(root / "fork", {"LICENSE": MIT, **original, "part5.py": module(79), "own.py": module(78)})
    return [
        str(root / "permissive"), str(root / "gpl"), str(root / "nobody"), str(root / "original"), str(root / "fork"),
        str(_zip(root / "bomb.zip")), str(_tar(root / "sneaky-1.0.tar.gz")), str(_rows(root / "rows.jsonl")),
        f"{_repository(root / 'history.git')}@HEAD",
    ]  # fmt: skip


def _permissive(folder: Path) -> None:
    good = module(1)
    long_line = "table = [" + ", ".join(str(number * number) for number in range(400)) + "]\n"
    _write(folder, {
        "LICENSE": MIT, "good.py": good, "again.py": good.replace("\n\n\n", "  \n\n\n"), "proven.py": PROVEN,
        "nearly.py": good.replace("Return the", "Give the", 1) + "\n# one line more\n", "notes.txt": "To do.\n",
        "empty.py": "\n\n", "wide.py": module(2) + long_line, "broken.py": module(3) + "\ndef f(:\n",
        "minified.py": "a=1;" + ";".join(f"b{number}=a+{number}" for number in range(200)) + "\n",
        "generated.py": "# Generated by protoc. DO NOT EDIT.\n" + module(4), "header_gpl.py": GPL_HEADER + module(5),
        "vendor/lib/COPYING": GPL, "vendor/lib/other.py": module(6), "third/gpl/COPYING": GPL,
        "third/gpl/vendored.py": module(7), "secrets.py": _SECRETS, "private.py": f'{module(8)}\nKEY = """{KEY}"""\n',
        "laundered.py": module(50), "renamed.py": RENAMED, "verbatim.py": VERBATIM, "rewritten.py": REWRITTEN,
    })  # fmt: skip
    (folder / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + module(9).encode())
    (folder / "latin_undeclared.py").write_bytes(b"# caf\xe9\n" + module(10).encode())
    (folder / "binary.py").write_bytes(b"\x00\x01\x02" * 50)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    with (folder / "big.py").open("wb") as stream:
        stream.truncate(200 << 20)  # a hole, which takes no room


def _zip(path: Path) -> Path:
    """Write an archive that would come out a hundred times as large as it may."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("LICENSE", MIT)
        archive.writestr("first.py", module(90))
        archive.writestr("../outside.py", module(91))
        for number in range(90):
            archive.writestr(f"zeros{number}.py", b" " * 990_000)
        archive.writestr("huge.py", b" " * 3_000_000)
    return path


def _tar(path: Path) -> Path:
    files = {"sneaky-1.0/PKG-INFO": "Name: sneaky\nLicense: BSD 3-Clause\n", "sneaky-1.0/fine.py": module(92),
             "sneaky-1.0/../../up.py": module(93), "/etc/absolute.py": module(94)}  # fmt: skip
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("sneaky-1.0/link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


def _rows(path: Path) -> Path:
    rows = [
        {"content": module(95), "path": "row.py", "repo": "someone/rows", "license": "apache-2.0"},
        {"content": module(96), "max_stars_repo_path": "stack.py", "max_stars_repo_name": "someone/stack",
         "max_stars_repo_licenses": ["MIT", "BSD-3-Clause"]},
        {"content": module(97), "path": "copyleft.py", "repo": "someone/rows", "license": "gpl-3.0"},
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _repository(path: Path) -> Path:
    """Make a bare repository with one commit."""
    work = path.with_suffix(".work")
    _write(work, {"LICENSE": MIT, "committed.py": module(98)})
    (work / "to.py").symlink_to("committed.py")
    told = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "one")):
        subprocess.run(["git", "-C", str(work), *told, *words], check=True, capture_output=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(path)], check=True, capture_output=True)
    return path


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

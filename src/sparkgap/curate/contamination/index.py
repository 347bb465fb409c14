"""The benchmarks as the filters need them: n-grams of their texts, structures of their solutions."""

from __future__ import annotations

import ast
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap import plugins
from sparkgap.curate.shingles import grams, words
from sparkgap.errors import DataError
from sparkgap.parsing import docstring_nodes, functions_in, parsed
from sparkgap.structure import outline, shape
from sparkgap.types import CodeTests, Problem

if TYPE_CHECKING:
    import numpy as np

VERSION = "2"  # raised whenever the same problems could make another index
NGRAM = 10  # words
LEAST_GRAMS = 5  # a text of fewer says too little
COMMON = 8  # problems: an n-gram of more of them is an idiom or a template, and counts for none
LEAST_NODES = 12  # a structure of fewer nodes is not looked for at all; the rule's threshold is higher


@dataclass(frozen=True, slots=True)
class Known:
    """The problems of all benchmarks that are at hand, and the names of those that are not."""

    problems: tuple[Problem, ...]
    benchmarks: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """What documents are compared with. `grams` is sorted; `pieces[i]` is the text that `grams[i]` is of."""

    grams: np.ndarray[Any, Any]
    pieces: np.ndarray[Any, Any]
    sizes: np.ndarray[Any, Any]  # n-grams of each text
    names: tuple[str, ...]  # of each text: the problem's id and which text it is
    shapes: Mapping[int, str]  # hash -> problem
    outlines: frozenset[tuple[int, ...]]
    key: str  # sha256 of all that it was made from

    def overlap(self, hashes: Any) -> tuple[float, str]:
        """Return the largest share of one benchmark text's n-grams that are among these, and that text's name."""
        import numpy as np

        if not self.grams.size or not hashes.size:
            return 0.0, ""
        unique = np.unique(hashes)
        low = np.searchsorted(self.grams, unique, "left")
        high = np.searchsorted(self.grams, unique, "right")
        hit = np.flatnonzero(high > low)
        if not hit.size:
            return 0.0, ""
        places = np.concatenate([np.arange(low[each], high[each]) for each in hit])
        counts = np.bincount(self.pieces[places], minlength=self.sizes.size)
        shares = counts / self.sizes
        best = int(np.argmax(shares))
        return float(shares[best]), self.names[best]

    def same_shape(self, tree: ast.Module) -> tuple[int, str]:
        """Return the nodes of the largest function built like a solution, and the problem; (0, "") if none."""
        found = (0, "")
        for node in functions_in(tree):
            if outline(node) in self.outlines:
                told = shape(node)
                if told.nodes > found[0] and told.hash in self.shapes:
                    found = (told.nodes, self.shapes[told.hash])
        return found


def known(names: Sequence[str] = ()) -> Known:
    """Return the problems of the named benchmarks, of all whose published files are at hand where none is named.

    Raises:
        DataError: a named benchmark's files are not here.
        PluginError: there is no benchmark of that name.
    """
    problems: list[Problem] = []
    read: list[str] = []
    missing: list[str] = []
    for name in names or plugins.names("benchmarks"):
        try:
            problems += plugins.find("benchmarks", name).problems()
            read.append(name)
        except DataError:
            if names:
                raise
            missing.append(name)
    return Known(tuple(problems), tuple(read), tuple(missing))


def build(problems: Iterable[Problem]) -> Index:
    """Return the index of all texts and solutions of some problems."""
    import numpy as np

    held: dict[int, list[int]] = defaultdict(list)
    names: list[str] = []
    sizes: list[int] = []
    shapes: dict[int, str] = {}
    outlines: set[tuple[int, ...]] = set()
    seen: set[bytes] = set()
    hashed = hashlib.sha256()
    for problem in problems:
        for part, text in _texts(problem):
            found = np.unique(grams(words(text), NGRAM))
            digest = hashlib.sha256(found.tobytes()).digest()
            if found.size < LEAST_GRAMS or digest in seen:
                continue
            seen.add(digest)
            hashed.update(digest)
            for gram in found.tolist():
                held[gram].append(len(names))
            names.append(f"{problem.id} ({part})")
            sizes.append(found.size)
        if problem.reference and (tree := parsed(problem.reference)):
            for node in functions_in(tree):
                told = shape(node)
                if told.nodes >= LEAST_NODES and told.hash not in shapes:
                    shapes[told.hash] = problem.id
                    outlines.add(outline(node))
    kept = sorted((gram, piece) for gram, pieces in held.items() if len(pieces) <= COMMON for piece in pieces)
    hashed.update(repr(sorted(shapes)).encode())
    left = np.bincount([piece for _, piece in kept], minlength=len(names)) if kept else np.zeros(len(names), np.int64)
    return Index(
        grams=np.array([gram for gram, _ in kept], np.uint64), pieces=np.array([piece for _, piece in kept], np.int64),
        sizes=np.where(left >= LEAST_GRAMS, np.maximum(left, (np.array(sizes, np.int64) + 1) // 2), np.int64(1 << 40)),
        names=tuple(names), shapes=shapes, outlines=frozenset(outlines), key=hashed.hexdigest(),
    )  # fmt: skip


def save(index: Index, path: Path, key: str) -> None:
    """Write an index, with a key of what it was made from."""
    import numpy as np

    told = {"key": key, "index": index.key, "names": index.names, "shapes": sorted(index.shapes.items()),
            "outlines": sorted(index.outlines)}  # fmt: skip
    draft = path.with_suffix(".tmp.npz")
    np.savez(draft, told=np.array(json.dumps(told)), grams=index.grams, pieces=index.pieces, sizes=index.sizes)
    draft.replace(path)


def load(path: Path, key: str) -> Index | None:
    """Return the index that was written with this key; None where there is none."""
    import numpy as np

    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as held:
        told = json.loads(str(held["told"]))
        if told["key"] != key:
            return None
        return Index(
            grams=held["grams"], pieces=held["pieces"], sizes=held["sizes"], names=tuple(told["names"]),
            shapes=dict(told["shapes"]), outlines=frozenset(map(tuple, told["outlines"])), key=told["index"],
        )  # fmt: skip


def _texts(problem: Problem) -> Iterator[tuple[str, str]]:
    """Yield the texts of a problem that must not stand in training data, each with its name."""
    yield "prompt", problem.prompt
    if problem.reference:
        yield "solution", problem.reference
        if tree := parsed(problem.reference):
            yield "solution without docstrings", _bare(problem.reference, tree)
    if isinstance(problem.tests, CodeTests):
        yield "tests", problem.tests.code


def _bare(text: str, tree: ast.Module) -> str:
    lines = text.split("\n")
    for node in docstring_nodes(tree):
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[number] = ""
    return "\n".join(lines)

"""Texts and solutions of the benchmarks: n-grams that a file shares with one of them, functions built like one.

Behaviour, the third way, needs the judge and comes after the files are chosen.
"""

from __future__ import annotations

from collections.abc import Mapping

from sparkgap.curate.contamination.index import NGRAM, Index
from sparkgap.curate.documents import Document, Values
from sparkgap.curate.rules import Rule, Step
from sparkgap.curate.shingles import grams, words
from sparkgap.parsing import parsed


class Benchmarks:
    """The largest overlap with one text of one problem, the largest function with the structure of a solution."""

    name = "benchmarks"
    version = "2"
    step: Step = "decontamination"
    order = 0
    attributes: Mapping[str, type] = {
        "ngram_overlap": float, "ngram_text": str, "structure_nodes": int, "structure_problem": str,
    }  # fmt: skip
    rules = (
        Rule("ngrams", "ngram_overlap", "at most", 0.5, "share of one benchmark text's word 10-grams"),
        Rule("structure", "structure_nodes", "at most", 24, "nodes of a function built like a solution", ("python",)),
    )

    def measure(self, document: Document) -> Values:
        """Return nothing: there is nothing to compare with."""
        return {}

    def measure_against(self, document: Document, index: Index) -> Values:
        """Compare a document with the benchmarks."""
        overlap, text = index.overlap(grams(words(document.text), NGRAM))
        values: dict[str, str | float] = {"ngram_overlap": round(overlap, 4), "ngram_text": text}
        if document.language == "python" and (tree := parsed(document.text)) is not None:
            nodes, problem = index.same_shape(tree)
            values |= {"structure_nodes": nodes, "structure_problem": problem}
        return values


FILTER = Benchmarks()

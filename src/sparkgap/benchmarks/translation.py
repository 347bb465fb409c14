"""Translation: 1,012 sentences of FLORES-200 in twelve languages (NLLB Team 2022, arXiv:2207.04672), by pair.

A problem is one sentence in all languages; the variant says from which into which, always with English on one side. The
headline is chrF++ (Popovic 2017): it needs no tokenizer, so that languages can be compared, and it says something about
one sentence, so that two models can be compared sentence by sentence. BLEU stands beside it, with the tokenizer that
sacrebleu has for the target (`13a`; `zh`, `ja-mecab`, `ko-mecab`). Both are sacrebleu's, over all sentences, with its
bootstrap interval and its signature in the notes. A sentence's own value is its sentence chrF++.

A model is asked without examples, in the chat's own words or, if it only completes, with the languages' names before
the sentences. What it says is taken as it is, line breaks as spaces: words around a translation cost points.

Not covered: pairs without English, `flores200` (spBLEU) tokens, whose model has to be downloaded, and few-shot prompts,
whose examples would have to come from the unpublished-here `dev` split.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from sparkgap.benchmarks import Ability, Unit
from sparkgap.benchmarks._answers import unanswered
from sparkgap.benchmarks._prompts import turn
from sparkgap.data import locate
from sparkgap.errors import DataError, PluginError
from sparkgap.stats import Interval
from sparkgap.types import Decoding, Feature, Outcome, Problem, Reply, Request, Variant

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

_ENGLISH = "eng_Latn"
_LANGUAGES = {
    "deu_Latn": "German", "fra_Latn": "French", "spa_Latn": "Spanish", "por_Latn": "Portuguese",
    "rus_Cyrl": "Russian", "zho_Hans": "Simplified Chinese", "jpn_Jpan": "Japanese", "kor_Hang": "Korean",
    "arb_Arab": "Arabic", "hin_Deva": "Hindi", "swh_Latn": "Swahili", _ENGLISH: "English",
}  # fmt: skip
_TOKENIZERS = {"zho_Hans": "zh", "jpn_Jpan": "ja-mecab", "kor_Hang": "ko-mecab"}
_LONGEST = 4000  # characters of a translation; no reference has 800, and MeCab gives up on a million
_DRAWS = 1000  # of the bootstrap, sacrebleu's own default
_DIGITS = 9  # to which sacrebleu writes its scores down


def _pairs() -> Iterator[tuple[str, str]]:
    others = [code for code in _LANGUAGES if code != _ENGLISH]
    yield from ((_ENGLISH, code) for code in others)
    yield from ((code, _ENGLISH) for code in others)


def _variant(source: str, target: str, completion: bool) -> Variant:
    needs: frozenset[Feature] = frozenset({"completion"} if completion else {"chat"})
    return Variant(
        f"{source}-{target}{'-completion' if completion else ''}",
        f"{_LANGUAGES[source]} to {_LANGUAGES[target]}{', as a text to go on from' if completion else ''}",
        needs,
        Decoding(max_tokens=512, stop=("\n",) if completion else ()),
    )


class Translation:
    """1,012 sentences, the devtest split, in published order; each in all languages in the metadata."""

    name = "translation"
    title = "FLORES-200: 1,012 sentences, between English and eleven languages"
    files: tuple[str, ...] = tuple(f"flores200/devtest/{code}.devtest" for code in _LANGUAGES)
    ability: Ability = "translation"
    split = ""
    metrics = ("chrf++", "bleu")
    unit: Unit = "score"
    variants = tuple(
        _variant(source, target, completion) for completion in (False, True) for source, target in _pairs()
    )

    def problems(self) -> Iterator[Problem]:
        """Yield the sentences; `prompt` is the English one, and there is no reference, since it depends on the variant.

        Raises:
            DataError: a published file is missing or is not the published one.
        """
        columns = [_lines(file) for file in self.files]
        if len({len(lines) for lines in columns}) != 1:
            raise DataError("the files of flores200/devtest differ in length; `sparkgap data verify` checks them")
        for number, row in enumerate(zip(*columns, strict=True)):
            sentences = dict(zip(_LANGUAGES, row, strict=True))
            yield Problem(
                id=f"FLORES/{number}",
                benchmark=self.name,
                prompt=sentences[_ENGLISH],
                reference="",
                tests=None,
                split="devtest",
                language="",
                metadata={"sentences": sentences},
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: to translate the sentence.

        Raises:
            PluginError: sacrebleu, or its tokenizer for the target, is not installed; said before anything is paid for.
        """
        if replies:
            return None
        source, target = _pair(variant)
        _metrics(target)
        sentence = problem.metadata["sentences"][source]
        if "completion" in variant.needs:
            text = f"{_LANGUAGES[source]}: {sentence}\n{_LANGUAGES[target]}:"
            return Request(text=text, decoding=variant.decoding)
        return turn(
            f"Translate this sentence from {_LANGUAGES[source]} to {_LANGUAGES[target]}. Answer with the translation "
            f"alone.\n\n{sentence}",
            variant.decoding,
        )

    def score(
        self, problem: Problem, variant: Variant, replies: tuple[Reply, ...], ratings: tuple[Reply, ...]
    ) -> Outcome:
        """Return the sentence chrF++ of the reply."""
        if (lost := unanswered(replies)) is not None:
            return lost
        _, target = _pair(variant)
        said, reference = _said(replies[0].text), problem.metadata["sentences"][target]
        value = _metrics(target)["chrf++"].sentence_score(said, [reference]).score
        value = min(100.0, value)  # an exact copy is a rounding above it
        details = {"target": target, "said": said, "reference": reference}
        return Outcome(value, "translated" if said else "empty", "", said, {"chrf++": value}, details)

    def total(self, records: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Interval], Mapping[str, str]]:
        """Return chrF++ and BLEU over all sentences, with the signatures as notes.

        Where sentences have several samples, each repeat is scored as a whole and the mean is given: repeats are no new
        sentences, and make the interval no narrower.
        """
        repeats: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for record in records:
            if record["value"] is not None:
                repeats[record.get("sample_index", 0)].append(record["details"])
        totals: dict[str, Interval] = {}
        notes: dict[str, str] = {}
        for name in self.metrics if repeats else ():
            written = [_written(name, details) for details in repeats.values()]
            notes[name] = str(written[0]["signature"])
            bounds = [_bounds(each) for each in written]
            value, low, high = (sum(column) / len(bounds) for column in zip(*bounds, strict=True))
            totals[name] = Interval(value, low, high, "bootstrap, by sentence")
        return totals, notes


def _pair(variant: Variant) -> tuple[str, str]:
    source, target = variant.name.removesuffix("-completion").split("-")
    return source, target


def _said(text: str) -> str:
    """Return a reply as one line of whole characters and bounded length, as the tokenizers need it."""
    return " ".join(text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8").split())[:_LONGEST]


def _lines(file: str) -> list[str]:
    path = locate(file)
    try:
        return path.read_text("utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); `sparkgap data fetch {file}` gets it again") from error


@cache
def _metrics(target: str) -> Mapping[str, Metric]:
    """Return sacrebleu's metrics for a target language by our names.

    Raises:
        PluginError: it, or its tokenizer, is not installed.
    """
    mend = "install it with `pip install 'sparkgap[translation]'`"
    try:
        from sacrebleu.metrics.bleu import BLEU, BLEUScore
        from sacrebleu.metrics.chrf import CHRF, CHRFScore
    except ImportError as error:
        raise PluginError(f"the benchmark translation needs sacrebleu ({error}); {mend}") from error

    # sacrebleu 2.6 gives its bootstrap float32 counts, and fails where one draw scores exactly 0.
    class Bleu(BLEU):
        def _compute_score_from_stats(self, stats: list[int]) -> BLEUScore:
            return super()._compute_score_from_stats([int(count) for count in stats])

    class Chrf(CHRF):
        def _compute_score_from_stats(self, stats: list[int]) -> CHRFScore:
            return super()._compute_score_from_stats([int(count) for count in stats])

    try:
        return {"chrf++": Chrf(word_order=2), "bleu": Bleu(tokenize=_TOKENIZERS.get(target, "13a"), force=True)}
    except (ImportError, RuntimeError) as error:
        raise PluginError(f"sacrebleu's tokenizer for {_LANGUAGES[target]} is missing; {mend}") from error


def _written(name: str, details: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what sacrebleu writes down of one metric over these sentences: score, signature, half the interval."""
    metric = _metrics(details[0]["target"])[name]
    said, references = [each["said"] for each in details], [each["reference"] for each in details]
    score = metric.corpus_score(said, [references], n_bootstrap=_DRAWS)
    written: dict[str, Any] = json.loads(
        score.format(is_json=True, width=_DIGITS, signature=metric.get_signature().format())
    )
    return written


def _bounds(written: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return the score and its interval: the bootstrap's middle, and half of its width to each side."""
    value = min(100.0, float(written["score"]))
    middle, half = float(written.get("confidence_mean", value)), float(written.get("confidence_var", 0.0))
    return value, max(0.0, min(value, middle - half)), min(100.0, max(value, middle + half))


BENCHMARK = Translation()

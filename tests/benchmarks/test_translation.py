"""Translation: FLORES-200 against its files, and scores against sacrebleu asked directly."""

from __future__ import annotations

import builtins
import json
import random
import re
import sys
from pathlib import Path

import pytest
from sacrebleu import corpus_bleu, corpus_chrf, sentence_chrf

from sparkgap.benchmarks import translation
from sparkgap.benchmarks.translation import BENCHMARK as TRANSLATION
from sparkgap.errors import PluginError
from sparkgap.types import Problem, Reply

VARIANTS = {variant.name: variant for variant in TRANSLATION.variants}


@pytest.fixture(scope="module")
def problems(published: Path) -> tuple[Problem, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKGAP_DATA", str(published))
        return tuple(TRANSLATION.problems())


def worn(text: str, chance: random.Random) -> str:
    """Return a sentence as a poor translator would have it: words (letters, without spaces) lost and swapped."""
    parts = text.split() if " " in text else list(text)
    kept = [part for part in parts if chance.random() > 0.2]
    for place in range(0, len(kept) - 1, 5):
        kept[place], kept[place + 1] = kept[place + 1], kept[place]
    return (" " if " " in text else "").join(kept)


def records_of(problems: tuple[Problem, ...], name: str, repeat: int = 0) -> list[dict[str, object]]:
    """Return lines of scores.jsonl for worn translations under the variant `name`."""
    chance, target = random.Random(repeat), name.split("-")[1]
    records = []
    for problem in problems:
        reply = Reply(text=worn(problem.metadata["sentences"][target], chance))
        outcome = TRANSLATION.score(problem, VARIANTS[name], (reply,), ())
        records.append({"problem_id": problem.id, "sample_index": repeat, "value": outcome.value,
                        "details": dict(outcome.details)})  # fmt: skip
    return records


def test_every_sentence_is_there_in_every_language(problems: tuple[Problem, ...], published: Path) -> None:
    assert len(problems) == 1012
    for file in TRANSLATION.files:
        code = Path(file).stem
        lines = (published / file).read_text("utf-8").split("\n")[:-1]
        assert [problem.metadata["sentences"][code] for problem in problems] == lines


def test_pairs_are_those_with_english_both_ways_and_both_forms() -> None:
    assert len(VARIANTS) == 44
    assert next(iter(VARIANTS)) == "eng_Latn-deu_Latn"
    assert all(name.count("eng_Latn") == 1 for name in VARIANTS)
    assert {"swh_Latn-eng_Latn", "eng_Latn-jpn_Jpan-completion"} <= set(VARIANTS)


def test_the_source_is_shown_and_the_target_is_not(problems: tuple[Problem, ...]) -> None:
    for name, variant in VARIANTS.items():
        source, target = name.split("-")[:2]
        sentences = problems[7].metadata["sentences"]
        request = TRANSLATION.ask(problems[7], variant, ())
        text = request.text or request.messages[0].content
        assert sentences[source] in text
        assert sentences[target] not in text


@pytest.mark.parametrize(
    ("name", "tokenizer"),
    [
        ("eng_Latn-deu_Latn", "13a"),
        ("arb_Arab-eng_Latn", "13a"),
        ("eng_Latn-zho_Hans", "zh"),
        ("eng_Latn-jpn_Jpan", "ja-mecab"),
        ("eng_Latn-kor_Hang-completion", "ko-mecab"),
    ],
)
def test_scores_are_sacrebleus_and_the_signatures_are_shown(
    name: str, tokenizer: str, problems: tuple[Problem, ...]
) -> None:
    some = problems[:200]
    records = records_of(some, name)
    said = [record["details"]["said"] for record in records]
    references = [problem.metadata["sentences"][name.split("-")[1]] for problem in some]
    metrics, notes = TRANSLATION.total(records)
    assert metrics["bleu"].value == pytest.approx(corpus_bleu(said, [references], tokenize=tokenizer).score)
    assert metrics["chrf++"].value == pytest.approx(corpus_chrf(said, [references], word_order=2).score)
    for record, one, reference in zip(records[:20], said, references, strict=False):
        assert record["value"] == pytest.approx(sentence_chrf(one, [reference], word_order=2).score)
    signature = rf"nrefs:1\|bs:1000\|seed:12345\|case:mixed\|eff:no\|tok:{tokenizer}[^|]*\|smooth:exp\|version:.*"
    assert re.fullmatch(signature, notes["bleu"])
    assert "case:mixed|eff:yes|nc:6|nw:2|space:no|version:" in notes["chrf++"]
    for each in metrics.values():
        assert 0 < each.low < each.value < each.high < 100


def test_the_interval_is_a_bootstrap_over_sentences(problems: tuple[Problem, ...]) -> None:
    """Against a bootstrap of our own over sacrebleu's corpus score."""
    records = records_of(problems[:60], "eng_Latn-fra_Latn")
    (metrics, _), chance = TRANSLATION.total(records), random.Random(1)
    scores = []
    for _ in range(120):
        drawn = [record["details"] for record in chance.choices(records, k=len(records))]
        scores.append(corpus_bleu([d["said"] for d in drawn], [[d["reference"] for d in drawn]]).score)
    scores.sort()
    assert metrics["bleu"].low == pytest.approx(scores[3], abs=1.5)
    assert metrics["bleu"].high == pytest.approx(scores[-4], abs=1.5)


def test_repeats_make_the_interval_no_narrower(problems: tuple[Problem, ...]) -> None:
    some = problems[:100]
    one, two = (records_of(some, "eng_Latn-spa_Latn", repeat) for repeat in (0, 1))
    (first, _), (second, _), (both, _) = map(TRANSLATION.total, (one, two, one + two))
    for name in TRANSLATION.metrics:
        assert both[name].value == pytest.approx((first[name].value + second[name].value) / 2)
        widths = [each[name].high - each[name].low for each in (first, second, both)]
        assert widths[2] == pytest.approx((widths[0] + widths[1]) / 2)


@pytest.mark.parametrize("name", ["eng_Latn-jpn_Jpan", "eng_Latn-kor_Hang", "eng_Latn-zho_Hans", "eng_Latn-arb_Arab"])
@pytest.mark.parametrize("reply", ["a" * 10**6, "\0", "\ud800", "\u200b", "\u3000", "。" * 10**5, "\ufeff\0\ud800?"])
def test_no_reply_breaks_a_tokenizer(name: str, reply: str, problems: tuple[Problem, ...]) -> None:
    outcome = TRANSLATION.score(problems[0], VARIANTS[name], (Reply(text=reply),), ())
    metrics, _ = TRANSLATION.total([{"problem_id": "", "value": outcome.value, "details": outcome.details}])
    assert 0 <= metrics["bleu"].value < 5


def test_scores_of_almost_nothing_have_an_interval_too(problems: tuple[Problem, ...]) -> None:
    """One word of a few sentences is right, so that many draws of the bootstrap score exactly 0."""
    records = []
    for place, problem in enumerate(problems[:30]):
        words = problem.metadata["sentences"]["rus_Cyrl"].split()
        reply = Reply(text=words[0] if place < 2 else "?")
        outcome = TRANSLATION.score(problem, VARIANTS["eng_Latn-rus_Cyrl"], (reply,), ())
        records.append({"problem_id": problem.id, "value": outcome.value, "details": dict(outcome.details)})
    metrics, _ = TRANSLATION.total(records)
    assert all(0 <= each.low <= each.value <= each.high < 5 for each in metrics.values())


@pytest.mark.parametrize(
    ("reply", "status", "value"), [("", "empty", 0), (" \n ", "empty", 0), ("{right}", "translated", 100)]
)
def test_the_ends_of_the_scale(reply: str, status: str, value: float, problems: tuple[Problem, ...]) -> None:
    variant = VARIANTS["eng_Latn-deu_Latn"]
    records = []
    for problem in problems[:10]:
        text = reply.replace("{right}", problem.metadata["sentences"]["deu_Latn"])
        outcome = TRANSLATION.score(problem, variant, (Reply(text=text),), ())
        assert (outcome.status, outcome.value) == (status, pytest.approx(value))
        records.append({"problem_id": problem.id, "value": outcome.value, "details": dict(outcome.details)})
    metrics, _ = TRANSLATION.total(records)
    assert {name: each.value for name, each in metrics.items()} == {
        "chrf++": pytest.approx(value), "bleu": pytest.approx(value),
    }  # fmt: skip


def test_a_line_break_is_a_space_and_records_are_json(problems: tuple[Problem, ...]) -> None:
    text = problems[0].metadata["sentences"]["deu_Latn"].replace(" ", "\n", 3)
    outcome = TRANSLATION.score(problems[0], VARIANTS["eng_Latn-deu_Latn"], (Reply(text=text),), ())
    assert outcome.value == pytest.approx(100)
    assert json.loads(json.dumps(dict(outcome.details))) == outcome.details


@pytest.mark.parametrize(("absent", "fault"), [("sacrebleu", "needs sacrebleu"), ("MeCab", "tokenizer for Japanese")])
def test_what_is_not_installed_is_said_before_anything_is_asked(
    absent: str, fault: str, problems: tuple[Problem, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name.partition(".")[0] == absent:
            raise ImportError(f"no {name}")
        return real(name, *rest, **more)

    translation._metrics.cache_clear()
    for name in [name for name in sys.modules if name.startswith("sacrebleu.tokenizers.tokenizer_ja")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PluginError, match=rf"{fault}.*pip install 'sparkgap\[translation\]'"):
        TRANSLATION.ask(problems[0], VARIANTS["eng_Latn-jpn_Jpan"], ())
    translation._metrics.cache_clear()

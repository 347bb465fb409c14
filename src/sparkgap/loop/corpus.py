"""What the demonstration learns from: problems made on the spot, answers of which most are wrong, and a blank model.

The corpus is what one would scrape: right and wrong answers side by side, unmarked. Curation sees prompt and answer
alone, and keeps what the judge proves.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparkgap.benchmarks._katas import COMPACT, katas, pairs
from sparkgap.train import Judging, ProblemSet
from sparkgap.train.marking import Marker
from sparkgap.train.overlap import known_benchmarks, set_apart
from sparkgap.train.weights import quiet

if TYPE_CHECKING:
    from sparkgap.judge import Judge
    from sparkgap.loop.scale import Scale
    from sparkgap.types import Problem

BENCHMARK = "katas_compact"  # on which the models are measured
AT_ONCE = 4096  # answers between two calls of `show`
CPU_S = 0.5  # for a program; right ones take a thousandth
SPECIAL = ("<pad>", "<end>")


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of the corpus: nothing says whether it is right."""

    problem: Problem
    completion: str

    def row(self) -> Mapping[str, str]:
        """Return it as a row to imitate."""
        return {"prompt": self.problem.prompt, "completion": self.completion}


def corpus(scale: Scale, seed: int) -> list[Answer]:
    """Return the uncurated corpus: `scale.each` answers to each of `scale.problems` problems, most of them wrong.

    Rows in which a measured problem or its solution stands word for word are left out, whatever else is in them.
    """
    problems = _apart(katas("train", scale.problems, 2 * seed + 1, replace(COMPACT, levels=scale.levels)))
    drawn = pairs(problems, scale.each, seed, wrong=scale.wrong, surfaces=("nested",))
    found = known_benchmarks((BENCHMARK,))
    return [Answer(pair.problem, pair.completion) for pair in drawn if not found.in_text(pair.prompt + pair.completion)]


def pool(scale: Scale, seed: int) -> ProblemSet:
    """Return the problems that reinforcement draws from, solutions taken away, and those that choose the best step."""
    curriculum = replace(COMPACT, levels=scale.pool_levels)
    train = (replace(each, reference="") for each in _apart(katas("train", scale.pool, 2 * seed + 2, curriculum)))
    return ProblemSet(tuple(train), _apart(katas("validation", scale.validation, seed, curriculum)))


def _apart(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems without the few that are worded as a measured one, another composition though they are."""
    return set_apart(problems, (BENCHMARK,), leave_out=True).problems


def curated(answers: Sequence[Answer], judge: Judge) -> tuple[list[Answer], Mapping[str, int]]:
    """Return the answers that the judge proves, each once, and how many got which verdict."""
    marker = Marker(judge, "tests", Judging(cpu_s=CPU_S))
    statuses: Counter[str] = Counter()
    kept: dict[tuple[str, str], Answer] = {}
    try:
        for first in range(0, len(answers), AT_ONCE):
            some = answers[first : first + AT_ONCE]
            marks = marker.marks(((each.problem, each.completion) for each in some), "completion")
            for answer, mark in zip(some, marks, strict=True):
                statuses[mark.status] += 1
                if mark.passed:
                    kept.setdefault((answer.problem.id, answer.completion), answer)
    finally:
        marker.close()
    return list(kept.values()), dict(statuses)


def write_rows(path: Path, answers: Iterable[Answer]) -> Path:
    """Write rows to imitate, one JSON object a line."""
    text = "".join(json.dumps(answer.row()) + "\n" for answer in answers)
    path.write_text(text, "utf-8")
    return path


def blank_model(answers: Sequence[Answer], scale: Scale, seed: int, folder: Path) -> Path:
    """Write an untrained Llama and its tokenizer, made from the corpus, as one would download them.

    The tokenizer merges across spaces, which makes a solution of 30 tokens one of 9.
    """
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    if (folder / "tokenizer.json").exists():
        return folder
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("\n"), "merged_with_next"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    words.decoder = decoders.ByteLevel()
    texts = (text for answer in answers[::4] for text in answer.row().values())
    words.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=scale.vocabulary,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            max_token_length=12,
            show_progress=False,
        ),
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=scale.vocabulary,
        hidden_size=scale.hidden,
        intermediate_size=2 * scale.hidden,
        num_hidden_layers=scale.layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=None,
        pad_token_id=0,
        eos_token_id=1,
    )
    ends = {"pad_token": SPECIAL[0], "eos_token": SPECIAL[1]}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **ends)  # type: ignore[no-untyped-call]
    with quiet():
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder

"""Supervised fine-tuning: the model imitates completions, chats or text.

Not covered: packing several rows into one sequence, and learning from more than the last turn of a chat.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from sparkgap.train.guards import Show
from sparkgap.train.imitation import imitate
from sparkgap.train.options import SftOptions
from sparkgap.train.overlap import known_benchmarks
from sparkgap.train.problems import ProblemSet
from sparkgap.train.result import TrainResult
from sparkgap.train.rows import examples, hashes
from sparkgap.train.running import TrainingRun, chosen_problems
from sparkgap.train.setting import judging, prepare

if TYPE_CHECKING:
    from sparkgap.judge import Judge


def sft(
    options: SftOptions,
    *,
    judge: Judge | None = None,
    problems: ProblemSet | None = None,
    progress: Show | None = None,
) -> TrainResult:
    """Fine-tune a model on data; the same call goes on after a crash.

    The held-out problems are those of `problems`, or of `options.source`; without either, nothing is measured.

    Raises:
        InputError: options that do not fit together, a model or data that is not there, data that is measured on.
    """
    prepare()
    with ExitStack() as stack:
        watched = problems is not None or options.source is not None or bool(options.guards.ability)
        own = stack.enter_context(judging(options.judging, judge)) if watched else None
        chosen, told = chosen_problems(options.source, problems, options.guards.held_out, options.measured_on)
        told |= {"files": hashes(options.data)}
        run = TrainingRun("sft", options, told, stack, progress or (lambda _: None))
        if run.done is not None:
            return run.done
        found = examples(options.data, run.tokenizer, options.max_tokens, known_benchmarks(options.measured_on))
        run.watch_over(options.guards, chosen.held_out, options.sampling, own, options.judging)
        return imitate(run, options, found.rows, options.epochs)

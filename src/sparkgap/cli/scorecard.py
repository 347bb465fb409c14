"""The scorecard: a result as a person reads it, in 80 columns of plain text."""

from __future__ import annotations

import os
from collections.abc import Iterator

from sparkgap.stats import Interval
from sparkgap.tally import OUTCOMES, GradeResult

WIDTH = 80
_HOWS = 4  # ways by which the lenient reading gained samples

_MEANING = {"infra": "could not be judged", "unanswered": "no reply in the file"}


def scorecard(result: GradeResult, title: str) -> str:
    """Return the scorecard, lines of at most `WIDTH` columns."""
    blocks = [_head(result, title), _pass_at_k(result), _went(result), _readings(result), _foot(result)]
    return "\n\n".join("\n".join(lines) for block in blocks if (lines := list(block)))


def _head(result: GradeResult, title: str) -> Iterator[str]:
    yield _fit(title, WIDTH)
    yield f"{_count(result.samples, 'sample')}, {result.passed:,} passed of {result.scored:,} scored"
    yield f"coverage: {result.coverage}"
    if missing := result.coverage.missing:
        yield _fit(
            f"no sample for {_count(len(missing), 'problem')}: {', '.join(missing[:5])}", WIDTH, len(missing) > 5
        )
    if len(result.coverage.splits) > 1:
        yield f"over the splits {', '.join(result.coverage.splits)}; --split takes one"


def _pass_at_k(result: GradeResult) -> Iterator[str]:
    if not result.pass_at_k:
        yield "pass@k: nothing was scored"
    parts = [name for name in result.groups if name != "plus"]  # base and plus together are the headline
    for k, interval in result.pass_at_k.items():
        yield _interval_line(f"pass@{k}", interval)
        for name in parts:
            if k in result.groups[name]:
                line = _interval_line(f"  {name} tests only", result.groups[name][k])
                having = result.group_problems[name]
                yield line + (f", over {_count(having, 'problem')}" if having < result.coverage.scored else "")


def _interval_line(label: str, interval: Interval) -> str:
    bounds = f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
    return f"{label:<18} {_percent(interval.value)} %   95 % interval {bounds}"


def _went(result: GradeResult) -> Iterator[str]:
    """What became of the samples, each with one example."""
    room = max(5, len(f"{max(result.by_status.values(), default=0):,}"))
    yield f"{'':<10} {'count':>{room}}   share  for example"
    for status in OUTCOMES:
        if not (count := result.by_status.get(status, 0)):
            continue
        line = f"{status:<10} {count:>{room},} {_percent(count / result.samples)} %"
        example = result.examples.get(status)
        if example is not None and status != "passed":
            why = printable(example.why or _MEANING.get(status, ""))
            line += f"  {printable(example.problem_id)} #{example.sample_index}" + (f": {why}" if why else "")
        yield _fit(line, WIDTH)


def _readings(result: GradeResult) -> Iterator[str]:
    """The strict and the lenient reading side by side."""
    strict, lenient = result.strict, result.lenient
    yield f"{'reading':<18} {'strict':>16} {'lenient':>16}"
    yield f"{'passed':<18} {strict.passed:>16,} {lenient.passed:>16,}"
    for k in sorted(strict.pass_at_k.keys() & lenient.pass_at_k.keys()):
        strictly, leniently = _percent(strict.pass_at_k[k].value), _percent(lenient.pass_at_k[k].value)
        yield f"{f'pass@{k}':<18} {strictly:>14} % {leniently:>14} %"
    if result.gained or result.lost:
        yield from _hint(result)


def _hint(result: GradeResult) -> Iterator[str]:
    differ = result.gained + result.lost
    yield f"{_count(differ, 'sample')} differ{'s' * (differ == 1)}: " + ", ".join(
        f"{count:,} pass{'es' * (count == 1)} only {way}"
        for count, way in ((result.gained, "leniently"), (result.lost, "strictly"))
        if count
    )
    for how, count in list(result.gained_by.items())[:_HOWS]:
        yield _fit(f"  {count:,} with: {printable(how)}", WIDTH)
    if len(result.gained_by) > _HOWS:
        yield "  ..."
    if result.gained:
        yield "Right code in a form that the published harness does not take; --extract"
        yield "strict or lenient says which reading is the headline."


def _foot(result: GradeResult) -> Iterator[str]:
    yield f"isolation: {result.isolation}"
    if result.run is not None:
        yield f"run: {os.fspath(result.run)}"


def printable(text: str) -> str:
    """Return text that comes from a model as plain ASCII on one line: no terminal codes, no wide letters."""
    return "".join(c if c.isprintable() else " " for c in text).encode("ascii", "backslashreplace").decode("ascii")


def _fit(text: str, width: int, more: bool = False) -> str:
    if len(text) <= width - 4 * more:
        return text + " ..." * more
    return text[: width - 4].rstrip() + " ..."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _percent(share: float) -> str:
    return f"{100 * share:5.1f}"

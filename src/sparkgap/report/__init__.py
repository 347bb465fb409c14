"""Runs and datasets -> a report: one HTML page that needs no network, or a table in Markdown.

    from sparkgap.report import report
    Path("report.html").write_text(report(["runs/a", "runs/b"]), encoding="utf-8")

The same runs give the same bytes: the only times in a report are those of the runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from sparkgap.claims import Claimed
from sparkgap.errors import InputError
from sparkgap.report.comparison import compare
from sparkgap.report.datasets import Dataset, is_dataset, read_dataset
from sparkgap.report.differences import differences
from sparkgap.report.training import Training, is_training, read_training
from sparkgap.results import RunResult, read_result
from sparkgap.verbs import callable_module

Form = Literal["html", "md"]


def report(
    runs: Sequence[str | Path | RunResult | Training | Dataset],
    *,
    claims: Sequence[Claimed] = (),
    form: Form = "html",
    title: str = "",
) -> str:
    """Return a report on these runs: folders of `measure`, `grade`, `curate` or training, or results read already.

    `claims` (see `claims.find_claims`) are shown beside the runs, on the benchmarks that were measured, as reported
    and not measured.

    Raises:
        InputError: a folder holds no finished run, a run is damaged, a package that draws is not installed, or there
            is nothing to report on.
    """
    found = [run if isinstance(run, RunResult | Training | Dataset) else read(Path(run)) for run in runs]
    measured = [run for run in found if isinstance(run, RunResult)]
    trainings = [run for run in found if isinstance(run, Training)]
    datasets = [run for run in found if isinstance(run, Dataset)]
    if not found:
        raise InputError("there is nothing to report on; name the folder of a run")
    comparison = compare(measured, claims)
    try:
        if form == "md":
            from sparkgap.report.markdown import markdown

            return markdown(comparison, differences(comparison, claims), trainings, datasets, title)
        from sparkgap.report.page import html_page

        return html_page(comparison, differences(comparison, claims), trainings, datasets, title)
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] in {"altair", "jinja2", "vl_convert"}:
            raise InputError(
                f"{fault.name} is not installed, which draws reports; pip install 'sparkgap[report]'"
            ) from fault
        raise


def read(folder: Path, name: str = "") -> RunResult | Training | Dataset:
    """Return what is in a folder of a run or a dataset, whichever it is; `name` is what it is called in the report.

    Raises:
        InputError: there is no finished run in it.
    """
    if is_dataset(folder):
        return read_dataset(folder, name)
    return read_training(folder, name) if is_training(folder) else read_result(folder, name)


callable_module(__name__, report)

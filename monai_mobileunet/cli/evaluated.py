"""An evaluation on the console: means over cases, and what they leave out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from monai_mobileunet.cli.tables import NumberColumn, fitted_table
from monai_mobileunet.cli.terminal import console
from monai_mobileunet.data.errors import listed
from monai_mobileunet.evaluation.results import Outcome
from monai_mobileunet.evaluation.summary import FEWEST, ClassSummary, Estimate, metrics_in
from monai_mobileunet.reports.evaluation import Evaluation
from monai_mobileunet.reports.evaluation_report import signed_form
from monai_mobileunet.wording import counted

__all__ = ["evaluation_table"]


def evaluation_table(evaluation: Evaluation) -> Table:
    """Means over cases with their intervals, and what the means leave out."""
    summaries = evaluation.summaries
    ranks = {"dice": None, "hd95": 3, "surface_dice": 2, "asd": 1}
    columns = []
    for metric in metrics_in(evaluation.in_pixels):
        cells = [_cell(summary.metrics[metric.attribute], 2 if metric.unit else 3) for summary in summaries]
        columns.append(NumberColumn(metric.heading, cells, ranks[metric.attribute]))
    agreed = [evaluation.agreement(summary) for summary in summaries]
    signed = signed_form(evaluation, summaries)
    biases = [signed % one.bias if one else "–" for one in agreed]
    columns.append(NumberColumn(f"bias, {evaluation.size.unit}", biases, 4))
    counts = [
        "\n".join(
            f"{count} {outcome.value}" if outcome is not Outcome.BOTH else str(count)
            for outcome, count in summary.outcomes.items()
            if count
        )
        for summary in summaries
    ]
    columns.append(NumberColumn("cases", counts))
    names = [
        summary.name + (f"\n({', '.join(map(str, made_of))})" if made_of else "")  # a region's tell it from a class
        for summary, made_of in zip(summaries, evaluation.made_of, strict=True)
    ]
    return fitted_table(console, _title(evaluation, summaries), "class", names, columns, "classes.csv")


def _title(evaluation: Evaluation, summaries: Sequence[ClassSummary]) -> str:
    """What the numbers are."""
    beside = [one.beside for summary in summaries for one in summary.metrics.values() if one]
    ranges = {one.is_range for one in beside if one}
    below = ["their 95 % intervals"] if False in ranges else []
    below += [f"in brackets the lowest and highest of fewer than {FEWEST} cases"] if True in ranges else []
    measured = f"{len(evaluation.measured):,} of {counted(len(evaluation.cases), 'case')}: means"
    return f"{measured}; below {listed(below)}" if below else measured


def _cell(known: Estimate | None, digits: int) -> str:
    if known is None:
        return "–"
    beside = known.beside
    ends = (beside.low, beside.high) if beside else ()
    text = "–".join(f"{end:.{digits}f}".removeprefix("0") for end in ends)
    return f"{known.mean:.{digits}f}\n{f'({text})' if beside and beside.is_range else text}"

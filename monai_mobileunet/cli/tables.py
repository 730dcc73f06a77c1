"""Results as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from monai_mobileunet.networks.info import NetworkInfo

if TYPE_CHECKING:
    from monai_mobileunet.bundle.export import ExportResult
    from monai_mobileunet.reports.evaluation_report import Evaluation

__all__ = ["evaluation_table", "exports_table", "groups_table", "variants_table"]


def evaluation_table(evaluation: Evaluation) -> Table:
    """Means over cases with their intervals, and what the means leave out."""
    from monai_mobileunet.evaluation.metrics import Outcome
    from monai_mobileunet.evaluation.summary import METRICS, Estimate

    def cell(known: Estimate | None, digits: int) -> str:
        if known is None:
            return "–"
        ends = () if known.low is None or known.high is None else (known.low, known.high)
        interval = "–".join(f"{end:.{digits}f}".removeprefix("0") for end in ends)
        return f"{known.mean:.{digits}f}\n{interval}"

    title = f"{len(evaluation.measured)} of {len(evaluation.cases)} cases: means, and their 95 % intervals below"
    table = Table("class", title=title, box=SIMPLE, pad_edge=False)
    for column in (*(f"{m.title}, {m.unit}" if m.unit else m.title for m in METRICS), "bias, ml", "cases"):
        table.add_column(column)
    for summary in evaluation.classes:
        values = [cell(summary.metrics[m.attribute], 2 if m.unit else 3) for m in METRICS]
        counts = (
            f"{count} {outcome.value}" if outcome is not Outcome.BOTH else str(count)
            for outcome, count in summary.outcomes.items()
            if count
        )
        bias = f"{summary.volume.bias:+.3f}" if summary.volume else "–"
        table.add_row(escape(summary.name), *values, bias, "\n".join(counts))
    return table


def exports_table(results: Sequence[ExportResult]) -> Table:
    """How exported networks differ from torch."""
    table = Table("format", "files", "largest difference", "voxels changed", "Dice to torch", title="Parity with torch")
    for result in results:
        parity = result.parity
        if parity is None:
            table.add_row(result.kind, "none")
            continue
        files = ", ".join(path.name for path in result.files) or "none"
        difference = f"{parity.largest_difference:.2g} of {parity.largest_score:.3g}"
        changed = f"{parity.changed_voxels:,} of {parity.voxels:,}"
        dice = ", ".join("absent" if value is None else f"{value:.4f}" for value in parity.dice)
        table.add_row(result.kind, files, difference, changed, dice)
    return table


def variants_table(infos: dict[str, NetworkInfo]) -> Table:
    """The named networks, a row each."""
    size = "×".join(map(str, next(iter(infos.values())).size))
    table = Table("variant", "parameters", f"GMAC at {size}", "receptive field")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, info in infos.items():
        table.add_row(name, f"{info.parameters:,}", f"{info.macs / 1e9:.3f}", _field(info))
    return table


def groups_table(info: NetworkInfo) -> Table:
    """What a network is made of."""
    caption = f"receptive field {_field(info)}; heads for deep supervision are counted in the total only"
    table = Table("layers", "parameters", "MMAC", "share of the MACs", caption=caption, show_footer=True)
    for column in table.columns[1:]:
        column.justify = "right"
    for group in info.groups:
        table.add_row(group.name, f"{group.parameters:,}", f"{group.macs / 1e6:.1f}", f"{group.macs / info.macs:.1%}")
    footers = ("total", f"{info.parameters:,}", f"{info.macs / 1e6:.1f}", "")
    for column, footer in zip(table.columns, footers, strict=True):
        column.footer = footer
    return table


def _field(info: NetworkInfo) -> str:
    if info.receptive_field is None:
        return "whole image" if len(info.size) == 2 else "as in 2D"
    return f"{info.receptive_field} px"

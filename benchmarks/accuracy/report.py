"""A comparison of accuracies as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.accuracy.comparison import AccuracyRow
from monai_mobileunet.data.files import replace_file
from monai_mobileunet.evaluation.summary import Estimate

__all__ = ["accuracy_table", "draw_accuracy"]


def accuracy_table(rows: Sequence[AccuracyRow]) -> Table:
    """Dice per class, and its mean beside that of the first network, beside what it costs."""
    first = rows[0]
    table = Table(
        "network",
        *first.dice,
        "mean",
        f"a case, less {first.network} (95 %)",
        "GMAC per volume",
        "s per case",
        "parameters",
        "training",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(
            row.network,
            *(f"{dice:.4f}" for dice in row.dice.values()),
            f"{row.mean_dice:.4f}",
            "" if row is first else _difference(row.difference_to(first)),
            f"{row.macs / 1e9:.2f}",
            "" if row.seconds is None else f"{row.seconds:.2f}",
            "" if row.parameters is None else f"{row.parameters / 1e6:.2f} M",
            "" if row.training_seconds is None else f"{row.training_seconds / 60:.1f} min",
        )
    return table


def _difference(found: Estimate | None) -> str:
    if found is None:
        return ""
    interval = "" if found.low is None else f" ({found.low:+.4f} to {found.high:+.4f})"
    return f"{found.mean:+.4f}{interval}"


def draw_accuracy(rows: Sequence[AccuracyRow], path: Path) -> None:
    """Draw mean Dice against multiply-accumulates per volume, and against seconds per case.

    Args:
        rows: of :func:`benchmarks.accuracy.compare_networks`.
        path: of the PNG file.
    """
    from matplotlib.figure import Figure

    costs: dict[str, list[float | None]] = {
        "GMAC per volume": [row.macs / 1e9 for row in rows],
        "seconds per case, file to file": [row.seconds for row in rows],
    }
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    for axes, (label, values) in zip(figure.subplots(1, 2), costs.items(), strict=True):
        for row, value in zip(rows, values, strict=True):
            if value is None:
                continue
            axes.scatter(value, row.mean_dice, s=50, marker="*" if row.source else "o")
            axes.annotate(row.network, (value, row.mean_dice), xytext=(5, 5), textcoords="offset points", fontsize=8)
        axes.set(xscale="log", xlabel=label, ylabel="mean Dice of the classes")
        axes.margins(x=0.25, y=0.15)
        axes.grid(alpha=0.3, which="both")
    with replace_file(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")

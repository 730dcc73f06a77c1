"""A comparison of accuracies as a table and as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.accuracy.comparison import AccuracyRow

__all__ = ["accuracy_table", "draw_accuracy"]


def accuracy_table(rows: Sequence[AccuracyRow]) -> Table:
    """Dice per class beside what it costs."""
    table = Table("network", *rows[0].dice, "GMAC per volume", "s per case", "parameters", "training")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(
            row.network,
            *(f"{dice:.4f}" for dice in row.dice.values()),
            f"{row.macs / 1e9:.2f}",
            "" if row.seconds is None else f"{row.seconds:.2f}",
            "" if row.parameters is None else f"{row.parameters / 1e6:.2f} M",
            "" if row.training_seconds is None else f"{row.training_seconds / 60:.1f} min",
        )
    return table


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
    temporary = path.with_name(f".{path.name}")
    figure.savefig(temporary, dpi=130, format="png")
    os.replace(temporary, path)

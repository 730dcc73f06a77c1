"""What a planned bundle takes of another's weights, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from monai_mobileunet.cli.terminal import console, printable

if TYPE_CHECKING:
    from monai_mobileunet.planning import Plan

__all__ = ["show_reused"]


def show_reused(planned: Plan) -> None:
    """Print for each part of the network how many parameters are reused; nothing where all start anew."""
    from monai_mobileunet.planning.planner import reused_rows

    rows = reused_rows(planned)
    if not rows:
        return
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("part of the network", no_wrap=True)
    table.add_column("parameters reused", justify="right")
    table.add_column("of", justify="right")
    table.add_column("")
    for part, reused, total in rows:
        table.add_row(part, reused, total, "anew" if reused == "0" else "in part" if reused != total else "")
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    console.print(f"\n{printable(capture.get())}", markup=False, highlight=False, end="")

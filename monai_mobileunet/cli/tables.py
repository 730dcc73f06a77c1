"""Tables on consoles of any width: no number is cut, and what has no room is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from monai_mobileunet.wording import counted

__all__ = ["NumberColumn", "fitted_table"]

NARROWEST = 12
"""Letters of a name that stay on one line where there is little room."""


UNBOUNDED = 100_000
"""Letters of a line that is measured, not printed."""


@dataclass(frozen=True)
class NumberColumn:
    """Numbers of a table, none of which may be cut.

    Attributes:
        heading: which may be wrapped.
        cells: a text for each row; may have several lines.
        rank: those with the lowest are left out first where there is no room; ``None`` stays.
    """

    heading: str
    cells: Sequence[str]
    rank: int | None = None

    @property
    def wrapped(self) -> str:
        """The heading, no wider than the numbers where its words allow that."""
        heading = self.heading.replace(", ", ",\0")  # a unit stays where its comma is
        return "\n".join(wrap(heading, max(_longest(self.cells), *map(len, heading.split())))).replace("\0", " ")

    @property
    def width(self) -> int:
        """Letters of the longest line."""
        return _longest([self.wrapped, *self.cells])


def _longest(texts: Sequence[str]) -> int:
    return max((len(line) for text in texts for line in text.split("\n")), default=0)


def fitted_table(
    console: Console, title: str, heading: str, names: Sequence[str], columns: Sequence[NumberColumn], elsewhere: str
) -> Table:
    """A table with a row for each name, and as many of the columns as the console is wide enough for.

    Args:
        console: where it will be printed.
        title: above it.
        heading: of the names, which are wrapped where they have to be.
        names: of the rows; may have several lines.
        columns: of numbers.
        elsewhere: the file in which all columns stand, named where some have no room.
    """
    shown, left_out = list(columns), []
    unbounded = console.options.update(max_width=UNBOUNDED)
    while True:
        table = Table(box=SIMPLE, pad_edge=False)
        table.add_column(heading, overflow="fold", min_width=min(_longest(names), NARROWEST))
        for column in shown:
            table.add_column(column.wrapped, no_wrap=True, min_width=column.width)
        for row, name in enumerate(names):
            table.add_row(escape(name), *(escape(column.cells[row]) for column in shown))
        optional = [column for column in shown if column.rank is not None]
        if not optional or Measurement.get(console, unbounded, table).minimum <= console.width:
            break
        least = min(optional, key=lambda column: column.rank or 0)
        shown.remove(least)
        left_out.append(least.heading)
    if left_out:
        missing = counted(len(left_out), "column has", "columns have")
        table.caption = f"{missing} no room here: {'; '.join(reversed(left_out))}. See {elsewhere}."
    table.title = title
    return table

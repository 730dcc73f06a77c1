"""Progress over cases, on a terminal and in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from monai_mobileunet.cli.terminal import printable

if TYPE_CHECKING:
    from monai_mobileunet.reports.case_row import CaseRow

__all__ = ["case_progress"]

SPEED_OVER = 6 * 3600.0  # s; a case may take longer than the half minute that rich looks back
LINE_EVERY = 60.0  # s, where there is no terminal: a log over days stays readable


@contextmanager
def case_progress(console: Console, total: int) -> Iterator[Callable[[CaseRow], None]]:
    """A bar with the time that is left, and failures above it as they come; without a terminal a line a minute."""
    if not console.is_terminal:
        yield _lines(console, total)
        return
    columns = (
        *(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
        *(TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.description}", markup=False)),
    )
    with Progress(*columns, console=console, speed_estimate_period=SPEED_OVER) as progress:
        bar = progress.add_task("", total=total)

        def note(row: CaseRow) -> None:
            if row.problem:
                text = printable(f"{row.case}: {row.problem}")
                progress.console.print(text, style="red", markup=False, highlight=False)
            progress.update(bar, advance=1, description=printable(row.case))

        yield note


def _lines(console: Console, total: int) -> Callable[[CaseRow], None]:
    started = last = time.monotonic()
    done = 0

    def note(row: CaseRow) -> None:
        nonlocal last, done
        done += 1
        now = time.monotonic()
        if now - last >= LINE_EVERY:
            last = now
            left = (now - started) / done * (total - done)
            console.print(f"{done} of {total}, about {left / 60:.0f} min left", highlight=False)

    return note

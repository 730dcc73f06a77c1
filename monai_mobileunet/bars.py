"""Progress of what takes time: on a terminal only, and what is said meanwhile stands in lines of its own above it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["LoggedProgress", "bar"]


class LoggedProgress(Progress):
    """:class:`rich.progress.Progress` that goes away at its end, and above which logged lines go on.

    rich shows above its bars what is printed; a handler of logging holds the terminal itself, and its line would stand
    behind the bar. While the bars are shown, such handlers write through rich, too. What goes into a file goes on so.

    Args:
        columns: as for :class:`rich.progress.Progress`.
        console: the terminal.
    """

    def __init__(self, *columns: Any, console: Console) -> None:
        shares_stdout = sys.stdout is not None and sys.stdout.isatty()
        super().__init__(*columns, console=console, transient=True, redirect_stdout=shares_stdout)
        self._moved: list[tuple[logging.StreamHandler, Any]] = []

    def start(self) -> None:
        """Show the bars."""
        super().start()
        for handler in _handlers_on_terminals():
            self._moved.append((handler, handler.stream))
            handler.setStream(FileProxy(self.console, handler.stream))

    def stop(self) -> None:
        """Take the bars away."""
        for handler, stream in self._moved:
            handler.setStream(stream)
        self._moved.clear()
        super().stop()


def _handlers_on_terminals() -> Iterator[logging.StreamHandler]:
    loggers = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    for logger in loggers:
        for handler in logger.handlers if isinstance(logger, logging.Logger) else ():
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                isatty = getattr(handler.stream, "isatty", None)
                if isatty is not None and isatty() and not isinstance(handler.stream, FileProxy):
                    yield handler


@contextmanager
def bar(doing: str, total: int, shown: bool = True, console: Console | None = None) -> Iterator[Callable[[], None]]:
    """A bar with the time that is left.

    Args:
        doing: what takes time.
        total: how many steps it has.
        shown: whether to show it at all.
        console: where it is shown, if that is a terminal; by default stderr.

    Yields:
        A function to be called after each step, from any thread.
    """
    console = console or Console(stderr=True)
    if not shown or not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with LoggedProgress(*columns, console=console) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda: progress.advance(task)

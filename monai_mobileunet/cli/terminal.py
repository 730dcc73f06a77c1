"""How commands talk: steps, progress and errors, on any console."""

from __future__ import annotations

import codecs
import io
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from typer.core import TyperGroup

if TYPE_CHECKING:
    from monai_mobileunet.case_record import CaseRecord

__all__ = [
    "INTERRUPTED",
    "LOGGER",
    "SafeGroup",
    "aloud",
    "case_progress",
    "console",
    "fail",
    "log_file",
    "logged_by",
    "make_safe",
    "on_stderr",
    "printable",
    "said_errors",
    "say_error",
    "steps",
    "stoppable",
]

LOGGER = "monai_mobileunet"
"""Of this package."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

SPEED_OVER = 6 * 3600.0  # s; a case may take longer than the half minute that rich looks back
LINE_EVERY = 60.0  # s, where there is no terminal: a log over days stays readable

PLAIN = {"→": "->", "…": "...", "–": "-", "—": "-", "×": "x", "·": "*", "’": "'", "“": '"', "”": '"', "µ": "u"}
"""What we write ourselves, for a console that does not have these letters."""

SPINNERS = {False: "dots", True: "line"}
"""By whether the console has ASCII only."""

READABLE = "monai_mobileunet.readable"
"""Name of the handler of errors for what a console cannot show."""


class _Console(Console):
    """A console that goes on when nobody reads it any more: the work, its files and its exit code matter more."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # what Python flushes at its end goes there, too


console = _Console()
"""Where all commands print."""


class SafeGroup(TyperGroup):
    """The commands, on consoles of any encoding: what one cannot show is written in letters that it can."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command."""
        make_safe(sys.stdout, sys.stderr)
        return super().main(*args, **kwargs)


def make_safe(*streams: object) -> None:
    """Let streams take any text: a console need not have our letters, nor those of file names.

    Args:
        streams: text streams; what is none, or ``None`` where there is no console, is left as it is.
    """
    codecs.register_error(READABLE, _readable)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=READABLE)


def _readable(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    kept = error.object[error.start]
    return PLAIN.get(kept) or kept.encode("ascii", "backslashreplace").decode(), error.start + 1


def printable(text: object) -> str:
    """Text that does nothing to a terminal but stand there: a file name may hold any bytes, and be none in UTF-8."""
    shown = str(text).encode("utf-8", "backslashreplace").decode()
    return "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


@contextmanager
def on_stderr(wanted: bool = True) -> Iterator[None]:
    """Print on stderr what is meant for people, where stdout is for a file or another program."""
    before, console.stderr = console.stderr, wanted
    try:
        yield
    finally:
        console.stderr = before


@contextmanager
def aloud() -> Iterator[None]:
    """Print although the command was asked to be quiet."""
    before, console.quiet = console.quiet, False
    try:
        yield
    finally:
        console.quiet = before


said_errors: list[str] = []
"""The errors that the command has printed."""


def say_error(text: object) -> None:
    """Print an error as it is, whatever brackets it holds."""
    said_errors.append(printable(text))
    with aloud():
        console.print(f"error: {said_errors[-1]}", style="red", markup=False, highlight=False, soft_wrap=True)


def fail(error: BaseException, text: str | None = None) -> NoReturn:
    """Say what is wrong, in other words than the error's where given, and end with exit code 1."""
    say_error(text or error)
    raise typer.Exit(1) from error


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Show the step that runs: in place on a terminal, line by line elsewhere."""
    if not console.is_terminal:
        yield console.print
        return
    with console.status("starting", spinner=SPINNERS[console.options.ascii_only]) as status:
        yield status.update


@contextmanager
def case_progress(console: Console, total: int) -> Iterator[Callable[[CaseRecord], None]]:
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

        def show(record: CaseRecord) -> None:
            if record.trouble:
                text = printable(f"{record.name}: {record.trouble}")
                progress.console.print(text, style="red", markup=False, highlight=False)
            progress.update(bar, advance=1, description=printable(record.name))

        yield show


def _lines(console: Console, total: int) -> Callable[[CaseRecord], None]:
    started = last = time.monotonic()
    done = 0

    def show(record: CaseRecord) -> None:
        nonlocal last, done
        done += 1
        now = time.monotonic()
        if now - last >= LINE_EVERY:
            last = now
            left = (now - started) / done * (total - done)
            console.print(f"{done} of {total}, about {left / 60:.0f} min left", highlight=False)

    return show


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Keep what is logged in a file, not on the terminal, where it would tear a progress bar; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with logged_by(logging.FileHandler(path, encoding="utf-8", errors="backslashreplace"), logging.getLogger()):
        yield


@contextmanager
def logged_by(handler: logging.Handler, logger: logging.Logger) -> Iterator[None]:
    """Let a handler have what is logged, of this package from INFO on; it is closed at the end.

    Args:
        handler: gets each record with its time.
        logger: of the records: that of this package, or the root for those of others, too.
    """
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger(LOGGER)
    level = ours.level
    logger.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(level)
        logger.removeHandler(handler)
        handler.close()


@contextmanager
def stoppable() -> Iterator[None]:
    """Take a request to end, of a scheduler or a terminal that closes, as Ctrl-C: finish what is being written."""

    def stop(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield
        return
    kinds = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {kind: signal.getsignal(kind) for kind in kinds}
    for kind, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup
            signal.signal(kind, stop)
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)

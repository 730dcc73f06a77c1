"""How commands talk: steps, progress, errors, and the values that users type."""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from typer.core import TyperGroup

if TYPE_CHECKING:
    from monai_mobileunet.case_record import CaseRecord

__all__ = [
    "INTERRUPTED",
    "PROJECT",
    "TRUST",
    "SafeGroup",
    "bundle_folder",
    "case_progress",
    "console",
    "fail",
    "log_file",
    "make_safe",
    "one_of",
    "overrides",
    "printable",
    "say_error",
    "steps",
    "stoppable",
    "well_formed",
]

PROJECT = Path(__file__).resolve().parents[2]
"""The checkout, where the package is used from one."""

T = TypeVar("T")
TRUST = "A bundle is code: only one you trust."
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


def say_error(text: object) -> None:
    """Print an error as it is, whatever brackets it holds."""
    console.print(f"error: {printable(text)}", style="red", markup=False, highlight=False, soft_wrap=True)


def fail(error: BaseException, text: str | None = None) -> NoReturn:
    """Say what is wrong, in other words than the error's where given, and end with exit code 1."""
    say_error(text or error)
    raise typer.Exit(1) from error


def one_of(names: Iterable[str]) -> Callable[[T], T]:
    """A callback for an option that takes one of several names, or a list of such options."""
    known = tuple(names)

    def check(given: T) -> T:
        for name in given if isinstance(given, list) else [given]:
            if name is not None and name not in known:
                raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}.")
        return given

    return check


def well_formed(changes: list[str] | None) -> list[str] | None:
    """A callback for ``--set``: what is not ``id=value`` is refused before anything is imported."""
    overrides(changes or [])
    return changes


def overrides(changes: Sequence[str], bundle: Path | None = None, *files: str) -> dict[str, Any]:
    """``id=value`` as MONAI's command line takes them: values in JSON, or else as text.

    Args:
        changes: what was typed.
        bundle: folder of the bundle that has to have a place for them; ``None`` leaves that to who opens it.
        files: its configs that the command uses.
    """
    values: dict[str, Any] = {}
    for change in changes:
        name, found, value = change.partition("=")
        if not found:
            raise typer.BadParameter(f"{change!r} is not id=value.", param_hint="--set")
        try:
            values[name] = json.loads(value)
        except json.JSONDecodeError:
            values[name] = value
    if values and bundle is not None:
        from monai_mobileunet.bundle.changes import check_changes

        try:
            check_changes(bundle, values, files)
        except ValueError as error:
            say_error(error)
            raise typer.Exit(2) from error
    return values


def bundle_folder(given: Path | None) -> Path:
    """A bundle by its folder, or by its name where the package lies in a checkout that has it.

    Raises:
        FileNotFoundError: neither; the known names are listed.
    """
    known = PROJECT / "bundles"
    if given is not None and (given / "configs").is_dir():
        return given
    if given is not None and given.name == str(given) and (known / given / "configs").is_dir():
        return known / given
    names = (
        ", ".join(sorted(path.name for path in known.iterdir() if (path / "configs").is_dir()))
        if known.is_dir()
        else ""
    )
    problem = "no bundle is named" if given is None else f"{given}: no bundle, it has no configs/"
    raise FileNotFoundError(f"{problem}. Name the folder of one with -m{f', or one of {names}' if names else ''}.")


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
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root, ours = logging.getLogger(), logging.getLogger("monai_mobileunet")
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(level)
        root.removeHandler(handler)
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

"""How commands talk: steps, errors, and the values that users type."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console

__all__ = [
    "PROJECT",
    "bundle_folder",
    "console",
    "fail",
    "log_file",
    "overrides",
    "printable",
    "say_error",
    "steps",
    "stoppable",
]

PROJECT = Path(__file__).resolve().parents[2]
"""The checkout, where the package is used from one."""

console = Console()


def printable(text: object) -> str:
    """Text that every terminal takes: a file name need not be UTF-8."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def say_error(text: object) -> None:
    """Print an error as it is, whatever brackets it holds."""
    console.print(f"error: {printable(text)}", style="red", markup=False, highlight=False, soft_wrap=True)


def fail(error: BaseException, text: str | None = None) -> NoReturn:
    """Say what is wrong, in other words than the error's where given, and end with exit code 1."""
    say_error(text or error)
    raise typer.Exit(1) from error


def overrides(changes: Sequence[str]) -> dict[str, Any]:
    """``id=value`` as MONAI's command line takes them: values in JSON, or else as text."""
    values: dict[str, Any] = {}
    for change in changes:
        name, found, value = change.partition("=")
        if not found:
            raise typer.BadParameter(f"{change!r} is not id=value.", param_hint="--set")
        try:
            values[name] = json.loads(value)
        except json.JSONDecodeError:
            values[name] = value
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
    with console.status("starting") as status:
        yield status.update


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

"""How much a command prints, and where: all, warnings and errors alone, the log too, or one JSON document."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any, TextIO

import typer

from monai_mobileunet.cli.terminal import LOGGER, aloud, console, logged_by, printable, said_errors, say_error

if TYPE_CHECKING:
    from monai_mobileunet.data import Finding

__all__ = ["conclude", "document", "say", "say_plan", "say_warning", "show_findings", "shows_progress", "speaking"]

WARNING = "warning: "


def say(text: object, style: str | None = None) -> None:
    """Print a line as it is; ``--quiet`` leaves it out."""
    console.print(printable(text), style=style, markup=False, highlight=False, soft_wrap=True)


def say_warning(text: object) -> None:
    """Print a warning; ``--quiet`` does, too."""
    with aloud():
        say(f"{WARNING}{text}", "yellow")


def say_plan(lines: Iterable[str]) -> None:
    """Print what will be done, and the warnings in it as such."""
    for line in lines:
        if line.startswith(WARNING):
            say_warning(line.removeprefix(WARNING))
        else:
            say(line)


def show_findings(findings: Iterable[Finding]) -> None:
    """Print what was found in data: errors and warnings."""
    for finding in findings:
        if finding.warning:
            say_warning(finding)
        else:
            say_error(finding)


def shows_progress() -> bool:
    """Whether bars are of use: on a terminal, unless the command is quiet."""
    return console.is_terminal and not console.quiet


def conclude(text: object) -> None:
    """Print the last line of a command, which says what came of it; ``--quiet`` does, too."""
    with aloud():
        say(text)


class _Document:
    """The JSON document that a command prints with ``--json``: exactly one, alone on stdout."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None

    @property
    def wanted(self) -> bool:
        """Whether the command that runs has to print one, and has not yet."""
        return self._stream is not None

    def write(self, content: Any) -> None:
        """Print it, where one is wanted.

        Args:
            content: what JSON can hold; text is JSON already, as a file holds it.
        """
        if self._stream is not None:
            text = content if isinstance(content, str) else json.dumps(content, indent=2, allow_nan=False)
            with suppress(BrokenPipeError):  # who asked has what it wanted; the exit code is that of the work
                self._stream.write(text.rstrip("\n") + "\n")
                self._stream.flush()
            self._stream = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep stdout for it; whatever prints there, libraries and other processes among it, prints on stderr."""
        with _only_to_stderr() as stream, redirect_stdout(sys.stderr):
            self._stream = stream
            try:
                yield
            finally:
                self._stream = None


document = _Document()
"""What all commands print with ``--json``."""


@contextmanager
def _only_to_stderr() -> Iterator[TextIO]:
    """A stream to what stdout is, while its file descriptor leads to stderr."""
    stdout = sys.__stdout__
    if stdout is None or stdout is not sys.stdout:  # of a program that calls the command, with a stream of its own
        yield sys.stdout
        return
    stdout.flush()
    number = stdout.fileno()
    with os.fdopen(os.dup(number), "w", encoding="utf-8", errors="backslashreplace") as stream:
        os.dup2(sys.stderr.fileno(), number)
        try:
            yield stream
        finally:
            stdout.flush()
            os.dup2(stream.fileno(), number)


@contextmanager
def speaking(quiet: bool = False, verbose: bool = False, as_json: bool = False) -> Iterator[None]:
    """Let a command print as its options ask for.

    Args:
        quiet: print warnings, errors and the last line alone.
        verbose: print what is logged, and where an error that ends the command comes from.
        as_json: print one JSON document on stdout, and all else on stderr.
    """
    said_errors.clear()
    with ExitStack() as stack:
        if as_json:
            stack.enter_context(document.alone())
        if verbose:
            stack.enter_context(logged_by(_Printed(), logging.getLogger(LOGGER)))
        stack.enter_context(_quiet(quiet))
        try:
            yield
        except typer.Exit as ended:
            if verbose and ended.__cause__ is not None:
                traceback.print_exception(ended.__cause__)
            if ended.exit_code:
                document.write({"errors": list(said_errors)})
            raise


@contextmanager
def _quiet(wanted: bool) -> Iterator[None]:
    before = console.quiet
    console.quiet = wanted or before
    try:
        yield
    finally:
        console.quiet = before


class _Printed(logging.Handler):
    """Prints what is logged on the console, where it does not tear a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line."""
        say(self.format(record), "dim")

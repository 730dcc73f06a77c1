"""Commands that show a page in the browser until Ctrl-C: ports, browsers and the end."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from monai_mobileunet.cli.terminal import say_error, stoppable
from monai_mobileunet.cli.voice import conclude

if TYPE_CHECKING:
    from monai_mobileunet.loopback import LoopbackServer

__all__ = ["Browser", "Port", "listening", "serve_until_stopped"]

Server = TypeVar("Server", bound="LoopbackServer")

Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port to listen at. 0 takes a free port.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser, or not.")]


def listening(port: int, serve: Callable[[int], Server]) -> Server:
    """A server at a port; where that cannot be listened at, the command ends with exit code 2."""
    try:
        return serve(port)
    except OSError as error:
        say_error(f"Port {port} cannot be listened at ({error.strerror}). Choose another one with --port.")
        raise typer.Exit(2) from error


def serve_until_stopped(server: LoopbackServer, url: str) -> None:
    """Answer requests until Ctrl-C.

    Args:
        server: what answers them.
        url: address of the page that is opened in a browser; nothing is opened if it is empty.
    """
    with server, stoppable():
        try:
            with _opened(url):
                server.serve_forever()
        except KeyboardInterrupt:
            conclude("The page has ended.")


@contextmanager
def _opened(url: str) -> Iterator[None]:
    """Open a page in a browser, by a file that only this user can read: others see the words of a command line.

    Args:
        url: address of the page; nothing is opened if it is empty.
    """
    if not url:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="mobileunet") as folder:
        page = Path(folder, "page.html")
        page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={url}">', encoding="utf-8")
        webbrowser.open(page.as_uri())
        yield

"""A site on this machine alone, with the headers that let its page use several threads."""

from __future__ import annotations

import logging
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from monai_mobileunet.loopback import ELSEWHERE, KINDS, LoopbackServer, asked_from_here

__all__ = ["HEADERS", "SiteServer"]

logger = logging.getLogger(__name__)

HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""The first two isolate the page, without which browsers give it no memory that threads share."""

TYPES = {
    **KINDS,
    ".mjs": KINDS[".js"],
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".gz": "application/gzip",  # the page itself unpacks it, so no Content-Encoding says that it is packed
    ".txt": "text/plain; charset=utf-8",
}
OTHER = "application/octet-stream"


class SiteServer(LoopbackServer):
    """Serves a site to the person at this machine.

    Args:
        folder: of the site.
        port: port to listen at; 0 takes a free one.

    Raises:
        OSError: the port cannot be listened at.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder.resolve()
        super().__init__(port, partial(_Handler, directory=str(self.folder)))


class _Handler(SimpleHTTPRequestHandler):
    """Answers one request for a file."""

    protocol_version = "HTTP/1.1"

    def guess_type(self, path: Any) -> str:
        """The media type of a file, whatever the operating system takes it for."""
        return TYPES.get(Path(path).suffix, OTHER)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)

    def end_headers(self) -> None:
        """Add those of this server to those of a file."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def send_head(self) -> Any:
        """Answer only who asks for this machine, and only with files of the site."""
        if not asked_from_here(self.headers):
            self.send_error(HTTPStatus.FORBIDDEN, ELSEWHERE)
            return None
        root = Path(self.directory)
        if not Path(self.translate_path(self.path)).resolve().is_relative_to(root):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        """The folders of a site are no pages."""
        self.send_error(HTTPStatus.NOT_FOUND)

"""What pages on this machine alone have in common: a server at the loopback address that answers nobody else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

__all__ = ["ELSEWHERE", "KINDS", "LOOPBACK", "LoopbackServer", "asked_from_here"]

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
HOSTS = frozenset({LOOPBACK, "localhost", "[::1]"})
"""Names by which a browser may ask; a page of another site that was bound to this address asks by its own name."""

ELSEWHERE = "This page is for this machine alone."
"""The answer to a request that is not from this machine."""

KINDS = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
"""Media types of the files that pages consist of; what an operating system knows of them differs."""


class LoopbackServer(ThreadingHTTPServer):
    """A server that other machines do not reach.

    Args:
        port: port to listen at; 0 takes a free one.
        handler: answers a request; it asks :func:`asked_from_here` first.

    Raises:
        OSError: the port cannot be listened at.
    """

    daemon_threads = True

    def __init__(self, port: int, handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        super().__init__((LOOPBACK, port), handler)

    @property
    def address(self) -> str:
        """The address of the server, with a slash at its end."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that has gone is no error; anything else is logged, and the next request is answered."""
        if not isinstance(sys.exception(), ConnectionError):
            logger.exception("A request was not answered.")


def asked_from_here(headers: Message) -> bool:
    """Whether a request is meant for this machine, and comes from a page of this machine.

    Args:
        headers: of the request.
    """
    host, origin = headers.get("Host", ""), headers.get("Origin")
    return _name(host) in HOSTS and (not origin or _name(urlsplit(origin).netloc) in HOSTS)


def _name(host: str) -> str:
    """The name in a host, without its port."""
    return host.rsplit(":", 1)[0] if ":" in host.rpartition("]")[2] else host

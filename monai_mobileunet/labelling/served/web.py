"""MONAI Label's web service, closed to the pages of other sites. uvicorn imports it in the server's environment."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from monailabel.app import app as monai_label
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from monai_mobileunet.labelling.server import HOSTS

__all__ = ["OwnPagesOnly", "app"]


class OwnPagesOnly:
    """Refuse what a page of another site asks for.

    MONAI Label 0.8.5 answers every origin, and with its own setting for that it does not start. Without a password
    any page that is open in the annotator's browser could then read images and start trainings. Programs such as
    3D Slicer name no origin. A page whose name was bound to this machine's address after it was loaded is known by
    the name that it asks for.

    Args:
        app: what answers the others.
        hosts: names that this server is asked for by; empty for any.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        self.hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] in ("http", "websocket") and (problem := self._problem(Headers(scope=scope))):
            await PlainTextResponse(f"This server answers its own pages and programs only: {problem}.", 403)(
                scope, receive, send
            )
            return
        await self.app(scope, receive, send)

    def _problem(self, headers: Headers) -> str:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.hosts and urlsplit(f"//{host}").hostname not in self.hosts:
            return f"it is not {host}"
        if origin is not None and urlsplit(origin).netloc != host:
            return f"not {origin}"
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return "not another site's"
        return ""


app = OwnPagesOnly(monai_label, json.loads(os.environ.get(HOSTS, "[]")))

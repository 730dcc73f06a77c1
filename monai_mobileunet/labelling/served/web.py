"""MONAI Label's web service, closed to the pages of other sites. uvicorn imports it in the server's environment."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from monailabel.app import app as monai_label
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monai_mobileunet.labelling.server import HOSTS

__all__ = ["OwnPagesOnly", "app"]


OHIF = "/ohif"
"""Where OHIF's pages lie."""


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
        await self.app(scope, receive, _name_the_server(scope, send) if _is_ohif(scope) else send)

    def _problem(self, headers: Headers) -> str:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.hosts and urlsplit(f"//{host}").hostname not in self.hosts:
            return f"it is not {host}"
        if origin is not None and urlsplit(origin).netloc != host:
            return f"not {origin}"
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return "not another site's"
        return ""


def _is_ohif(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["path"].startswith(f"{OHIF}/")


def _name_the_server(scope: Scope, send: Send) -> Send:
    """Let OHIF's panel ask the server that its page came from.

    The panel has the server's address from a cookie, and without one takes port 8000 of the same machine. Browsers
    share cookies among ports, so each page names its own.
    """
    server = f"{scope['scheme']}://{Headers(scope=scope).get('host', '')}/"

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/html"):
                headers.append("set-cookie", f"MONAILABEL_SERVER_URL={server}; Path={OHIF}; SameSite=Strict")
        await send(message)

    return send_with_cookie


app = OwnPagesOnly(monai_label, json.loads(os.environ.get(HOSTS, "[]")))

"""MONAI Label's web service, closed to the pages of other sites. uvicorn imports it in the server's environment."""

from __future__ import annotations

from urllib.parse import urlsplit

from monailabel.app import app as monai_label
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["SameOrigin", "app"]


class SameOrigin:
    """Refuse what a page of another site asks for.

    MONAI Label 0.8.5 answers every origin, and with its own setting for that it does not start. Without a password
    any page that is open in the annotator's browser could then read images and start trainings. Programs such as
    3D Slicer name no origin.

    Args:
        app: what answers the others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = Headers(scope=scope) if scope["type"] in ("http", "websocket") else Headers()
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            refusal = f"This server answers its own pages and programs only, not {origin}."
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)
            return
        await self.app(scope, receive, send)


app = SameOrigin(monai_label)

"""The page on this machine alone: an HTTP server at the loopback address, behind a key that only its address holds."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.loopback import ELSEWHERE, KINDS, LoopbackServer, asked_from_here
from monai_mobileunet.review import Verdict, read_verdicts, write_verdicts
from monai_mobileunet.shipped import shipped_folder
from monai_mobileunet.viewing.shown import Shown, ShownCase
from monai_mobileunet.viewing.volumes import image_nifti, label_nifti, mask_nifti, shown_image
from monai_mobileunet.wording import readable

__all__ = ["ViewServer"]

logger = logging.getLogger(__name__)

FOLDERS = ("view", "viewer", "pipeline", "vendor")
"""Of the web pages that come with the package, those that this one is made of."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self' data: blob:; font-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

LONGEST = 64 * 1024
"""Bytes of a verdict with its note."""


class ViewServer(LoopbackServer):
    """Serves one page to the person at this machine.

    Other users of the machine would need :attr:`url`, which holds a key; other machines are not answered at all.

    Args:
        shown: what the page shows.
        port: port to listen at; 0 takes a free one.

    Raises:
        OSError: the port cannot be listened at.
        DataError: the table of verdicts cannot be understood.
    """

    def __init__(self, shown: Shown, port: int = 0) -> None:
        self.shown, self.key = shown, secrets.token_urlsafe(16)
        self._writing = threading.Lock()
        if shown.review is not None:
            read_verdicts(shown.review)
        super().__init__(port, _Handler)

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"{self.address}{self.key}/view/index.html"

    @property
    def unknown_names(self) -> list[str]:
        """Names in the table of verdicts that no case has."""
        review = self.shown.review
        known = {readable(case.name) for case in self.shown.cases}
        return [name for name in (read_verdicts(review) if review else {}) if name not in known]

    def describe(self) -> dict[str, Any]:
        """The cases and their verdicts, as the page reads them."""
        review = self.shown.review
        return self.shown.as_json(read_verdicts(review) if review else {})

    def keep_verdict(self, case: ShownCase, quality: str, note: str) -> None:
        """Write a verdict to the table; an empty one takes the former away.

        Raises:
            DataError: the table cannot be understood.
            ValueError: no table is kept, or there is no such verdict.
            OSError: the table cannot be written.
        """
        review = self.shown.review
        if review is None:
            raise ValueError("Verdicts are not kept. Start the page with --review FOLDER.")
        with self._writing:
            verdicts = read_verdicts(review)
            verdicts.pop(readable(case.name), None)
            if quality:
                verdicts[readable(case.name)] = Verdict.given_now(quality, note)
            write_verdicts(review, verdicts)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: ViewServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)

    def _answer(self, act: Callable[[list[str]], None]) -> None:
        """Whatever is wrong with one request, the next one is answered."""
        try:
            key, *parts = urlsplit(self.path).path.strip("/").split("/")
            if not asked_from_here(self.headers):
                self._refuse(HTTPStatus.FORBIDDEN, ELSEWHERE)
            elif not secrets.compare_digest(key.encode(), self.server.key.encode()):
                self._refuse(HTTPStatus.FORBIDDEN, "Open the address that mobileunet view has printed.")
            else:
                act(parts)
        except (BrokenPipeError, ConnectionResetError):  # the browser has gone on to another case
            self.close_connection = True
        except ValueError as error:  # of data, of a table of verdicts, or of a request
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except OSError as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, f"{error.filename or self.path}: {error.strerror or error}.")
        except Exception as error:
            logger.exception("%s: was not answered", self.path)
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"The file was not read ({root_cause(error)}).")

    def _get(self, parts: list[str]) -> None:
        match parts:
            case ["cases.json"]:
                self._send(json.dumps(self.server.describe()).encode(), "application/json")
            case ["cases", number, file] if case := self._case(number):
                self._volume(case, file)
            case [folder, *_] if folder in FOLDERS:
                self._page("/".join(parts))
            case _:
                self._refuse(HTTPStatus.NOT_FOUND, f"There is no {'/'.join(parts)}.")

    def _volume(self, case: ShownCase, file: str) -> None:
        if file == "image.nii":
            image = shown_image(case.images)
            channel = int(parse_qs(urlsplit(self.path).query).get("channel", ["0"])[0])
            facts = {
                "channels": 1 if image.in_pixels else image.channels,
                "in_pixels": image.in_pixels,
                "modality": image.modality,
                "warnings": [readable(str(finding)) for finding in image.warnings],
            }
            self._send(image_nifti(image, channel), "application/octet-stream", {"X-Image": json.dumps(facts)})
        elif file == "mask.nii" and case.masks:
            self._send(mask_nifti(case.masks), "application/octet-stream")
        elif file == "label.nii" and case.label:
            content = label_nifti(case.label, case.images, self.server.shown.class_names)
            self._send(content, "application/octet-stream")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"{case.name} has no {file}.")

    def _page(self, place: str) -> None:
        root = (shipped_folder() / "web").resolve()
        path = (root / place).resolve()
        if not path.is_relative_to(root) or path.suffix not in KINDS or not path.is_file():
            self._refuse(HTTPStatus.NOT_FOUND, f"There is no {place}.")
            return
        self._send(path.read_bytes(), KINDS[path.suffix])

    def _post(self, parts: list[str]) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        if length > LONGEST:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The note is too long.")
            return
        content = json.loads(self.rfile.read(length))
        match parts:
            case ["cases", number, "verdict"] if (case := self._case(number)) and isinstance(content, dict):
                self.server.keep_verdict(case, str(content.get("verdict", "")), str(content.get("note", "")))
                self._send(b"{}", "application/json")
            case _:
                self._refuse(HTTPStatus.NOT_FOUND, f"There is no {'/'.join(parts)}.")

    def _case(self, number: str) -> ShownCase | None:
        cases = self.server.shown.cases
        return cases[int(number)] if number.isdecimal() and int(number) < len(cases) else None

    def _refuse(self, status: HTTPStatus, problem: str) -> None:
        self._send(json.dumps({"error": readable(problem)}).encode(), "application/json", status=status)

    def _send(
        self, content: bytes, kind: str, more: dict[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

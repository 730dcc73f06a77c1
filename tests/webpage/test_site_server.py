"""A site on this machine: isolated, with the right types, for nobody else, and nothing but its files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from monai_mobileunet.webpage.serving import HEADERS, SiteServer
from monai_mobileunet.webpage.site import write_site

BUNDLE = {"bundle/bundle.json": b"{}", "bundle/network.onnx.gz": b"\x1f\x8bpacked", "vendor/one.wasm": b"\0asm"}


@pytest.fixture
def server(small_page: Path, tmp_path: Path) -> Iterator[SiteServer]:
    folder = write_site(tmp_path / "site", "monai_mobileunet 0.1.0", BUNDLE).folder
    (tmp_path / "secret.txt").write_text("not of the site")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    with SiteServer(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(server: SiteServer, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(*server.server_address[:2], timeout=10)  # type: ignore[arg-type]
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response, response.read()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?x=1", "text/html; charset=utf-8"),
        ("/segment/page.js", "text/javascript"),
        ("/vendor/onnxruntime/ort.wasm.bundle.min.mjs", "text/javascript"),
        ("/vendor/one.wasm", "application/wasm"),
        ("/bundle/network.onnx.gz", "application/gzip"),
        ("/bundle/bundle.json", "application/json"),
    ],
)
def test_files_have_their_types_and_the_page_is_isolated(server: SiteServer, path: str, kind: str):
    response, content = ask(server, path)
    assert (response.status, response.headers["Content-Type"]) == (200, kind)
    assert content
    assert response.headers["Content-Encoding"] is None
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/segment/..%2f..%2fsecret.txt", "/link.txt", "/segment/", "/no.js"],
)
def test_nothing_but_the_files_of_the_site_is_given(server: SiteServer, path: str):
    response, content = ask(server, path)
    assert response.status == 404
    assert b"not of the site" not in content


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "evil.example:80"}, {"Origin": "http://evil.example"}]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_asks_for_another_machine_is_refused(server: SiteServer, headers: dict[str, str], method: str):
    response, content = ask(server, "/index.html", method, **headers)
    assert response.status == 403
    assert b"a page" not in content


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:80", "[::1]"])
def test_names_of_this_machine_are_taken(server: SiteServer, host: str):
    assert ask(server, "/", Host=host)[0].status == 200


def test_nothing_can_be_written(server: SiteServer):
    assert ask(server, "/index.html", "POST")[0].status == 501
    assert ask(server, "/index.html", "PUT")[0].status == 501


def test_a_port_in_use_is_refused(server: SiteServer):
    with pytest.raises(OSError, match="in use"):
        SiteServer(server.folder, server.server_address[1])

"""Whether an address is that of a DICOMweb service, asked of real web servers."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from monai_mobileunet.labelling import check_studies

ANSWERS = {
    "/open/studies?limit=1": (200, "application/dicom+json", b"[]"),
    "/empty/studies?limit=1": (204, "", b""),
    "/locked/studies?limit=1": (401, "text/plain", b"who are you"),
    "/page/studies?limit=1": (200, "text/html", b"<html></html>"),
}


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        status, kind, body = ANSWERS.get(self.path, (404, "text/plain", b"nothing here"))
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with HTTPServer(("127.0.0.1", 0), _Answers) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


@pytest.mark.parametrize("root", ["open", "open/", "empty", "locked"])
def test_service_is_taken_as_it_is_named(server, root):
    assert check_studies(f"{server}/{root}") == f"{server}/{root}"


@pytest.mark.parametrize(
    ("root", "words"), [("elsewhere", "404 Not Found"), ("page", "with text/html, expected DICOM as JSON")]
)
def test_address_of_something_else_is_refused(server, root, words):
    with pytest.raises(ConnectionError, match=words) as refused:
        check_studies(f"{server}/{root}")
    assert f"{server}/{root}" in str(refused.value)
    assert "--studies" in str(refused.value)


def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: the port is nobody else's meanwhile
        with pytest.raises(ConnectionError, match="cannot be reached"):
            check_studies(f"http://127.0.0.1:{taken.getsockname()[1]}/dicom-web")

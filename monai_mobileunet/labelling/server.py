"""A MONAI Label server as a process: started, waited for, ended with all that it started."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from monai_mobileunet.labelling.app_folder import IMAGES

__all__ = ["LabelServer", "ServerError"]

START_LIMIT = 300.0
END_LIMIT = 10.0


class ServerError(RuntimeError):
    """The server does not start, or ended by itself; the message has the end of its log."""


class LabelServer:
    """MONAI Label with an app of :func:`prepare_app`; a context manager that ends it.

    The server has no password. It listens at this machine's own address, answers programs and its own pages but no
    page of another site, and fetches nothing from a network.

    Args:
        python: interpreter of an environment with MONAI Label and this package.
        app: folder of the app.
        studies: folder of images, or address of a DICOMweb service.
        host: address to listen at; with another than a loopback one the whole network is let in.
        port: 1 to 65535.
        scoring: whether to score images for active learning, in the background.
    """

    def __init__(
        self, python: Path, app: Path, studies: str, host: str = "127.0.0.1", port: int = 8000, scoring: bool = True
    ) -> None:
        self.url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        self.log = app / "logs" / "server.log"
        self._command = [str(python.absolute()), "-m", "monailabel.main", "start_server"]
        self._command += ["--app", str(app.absolute()), "--studies", studies, "--host", host, "--port", str(port)]
        self._command += ["--uvicorn_app", "monai_mobileunet.labelling.web:app"]
        self._folder = app
        self._address = host, port
        self._environment = {
            **os.environ,
            "MONAI_LABEL_DATASTORE_FILE_EXT": json.dumps(IMAGES),
            "MONAI_LABEL_AUTO_UPDATE_SCORING": json.dumps(scoring),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
        }
        self._process: subprocess.Popen | None = None

    def start(self, note: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
        """Start, and wait until the server answers.

        Args:
            note: is told what is waited for.

        Returns:
            What it says of itself: models, labels, images.

        Raises:
            ServerError: the address is taken, or the server does not come up.
        """
        with socket.socket(socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does
            try:
                probe.bind(self._address)
            except OSError as error:
                where = f"{self._address[0]}:{self._address[1]}"
                raise ServerError(
                    f"{where} cannot be listened at ({error.strerror}). Choose another --port."
                ) from error
        self.log.parent.mkdir(parents=True, exist_ok=True)
        note(f"starting MONAI Label, log in {self.log}")
        with self.log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(  # in the app's folder: settings are read from a .env in the working one
                self._command, cwd=self._folder, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )
        return self._answer(time.monotonic() + START_LIMIT)

    def wait(self) -> None:
        """Wait until the server ends, which only a signal or an error makes it.

        Raises:
            ServerError: an error did.
        """
        if self._process is not None and self._process.wait() != 0:
            raise ServerError(f"MONAI Label ended with exit code {self._process.returncode}.\n{self._said()}")

    def stop(self) -> None:
        """End the server and the trainings that it runs."""
        if self._process is None or self._process.poll() is not None:
            return
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        for child in children:
            child.terminate()
        _, alive = psutil.wait_procs([psutil.Process(self._process.pid), *children], END_LIMIT)
        for process in alive:
            process.kill()
        self._process.wait()

    def __enter__(self) -> LabelServer:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _answer(self, deadline: float) -> dict[str, Any]:
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise ServerError(f"MONAI Label did not start.\n{self._said()}")
            try:
                with urllib.request.urlopen(f"{self.url}/info/", timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                raise ServerError(f"MONAI Label answers with an error, {error}.\n{self._said()}") from error
            except (urllib.error.URLError, OSError):  # it does not listen yet
                time.sleep(0.5)
        raise ServerError(f"MONAI Label does not answer after {START_LIMIT:.0f} s.\n{self._said()}")

    def _said(self) -> str:
        """The end of the log, and what to do about the cause that is met most."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        mismatch = "operator torchvision::nms does not exist" in text
        remedy = "torchvision was built for another torch: install both from one index.\n" if mismatch else ""
        return "\n".join(text.splitlines()[-8:]) + f"\n{remedy}All of it is in {self.log}."

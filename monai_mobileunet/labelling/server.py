"""A MONAI Label server as a process: started, waited for, ended with all that it started."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from monai_mobileunet.labelling.studies import IMAGES

__all__ = ["LabelServer", "ServerError"]

HOSTS = "MONAI_MOBILEUNET_LABEL_HOSTS"
"""Environment variable with the names that the server is asked for by, a list in JSON."""

ANY = ("0.0.0.0", "::")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
START_LIMIT = 300.0
END_LIMIT = 10.0


class ServerError(RuntimeError):
    """The server does not start, or ended by itself; the message has the end of its log."""


class LabelServer:
    """MONAI Label with an app of :func:`prepare_app`; a context manager that ends it.

    The server has no password. It listens at this machine's own address, and answers programs and its own pages but no
    page of another site.

    Args:
        python: interpreter of an environment with MONAI Label and this package.
        app: folder of the app.
        models: names of the bundles in it.
        studies: folder of images, or address of a DICOMweb service.
        host: address to listen at; with another than a loopback one the whole network is let in.
        port: 1 to 65535.
        scoring: whether to score images for active learning, in the background.
        modality: of the series that a DICOMweb service is asked for, as DICOM calls it; ``None``: all.
    """

    def __init__(
        self,
        python: Path,
        app: Path,
        models: Sequence[str],
        studies: str,
        host: str = "127.0.0.1",
        port: int = 8000,
        scoring: bool = True,
        modality: str | None = None,
    ) -> None:
        self.url = f"http://{_reachable(host)}:{port}"
        self.log = app / "logs" / "server.log"
        self._command = [str(python.absolute()), "-m", "monailabel.main", "start_server"]
        self._command += ["--app", str(app.absolute()), "--studies", studies, "--host", host, "--port", str(port)]
        self._command += ["--uvicorn_app", "monai_mobileunet.labelling.served.web:app"]
        self._command += ["--conf", "models", ",".join(models)]
        self._folder = app
        self._address = host, port
        unproxied = ",".join(filter(None, [os.environ.get("no_proxy"), *LOOPBACK]))  # trainings ask this server
        self._environment = {
            **os.environ,
            "PATH": os.pathsep.join(filter(None, [str(python.absolute().parent), os.environ.get("PATH")])),  # dcmqi's
            HOSTS: json.dumps([] if host in ANY else [*LOOPBACK, host]),
            "MONAI_LABEL_DATASTORE_FILE_EXT": json.dumps(IMAGES),
            "MONAI_LABEL_DICOMWEB_SEARCH_FILTER": json.dumps({"Modality": modality} if modality else {}),
            "MONAI_LABEL_AUTO_UPDATE_SCORING": json.dumps(scoring),
            "no_proxy": unproxied,
            "NO_PROXY": unproxied,
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
        }
        self._process: subprocess.Popen | None = None

    def start(self, show_step: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
        """Start, and wait until the server answers.

        Args:
            show_step: called with what is waited for.

        Returns:
            What it says of itself: models, labels, images.

        Raises:
            ServerError: the address is taken, or the server does not come up.
        """
        with socket.socket(socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET) as probe:
            if os.name == "posix":  # as uvicorn does; elsewhere it would let two listen at one port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(self._address)
            except OSError as error:
                problem = f"{self._address[0]}, port {self._address[1]}, cannot be listened at ({error.strerror})."
                raise ServerError(f"{problem} Choose another --port, or another --host.") from error
        self.log.parent.mkdir(parents=True, exist_ok=True)
        show_step(f"starting MONAI Label, log in {self.log}")
        with self.log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(  # in the app's folder: settings are read from a .env in the working one
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the one who ends it, with all that it started
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
        """End the server and the trainings that it runs, also where it is gone itself."""
        if self._process is None:
            return
        running = [child for child in psutil.process_iter() if self._is_ours(child)]
        for signal_all in (psutil.Process.terminate, psutil.Process.kill):
            for process in running:
                with suppress(psutil.NoSuchProcess):
                    signal_all(process)
            _, running = psutil.wait_procs(running, END_LIMIT)
        self._process.wait()
        self._process = None

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether a process is the server or was started by it; on POSIX by its session, which outlives the server."""
        if self._process is None:
            return False
        try:
            if os.name == "posix":
                return os.getsid(process.pid) == self._process.pid
            return self._process.pid in (process.pid, *(parent.pid for parent in process.parents()))
        except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, PermissionError):
            return False

    def __enter__(self) -> LabelServer:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _answer(self, deadline: float) -> dict[str, Any]:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise ServerError(f"MONAI Label did not start.\n{self._said()}")
            try:
                with direct.open(f"{self.url}/info/", timeout=60) as answer:
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


def _reachable(host: str) -> str:
    """The host as it stands in an address on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{name}]" if ":" in name else name

"""The page of ``mobileunet web`` in a real browser, driven as a person would."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chromium import SOFTWARE_WEBGL, launched
from monai_mobileunet.webpage.serving import SiteServer

__all__ = ["Done", "OpenedPage", "opened_page", "serving"]

MIB = 1024
"""KiB, in which Linux counts the memory of processes."""


@dataclass(frozen=True)
class Done:
    """What the page made of an image.

    Attributes:
        seconds: from the press of the button to the mask on the screen.
        status: what the page says at the end, its own time without the drawing included.
        mask: the file that was downloaded.
    """

    seconds: float
    status: str
    mask: Path


@dataclass
class OpenedPage:
    """The page with its bundle loaded.

    Attributes:
        page: of playwright.
        browser: of playwright, in which it is the only page.
        requests: addresses that were asked for, of whatever kind.
    """

    page: Any
    browser: Any
    requests: list[str] = field(default_factory=list)

    def go(self, address: str) -> None:
        """Open an address, and wait until the page has its network.

        Raises:
            RuntimeError: the page cannot be used; with its words.
        """
        self.page.goto(address)
        self._wait("#status:has-text('Ready')", 60)

    def segment(self, files: Path | Sequence[Path], folder: Path, timeout: float = 300) -> Done:
        """Open an image, segment it, and download its mask.

        Args:
            files: of the image, or its folder of DICOM files.
            folder: that the mask is written to.
            timeout: seconds.

        Raises:
            RuntimeError: the page refuses the image; with its words.
        """
        is_folder = isinstance(files, Path) and files.is_dir()
        self.page.set_input_files("#folder" if is_folder else "#file", files)
        self._wait("#segment:not([disabled])", timeout)
        started = time.perf_counter()
        self.page.click("#segment")
        self._wait("#download:not([hidden])", timeout)
        seconds = time.perf_counter() - started
        with self.page.expect_download() as download:
            self.page.click("#download")
        mask = folder / download.value.suggested_filename
        download.value.save_as(mask)
        return Done(seconds, self.page.inner_text("#status"), mask)

    def _wait(self, wanted: str, timeout: float) -> None:
        """Until the page has what is wanted, or refuses, or asks which of several volumes is meant."""
        others = ("#problem:not([hidden])", "#choice:not([hidden])")
        self.page.locator(", ".join((wanted, *others))).first.wait_for(state="attached", timeout=1000 * timeout)
        for other in others:
            if self.page.is_visible(other):
                raise RuntimeError(self.page.inner_text(other))

    def peak_mib(self) -> dict[str, float]:
        """The most memory that the browser's processes have had, by kind: ``renderer`` is the page, ``GPU`` draws."""
        session = self.browser.new_browser_cdp_session()
        peaks: dict[str, float] = {}
        for process in session.send("SystemInfo.getProcessInfo")["processInfo"]:
            status = Path(f"/proc/{process['id']}/status").read_text()
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                peaks[process["type"]] = max(peaks.get(process["type"], 0), int(found[1]) / MIB)
        return peaks


@contextmanager
def opened_page(site: Path, query: str = "", arguments: Sequence[str] = (), **view: Any) -> Iterator[OpenedPage]:
    """A site on this machine, in headless Chromium.

    Args:
        site: folder that ``mobileunet web`` has written.
        query: of the address, such as ``"provider=wasm&threads=1"``.
        arguments: further ones of Chromium.
        view: arguments of playwright's ``new_page``.
    """
    with serving(site) as server, launched(*SOFTWARE_WEBGL, *arguments) as browser:
        opened = OpenedPage(browser.new_page(**view), browser)
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.go(f"{server.address}?{query}")
        yield opened


@contextmanager
def serving(site: Path) -> Iterator[SiteServer]:
    """A site on this machine, as ``mobileunet web --serve`` serves it."""
    server = SiteServer(site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()

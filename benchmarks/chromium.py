"""Headless Chromium, which draws without a graphics card."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["BROWSER", "SOFTWARE_WEBGL", "launched"]

BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SOFTWARE_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@contextmanager
def launched(*arguments: str) -> Iterator[Any]:
    """A browser of playwright.

    Args:
        arguments: of Chromium.

    Raises:
        ModuleNotFoundError: playwright is not installed.
        FileNotFoundError: there is no Chromium.
    """
    from playwright.sync_api import sync_playwright

    if BROWSER is None:
        raise FileNotFoundError("Chromium was not found. Install it (apt-get install chromium), or set CHROMIUM to it.")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", *arguments])
        yield browser
        browser.close()

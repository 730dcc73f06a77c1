"""A real browser for the pages of this project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SOFTWARE_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """Headless Chromium, or a test that is skipped."""
    if BROWSER is None:
        pytest.skip("no Chromium found (apt-get install chromium, or set CHROMIUM to one)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", *arguments])
        yield launched
        launched.close()

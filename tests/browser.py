"""A real browser for the pages of this project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks.chromium import BROWSER, SOFTWARE_WEBGL, launched

__all__ = ["SOFTWARE_WEBGL", "chromium", "need_chromium"]


def need_chromium() -> None:
    """Skip a test where there is no browser."""
    if BROWSER is None:
        pytest.skip("no Chromium found (apt-get install chromium, or set CHROMIUM to one)")
    pytest.importorskip("playwright.sync_api")


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """Headless Chromium, or a test that is skipped."""
    need_chromium()
    with launched(*arguments) as browser:
        yield browser

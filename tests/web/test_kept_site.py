"""What the service worker of a site keeps in the browser: its own site, whole, and nothing of others."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.web_page import OpenedPage, serving
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.webpage.build import build_site
from tests.browser import SOFTWARE_WEBGL, chromium, need_chromium
from tests.conftest import HIPPOCAMPUS

QUERY = "?provider=wasm&threads=1"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all of these tests; each has a window with storage of its own."""
    with chromium(*SOFTWARE_WEBGL) as one:
        yield one


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two sites, one of them under a name with a space."""
    need_chromium()
    folder = tmp_path_factory.mktemp("sites")
    build_site(Bundle(HIPPOCAMPUS, device="cpu"), folder / "one site")
    build_site(Bundle(HIPPOCAMPUS, device="cpu"), folder / "other", "float16")
    return folder


def kept(page: Any) -> list[str]:
    """Names of what is kept for all sites of an address."""
    return page.evaluate("caches.keys()")


def test_sites_beside_each_other_keep_their_own_files(sites: Path, browser: Any):
    opened = OpenedPage(browser.new_page(), browser)
    with serving(sites) as server:
        addresses = [f"{server.address}{name}/{QUERY}" for name in ("one%20site", "other")]
        for address in addresses:
            opened.go(address)
        assert len(kept(opened.page)) == 2
    for address in addresses:  # nobody serves them any more
        opened.go(address)
    opened.page.close()


def test_files_of_two_versions_are_not_kept_together(sites: Path, browser: Any, tmp_path: Path):
    site = shutil.copytree(sites / "other", tmp_path / "site")
    words = site / "segment" / "words.js"
    words.write_text(words.read_text(encoding="utf-8") + "// of a version before\n", encoding="utf-8")
    opened = OpenedPage(browser.new_page(), browser)
    with serving(site) as server:
        started = time.perf_counter()
        opened.go(server.address + QUERY)
        assert time.perf_counter() - started < 20, "the page waits for what will not come"
        assert kept(opened.page) == []
    opened.page.close()


def test_a_page_that_is_reloaded_past_its_cache_does_not_wait(sites: Path, browser: Any):
    opened = OpenedPage(browser.new_page(), browser)
    with serving(sites / "other") as server:
        opened.go(server.address + QUERY)
        started = time.perf_counter()
        opened.page.context.new_cdp_session(opened.page).send("Page.reload", {"ignoreCache": True})
        opened.page.locator("#status", has_text="Loading").wait_for(state="attached")
        opened.page.locator("#status", has_text="Ready").wait_for(timeout=60_000)
        assert time.perf_counter() - started < 20
    opened.page.close()


def test_a_new_version_is_announced_until_it_is_used(sites: Path, browser: Any, tmp_path: Path):
    site = shutil.copytree(sites / "one site", tmp_path / "site")
    context = browser.new_context()
    opened = OpenedPage(context.new_page(), browser)
    with serving(site) as server:
        opened.go(server.address + QUERY)
        [former] = kept(opened.page)
        build_site(Bundle(HIPPOCAMPUS, device="cpu"), site, "float16")
        for _ in range(2):
            opened.go(server.address + QUERY)
            opened.page.locator("#news", has_text="There is a new version").wait_for()
        opened.page.close()
        again = OpenedPage(context.new_page(), browser)
        again.go(server.address + QUERY)
        assert len(kept(again.page)) == 1
        assert kept(again.page) != [former]
    context.close()

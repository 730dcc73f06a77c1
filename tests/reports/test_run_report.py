"""The page of a run in a real browser."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.reports.run_report import PAGE_ROWS, SELF_CONTAINED, RunReport, write_run_report
from monai_mobileunet.reports.thumbnails import draw_thumbnail

BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def done(folder: Path, case: str, liver: float, seconds: float, warnings: list[str] | None = None) -> CaseRecord:
    image = np.add.outer(np.add.outer(np.arange(30.0), np.arange(40.0)), np.arange(20.0))
    mask = np.zeros(image.shape, np.uint8)
    mask[5:20, 10:30, 4:12] = 1
    picture = folder / f"{case}.webp"
    picture.write_bytes(draw_thumbnail(mask, Volume(image, np.eye(4), case)))
    return CaseRecord(
        case,
        (Path(f"{case}.nii.gz"),),
        state=CaseState.DONE,
        warnings=warnings or [],
        shape=[30, 40, 20],
        spacing_mm=[1, 1, 2.5],
        volumes_ml={"liver": liver, "<b>spleen</b>": 2 * liver},
        cut_off=["liver"] if liver > 5 else [],
        seconds={"read": 0.1, "infer": seconds},
        picture=picture.name,
    )


@pytest.fixture
def page(tmp_path: Path) -> Path:
    empty = "case_3.nii.gz: is empty (0 bytes). Replace it."
    rows = [
        done(tmp_path, "case_2", 9.5, 0.3),
        CaseRecord("case_3", (Path("case_3.nii.gz"),), state=CaseState.FAILED, problem=empty),
        done(tmp_path, "case_10", 1.25, 2.0, ["has 3 voxels that are NaN."]),
    ]
    names, colours = ("liver", "<b>spleen</b>"), ((1, 2, 3), (4, 5, 6))
    report = RunReport("toy", "ab" * 32, {"runtime": "torch"}, names, rows, 4, ("a warning",), colours)
    return write_run_report(report, tmp_path)[-1]


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Headless Chromium."""
    if BROWSER is None:
        pytest.skip("no Chromium found (apt-get install chromium, or set CHROMIUM to one)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield launched
        launched.close()


@contextmanager
def opened_in(browser, page: Path) -> Iterator:
    """A page, which must complain of nothing and ask a network for nothing."""
    tab = browser.new_page(viewport={"width": 1200, "height": 800})
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("request", lambda asked: complaints.append(asked.url) if asked.url.startswith("http") else None)
    tab.goto(page.as_uri())
    yield tab
    tab.close()
    assert complaints == []


@pytest.fixture
def opened(browser, page: Path) -> Iterator:
    with opened_in(browser, page) as tab:
        yield tab


def order(tab) -> list[str]:
    return tab.locator("tbody tr td:first-child").all_inner_texts()


def test_the_page_says_what_there_is(opened):
    text = opened.inner_text("body")
    assert "toy: 2 of 7 cases segmented" in text
    assert "Not a medical device" in text
    assert "case_3.nii.gz: is empty (0 bytes)" in text
    assert "has 3 voxels that are NaN." in text
    assert "cut off" in text
    assert "<b>spleen</b>, ml" in text, "names are text, never markup"
    assert opened.locator("tbody img").count() == 2
    twice = "i.naturalWidth === 2 * i.clientWidth && i.naturalHeight === 2 * i.clientHeight"
    assert opened.evaluate(f"[...document.images].slice(0, 2).every(i => i.complete && {twice})"), "sharp on any screen"
    assert opened.locator(".swatch").nth(1).evaluate("e => e.style.background") == "rgb(4, 5, 6)"
    assert "the patient's right side (R) is at the left" in text
    assert "dashed" not in text, "there is no reference"


def test_columns_sort_by_number_or_name_and_failures_come_last(opened):
    assert order(opened) == ["case_2", "case_3", "case_10"]
    opened.click("th button:has-text('liver')")
    assert order(opened) == ["case_10", "case_2", "case_3"]
    opened.click("th button:has-text('liver')")
    assert order(opened) == ["case_2", "case_10", "case_3"]
    assert opened.locator("th[aria-sort=descending]").count() == 1
    opened.click("th button:has-text('seconds')")
    assert order(opened) == ["case_2", "case_10", "case_3"]
    opened.click("th button:has-text('case')")
    assert order(opened) == ["case_2", "case_3", "case_10"], "10 after 2"


def test_rows_are_found_by_text_and_by_trouble(opened):
    opened.fill("#search", "case_1")
    assert opened.locator("tbody tr:visible").count() == 1
    assert "1 of 3 shown" in opened.inner_text("#shown")
    opened.fill("#search", "")
    opened.check("#attention")
    assert opened.locator("tbody tr:visible").count() == 2


def test_a_picture_opens_large(opened):
    opened.locator("tbody img").first.click()
    assert opened.locator("dialog[open] img").bounding_box()["width"] > 900
    opened.click("dialog[open]")
    assert opened.locator("dialog[open]").count() == 0


def test_a_page_of_many_cases_shows_some_rows_and_searches_all(browser, tmp_path: Path):
    """Its pictures lie beside it, and are asked for as they are seen."""
    some = done(tmp_path, "a b#1 \udcfc", 1.0, 0.5)
    rows = [replace(some, name=f"case_{number:04d}") for number in range(SELF_CONTAINED)]
    rows[400] = replace(rows[400], volumes_ml={"liver": 7.5, "<b>spleen</b>": 15.0}, warnings=["is odd.</script>"])
    rows[450] = CaseRecord("case_0450", (Path("a"),), state=CaseState.FAILED, problem="is empty.")
    report = RunReport("toy", "ab" * 32, {}, ("liver", "<b>spleen</b>"), rows)
    page = write_run_report(report, tmp_path)[-1]
    assert page.stat().st_size < 200 * SELF_CONTAINED + 20_000, "no picture is in it"
    with opened_in(browser, page) as tab:
        assert len(order(tab)) == PAGE_ROWS
        assert tab.inner_text("#place") == "1 to 200 of 500"
        tab.wait_for_function("document.images[0].complete && document.images[0].naturalWidth > 100")
        assert tab.evaluate("[...document.images].every(image => image.loading === 'lazy' || !image.alt)")
        tab.click("#next")
        tab.click("#next")
        assert order(tab)[0] == "case_0400"
        assert "is odd.</script>" in tab.locator("tbody tr").first.inner_text()
        assert tab.is_disabled("#next")
        tab.click("th button:has-text('liver')")
        tab.click("th button:has-text('liver')")
        assert (order(tab)[0], tab.inner_text("#place")) == ("case_0400", "1 to 200 of 500")
        tab.fill("#search", "CASE_049")
        assert order(tab) == [f"case_049{digit}" for digit in range(10)]
        tab.fill("#search", "")
        tab.check("#failed")
        assert order(tab) == ["case_0450"]


def test_the_three_files_of_many_cases_hold_all_of_them_and_little_memory(tmp_path: Path):
    """A picture in the page is read when its row is written: a run's report must not need what its masks need."""
    picture = tmp_path / "a.webp"
    picture.write_bytes(bytes(50_000))
    rows = [CaseRecord(f"case_{n}", state=CaseState.DONE, picture=picture.name) for n in range(SELF_CONTAINED - 1)]
    tracemalloc.start()
    write_run_report(RunReport("toy", "", {}, ("liver",), rows), tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "report.html").stat().st_size > 25e6
    assert peak < 4e6
    content = json.loads((tmp_path / "report.json").read_text())
    assert [row["case"] for row in content["cases"]] == [row.name for row in rows]
    assert (tmp_path / "report.csv").read_text().count("\n") == SELF_CONTAINED

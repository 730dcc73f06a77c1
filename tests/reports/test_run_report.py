"""The page of a run in a real browser."""

from __future__ import annotations

import csv
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

from monai_mobileunet.case_record import CaseRecord, CaseState, Comparison
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.evaluation import ClassResult, Outcome
from monai_mobileunet.reports.case_table import PAGE_ROWS, SELF_CONTAINED
from monai_mobileunet.reports.run_report import RunReport, write_run_report
from monai_mobileunet.reports.thumbnails import draw_thumbnail
from monai_mobileunet.review import Verdict

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
    verdicts = {"case_10": Verdict.given_now("fix", "the <i>tip</i> is missing")}
    report = RunReport("toy", "ab" * 32, {"runtime": "torch"}, names, rows, 4, ("a warning",), colours, verdicts)
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
def opened_in(browser, page: Path, width: int = 1200) -> Iterator:
    """A page, which must complain of nothing and ask a network for nothing."""
    tab = browser.new_page(viewport={"width": width, "height": 800})
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
    return tab.locator("tbody th.case").evaluate_all("cells => cells.map(cell => cell.firstChild.textContent)")


def test_the_page_says_what_there_is(opened):
    text = opened.inner_text("body")
    assert "toy: 2 of 7 cases segmented" in text
    assert "Not a medical device" in text
    assert "case_3.nii.gz: is empty (0 bytes)" in text
    assert "has 3 voxels that are NaN." in text
    assert "cut off" in text
    assert "<b>spleen</b>" in text, "names are text, never markup"
    assert "case_10: has 3 voxels that are NaN." in text, "warnings stand at the head, too"
    assert "1 reviewed:" in text
    assert "the <i>tip</i> is missing" in text
    assert opened.locator("tbody .verdict").all_inner_texts() == ["fix"]
    assert opened.locator("tbody img").count() == 2
    twice = "i.naturalWidth === 2 * i.clientWidth && i.naturalHeight === 2 * i.clientHeight"
    assert opened.evaluate(f"[...document.images].slice(0, 2).every(i => i.complete && {twice})"), "sharp on any screen"
    assert opened.locator(".swatch").nth(1).evaluate("e => e.style.background") == "rgb(4, 5, 6)"
    assert "the patient's right side (R) is at the left" in text
    assert "dashed" not in text, "there is no reference"


def test_the_head_of_the_table_sums_up_what_is_shown(opened):
    assert opened.inner_text("thead .case.sum").split("\n") == ["mean ± SD", "of 2 cases"]
    assert opened.locator("thead td, thead th.sum:not(.case)").first.inner_text().split("\n") == ["5.375", "± 5.834"]
    opened.select_option("#only", "warned")
    assert opened.locator("thead th.sum:not(.case)").first.inner_text().split("\n") == ["1.250", "± –"]


def test_columns_sort_by_number_or_name_and_failures_come_last(opened):
    assert order(opened) == ["case_2", "case_3", "case_10"]
    opened.click("th button[aria-label='liver: volume, ml']")
    assert order(opened) == ["case_10", "case_2", "case_3"]
    opened.click("th button[aria-label='liver: volume, ml']")
    assert order(opened) == ["case_2", "case_10", "case_3"]
    assert opened.locator("th[aria-sort=descending]").count() == 1
    opened.check("label:has-text('voxels and time') input")
    opened.click("th button:has-text('seconds')")
    assert order(opened) == ["case_2", "case_10", "case_3"]
    opened.click("th button:has-text('case')")
    assert order(opened) == ["case_2", "case_3", "case_10"], "10 after 2"


def test_rows_are_found_by_text_and_by_trouble(opened):
    opened.fill("#search", "case_1")
    assert order(opened) == ["case_10"]
    assert "1 of 3 shown" in opened.inner_text("#shown")
    opened.fill("#search", "")
    kinds = {"attention": ["case_3", "case_10"], "failed": ["case_3"], "fix": ["case_10"], "bad": []}
    kinds |= {"warned": ["case_10"], "unreviewed": ["case_2", "case_3"], "": ["case_2", "case_3", "case_10"]}
    for kind, names in kinds.items():
        opened.select_option("#only", kind)
        assert order(opened) == names, kind


def test_a_picture_opens_large(opened):
    opened.locator("tbody img").first.click()
    assert opened.locator("dialog[open] img").bounding_box()["width"] > 900
    opened.click("dialog[open]")
    assert opened.locator("dialog[open]").count() == 0


def test_slices_have_areas_pictures_pixels_and_shares_and_tables_say_so(browser, tmp_path: Path):
    flat = {"state": CaseState.DONE, "shape": [20, 20, 1], "volumes_ml": {"lesion": 0.03}}
    rows = [
        CaseRecord("slice", (Path("a.nii"),), **flat, spacing_mm=[0.5, 0.5, 3.0]),
        CaseRecord("photo", (Path("a.png"),), **flat, spacing_mm=[1.0, 1.0, 1.0]),
    ]
    for chosen, units in (
        (rows[:1], ["mm²"]),
        (rows[1:], ["pixels", "% of image"]),
        (rows, ["mm²", "pixels", "% of image"]),
    ):
        page = write_run_report(RunReport("toy", "ab" * 32, {}, ("lesion",), chosen), tmp_path)[-1]
        with opened_in(browser, page) as tab:
            assert tab.locator("thead tr:nth-child(2) th").all_inner_texts() == units
    with (tmp_path / "report.csv").open(newline="") as file:
        table = [{key: row[key] for key in row if key.startswith("lesion ")} for row in csv.DictReader(file)]
    first, second = ({unit: row[f"lesion {unit}"] for unit in ("ml", "mm2", "pixels", "share")} for row in table)
    assert first == {"ml": "0.0300", "mm2": "10.0000", "pixels": "", "share": ""}
    assert second == {"ml": "", "mm2": "", "pixels": "30.0000", "share": "0.0750"}
    slice_, photo = json.loads((tmp_path / "report.json").read_text())["cases"]
    assert (slice_["volumes_ml"], slice_["areas_mm2"]) == ({"lesion": 0.03}, {"lesion": pytest.approx(10)})
    assert (photo["areas_pixels"], photo["shares_of_image"]) == ({"lesion": 30}, {"lesion": pytest.approx(0.075)})
    assert "volumes_ml" not in photo, "nobody knows"


def measured_case(number: int, names: tuple[str, ...]) -> CaseRecord:
    results = {name: ClassResult(Outcome.BOTH, 0.8765, 12.34, 1.23, 0.9, 1234.5, 1111.1) for name in names}
    volumes = {name: 123.456 * number for number, name in enumerate(names, 1)}
    shown = {"state": CaseState.DONE, "shape": [512, 512, 300], "spacing_mm": [0.5, 0.5, 1.25], "volumes_ml": volumes}
    return CaseRecord(f"patient{number:03d}_frame01", (Path("a.nii"),), **shown, comparison=Comparison("", [], results))


@pytest.mark.parametrize("width", [700, 1300])
def test_five_classes_need_no_scrolling_sideways_and_twelve_keep_the_case_and_the_head(browser, tmp_path, width):
    """What is measured is what a reader sees: the edges of cells against those of the window."""
    organs = ("brainstem", "spinal cord", "right parotid", "left parotid", "mandible")
    for names in (organs, tuple(f"{organ} {side}" for organ in organs for side in "abc")[:12]):
        rows = [measured_case(number, names) for number in range(60)]
        page = write_run_report(RunReport("toy", "ab" * 32, {}, names, rows), tmp_path)[-1]
        with opened_in(browser, page, width) as tab:
            numbers = tab.locator("tbody tr:first-child td")
            assert numbers.count() == 60 * 2 * len(names)
            assert numbers.first.inner_text() == "123.5"
            assert tab.evaluate(
                "[...document.querySelectorAll('td')].every(cell => cell.scrollWidth <= cell.clientWidth)"
            )
            if len(names) == 5 or width == 1300:
                assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            tab.evaluate("scrollTo(9999, 1200)")
            head, case = (tab.locator(one).bounding_box() for one in ("thead", "tbody:nth-of-type(30) .case"))
            assert abs(head["y"]) < 1
            assert 0 <= case["x"] < 20


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
        assert "is odd.</script>" in tab.locator("tbody").first.inner_text()
        assert tab.is_disabled("#next")
        tab.click("th button[aria-label='liver: volume, ml']")
        tab.click("th button[aria-label='liver: volume, ml']")
        assert (order(tab)[0], tab.inner_text("#place")) == ("case_0400", "1 to 200 of 500")
        tab.fill("#search", "CASE_049")
        assert order(tab) == [f"case_049{digit}" for digit in range(10)]
        tab.fill("#search", "")
        tab.select_option("#only", "failed")
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

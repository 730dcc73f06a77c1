"""What the page makes of files that a reader of another program's takes in silence, and of a person in a hurry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from benchmarks.web_page import OpenedPage, serving
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.webpage.build import build_site
from tests.browser import SOFTWARE_WEBGL, chromium, need_chromium
from tests.conftest import HIPPOCAMPUS
from tests.robustness.damage import write_series

SLOWLY = """async (milliseconds) => {
  const { NVImage } = await import(new URL("vendor/niivue/niivue.js", location.href).href);
  const read = NVImage.loadFromUrl.bind(NVImage);
  NVImage.loadFromUrl = async (options) => {
    const image = await read(options);
    await new Promise((done) => setTimeout(done, milliseconds));
    return image;
  };
}"""
SENT = """
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...others) {
  if (message?.kind === "segment") window.sent = message.image.channels.map(({ values }) => values[0]);
  return post.call(this, message, ...others);
};
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenedPage]:
    """The page of a bundle of which it believes that it takes two channels."""
    need_chromium()
    site = tmp_path / "site"
    build_site(Bundle(HIPPOCAMPUS, device="cpu"), site)
    description = site / "bundle" / "bundle.json"
    content = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps({**content, "channels": 2, "channel_names": ["T2", "ADC"]}), encoding="utf-8")
    with serving(site) as server, chromium(*SOFTWARE_WEBGL) as browser:
        page = browser.new_page(service_workers="block")
        page.add_init_script(SENT)
        one = OpenedPage(page, browser)
        one.go(f"{server.address}?provider=wasm&threads=1")
        yield one


def test_a_channel_that_is_chosen_in_a_hurry_leaves_the_values_of_the_others(opened: OpenedPage, tmp_path: Path):
    files = []
    for number, name in enumerate(("adc", "t2"), 1):
        values = np.full((9, 9, 9), number, np.int16)
        values[4, 4, 4] = 10 * number
        files.append(tmp_path / f"{name}.nii")
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), files[-1])
    page = opened.page
    page.set_input_files("#file", files)
    page.locator("#segment:not([disabled])").wait_for()
    assert "adc.nii for T2 and t2.nii for ADC" in page.inner_text("#warnings")
    page.evaluate(SLOWLY, 400)
    for channel in ("1", "0"):
        page.select_option("#channel", channel)
    page.wait_for_timeout(1500)
    page.click("#segment")
    page.wait_for_timeout(300)
    assert page.evaluate("window.sent") == [1, 2]


def test_a_series_with_a_missing_slice_is_refused(opened: OpenedPage, tmp_path: Path):
    write_series(tmp_path / "series")[1].unlink()
    with pytest.raises(RuntimeError, match=r"3 DICOM files: have slices that are missing or uneven: 1\.5 to 3 mm"):
        opened.segment(tmp_path / "series", tmp_path)

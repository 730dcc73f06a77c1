"""The page of ``mobileunet web`` in a real browser: the masks of the command line, and nothing leaves the device."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from benchmarks.web_page import OpenedPage, opened_page, serving
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.segmentation import Segmenter
from monai_mobileunet.webpage.build import build_site
from tests.browser import SOFTWARE_WEBGL, chromium, need_chromium
from tests.conftest import BUNDLES, HIPPOCAMPUS, VolumeFor, present, template_hippocampus
from tests.robustness.damage import write_series

HEAD_NECK = next(path for path in BUNDLES if path != HIPPOCAMPUS)
ONE_THREAD = "provider=wasm&threads=1"
DESKTOP = {"width": 1300, "height": 850}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped hippocampus bundle as a site."""
    need_chromium()
    folder = tmp_path_factory.mktemp("web") / "site"
    build_site(Bundle(HIPPOCAMPUS, device="cpu"), folder)
    return folder


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image that the bundle segments."""
    path = tmp_path_factory.mktemp("image") / "brain.nii.gz"
    brain = template_hippocampus()
    brain.header.set_qform(brain.affine, 2)
    nibabel.save(brain, path)
    return path


@contextmanager
def watched(site: Path, query: str = ONE_THREAD, **settings: Any) -> Iterator[OpenedPage]:
    """The page, which must complain of nothing and ask nobody but its own site for anything."""
    with opened_page(site, query, viewport=DESKTOP, **settings) as opened:
        complaints: list[str] = []
        opened.page.on("pageerror", lambda error: complaints.append(str(error)))
        opened.page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        yield opened
        own = opened.page.url.split("?")[0]
        assert [url for url in opened.requests if not url.startswith((own, "blob:", "data:"))] == []
        assert complaints == []


def same_mask(bundle: Path, image: Path, found: Path) -> None:
    """The mask of the page is that of the command line, with the header of the image."""
    expected = Segmenter(bundle, device="cpu", runtime="onnxruntime")(image)
    expected.save(found.with_name("expected.nii.gz"))
    mask, wanted = nibabel.load(found), nibabel.load(found.with_name("expected.nii.gz"))
    assert (mask.shape, mask.get_data_dtype()) == (wanted.shape, wanted.get_data_dtype())
    for key in (
        "sform_code",
        "qform_code",
        "srow_x",
        "srow_y",
        "srow_z",
        "quatern_b",
        "qoffset_x",
        "pixdim",
        "xyzt_units",
    ):
        assert np.array_equal(mask.header[key], wanted.header[key]), key
    assert (np.asarray(mask.dataobj) != expected.mask).mean() <= 1e-5
    assert expected.mask.any()


def test_a_page_that_is_opened_as_a_file_says_what_it_needs(site: Path):
    with chromium() as browser:
        page = browser.new_page()
        page.goto((site / "index.html").as_uri())
        page.wait_for_selector("#stalled", timeout=20_000)  # it waits, lest a page that starts should flash it
        assert "open it from a web server" in page.inner_text("#stalled")


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_the_page_gives_the_mask_of_the_command_line(bundle: Path, volume_for: VolumeFor, tmp_path: Path):
    need_chromium()
    path = tmp_path / "case.nii.gz"
    nibabel.save(volume_for(bundle.name), path)
    build_site(Bundle(bundle, device="cpu"), tmp_path / "site")
    with watched(tmp_path / "site") as opened:
        page = opened.page
        opened.requests.clear()
        done = opened.segment(path, tmp_path)
        assert done.mask.name == "case_seg.nii.gz"
        assert "WebAssembly, 1 thread" in done.status
        same_mask(bundle, path, done.mask)
        asked = [url for url in opened.requests if not url.startswith(("blob:", "data:"))]
        assert asked == [], "the page asks for nothing once it is loaded"
        names, sizes = (page.locator(f"#classes tr td:nth-child({column})").all_inner_texts() for column in (2, 3))
        assert names == list(Bundle(bundle).class_names)
        mask = nibabel.load(done.mask)
        ml = np.bincount(np.asarray(mask.dataobj).ravel(), minlength=len(names) + 1)[1:] * voxel_ml(mask)
        assert [float(size.replace("–", "0")) for size in sizes] == pytest.approx(ml, rel=0.01, abs=0.006)
        for words in ("Not a medical device", "nothing is sent anywhere"):
            assert words in page.inner_text("header")


def voxel_ml(image: Any) -> float:
    return float(abs(np.linalg.det(image.affine[:3, :3]))) / 1000


def test_it_works_without_a_network_once_it_is_loaded(site: Path, image: Path, tmp_path: Path):
    with chromium(*SOFTWARE_WEBGL) as browser:
        page = browser.new_page(viewport=DESKTOP)
        opened = OpenedPage(page, browser)
        with serving(site) as server:
            opened.go(server.address)
            opened.segment(image, tmp_path)
            address = server.address
        page.context.set_offline(True)
        opened.go(address)
        same_mask(HIPPOCAMPUS, image, opened.segment(image, tmp_path).mask)
        write_series(tmp_path / "series")
        page.set_input_files("#folder", tmp_path / "series")
        page.locator("#facts", has_text="voxels").wait_for()


@contextmanager
def plainly_served(site: Path) -> Iterator[str]:
    """A site on a server that knows nothing of it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_any_server_will_do_and_threads_run_all_the_same(site: Path, image: Path, tmp_path: Path):
    with plainly_served(site) as address, chromium(*SOFTWARE_WEBGL) as browser:
        opened = OpenedPage(browser.new_page(viewport=DESKTOP), browser)
        opened.go(f"{address}?provider=wasm&threads=2")
        assert opened.page.evaluate("crossOriginIsolated")
        done = opened.segment(image, tmp_path)
        assert "2 threads" in done.status
        same_mask(HIPPOCAMPUS, image, done.mask)


def test_webgpu_gives_the_same_mask(site: Path, tmp_path: Path):
    box = template_hippocampus().slicer[6:30, 10:40, 10:20]  # small, for a graphics card of software takes its time
    nibabel.save(box, tmp_path / "box.nii.gz")
    arguments = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")
    with opened_page(site, "provider=webgpu", [*arguments, "--use-vulkan=swiftshader"], viewport=DESKTOP) as opened:
        done = opened.segment(tmp_path / "box.nii.gz", tmp_path)
    assert "WebGPU" in done.status
    same_mask(HIPPOCAMPUS, tmp_path / "box.nii.gz", done.mask)


def test_a_phone_has_room_for_it(site: Path, image: Path, tmp_path: Path):
    with opened_page(site, ONE_THREAD, viewport=PHONE, has_touch=True, is_mobile=True) as opened:
        done = opened.segment(image, tmp_path)
        assert done.mask.is_file()
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        for button in opened.page.locator("button:visible").all():
            assert button.bounding_box()["height"] >= 40, button.inner_text()


def test_a_browser_without_a_service_worker_has_one_thread(site: Path, image: Path, tmp_path: Path):
    with plainly_served(site) as address, chromium(*SOFTWARE_WEBGL) as browser:
        page = browser.new_page(viewport={"width": 360, "height": 740}, service_workers="block")
        opened = OpenedPage(page, browser)
        opened.go(address)
        assert page.inner_text("#status") == "Ready (WebAssembly, 1 thread)."
        opened.segment(image, tmp_path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_keyboard_is_enough(site: Path, image: Path):
    with watched(site) as opened:
        page = opened.page
        page.set_input_files("#file", image)
        page.locator("#segment:not([disabled])").wait_for()
        page.keyboard.press("Enter")
        page.locator("#download").wait_for(timeout=60_000)
        page.keyboard.press("m")
        assert page.locator("#classes tr.hidden").count() == 2
        page.keyboard.press("m")
        with page.expect_download() as download:
            page.keyboard.press("d")
        assert download.value.suggested_filename == "brain_seg.nii.gz"


def test_it_can_be_cancelled_and_used_again(site: Path, image: Path, tmp_path: Path):
    big = tmp_path / "big.nii.gz"
    repeated = np.tile(np.asarray(template_hippocampus().dataobj), (1, 1, 6))
    nibabel.save(nibabel.Nifti1Image(repeated, template_hippocampus().affine), big)
    with watched(site) as opened:
        page = opened.page
        page.set_input_files("#file", big)
        page.locator("#segment:not([disabled])").click()
        page.locator("#stage-words", has_text="Slice").wait_for()
        page.keyboard.press("Escape")
        assert page.inner_text("#status") == "Cancelled."
        same_mask(HIPPOCAMPUS, image, opened.segment(image, tmp_path).mask)


def test_what_cannot_be_segmented_is_refused_in_words(site: Path, image: Path, tmp_path: Path):
    broken, series, text = tmp_path / "broken.nii.gz", tmp_path / "series.nii", tmp_path / "notes.txt"
    broken.write_bytes(image.read_bytes()[:-400])
    values = np.stack([np.asarray(template_hippocampus().dataobj)] * 2, -1)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), series)
    text.write_text("no image")
    with watched(site) as opened:
        for path, words in (
            (broken, "broken.nii.gz: cannot be read"),
            (series, "Split it into volumes"),
            (text, "no image that this page reads"),
        ):
            with pytest.raises(RuntimeError, match=words):
                opened.segment(path, tmp_path)
            assert opened.page.locator("#segment").is_disabled()
        opened.segment(image, tmp_path)  # nothing of it is left


def test_a_browser_that_draws_no_volumes_still_segments(site: Path, image: Path, tmp_path: Path):
    with serving(site) as server, chromium("--disable-gpu", "--disable-software-rasterizer") as browser:
        opened = OpenedPage(browser.new_page(), browser)
        opened.go(f"{server.address}?{ONE_THREAD}")
        assert "WebGL 2" in opened.page.inner_text("#news")
        same_mask(HIPPOCAMPUS, image, opened.segment(image, tmp_path).mask)


@pytest.mark.parametrize("file", ["bundle/bundle.json", "bundle/network.onnx.gz", "segment/worker.js"])
def test_a_site_that_is_not_complete_says_so(file: str, site: Path, tmp_path: Path):
    copy = shutil.copytree(site, tmp_path / "site")
    (copy / file).unlink()
    with pytest.raises(RuntimeError, match="complete"), opened_page(copy, ONE_THREAD):
        pass


def test_another_network_than_the_exported_one_is_refused(site: Path, tmp_path: Path):
    copy = shutil.copytree(site, tmp_path / "site")
    (copy / "bundle" / "network.onnx.gz").write_bytes(b"another network")
    with pytest.raises(RuntimeError, match="not the one that was exported"), opened_page(copy, ONE_THREAD):
        pass


def test_a_folder_of_dicom_files(data_folder: Path, tmp_path: Path):
    need_chromium()
    folder = present(data_folder / "totalseg_examples" / "dicom_ct_512x512x20")
    build_site(Bundle(HEAD_NECK, device="cpu"), tmp_path / "site")
    with watched(tmp_path / "site") as opened:
        mask = nibabel.as_closest_canonical(nibabel.load(opened.segment(folder, tmp_path).mask))
    segmented = Segmenter(HEAD_NECK, device="cpu", runtime="onnxruntime")(folder)
    expected = nibabel.as_closest_canonical(nibabel.Nifti1Image(segmented.mask, segmented.volume.affine))
    np.testing.assert_allclose(mask.affine, expected.affine, atol=1e-3)
    found, wanted = np.asarray(mask.dataobj), np.asarray(expected.dataobj)
    assert wanted.any()
    assert (found != wanted).sum() <= wanted.size / 100_000

"""The page of ``mobileunet web``, in a real browser that draws with software."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import nibabel
import numpy as np
import pydicom
import pytest

from tests.browser import SOFTWARE_WEBGL, chromium
from tests.conftest import HIPPOCAMPUS, segment, template_hippocampus
from tests.robustness.damage import write_series

PATIENCE = 120_000
"""Milliseconds that a step may take on a busy machine."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped bundle as a site."""
    pytest.importorskip("onnxscript")
    from typer.testing import CliRunner

    from monai_mobileunet.cli import app

    folder = tmp_path_factory.mktemp("web") / "site"
    result = CliRunner().invoke(app, ["web", str(HIPPOCAMPUS), "-o", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def brain(tmp_path: Path) -> Path:
    image = template_hippocampus()
    image.header.set_qform(image.affine, 2)
    nibabel.save(image, tmp_path / "brain.nii.gz")
    return tmp_path / "brain.nii.gz"


def dicom_series(folder: Path) -> Path:
    """A series whose slices are of one study: without a time each file has that of its writing."""
    for file in write_series(folder):
        slice_ = pydicom.dcmread(file)
        slice_.StudyDate, slice_.StudyTime = "20200102", "120000"
        slice_.save_as(file)
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    """A server that knows nothing of isolated pages, as most."""

    extensions_map: ClassVar = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
    }

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, ThreadingHTTPServer]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", server
    server.shutdown()
    server.server_close()


@dataclass
class Opened:
    """The page in one tab.

    Attributes:
        tab: of playwright.
        elsewhere: what was asked for from anyone but the site.
        complaints: what the browser says is wrong.
    """

    tab: Any
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ready(self, url: str) -> None:
        self.tab.goto(url)
        self.tab.locator("#status", has_text="Ready").wait_for(timeout=PATIENCE)

    def give(self, *files: Path, chooser: str = "#file") -> str:
        """Open files; what the page says against them."""
        self.tab.set_input_files(chooser, files[0] if chooser == "#folder" else list(files))
        self.tab.locator("#segment:not([disabled]), #problem:not([hidden])").first.wait_for(timeout=PATIENCE)
        return self.tab.inner_text("#problem") if self.tab.is_visible("#problem") else ""

    def segment(self) -> None:
        self.tab.keyboard.press("Enter")
        self.tab.locator("#download:not([hidden])").wait_for(timeout=PATIENCE)

    def download(self, folder: Path) -> Path:
        with self.tab.expect_download() as download:
            self.tab.keyboard.press("d")
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path


def watched(context: Any) -> Opened:
    """A tab of which every request is looked at, those of its workers, too."""
    opened = Opened(context.new_page())
    context.on("request", lambda asked: opened.elsewhere.append(asked.url))
    opened.tab.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.tab.on("console", lambda said: said.type == "error" and opened.complaints.append(said.text))
    return opened


@contextmanager
def page(site: Path, *arguments: str, width: int = 1300, **context: Any) -> Iterator[tuple[Opened, str]]:
    """The page, which must complain of nothing and ask nobody else for anything."""
    with served(site) as (url, _), chromium(*(arguments or SOFTWARE_WEBGL)) as browser:
        opened = watched(browser.new_context(viewport={"width": width, "height": 850}, **context))
        opened.ready(url)
        yield opened, url
        own = (url, "data:", f"blob:{url}")
        assert [address for address in opened.elsewhere if not address.startswith(own)] == []
        assert opened.complaints == []


def test_a_dropped_image_gets_the_mask_of_the_command_line(site: Path, brain: Path, tmp_path: Path):
    segment("-i", brain, "-o", tmp_path / "expected", "-m", HIPPOCAMPUS)
    expected = nibabel.load(next((tmp_path / "expected").glob("*.nii.gz")))
    with page(site) as (opened, _):
        tab = opened.tab
        assert "Not a medical device" in tab.inner_text(".notice")
        assert "nothing is sent anywhere" in tab.inner_text(".notice")
        assert tab.evaluate("crossOriginIsolated"), "the service worker isolates the page"
        assert opened.give(brain) == ""
        opened.segment()
        sizes = tab.inner_text("#classes").split()
        assert "Done in" in tab.inner_text("#status")
        mask = nibabel.load(opened.download(tmp_path))
    assert Path(mask.get_filename()).name == "brain_seg.nii.gz"
    found, wanted = np.asarray(mask.dataobj), np.asarray(expected.dataobj)
    assert (found.shape, found.dtype) == (wanted.shape, np.dtype("uint8"))
    assert (found != wanted).sum() <= 1  # a voxel whose two best scores are equal but for rounding
    for key in ("sform_code", "qform_code", "srow_x", "quatern_b", "qoffset_x", "pixdim", "xyzt_units"):
        assert np.array_equal(mask.header[key], expected.header[key]), key
    ml = [np.count_nonzero(found == number) * abs(np.linalg.det(mask.affine[:3, :3])) / 1000 for number in (1, 2)]
    assert [float(size) for size in sizes[1::2]] == pytest.approx(ml, abs=0.006)


def test_the_page_works_without_a_network_once_it_was_open(site: Path, brain: Path, tmp_path: Path):
    with chromium(*SOFTWARE_WEBGL) as browser:
        context = browser.new_context()
        with served(site) as (url, _):
            watched(context).ready(url)
        opened = watched(context)
        opened.ready(url)
        assert opened.give(brain) == ""
        opened.segment()
        assert opened.give(dicom_series(tmp_path / "series"), chooser="#folder") == ""
        assert "voxels" in opened.tab.inner_text("#facts")
        assert opened.complaints == []


def test_what_cannot_be_read_is_a_sentence_and_the_next_image_is_read(site: Path, brain: Path, tmp_path: Path):
    (tmp_path / "broken.nii.gz").write_bytes(brain.read_bytes()[:9000])
    (tmp_path / "notes.txt").write_text("no image")
    times = np.stack([np.asarray(template_hippocampus().dataobj)] * 2, axis=-1)
    nibabel.save(nibabel.Nifti1Image(times, np.eye(4)), tmp_path / "times.nii.gz")
    with page(site) as (opened, _):
        assert "broken.nii.gz: cannot be read" in opened.give(tmp_path / "broken.nii.gz")
        assert "no image that this page reads" in opened.give(tmp_path / "notes.txt")
        assert "Split it into volumes." in opened.give(tmp_path / "times.nii.gz")
        assert opened.tab.locator("#segment").is_disabled()
        assert opened.give(brain) == ""
        assert opened.tab.inner_text("#name") == "brain"


def test_a_run_is_cancelled_and_begun_anew(site: Path, brain: Path):
    with page(site) as (opened, _):
        opened.give(brain)
        opened.tab.keyboard.press("Enter")
        opened.tab.locator("#cancel:not([hidden])").wait_for()
        opened.tab.keyboard.press("Escape")
        assert opened.tab.inner_text("#status") == "Cancelled."
        assert not opened.tab.is_visible("#download")
        opened.segment()


def test_a_browser_that_draws_nothing_segments(site: Path, brain: Path, tmp_path: Path):
    with page(site, "--disable-gpu", "--disable-3d-apis") as (opened, _):
        assert "no WebGL 2" in opened.tab.inner_text("#news")
        opened.give(brain)
        opened.segment()
        assert len(opened.tab.inner_text("#classes").split()) == 4
        assert opened.download(tmp_path).exists()


def test_a_phone_without_a_service_worker_has_one_thread_and_one_column(site: Path, brain: Path):
    with page(site, width=360, service_workers="block") as (opened, _):
        assert opened.tab.inner_text("#status") == "Ready (WebAssembly, 1 thread)."
        opened.give(brain)
        opened.segment()
        assert opened.tab.evaluate("document.documentElement.scrollWidth") <= 360
        buttons = ("#segment", "#download", "#layouts button >> nth=0")
        assert min(opened.tab.locator(one).bounding_box()["height"] for one in buttons) >= 44


def test_a_site_without_its_network_says_so(site: Path, tmp_path: Path):
    with served(tmp_path) as (url, _), chromium() as browser:
        for path in site.rglob("*"):
            if path.is_file() and path.parent.name != "bundle" and path.name != "offline.js":
                copy = tmp_path / path.relative_to(site)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
        tab = browser.new_page()
        tab.goto(url)
        tab.locator("#problem:not([hidden])").wait_for(timeout=PATIENCE)
        assert "The site is incomplete" in tab.inner_text("#problem")

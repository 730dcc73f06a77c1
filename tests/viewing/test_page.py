"""A run and its page, in a real browser that draws with software."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from monai_mobileunet.review import Quality, Verdict, read_verdicts, write_verdicts
from monai_mobileunet.viewing.finding import find_shown
from monai_mobileunet.viewing.server import ViewServer
from tests.browser import SOFTWARE_WEBGL, chromium
from tests.conftest import HIPPOCAMPUS, segment, template_hippocampus

REFUSED = "status of 422"
"""What Chromium says of a case that cannot be read; the page says why."""


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the shipped bundle over two images with references, and a third that cannot be read."""
    folder = tmp_path_factory.mktemp("view")
    images, references = folder / "images", folder / "references"
    images.mkdir()
    for name in ("first", "second"):
        nibabel.save(template_hippocampus(), images / f"{name}.nii.gz")
    (images / "third.nii.gz").write_bytes(b"no image")
    segment("-i", images, "-o", references, "-m", HIPPOCAMPUS, expect=1)
    run = folder / "run"
    segment("-i", images, "-o", run, "-m", HIPPOCAMPUS, "--reference", references, expect=1)
    return run


@contextmanager
def served(*arguments: object) -> Iterator[str]:
    """The address of a real process of ``mobileunet view``."""
    command = [sys.executable, "-m", "monai_mobileunet", "view", *map(str, arguments), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout
    printed = []
    for line in process.stdout:
        printed.append(line)
        if line.startswith("http://"):
            yield line.strip()
            break
    process.send_signal(signal.SIGINT)
    printed += process.stdout.readlines()
    assert process.wait(20) == 0, "".join(printed)


@contextmanager
def opened(url: str, width: int = 1300) -> Iterator[Any]:
    """The page, which must complain of nothing and ask nobody else for anything."""
    with chromium(*SOFTWARE_WEBGL) as browser:
        tab = browser.new_page(viewport={"width": width, "height": 850})
        complaints: list[str] = []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on(
            "console", lambda said: said.type == "error" and REFUSED not in said.text and complaints.append(said.text)
        )
        own = url.split("/view/")[0]
        tab.on(
            "request",
            lambda asked: None if asked.url.startswith((own, "data:", "blob:")) else complaints.append(asked.url),
        )
        tab.goto(url)
        loaded(tab)
        yield tab
        assert complaints == []


def loaded(tab: Any) -> None:
    tab.locator("#windows option").first.wait_for(state="attached", timeout=60_000)
    tab.locator("#loading").wait_for(state="hidden", timeout=60_000)


def coloured(tab: Any) -> int:
    """How many pixels of the canvas have the colour of a class."""
    pixels = np.asarray(Image.open(BytesIO(tab.locator("#first").screenshot())).convert("RGB")).astype(int)
    return int((pixels.max(-1) - pixels.min(-1) > 60).sum())


def test_a_person_looks_through_a_run(run_folder: Path):
    with served(run_folder) as url, opened(url) as tab:
        assert tab.locator("#cases button").count() == 3
        assert "Not a medical device" in tab.locator("#notice").inner_text()
        assert tab.locator("#name").inner_text() == "first"
        assert tab.locator("#classes tr").count() == 2
        assert "1.000" in tab.locator("#classes").inner_text()
        drawn = coloured(tab)
        tab.keyboard.press("m")
        tab.wait_for_timeout(300)
        assert coloured(tab) < drawn / 2
        tab.keyboard.press("m")
        tab.keyboard.press("s")
        loaded(tab)
        assert tab.locator("#second").is_visible()

        tab.locator("#windows").focus()
        tab.keyboard.press("b")
        assert "0 bad" in tab.locator("#counts").inner_text(), "a letter in a menu is no verdict"
        tab.locator("#first").focus()
        for _ in range(6):  # back and forth, over cases that were read ahead
            tab.keyboard.press("n")
            tab.keyboard.press("p")
        loaded(tab)
        assert tab.locator("#name").inner_text() == "first"

        tab.keyboard.press("t")
        tab.keyboard.type("good border")
        tab.keyboard.press("Escape")
        tab.keyboard.press("n")
        tab.get_by_text("The note on first waits for a verdict.").wait_for()
        loaded(tab)
        tab.keyboard.press("p")
        loaded(tab)
        tab.keyboard.press("g")
        tab.get_by_text("1 good").wait_for()
        loaded(tab)
        assert tab.locator("#name").inner_text() == "second"
        tab.keyboard.press("b")
        tab.get_by_text("1 bad").wait_for()
        tab.locator("#problem:not([hidden])").wait_for()
        assert "third.nii.gz" in tab.locator("#problem").inner_text()
    verdicts = read_verdicts(run_folder)
    assert {name: one.quality for name, one in verdicts.items()} == {"first": Quality.GOOD, "second": Quality.BAD}
    assert verdicts["first"].note == "good border"


def test_a_data_set_is_shown_on_a_narrow_screen(toy_dataset: Path):
    with served(toy_dataset) as url, opened(url, 700) as tab:
        assert tab.locator("#first-title").inner_text() == "Reference"
        assert not tab.locator("#verdict").is_visible()
        assert coloured(tab) > 1000
        assert tab.evaluate("() => document.documentElement.scrollWidth") <= 700


def test_a_picture_is_shown_in_pixels_the_way_up_that_it_has(tmp_path: Path):
    mask = np.zeros((40, 60), np.uint8)
    mask[5:16, 35:46] = 1  # the middle is row 10, column 40
    for name, values in {"image": 90 + 100 * mask, "mask": mask}.items():
        Image.fromarray(values).save(tmp_path / f"{name}.png")
    with served(tmp_path / "image.png", "--pred", tmp_path / "mask.png") as url, opened(url) as tab:
        assert tab.locator("#place").inner_text().split() == ["column", "40", "row", "10", "value", "190", "class", "1"]
        assert tab.locator("#classes").inner_text().split() == ["class", "1", "121"]
        assert tab.locator("#unit").inner_text() == "pixels"


def answer(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
            return response.status, response.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_nobody_else_is_answered(toy_dataset: Path):
    with served(toy_dataset) as url:
        base, _, _ = url.partition("/view/")
        assert answer(url)[0] == 200
        assert answer(f"{base}/cases/0/image.nii")[0] == 200
        assert answer(f"{base[:-1]}/cases.json")[0] == 403
        assert answer(f"{base}/cases.json", Host="elsewhere.example")[0] == 403
        assert answer(f"{base}/cases.json", Origin="http://elsewhere.example")[0] == 403
        assert answer(f"{base}/view/../../pyproject.toml")[0] == 404
        assert answer(f"{base}/cases/6/image.nii")[0] == 404
        status, text = answer(f"{base}/cases/0/image.nii?channel=3")
        assert (status, "has 1 channels" in text) == (422, True)


@pytest.mark.parametrize("arguments", [["nowhere"], ["--review", "nowhere", "."]])
def test_a_wrong_path_is_one_sentence(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "monai_mobileunet", "view", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, "no such" in done.stdout) == (2, True)


def test_verdicts_on_cases_that_are_not_here_are_warned_of(toy_dataset: Path, tmp_path: Path):
    names = {name: Verdict.given_now("good") for name in ("toy_001", "1")}
    write_verdicts(tmp_path, names)
    with ViewServer(find_shown(toy_dataset, review=tmp_path)) as server:
        assert server.unknown_names == ["1"]

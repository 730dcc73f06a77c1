"""`mobileunet web`: what it writes and says, and its exit codes."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from conftest import HIPPOCAMPUS, ONE_THREAD, PROJECT
from typer.testing import CliRunner

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cli import app
from monai_mobileunet.runtimes.parity import Parity

pytest.importorskip("onnxscript")
runner = CliRunner(env={"COLUMNS": "200"})


def web(*arguments: object, expect: int = 0) -> str:
    """What the command says, in one line."""
    result = runner.invoke(app, ["web", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return " ".join(result.output.split())


@pytest.fixture
def tiny(bundle_copy: Path) -> Path:
    """The hippocampus bundle with a small network and weights that nothing has trained."""
    import torch

    config = bundle_copy / "configs" / "inference.json"
    config.write_text(config.read_text().replace("mobileunet_fine_large", "mobileunet_tiny"))
    torch.manual_seed(0)
    network = Bundle(bundle_copy, device="cpu").parser.get_parsed_content("network")
    (bundle_copy / "models").mkdir(exist_ok=True)
    torch.save(network.state_dict(), bundle_copy / "models" / "model.pt")
    return bundle_copy


def test_a_site_holds_the_bundle_and_its_network(small_page: Path, tiny: Path, tmp_path: Path):
    said = web(tiny, "-o", tmp_path / "site", "--precision", "float16", "--set", "divide_by_plane=false")
    assert "Not a medical device" in said
    assert re.search(r"site: 13 files, of which a browser loads \d+\.\d MB at its first visit", said)
    bundle = json.loads((tmp_path / "site" / "bundle" / "bundle.json").read_text())
    network = gzip.decompress((tmp_path / "site" / "bundle" / bundle["network"]["file"]).read_bytes())
    assert bundle["network"]["sha256"] == hashlib.sha256(network).hexdigest()
    assert (bundle["network"]["bytes"], bundle["network"]["weights"]) == (len(network), "float16")
    assert (bundle["network"]["input"], bundle["network"]["output"]) == ("image", "pred")
    assert [step["transform"] for step in bundle["postprocessing"]] == ["RestoreGridd"]
    assert bundle["made_with"].startswith("monai_mobileunet ")
    for place, name in (("LICENSE", "LICENSE.txt"), ("docs/data_license.txt", "data_license.txt")):
        assert (tmp_path / "site" / "bundle" / name).read_bytes() == (tiny / place).read_bytes()


def test_what_is_to_be_known_before_a_site_is_published_is_said(small_page: Path, tiny: Path, tmp_path: Path):
    assert "warning" not in web(tiny, "-o", tmp_path / "site")
    (tiny / "LICENSE").write_text("FILL IN: the licence of the bundle.\n")
    metadata = json.loads((tiny / "configs" / "metadata.json").read_text())
    metadata["training_data"]["extent_mm"] = [[300, 200, 1], [400, 300, 1]]
    (tiny / "configs" / "metadata.json").write_text(json.dumps(metadata))
    said = web(tiny, "-o", tmp_path / "site")
    assert "LICENSE: says FILL IN. Write its terms there" in said
    assert "no PNG, TIFF or JPEG. Segment pictures with mobileunet segment." in said


def test_int8_is_written_with_a_warning_and_masks_are_compared_where_images_are_given(
    small_page: Path, tiny: Path, toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert "were not compared with torch" in web(tiny, "-o", tmp_path / "site", "--precision", "int8")
    said = web(tiny, "-o", tmp_path / "site", "--check", toy_dataset / "imagesTr")
    assert "Parity with torch" in said
    assert "network.onnx.gz" in said
    before = (tmp_path / "site" / "site.json").read_bytes()
    worse = Parity(1, 1.0, 1.0, 10, 5, (0.5, 0.5))
    monkeypatch.setattr("monai_mobileunet.webpage.build.compare_masks", lambda *_: worse)
    said = web(tiny, "-o", tmp_path / "site", "--check", toy_dataset / "imagesTr", "--precision", "int8", expect=1)
    assert "int8: Dice to the masks of torch is 0.5000, 0.99 is needed. Nothing was written." in said
    assert (tmp_path / "site" / "site.json").read_bytes() == before


def test_scores_that_differ_are_refused(small_page: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("monai_mobileunet.webpage.build.differs_on_probe", lambda *_: True)
    assert "gives other scores than in torch" in web(tiny, "-o", tmp_path / "site", expect=1)
    assert not (tmp_path / "site").exists()


def test_refusals_are_sentences_before_any_work(small_page: Path, tiny: Path, tmp_path: Path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    assert "is no site that mobileunet web has written" in web(tiny, "-o", tmp_path / "thesis", expect=1)
    config = tiny / "configs" / "inference.json"
    config.write_text(config.read_text().replace("ClipIntensityPercentilesd", "HistogramNormalized"))
    said = web(tiny, "-o", tmp_path / "site", expect=1)
    assert "inference.json: preprocessing#transforms#4 is the transform HistogramNormalized" in said
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([HIPPOCAMPUS], 2, "Give the folder of the site, or show it with --serve."),
        ([HIPPOCAMPUS, "-o", "x", "--precision", "int4"], 2, "'int4' is none of float32, float16, int8."),
        ([HIPPOCAMPUS, "-o", "x", "--set", "planez=1"], 2, "planez"),
        (["nosuch", "-o", "x"], 1, "no bundle"),
        ([HIPPOCAMPUS, "-o", "x", "--set", "argmax=false"], 1, "argmax is false"),
        (
            [HIPPOCAMPUS, "-o", "x", "--set", "out_step=20"],
            1,
            "cannot be used (ValueError: out_step is 20; with 5 slices",
        ),
        ([HIPPOCAMPUS, "-o", "a_file/x"], 1, "a_file: is there already, and is no folder. Name another"),
    ],
)
def test_exit_codes(arguments: list[object], code: int, said: str, small_page: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a_file").touch()
    assert said in web(*arguments, expect=code)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("fails", ["check_place", "write_site"])
def test_a_folder_that_cannot_be_written_is_refused(
    small_page: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
):
    def full(folder: Path, *_: object) -> None:
        raise OSError(28, "No space left on device", str(folder.with_name(".site.1234")))

    monkeypatch.setattr(f"monai_mobileunet.webpage.build.{fails}", full)
    said = web(tiny, "-o", tmp_path / "site", expect=1)
    assert "site: cannot be written (No space left on device). Make room there, or name another folder" in said


def test_a_bundle_without_weights_is_refused_and_takes_a_file_of_them(small_page: Path, tiny: Path, tmp_path: Path):
    elsewhere = (tiny / "models" / "model.pt").rename(tmp_path / "elsewhere.pt")
    said = web(tiny, "-o", tmp_path / "site", expect=1)
    assert "model.pt: no weights. Train the bundle first, or name a file with --weights" in said
    web(tiny, "-o", tmp_path / "site", "--weights", elsewhere)
    assert (tmp_path / "site" / "index.html").is_file()


def test_a_port_in_use_ends_the_command_before_any_work(small_page: Path, tiny: Path, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = web(tiny, "-o", tmp_path / "site", "--serve", "--port", taken.getsockname()[1], expect=2)
    assert "cannot be listened at" in said
    assert not (tmp_path / "site").exists()


PROGRAM = """
import sys
from pathlib import Path
from monai_mobileunet.webpage import site
package = Path(sys.argv.pop(1))
site.shipped_folder = lambda: package
from monai_mobileunet.cli import app
app()
"""


def test_it_serves_a_temporary_site_until_it_is_stopped(small_page: Path, tiny: Path, tmp_path: Path):
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(small_page.parent), "web", str(tiny)]
    environment = {**ONE_THREAD, "TMPDIR": str(tmp_path), "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--serve", "--no-browser", "-q"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            address = next(line.strip() for line in process.stdout if line.startswith("http://127.0.0.1:"))
            with urllib.request.urlopen(f"{address}bundle/bundle.json", timeout=30) as response:
                assert json.load(response)["name"] == json.loads((tiny / "configs/metadata.json").read_text())["name"]
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=60)[0]
    assert "The page has ended." in rest
    assert process.returncode == 0
    assert not [name for name in os.listdir(tmp_path) if name.startswith("mobileunet")]

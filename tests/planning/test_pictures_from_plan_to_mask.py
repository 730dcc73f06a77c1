"""A folder of pictures goes from plan to mask and to its measures, with no file edited."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import RunBundle
from made import measure_dataset
from PIL import Image
from typer.testing import CliRunner

from monai_mobileunet.cli import app
from monai_mobileunet.planning import plan_dataset, write_bundle
from monai_mobileunet.planning.rules import Options

runner = CliRunner()
SIZES = [(40 + 4 * number, 48) for number in range(6)]


def rows(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A colour picture with a bright disk in noise, and where that is."""
    width, height = SIZES[number]
    y, x = np.mgrid[:height, :width]
    disk = (y - 20) ** 2 + (x - 15 - 2 * number) ** 2 < 80
    colours = np.random.default_rng(number).normal(90, 10, (height, width, 3))
    colours[disk] += (90, -40, 20)
    return colours.clip(0, 255).astype(np.uint8), disk.astype(np.uint8)


LAYOUTS = {
    "two folders": ("images/a{}.JPG", "masks/a{}.png", None),
    "nnU-Net": (
        "imagesTr/a{}_0000.png",
        "labelsTr/a{}.png",
        {
            "channel_names": {"0": "R", "1": "G", "2": "B"},
            "labels": {"background": 0, "disk": 1},
            "file_ending": ".png",
        },
    ),
    "a list": ("pictures/a{}.tiff", "truth/b{}.tif", {"labels": {"0": "background", "1": "disk"}}),
}


def make(root: Path, layout: str, value: int = 1) -> Path:
    image, label, description = LAYOUTS[layout]
    for number in range(6):
        for place, values in zip((image, label), rows(number), strict=True):
            path = root / place.format(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values if values.ndim == 3 else values * value).save(path)
    if layout == "a list":
        pairs = [{"image": image.format(number), "label": label.format(number)} for number in range(6)]
        description = {**(description or {}), "training": pairs}
    if description is not None:
        (root / ("list.json" if layout == "a list" else "dataset.json")).write_text(json.dumps(description))
    return root


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_pictures(tmp_path: Path, layout: str):
    found = measure_dataset(make(tmp_path, layout))
    assert [(one.name, one.shape[:2], one.channels, one.in_pixels) for one in found.cases] == [
        (f"a{number}", size, 3, True) for number, size in enumerate(SIZES)
    ]
    assert found.channel_names == (("R", "G", "B") if layout == "nnU-Net" else ("red", "green", "blue"))


def test_a_mask_of_0_and_255_is_offered_other_numbers_that_can_be_typed(tmp_path: Path):
    data = make(tmp_path / "data", "two folders", value=255)
    told = runner.invoke(app, ["check", str(data), "--num-classes", "2"])
    assert told.exit_code == 1
    command = f"--map 255=1 --write {tmp_path / 'data_mapped'}"
    assert command in told.output.replace("\n", "")
    mapped = runner.invoke(app, ["check", str(data), "--num-classes", "2", *command.split()])
    assert mapped.exit_code == 0, mapped.output
    with Image.open(tmp_path / "data_mapped" / "labels" / "a0.png") as label:
        assert np.array_equal(np.asarray(label), rows(0)[1])
    assert measure_dataset(tmp_path / "data_mapped").class_names == ("label 255",)


def test_pictures_from_plan_to_mask(tmp_path: Path, run_bundle: RunBundle):
    data, bundle = make(tmp_path / "data", "two folders"), tmp_path / "planned"
    options = Options(overrides={"epochs": 1, "val_interval": 1, "variant": "mobileunet_small"})
    write_bundle(plan_dataset(measure_dataset(data), options), bundle)
    metadata = bundle / "configs" / "metadata.json"
    inputs = json.loads(metadata.read_text())["network_data_format"]["inputs"]["image"]["channel_def"]
    assert inputs == {"0": "slice 0, red", "1": "slice 0, green", "2": "slice 0, blue"}
    run_bundle(bundle / "configs" / "train.json", run_id="training")
    assert json.loads(metadata.read_text())["training_data"]["channels"] == 3

    masks = tmp_path / "masks"
    done = runner.invoke(app, ["segment", "-i", str(data), "-o", str(masks), "-m", str(bundle)])
    assert done.exit_code == 0, done.output
    assert "a pixel is taken for 1 mm" in done.output
    assert "passed over: labels" in done.output
    for number, size in enumerate(SIZES):
        with Image.open(masks / "images" / f"a{number}.png") as mask:
            assert (mask.size, mask.mode) == (size, "L")
            assert set(np.unique(np.asarray(mask))) <= {0, 1}

    measured = ["evaluate", str(data), "--pred", str(masks), "--class", "disk", "-o", str(tmp_path / "eval")]
    told = runner.invoke(app, measured)
    assert told.exit_code == 0, told.output
    assert "distances are in pixels" in told.output
    assert "distances are in pixels" in (tmp_path / "eval" / "report.html").read_text()

    # beside volumes pictures are previews, as are those of reports
    volume = tmp_path / "mixed" / "ct.nii.gz"
    volume.parent.mkdir()
    volume.touch()
    (tmp_path / "mixed" / "preview.png").touch()
    mixed = ["segment", "-i", str(volume.parent), "-o", str(tmp_path / "out"), "-m", str(bundle), "--dry-run"]
    assert "passed over, for they are pictures beside volumes: 1 .png" in runner.invoke(app, mixed).output

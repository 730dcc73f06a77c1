from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_mobileunet.palette import colour_of
from monai_mobileunet.reports.pictures import draw_overlay


@pytest.fixture
def volumes() -> dict[str, np.ndarray]:
    image = np.random.default_rng(0).random((20, 24, 16)).astype(np.float32)
    pred, label = (np.zeros(image.shape, np.uint8) for _ in range(2))
    pred[5:12, 5:12, 5:12] = 1
    label[6:13, 5:12, 5:12] = 1
    return {"image": image, "pred": pred, "label": label}


def colours(path: Path) -> set[tuple[int, int, int]]:
    with Image.open(path) as picture:
        return {colour for _, colour in picture.convert("RGB").getcolors(10**6)}


def test_contours_are_drawn_in_the_classes_colours(tmp_path: Path, volumes):
    draw_overlay(**volumes, path=tmp_path / "with.png", class_names=["head", "tail"], spacing=(1, 1, 3), title="case")
    volumes["pred"] = np.zeros_like(volumes["pred"])
    volumes["label"] = None
    draw_overlay(**volumes, path=tmp_path / "without.png", class_names=[], title="case")
    first = colour_of(1)
    assert first in colours(tmp_path / "with.png")
    assert first not in colours(tmp_path / "without.png")
    assert {path.name for path in tmp_path.iterdir()} == {"with.png", "without.png"}

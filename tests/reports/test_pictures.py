from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from monai_mobileunet.palette import COLOURS
from monai_mobileunet.reports.pictures import draw_overlay


@pytest.fixture
def volumes() -> dict[str, np.ndarray]:
    image = np.random.default_rng(0).random((20, 24, 16)).astype(np.float32)
    pred, label = (np.zeros(image.shape, np.uint8) for _ in range(2))
    pred[5:12, 5:12, 5:12] = 1
    label[6:13, 5:12, 5:12] = 1
    return {"image": image, "pred": pred, "label": label}


def area(picture: bytes, colour: tuple[int, int, int]) -> int:
    """Pixels of about a colour, which the format changes a little."""
    values = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    return int((np.abs(values - colour).max(-1) < 60).sum())


def test_contours_and_legend_have_the_colours_of_the_classes(volumes):
    names, own = ["head", "tail"], ((250, 20, 20), (20, 20, 250))
    drawn = draw_overlay(**volumes, class_names=names, spacing=(1, 1, 3), title="case")
    assert area(drawn, COLOURS[0]) > 2000
    assert area(drawn, COLOURS[1]) == 0, "a class that is not in the slices is not in the legend"
    in_own = draw_overlay(**volumes, class_names=names, spacing=(1, 1, 3), colours=own)
    assert area(in_own, own[0]) > 2000
    assert area(in_own, COLOURS[0]) == 0
    nothing = {**volumes, "pred": np.zeros_like(volumes["pred"]), "label": None}
    assert area(draw_overlay(**nothing, class_names=names), COLOURS[0]) == 0


def test_a_long_legend_has_as_many_lines_as_it_needs(volumes):
    few = Image.open(io.BytesIO(draw_overlay(**volumes, class_names=["head"]))).size
    volumes["pred"][5:12, 5:12, 8] = np.arange(1, 50).reshape(7, 7)
    many = Image.open(io.BytesIO(draw_overlay(**volumes, class_names=[f"a long name {i}" for i in range(49)]))).size
    assert many[0] == few[0]
    assert many[1] > few[1]

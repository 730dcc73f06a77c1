from __future__ import annotations

import io

import nibabel
import numpy as np
import pytest
from PIL import Image

from monai_mobileunet.data.volume import Volume
from monai_mobileunet.palette import COLOURS
from monai_mobileunet.reports.drawing import DENSITY, GAP
from monai_mobileunet.reports.thumbnails import HEIGHT, WIDTHS, draw_thumbnail

SIDE = HEIGHT * DENSITY


def pixels(mask: np.ndarray, image: np.ndarray, affine: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    file = io.BytesIO(draw_thumbnail(mask, Volume(image, affine, "x"), reference=reference))
    return np.asarray(Image.open(file)).astype(int)


def body() -> tuple[np.ndarray, np.ndarray]:
    """RAS: bright towards right, front and top; the mask in the right, front, upper part."""
    image = np.add.outer(np.add.outer(np.arange(40.0), np.arange(50.0)), np.arange(30.0))
    mask = np.zeros(image.shape, np.uint8)
    mask[28:36, 36:46, 20:28] = 1
    return image, mask


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a picture has a colour; the format blurs these."""
    return np.abs(picture - colour).max(-1) < 90


def test_front_left_and_head_upwards_and_the_right_side_at_the_left():
    image, mask = body()
    picture = pixels(mask, image, np.eye(4))
    assert picture.shape[:2] == (SIDE, WIDTHS[3] * DENSITY)
    for number in range(3):
        left = number * (SIDE + GAP * DENSITY)
        rows, columns = np.nonzero(near(picture[:, left : left + SIDE], COLOURS[0]))
        assert rows.mean() < 0.45 * SIDE, "up: head or front"
        assert columns.mean() < 0.45 * SIDE, "left: front, or the patient's right side"


@pytest.mark.parametrize("codes", ["LPS", "PIR", "SLA"])
def test_the_picture_does_not_depend_on_how_the_file_is_stored(codes: str):
    image, mask = body()
    expected = pixels(mask, image, np.eye(4))
    stored = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(codes)
    )
    other_image, other_mask = (
        nibabel.Nifti1Image(values.astype(np.float32), np.eye(4)).as_reoriented(stored) for values in (image, mask)
    )
    found = pixels(np.asarray(other_mask.dataobj).astype(np.uint8), np.asarray(other_image.dataobj), other_mask.affine)
    assert np.abs(found - expected).mean() < 1


@pytest.mark.parametrize("shape", [(5, 6, 1), (1, 1, 1), (400, 3, 3)])
def test_volumes_of_any_shape_and_without_any_class_give_a_picture(shape):
    image = np.zeros((*shape, 2), np.int16)
    assert pixels(np.zeros(shape, np.uint8), image, np.diag([0.5, 0.5, 5, 1])).shape[0] == SIDE


def test_the_reference_is_drawn_in_dashes_where_it_is_not_the_mask():
    image, mask = body()
    reference = np.roll(mask, -16, axis=0)
    alone, both = (pixels(mask, image, np.eye(4), drawn) for drawn in (None, reference))
    added = near(both, COLOURS[0]) & ~near(alone, COLOURS[0])
    coronal = added[:, SIDE + GAP * DENSITY : 2 * SIDE + GAP * DENSITY]
    line = coronal[:, coronal.sum(axis=0).argmax()]  # an upright side of the reference
    assert np.abs(np.diff(line.astype(int))).sum() >= 6, "it is interrupted"
    assert 0.4 < line.sum() / (np.flatnonzero(line)[-1] - np.flatnonzero(line)[0]) < 0.8

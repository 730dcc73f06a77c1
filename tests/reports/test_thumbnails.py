from __future__ import annotations

import io

import nibabel
import numpy as np
import pytest
from PIL import Image

from monai_mobileunet.data.volume import Volume
from monai_mobileunet.reports.thumbnails import GAP, HEIGHT, draw_thumbnail


def pixels(mask: np.ndarray, image: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(draw_thumbnail(mask, Volume(image, affine, "x"))))).astype(int)


def body() -> tuple[np.ndarray, np.ndarray]:
    """RAS: bright towards right, front and top; the mask in the right, front, upper part."""
    image = np.add.outer(np.add.outer(np.arange(40.0), np.arange(50.0)), np.arange(30.0))
    mask = np.zeros(image.shape, np.uint8)
    mask[28:36, 36:46, 20:28] = 1
    return image, mask


def centre_of_contour(picture: np.ndarray) -> tuple[float, float]:
    coloured = picture.max(-1) - picture.min(-1) > 60  # the format blurs colours, but greys stay grey
    rows, columns = np.nonzero(coloured)
    assert len(rows)
    return rows.mean() / picture.shape[0], columns.mean() / picture.shape[1]


def test_front_left_and_head_upwards_and_the_right_side_at_the_left():
    image, mask = body()
    picture = pixels(mask, image, np.eye(4))
    assert picture.shape[0] == HEIGHT
    widths = [round(HEIGHT * 50 / 30), round(HEIGHT * 40 / 30), round(HEIGHT * 40 / 50)]
    widths[0] = 240  # no wider
    starts = np.cumsum([0, *(width + GAP for width in widths)])
    sagittal, coronal, axial = (picture[:, a : a + w] for a, w in zip(starts, widths, strict=False))
    for panel in (sagittal, coronal, axial):
        row, column = centre_of_contour(panel)
        assert row < 0.45, "up: head or front"
        assert column < 0.45, "left: front, or the patient's right side"


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
    assert pixels(np.zeros(shape, np.uint8), image, np.diag([0.5, 0.5, 5, 1])).shape[0] == HEIGHT

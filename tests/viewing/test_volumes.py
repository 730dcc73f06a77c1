"""What the page reads is what lies on disk."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from monai_mobileunet.data.errors import DataError
from monai_mobileunet.data.reading import read_volume
from monai_mobileunet.viewing.volumes import image_nifti, label_nifti, mask_nifti, shown_image
from tests.conftest import stored, turned


def opened(content: bytes) -> nibabel.Nifti1Image:
    return nibabel.Nifti1Image.from_bytes(content)


@given(codes=st.sampled_from(["RAS", "LPS", "PIR", "SAL", "ILP"]), oblique=st.booleans())
def test_a_volume_keeps_its_voxels_and_its_place(codes: str, oblique: bool):
    values = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
    image = stored(nibabel.Nifti1Image(values, np.diag([1.0, 2.0, 3.0, 1.0])), codes)
    image = turned(image) if oblique else image
    shown = opened(image_nifti(read_volume(image)))
    np.testing.assert_array_equal(np.asarray(shown.dataobj), np.asarray(image.dataobj))
    np.testing.assert_allclose(shown.affine, image.affine, atol=1e-4)


@pytest.mark.parametrize(
    ("stored_type", "shown_type"),
    [("float64", "float32"), ("int64", "uint8"), ("uint32", "uint8"), ("int8", "uint8"), ("uint16", "uint16")],
)
def test_types_that_the_page_cannot_read_become_others(tmp_path: Path, stored_type: str, shown_type: str):
    values = np.arange(24).reshape(2, 3, 4).astype(stored_type)
    path = tmp_path / "image.nii"
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4), dtype=stored_type), path)
    shown = opened(image_nifti(shown_image([path])))
    assert shown.get_data_dtype() == shown_type
    np.testing.assert_array_equal(np.asarray(shown.dataobj), values)


def test_channels_are_shown_one_by_one(tmp_path: Path):
    for channel in range(2):
        nibabel.save(nibabel.Nifti1Image(np.full((2, 3, 4), channel, np.uint8), np.eye(4)), tmp_path / f"{channel}.nii")
    image = shown_image([tmp_path / "0.nii", tmp_path / "1.nii"])
    assert np.asarray(opened(image_nifti(image, 1)).dataobj).max() == 1
    with pytest.raises(DataError, match="has 2 channels"):
        image_nifti(image, 2)


def test_a_picture_is_shown_in_colour(tmp_path: Path):
    colours = np.zeros((4, 6, 3), np.uint8)
    colours[0, 0] = (10, 20, 30)
    Image.fromarray(colours).save(tmp_path / "picture.png")
    shown = np.asarray(opened(image_nifti(shown_image([tmp_path / "picture.png"]))).dataobj)
    assert shown.dtype.names == ("R", "G", "B")
    assert (10, 20, 30) in shown.ravel().tolist()


def test_the_files_of_classes_are_one_mask_and_masks_are_known_as_such(tmp_path: Path):
    values = np.zeros((3, 3, 3), np.uint8)
    for number, name in enumerate(("liver", "spleen")):
        values[:] = 0
        values[number] = 1
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / f"{name}.nii")
    mask = opened(mask_nifti([tmp_path / "liver.nii", tmp_path / "spleen.nii"]))
    assert np.asarray(mask.dataobj)[:, 0, 0].tolist() == [1, 2, 0]
    assert mask.header.get_intent()[0] == "label"


def test_a_reference_is_shown_whatever_its_numbers_mean(tmp_path: Path):
    values = np.zeros((3, 3, 3), np.uint8)
    values[0], values[1] = 255, 7
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "label.nii")
    label = opened(label_nifti(tmp_path / "label.nii", [], ["liver"]))
    assert np.unique(np.asarray(label.dataobj)).tolist() == [0, 7, 255]

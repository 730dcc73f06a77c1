"""What every format answers from its row of the table, without its values."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from monai_mobileunet.data import DataError, Volume, read_volume, write_mask
from monai_mobileunet.data.formats import FORMATS, check_regular, files_of, format_of, grid_of, image_states
from monai_mobileunet.data.names import DETACHED, VOLUME_SUFFIXES

AFFINE = np.diag([-1.5, -2.0, 3.0, 1.0])


def write(path: Path) -> Path:
    values = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    if path.suffix in (".gz", ".nii"):
        nibabel.save(nibabel.Nifti1Image(values, AFFINE), path)
        return path
    image = sitk.GetImageFromArray(values.transpose())
    image.SetSpacing((1.5, 2.0, 3.0))
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("suffix", VOLUME_SUFFIXES)
def test_a_header_tells_the_grid_and_the_files_that_belong_to_it(tmp_path: Path, suffix: str):
    image = write(tmp_path / f"a{suffix}")
    (tmp_path / "b.raw").write_bytes(b"")
    shape, spacing = grid_of(image)
    volume = read_volume(image)
    assert shape == volume.shape == (4, 5, 6)
    assert spacing == pytest.approx(volume.spacing) == (1.5, 2.0, 3.0)
    files = files_of(image)
    assert image in files
    assert len(files) == (2 if suffix in DETACHED else 1)
    assert [state[0] for state in image_states([image])] == list(map(str, files))


@pytest.mark.parametrize(
    "row", [row for row in FORMATS if row.write and not row.read_classes], ids=lambda row: row.name
)
def test_masks_are_written_in_every_format_that_has_a_writer(tmp_path: Path, row):
    volume = Volume(np.zeros((4, 5, 6), np.uint8), AFFINE, "x")
    path = tmp_path / f"mask{row.suffixes[0]}"
    write_mask(np.ones((4, 5, 6), np.uint8), path, volume)
    assert format_of(path) is row
    assert read_volume(path).values.sum() == 120
    assert np.allclose(read_volume(path).affine, AFFINE)


def test_what_cannot_be_read_has_no_grid_and_is_named(tmp_path: Path):
    (tmp_path / "text.nii.gz").write_text("no image")
    with pytest.raises(DataError, match=r"text\.nii\.gz: is named \.gz"):
        grid_of(tmp_path / "text.nii.gz")
    with pytest.raises(DataError, match=r"gone: has a header that cannot be read \(FileNotFoundError"):
        grid_of(tmp_path / "gone")


def test_a_pipe_beside_a_header_is_not_opened(tmp_path: Path):
    image = write(tmp_path / "a.mhd")
    check_regular([image])
    os.mkfifo(tmp_path / "a.pipe")
    with pytest.raises(DataError, match="is a named pipe"):
        check_regular([image])

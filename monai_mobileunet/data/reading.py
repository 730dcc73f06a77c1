"""Read images of every format, the same way for every door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
import SimpleITK as sitk
from nibabel.nifti1 import Nifti1Pair

from monai_mobileunet.data.dicom import is_dicom
from monai_mobileunet.data.errors import refusal, warning
from monai_mobileunet.data.files import check_regular_file
from monai_mobileunet.data.formats import format_of
from monai_mobileunet.data.formats.itk import volume_of_itk
from monai_mobileunet.data.formats.nifti import volume_of_nifti
from monai_mobileunet.data.names import IMAGE_SUFFIXES, image_suffix
from monai_mobileunet.data.volume import Volume, check_grid, check_values, stack_channels

__all__ = ["ImageSource", "read_file", "read_label", "read_volume"]

ImageSource: TypeAlias = (
    str | PathLike | Sequence[str | PathLike] | Nifti1Pair | sitk.Image | tuple[np.ndarray, np.ndarray] | Volume
)
"""What an image can be given as: a file or a folder with a DICOM series; one file for each channel; an image of
nibabel or SimpleITK; an array ``(H, W, D)`` or ``(H, W, D, C)`` with its affine (RAS, mm)."""


def read_volume(source: ImageSource) -> Volume:
    """An image with its voxels, checked.

    NIfTI is read by nibabel, NRRD and MetaImage by SimpleITK, DICOM series by pydicom, PNG, TIFF and JPEG by Pillow;
    whatever unit of length a header names, the affine is in mm. Voxels that cannot be computed with, NaN, infinity and
    fill beyond ±10^15, become the lowest other value, with a warning; other warnings name images that say nothing, or
    two things, about where they lie.

    Args:
        source: see :data:`ImageSource`.

    Raises:
        DataError: it cannot be read, or is not one volume of numbers with a place; the finding names it.
    """
    if isinstance(source, Volume):
        return source
    if isinstance(source, Nifti1Pair):
        return check_values(volume_of_nifti(source, source.get_filename() or "the given image"))
    if isinstance(source, sitk.Image):
        return check_values(volume_of_itk(source, "the given image"))
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], np.ndarray):
        return check_values(_of_array(*source))
    paths = [source] if isinstance(source, (str, PathLike)) else list(source)
    return stack_channels([check_values(read_file(path)) for path in paths])


WHOLE_WITHIN = 1e-3
"""How far a class number may lie from a whole one: scaling and resampling in floats leave 0.9999999 of 1."""


def read_label(path: str | PathLike) -> Volume:
    """A file of class numbers: whole numbers up to the rounding of floats, all others as they are.

    Raises:
        DataError: as :func:`read_volume`, or there are several channels.
    """
    label = _read(path, classes=True)
    if label.channels > 1:
        problem = f"has {label.channels} channels; expected class numbers in one."
        raise refusal(label.name, problem, "Merge the channels into one.")
    values = label.values.reshape(label.shape)
    if values.dtype.kind != "f":
        return replace(label, values=values)
    with np.errstate(invalid="ignore"):  # infinite and NaN: they stay, and are no class
        rounded = np.rint(values)
        near = np.abs(values - rounded) <= WHOLE_WITHIN
    changed = near & (values != rounded)
    if not changed.any():
        return replace(label, values=values)
    odd = values[changed].flat[0]
    problem = f"has class numbers that are almost whole, such as {odd}; they are read as {rounded[changed].flat[0]:g}."
    inexact = warning(label.name, problem, "Save it as whole numbers.")
    return replace(label, values=np.where(near, rounded, values), warnings=(*label.warnings, inexact))


def read_file(path: str | PathLike) -> Volume:
    """One file or DICOM series, its values as they are.

    Raises:
        DataError: as :func:`read_volume`.
    """
    return _read(path)


def _read(path: str | PathLike, classes: bool = False) -> Volume:
    path = Path(path)
    check_regular_file(path)
    if image_suffix(path) or path.is_dir() or is_dicom(path):
        row = format_of(path)
        return row.read_classes(path) if classes and row.read_classes else row.read(path)
    if not path.exists():
        raise refusal(path, "no such file.", "Restore it, or remove it from the list.")
    expected = f"{', '.join(IMAGE_SUFFIXES)}, or a folder with a DICOM series"
    raise refusal(path, f"is no image that can be read; expected {expected}.", "Convert it to .nii.gz.")


def _of_array(values: np.ndarray, affine: np.ndarray) -> Volume:
    if values.ndim not in (3, 4) or 0 in values.shape or values.dtype.kind not in "iufb":
        problem = f"has shape {values.shape} and type {values.dtype}; expected (H, W, D) or (H, W, D, C) of numbers."
        raise refusal("the given array", problem, "Reshape the array.")
    matrix = np.asarray(affine, float)
    if matrix.shape != (4, 4):
        problem = f"has shape {matrix.shape}; expected (4, 4)."
        raise refusal("the given affine", problem, "Give the affine from voxel indices to mm.")
    check_grid(matrix, values.shape, "the given affine", "Give one from voxel indices to mm.")
    return Volume(values.astype(np.uint8) if values.dtype == bool else values, matrix, "the given array")

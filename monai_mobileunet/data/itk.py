"""Read NRRD and MetaImage with SimpleITK."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.volume import Volume

__all__ = ["LPS_TO_RAS", "read_itk", "volume_of_itk"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
IMAGE_IO = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}


def read_itk(path: Path) -> Volume:
    """Read a file that is an image by itself.

    Args:
        path: NRRD or MetaImage.

    Raises:
        DataError: it cannot be read, or is not one volume of numbers.
    """
    if not path.is_file():
        raise DataError([Finding(str(path), "no such file.", "Restore it, or take it off the list.")])
    reader = sitk.ImageFileReader()
    reader.SetImageIO(IMAGE_IO[path.suffix.lower()])  # by itself SimpleITK does not know suffixes in capitals
    reader.SetFileName(str(path))
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise _unreadable(str(path), error) from error
    volume = volume_of_itk(image, str(path))
    if path.suffix.lower() in (".nrrd", ".nhdr") and "NRRD_space" not in image.GetMetaDataKeys():
        problem = "does not say where it lies (no 'space'); its sides are a guess."
        warning = Finding(str(path), problem, "Convert it from its source again.", warning=True)
        return replace(volume, warnings=(*volume.warnings, warning))
    return volume


def volume_of_itk(image: sitk.Image, name: str) -> Volume:
    """What a SimpleITK image holds.

    Args:
        image: of two or three dimensions, or with channels or a fourth axis of length C behind them.
        name: of the file, or words.

    Raises:
        DataError: it is not one volume of numbers.
    """
    if "complex" in image.GetPixelIDTypeAsString() or "label" in image.GetPixelIDTypeAsString():
        problem = f"holds {image.GetPixelIDTypeAsString()}; expected one number per voxel."
        raise DataError([Finding(name, problem, "Export intensities.")])
    size, dimension = image.GetSize(), image.GetDimension()
    channels = image.GetNumberOfComponentsPerPixel()
    if dimension not in (2, 3, 4) or (dimension == 4 and channels > 1) or 0 in size:
        raise DataError([Finding(name, f"has shape {size}; expected one 3D volume.", "Split it into volumes.")])
    values = sitk.GetArrayViewFromImage(image)
    spatial = min(dimension, 3)
    values = values.transpose(*reversed(range(dimension)), *([dimension] if channels > 1 else []))
    if dimension == 2:
        values = values[:, :, None]
    if dimension == 4 and size[3] == 1:
        values = values[..., 0]
    affine = np.eye(4)
    direction = np.reshape(image.GetDirection(), (dimension, dimension))[:spatial, :spatial]
    affine[:spatial, :spatial] = direction * np.asarray(image.GetSpacing())[:spatial]
    affine[:spatial, 3] = image.GetOrigin()[:spatial]
    if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        problem = f"has axes that cannot be inverted: {affine[:3, :3].round(4).tolist()}."
        raise DataError([Finding(name, problem, "Mend its directions.")])
    return Volume(values.copy(order="C"), LPS_TO_RAS @ affine, name, dimension == 2)


def _unreadable(name: str, error: BaseException) -> DataError:
    reason = " ".join(str(error).split("\n")[-1].split())[:300]
    return DataError([Finding(name, f"cannot be read ({reason}).", "Replace it with an intact copy.")])

"""Read NRRD and MetaImage with SimpleITK."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np
import SimpleITK as sitk

from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.formats.itk_names import itk_path
from monai_mobileunet.data.formats.stored_values import check_stored_values
from monai_mobileunet.data.formats.text_headers import read_promise
from monai_mobileunet.data.formats.units import MM_PER_NAME
from monai_mobileunet.data.memory_order import c_ordered, f_ordered
from monai_mobileunet.data.names import DETACHED, METAIMAGE, NRRD
from monai_mobileunet.data.volume import LPS_TO_RAS, Grid, Volume, check_grid

__all__ = ["files_of_itk", "grid_of_itk", "itk_image", "read_itk", "volume_of_itk", "write_itk", "write_itk_image"]

IMAGE_IO = {**dict.fromkeys(NRRD, "NrrdImageIO"), **dict.fromkeys(METAIMAGE, "MetaImageIO")}
VOXEL_UNITS = "ITK_VoxelUnits"

NRRD_IN_TURN = Lock()
"""Held while ITK works on a NRRD file: its library keeps what goes wrong in one list for all threads, and two damaged
files at the same time corrupt the memory of the process."""


def read_itk(path: Path) -> Volume:
    """Read a file that is an image by itself.

    Args:
        path: NRRD or MetaImage.

    Raises:
        DataError: it cannot be read, or is not one volume of numbers.
    """
    promise = read_promise(path)
    left_over = tuple(check_stored_values(path, promise))
    try:
        with _file_reader(path) as reader:
            image = reader.Execute()
    except RuntimeError as error:
        problem = f"cannot be read ({_itk_reason(error)}); its header promises {promise} ({promise.packing})."
        raise refusal(path, problem) from error
    volume = volume_of_itk(image, str(path), promise.scale)
    return replace(volume, warnings=(*volume.warnings, *promise.warnings, *left_over))


def grid_of_itk(path: Path) -> Grid:
    """Size of a NRRD or MetaImage file and mm per voxel along its axes, from the header alone.

    Raises:
        DataError: as :func:`read_itk`.
        RuntimeError: SimpleITK cannot read the header.
    """
    promise = read_promise(path)
    with _file_reader(path) as reader:
        reader.ReadImageInformation()
    scale = max(promise.scale) * _mm_per_voxel_unit(reader)
    axes = np.reshape(reader.GetDirection(), (reader.GetDimension(), -1)) * reader.GetSpacing()
    # a damaged direction stretches a grid, as a spacing does
    return reader.GetSize(), tuple(float(size) * scale for size in np.linalg.norm(axes, axis=0)[:3])


def files_of_itk(path: Path) -> list[Path]:
    """A file, or a header with all files beside it that have its name: its voxels lie in one of them."""
    if path.suffix.lower() not in DETACHED:
        return [path]
    names = sorted(os.listdir(path.parent))
    return [path.with_name(name) for name in names if name == path.name or name.startswith(f"{path.stem}.")]


@contextmanager
def _file_reader(path: Path) -> Iterator[sitk.ImageFileReader]:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(IMAGE_IO[path.suffix.lower()])  # by itself SimpleITK does not know suffixes in capitals
    with itk_path(path) as plain, _in_turn(path):
        reader.SetFileName(plain)
        yield reader


def _in_turn(path: Path) -> AbstractContextManager[object]:
    return NRRD_IN_TURN if path.suffix.lower() in NRRD else nullcontext()


def _mm_per_voxel_unit(source: sitk.Image | sitk.ImageFileReader) -> float:
    """Of an image that SimpleITK read from a MetaImage file, whose DistanceUnits it leaves to its caller."""
    keys = source.GetMetaDataKeys()
    return MM_PER_NAME.get(source.GetMetaData(VOXEL_UNITS).lower(), 1.0) if VOXEL_UNITS in keys else 1.0


def _itk_reason(error: RuntimeError) -> str:
    """The last line of a message of SimpleITK that says something."""
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    # errno of whatever went wrong last, in this file or elsewhere: "Resource temporarily unavailable", "Success"
    telling = [line for line in lines if line and not line.startswith("Reason:")]
    return (
        re.sub(r"^(\[nrrd\] |itk::ERROR: |ITK ERROR: )*(\w+\(0x[0-9a-f]+\): )?", "", telling[-1])[:300]
        if telling
        else "no reason given"
    )


def volume_of_itk(image: sitk.Image, name: str, scale: Sequence[float] = (1.0, 1.0, 1.0)) -> Volume:
    """What a SimpleITK image holds.

    Args:
        image: of two or three dimensions, or with channels or a fourth axis of length C behind them.
        name: of the file, or words.
        scale: mm per unit of length along the axes of its space, where SimpleITK leaves that to its caller.

    Raises:
        DataError: it is not one volume of numbers.
    """
    if "complex" in image.GetPixelIDTypeAsString() or "label" in image.GetPixelIDTypeAsString():
        problem = f"holds {image.GetPixelIDTypeAsString()}; expected one number per voxel."
        raise refusal(name, problem, "Export intensities.")
    size, dimension = image.GetSize(), image.GetDimension()
    channels = image.GetNumberOfComponentsPerPixel()
    if dimension not in (2, 3, 4) or (dimension == 4 and channels > 1) or 0 in size:
        raise refusal(name, f"has shape {size}; expected one 3D volume.", "Split it into volumes.")
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
    affine[:spatial] *= np.asarray(scale)[:spatial, None] * _mm_per_voxel_unit(image)
    check_grid(affine, values.shape, name, "Fix its directions, its spacing or their unit.")
    return Volume(c_ordered(values), LPS_TO_RAS @ affine, name, dimension == 2)


def write_itk(values: np.ndarray, path: Path, volume: Volume) -> None:
    """Write class numbers on the grid of an image as NRRD or MetaImage.

    Raises:
        ValueError: the grid is sheared, for which these formats have no words.
        OSError: it cannot be written.
    """
    write_itk_image(itk_image(values, path, volume), path)


def itk_image(values: np.ndarray, path: Path, volume: Volume) -> sitk.Image:
    """Class numbers on the grid of an image, as SimpleITK has them.

    Raises:
        ValueError: the grid is sheared; ``path`` is the file that would be written.
    """
    affine = LPS_TO_RAS @ volume.affine
    spacing = np.asarray(volume.spacing)
    direction = affine[:3, :3] / spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-3):
        raise ValueError(
            f"{path}: the grid of {volume.name} is sheared; NRRD and MetaImage cannot say so. Use .nii.gz."
        )
    image = sitk.GetImageFromArray(f_ordered(values).transpose())
    axes = values.ndim
    image.SetSpacing(spacing[:axes].tolist())
    image.SetOrigin(affine[:axes, 3].tolist())
    image.SetDirection(direction[:axes, :axes].ravel().tolist())
    return image


def write_itk_image(image: sitk.Image, path: Path) -> None:
    """Write an image as NRRD or MetaImage.

    Raises:
        OSError: it cannot be written.
    """
    try:
        with itk_path(path) as plain, _in_turn(path):
            sitk.WriteImage(image, plain, useCompression=True)
    except RuntimeError as error:  # SimpleITK's word for whatever went wrong, a full disk among it
        raise OSError(errno.EIO, " ".join(str(error).split())[-200:], str(path)) from error

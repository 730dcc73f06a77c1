"""Read NRRD, MetaImage and DICOM with SimpleITK."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.itk_headers import MM_PER_NAME, read_promise
from monai_mobileunet.data.itk_values import check_stored_values
from monai_mobileunet.data.volume import Volume, check_grid

__all__ = ["LPS_TO_RAS", "dicom_series", "grid_of_itk", "read_dicom", "read_itk", "volume_of_itk"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
POSITION, ORIENTATION, MODALITY, SERIES = "0020|0032", "0020|0037", "0008|0060", "0020|000e"
IMAGE_IO = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
VOXEL_UNITS = "ITK_VoxelUnits"
UNEVEN = 0.02
"""Share of the slice distance by which single distances may be off: positions are written with few digits."""


def read_itk(path: Path) -> Volume:
    """Read a file that is an image by itself.

    Args:
        path: NRRD or MetaImage.

    Raises:
        DataError: it cannot be read, or is not one volume of numbers.
    """
    if not path.is_file():
        raise DataError([Finding(str(path), "no such file.", "Restore it, or take it off the list.")])
    promise = read_promise(path)
    left_over = tuple(check_stored_values(path, promise))
    reader = _file_reader(path)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        problem = f"cannot be read ({_itk_reason(error)}); its header promises {promise} ({promise.packing})."
        raise DataError([Finding(str(path), problem, "Replace it with an intact copy.")]) from error
    volume = volume_of_itk(image, str(path), promise.scale)
    return replace(volume, warnings=(*volume.warnings, *promise.warnings, *left_over))


def grid_of_itk(path: Path) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Size of a NRRD or MetaImage file and mm per voxel along its axes, from the header alone.

    Raises:
        DataError: as :func:`read_itk`.
        RuntimeError: SimpleITK cannot read the header.
    """
    promise = read_promise(path)
    reader = _file_reader(path)
    reader.ReadImageInformation()
    scale = max(promise.scale) * _mm_per_voxel_unit(reader)
    return reader.GetSize(), tuple(size * scale for size in reader.GetSpacing()[:3])


def _file_reader(path: Path) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(IMAGE_IO[path.suffix.lower()])  # by itself SimpleITK does not know suffixes in capitals
    reader.SetFileName(str(path))
    return reader


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
    affine[:spatial] *= np.asarray(scale)[:spatial, None] * _mm_per_voxel_unit(image)
    check_grid(affine, values.shape, name, "Fix its directions, its spacing or their unit.")
    return Volume(values.copy(order="C"), LPS_TO_RAS @ affine, name, dimension == 2)


def dicom_series(folder: Path) -> dict[str, list[Path]]:
    """The series of a folder's own files, by their UID, each with its files in the order of their positions."""
    reader = sitk.ImageSeriesReader
    return {
        uid: [Path(name) for name in reader.GetGDCMSeriesFileNames(str(folder), uid)]
        for uid in sorted(reader.GetGDCMSeriesIDs(str(folder)))
    }


def read_dicom(path: Path) -> Volume:
    """Read a series.

    Args:
        path: a folder that holds one series, or any file of a series, which may then be one of several.

    Raises:
        DataError: no series or several, one that cannot be read, or whose slices are no regular volume.
    """
    files = _files_of_series(path)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(files)
    reader.MetaDataDictionaryArrayUpdateOn()
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise _unreadable(str(path), error) from error
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise DataError([Finding(str(path), "holds colours; expected one number per voxel.", "Export intensities.")])
    if len(files) > 1:
        _check_slices(reader, len(files), str(path))
    volume = volume_of_itk(image, str(path))
    modality = reader.GetMetaData(0, MODALITY).strip() if reader.HasMetaDataKey(0, MODALITY) else ""
    return replace(volume, modality=modality)


def _files_of_series(path: Path) -> list[str]:
    if path.is_dir():
        series = dicom_series(path)
        if len(series) != 1:
            problem = f"holds {len(series)} DICOM series with images; expected one."
            raise DataError([Finding(str(path), problem, "Name a file of the series that you mean.")])
        return [str(file) for files in series.values() for file in files]
    header = sitk.ImageFileReader()
    header.SetFileName(str(path))
    try:
        header.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(str(path), error) from error
    if not header.HasMetaDataKey(SERIES):
        return [str(path)]
    uid = header.GetMetaData(SERIES).strip()
    return list(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path.parent), uid)) or [str(path)]


def _check_slices(reader: sitk.ImageSeriesReader, count: int, name: str) -> None:
    """SimpleITK takes the first distance for all of them, and any order of the files for a volume."""
    if not all(reader.HasMetaDataKey(index, key) for index in range(count) for key in (POSITION, ORIENTATION)):
        raise DataError([Finding(name, "has slices that do not say where they lie.", "Export the series again.")])
    positions = np.array([reader.GetMetaData(index, POSITION).split("\\") for index in range(count)], float)
    axes = np.array(reader.GetMetaData(0, ORIENTATION).split("\\"), float).reshape(2, 3)
    steps = np.diff(positions, axis=0)
    along = steps @ np.cross(*axes)
    step = float(np.median(np.abs(along)))
    if step < 1e-4 or np.abs(along).min() < 1e-4:
        raise DataError([Finding(name, "has several slices at one place.", "Split the series into volumes.")])
    if np.abs(np.abs(along) - step).max() > UNEVEN * step:
        low, high = np.abs(along).min(), np.abs(along).max()
        problem = f"has slices that are missing or uneven: {low:.3g} to {high:.3g} mm apart."
        raise DataError([Finding(name, problem, "Export the whole series again, or resample it to even slices.")])
    if float(np.linalg.norm(steps - along[:, None] * np.cross(*axes), axis=1).max()) > UNEVEN * step:
        raise DataError([Finding(name, "was scanned with a tilted gantry.", "Straighten it before, by resampling.")])


def _unreadable(name: str, error: BaseException) -> DataError:
    reason = " ".join(str(error).split("\n")[-1].split())[:300]
    return DataError([Finding(name, f"cannot be read ({reason}).", "Replace it with an intact copy.")])

"""Read NRRD, MetaImage and DICOM with SimpleITK."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from monai_mobileunet.data.dicom_lengths import check_lengths
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.headers import check_header, check_packed
from monai_mobileunet.data.itk_names import check_itk_name, itk_path
from monai_mobileunet.data.regular import check_regular_file
from monai_mobileunet.data.volume import Volume

__all__ = ["LPS_TO_RAS", "dicom_series", "read_dicom", "read_itk", "volume_of_itk"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
POSITION, ORIENTATION, MODALITY, SERIES = "0020|0032", "0020|0037", "0008|0060", "0020|000e"
IMAGE_IO = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
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
    check_header(path)
    check_packed(path)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(IMAGE_IO[path.suffix.lower()])  # by itself SimpleITK does not know suffixes in capitals
    try:
        with itk_path(path) as plain:
            reader.SetFileName(plain)
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


def dicom_series(folder: Path) -> dict[str, list[Path]]:
    """The series of a folder's own files, by their UID, each with its files in the order of their positions.

    Raises:
        DataError: a file that must not be given to GDCM; the finding names it.
    """
    _check_files(folder)
    reader = sitk.ImageSeriesReader
    try:
        return {
            uid: [Path(name) for name in reader.GetGDCMSeriesFileNames(str(folder), uid)]
            for uid in sorted(reader.GetGDCMSeriesIDs(str(folder)))
        }
    except (RuntimeError, TypeError) as error:  # SimpleITK gives numbers that are no UTF-8, and does not take them
        raise _unreadable(str(folder), error) from error


def _check_files(folder: Path) -> None:
    """GDCM opens all files of a folder, and believes what they say."""
    for path in sorted(folder.iterdir()):
        check_regular_file(path)
        if path.is_file():
            check_itk_name(path)
            check_lengths(path)


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
    _check_files(path.parent)
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
    lines = [" ".join(line.split()) for line in str(error).split("\n")]
    reason = next((line for line in reversed(lines) if line), "no reason is given")[:300]
    return DataError([Finding(name, f"cannot be read ({reason}).", "Replace it with an intact copy.")])

"""Read NIfTI files with an eye on what they say twice, or not at all."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.cifti2 import Cifti2Image
from nibabel.filebasedimages import ImageFileError
from nibabel.fileholders import FileHolder
from nibabel.nifti1 import Nifti1Pair
from nibabel.spatialimages import HeaderDataError

from monai_mobileunet.data.errors import DataError, Finding, root_cause
from monai_mobileunet.data.volume import Volume

__all__ = ["READ_ERRORS", "read_nifti", "volume_of_nifti"]

READ_ERRORS = (OSError, EOFError, ValueError, MemoryError, OverflowError, zlib.error, ImageFileError, HeaderDataError)
"""What nibabel raises for files that are broken."""

GZIP_MAGIC = b"\x1f\x8b"
GZIP_RATIO = 1040
"""No gzip file is this many times smaller than its content."""

CHUNK = 1 << 20


def read_nifti(path: Path) -> Volume:
    """Read a file, and all of it: what is compressed is read to its end, where its checksum stands.

    Args:
        path: of a ``.nii`` or ``.nii.gz`` file.

    Returns:
        Its volume; of the two places where a file may say where it lies, the sform, as nibabel, ITK and viewers do.

    Raises:
        DataError: it cannot be read, or is not one volume of numbers.
    """
    name = str(path)
    _check_packing(path)
    try:
        image = nibabel.load(path, mmap=False)  # a mapped file that is cut off meanwhile ends the process
    except READ_ERRORS as error:
        raise _unreadable(name, error) from error
    if isinstance(image, Cifti2Image) or not isinstance(image, Nifti1Pair):
        raise DataError([Finding(name, f"is a {type(image).__name__}, no volume.", "Convert it to a NIfTI volume.")])
    _check_length(path, image)
    if path.name.lower().endswith(".gz"):
        with gzip.open(path) as file:
            whole = type(image).from_file_map({key: FileHolder(name, file) for key in image.file_map})
            volume = volume_of_nifti(whole, name)
            try:
                while file.read(CHUNK):
                    pass
            except READ_ERRORS as error:
                raise _unreadable(name, error) from error
        return volume
    return volume_of_nifti(image, name)


def volume_of_nifti(image: Nifti1Pair, name: str) -> Volume:
    """What a nibabel image holds.

    Args:
        image: from a file or from memory.
        name: of the file, or words.

    Raises:
        DataError: it is not one volume of numbers, lies nowhere, or its values cannot be read.
    """
    header = image.header
    dtype, shape = header.get_data_dtype(), tuple(map(int, image.shape))
    kinds = {"V": "colours", "c": "complex numbers"}
    if dtype.kind in kinds:
        problem = f"holds {kinds[dtype.kind]} ({dtype}); expected one number per voxel."
        raise DataError([Finding(name, problem, "Export intensities.")])
    kept = (*shape, 1) if len(shape) == 2 else shape
    while len(kept) > 3 and kept[-1] == 1:
        kept = kept[:-1]
    if len(kept) not in (3, 4) or 0 in kept:
        raise DataError([Finding(name, f"has shape {shape}; expected one 3D volume.", "Split it into volumes.")])
    affine = np.asarray(image.affine, np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        problem = f"has an affine that cannot be inverted: {affine[:3].round(4).tolist()}."
        raise DataError([Finding(name, problem, "Mend its sform, or set sform_code to 0.")])
    try:
        stored: Any = image.dataobj
        scaled = nibabel.is_proxy(stored) and (stored.slope, stored.inter) != (1, 0)
        values = np.asarray(stored, np.float32) if scaled else np.asanyarray(stored)
    except READ_ERRORS as error:
        raise _unreadable(name, error) from error
    return Volume(
        values.reshape(kept), affine, name, len(shape) == 2, header.copy(), warnings=tuple(_orientation(image, name))
    )


def _unreadable(name: str, error: BaseException) -> DataError:
    return DataError([Finding(name, f"cannot be read ({root_cause(error)}).", "Replace it with an intact copy.")])


def _check_packing(path: Path) -> None:
    """The name must say whether a file is compressed; readers believe it."""
    if path.is_dir():
        raise DataError([Finding(str(path), "is a folder with the name of an image.", "Name the image in it.")])
    if not path.is_file():
        raise DataError([Finding(str(path), "no such file.", "Restore it, or take it off the list.")])
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise _unreadable(str(path), error) from error
    if not start:
        raise DataError([Finding(str(path), "is empty (0 bytes).", "Replace it with an intact copy.")])
    named, packed = path.name.lower().endswith(".gz"), start == GZIP_MAGIC
    if named != packed:
        found = "is named .gz but is not compressed" if named else "is compressed but not named .gz"
        remedy = f"Rename it to {path.name[:-3] if named else path.name + '.gz'} if it is an image at all."
        raise DataError([Finding(str(path), f"{found}.", remedy)])


def _check_length(path: Path, image: Nifti1Pair) -> None:
    """A header that promises more than the file can hold is found before memory is asked for."""
    size = path.stat().st_size * (GZIP_RATIO if path.name.lower().endswith(".gz") else 1)
    voxels = math.prod(map(int, image.shape))
    stored: Any = image.dataobj
    promised = int(stored.offset) + voxels * image.header.get_data_dtype().itemsize
    if promised > size:
        problem = f"is cut off, or its header is wrong: it promises {promised:,} bytes, the file has {size:,} at most."
        raise DataError([Finding(str(path), problem, "Replace it with an intact copy.")])


def _orientation(image: Nifti1Pair, name: str) -> Iterator[Finding]:
    """Warnings about where a volume lies."""
    header: Any = image.header
    sform, has_sform = header.get_sform(), int(header["sform_code"]) > 0
    has_qform = int(header["qform_code"]) > 0
    if not has_sform and not has_qform:
        problem = "does not say where it lies (sform_code and qform_code are 0); its sides and volumes are a guess."
        yield Finding(name, problem, "Convert it from its source again.", warning=True)
    if not (has_sform and has_qform):
        return
    try:
        qform = header.get_qform()
    except HeaderDataError as error:
        yield Finding(name, f"has an invalid qform ({error}); the sform was taken.", "Mend the qform.", warning=True)
        return
    corners = np.array([(*corner, 1) for corner in product(*((0, size - 1) for size in image.shape[:3]))], float)
    if corners.shape[1] < 4:
        return
    apart = float(np.linalg.norm(corners @ (sform - qform).T, axis=1).max())
    if apart > 0.5 * float(np.linalg.norm(sform[:3, :3], axis=0).min()):
        problem = f"has an sform and a qform that lie up to {apart:.3g} mm apart; the sform was taken."
        yield Finding(name, problem, "Find out which is right, and set the other to it.", warning=True)

"""Read NIfTI files with an eye on what they say twice, or not at all."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import nibabel
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.cifti2 import Cifti2HeaderError, Cifti2Image
from nibabel.filebasedimages import ImageFileError
from nibabel.fileholders import FileHolder
from nibabel.nifti1 import Nifti1Pair
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError, HeaderTypeError, ImageDataError
from nibabel.wrapstruct import WrapStructError

from monai_mobileunet.data.errors import DataError, Finding, refusal, root_cause, warning
from monai_mobileunet.data.files import CHUNK, read_start
from monai_mobileunet.data.formats.stored_values import PACKED_RATIO, left_over
from monai_mobileunet.data.volume import Grid, Volume, check_grid

__all__ = ["READ_ERRORS", "grid_of_nifti", "load_nifti", "nifti_affine", "read_nifti", "volume_of_nifti", "write_nifti"]

READ_ERRORS = (
    *(OSError, EOFError, MemoryError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError),
    *(AssertionError, RuntimeError, struct.error, zlib.error, ExpatError, WrapStructError),
    *(ImageFileError, ImageDataError, HeaderDataError, HeaderTypeError, Cifti2HeaderError),
)
"""What nibabel raises for files that are broken: it believes most fields of a header and goes on until one fails."""

GZIP_MAGIC = b"\x1f\x8b"
MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""By the three lowest bits of ``xyzt_units``, the others being the unit of time. A header that names no unit (0), as
many do, is in mm by custom."""

FORMS = (0, 1, 2, 3, 4, 5)
"""Codes of a qform or sform."""


def load_nifti(path: Path) -> Nifti1Pair:
    """Open a file: its header is read, and held against the length of the file; its values are not.

    Args:
        path: of a ``.nii`` or ``.nii.gz`` file.

    Raises:
        DataError: it cannot be opened, is no NIfTI volume, or promises more than it holds.
    """
    name = str(path)
    _check_packing(path)
    try:
        image = nibabel.load(path, mmap=False)  # a mapped file that is cut off meanwhile ends the process
    except READ_ERRORS as error:
        raise _unreadable(name, error) from error
    if isinstance(image, Cifti2Image) or not isinstance(image, Nifti1Pair):
        raise refusal(name, f"is a {type(image).__name__}, no volume.", "Convert it to a NIfTI volume.")
    _check_length(path, image)
    return image


def grid_of_nifti(path: Path) -> Grid:
    """Shape of a file and mm per voxel along its axes, from the header alone; see :func:`load_nifti`."""
    image = load_nifti(path)
    return tuple(map(int, image.shape)), tuple(map(float, voxel_sizes(nifti_affine(image))))


def read_nifti(path: Path) -> Volume:
    """Read a file, and all of it: what is compressed is read to its end, where its checksum stands.

    Args:
        path: of a ``.nii`` or ``.nii.gz`` file.

    Returns:
        Its volume; of the two places where a file may say where it lies, the sform, as nibabel, ITK and viewers do.

    Raises:
        DataError: it cannot be read, or is not one volume of numbers.
    """
    name, image = str(path), load_nifti(path)
    with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
        whole = type(image).from_file_map({key: FileHolder(name, file) for key in image.file_map}, mmap=False)
        volume = volume_of_nifti(whole, name)
        try:
            while file.read(CHUNK):
                pass
            length = file.tell()
        except READ_ERRORS as error:
            raise _unreadable(name, error) from error
    start, size = _promised(image)
    unread = left_over(path, length - start, size)
    return replace(volume, warnings=(*volume.warnings, *unread))


def volume_of_nifti(image: Nifti1Pair, name: str) -> Volume:
    """What a nibabel image holds.

    Args:
        image: from a file or from memory.
        name: of the file, or words.

    Returns:
        Its volume, its affine in mm; its template is the header with voxel sizes that agree with that affine.

    Raises:
        DataError: it is not one volume of numbers, lies nowhere, or its values cannot be read.
    """
    dtype, shape = image.header.get_data_dtype(), tuple(map(int, image.shape))
    kinds = {"V": "colours", "c": "complex numbers"}
    if dtype.kind in kinds:
        problem = f"holds {kinds[dtype.kind]} ({dtype}); expected one number per voxel."
        raise refusal(name, problem, "Export intensities.")
    kept = (*shape, 1) if len(shape) == 2 else shape
    while len(kept) > 3 and kept[-1] == 1:
        kept = kept[:-1]
    if len(kept) not in (3, 4) or min(kept) < 1:
        raise refusal(name, f"has shape {shape}; expected one 3D volume.", "Split it into volumes.")
    affine = nifti_affine(image)
    check_grid(affine, kept, name, "Fix its sform, or set sform_code to 0; and look at pixdim and xyzt_units.")
    header: Any = image.header.copy()
    warnings = [*_voxel_sizes(image, name), *_orientation(image, name)]
    if int(header["sform_code"]) > 0:
        odd = [axis for axis, _ in _odd_pixdim(image)]
        header["pixdim"][odd] = voxel_sizes(image.affine)[[axis - 1 for axis in odd]]
    try:
        stored: Any = image.dataobj
        scaled = nibabel.is_proxy(stored) and (stored.slope, stored.inter) != (1, 0)
        values = np.asarray(stored, np.float32) if scaled else np.asanyarray(stored)
        values = values.reshape(kept)
    except READ_ERRORS as error:
        raise _unreadable(name, error) from error
    return Volume(values, affine, name, len(shape) == 2, header, warnings=tuple(warnings))


def nifti_affine(image: Nifti1Pair) -> np.ndarray:
    """The affine of an image in mm, whatever its header's unit of length; ``(4, 4)``."""
    affine, unit = np.array(image.affine, np.float64), _mm_per_unit(image.header)
    if unit != 1:  # 1 mm is 0.001 m but for the rounding of float32, which would turn into another size
        affine[:3] = [[float(f"{value * unit:.7g}") for value in row] for row in affine[:3]]
    return affine


def _mm_per_unit(header: Any) -> float:
    return MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)


def _unreadable(name: str, error: BaseException) -> DataError:
    return refusal(name, f"cannot be read ({root_cause(error)}).")


def _check_packing(path: Path) -> None:
    """The name must say whether a file is compressed; readers believe it."""
    named, packed = path.name.lower().endswith(".gz"), read_start(path, 2) == GZIP_MAGIC
    if named != packed:
        found = "is named .gz but is not compressed" if named else "is compressed but not named .gz"
        remedy = f"Rename it to {path.name[:-3] if named else path.name + '.gz'} if it is an image at all."
        raise refusal(path, f"{found}.", remedy)


def _check_length(path: Path, image: Nifti1Pair) -> None:
    """A header that promises more than the file can hold is found before memory is asked for."""
    size = path.stat().st_size * (PACKED_RATIO if path.name.lower().endswith(".gz") else 1)
    promised = sum(_promised(image))
    if promised > size:
        problem = f"is cut off, or its header is wrong: it promises {promised:,} bytes, the file has {size:,} at most."
        raise refusal(path, problem)


def _promised(image: Nifti1Pair) -> tuple[int, int]:
    """Where the values begin by the header of a file, and how many bytes they take."""
    stored: Any = image.dataobj
    return int(stored.offset), math.prod(map(int, image.shape)) * image.header.get_data_dtype().itemsize


def _header_as_stored(image: Nifti1Pair) -> Any:
    """The header before nibabel mends what it takes for slips: voxel sizes of 0 and unknown codes."""
    holder = image.file_map.get("header", image.file_map["image"])
    if not nibabel.is_proxy(image.dataobj) or not holder.filename:
        return image.header
    try:
        with ImageOpener(holder.filename) as file:
            return type(image.header).from_fileobj(file, check=False)
    except READ_ERRORS:  # an image in memory whose file is gone has the header that it has
        return image.header


def _odd_pixdim(image: Nifti1Pair) -> Iterator[tuple[int, float]]:
    """Axes from 1 on along which the header says no size of a voxel, each with what it says."""
    stored = _header_as_stored(image)["pixdim"]
    for axis in range(1, min(3, len(image.shape)) + 1):
        if not (np.isfinite(stored[axis]) and stored[axis] > 0):
            yield axis, float(stored[axis])


def _voxel_sizes(image: Nifti1Pair, name: str) -> Iterator[Finding]:
    """Warnings about how large voxels are."""
    header: Any = image.header
    by_sform, unit = int(header["sform_code"]) > 0, _mm_per_unit(header)
    sizes = voxel_sizes(image.affine) * unit
    for axis, said in _odd_pixdim(image):
        start = f"has pixdim[{axis}] = {said:g}, expected the size of a voxel along axis {axis}"
        if by_sform:
            problem = f"{start}; {sizes[axis - 1]:.4g} mm was taken from its sform."
            yield warning(name, problem, f"Set pixdim[{axis}] to what the sform says.")
        else:
            problem = f"{start}; {sizes[axis - 1]:.4g} mm was assumed, and its volumes and its mask are a guess."
            remedy = f"Set pixdim[{axis}] to the distance of the voxels' centres, or convert it from its source again."
            yield warning(name, problem, remedy)
    code = int(header["xyzt_units"]) & 7
    if code not in MM_PER_UNIT:
        problem = (
            f"has xyzt_units {int(header['xyzt_units'])}, whose unit of length NIfTI does not know; mm was assumed."
        )
        yield warning(name, problem, "Set xyzt_units to 2 (mm).")
    if by_sform and int(header["qform_code"]) <= 0:  # with a qform, both places are compared
        given = np.asarray(header["pixdim"][1:4], float) * unit
        axes = [axis for axis in range(min(3, len(image.shape))) if axis + 1 not in dict(_odd_pixdim(image))]
        if any(abs(given[axis] - sizes[axis]) > 0.1 * sizes[axis] for axis in axes):
            words = ["×".join(f"{size:.4g}" for size in some) for some in (given, sizes)]
            problem = f"has voxels of {words[0]} mm by its pixdim and of {words[1]} mm by its sform, which was taken."
            yield warning(name, problem, "Find out which is right, and set the other to it.")


def _orientation(image: Nifti1Pair, name: str) -> Iterator[Finding]:
    """Warnings about where a volume lies."""
    header: Any = image.header
    stored = _header_as_stored(image)
    for field in ("sform_code", "qform_code"):
        if int(stored[field]) not in FORMS:
            problem = f"has {field} {int(stored[field])}, which NIfTI does not know; it was taken for 0, not set."
            yield warning(name, problem, f"Set {field} to 1 if that place is right.")
    sform, has_sform = header.get_sform(), int(header["sform_code"]) > 0
    has_qform = int(header["qform_code"]) > 0
    if not has_sform and not has_qform:
        problem = "does not say where it lies (sform_code and qform_code are 0); its sides and volumes are a guess."
        yield warning(name, problem, "Convert it from its source again.")
    if not (has_sform and has_qform):
        return
    try:
        qform = header.get_qform()
    except HeaderDataError as error:
        yield warning(name, f"has an invalid qform ({error}); the sform was taken.", "Fix the qform.")
        return
    corners = np.array([(*corner, 1) for corner in product(*((0, size - 1) for size in image.shape[:3]))], float)
    if corners.shape[1] < 4:
        return
    apart = float(np.linalg.norm(corners @ (sform - qform).T, axis=1).max())
    if not apart <= 0.5 * float(np.linalg.norm(sform[:3, :3], axis=0).min()):  # NaN in the qform is apart too
        words = f"up to {apart * _mm_per_unit(header):.3g} mm apart" if np.isfinite(apart) else "nowhere near another"
        problem = f"has an sform and a qform that lie {words}; the sform was taken."
        yield warning(name, problem, "Find out which is right, and set the other to it.")


def write_nifti(values: np.ndarray, path: Path, volume: Volume) -> None:
    """Write class numbers on the grid of an image; of an image that is NIfTI the header's geometry is kept.

    That is both transforms, their codes, and units. Nothing else of it is kept, for scaling, intent, display range and
    extensions speak of intensities.
    """
    nibabel.save(_mask(values, volume), path)


def _mask(values: np.ndarray, volume: Volume) -> nibabel.Nifti1Image:
    given = volume.template
    kind = nibabel.Nifti2Image if isinstance(given, nibabel.Nifti2Header) else nibabel.Nifti1Image
    if not isinstance(given, nibabel.Nifti1Header):
        image = kind(values, volume.affine, dtype=values.dtype)
        image.set_sform(volume.affine, code="scanner")
        image.set_qform(volume.affine, code="scanner", strip_shears=True)
        image.header.set_xyzt_units("mm")
        return image
    header = kind.header_class()
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    for field in ("sform_code", "qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y"):
        header[field] = given[field]
    for field in ("qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units", "dim_info"):
        header[field] = given[field]
    header["pixdim"][: values.ndim + 1] = given["pixdim"][: values.ndim + 1]
    # without an affine, for nibabel would write the volume's, in mm, over transforms that are in the image's own unit
    return kind(values, None, header)

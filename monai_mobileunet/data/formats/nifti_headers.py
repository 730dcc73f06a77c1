"""What NIfTI headers say twice, or not at all, about where a volume lies and how large its voxels are."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import product
from typing import Any, cast
from xml.parsers.expat import ExpatError

import nibabel
import numpy as np
from isal.isal_zlib import IsalError
from nibabel.affines import voxel_sizes
from nibabel.cifti2 import Cifti2HeaderError
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Pair
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError, HeaderTypeError, ImageDataError
from nibabel.wrapstruct import WrapStructError

from monai_mobileunet.data.errors import Finding, warning

__all__ = ["READ_ERRORS", "UNPACKING_ERROR", "header_warnings", "nifti_affine", "sized_header"]

UNPACKING_ERROR = cast(type[Exception], IsalError)
"""What ISA-L raises for a damaged archive; the types that come with it call the class an exception."""

READ_ERRORS = (
    *(OSError, EOFError, MemoryError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError),
    *(AssertionError, RuntimeError, struct.error, zlib.error, UNPACKING_ERROR, ExpatError, WrapStructError),
    *(ImageFileError, ImageDataError, HeaderDataError, HeaderTypeError, Cifti2HeaderError),
)
"""What nibabel raises for files that are broken: it believes most fields of a header and goes on until one fails."""

MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""By the three lowest bits of ``xyzt_units``, the others being the unit of time. A header that names no unit (0), as
many do, is in mm by custom."""

FORMS = (0, 1, 2, 3, 4, 5)
"""Codes of a qform or sform."""

RECONCILE = "Find out which is right, and set the other to it."


def nifti_affine(image: Nifti1Pair) -> np.ndarray:
    """The affine of an image in mm, whatever its header's unit of length; ``(4, 4)``."""
    affine, unit = np.array(image.affine, np.float64), _mm_per_unit(image.header)
    if unit != 1:  # 1 mm is 0.001 m but for the rounding of float32, which would turn into another size
        affine[:3] = [[float(f"{value * unit:.7g}") for value in row] for row in affine[:3]]
    return affine


def sized_header(image: Nifti1Pair) -> Any:
    """A copy of an image's header, with the sizes of voxels that its sform says where its ``pixdim`` says none."""
    header: Any = image.header.copy()
    if int(header["sform_code"]) > 0:
        for axis in _unsized_axes(image):
            header["pixdim"][axis] = voxel_sizes(image.affine)[axis - 1]
    return header


def header_warnings(image: Nifti1Pair, name: str) -> Iterator[Finding]:
    """What is odd about how large the voxels of an image are, and about where they lie.

    Args:
        image: from a file or from memory.
        name: of the file, or words.
    """
    yield from _about_sizes(image, name)
    yield from _about_forms(image, name)


def _mm_per_unit(header: Any) -> float:
    return MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)


def _header_as_stored(image: Nifti1Pair) -> Any:
    """The header before nibabel corrects what it takes for slips: voxel sizes of 0 and unknown codes."""
    holder = image.file_map.get("header", image.file_map["image"])
    if not nibabel.is_proxy(image.dataobj) or not holder.filename:
        return image.header
    try:
        with ImageOpener(holder.filename) as file:
            return type(image.header).from_fileobj(file, check=False)
    except READ_ERRORS:  # an image in memory whose file is gone has the header that it has
        return image.header


def _unsized_axes(image: Nifti1Pair) -> dict[int, float]:
    """The axes from 1 on along which the header says no size of a voxel, each with what it says."""
    sizes = _header_as_stored(image)["pixdim"]
    axes = range(1, min(3, len(image.shape)) + 1)
    return {axis: float(sizes[axis]) for axis in axes if not (np.isfinite(sizes[axis]) and sizes[axis] > 0)}


def _about_sizes(image: Nifti1Pair, name: str) -> Iterator[Finding]:
    header: Any = image.header
    by_sform, unit, units = int(header["sform_code"]) > 0, _mm_per_unit(header), int(header["xyzt_units"])
    sizes, unsized = voxel_sizes(image.affine) * unit, _unsized_axes(image)
    for axis, stored in unsized.items():
        used = f"{sizes[axis - 1]:.4g} mm was "
        used += "taken from its sform." if by_sform else "assumed, and its volumes and its mask are a guess."
        remedy = f"Set pixdim[{axis}] to what the sform says."
        if not by_sform:
            remedy = f"Set pixdim[{axis}] to the distance of the voxels' centres, or convert it from its source again."
        problem = f"has pixdim[{axis}] = {stored:g}, expected the size of a voxel along axis {axis}; {used}"
        yield warning(name, problem, remedy)
    if units & 7 not in MM_PER_UNIT:
        problem = f"has xyzt_units {units}, whose unit of length NIfTI does not know; mm was assumed."
        yield warning(name, problem, "Set xyzt_units to 2 (mm).")
    if by_sform and int(header["qform_code"]) <= 0:  # with a qform, both places are compared
        pixdim = np.asarray(header["pixdim"][1:4], float) * unit
        axes = [axis for axis in range(min(3, len(image.shape))) if axis + 1 not in unsized]
        if any(abs(pixdim[axis] - sizes[axis]) > 0.1 * sizes[axis] for axis in axes):
            first, second = ("×".join(f"{size:.4g}" for size in some) for some in (pixdim, sizes))
            problem = f"has voxels of {first} mm by its pixdim and of {second} mm by its sform, which was taken."
            yield warning(name, problem, RECONCILE)


def _about_forms(image: Nifti1Pair, name: str) -> Iterator[Finding]:
    header, stored = image.header, _header_as_stored(image)
    for field in ("sform_code", "qform_code"):
        if int(stored[field]) not in FORMS:
            problem = f"has {field} {int(stored[field])}, which NIfTI does not know; it was taken for 0, not set."
            yield warning(name, problem, f"Set {field} to 1 if that place is right.")
    has_sform, has_qform = (int(header[field]) > 0 for field in ("sform_code", "qform_code"))
    if not has_sform and not has_qform:
        problem = "does not say where it lies (sform_code and qform_code are 0); its sides and volumes are a guess."
        yield warning(name, problem, "Convert it from its source again.")
    if not (has_sform and has_qform):
        return
    try:
        sform, qform = header.get_sform(), header.get_qform()
    except (HeaderDataError, ValueError) as error:  # ValueError of a quaternion that is longer than 1
        yield warning(name, f"has an invalid qform ({error}); the sform was taken.", "Fix the qform.")
        return
    corners = np.array([(*corner, 1) for corner in product(*((0, size - 1) for size in image.shape[:3]))], float)
    if corners.shape[1] < 4:
        return
    apart = float(np.linalg.norm(corners @ (sform - qform).T, axis=1).max())
    if not apart <= 0.5 * float(np.linalg.norm(sform[:3, :3], axis=0).min()):  # NaN in the qform is apart too
        words = f"up to {apart * _mm_per_unit(header):.3g} mm apart" if np.isfinite(apart) else "nowhere near another"
        yield warning(name, f"has an sform and a qform that lie {words}; the sform was taken.", RECONCILE)

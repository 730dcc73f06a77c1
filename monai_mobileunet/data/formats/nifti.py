"""Read and write NIfTI files."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from gzip import BadGzipFile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from isal.igzip import IGzipFile
from nibabel.affines import voxel_sizes
from nibabel.cifti2 import Cifti2Image
from nibabel.fileholders import FileHolder
from nibabel.nifti1 import Nifti1Header, Nifti1Pair
from nibabel.nifti2 import Nifti2Header

from monai_mobileunet.data.errors import refusal, root_cause
from monai_mobileunet.data.files import CHUNK, read_start
from monai_mobileunet.data.formats.nifti_headers import READ_ERRORS, header_warnings, nifti_affine, sized_header
from monai_mobileunet.data.formats.stored_values import PACKED_RATIO, left_over
from monai_mobileunet.data.memory_order import f_ordered
from monai_mobileunet.data.volume import Grid, Volume, check_grid

__all__ = ["grid_of_nifti", "read_nifti", "volume_of_nifti", "write_nifti"]

GZIP_MAGIC = b"\x1f\x8b"

PIECE = 1 << 18
"""Bytes that are unpacked at once."""

PACKING = 2
"""Level of ISA-L for masks, from 0 to 3: that of a 512×512×400 CT is smaller than at level 1 of zlib, in a tenth of its
time; level 3 takes 20 times as long, for no smaller file."""

KEPT = (
    *("sform_code", "qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z", "xyzt_units", "dim_info"),
)
"""Fields that a mask has from its image's header: both transforms, their codes, and units. All others, as scaling,
intent, display range and extensions, speak of intensities."""


def _load(path: Path) -> Nifti1Pair:
    """Open a file: its header is read, and held against the length of the file; its values are not."""
    name = str(path)
    _check_packing(path)
    with _refused(name):
        image = nibabel.load(path, mmap=False)  # a mapped file that is cut off meanwhile ends the process
    if isinstance(image, Cifti2Image) or not isinstance(image, Nifti1Pair):
        raise refusal(name, f"is a {type(image).__name__}, no volume.", "Convert it to a NIfTI volume.")
    _check_offset(path, image)
    _check_length(path, image)
    return image


def grid_of_nifti(path: Path) -> Grid:
    """Shape of a file and mm per voxel along its axes, from the header alone; see :func:`read_nifti`."""
    image = _load(path)
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
    name, image = str(path), _load(path)
    with io.BufferedReader(_Unpacked(path)) if path.name.lower().endswith(".gz") else path.open("rb") as file:
        with _refused(name):
            whole = type(image).from_file_map({key: FileHolder(name, file) for key in image.file_map}, mmap=False)
        volume = volume_of_nifti(whole, name)
        with _refused(name):
            while file.read(CHUNK):
                pass
            length = file.tell()
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
    warnings = tuple(header_warnings(image, name))
    with _refused(name):
        stored: Any = image.dataobj
        scaled = nibabel.is_proxy(stored) and (stored.slope, stored.inter) != (1, 0)
        values = np.asarray(stored, np.float32) if scaled else np.asanyarray(stored)
        values = values.reshape(kept)
    return Volume(values, affine, name, len(shape) == 2, sized_header(image), warnings=warnings)


class _Unpacked(io.RawIOBase):
    """What a ``.gz`` file holds, piece by piece: ISA-L's own ``readinto`` makes a second copy of all it reads."""

    def __init__(self, path: Path) -> None:
        self._file = IGzipFile(path)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(memoryview(buffer)[:PIECE])

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _refused(name: str) -> Iterator[None]:
    """What nibabel raises for a file that is broken becomes a refusal that names the file."""
    try:
        yield
    except READ_ERRORS as error:
        packing = isinstance(error, EOFError | BadGzipFile)
        why = " It has bytes that are not gzip behind its data, or is cut off or damaged." if packing else ""
        raise refusal(name, f"cannot be read ({root_cause(error)}).{why}") from error


def _check_packing(path: Path) -> None:
    """The name must say whether a file is compressed; readers believe it."""
    named, packed = path.name.lower().endswith(".gz"), read_start(path, 2) == GZIP_MAGIC
    if named != packed:
        found = "is named .gz but is not compressed" if named else "is compressed but not named .gz"
        remedy = f"Rename it to {path.name[:-3] if named else path.name + '.gz'} if it is an image at all."
        raise refusal(path, f"{found}.", remedy)


def _check_offset(path: Path, image: Nifti1Pair) -> None:
    """Refuse values that begin within the header: nibabel would read the header's own bytes as values."""
    offset, least = _promised(image)[0], int(image.header["sizeof_hdr"]) + 4
    if isinstance(image, nibabel.Nifti1Image) and offset < least:
        problem = f"has vox_offset {offset}, where its header lies; expected {least} or more."
        raise refusal(path, problem, f"Set vox_offset to {least} if the values follow the header.")


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


def write_nifti(values: np.ndarray, path: Path, volume: Volume) -> None:
    """Write class numbers on the grid of an image; of a NIfTI image the header's geometry is kept as it is."""
    header = volume.template
    values = f_ordered(values)
    image_type = nibabel.Nifti2Image if isinstance(header, Nifti2Header) else nibabel.Nifti1Image
    if isinstance(header, Nifti1Header):
        mask_header = image_type.header_class()
        mask_header.set_data_dtype(values.dtype)
        mask_header.set_data_shape(values.shape)
        for field in KEPT:
            mask_header[field] = header[field]
        mask_header["pixdim"][: values.ndim + 1] = header["pixdim"][: values.ndim + 1]
        # without an affine: nibabel would write the volume's, in mm, over transforms that are in the image's own unit
        image = image_type(values, None, mask_header)
    else:
        image = image_type(values, volume.affine, dtype=values.dtype)
        image.set_sform(volume.affine, code="scanner")
        image.set_qform(volume.affine, code="scanner", strip_shears=True)
        image.header.set_xyzt_units("mm")
    with path.open("wb") as file:
        if path.name.lower().endswith(".gz"):  # without a name and a time: equal masks make equal files
            with IGzipFile("", "wb", PACKING, file, mtime=0) as packed:
                _write_to(packed, image)
        else:
            _write_to(file, image)


def _write_to(file: Any, image: Nifti1Pair) -> None:
    image.to_file_map({"image": FileHolder(fileobj=file)})

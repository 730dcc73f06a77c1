"""The values of DICOM frames: each frame's stored numbers by its own slope, intercept or table."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from monai_mobileunet.data.dicom.frames import Frame
from monai_mobileunet.data.dicom.headers import unreadable

__all__ = ["SamePixels", "voxels"]

PYDICOM = int(pydicom.__version__.split(".")[0])
AS_STANDARD: dict[str, Any] = {"write_like_original": False} if PYDICOM < 3 else {"enforce_file_format": True}
PIXELS = 0x7FE00010
UNCOMPRESSED = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
DESCRIPTION = (
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
)
WORDS = UID("1.2.840.10008.5.1.4.1.1.7.3")
"""SOP class of images without any meaning: of their values the decoder makes nothing else."""


def voxels(frames: Sequence[Frame]) -> np.ndarray:
    """Values of slices.

    Args:
        frames: of one size, in the order of the slices.

    Returns:
        ``(columns, rows, slices)``; whole numbers of the smallest type that holds all that the files could if all have
        one whole slope and intercept, otherwise float64.

    Raises:
        DataError: a file is damaged.
    """
    kind = _kind(frames)
    values = np.empty((len(frames), *frames[0].size), kind)
    places: dict[Path, list[int]] = {}
    for place, frame in enumerate(frames):
        places.setdefault(frame.file, []).append(place)
    for file, slices in places.items():
        stored = _stored(file, frames[slices[0]])
        for place in slices:
            values[place] = _meant(stored[frames[place].index], frames[place], kind)
    return values.transpose(2, 1, 0)


class SamePixels:
    """Whether two frames are one image: the same values, written the same way. Two files are held, decoded once."""

    def __init__(self) -> None:
        self._held: dict[Path, np.ndarray] = {}

    def __call__(self, first: Frame, second: Frame) -> bool:
        """Compare."""
        if (first.bits, first.slope, first.intercept, first.table) != (
            second.bits,
            second.slope,
            second.intercept,
            second.table,
        ):
            return False
        return np.array_equal(self._values(first), self._values(second))

    def _values(self, frame: Frame) -> np.ndarray:
        if frame.file not in self._held:
            while len(self._held) > 1:
                self._held.pop(next(iter(self._held)))
            self._held[frame.file] = _stored(frame.file, frame)
        return self._held[frame.file][frame.index]


def _kind(frames: Sequence[Frame]) -> np.dtype:
    slope, intercept, table = frames[0].slope, frames[0].intercept, frames[0].table
    alike = all((f.slope, f.intercept, f.table) == (slope, intercept, table) for f in frames)
    if not alike or not slope.is_integer() or not intercept.is_integer():
        return np.dtype(np.float64)
    kinds = {f.bits for f in frames}
    if (slope, intercept, table) == (1, 0, None) and len(kinds) == 1:
        return np.dtype(f"{'i' if frames[0].bits[3] else 'u'}{frames[0].bits[0] // 8}")
    ends = [slope * end + intercept for bits in kinds for end in _range(bits)] if table is None else list(table[1])
    low, high = min(ends), max(ends)
    for name in ("u1", "u2", "u4") if low >= 0 else ("i1", "i2", "i4"):
        if np.iinfo(name).min <= low and high <= np.iinfo(name).max:
            return np.dtype(name)
    return np.dtype(np.float64)


def _range(bits: tuple[int, int, int, int]) -> tuple[int, int]:
    _, stored, _, signed = bits
    return (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)


def _meant(stored: np.ndarray, frame: Frame, kind: np.dtype) -> np.ndarray:
    if frame.inverted:
        stored = (sum(_range(frame.bits)) - stored.astype(np.int64)).astype(stored.dtype)
    if frame.table is not None:
        first, values = frame.table
        return np.asarray(values)[np.clip(stored.astype(np.int64) - first, 0, len(values) - 1)]
    if frame.slope == 1 and frame.intercept == 0:
        return stored
    if kind.kind == "f":
        return stored * frame.slope + frame.intercept
    return stored.astype(np.int64) * int(frame.slope) + int(frame.intercept)


def _stored(path: Path, frame: Frame) -> np.ndarray:
    """Numbers ``(frames, rows, columns)`` of a file as they are written."""
    allocated, used, high, _ = frame.bits
    try:
        data = pydicom.dcmread(path, specific_tags=[*DESCRIPTION, "PixelData"], force=True)
        syntax = getattr(data.file_meta, "TransferSyntaxUID", None)
        if PIXELS not in data:
            raise ValueError("it has no PixelData")
        if syntax is not None and syntax not in (*UNCOMPRESSED, RLELossless):
            return _decompressed(data, frame)
        if syntax == RLELossless:  # GDCM refuses images of few pixels
            stored = data.pixel_array.reshape(frame.count, *frame.size)
        else:
            stored = _plain(data.get_item(PIXELS).value, frame, ">" if syntax == ExplicitVRBigEndian else "<")
    except Exception as error:  # of a damaged file the parsers raise what they come upon
        raise unreadable(path, error) from error
    if used < allocated:  # other bits may hold overlays; the sign is that of the highest bit in use
        stored = (stored << (allocated - 1 - high)) >> (allocated - used)
    return stored


def _plain(pixels: bytes, frame: Frame, order: str) -> np.ndarray:
    kind = np.dtype(f"{order}{'i' if frame.bits[3] else 'u'}{frame.bits[0] // 8}")
    count = frame.count * frame.size[0] * frame.size[1]
    if len(pixels) < count * kind.itemsize:
        raise ValueError(f"its PixelData holds {len(pixels):,} of {count * kind.itemsize:,} bytes")
    stored = np.frombuffer(pixels, kind, count).reshape(frame.count, *frame.size)
    return stored.astype(kind.newbyteorder("="), copy=False)


def _decompressed(data: Dataset, frame: Frame) -> np.ndarray:
    """Pixels that SimpleITK decodes from a file with nothing but them, which keeps it from changing their values."""
    bare = Dataset()
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    bare.file_meta.MediaStorageSOPClassUID = bare.SOPClassUID = WORDS
    bare.file_meta.MediaStorageSOPInstanceUID = bare.SOPInstanceUID = UID("1.2.3")
    for keyword in (*DESCRIPTION, "PixelData"):
        if keyword in data:
            bare[keyword] = data[keyword]
    bare.NumberOfFrames, bare.PhotometricInterpretation = frame.count, "MONOCHROME2"
    if PYDICOM < 3:
        bare.is_little_endian, bare.is_implicit_VR = True, False
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "pixels.dcm"
        bare.save_as(place, **AS_STANDARD)
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(place))
        image = reader.Execute()
    values = sitk.GetArrayFromImage(image)
    if values.shape != (frame.count, *frame.size) or values.dtype.kind not in "iu":
        raise ValueError(f"its pixels have shape {values.shape}; its header says {(frame.count, *frame.size)}")
    return values

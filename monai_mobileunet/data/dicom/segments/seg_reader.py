"""Read DICOM SEG as masks on the grid of an image: our own files and those of other tools."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from monai_mobileunet.data.dicom.headers import unreadable
from monai_mobileunet.data.dicom.segments.structure_set import Report, StructureSet, different_names
from monai_mobileunet.data.errors import DataError, refusal, warning
from monai_mobileunet.data.volume import LPS_TO_RAS

__all__ = ["describe_seg", "each_segment", "read_seg"]

logger = logging.getLogger(__name__)

BESIDE = 0.2
"""Voxels by which the corners of a frame may lie beside the image's grid, for positions are rounded."""
OWN_SERIES = "Name the image that it was made on, not one that was resampled."


@dataclass(frozen=True)
class _Frame:
    """Where a frame lies, and whose it is.

    Attributes:
        segment: number; ``None`` in a labelmap, whose values are numbers.
        origin: voxel of the image in which the first pixel is.
        axes: of the image along which columns and rows run.
        signs: in which direction.
    """

    segment: int | None
    origin: tuple[int, ...]
    axes: tuple[int, int]
    signs: tuple[int, int]


def describe_seg(path: Path) -> StructureSet:
    """Read what a file is about, without its pixels.

    Raises:
        DataError: it is damaged, or no SEG.
    """
    with _readable(path):
        data = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        _check_kind(path, data)
        return StructureSet(_series(data), tuple(_names(data).values()))


def read_seg(
    path: Path, affine: np.ndarray, shape: tuple[int, int, int], report: Report = logger.warning
) -> dict[str, np.ndarray]:
    """The segments of a file as masks, by their labels; :func:`each_segment` holds one of them at a time."""
    return dict(each_segment(path, affine, shape, report))


def each_segment(
    path: Path, affine: np.ndarray, shape: tuple[int, int, int], report: Report = logger.warning
) -> Iterator[tuple[str, np.ndarray]]:
    """The segments of a file one by one, name and mask.

    Each frame is placed by its own position, orientation and pixel size, whatever their order, and however the axes
    of the image run beside them. Of a fractional SEG what reaches half of the greatest value is in.

    Args:
        path: the file: BINARY, LABELMAP or FRACTIONAL.
        affine: ``(4, 4)``, from voxel indices of the image to mm with RAS axes.
        shape: of the image.
        report: is called with what is odd about the file.

    Yields:
        The label of a segment that has any frame, and its boolean mask. A label that several have is followed by
        their numbers.

    Raises:
        DataError: the file is damaged or no SEG, or its frames are not on the grid of the image.
    """
    with _readable(path):
        data = pydicom.dcmread(path, force=True)
        _check_kind(path, data)
        names, pixels = _names(data), np.atleast_3d(data.pixel_array.T).T
        frames = [_placed(path, data, index, affine) for index in range(len(pixels))]
        inside = pixels >= (int(data.get("MaximumFractionalValue", 1)) + 1) // 2 if _is(data, "FRACTIONAL") else pixels
    lost = 0
    for number, name in names.items():
        mask, found = np.zeros(shape, bool), False
        for frame, values in zip(frames, inside, strict=True):
            if frame.segment in (None, number):
                found = True
                lost += _put(values == number if frame.segment is None else values > 0, frame, mask)
        if found:
            yield name, mask
    if lost:
        report(warning(path, f"has {lost:,} voxels outside the image.", "They are left out."))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (DataError, FileNotFoundError):
        raise
    except Exception as error:  # pydicom raises whatever its parser comes upon in a damaged file
        raise unreadable(path, error) from error


def _check_kind(path: Path, data: Dataset) -> None:
    modality = data.get("Modality")
    if modality != "SEG" or "SegmentSequence" not in data:
        problem = f"has the modality {modality or 'of no DICOM file'}; expected SEG."
        raise refusal(path, problem, "Name a segmentation, or convert it to NIfTI.")


def _is(data: Dataset, kind: str) -> bool:
    return str(data.get("SegmentationType", "")).upper() == kind


def _names(data: Dataset) -> dict[int, str]:
    """Labels by the numbers of the segments, without the background that a labelmap may describe."""
    given = {int(item.SegmentNumber): str(item.get("SegmentLabel") or "") for item in data.SegmentSequence}
    return different_names({number: name for number, name in given.items() if number})


def _series(data: Dataset) -> str:
    for series in data.get("ReferencedSeriesSequence") or ():
        return str(series.get("SeriesInstanceUID", ""))
    return ""


def _group(data: Dataset, index: int, name: str) -> Dataset:
    """A functional group of a frame: its own, or that of all frames."""
    own = data.PerFrameFunctionalGroupsSequence[index]
    return (own.get(name) or data.SharedFunctionalGroupsSequence[0][name].value)[0]


def _placed(path: Path, data: Dataset, index: int, affine: np.ndarray) -> _Frame:
    row, column = np.reshape(_group(data, index, "PlaneOrientationSequence").ImageOrientationPatient, (2, 3))
    between_rows, between_columns = _group(data, index, "PixelMeasuresSequence").PixelSpacing
    first = np.asarray(_group(data, index, "PlanePositionSequence").ImagePositionPatient, float)
    to_voxels = np.linalg.inv(LPS_TO_RAS @ affine)
    steps = to_voxels[:3, :3] @ np.column_stack([row * between_columns, column * between_rows])
    origin = to_voxels[:3, :3] @ first + to_voxels[:3, 3]
    along, across = (int(np.abs(step).argmax()) for step in steps.T)
    signs = (int(np.sign(steps[along, 0])), int(np.sign(steps[across, 1])))
    exact = np.zeros((3, 2))
    exact[along, 0], exact[across, 1] = signs
    last = (steps - exact) @ [data.Columns - 1, data.Rows - 1]
    beside = max(np.abs(origin - origin.round()).max(), np.abs(origin + last - origin.round()).max())
    if beside > BESIDE or along == across:
        problem = (
            f"has frames that are not on the grid of the image: frame {index + 1} is {beside:.2f} voxels beside it"
        )
        raise refusal(path, f"{problem}; expected at most {BESIDE}.", OWN_SERIES)
    segment = None
    if not _is(data, "LABELMAP"):
        segment = int(_group(data, index, "SegmentIdentificationSequence").ReferencedSegmentNumber)
    return _Frame(segment, tuple(origin.round().astype(int).tolist()), (along, across), signs)


def _put(pixels: np.ndarray, frame: _Frame, mask: np.ndarray) -> int:
    """Add the pixels ``(rows, columns)`` of a frame to a mask; how many of them lie outside."""
    (along, across), plane = frame.axes, 3 - sum(frame.axes)
    drawn = int(np.count_nonzero(pixels))
    if not 0 <= frame.origin[plane] < mask.shape[plane]:
        return drawn
    places = []
    for axis, sign, count in zip(frame.axes, frame.signs, pixels.shape[::-1], strict=True):
        place = frame.origin[axis] + sign * np.arange(count)
        places.append((place, (place >= 0) & (place < mask.shape[axis])))
    (columns, columns_in), (rows, rows_in) = places
    inside = pixels[np.ix_(rows_in, columns_in)]
    slices = np.moveaxis(mask, (across, along, plane), (0, 1, 2))[:, :, frame.origin[plane]]
    slices[np.ix_(rows[rows_in], columns[columns_in])] |= inside
    return drawn - int(np.count_nonzero(inside))

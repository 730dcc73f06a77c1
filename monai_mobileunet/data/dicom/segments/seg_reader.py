"""Read DICOM SEG as masks on the grid of an image: our own files, and those of dcmqi, highdicom and Slicer."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from monai_mobileunet.data.dicom.headers import readable
from monai_mobileunet.data.dicom.segments.structure_set import Report, StructureSet, different_names
from monai_mobileunet.data.errors import list_some, refusal, warning
from monai_mobileunet.data.volume import LPS_TO_RAS
from monai_mobileunet.wording import counted

__all__ = ["FRACTION", "describe_seg", "read_seg"]

logger = logging.getLogger(__name__)

FRACTION = 0.5
"""Of the greatest value of a FRACTIONAL file: from it on a voxel is in, whether it means a probability or a share."""
BESIDE = 0.2
"""Of a voxel: by so much a corner of a frame may lie beside a voxel of the image, for positions are rounded."""
OWN_GRID = "Name the image that it was made on, or resample it to the grid of this one and save it as NIfTI."


def describe_seg(path: Path) -> StructureSet:
    """Read what a file is about, without its voxels.

    Raises:
        DataError: it is damaged, or no SEG.
    """
    with readable(path):
        data = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        _kind(path, data)
        series = [str(item.get("SeriesInstanceUID", "")) for item in data.get("ReferencedSeriesSequence") or ()]
        return StructureSet(next(filter(None, series), ""), tuple(_names(data).values()))


def read_seg(
    path: Path,
    affine: np.ndarray,
    shape: tuple[int, int, int],
    report: Report = logger.warning,
    only: Collection[str] | None = None,
) -> dict[str, np.ndarray]:
    """The segments of a file as masks.

    Each frame lies where its own position, orientation and pixel spacing place it, so that frames may be in any order,
    may lack where nothing is, and may be slices along another axis of the image than its own. Nothing is resampled.

    Args:
        path: the file.
        affine: ``(4, 4)``, from voxel indices of the image to mm with RAS axes.
        shape: of the image.
        report: is called with what is odd about the file.
        only: names of the segments that are wanted; by default all are, of which each takes a byte for each voxel.

    Returns:
        A boolean mask for each segment that the file describes, also for those without voxels, by its label without
        spaces at the ends. A label that several have is followed by their numbers. Voxels of a FRACTIONAL file are in
        from :data:`FRACTION` on.

    Raises:
        DataError: the file is damaged or no SEG, its grid is not the image's up to the order and the direction of
            axes, or all its voxels lie beside the image.

    References:
        DICOM PS3.3 C.8.20 and C.7.6.16.
    """
    to_voxels = np.linalg.inv(LPS_TO_RAS @ affine)
    with readable(path):
        data = pydicom.dcmread(path, force=True)
        kind = _kind(path, data)
        names = _names(data)
        frames = [_frame(path, data, number) for number in range(int(data.get("NumberOfFrames") or 1))]
        places = [_placed(path, frame, to_voxels, data.Rows, data.Columns) for frame in frames]
        _check_slices(path, frames, places, affine, report)
        wanted = {number: name for number, name in names.items() if only is None or name in only}
        masks = {number: np.zeros(shape, bool) for number in wanted}
        inside = outside = 0
        for frame, place, pixels in zip(frames, places, _pixels(data), strict=True):
            for number, found in _segments(data, kind, frame, pixels, names):
                if number not in wanted:
                    continue
                kept = _put(masks[number], found, place)
                inside, outside = inside + kept, outside + int(np.count_nonzero(found)) - kept
    if outside and not inside:
        raise refusal(path, "has all its voxels beside the image; it was made on another one.", OWN_GRID)
    if outside:
        report(warning(path, f"has {counted(outside, 'voxel')} of segments beside the image.", "They are left out."))
    return {name: masks[number] for number, name in wanted.items()}


@dataclass(frozen=True)
class _Frame:
    segment: int | None
    position: np.ndarray
    steps: np.ndarray
    """``(3, 2)``: from one column, and from one row, to the next, in mm."""
    between: float
    """Distance of slices that the file states, in mm; 0 if it states none."""


@dataclass(frozen=True)
class _Place:
    """Where pixels of a frame lie in the image: ``origin + column * steps[:, 0] + row * steps[:, 1]``."""

    origin: np.ndarray
    steps: np.ndarray


def _kind(path: Path, data: Dataset) -> str:
    modality = data.get("Modality")
    if modality != "SEG":
        problem = f"has the modality {modality or 'of no DICOM file'}; expected SEG."
        raise refusal(path, problem, "Name a segmentation object, or convert it to NIfTI.")
    kind = str(data.get("SegmentationType", ""))
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        problem = f"has the segmentation type {kind or 'of none'}; expected BINARY, FRACTIONAL or LABELMAP."
        raise refusal(path, problem, "Convert it to NIfTI.")
    return kind


def _names(data: Dataset) -> dict[int, str]:
    """Labels by the numbers of the segments, each once; the background of a LABELMAP is none."""
    items = data.get("SegmentSequence") or ()
    given = {int(item.SegmentNumber): str(item.get("SegmentLabel") or "") for item in items}
    given.pop(0, None)
    return different_names(given)


def _frame(path: Path, data: Dataset, number: int) -> _Frame:
    own = data.PerFrameFunctionalGroupsSequence[number]
    shared = next(iter(data.get("SharedFunctionalGroupsSequence") or ()), Dataset())

    def group(keyword: str) -> Dataset | None:
        return next(iter(own.get(keyword) or shared.get(keyword) or ()), None)

    position, orientation = group("PlanePositionSequence"), group("PlaneOrientationSequence")
    measures, segment = group("PixelMeasuresSequence"), group("SegmentIdentificationSequence")
    if position is None or orientation is None or measures is None:
        problem = f"does not say where frame {number + 1} lies; expected its position, orientation and pixel spacing."
        raise refusal(path, problem, "Export it again from where it was made, or convert it to NIfTI.")
    along_rows, along_columns = np.reshape(np.asarray(orientation.ImageOrientationPatient, float), (2, 3))
    between_rows, between_columns = map(float, measures.PixelSpacing)
    return _Frame(
        None if segment is None else int(segment.ReferencedSegmentNumber),
        np.asarray(position.ImagePositionPatient, float),
        np.column_stack([along_rows * between_columns, along_columns * between_rows]),
        float(measures.get("SpacingBetweenSlices") or 0),
    )


def _placed(path: Path, frame: _Frame, to_voxels: np.ndarray, rows: int, columns: int) -> _Place:
    origin = to_voxels[:3, :3] @ frame.position + to_voxels[:3, 3]
    steps = to_voxels[:3, :3] @ frame.steps
    place = _Place(np.rint(origin).astype(int), np.rint(steps).astype(int))
    ends = np.array([columns - 1, rows - 1])
    drift = np.abs(steps - place.steps) * ends  # over the whole frame, for spacings that differ little add up
    one_each = (np.abs(place.steps).sum(axis=0) == 1).all() and np.abs(place.steps).sum(axis=1).max() == 1
    if not one_each or drift.max(initial=0) > BESIDE:
        one, other = (", ".join(f"{value:.3f}" for value in column) for column in steps.T)
        problem = f"has pixels that are not the image's voxels: from one column to the next it goes by ({one}) voxels"
        problem += f", from one row to the next by ({other}); expected by one voxel along one axis each."
        raise refusal(path, problem, OWN_GRID)
    beside = np.abs(origin - place.origin).max()
    if beside > BESIDE:
        problem = f"has pixels that lie {beside:.2f} of a voxel beside the image's; expected at most {BESIDE}."
        raise refusal(path, problem, OWN_GRID)
    return place


def _check_slices(
    path: Path, frames: Sequence[_Frame], places: Sequence[_Place], affine: np.ndarray, report: Report
) -> None:
    """Slices farther apart than the image's are another grid; where that is not stated it may be how one drew."""
    axes = {int(np.argmin(np.abs(place.steps).sum(axis=1))) for place in places}
    if len(axes) > 1:
        raise refusal(path, "has frames along several axes of the image; expected all along one.", "Split the file.")
    axis = axes.pop()
    slices = sorted({int(place.origin[axis]) for place in places})
    step = int(np.diff(slices).min()) if len(slices) > 1 else 1
    spacing = float(np.linalg.norm(affine[:3, axis]))
    stated = max((frame.between for frame in frames), default=0.0)
    if step > 1 and np.isclose(stated, step * spacing, rtol=0.01):
        problem = f"has slices {stated:g} mm apart; expected {spacing:g} mm, as of the image."
        raise refusal(path, problem, OWN_GRID)
    if step > 1 and len(slices) > 2:
        problem = "has no two neighbouring slices; those between stay empty."
        report(warning(path, problem, "Interpolate the segments where they were drawn."))


def _pixels(data: Dataset) -> Iterator[np.ndarray]:
    """Pixels ``(rows, columns)``; bits are unpacked frame by frame, for all of them may need too much memory."""
    if data.BitsAllocated > 1 or data.file_meta.TransferSyntaxUID.is_compressed:
        yield from data.pixel_array.reshape(-1, data.Rows, data.Columns)
        return
    size, packed = data.Rows * data.Columns, np.frombuffer(data.PixelData, np.uint8)
    for number in range(int(data.get("NumberOfFrames") or 1)):  # pydicom's own loop fails where a frame ends in a byte
        first = number * size
        bits = np.unpackbits(packed[first // 8 : (first + size + 7) // 8], bitorder="little")
        yield bits[first % 8 : first % 8 + size].reshape(data.Rows, data.Columns)


def _segments(
    data: Dataset, kind: str, frame: _Frame, pixels: np.ndarray, names: Mapping[int, str]
) -> Iterator[tuple[int, np.ndarray]]:
    """The segments of a frame, and their pixels ``(rows, columns)``."""
    if kind == "LABELMAP":
        for number in np.unique(pixels):
            if number:
                yield _known(int(number), names), pixels == number
        return
    if frame.segment is None:
        raise ValueError("a frame names no segment")
    threshold = FRACTION * int(data.MaximumFractionalValue) if kind == "FRACTIONAL" else 1
    yield _known(frame.segment, names), pixels >= threshold


def _known(number: int, names: Mapping[int, str]) -> int:
    if number not in names:
        raise ValueError(f"segment {number} is not described; there are {list_some(list(names))}")
    return number


def _put(mask: np.ndarray, found: np.ndarray, place: _Place) -> int:
    """Add pixels to a mask; how many lay in it."""
    rows, columns = np.nonzero(found)
    voxels = place.origin[:, None] + place.steps @ np.stack([columns, rows])
    voxels = voxels[:, ((voxels >= 0) & (voxels < np.array(mask.shape)[:, None])).all(axis=0)]
    mask[tuple(voxels)] = True
    return voxels.shape[1]

"""Read DICOM RTSTRUCT as masks on the grid of an image: our own files and those of planning systems."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import Tag

from monai_mobileunet.data.dicom.headers import readable
from monai_mobileunet.data.dicom.segments.filling import filled
from monai_mobileunet.data.dicom.segments.structure_set import Report, StructureSet, different_names
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal, warning
from monai_mobileunet.data.volume import LPS_TO_RAS
from monai_mobileunet.wording import counted

__all__ = ["describe_rtstruct", "each_structure", "read_rtstruct"]

logger = logging.getLogger(__name__)

CLOSED, EXCLUSIVE = "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"
CONTOUR_DATA = Tag("ContourData")
CONTOURS = Tag("ROIContourSequence")
BESIDE = 0.2
"""Of the distance of slices: by so much a contour may lie beside its slice, for distances are uneven and rounded."""
OWN_SERIES = "Name the image that it was drawn on, not one that was resampled."

Contour: TypeAlias = tuple[np.ndarray, bool]
"""Points ``(points, 3)`` in voxels, and whether the structure's contours are to be combined by exclusive or."""


def describe_rtstruct(path: Path) -> StructureSet:
    """Read what a file is about, without its contours.

    Raises:
        DataError: it is damaged, or no RTSTRUCT.
    """
    with readable(path):
        with path.open("rb") as file:
            data = read_partial(file, lambda tag, vr, length: tag >= CONTOURS, force=True)
        _check_kind(path, data)
        return StructureSet(_series(data), tuple(_names(data).values()))


def read_rtstruct(
    path: Path,
    affine: np.ndarray,
    shape: tuple[int, int, int],
    report: Report = logger.warning,
    only: Collection[str] | None = None,
) -> dict[str, np.ndarray]:
    """The structures of a file as masks; :func:`each_structure` holds one of them at a time.

    Args:
        path: the file.
        affine: ``(4, 4)``, from voxel indices of the image to mm with RAS axes.
        shape: of the image.
        report: is called with what is odd about the file.
        only: names of the structures that are wanted, and looked at; by default all are.

    Returns:
        A boolean mask for each structure that has closed contours, by its name without spaces at the ends. A name
        that several have is followed by their numbers.

    Raises:
        DataError: the file is damaged or no RTSTRUCT, its contours lie between the image's slices or in no plane of
            its voxels, or all of them beside it.
    """
    return dict(each_structure(path, affine, shape, report, only))


def each_structure(
    path: Path,
    affine: np.ndarray,
    shape: tuple[int, int, int],
    report: Report = logger.warning,
    only: Collection[str] | None = None,
) -> Iterator[tuple[str, np.ndarray]]:
    """The structures of a file one by one, name and mask; see :func:`read_rtstruct`.

    A voxel is in where its centre is; see :func:`filled` for holes. The slices are those of the image axis that the
    contours lie across, whichever it is. Slices without a contour are empty: what a person drew on every second slice
    is not filled in between, but reported. Points and open lines have no inside and are passed over; structures that
    have nothing else are left out and reported.
    """
    to_voxels = np.linalg.inv(LPS_TO_RAS @ affine)
    with readable(path):
        data = pydicom.dcmread(path, force=True)
        _check_kind(path, data)
        names = {number: name for number, name in _names(data).items() if only is None or name in only}
        drawn = {number: _closed_contours(item, to_voxels) for number, item in _items(data).items() if number in names}
    structures = {name: drawn[number] for number, name in names.items() if drawn.get(number)}
    without = [name for name in names.values() if name not in structures]
    if without:
        report(warning(path, f"has structures without a closed contour: {list_some(without)}.", "They are left out."))
    axis = _axis([points for contours in structures.values() for points, _ in contours])
    _check_places(path, structures, axis, shape)
    for name, contours in structures.items():
        yield name, _mask(path, name, contours, axis, shape, report)


def _check_kind(path: Path, data: Dataset) -> None:
    modality = data.get("Modality")
    if modality != "RTSTRUCT":
        problem = f"has the modality {modality or 'of no DICOM file'}; expected RTSTRUCT."
        raise refusal(path, problem, "Name a structure set, or convert it to NIfTI.")


def _series(data: Dataset) -> str:
    for frame in data.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for series in study.get("RTReferencedSeriesSequence") or ():
                return str(series.get("SeriesInstanceUID", ""))
    return ""


def _names(data: Dataset) -> dict[int, str]:
    items = data.get("StructureSetROISequence") or ()
    return different_names({int(item.ROINumber): str(item.get("ROIName") or "") for item in items})


def _items(data: Dataset) -> dict[int, Dataset]:
    return {int(item.ReferencedROINumber): item for item in data.get("ROIContourSequence") or ()}


def _closed_contours(item: Dataset, to_voxels: np.ndarray) -> list[Contour]:
    contours = []
    for contour in item.get("ContourSequence") or ():
        kind = contour.get("ContourGeometricType", CLOSED)
        points = _points(contour)
        if kind in (CLOSED, EXCLUSIVE) and len(points) > 2:
            contours.append((points @ to_voxels[:3, :3].T + to_voxels[:3, 3], kind == EXCLUSIVE))
    return contours


def _points(contour: Dataset) -> np.ndarray:
    element = contour.get_item(CONTOUR_DATA)
    text = element.value if element is not None else b""
    if not isinstance(text, bytes):  # pydicom has made numbers of it
        text = b"\\".join(str(value).encode() for value in text or ())
    text = text.strip(b" \0")
    points = np.array(text.split(b"\\") if text else [], np.float64).reshape(-1, 3)
    if not np.isfinite(points).all():
        raise ValueError("a contour has points that are no numbers")
    return points


def _axis(contours: Sequence[np.ndarray]) -> int:
    """The axis of the image along which contours have the least extent."""
    extents = [np.ptp(points, axis=0) for points in contours]
    return int(np.argmin(np.max(extents, axis=0))) if extents else 2


def _check_places(
    path: Path, structures: Mapping[str, Sequence[Contour]], axis: int, shape: tuple[int, int, int]
) -> None:
    findings, inside = [], False
    for name, contours in structures.items():
        places = [points[:, axis] for points, _ in contours]
        extent = max(float(np.ptp(place)) for place in places)
        beside = max(float(np.abs(place - np.rint(place)).max()) for place in places)
        if extent > 2 * BESIDE:
            problem = f"has contours of {name} that lie in no slice of the image: one goes through {extent:.1f}."
            findings.append(Finding(str(path), problem, OWN_SERIES))
        elif beside > BESIDE:
            problem = f"has contours of {name} between slices of the image: {beside:.2f} of a slice beside one"
            findings.append(Finding(str(path), f"{problem}; expected at most {BESIDE}.", OWN_SERIES))
        inside |= any(_touches(points, shape) for points, _ in contours)
    if findings:
        raise DataError(findings)
    if structures and not inside:
        problem = "has contours that all lie beside the image; they were drawn on another one."
        raise refusal(path, problem, OWN_SERIES)


def _touches(points: np.ndarray, shape: tuple[int, int, int]) -> bool:
    low, high = points.min(axis=0), points.max(axis=0)
    return bool((high > -0.5).all() and (low < np.array(shape) - 0.5).all())


def _mask(
    path: Path,
    name: str,
    contours: Sequence[Contour],
    axis: int,
    shape: tuple[int, int, int],
    report: Report,
) -> np.ndarray:
    planes = np.zeros((shape[axis], *np.delete(shape, axis)), bool)  # each in one piece, which is faster
    exclusive = any(xor for _, xor in contours)
    slices: dict[int, list[np.ndarray]] = {}
    for points, _ in contours:
        slices.setdefault(int(np.rint(points[:, axis].mean())), []).append(np.delete(points, axis, axis=1))
    overlapping = 0
    for place, polygons in slices.items():
        if 0 <= place < len(planes):
            found = filled(polygons, planes.shape[1:], exclusive)
            planes[place][found.box] = found.inside
            overlapping += found.overlapping
    for problem, remedy in _odd(name, sorted(slices), len(planes), overlapping):
        report(warning(path, problem, remedy))
    return np.moveaxis(planes, 0, axis)


def _odd(name: str, places: Sequence[int], count: int, overlapping: int) -> Iterator[tuple[str, str]]:
    """What a person should look at."""
    outside = sum(not 0 <= place < count for place in places)
    if outside:
        yield f"has contours of {name} on {counted(outside, 'slice')} that the image lacks.", "They are left out."
    if len(places) > 2 and min(np.diff(places)) > 1:
        yield (
            f"has {name} on no two neighbouring slices; those between stay empty.",
            "Interpolate it where it was drawn.",
        )
    if overlapping:
        problem = f"has {counted(overlapping, 'contour')} of {name} reaching beyond others that they overlap."
        yield problem, "They are taken as additions, not as holes: look at the mask."

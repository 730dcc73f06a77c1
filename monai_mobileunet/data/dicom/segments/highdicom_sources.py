"""The headers of a series as highdicom takes them: whole, and of one orientation and pixel size that all frames share.

What real exports lack or say frame by frame is added and shared here; places, names and UIDs stay those of the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import DS

from monai_mobileunet.data.dicom.checks import Frame
from monai_mobileunet.data.dicom.segments.source import Source
from monai_mobileunet.data.errors import refusal

__all__ = ["frames_for_highdicom"]

REQUIRED = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate"),
    *("StudyTime", "ReferringPhysicianName"),
)
"""What a SEG must have, if with no value; exports that lack one are common."""

SEXES = (None, "", "M", "F", "O")


def frames_for_highdicom(source: Source) -> tuple[list[Dataset], tuple[int, ...]]:
    """The headers of a series, or the one of a file of many frames, and which frame of them each slice is.

    Args:
        source: a series.

    Raises:
        DataError: it is a volume in several files of many frames.
    """
    files = {frame.file for frame in source.frames}
    if len(files) == len(source.frames):
        headers = [_single(source, index) for index in range(len(source.frames))]
        return headers, tuple(range(len(headers)))
    if len(files) > 1:
        problem = "is a volume in several files of many frames each, on which no SEG can be written."
        raise refusal(source.name, problem, "Write the mask with --output-type nifti or dicom_rtstruct.")
    return [_multiple(source)], tuple(frame.index for frame in source.frames)


def _single(source: Source, index: int) -> Dataset:
    data, frame, first = source.datasets[index], source.frames[index], source.frames[0]
    changes = {"ImageOrientationPatient": source.datasets[0].ImageOrientationPatient}
    changes |= {"PixelSpacing": _decimals(first.spacing or ())} if frame.spacing != first.spacing else {}
    return _changed(data, {**changes, **_thickness(source, data.get("SliceThickness")), **_missing(data)})


def _multiple(source: Source) -> Dataset:
    """A header whose functional groups are only where its frames lie, how they are turned, and their pixels' size.

    Frames that are no slices of the volume, as copies of one, lie where the first slice does; they have no mask.
    """
    data, first = source.datasets[0], source.frames[0]
    frames: list[Frame] = [first] * max(first.count, *(frame.index + 1 for frame in source.frames))
    for frame in source.frames:
        frames[frame.index] = frame
    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=_decimals(first.orientation or ()))]
    measures = {"PixelSpacing": _decimals(first.spacing or ()), **_thickness(source, first.thickness)}
    shared.PixelMeasuresSequence = [_item(**measures)]
    places = [_item(ImagePositionPatient=_decimals(frame.position or ())) for frame in frames]
    groups = [_item(PlanePositionSequence=[place]) for place in places]
    changes = {"SharedFunctionalGroupsSequence": [shared], "PerFrameFunctionalGroupsSequence": groups}
    return _changed(data, {**changes, **_missing(data)})


def _thickness(source: Source, thickness: Any) -> dict[str, Any]:
    """How thick slices are, and how far from one another: what files say of the latter is often wrong."""
    step = float(np.linalg.norm(source.affine[:3, 2]))
    between = {"SpacingBetweenSlices": DS(step, auto_format=True)} if len(source.frames) > 1 else {}
    return {"SliceThickness": thickness or DS(step, auto_format=True), **between}


def _missing(data: Dataset) -> dict[str, Any]:
    changes: dict[str, Any] = {key: None for key in REQUIRED if key not in data}
    return changes | ({"PatientSex": None} if data.get("PatientSex") not in SEXES else {})


def _changed(data: Dataset, changes: dict[str, Any]) -> Dataset:
    changed = Dataset()
    changed.update(data)
    for keyword, value in changes.items():
        if keyword in changed:
            delattr(changed, keyword)  # the element is the other's, too
        setattr(changed, keyword, value)
    return changed


def _item(**values: Any) -> Dataset:
    return _changed(Dataset(), values)


def _decimals(values: Sequence[float]) -> list[Any]:
    return [DS(value, auto_format=True) for value in values]

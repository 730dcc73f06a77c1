"""Who made a SEG or RTSTRUCT, when, and its UIDs: what both kinds of files say alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydicom.uid import generate_uid

from monai_mobileunet.data.dicom.segments.described import DISCLAIMER, Maker
from monai_mobileunet.data.dicom.segments.source import Source

__all__ = ["FileIdentity", "file_identity"]

MANUFACTURER = "monai_mobileunet"
SERIES_NUMBER = 1000
"""Added to the number of the source, so that a viewer lists the masks behind the images and in their order."""
LONGEST_SERIES_DESCRIPTION = 64
NEVER = datetime(1970, 1, 1)
"""In place of the day of a study that has none, where no clock time is to be written."""


@dataclass(frozen=True)
class FileIdentity:
    """What a file says of itself.

    Attributes:
        new_uid: a UID for a part of the file, by the name of the part.
        when: of the writing; where the file is to be reproducible the study's day.
        series_number: of the series that the file is alone in.
        series_description: model and disclaimer.
        description: model, version and the weights' hash.
        manufacturer: this package.
        software: versions of the package and the model.
    """

    new_uid: Callable[[str], str]
    when: datetime
    series_number: int
    series_description: str
    description: str
    manufacturer: str
    software: tuple[str, ...]


def file_identity(mask: np.ndarray, source: Source, maker: Maker, kind: str) -> FileIdentity:
    """The identity of a file for a mask.

    Args:
        mask: class numbers on the grid of the source.
        source: the series.
        maker: what made the mask.
        kind: of the file, as ``"SEG"``; files of two kinds have no UID in common.
    """
    first = source.datasets[0]
    weights = f"weights {maker.weights[:12]}"
    entropy = [kind, first.SeriesInstanceUID, maker.model, maker.version, maker.weights]
    if maker.deterministic:
        entropy.append(hashlib.sha256(np.ascontiguousarray(mask.T).data).hexdigest())

    def new_uid(part: str) -> str:
        return str(generate_uid(entropy_srcs=[*entropy, part]) if maker.deterministic else generate_uid())

    return FileIdentity(
        new_uid,
        _day(first.get("StudyDate")) if maker.deterministic else datetime.now(),
        SERIES_NUMBER + int(first.get("SeriesNumber") or 0),
        _shortened(maker.model, f" ({DISCLAIMER})"),
        _shortened(f"{maker.model} {maker.version}", f", {weights}"),
        MANUFACTURER,
        (maker.software, _shortened(f"{maker.model} {maker.version}", "")),
    )


def _shortened(text: str, end: str) -> str:
    room = LONGEST_SERIES_DESCRIPTION - len(end)
    return f"{text if len(text) <= room else text[:room].rsplit(' ', 1)[0]}{end}"


def _day(given: object) -> datetime:
    try:
        return datetime.strptime(str(given), "%Y%m%d")
    except ValueError:
        return NEVER

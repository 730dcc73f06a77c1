"""The picture of a case in the report of a run: its mask, and the reference beside it where there is one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from monai_mobileunet.case_record import CaseRecord, FileState
from monai_mobileunet.cohort.guard import OutputError
from monai_mobileunet.cohort.journal import Journal
from monai_mobileunet.data import DataError
from monai_mobileunet.data.dicom.segments.described import SegmentClass
from monai_mobileunet.data.files import write_bytes
from monai_mobileunet.data.formats import check_regular, image_states
from monai_mobileunet.data.reading import read_volume
from monai_mobileunet.data.volume import Volume, same_grid
from monai_mobileunet.data.writing import fitting_name, mask_type
from monai_mobileunet.evaluation.masks import read_classes, read_reference
from monai_mobileunet.reports.thumbnails import draw_thumbnail

__all__ = ["PICTURES", "add_references", "draw_picture", "place_of_picture"]

PICTURES = "pictures"
"""Folder of the pictures, in the run's folder."""

logger = logging.getLogger(__name__)


def place_of_picture(name: str, state: Path) -> Path:
    """The file of a case's picture.

    Args:
        name: of the case.
        state: folder of what the run keeps.
    """
    return (state / PICTURES / name).with_name(fitting_name(Path(name).name, ".webp"))


def draw_picture(
    record: CaseRecord, mask: np.ndarray, volume: Volume, classes: Sequence[SegmentClass]
) -> tuple[bytes, list[FileState]]:
    """A picture of a case, with its reference if that can be read and lies on the grid of the image.

    Args:
        record: of the case.
        mask: class numbers ``(H, W, D)``.
        volume: the image.
        classes: of the bundle; none for the colours of the palette.

    Returns:
        The file, and the state of the reference that it shows, for :attr:`.CaseRecord.pictured`.
    """
    states, reference = [], None
    if record.label is not None:
        states = image_states([record.label])
        reference = _reference(record.label, volume, classes)
    drawn = draw_thumbnail(mask, volume, [one.colour for one in classes], reference)
    return drawn, states


def add_references(
    records: Iterable[CaseRecord], journal: Journal, state: Path, classes: Sequence[SegmentClass]
) -> None:
    """Draw the pictures of finished cases again that do not show their reference as it is now.

    Args:
        records: the cases; those without a reference or a picture are passed over.
        journal: gets the records of those that were drawn.
        state: folder of what the run keeps.
        classes: of the bundle.

    Raises:
        OutputError: the journal or a picture cannot be written.
    """
    for record in records:
        if not (record.done and record.picture and record.results and record.label is not None):
            continue
        if image_states([record.label]) == record.pictured:
            continue
        try:
            mask, volume = read_classes(record.masks, len(classes) + 1), read_volume(record.images[0])
            drawn, states = draw_picture(record, mask.values, volume, classes)
        except Exception:  # whatever a strange grid leads to: the case is segmented and compared all the same
            logger.exception("%s: its picture cannot be drawn again with the reference", record.name)
            continue
        place = place_of_picture(record.name, state)
        try:
            write_bytes(place, drawn)
        except OSError as error:
            raise OutputError(f"{place}: cannot be written ({error.strerror}).") from error
        journal.write(replace(record, pictured=states))


def _reference(label: Path, volume: Volume, classes: Sequence[SegmentClass]) -> np.ndarray | None:
    """Class numbers of a reference; ``None`` where it is of no use, which its comparison will say."""
    try:
        check_regular([label])
        found, _ = read_reference(label, volume, [one.name for one in classes])
    except (DataError, OSError):
        return None
    if not same_grid(found, volume):
        return None
    known = (found.values > 0) & (found.values <= len(classes))
    return np.where(known, found.values, 0).astype(mask_type(len(classes) + 1))

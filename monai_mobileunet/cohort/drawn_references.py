"""Which DICOM SEG or RTSTRUCT in a folder is the reference of which series: it says which it was drawn on."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.data.datasets.structures import uid_of
from monai_mobileunet.data.dicom.segments.structures import describe_structures
from monai_mobileunet.data.errors import DataError, Finding, list_some
from monai_mobileunet.data.formats.table import DICOM, format_of
from monai_mobileunet.data.walking import walk_folders

__all__ = ["find_drawn"]

logger = logging.getLogger(__name__)


def find_drawn(cases: Sequence[CaseRecord], folder: Path) -> dict[str, Path]:
    """The SEG or RTSTRUCT of each case that is a DICOM series and has one.

    Args:
        cases: the cases; files that they are to be written to are passed over in the folder.
        folder: searched with the folders below it, but hidden ones. A file that is damaged is logged.

    Raises:
        DataError: a series has several.
    """
    wanted: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        if format_of(case.images[0]).name == DICOM:
            wanted[_series_of(case.images[0])].append(case.name)
    wanted.pop("", None)
    if not wanted:
        return {}
    own = {path.resolve() for case in cases for path in case.outputs}
    found: dict[str, list[Path]] = defaultdict(list)
    for _, _, files in walk_folders(folder):
        for file in files:
            if file.resolve() not in own and (series := _drawn_on(file)) in wanted:
                found[series].append(file)
    problems = [
        Finding(str(files[0]), f"is of the same series as {list_some(files[1:])}.", "Leave one reference for a series.")
        for files in found.values()
        if len(files) > 1
    ]
    if problems:
        raise DataError(problems)
    return {name: files[0] for series, files in found.items() for name in wanted[series]}


def _series_of(image: Path) -> str:
    try:
        return uid_of(image)
    except DataError:  # reading the case will say why
        return ""


def _drawn_on(file: Path) -> str:
    try:
        described = describe_structures(file)
    except DataError as error:
        logger.warning("%s It is passed over.", error)
        return ""
    return described.series if described else ""

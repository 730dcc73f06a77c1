"""Which DICOM SEG or RTSTRUCT in a folder is the reference of which series: it says which it was drawn on."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.plan import plan_run
from monai_mobileunet.data.datasets.listing import Case
from monai_mobileunet.data.datasets.structures import find_structures
from monai_mobileunet.data.dicom import series_uid
from monai_mobileunet.data.dicom.segments.structure_set import StructureSet
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal
from monai_mobileunet.data.formats.table import DICOM, format_of

__all__ = ["drawn_cases", "find_drawn"]

logger = logging.getLogger(__name__)


def find_drawn(cases: Sequence[CaseRecord], folder: Path) -> dict[str, Path]:
    """The SEG or RTSTRUCT of each case that is a DICOM series and has one.

    Args:
        cases: the cases; files that they are to be written to are passed over in the folder.
        folder: searched as by :func:`.structures.find_structures`. A file that is damaged is logged.

    Raises:
        DataError: a series has several.
    """
    wanted = _by_series(cases)
    if not wanted:
        return {}
    own = {path.resolve() for case in cases for path in case.outputs}
    drawn = {path: about for path, about in find_structures(folder).items() if path.resolve() not in own}
    return _paired(wanted, drawn)


def drawn_cases(folder: Path, output: Path) -> list[Case]:
    """The series of a folder that have a SEG or RTSTRUCT there, as cases of a data set; none if it holds no such file.

    Series without one are no cases. Warnings name the first of them, and files whose series are not there.

    Args:
        folder: of the series and what was drawn on them, in any folders below it.
        output: folder of the evaluation, whose masks are no images.

    Raises:
        DataError: no images, none that belongs to such a file, or a series with several.
    """
    drawn = find_structures(folder)
    if not drawn:
        return []
    cases = plan_run(folder, output).cases
    wanted = _by_series(cases)
    paired = _paired(wanted, drawn)
    lost = [path for path, about in drawn.items() if about.series not in wanted]
    if not paired:
        problem = f"holds {list_some(lost)}, but not the series that it was drawn on."
        raise refusal(folder, problem, "Put the series there, too.")
    if lost:
        logger.warning("%s: has %d files drawn on series that are not there: %s.", folder, len(lost), list_some(lost))
    if others := [case.name for case in cases if case.name not in paired]:
        logger.warning("%s: has %d images without SEG or RTSTRUCT: %s.", folder, len(others), list_some(others))
    return [
        {"image": str(case.images[0]), "label": str(paired[case.name]), "name": case.name}
        for case in cases
        if case.name in paired
    ]


def _by_series(cases: Sequence[CaseRecord]) -> dict[str, list[str]]:
    """Names of cases by the UID of their series."""
    names: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        if format_of(case.images[0]).name == DICOM and (series := _series_of(case.images[0])):
            names[series].append(case.name)
    return names


def _paired(wanted: Mapping[str, Sequence[str]], drawn: Mapping[Path, StructureSet]) -> dict[str, Path]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path, about in drawn.items():
        if about.series in wanted:
            found[about.series].append(path)
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
        return series_uid(image)
    except DataError:  # reading the case will say why
        return ""

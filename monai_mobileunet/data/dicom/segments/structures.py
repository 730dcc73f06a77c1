"""Drawn structures of either kind, SEG and RTSTRUCT, as the class numbers of a model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monai_mobileunet.data.dicom.headers import is_dicom, read_identity
from monai_mobileunet.data.dicom.segments.rtstruct_reader import describe_rtstruct, read_rtstruct
from monai_mobileunet.data.dicom.segments.seg_reader import describe_seg, read_seg
from monai_mobileunet.data.dicom.segments.structure_set import Report, StructureSet
from monai_mobileunet.data.errors import DataError, list_some, refusal, warning
from monai_mobileunet.wording import counted

__all__ = ["ClassNumbers", "describe_structures", "is_structures", "match_names", "read_structures", "same_name"]

logger = logging.getLogger(__name__)

READERS = {"SEG": (describe_seg, read_seg), "RTSTRUCT": (describe_rtstruct, read_rtstruct)}
"""How files are described and read, by their modality."""


@dataclass(frozen=True)
class ClassNumbers:
    """The structures of a file as class numbers.

    Attributes:
        values: on the grid of the image; 0 where no class is.
        missing: classes that the file has no structure for, in their order. Nobody drew them, which does not mean
            that they are empty: they cannot be measured.
    """

    values: np.ndarray
    missing: tuple[str, ...]


def is_structures(path: Path) -> bool:
    """Whether a file is SEG or RTSTRUCT; one that is damaged is not."""
    try:
        return _modality(path) in READERS
    except DataError:
        return False


def describe_structures(path: Path) -> StructureSet | None:
    """What a file is about; ``None`` for what is neither SEG nor RTSTRUCT.

    Raises:
        DataError: it is one of these, but damaged.
    """
    modality = _modality(path)
    return READERS[modality][0](path) if modality in READERS else None


def _modality(path: Path) -> str:
    return read_identity(path).modality if is_dicom(path) else ""


def read_structures(
    path: Path,
    names: Mapping[str, int],
    affine: np.ndarray,
    shape: tuple[int, int, int],
    report: Report = logger.warning,
) -> ClassNumbers:
    """The structures of a file as class numbers on the grid of an image.

    A voxel that two structures have gets the class of the smaller one, so that a tumour stays in its organ, whatever
    their numbers; the overlap is reported.

    Args:
        path: a SEG or an RTSTRUCT.
        names: numbers of the classes by their names; see :func:`match_names`.
        affine: ``(4, 4)``, from voxel indices of the image to mm with RAS axes.
        shape: of the image.
        report: is called with what is odd about the file.

    Returns:
        Class numbers, ``uint8`` or ``uint16``, and the classes that the file lacks.

    Raises:
        DataError: the file is damaged, of neither kind or of another grid, two of its structures may be one class, or
            none is any.
    """
    modality = _modality(path)
    if modality not in READERS:
        raise refusal(path, "is neither a DICOM SEG nor an RTSTRUCT.", "Name a file of one of these kinds.")
    describe, read = READERS[modality]
    matched = match_names(path, describe(path).names, list(names), report)
    masks = read(path, affine, shape, report, matched.values())
    matched = {name: structure for name, structure in matched.items() if structure in masks}
    sizes = {name: int(np.count_nonzero(masks[structure])) for name, structure in matched.items()}
    values = np.zeros(shape, np.uint8 if max(names.values()) < 256 else np.uint16)
    overlapping = 0
    for name in sorted(matched, key=lambda name: (-sizes[name], names[name])):
        mask = masks[matched[name]]
        overlapping += int(np.count_nonzero(values[mask]))
        values[mask] = names[name]
    if overlapping:
        problem = f"has {counted(overlapping, 'voxel')} in structures of several classes."
        report(warning(path, problem, "They are of the smallest of these structures: look whether that is right."))
    return ClassNumbers(values, tuple(name for name in names if name not in matched))


def match_names(path: Path, structures: Sequence[str], classes: Sequence[str], report: Report) -> dict[str, str]:
    """Which structure is which class: that of the same name, else one that differs in case, spaces, ``_`` and ``-``.

    Args:
        path: the file, for messages.
        structures: names of its structures.
        classes: names of the classes.
        report: is called with the structures that are no class.

    Returns:
        Names of structures by names of classes, without the classes that have none.

    Raises:
        DataError: several structures may be one class, or none is any.
    """
    matched = {name: name for name in classes if name in structures}
    for name in classes:
        if name in matched:
            continue
        found = [one for one in structures if same_name(one, name) and one not in matched.values()]
        if len(found) > 1:
            problem = f"has several structures that may be {name}: {list_some(found)}."
            raise refusal(path, problem, f"Rename the one that is meant to {name}.")
        if found:
            matched[name] = found[0]
    if not matched:
        problem = f"has no structure of the classes {list_some(classes)}; it has {list_some(structures) or 'none'}."
        raise refusal(path, problem, "Rename its structures to the names of the classes.")
    others = [one for one in structures if one not in matched.values()]
    if others:
        report(warning(path, f"has structures that are no class: {list_some(others)}.", "They are left out."))
    return matched


def same_name(one: str, other: str) -> bool:
    """Whether two names differ at most in case, spaces, ``_`` and ``-``."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in " _-")

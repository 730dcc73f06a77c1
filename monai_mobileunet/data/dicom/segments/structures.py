"""SEG and RTSTRUCT as references: which file is of which series, and its structures as the classes of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monai_mobileunet.data.dicom.headers import is_dicom, read_identity
from monai_mobileunet.data.dicom.segments.rtstruct_reader import describe_rtstruct, each_structure
from monai_mobileunet.data.dicom.segments.seg_reader import describe_seg, each_segment
from monai_mobileunet.data.dicom.segments.structure_set import StructureSet
from monai_mobileunet.data.errors import Finding, list_some, refusal, warning

__all__ = ["DrawnClasses", "describe_structures", "read_structures"]

KINDS = {"SEG": (describe_seg, each_segment), "RTSTRUCT": (describe_rtstruct, each_structure)}
"""How files of a modality are read."""


@dataclass(frozen=True)
class DrawnClasses:
    """Structures of a file as classes.

    Attributes:
        values: class numbers on the grid of the image.
        labelled: numbers of the classes that the file names. Of others nothing is known: they were not drawn.
        warnings: what is odd about the file.
    """

    values: np.ndarray
    labelled: tuple[int, ...]
    warnings: tuple[Finding, ...]


def describe_structures(path: Path) -> StructureSet | None:
    """Which series a file belongs to, and what its structures are called; ``None`` if it is no SEG or RTSTRUCT.

    Raises:
        DataError: it is damaged.
    """
    kind = _kind(path)
    return KINDS[kind][0](path) if kind else None


def read_structures(
    path: Path, class_names: Sequence[str], affine: np.ndarray, shape: tuple[int, int, int]
) -> DrawnClasses:
    """The structures of a file that have the names of classes.

    A structure has the very name of a class, or one that is the same up to case, spaces, hyphens and underscores. Other
    structures of the file are left out, and a warning lists them. Where classes overlap, the voxel is of the class with
    the greatest number, whatever their order in the file, and a warning counts such voxels.

    Args:
        path: SEG or RTSTRUCT.
        class_names: of the classes from 1 on.
        affine: ``(4, 4)``, from voxel indices of the image to mm with RAS axes.
        shape: of the image.

    Raises:
        DataError: as of the readers; or no class is in the file, or one class twice.
    """
    kind = _kind(path)
    if kind is None:
        raise refusal(path, "is neither DICOM SEG nor RTSTRUCT.", "Name one of these.")
    describe, each = KINDS[kind]
    names = describe(path).names
    numbers = _class_numbers(path, names, class_names)
    warnings: list[Finding] = []
    if others := [name for name in names if name not in numbers]:
        problem = f"has structures that are no classes: {list_some(others, 20)}."
        warnings.append(warning(path, problem, "They are left out; rename those that are meant."))
    values = np.zeros(shape, np.uint8 if len(class_names) < 256 else np.uint16)
    several = np.zeros(shape, bool)
    for name, mask in each(path, affine, shape, warnings.append):
        if name in numbers:
            several |= mask & (values > 0)
            values[mask] = np.maximum(values[mask], numbers[name])
    if overlapping := int(np.count_nonzero(several)):
        problem = f"has {overlapping:,} voxels in several classes."
        warnings.append(warning(path, problem, "They count for the class with the greatest number."))
    return DrawnClasses(values, tuple(sorted(numbers.values())), tuple(warnings))


def _class_numbers(path: Path, names: Sequence[str], class_names: Sequence[str]) -> dict[str, int]:
    """Class numbers by the names of structures."""
    numbers = {name: number for number, name in enumerate(class_names, 1) if name in names}
    for number, class_name in enumerate(class_names, 1):
        if class_name not in numbers:
            alike = [name for name in names if name not in numbers and _plain(name) == _plain(class_name)]
            if len(alike) > 1:
                problem = f"has structures that may each be {class_name}: {list_some(alike)}."
                raise refusal(path, problem, "Rename or remove one.")
            numbers |= dict.fromkeys(alike, number)
    if not numbers:
        problem = f"has the structures {list_some(names)}; expected those of the model: {list_some(class_names)}."
        raise refusal(path, problem, "Rename them there, or leave the file out.")
    return numbers


def _kind(path: Path) -> str | None:
    if not is_dicom(path):
        return None
    modality = read_identity(path).modality
    return modality if modality in KINDS else None


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()

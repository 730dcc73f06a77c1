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

    Names are the same up to case, spaces, hyphens and underscores. Other structures of the file are passed over: a
    planning system's have dozens. Where two classes overlap, the voxel is the later one's, and a warning counts such.

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
    numbers = {_plain(name): number for number, name in enumerate(class_names, 1)}
    names = describe(path).names
    known = [name for name in names if _plain(name) in numbers]
    if not known:
        problem = f"has the structures {list_some(names)}; expected those of the model: {list_some(class_names)}."
        raise refusal(path, problem, "Rename them there, or leave the file out.")
    if len({_plain(name) for name in known}) < len(known):
        raise refusal(path, f"has structures of one name: {list_some(known)}.", "Rename or remove one.")
    warnings: list[Finding] = []
    values = np.zeros(shape, np.uint8 if len(class_names) < 256 else np.uint16)
    overlapping = 0
    for name, mask in each(path, affine, shape, warnings.append):
        if name in known:
            overlapping += int(np.count_nonzero(values[mask]))
            values[mask] = numbers[_plain(name)]
    if overlapping:
        problem = f"has {overlapping:,} voxels in several classes."
        warnings.append(warning(path, problem, "They count for the later structure in the file."))
    return DrawnClasses(values, tuple(sorted(numbers[_plain(name)] for name in known)), tuple(warnings))


def _kind(path: Path) -> str | None:
    if not is_dicom(path):
        return None
    modality = read_identity(path).modality
    return modality if modality in KINDS else None


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()

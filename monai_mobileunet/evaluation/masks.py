"""Masks and references as they lie on disk, read for a comparison or a picture: class numbers on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from monai_mobileunet.data.datasets.label_values import check_classes, different_values
from monai_mobileunet.data.dicom.segments.structure_set import Report
from monai_mobileunet.data.dicom.segments.structures import is_structures, read_structures
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.data.volume import Volume, other_grid
from monai_mobileunet.data.writing import mask_type

__all__ = ["check_grid", "read_classes", "read_reference", "refuse_unknown"]


def read_classes(files: Sequence[Path], num_classes: int) -> Volume:
    """Class numbers of a mask, in any format that images are read in.

    Args:
        files: the mask; or one for each class, where every value but 0 stands for it.
        num_classes: classes with the background.

    Returns:
        Values ``(H, W, D)``, ``uint8`` or ``uint16``.

    Raises:
        DataError: a file cannot be read, has values that are no classes, or shares voxels or no grid with another.
    """
    first, *others = [read_label(path) for path in files]
    dtype = mask_type(num_classes)
    if not others:
        refuse_unknown(first, num_classes)
        return replace(first, values=first.values.astype(dtype))
    merged = np.zeros(first.shape, dtype)
    for number, part in enumerate((first, *others), 1):
        check_grid(part, first)
        drawn = part.values > 0
        if merged[drawn].any():
            problem = f"shares voxels with another class, class {int(merged[drawn].max())} among them."
            raise DataError([Finding(part.name, problem, "Give each voxel to one class.")])
        merged[drawn] = number
    return replace(first, values=merged)


def read_reference(
    label: Path, pred: Volume, drawn_names: Sequence[str], report: Report = lambda finding: None
) -> tuple[Volume, tuple[int, ...] | None]:
    """A reference, and which classes were annotated in it if not all were.

    Args:
        label: a file of class numbers; or DICOM SEG or RTSTRUCT, which is read on the grid of the segmentation.
        pred: the segmentation.
        drawn_names: of the classes from 1 on in DICOM SEG or RTSTRUCT.
        report: is called with what is odd about such a file.

    Raises:
        DataError: it cannot be read, or names no class.
    """
    if not is_structures(label):
        return read_label(label), None
    columns, rows, slices = pred.shape
    numbers = {name: number for number, name in enumerate(drawn_names, 1)}
    found = read_structures(label, numbers, pred.affine, (columns, rows, slices), report)
    drawn = tuple(number for name, number in numbers.items() if name not in found.missing)
    return Volume(found.values, pred.affine, str(label)), drawn if found.missing else None


def refuse_unknown(
    label: Volume, num_classes: int, ignore: int | None = None, labelled: Sequence[int] | None = None
) -> None:
    """See that a label holds nothing but classes.

    Raises:
        DataError: as :func:`monai_mobileunet.data.datasets.label_values.check_classes` finds.
    """
    if findings := list(check_classes(label.name, different_values(label), num_classes, ignore, labelled)):
        raise DataError(findings)


def check_grid(pred: Volume, reference: Volume) -> None:
    """See that a mask lies where its reference does.

    Raises:
        DataError: another shape or affine.
    """
    found = other_grid(pred, reference)
    if not found:
        return
    problem = (
        f"found {found}, expected the grid of {reference.name}, which is a reference with shape {reference.shape}."
    )
    remedy = "Resample one to the other with nearest neighbours, or copy the header if only the header is wrong."
    raise DataError([Finding(pred.name, problem, remedy)])

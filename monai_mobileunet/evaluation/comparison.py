"""Segmentations on disk against their references: read, held to one grid, measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from monai_mobileunet.data.datasets.checks import check_classes
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.data.volume import Volume, same_grid
from monai_mobileunet.data.writing import mask_type
from monai_mobileunet.evaluation.metrics import TOLERANCE, ClassResult, measure_case

__all__ = ["measure_files", "read_classes"]


def measure_files(
    label: Path, masks: Sequence[Path], num_classes: int, tolerance: float = TOLERANCE
) -> tuple[ClassResult, ...]:
    """Measure a segmentation against its reference.

    Args:
        label: the reference.
        masks: the segmentation, or a file for each class.
        num_classes: classes with the background.
        tolerance: of the surface Dice, mm.

    Raises:
        DataError: a file cannot be read or has values that are no classes, or the two are on different grids.
    """
    reference, pred = read_classes([label], num_classes), read_classes(masks, num_classes)
    check_grid(pred, reference)
    return tuple(measure_case(pred.values, reference.values, num_classes, reference.spacing, tolerance))


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
        unknown = list(check_classes(first, num_classes))
        if unknown:
            raise DataError(unknown)
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


def check_grid(pred: Volume, reference: Volume) -> None:
    """See that a mask lies where its reference does.

    Raises:
        DataError: another shape or affine.
    """
    if same_grid(pred, reference):
        return
    found = f"shape {pred.shape}" if pred.shape != reference.shape else "another affine"
    problem = (
        f"found {found}, expected the grid of {reference.name}, which is a reference with shape {reference.shape}."
    )
    remedy = "Resample one to the other with nearest neighbours, or copy the header if only the header is wrong."
    raise DataError([Finding(pred.name, problem, remedy)])

"""Segmentations on disk against their references."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from monai_mobileunet.annotation import unknown_voxels
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.evaluation.masks import check_grid, read_classes, read_reference, refuse_unknown
from monai_mobileunet.evaluation.metrics import measure_case
from monai_mobileunet.evaluation.results import TOLERANCE, ClassResult

__all__ = ["WHOLE", "Annotation", "measure_files"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Annotation:
    """What references do not say.

    Attributes:
        ignore: value of voxels that nobody annotated.
        plane: plane in which slices were annotated one by one; ``None`` where all were.
        labelled: by the name of a case the classes that were annotated in it, where not all were.
    """

    ignore: int | None = None
    plane: str | None = None
    labelled: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def of_case(self, name: str) -> dict[str, Any]:
        """What is not said of a case, as arguments of :func:`monai_mobileunet.evaluation.measure_files`."""
        parts = {"ignore": self.ignore, "plane": self.plane, "labelled": self.labelled.get(name)}
        return {key: value for key, value in parts.items() if value is not None}

    def unknown(self, label: Volume, num_classes: int) -> np.ndarray:
        """Voxels of a reference that nobody annotated, ``bool``."""
        return unknown_voxels(label.values, label.affine, num_classes, self.ignore, self.plane)


WHOLE = Annotation()
"""Everything was annotated."""


def measure_files(
    label: Path,
    masks: Sequence[Path],
    num_classes: int,
    tolerance: float = TOLERANCE,
    ignore: int | None = None,
    plane: str | None = None,
    labelled: Sequence[int] | None = None,
    regions: Sequence[Sequence[int]] = (),
    drawn_names: Sequence[str] = (),
) -> tuple[ClassResult, ...]:
    """Measure a segmentation against its reference.

    Args:
        label: the reference; of DICOM SEG or RTSTRUCT the structures count that have the names of classes, and other
            classes as not annotated.
        masks: the segmentation, or a file for each class.
        num_classes: classes with the background.
        tolerance: of the surface Dice, mm.
        ignore: value in the reference of voxels that nobody annotated.
        plane: plane in which slices of the reference were annotated one by one; ``None`` where all were.
        labelled: the classes that were annotated in the reference; ``None`` where all were.
        regions: numbers of the classes that each region is made of.
        drawn_names: of the classes from 1 on in DICOM SEG or RTSTRUCT.

    Returns:
        One result for each class from 1 on, then one for each region.

    Raises:
        DataError: a file cannot be read or has values that are no classes, or the two are on different grids.
    """
    pred = read_classes(masks, num_classes)
    reference, drawn = read_reference(label, pred, drawn_names, logger.warning)
    labelled = drawn if labelled is None else labelled
    refuse_unknown(reference, num_classes, ignore, labelled)
    check_grid(pred, reference)
    values, spacing = reference.values, reference.spacing
    unknown = unknown_voxels(values, reference.affine, num_classes, ignore, plane)
    return tuple(
        measure_case(pred.values, values, num_classes, spacing, tolerance, unknown, plane is None, labelled, regions)
    )

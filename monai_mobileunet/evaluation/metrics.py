"""How far a segmentation is from its reference, class by class, with an honest rule for absent classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

from monai_mobileunet.harmless import without_harmless_warnings

__all__ = ["TOLERANCE", "ClassResult", "Outcome", "check_installed", "measure_case"]


TOLERANCE = 1.0
"""Tolerance of the surface Dice where none is asked for, in mm."""


class Outcome(StrEnum):
    """Which of the two has the class at all, where it was annotated; what an average must not mix."""

    BOTH = "in both"
    MISSED = "missed"
    FALSE_POSITIVE = "false positive"
    ABSENT = "absent"
    UNKNOWN = "not annotated"


@dataclass(frozen=True)
class ClassResult:
    """One class, or one region of several, of one case. ``None`` stands for what has no value there:

    ===============  =======  ============  =================
    outcome          Dice     surface Dice  surface distances
    ===============  =======  ============  =================
    in both          [0, 1]   [0, 1]        mm
    missed           0        0             ``None``
    false positive   ``None``  ``None``     ``None``
    absent           ``None``  ``None``     ``None``
    not annotated    ``None``  ``None``     ``None``
    ===============  =======  ============  =================

    A class that the reference lacks says nothing about how well it is drawn, so it has no Dice (neither a
    flattering 1 nor a punishing 0) and is counted instead; the volume that was drawn stays to be seen. Where slices
    were annotated one by one, surfaces have no distances.

    Attributes:
        outcome: which of the two has the class.
        dice: overlap.
        hd95: 95th percentile of the distances between the surfaces, the larger of both directions, mm.
        asd: mean distance between the surfaces, both directions together, mm.
        surface_dice: share of the two surfaces (by area) that lies within the tolerance of the other.
        pred_ml: volume of the segmentation.
        label_ml: volume of the reference.
    """

    outcome: Outcome
    dice: float | None
    hd95: float | None
    asd: float | None
    surface_dice: float | None
    pred_ml: float
    label_ml: float

    @property
    def bias_ml(self) -> float:
        """Volume of the segmentation less that of the reference."""
        return self.pred_ml - self.label_ml


def check_installed(*packages: str) -> None:
    """See before the first case that there is what comparisons need, of the extra ``evaluate``.

    Args:
        packages: names, such as ``"scipy"`` for MONAI's surface metrics.

    Raises:
        ModuleNotFoundError: one is not installed; the message says what to type.
    """
    for name in packages:
        if find_spec(name) is None:
            remedy = "Install what comparisons need: pip install 'monai_mobileunet[evaluate]'"
            raise ModuleNotFoundError(f"No module named {name!r}. {remedy}", name=name)


def measure_case(
    pred: np.ndarray,
    label: np.ndarray,
    num_classes: int,
    spacing: Sequence[float],
    tolerance: float = TOLERANCE,
    unknown: np.ndarray | None = None,
    surfaces: bool = True,
    labelled: Sequence[int] | None = None,
    regions: Sequence[Sequence[int]] = (),
) -> list[ClassResult]:
    """Measure every class but the background over a whole volume, and regions that are unions of classes.

    Dice is counted from voxels; the surfaces are MONAI's, those of the surface Dice with areas at sub-voxel
    resolution (Nikolov et al., arXiv:1809.04430).

    Args:
        pred: class numbers, ``(H, W, D)``.
        label: class numbers of the reference, same shape.
        num_classes: classes with the background.
        spacing: mm per voxel along each axis.
        tolerance: of the surface Dice, mm.
        unknown: voxels that nobody annotated, same shape: neither of the two has a class there, as with MONAI's
            ``ignore_index``, so that they count neither as right nor as wrong.
        surfaces: whether distances between surfaces are measured; where slices were annotated one by one, the label has
            no surface across them.
        labelled: the classes that were annotated; ``None`` where all were.
        regions: numbers of the classes that each region is made of; one is annotated where all of them were.

    Returns:
        One result for each class from 1 on, then one for each region.

    Raises:
        ValueError: the shapes differ, or are not those of a volume.
    """
    if pred.shape != label.shape or pred.ndim != 3:
        raise ValueError(f"pred has shape {pred.shape}, label {label.shape}; expected two volumes on one grid.")
    voxel_ml = float(np.prod(spacing)) / 1000
    if unknown is not None and unknown.any():
        pred, label = np.where(unknown, 0, pred), np.where(unknown, 0, label)
    known = set(range(1, num_classes) if labelled is None else labelled)
    within = tolerance if surfaces else None
    results = []
    for numbers in (*((number,) for number in range(1, num_classes)), *regions):
        drawn = _is_any(pred, numbers)
        if known.issuperset(numbers):
            true = _is_any(label, numbers)
            results.append(_measure(drawn, true, tuple(map(float, spacing)), voxel_ml, within))
        else:
            pred_ml = float(drawn.sum()) * voxel_ml
            results.append(ClassResult(Outcome.UNKNOWN, None, None, None, None, pred_ml, 0.0))
    return results


def _is_any(values: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """Where a volume has one of these numbers; NumPy's ``isin`` would take eight bytes for each voxel."""
    first, *others = numbers
    found = values == first
    for number in others:
        found |= values == number
    return found


def _measure(
    pred: np.ndarray, label: np.ndarray, spacing: tuple[float, ...], voxel_ml: float, tolerance: float | None
) -> ClassResult:
    """One class; without a tolerance its surfaces are left out."""
    drawn, true = int(pred.sum()), int(label.sum())
    volumes = {"pred_ml": drawn * voxel_ml, "label_ml": true * voxel_ml}
    if not true:
        outcome = Outcome.FALSE_POSITIVE if drawn else Outcome.ABSENT
        return ClassResult(outcome, None, None, None, None, **volumes)
    if not drawn:
        return ClassResult(Outcome.MISSED, 0.0, None, None, None if tolerance is None else 0.0, **volumes)

    box = _bounding_box(pred | label)
    dice = 2 * int((pred[box] & label[box]).sum()) / (drawn + true)
    if tolerance is None:
        return ClassResult(Outcome.BOTH, dice, None, None, None, **volumes)
    if pred.shape.count(1) == 1:  # one slice: its contours are the surfaces, not all of its voxels
        flat = pred.shape.index(1)
        pred, label, spacing = pred.squeeze(flat), label.squeeze(flat), spacing[:flat] + spacing[flat + 1 :]
        box = box[:flat] + box[flat + 1 :]
    masks = [torch.from_numpy(np.pad(mask[box], 1))[None, None] for mask in (pred, label)]
    both: dict[str, Any] = {"y_pred": masks[0], "y": masks[1], "include_background": True, "spacing": spacing}
    with without_harmless_warnings():
        hd95 = compute_hausdorff_distance(**both, percentile=95)
        asd = compute_average_surface_distance(**both, symmetric=True)
        surface_dice = compute_surface_dice(**both, class_thresholds=[tolerance], use_subvoxels=True)
    return ClassResult(Outcome.BOTH, dice, float(hd95), float(asd), float(surface_dice), **volumes)


def _bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """The part of a volume that holds a mask: distances over all of a large volume would take minutes."""
    spans = []
    for axis in range(mask.ndim):
        filled = np.flatnonzero(mask.any(tuple(other for other in range(mask.ndim) if other != axis)))
        spans.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return tuple(spans)

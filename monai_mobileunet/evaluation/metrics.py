"""How far a segmentation is from its reference, class by class, with an honest rule for absent classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

from monai_mobileunet.evaluation.results import TOLERANCE, ClassResult, Outcome, flat_axis
from monai_mobileunet.harmless import without_harmless_warnings

__all__ = ["check_installed", "measure_case"]


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
    voxel = _Voxel.of(pred.shape, spacing)
    if unknown is not None and unknown.any():
        pred, label = np.where(unknown, 0, pred), np.where(unknown, 0, label)
    known = set(range(1, num_classes) if labelled is None else labelled)
    within = tolerance if surfaces else None
    results = []
    for numbers in (*((number,) for number in range(1, num_classes)), *regions):
        drawn = _is_any(pred, numbers)
        if known.issuperset(numbers):
            true = _is_any(label, numbers)
            results.append(_measure(drawn, true, tuple(map(float, spacing)), voxel, within))
        else:
            sizes = voxel.sizes(int(drawn.sum()), 0)
            results.append(ClassResult(Outcome.UNKNOWN, None, None, None, None, **sizes))
    return results


@dataclass(frozen=True)
class _Voxel:
    """How large a voxel is: in ml, and in mm² where the grid has a single slice."""

    ml: float
    mm2: float | None

    @classmethod
    def of(cls, shape: Sequence[int], spacing: Sequence[float]) -> _Voxel:
        flat, mm3 = flat_axis(shape), float(np.prod(spacing))
        return cls(mm3 / 1000, None if flat is None else mm3 / float(spacing[flat]))

    def sizes(self, drawn: int, true: int) -> dict[str, Any]:
        """Volumes and areas of so many voxels, as arguments of :class:`ClassResult`."""
        areas = (None, None) if self.mm2 is None else (drawn * self.mm2, true * self.mm2)
        return {"pred_ml": drawn * self.ml, "label_ml": true * self.ml, "pred_area": areas[0], "label_area": areas[1]}


def _is_any(values: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """Where a volume has one of these numbers; NumPy's ``isin`` would take eight bytes for each voxel."""
    first, *others = numbers
    found = values == first
    for number in others:
        found |= values == number
    return found


def _measure(
    pred: np.ndarray, label: np.ndarray, spacing: tuple[float, ...], voxel: _Voxel, tolerance: float | None
) -> ClassResult:
    """One class; without a tolerance its surfaces are left out."""
    drawn, true = int(pred.sum()), int(label.sum())
    sizes = voxel.sizes(drawn, true)
    if not true:
        outcome = Outcome.FALSE_POSITIVE if drawn else Outcome.ABSENT
        return ClassResult(outcome, None, None, None, None, **sizes)
    if not drawn:
        return ClassResult(Outcome.MISSED, 0.0, None, None, None if tolerance is None else 0.0, **sizes)

    box = _bounding_box(pred | label)
    dice = 2 * int((pred[box] & label[box]).sum()) / (drawn + true)
    if tolerance is None:
        return ClassResult(Outcome.BOTH, dice, None, None, None, **sizes)
    flat = flat_axis(pred.shape)
    if flat is not None:  # its contours are the surfaces, not all of its voxels
        pred, label, spacing = pred.squeeze(flat), label.squeeze(flat), spacing[:flat] + spacing[flat + 1 :]
        box = box[:flat] + box[flat + 1 :]
    masks = [torch.from_numpy(np.pad(mask[box], 1))[None, None] for mask in (pred, label)]
    both: dict[str, Any] = {"y_pred": masks[0], "y": masks[1], "include_background": True, "spacing": spacing}
    with without_harmless_warnings():
        hd95 = compute_hausdorff_distance(**both, percentile=95)
        asd = compute_average_surface_distance(**both, symmetric=True)
        surface_dice = compute_surface_dice(**both, class_thresholds=[tolerance], use_subvoxels=True)
    return ClassResult(Outcome.BOTH, dice, float(hd95), float(asd), float(surface_dice), **sizes)


def _bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """The part of a volume that holds a mask: distances over all of a large volume would take minutes."""
    spans = []
    for axis in range(mask.ndim):
        filled = np.flatnonzero(mask.any(tuple(other for other in range(mask.ndim) if other != axis)))
        spans.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return tuple(spans)

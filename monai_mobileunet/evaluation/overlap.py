"""Dice of a segmentation against its reference, per class."""

from __future__ import annotations

import torch
from monai.metrics import compute_dice
from monai.networks.utils import one_hot

__all__ = ["dice_per_class"]


def dice_per_class(pred: torch.Tensor, label: torch.Tensor, num_classes: int) -> list[float]:
    """Dice of every class but the background over a whole volume.

    Args:
        pred: class numbers, any shape.
        label: class numbers of the reference, same shape.
        num_classes: classes with the background.

    Returns:
        ``num_classes - 1`` values in [0, 1]; NaN for a class that the reference lacks.

    Raises:
        ValueError: the shapes differ.
    """
    if pred.shape != label.shape:
        raise ValueError(f"pred has shape {tuple(pred.shape)}, label {tuple(label.shape)}; they must lie on one grid.")
    pred_hot, label_hot = (one_hot(volume[None, None], num_classes) for volume in (pred, label))
    return compute_dice(pred_hot, label_hot, include_background=False)[0].tolist()

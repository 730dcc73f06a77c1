"""One piece of each class, where there is one organ of each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

__all__ = ["KeepLargestComponentsd"]


class KeepLargestComponentsd(MapTransform):
    """Of each class keep the largest connected component; the others become background.

    What :class:`monai.transforms.KeepLargestConnectedComponentd` does, with SimpleITK in place of scikit-image, which
    that needs. Voxels that share a corner are connected.

    Args:
        keys: class numbers, ``(1, H, W, D)``; scores, which have a channel for each class, stay as they are.
        applied_labels: classes that are one organ each; others stay as they are.
        allow_missing_keys: do not raise if a key is missing.
    """

    def __init__(self, keys: KeysCollection, applied_labels: list[int], allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.applied_labels = list(applied_labels)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Remove the smaller components; see the class."""
        out = dict(data)
        for key in self.key_iterator(out):
            if len(out[key]) > 1:
                continue
            labels = out[key].clone()
            values = labels.as_tensor() if isinstance(labels, MetaTensor) else labels
            for channel in values:
                for label in self.applied_labels:
                    stray = _smaller_components((channel == label).cpu().numpy())
                    channel[torch.from_numpy(stray).to(channel.device)] = 0
            out[key] = labels
        return out


def _smaller_components(mask: np.ndarray) -> np.ndarray:
    """Voxels of a mask that do not belong to its largest component."""
    if not mask.any():
        return mask
    components = sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True))
    sizes = np.bincount(components.ravel())
    return mask & (components != 1 + sizes[1:].argmax())

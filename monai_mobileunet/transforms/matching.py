"""Labels on the grid that preprocessing has given their image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Orientation, ResampleToMatch, Spacing
from monai.utils import MetaKeys
from nibabel import aff2axcodes

from monai_mobileunet.transforms.preprocessing import refuse_lost

__all__ = ["MatchImaged"]

WITHIN = 1e-3
"""Voxels: two grids that lie no further apart are one."""


class MatchImaged(MapTransform):
    """Bring class numbers to the grid of the preprocessed image, by nearest neighbours.

    The image's transforms then need not name the label, and one list of them serves where the label goes with the
    image, as in training, and where it stays on its own grid, as in validation.

    The voxels are those that :class:`monai.transforms.Spacingd` (in 32 bits) and
    :class:`monai.transforms.CropForegroundd` give for both keys, for the steps are theirs: order of the axes, spacing,
    and a cut. In one step, as :class:`monai.transforms.ResampleToMatch` does it, voxels half-way between two others
    come out otherwise; that is left for images which other transforms have moved.

    Args:
        keys: items of class numbers ``(1, H, W, D)``, as they were read.
        image_key: the preprocessed image.
        allow_missing_keys: do not raise if a key is missing.
    """

    def __init__(self, keys: KeysCollection, image_key: Hashable = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Bring the labels there, each in its own type.

        Raises:
            DataError: a label has something, and nothing of it is left on the image's grid.
        """
        out = dict(data)
        image = out[self.image_key]
        for key in self.key_iterator(out):
            label = out[key]
            out[key] = _matched(label, image).to(label.dtype)
            refuse_lost(label, out[key], image)
        return out


def _matched(label: MetaTensor, image: MetaTensor) -> torch.Tensor:
    turned = Orientation(axcodes="".join(aff2axcodes(image.affine)), labels=None)(label)
    spaced: Any = Spacing(pixdim=image.pixdim.tolist(), mode="nearest", dtype=np.float32)(turned)
    way = np.linalg.inv(np.asarray(spaced.affine)) @ np.asarray(image.affine)
    start = way[:3, 3].round().astype(int)
    if np.abs(way[:3, :3] - np.eye(3)).max() * max(image.shape) > WITHIN or np.abs(way[:3, 3] - start).max() > WITHIN:
        return ResampleToMatch(mode="nearest", dtype=np.float32)(label, image)
    cut = torch.zeros((len(spaced), *image.shape[1:]), dtype=spaced.dtype)
    first = np.maximum(start, 0)
    last = np.minimum(start + image.shape[1:], spaced.shape[1:])
    if (first < last).all():
        source = tuple(slice(low, high) for low, high in zip(first, last, strict=True))
        target = tuple(slice(low, high) for low, high in zip(first - start, last - start, strict=True))
        cut[(slice(None), *target)] = torch.as_tensor(spaced)[(slice(None), *source)]
    kept = {name: value for name, value in label.meta.items() if name != MetaKeys.AFFINE}
    return MetaTensor(cut, affine=image.affine, meta=kept)

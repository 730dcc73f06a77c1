"""Cropping to the foreground that says so where there is none."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import CropForegroundd as MonaiCropForegroundd

from monai_mobileunet.data.errors import DataError, Finding

__all__ = ["CropForegroundd", "refuse_lost"]


class CropForegroundd(MonaiCropForegroundd):
    """:class:`monai.transforms.CropForegroundd` that refuses what it would cut away altogether.

    MONAI's (1.6.1) leaves a volume without voxels where nothing is selected, at which some later transform or the
    network fails with an error that names neither the file nor the reason.

    Raises:
        DataError: nothing of the image is selected, as in CT of nothing but air; or nothing of another item, such as
            the label, is left, though it had something.
    """

    def __call__(self, data: Mapping[Hashable, Any], lazy: bool | None = None) -> dict[Hashable, Any]:
        """Crop; see MONAI's."""
        image = data[self.source_key]
        if not bool(self.cropper.select_fn(image).any()):
            low, high = float(image.min()), float(image.max())
            problem = (
                "has nothing that the bundle's preprocessing would not cut away: "
                f"when it is cropped its values reach from {low:.6g} to {high:.6g}, and none is foreground."
            )
            remedy = "Look whether it is the kind of image that the bundle is for, in the right units."
            raise DataError([Finding(_name(image), problem, remedy)])
        cropped = super().__call__(data, lazy)
        for key in self.key_iterator(cropped):
            if key != self.source_key:
                refuse_lost(data[key], cropped[key], image)
        return cropped


def refuse_lost(label: torch.Tensor, left: torch.Tensor, image: Any) -> None:
    """Refuse a label of which nothing is left on the grid of its image, though it had something.

    Args:
        label: as it was.
        left: what is left of it.
        image: the image, for its name.

    Raises:
        DataError: all is lost.
    """
    if bool(torch.any(label != 0)) and not bool(torch.any(left != 0)):
        problem = f"has all its classes where the image {_name(image)} has no foreground."
        remedy = "Look whether the two belong together, and whether they lie in the same place."
        raise DataError([Finding(_name(label), problem, remedy)])


def _name(image: Any) -> str:
    name = image.meta.get("filename_or_obj") if isinstance(image, MetaTensor) else None
    return str(name) if name else "the image"

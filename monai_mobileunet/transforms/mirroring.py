"""Patients mirrored at random for a training, with the classes that have a side exchanged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapLabelValue, MapTransform, RandomizableTransform

__all__ = ["RandMirrorSidesd"]


class RandMirrorSidesd(RandomizableTransform, MapTransform):
    """Mirror a volume from left to right and exchange the classes that have a side.

    :class:`monai.transforms.RandFlipd` alone would teach a network that a left organ may lie on the right. With the
    classes exchanged the mirrored patient is another plausible one, and every case counts twice.

    Args:
        image_key: key of the image, ``(C, H, W, D)``.
        label_key: key of the class numbers, ``(1, H, W, D)`` and of an integer type, or of a channel for each class.
        pairs: class numbers to exchange, each pair once.
        spatial_axis: axis from left to right; 0 in volumes with RAS axes.
        prob: how often.
        allow_missing_keys: do not raise if a key is missing.

    Raises:
        ValueError: a class in two pairs, or the background in one.
    """

    def __init__(
        self,
        image_key: Hashable = "image",
        label_key: Hashable = "label",
        pairs: Sequence[tuple[int, int]] = (),
        spatial_axis: int = 0,
        prob: float = 0.5,
        allow_missing_keys: bool = False,
    ) -> None:
        keys: KeysCollection = (image_key, label_key)
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        numbers = [number for pair in pairs for number in pair]
        if len(set(numbers)) != len(numbers) or min(numbers, default=1) < 1:
            raise ValueError(
                f"pairs is {pairs}; every class with a side belongs into one pair, the background in none."
            )
        self.label_key = label_key
        self.spatial_axis = spatial_axis
        self.partners = dict(zip(numbers, [number for pair in pairs for number in reversed(pair)], strict=True))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Mirror, or not; metadata are left out, for the volume does not lie where they say any more."""
        mirrored = dict(data)
        self.randomize(None)
        if not self._do_transform:
            return mirrored
        for key in self.key_iterator(mirrored):
            volume = mirrored[key].as_tensor() if isinstance(mirrored[key], MetaTensor) else mirrored[key]
            volume = volume.flip(self.spatial_axis + 1)
            mirrored[key] = self._exchanged(volume) if key == self.label_key else volume
        return mirrored

    def _exchanged(self, label: torch.Tensor) -> torch.Tensor:
        if len(label) > 1:
            return label[[self.partners.get(number, number) for number in range(len(label))]]
        dtype: Any = label.dtype
        exchanged: Any = MapLabelValue(list(self.partners), list(self.partners.values()), dtype)(label)
        return exchanged

"""Labels that do not say everything: prepared for a training, and for a score."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import ensure_tuple

from monai_mobileunet.annotation import known_classes, known_regions, possible_classes, region_members, unknown_voxels
from monai_mobileunet.data.errors import refusal

__all__ = ["KnownClassesd", "MarkUnknownd", "RegionMasksd"]


class MarkUnknownd(MapTransform):
    """Give voxels whose class is unknown a number of their own; see :mod:`monai_mobileunet.annotation`.

    Args:
        keys: labels as they were read, ``(1, H, W, D)`` with their affine.
        num_classes: classes with the background.
        ignore: value of voxels that nobody annotated; ``None`` where there is none.
        spatial_dim: plane in which slices were annotated one by one, or a list of it alone; ``None`` where all were.
        labelled: for each kind of case in which only some classes were annotated, the numbers of these.
        labelled_key: item with the numbers of the classes that were annotated in the case; it is taken out. A case
            without it has them all.
        allow_missing_keys: do not raise if a key is missing.

    Raises:
        ValueError: several planes, of which a slice cannot be annotated in each.
    """

    def __init__(
        self,
        keys: KeysCollection,
        num_classes: int,
        ignore: int | None = None,
        spatial_dim: int | str | Sequence[int | str] | None = None,
        labelled: Sequence[Sequence[int]] = (),
        labelled_key: Hashable = "labelled",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        planes = (None,) if spatial_dim is None else ensure_tuple(spatial_dim)
        if len(planes) != 1:
            raise ValueError(f"spatial_dim is {spatial_dim}; expected the one plane in which slices were annotated.")
        self.num_classes, self.ignore, self.plane = num_classes, ignore, planes[0]
        self.labelled = [sorted(numbers) for numbers in labelled]
        self.labelled_key = labelled_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Mark them.

        Raises:
            DataError: a case in which other classes were annotated than in any that was planned for.
        """
        marked = {key: value for key, value in data.items() if key != self.labelled_key}
        background = self._background(data)
        for key in self.key_iterator(marked):
            label = marked[key].clone()
            values = np.asarray(label[0])
            unknown = unknown_voxels(values, np.asarray(label.affine), self.num_classes, self.ignore, self.plane)
            label[label == 0] = background
            label[:, torch.as_tensor(unknown)] = self.num_classes
            marked[key] = label
        return marked

    def _background(self, data: Mapping[Hashable, Any]) -> int:
        """The number that voxels without a class get."""
        labelled = data.get(self.labelled_key)
        if labelled is None or set(labelled) >= set(range(1, self.num_classes)):
            return 0
        if sorted(labelled) not in self.labelled:
            problem = f"has the annotated classes {sorted(labelled)}, which were not planned for."
            remedy = "Plan the bundle anew: mobileunet plan with the data set as it is now."
            raise refusal(str(data.get("image", "a case")), problem, remedy)
        return self.num_classes + 1 + self.labelled.index(sorted(labelled))


class KnownClassesd(MapTransform):
    """A segmentation and its prepared label as one-hot volumes, both without the voxels where a class is not known.

    What is unknown then counts neither as right nor as wrong in an overlap, and a class that was not annotated is one
    that the label lacks, which MONAI's metrics leave out of their means.

    Args:
        pred_key: item of class numbers, ``(1, H, W, D)``.
        label_key: item of a prepared label, of the same shape.
        num_classes: classes with the background.
        labelled: as in :class:`MarkUnknownd`.
        allow_missing_keys: do not raise if a key is missing.
    """

    def __init__(
        self,
        pred_key: Hashable = "pred",
        label_key: Hashable = "label",
        num_classes: int = 2,
        labelled: Sequence[Sequence[int]] = (),
        allow_missing_keys: bool = False,
    ) -> None:
        keys: KeysCollection = (pred_key, label_key)
        super().__init__(keys, allow_missing_keys)
        self.possible = possible_classes(num_classes, labelled)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Make them; ``(classes, H, W, D)``, ``float32``."""
        pred, label = (torch.as_tensor(data[key])[0] for key in self.keys)
        possible = self.possible.to(label.device)
        truth, known = known_classes(label, possible)
        drawn = torch.eye(possible.shape[1], dtype=torch.bool, device=pred.device)[pred.long()]
        pred_key, label_key = self.keys
        one_hot = {pred_key: drawn & known.to(pred.device), label_key: truth}
        return {**data, **{key: value.movedim(-1, 0).float() for key, value in one_hot.items()}}


class RegionMasksd(MapTransform):
    """Masks of regions, which are unions of classes, in a segmentation and in its prepared label, for their scores.

    Neither has the voxels where a region is not known. In a case in which some of a region's classes were not annotated
    both are empty, so that MONAI's metrics leave the region out of their means there.

    Args:
        pred_key: item of class numbers, ``(1, H, W, D)``; the masks go to the item ``pred_regions``.
        label_key: item of a prepared label, of the same shape; the masks go to ``label_regions``.
        num_classes: classes with the background.
        regions: numbers of the classes that each region is made of.
        labelled: as in :class:`MarkUnknownd`.
        allow_missing_keys: do not raise if a key is missing.

    Raises:
        ValueError: as :func:`monai_mobileunet.annotation.region_members`.
    """

    def __init__(
        self,
        pred_key: str = "pred",
        label_key: str = "label",
        num_classes: int = 2,
        regions: Sequence[Sequence[int]] = (),
        labelled: Sequence[Sequence[int]] = (),
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__((pred_key, label_key), allow_missing_keys)
        self.possible = possible_classes(num_classes, labelled)
        self.members = region_members(regions, num_classes)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Make them; ``(regions, H, W, D)``, ``float32``."""
        pred, label = (torch.as_tensor(data[key])[0] for key in self.keys)
        possible, members = self.possible.to(label.device), self.members.to(label.device)
        truth, known = known_regions(label, possible, members)
        num_classes = members.shape[1]
        kinds = label.unique()
        for kind in kinds[kinds > num_classes]:  # of cases in which only some classes were annotated
            known = known & known_regions(kind, possible, members)[1]
        drawn = members.T[pred.to(label.device).long()]
        masks = [mask.movedim(-1, 0).float() for mask in (drawn & known, truth & known)]
        return {**data, **{f"{key}_regions": mask for key, mask in zip(self.keys, masks, strict=True)}}

"""From a network's class numbers to a mask: the largest pieces, parts divided by a plane, the grid of the file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import Activationsd, MapTransform
from monai.utils import MetaKeys

__all__ = ["KeepLargestComponentsd", "Probabilitiesd", "RestoreGridd", "SplitByPlaned", "nearest_labels"]

NEGLIGIBLE = 1e-2
"""Voxels: no rounding of an affine changes which voxel is the nearest by more."""

SLAB_VOXELS = 1 << 22
EPSILON = 1e-3


class RestoreGridd(MapTransform):
    """Bring a segmentation back to the grid that its image had in the file, by nearest neighbours.

    What :class:`monai.transforms.Invertd` does with a chain of inverse transforms and, for a change of spacing, a
    sampling grid of some 26 bytes per voxel (measured: MONAI 1.6.1, with its other copies) follows from two affines
    as well: that of the segmentation, which knows of every crop, flip and resampling, and that of the file. Where axes
    stay axes, as with all preprocessing by orientation, spacing and crops of a grid without shear, each axis is indexed
    by itself; otherwise the volume is sampled slab by slab. Voxels of the file outside of what was segmented are
    background.

    Args:
        keys: items of class numbers ``(1, H, W, D)``, on the grid of the preprocessed image.
        orig_keys: the preprocessed image, a :class:`monai.data.MetaTensor` with the affine and shape of its file.
        allow_missing_keys: do not raise if a key is missing.

    Returns:
        The items on the file's grid, of their own type, as :class:`monai.data.MetaTensor` with the file's affine and
        name.
    """

    def __init__(self, keys: KeysCollection, orig_keys: Hashable = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.orig_keys = orig_keys

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Restore the grid; see the class.

        Raises:
            ValueError: the segmentation has another shape than its image, or the image does not know its file.
        """
        out = dict(data)
        image = out[self.orig_keys]
        original = getattr(image, "meta", {})
        if MetaKeys.ORIGINAL_AFFINE not in original or MetaKeys.SPATIAL_SHAPE not in original:
            raise ValueError(f"{self.orig_keys} does not tell the affine and shape that it had in its file.")
        target = np.asarray(original[MetaKeys.ORIGINAL_AFFINE], float)
        # all of the image's metadata, for MONAI's writers ask some of them
        kept = {name: value for name, value in original.items() if name != MetaKeys.AFFINE}
        shape = tuple(int(size) for size in original[MetaKeys.SPATIAL_SHAPE])
        for key in self.key_iterator(out):
            labels = torch.as_tensor(out[key]).cpu()
            if labels.shape[1:] != image.shape[1:]:
                raise ValueError(f"{key} has shape {tuple(labels.shape)}; its image {tuple(image.shape)}.")
            to_source = np.linalg.inv(np.asarray(image.affine, float)) @ target
            restored = np.stack([nearest_labels(channel.numpy(), to_source, shape) for channel in labels])
            out[key] = MetaTensor(torch.from_numpy(restored), affine=torch.as_tensor(target), meta=kept)
        return out


def nearest_labels(labels: np.ndarray, to_source: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sample class numbers on another grid.

    Args:
        labels: ``(H, W, D)``.
        to_source: ``(4, 4)``, from indices of the new grid to indices of ``labels``.
        shape: of the new grid.

    Returns:
        The nearest label of each voxel, 0 where there is none.
    """
    matrix, offset = to_source[:3, :3], to_source[:3, 3]
    axes = np.abs(matrix).argmax(1)  # of the new grid, for each axis of the labels
    rest = np.abs(matrix).copy()
    rest[np.arange(3), axes] = 0
    if len(set(axes)) < 3 or (rest @ np.asarray(shape)).max() > NEGLIGIBLE:
        return _by_slabs(labels, matrix, offset, shape)
    out = np.zeros(shape, labels.dtype)
    source, target = [], [slice(0)] * 3
    for axis, other in enumerate(axes):
        exact = matrix[axis, other] * np.arange(shape[other]) + offset[axis]
        places, within = _nearest(exact, labels.shape[axis])
        inside = np.flatnonzero(within)
        if not len(inside):
            return out
        source.append(places[inside])
        target[other] = slice(int(inside[0]), int(inside[-1]) + 1)
    out[tuple(target)] = labels[np.ix_(*source)].transpose(np.argsort(axes))
    return out


def _nearest(exact: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the nearest voxels, and which of them lie within the volume.

    A grid of other spacing may end half of its voxel before the one that it was made from; that half is its edge's.
    """
    within = (exact >= -0.5 - EPSILON) & (exact <= size - 0.5 + EPSILON)
    return np.clip(np.floor(exact + 0.5 + EPSILON), 0, size - 1).astype(int), within


def _by_slabs(labels: np.ndarray, matrix: np.ndarray, offset: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape, labels.dtype)
    step = max(1, SLAB_VOXELS // max(1, shape[1] * shape[2]))
    for start in range(0, shape[0], step):
        stop = min(start + step, shape[0])
        grid = np.meshgrid(np.arange(start, stop), np.arange(shape[1]), np.arange(shape[2]), indexing="ij", copy=False)
        exact = (sum(matrix[axis, other] * grid[other] for other in range(3)) + offset[axis] for axis in range(3))
        found = [_nearest(place, size) for place, size in zip(exact, labels.shape, strict=True)]
        places, inside = [place for place, _ in found], np.logical_and.reduce([within for _, within in found])
        out[start:stop][inside] = labels[tuple(place[inside] for place in places)]
    return out


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

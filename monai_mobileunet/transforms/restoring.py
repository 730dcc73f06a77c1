"""A segmentation back on the grid of its image's file."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import MetaKeys

from monai_mobileunet.data.loading.reader import file_grid

__all__ = ["RestoreGridd", "resample_labels"]

NEGLIGIBLE = 1e-2
"""Voxels: no rounding of an affine moves a place by more, and along an axis whose places are no further from voxels
nothing is interpolated."""

SLAB_VOXELS = 1 << 21
PLACES_AT_ONCE = 1 << 18
EPSILON = 1e-3
"""Voxels, and shares of a voxel: what differs by less is equal, so that no rounding decides."""

Places = Sequence[np.ndarray]


class RestoreGridd(MapTransform):
    """Bring a segmentation back to the grid that its image had in the file.

    What :class:`monai.transforms.Invertd` does with a chain of inverse transforms and, for a change of spacing, a
    sampling grid of some 26 bytes per voxel (measured: MONAI 1.6.1, with its other copies) follows from two affines
    as well: that of the segmentation, which knows of every crop, flip and resampling, and that of the file. Where axes
    stay axes, as with all preprocessing by orientation, spacing and crops of a grid without shear, each axis is indexed
    by itself; otherwise the volume is sampled slab by slab. Voxels of the file outside of what was segmented are
    background.

    Class numbers are sampled by :func:`resample_labels`; of scores, which have a channel for each class, each voxel
    takes those of the nearest one.

    Args:
        keys: items of class numbers ``(1, H, W, D)``, on the grid of the preprocessed image, or of scores; a single
            channel is taken as class numbers, whatever its type.
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
        grid = file_grid(image)
        # all of the image's metadata, for MONAI's writers ask some of them
        kept = {name: value for name, value in original.items() if name != MetaKeys.AFFINE}
        for key in self.key_iterator(out):
            labels = torch.as_tensor(out[key]).cpu()
            if labels.shape[1:] != image.shape[1:]:
                raise ValueError(f"{key} has shape {tuple(labels.shape)}; its image {tuple(image.shape)}.")
            to_source = np.linalg.inv(np.asarray(image.affine, float)) @ grid.affine
            by_share = len(labels) == 1
            restored = [resample_labels(channel.numpy(), to_source, grid.shape, by_share) for channel in labels]
            out[key] = MetaTensor(torch.from_numpy(np.stack(restored)), affine=torch.as_tensor(grid.affine), meta=kept)
        return out


def resample_labels(
    labels: np.ndarray, to_source: np.ndarray, shape: tuple[int, ...], by_share: bool = True
) -> np.ndarray:
    """Sample class numbers on another grid.

    A voxel takes the class that has the largest share of it, by the weights of linear interpolation among its two, four
    or eight neighbours; that of the nearest voxel if no other has a larger one. Borders then run straight through the
    voxels of a coarser grid, where those of the nearest voxels are stairs. The same as ``sitkLabelLinear`` of
    SimpleITK, which computes it for all voxels, not only for those whose neighbours are of several classes.

    Args:
        labels: ``(H, W, D)``.
        to_source: ``(4, 4)``, from indices of the new grid to indices of ``labels``.
        shape: of the new grid.
        by_share: ``False`` takes the nearest voxel everywhere, whatever ``labels`` holds.

    Returns:
        The label of each voxel, 0 where there is none.
    """
    matrix, offset = to_source[:3, :3], to_source[:3, 3]
    axes = np.abs(matrix).argmax(1)  # of the new grid, for each axis of the labels
    rest = np.abs(matrix).copy()
    rest[np.arange(3), axes] = 0
    if len(set(axes)) < 3 or (rest @ np.asarray(shape)).max() > NEGLIGIBLE:
        return _by_slabs(labels, matrix, offset, shape, by_share)
    exact = [matrix[axis, other] * np.arange(shape[other]) + offset[axis] for axis, other in enumerate(axes)]
    found = [_nearest(places, size) for places, size in zip(exact, labels.shape, strict=True)]
    inside = [np.flatnonzero(within) for _, within in found]
    out = np.zeros(shape, labels.dtype)
    if not all(len(one) for one in inside):
        return out
    order = np.argsort(axes)  # of the labels, for each axis of the new grid
    target = tuple(slice(int(inside[axis][0]), int(inside[axis][-1]) + 1) for axis in order)
    nearest = [places[one] for (places, _), one in zip(found, inside, strict=True)]
    out[target] = labels[np.ix_(*nearest)].transpose(order)
    if by_share:
        exact = [places[one] for places, one in zip(exact, inside, strict=True)]
        _share_along_axes(labels, exact, out[target].transpose(axes))
    return out


def _share_along_axes(labels: np.ndarray, exact: Places, out: np.ndarray) -> None:
    """Change voxels between several classes to that of the largest share.

    Args:
        labels: of the coarse grid.
        exact: for each of its axes the places of the new grid's indices.
        out: the nearest labels at these places, ``(places, places, places)``; they are changed.
    """
    moved = [axis for axis, places in enumerate(exact) if np.abs(places - np.rint(places)).max() > NEGLIGIBLE]
    if not moved:
        return
    mixed = _several_classes(labels, moved)
    exact = [places if axis in moved else np.rint(places) for axis, places in enumerate(exact)]
    split = [_split(places, size) for places, size in zip(exact, labels.shape, strict=True)]
    lower, share = zip(*split, strict=True)
    for part in _slabs(mixed.shape):
        first, *others = np.nonzero(mixed[part])
        for at in _places_in((first + part.start, *others), lower):
            below, above = ([values[axis][at[axis]] for axis in range(3)] for values in (lower, share))
            out[at] = _largest_share(labels, below, above, moved, out[at])


def _places_in(voxels: Places, lower: Places) -> Iterator[tuple[np.ndarray, ...]]:
    """Indices of the new grid, some at a time, that lie between some voxels of the coarse one and those above them.

    Args:
        voxels: ``(M,)`` indices along each axis of the coarse grid.
        lower: for each of its axes the voxel below each place of the new grid.
    """
    order = [np.argsort(one, kind="stable") for one in lower]
    start, stop = (
        np.stack([np.searchsorted(one[by], at, side) for one, by, at in zip(lower, order, voxels, strict=True)])
        for side in ("left", "right")
    )
    count = stop - start
    total = count.prod(axis=0)
    part = (np.cumsum(total) - total) // PLACES_AT_ONCE
    for first, last in pairwise(np.searchsorted(part, np.arange(part[-1] + 2)) if len(part) else []):
        some = slice(first, last)
        rest = np.arange(total[some].sum()) - np.repeat(np.cumsum(total[some]) - total[some], total[some])
        indices = []
        for axis in (2, 1, 0):
            along = np.repeat(count[axis][some], total[some])
            indices.append(order[axis][np.repeat(start[axis][some], total[some]) + rest % along])
            rest = rest // along
        yield tuple(indices[::-1])


def _by_slabs(
    labels: np.ndarray, matrix: np.ndarray, offset: np.ndarray, shape: tuple[int, ...], by_share: bool
) -> np.ndarray:
    out = np.zeros(shape, labels.dtype)
    mixed = _several_classes(labels, range(3)) if by_share else None
    for part in _slabs(shape):
        indices = np.arange(part.start, part.stop), np.arange(shape[1]), np.arange(shape[2])
        grid = np.meshgrid(*indices, indexing="ij", copy=False)
        exact = [sum(matrix[axis, other] * grid[other] for other in range(3)) + offset[axis] for axis in range(3)]
        found = [_nearest(places, size) for places, size in zip(exact, labels.shape, strict=True)]
        inside = np.logical_and.reduce([within for _, within in found])
        nearest = labels[tuple(places[inside] for places, _ in found)]
        if mixed is not None:
            exact = [places[inside].clip(0, size - 1) for places, size in zip(exact, labels.shape, strict=True)]
            at = np.flatnonzero(mixed[tuple(places.astype(int) for places in exact)])
            split = [_split(places[at], size) for places, size in zip(exact, labels.shape, strict=True)]
            lower, share = zip(*split, strict=True)
            nearest[at] = _largest_share(labels, lower, share, range(3), nearest[at])
        out[part][inside] = nearest
    return out


def _slabs(shape: Sequence[int]) -> Iterator[slice]:
    """Parts of the first axis with about as many voxels each."""
    step = max(1, SLAB_VOXELS // max(1, shape[1] * shape[2]))
    return (slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step))


def _nearest(exact: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the nearest voxels, and which of them lie within the volume.

    A grid of other spacing may end half of its voxel before the one that it was made from; that half is its edge's.
    """
    within = (exact >= -0.5 - EPSILON) & (exact <= size - 0.5 + EPSILON)
    return np.clip(np.floor(exact + 0.5 + EPSILON), 0, size - 1).astype(int), within


def _split(exact: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the voxels below, and the share of those above them."""
    kept = np.clip(exact, 0, size - 1)
    lower = np.floor(kept).astype(int)
    return lower, kept - lower


def _several_classes(labels: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Whether a voxel and those above it along some axes are of several classes."""
    low = high = labels
    for axis in axes:
        above = [slice(None)] * 3
        above[axis] = np.minimum(np.arange(labels.shape[axis]) + 1, labels.shape[axis] - 1)
        low, high = np.minimum(low, low[tuple(above)]), np.maximum(high, high[tuple(above)])
    return low != high


def _largest_share(
    labels: np.ndarray, lower: Places, share: Places, axes: Sequence[int], nearest: np.ndarray
) -> np.ndarray:
    """The class with the largest share of each of ``(N,)`` places, that of ``nearest`` where none has more."""
    corners: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for above in product(*((0, 1) if axis in axes else (0,) for axis in range(3))):
        steps = zip(lower, above, labels.shape, strict=True)
        corners.append(labels[tuple(np.minimum(below + step, size - 1) for below, step, size in steps)])
        parts = [share[axis] if above[axis] else 1 - share[axis] for axis in axes]
        weights.append(np.prod(parts, axis=0))
    best, most = nearest.copy(), _total(weights, corners, nearest)
    open_ = most <= 0.5  # elsewhere none has more
    best[open_] = _with_most([one[open_] for one in weights], [one[open_] for one in corners], best[open_], most[open_])
    return best


def _with_most(weights: Places, corners: Places, best: np.ndarray, most: np.ndarray) -> np.ndarray:
    for corner in corners:
        shares = _total(weights, corners, corner)
        more = shares > most + EPSILON
        best[more], most[more] = corner[more], shares[more]
    return best


def _total(weights: Places, corners: Places, label: np.ndarray) -> np.ndarray:
    return sum(weight * (corner == label) for weight, corner in zip(weights, corners, strict=True))

"""What a label does not say: voxels and slices that nobody annotated, and cases in which some classes were not.

A prepared label holds, of ``n`` classes with the background, the numbers 0 to ``n - 1`` where the class of a voxel is
known, ``n`` where nothing is, and ``n + 1 + i`` where the voxel is of none of the classes that were annotated in such
cases, the classes ``labelled[i]``: it then is background, or of a class that nobody annotated there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from nibabel.orientations import io_orientation

from monai_mobileunet.slicing import slice_axes

__all__ = ["known_classes", "known_regions", "possible_classes", "region_members", "unknown_voxels"]


def possible_classes(num_classes: int, labelled: Sequence[Sequence[int]] = ()) -> torch.Tensor:
    """Which classes a voxel may be of, for each number in a prepared label.

    Args:
        num_classes: classes with the background.
        labelled: for each kind of case in which only some classes were annotated, the numbers of these.

    Returns:
        ``(num_classes + 1 + len(labelled), num_classes)``, ``bool``.

    Raises:
        ValueError: the background, or a number that is no class, among the labelled ones.
    """
    table = torch.cat([torch.eye(num_classes, dtype=torch.bool), torch.ones(1 + len(labelled), num_classes).bool()])
    for row, numbers in enumerate(labelled, num_classes + 1):
        if not all(0 < number < num_classes for number in numbers):
            raise ValueError(f"labelled has {list(numbers)}; expected numbers of classes, 1 to {num_classes - 1}.")
        table[row, list(numbers)] = False
    return table


def known_classes(label: torch.Tensor, possible: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What a prepared label says of each class.

    Args:
        label: numbers, ``(…)``.
        possible: of :func:`possible_classes`.

    Returns:
        Whether a voxel is of a class, and whether that is known, each ``(…, classes)`` and ``bool``.
    """
    return known_regions(label, possible, torch.eye(possible.shape[1], dtype=torch.bool, device=possible.device))


def known_regions(
    label: torch.Tensor, possible: torch.Tensor, members: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a prepared label says of unions of classes.

    A voxel is in a region where it can only be of the region's classes, and outside where it can be of none of them.

    Args:
        label: numbers, ``(…)``.
        possible: of :func:`possible_classes`.
        members: whether a class belongs to a region, ``(regions, classes)`` and ``bool``.

    Returns:
        Whether a voxel is in a region, and whether that is known, each ``(…, regions)`` and ``bool``.
    """
    inside, outside = (~(possible[:, None] & part).any(-1) for part in (~members, members))
    numbers = label.long()
    return inside[numbers], (inside | outside)[numbers]


def region_members(regions: Sequence[Sequence[int]], num_classes: int) -> torch.Tensor:
    """Whether a class belongs to a region, for :func:`known_regions`.

    Args:
        regions: numbers of the classes that each is made of.
        num_classes: classes with the background.

    Returns:
        ``(regions, num_classes)``, ``bool``.

    Raises:
        ValueError: a number that is no class of the foreground, or a region of nothing.
    """
    members = torch.zeros(len(regions), num_classes, dtype=torch.bool)
    for row, numbers in enumerate(regions):
        if not numbers or not all(0 < number < num_classes for number in numbers):
            raise ValueError(f"regions has {list(numbers)}; expected numbers of classes, 1 to {num_classes - 1}.")
        members[row, list(numbers)] = True
    return members


def unknown_voxels(
    values: np.ndarray, affine: np.ndarray, num_classes: int, ignore: int | None = None, plane: int | str | None = None
) -> np.ndarray:
    """Voxels of a label of which nothing is known.

    Args:
        values: of the label as it was read, ``(H, W, D)``.
        affine: from its voxels to RAS.
        num_classes: classes with the background.
        ignore: value of voxels that nobody annotated.
        plane: plane in which slices were annotated one by one, or its axis in RAS: a slice across it without any class
            was not. ``None`` where all were.

    Returns:
        ``bool``, in the shape of the label.
    """
    unknown = np.zeros(values.shape, bool) if ignore is None else values == ignore
    if plane is not None:
        stack = slice_axes(plane)[0]
        axis = int(np.flatnonzero(io_orientation(np.asarray(affine))[:, 0] == stack)[0])
        labelled = (values > 0) & (values < num_classes) & ~unknown
        empty = ~labelled.any(axis=tuple({0, 1, 2} - {axis}))
        unknown |= empty[tuple(slice(None) if one == axis else None for one in range(3))]
    return unknown

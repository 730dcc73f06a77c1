"""An image in memory: its values, where they lie, and what is odd about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from nibabel.affines import voxel_sizes

from monai_mobileunet.data.errors import DataError, Finding

__all__ = ["Volume", "check_values", "stack_channels"]

AFFINE_TOLERANCE = 1e-2  # mm: files written by other tools carry rounded affines


@dataclass(frozen=True)
class Volume:
    """What was read, from whatever format.

    Attributes:
        values: ``(H, W, D)`` or ``(H, W, D, C)``, finite, of the type they were stored in where that is possible.
        affine: ``(4, 4)``, from voxel indices to mm with RAS axes.
        name: the file, or words for what is no file; for messages.
        planar: a single plane was read; its mask is written as one again.
        template: header of a NIfTI file, for the mask; ``None`` if there is nothing beyond the affine.
        modality: ``"CT"``, ``"MR"``, … where the file tells; otherwise empty.
        warnings: what a reader must know to trust a result.
    """

    values: np.ndarray
    affine: np.ndarray
    name: str
    planar: bool = False
    template: Any = None
    modality: str = ""
    warnings: tuple[Finding, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the grid."""
        height, width, depth = self.values.shape[:3]
        return height, width, depth

    @property
    def channels(self) -> int:
        """How many values each voxel has."""
        return self.values.shape[3] if self.values.ndim == 4 else 1

    @property
    def spacing(self) -> tuple[float, float, float]:
        """mm per voxel along each axis of the grid."""
        height, width, depth = map(float, voxel_sizes(self.affine))
        return height, width, depth

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, right for sheared grids too."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000


def check_values(volume: Volume) -> Volume:
    """Look at the voxels themselves: what cannot be computed with is replaced, and said.

    Raises:
        DataError: no voxel is finite.
    """
    values = volume.values
    warnings = list(volume.warnings)
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = np.isfinite(values)
        bad = values.size - int(finite.sum())
        if bad == values.size:
            raise DataError([Finding(volume.name, "has no finite voxel.", "Export it anew from its source.")])
        low, high = values[finite].min(), values[finite].max()
        values = np.where(finite, values, low)
        problem = f"has {bad:,} voxels that are NaN or infinite; they were set to its lowest value, {low:g}."
        warnings.append(Finding(volume.name, problem, "Look whether they lie in the body.", warning=True))
    if low == high:
        problem = f"has the value {low:g} in every voxel."
        warnings.append(Finding(volume.name, problem, "Look whether it was exported whole.", warning=True))
    return replace(volume, values=values, warnings=tuple(warnings))


def stack_channels(volumes: list[Volume]) -> Volume:
    """Several images of one case as the channels of one.

    Raises:
        DataError: an image of several channels among them, or one on another grid than the first.
    """
    first, *others = volumes
    for volume in volumes:
        if volume.channels > 1 and others:
            raise DataError([Finding(volume.name, f"has {volume.channels} channels.", "List one file per channel.")])
    for other in others:
        if other.shape != first.shape or not np.allclose(other.affine, first.affine, atol=AFFINE_TOLERANCE):
            found = f"shape {other.shape}" if other.shape != first.shape else "another affine"
            raise DataError(
                [
                    Finding(
                        other.name,
                        f"has {found}; expected the grid of the case's first image, {first.name} {first.shape}.",
                        "Resample it to that grid.",
                    )
                ]
            )
    if not others:
        return first
    warnings = tuple(warning for volume in volumes for warning in volume.warnings)
    return replace(first, values=np.stack([volume.values for volume in volumes], axis=-1), warnings=warnings)

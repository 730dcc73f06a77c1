"""An image in memory: its values, where they lie, and what is odd about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from nibabel.affines import voxel_sizes

from monai_mobileunet.data.errors import Finding, refusal, warning
from monai_mobileunet.wording import counted

__all__ = ["LPS_TO_RAS", "Grid", "Volume", "check_grid", "check_values", "other_grid", "same_grid", "stack_channels"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK and DICOM count to the left and to the back, this package and NIfTI to the right and to the front."""

AFFINE_TOLERANCE = 1e-2  # mm: files written by other tools carry rounded affines
VOXEL_TOLERANCE = 0.1
"""Share of a voxel by which grids may be apart where that is less than the tolerance in mm, as in microscopy."""

FLATTEST = 1e-4
"""Volume of a voxel whose edges had the length 1; below it the axes lie in a plane but for rounding."""

LONGEST = 10_000.0
"""mm: a volume that is longer than 10 m has a wrong header, and would ask for terabytes once it is resampled."""

LARGEST = 1e15
"""Values beyond it are fill: 10^8 of them squared have no sum in float32, and no scanner writes them."""

APART = 100.0
"""A lowest or highest value this many ranges of all other values away from them spoils a normalisation."""

SAMPLED = 48
"""Voxels along each axis that a first look at the values takes."""


Grid: TypeAlias = tuple[tuple[int, ...], tuple[float, ...]]
"""Shape, and mm per voxel along the first axes as far as these are known."""


@dataclass(frozen=True)
class Volume:
    """What was read, from whatever format.

    Attributes:
        values: ``(H, W, D)`` or ``(H, W, D, C)``, finite, of the type they were stored in where that is possible.
        affine: ``(4, 4)``, from voxel indices to mm with RAS axes.
        name: the file, or words for what is no file; for messages.
        planar: a single plane was read; its mask is written as one again.
        template: header of a NIfTI file, for the mask; ``None`` if there is nothing beyond the affine.
        modality: ``"CT"``, ``"MR"``, … where the file says so; otherwise empty.
        warnings: what a reader must know to trust a result.
        in_pixels: the file has pixels and says nothing of mm, as PNG and JPEG; 1 mm stands for each.
    """

    values: np.ndarray
    affine: np.ndarray
    name: str
    planar: bool = False
    template: Any = None
    modality: str = ""
    warnings: tuple[Finding, ...] = ()
    in_pixels: bool = False

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


def check_grid(affine: np.ndarray, shape: tuple[int, ...], name: str, remedy: str) -> None:
    """Refuse a grid that lies nowhere, whatever the size of its voxels.

    Args:
        affine: ``(4, 4)``, to mm.
        shape: of the grid; its first three axes.
        name: of the file, or words.
        remedy: what to do about it in that format.

    Raises:
        DataError: the affine holds NaN or infinity, its axes lie in a plane, or the volume would be longer than 10 m.
    """
    edges = np.asarray(affine, np.float64)[:3, :3]
    sizes = np.linalg.norm(edges, axis=0)
    rows = "; ".join(" ".join(f"{value:.4g}" for value in row) for row in np.asarray(affine)[:3])
    # a voxel's volume in mm³ tells nothing: it is 1e-10 for sound voxels of 0.5 µm
    if not np.isfinite(affine).all() or sizes.min() == 0 or abs(np.linalg.det(edges / sizes)) < FLATTEST:
        raise refusal(name, f"has an affine that cannot be inverted: {rows}.", remedy)
    extent = sizes * np.array((*shape[:3], 1, 1)[:3])
    if extent.max() > LONGEST:
        words = "×".join(f"{value:.4g}" for value in extent)
        problem = f"is {words} mm large by its header; expected at most {LONGEST:,.0f} mm along each axis."
        raise refusal(name, problem, remedy)


def check_values(volume: Volume) -> Volume:
    """Look at the voxels themselves: what cannot be computed with is replaced by the lowest other value and reported.

    That is NaN, infinity, and what is no measurement: values beyond ±10^15, whose squares have no sum in float32
    (fill such as -1.8e308, -3.4e38 or the lowest ``int64``), and the extremes of integer types of 32 bits and more.
    Fill that is smaller, but far from all other values, is left and warned of.

    Raises:
        DataError: no voxel can be computed with.
    """
    values = volume.values
    warnings = list(volume.warnings)
    low, high = values.min(), values.max()
    lowest, highest = _usable(values.dtype)
    if not (low >= lowest and high <= highest):
        not_finite = ~np.isfinite(values)
        bad = ~((values >= lowest) & (values <= highest))
        if bad.all():
            found = "finite voxel" if not_finite.all() else "voxel whose value can be computed with"
            raise refusal(volume.name, f"has no {found}.", "Export it again from its source.")
        kept = values[~bad]
        counts = (int(not_finite.sum()), int((bad & ~not_finite).sum()))
        extreme = max(np.abs([float(low), float(high)]), default=0.0)
        low, high = kept.min(), kept.max()
        values = np.where(bad, low, values)
        kinds = ("that {are} NaN or infinite", f"with values that are fill, not measured (as far as {extreme:.3g})")
        for count, kind in zip(counts, kinds, strict=True):
            if count:
                are, were = ("is", "it was") if count == 1 else ("are", "they were")
                found = f"{counted(count, 'voxel')} {kind.format(are=are)}"
                problem = f"has {found}; {were} set to its lowest value, {low:g}."
                warnings.append(warning(volume.name, problem, "Look whether they lie in the body."))
    if low == high:
        one_value = f"has the value {low:g} in every voxel."
        warnings.append(warning(volume.name, one_value, "Look whether it was exported whole."))
    else:
        warnings += _far_apart(values, low, high, volume.name)
    return replace(volume, values=values, warnings=tuple(warnings))


def _usable(dtype: np.dtype) -> tuple[Any, Any]:
    """The lowest and highest value of a type that can be a measurement."""
    if dtype.kind == "f":
        largest = dtype.type(min(LARGEST, float(np.finfo(dtype).max)))
        return -largest, largest
    info = np.iinfo(dtype)
    fill = 1 if dtype.itemsize >= 4 else 0
    lowest = info.min + fill if info.min < 0 else 0
    return max(lowest, -int(LARGEST)), min(info.max - fill, int(LARGEST))


def _far_apart(values: np.ndarray, low: Any, high: Any, name: str) -> Iterator[Finding]:
    """Warnings of fill that can be computed with, but leaves nothing of the image once intensities are normalised."""
    steps = tuple(slice(None, None, max(1, size // SAMPLED)) for size in values.shape[:3])

    def gaps(some: np.ndarray) -> dict[Any, tuple[float, float]]:
        others = some[(some != low) & (some != high)]
        if not others.size:
            return {}
        least, most = float(others.min()), float(others.max())
        if least == most:  # classes, not intensities
            return {}
        span = (most - least) * APART
        ends = ((low, least - float(low), (least, float(high))), (high, float(high) - most, (float(low), most)))
        return {end: rest for end, gap, rest in ends if gap > span}

    if not gaps(values[steps]):
        return
    for end, (least, most) in gaps(values).items():
        count = int((values == end).sum())
        problem = f"has {counted(count, 'voxel')} of the value {end:g}; all others are {least:g} to {most:g}."
        yield warning(name, problem, "Set them to the value of the background if they are fill.")


def same_grid(one: Volume, other: Volume) -> bool:
    """Whether two volumes have the same voxels in the same place."""
    tolerance = min(AFFINE_TOLERANCE, VOXEL_TOLERANCE * min(one.spacing))
    return one.shape == other.shape and np.allclose(one.affine, other.affine, atol=tolerance)


def other_grid(found: Volume, expected: Volume) -> str:
    """What is other in a grid than was expected, in words: ``"shape (8, 9, 10)"``; empty where nothing is."""
    if same_grid(found, expected):
        return ""
    return f"shape {found.shape}" if found.shape != expected.shape else "another affine"


def stack_channels(volumes: list[Volume]) -> Volume:
    """Several images of one case as the channels of one.

    Raises:
        DataError: an image of several channels among them, or one on another grid than the first.
    """
    first, *others = volumes
    for volume in volumes:
        if volume.channels > 1 and others:
            raise refusal(volume.name, f"has {volume.channels} channels.", "List one file per channel.")
    for other in others:
        if found := other_grid(other, first):
            problem = f"has {found}; expected the grid of the case's first image, {first.name} {first.shape}."
            raise refusal(other.name, problem, "Resample it to that grid.")
    if not others:
        return first
    warnings = tuple(warning for volume in volumes for warning in volume.warnings)
    return replace(first, values=np.stack([volume.values for volume in volumes], axis=-1), warnings=warnings)

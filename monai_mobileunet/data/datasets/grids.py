"""What is wrong with the volumes of one case: values, grids that differ, axes that are not at right angles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from monai_mobileunet.data.errors import Finding, warning
from monai_mobileunet.data.volume import Volume, other_grid, same_grid
from monai_mobileunet.wording import counted

__all__ = ["check_axes", "check_grids", "check_images"]

SQUARE_WITHIN = 0.5
"""Degrees by which rounded headers let axes be off a right angle."""


def check_images(images: Sequence[Volume]) -> Iterator[Finding]:
    """Whether each file holds finite values of one channel, where there are several."""
    for image in images:
        bad = image.values.size - int(np.isfinite(image.values).sum())
        if bad:
            yield Finding(
                image.name,
                f"has {counted(bad, 'voxel that is', 'voxels that are')} NaN or infinite.",
                "Replace them by finite values.",
            )
        if image.channels > 1 and len(images) > 1:
            problem = f"has {counted(image.channels, 'channel')}, and is listed as one channel of several."
            yield Finding(image.name, problem, "List one file per channel.")


def check_grids(images: Sequence[Volume], label: Volume) -> Iterator[Finding]:
    """Whether all channels and the label have the same voxels in the same place, and the label is no image."""
    first, *others = images
    for other in others:
        if found := other_grid(other, first):
            problem = f"has {found}; expected the grid of the case's first image, {first.name} {first.shape}."
            yield Finding(other.name, problem, "Resample it to that grid.")
    yield from _of_label(first, label)
    for image in images:
        if np.array_equal(image.values, label.values) and label.values.any():
            problem = f"holds the same values as the label {label.name}."
            yield Finding(image.name, problem, "Put the image in its place.")


def check_axes(image: Volume) -> Iterator[Finding]:
    """Axes that are not at right angles, as of a tilted gantry or after an affine registration of the header alone."""
    edges = image.affine[:3, :3] / image.spacing
    cosines = np.abs((edges.T @ edges)[np.triu_indices(3, 1)]).clip(0, 1)
    angle = float(np.degrees(np.arccos(cosines.max())))
    if 90 - angle > SQUARE_WITHIN:
        problem = f"has axes at {angle:.1f} degrees; expected right angles, without which distances in it are wrong."
        yield warning(image.name, problem, "Resample it and its label to a grid with right angles.")


def _of_label(image: Volume, label: Volume) -> Iterator[Finding]:
    """Whether a label has the voxels of its image in the same place."""
    if image.shape != label.shape:
        problem = f"has shape {label.shape}, but its image {image.shape}."
        yield Finding(label.name, problem, "Resample the label to the image's grid.")
    elif not same_grid(image, label):
        difference = float(np.abs(image.affine - label.affine).max())
        problem = f"lies elsewhere than its image (affines differ by up to {difference:.3g})."
        remedy = "Resample the label to the image's grid, or copy the image's header if only the header is wrong."
        yield Finding(label.name, problem, remedy)

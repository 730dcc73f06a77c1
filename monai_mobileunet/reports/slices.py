"""How a patient is shown: which slices, and which way up, in every picture alike.

As radiologists have it, the patient's right side is at the left of the picture, the front is at the left of a sagittal
slice, and the head or the front is upwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import nibabel
import numpy as np

from monai_mobileunet.data.volume import Volume

__all__ = [
    "PLANES",
    "contrast",
    "cut",
    "largest_slices",
    "shades",
    "shown_axes",
    "shown_values",
    "spacing_ras",
    "to_ras",
]

PLANES = ("sagittal", "coronal", "axial")
"""What a slice across each of the RAS axes is called."""


def to_ras(values: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Values with axes towards the right, the front and the head, as near as their axes come to these.

    Args:
        values: ``(H, W, D)``, or with channels behind.
        affine: from voxel indices to mm in RAS.

    Returns:
        A view of the values.
    """
    orientation = nibabel.orientations.io_orientation(affine)
    order = np.argsort(orientation[:, 0])
    steps = tuple(slice(None, None, int(orientation[axis, 1])) for axis in order)
    return values.transpose(*order, *range(3, values.ndim))[steps]


def spacing_ras(affine: np.ndarray) -> tuple[float, float, float]:
    """mm per voxel along the axes of :func:`to_ras`."""
    order = np.argsort(nibabel.orientations.io_orientation(affine)[:, 0])
    first, second, third = nibabel.affines.voxel_sizes(affine)[order].tolist()
    return first, second, third


def largest_slices(mask: np.ndarray) -> tuple[int, int, int]:
    """For each axis of a volume the slice with the largest foreground; the middle one if there is none."""
    order = np.argsort([-abs(step) for step in mask.strides])
    areas = [np.zeros(mask.shape[axis], np.int64) for axis in order]
    for index, part in enumerate(mask.transpose(order)):  # in the order of the memory, and without a copy of all of it
        areas[0][index] = np.count_nonzero(part)
        if areas[0][index]:
            areas[1] += np.count_nonzero(part, axis=1)
            areas[2] += np.count_nonzero(part, axis=0)
    largest = [int(area.argmax()) if area.any() else len(area) // 2 for area in areas]
    first, second, third = (largest[list(order).index(axis)] for axis in range(3))
    return first, second, third


def cut(values: np.ndarray, axis: int, index: int) -> np.ndarray:
    """A slice across an axis of values from :func:`to_ras`, as rows from the top of the picture to its bottom."""
    slices = np.moveaxis(values, axis, 0)  # np.take would copy all of a volume that is not in the order of its axes
    return slices[index].swapaxes(0, 1)[::-1, ::-1]


def shown_axes(shape: Sequence[int]) -> tuple[int, ...]:
    """Axes across which slices are shown: all three, or that of an image with a single slice."""
    flat = tuple(axis for axis in range(3) if shape[axis] == 1)
    return flat if len(flat) == 1 else (0, 1, 2)


def shown_values(volume: Volume) -> np.ndarray:
    """Intensities to show: the colours of a picture, and of other images with several channels the first."""
    if volume.channels == 1:
        return volume.values.reshape(volume.shape)
    return volume.values if volume.in_pixels and volume.channels == 3 else volume.values[..., 0]


def contrast(values: np.ndarray, colours: bool) -> tuple[float, float]:
    """What is shown black and what white: colours of 8 bits as they are, of all else the darkest and brightest 0.5 %.

    Args:
        values: from :func:`shown_values`, all or a slice of them.
        colours: whether they are red, green and blue.
    """
    if colours and 0 <= values.min() <= values.max() <= 255:
        return 0.0, 255.0
    low, high = np.nanpercentile(values, [0.5, 99.5])
    return float(low), float(high)


def shades(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as shades of a screen, 0 to 255, those up to ``low`` black and those from ``high`` on white."""
    scaled = (values.astype(np.float32) - low) / max(high - low, 1e-6) * 255
    return np.clip(scaled, 0, 255).astype(np.uint8)

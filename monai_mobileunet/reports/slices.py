"""How a patient is shown: which slices, which part of each, and which way up, in every picture alike.

As radiologists have it, the patient's right side is at the left of the picture, the front is at the left of a sagittal
slice, and the head or the front is upwards. :data:`CONVENTION` says so on the pages, and letters on each panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import nibabel
import numpy as np
import SimpleITK as sitk

from monai_mobileunet.data.volume import Volume

__all__ = [
    "CONTOURS",
    "CONVENTION",
    "PLANES",
    "Panel",
    "lay_out",
    "in_ras",
    "largest_slices",
    "shown_axes",
    "shown_values",
    "spacing_ras",
    "to_ras",
]

PLANES = ("sagittal", "coronal", "axial")
"""What a slice across each of the RAS axes is called."""

LETTERS = (("A", "P", "S", "I"), ("R", "L", "S", "I"), ("R", "L", "A", "P"))
"""What lies at the left, the right, the top and the bottom of such a slice, as :func:`cut` shows it."""

CONVENTION = (
    "Slices are shown as radiologists see them: the patient's right side (R) is at the left of the picture, and the "
    "front (A) is at the left of a sagittal slice."
)
"""For the captions of pictures of volumes."""

CONTOURS = "The solid contour is the segmentation, the dashed one the reference."
"""For the captions of pictures with a reference."""

BODY = 0.12
"""Share of the contrast above which a pixel is no background, which is the darkest."""

TAILS = (0.5, 99.5)
"""Percentiles of values that stand for their lowest and highest."""

PART = 0.2
"""A part of a slice that is no background belongs to the body if it has this share of the largest part's pixels: legs
do, the table does not."""

MARGIN = 0.04
"""Around the body, in lengths of it; masks have :data:`ROOM`."""

ROOM = 0.15
"""Around a mask, in lengths of it."""

CONTEXT = 5.0
"""How many lengths of its masks a panel shows at most, so that they are seen in a picture of any size."""

PIXELS = 72
"""How many pixels a panel shows at least along their shorter side, if there are so many: less is no known place."""


@dataclass(frozen=True)
class Panel:
    """A slice as it is shown, cropped.

    Attributes:
        name: of its plane, and the number of the slice.
        pixels: shades ``(rows, columns)``, or colours ``(rows, columns, 3)``, ``uint8``.
        masks: class numbers ``(rows, columns)`` of the segmentation and, where there is one, of the reference.
        size: width and height, mm.
        letters: at the left, the right, the top and the bottom; none of an image that has no such sides.
    """

    name: str
    pixels: np.ndarray
    masks: tuple[np.ndarray, ...]
    size: tuple[float, float]
    letters: tuple[str, ...]


def lay_out(
    image: np.ndarray,
    masks: Sequence[np.ndarray],
    spacing: Sequence[float],
    shown: np.ndarray | None = None,
    lettered: bool = True,
) -> list[Panel]:
    """A sagittal, a coronal and an axial slice, or the only one of an image that has one, cropped to what matters.

    That is the body, and always all of the masks in the slice. Where these are small, less of the body is shown.

    Args:
        image: intensities ``(H, W, D)``, or colours ``(H, W, D, 3)``, with RAS axes, as :func:`to_ras` gives them.
        masks: class numbers of the segmentation and, where there is one, of the reference.
        spacing: mm per voxel.
        shown: of what the slices with the largest part are shown; by default of the first mask.
        lettered: whether the sides have letters; the sides of a photograph are none of a patient.
    """
    at = largest_slices(masks[0] if shown is None else shown)
    panels = []
    for axis in shown_axes(image.shape):
        across, up = (other for other in range(3) if other != axis)
        step = (spacing[up], spacing[across])
        seen, drawn = cut(image, axis, at[axis]), [cut(mask, axis, at[axis]) for mask in masks]
        body = _body(seen)
        rows, columns = _window(body, np.any([mask > 0 for mask in drawn], axis=0), step)
        kept = seen[rows, columns]
        size = (kept.shape[1] * step[1], kept.shape[0] * step[0])
        pixels = shades(kept, *contrast(kept, body[rows, columns]))
        name = f"{PLANES[axis]} {at[axis]}" if image.shape[axis] > 1 else ""
        letters = LETTERS[axis] if lettered else ()
        panels.append(Panel(name, pixels, tuple(mask[rows, columns] for mask in drawn), size, letters))
    return panels


def _window(inside: np.ndarray, masks: np.ndarray, step: tuple[float, float]) -> tuple[slice, slice]:
    """Rows and columns to show of a slice: about a square, as large as the body, or as the masks allow.

    Args:
        inside: where the body is in the slice.
        masks: where masks are in it.
        step: mm per row and per column.
    """
    body, drawn = _box(inside), _box(masks)
    if body is None:
        body = tuple((0, size) for size in masks.shape)
    lengths = [(high - low) * mm * (1 + 2 * MARGIN) for (low, high), mm in zip(body, step, strict=True)]
    longest = max(lengths)
    if drawn is not None:
        mask = max((high - low) * mm for (low, high), mm in zip(drawn, step, strict=True))
        longest = min(longest, max(CONTEXT * mask, PIXELS * min(step)))
        longest = max(longest, mask * (1 + 2 * ROOM))
    rows, columns = (
        _range(size, body[axis], None if drawn is None else drawn[axis], longest / step[axis])
        for axis, size in enumerate(masks.shape)
    )
    return rows, columns


def _range(size: int, body: tuple[int, int], drawn: tuple[int, int] | None, length: float) -> slice:
    """What to show along one axis: the body if it fits, else a part of it around the masks, which are always in it."""
    length = min(size, round(length))
    low, high = body if drawn is None or body[1] - body[0] <= length else drawn
    start = (low + high - length) // 2
    if drawn is not None:
        if body[1] - body[0] > length:  # no further out of the body than need be
            start = min(max(start, body[0]), body[1] - length)
        room = min(length - (drawn[1] - drawn[0]), 2 * max(1, round(ROOM * (drawn[1] - drawn[0])))) // 2
        start = max(min(start, drawn[0] - room), drawn[1] + room - length)
    start = min(max(start, 0), size - length)
    return slice(start, start + length)


def _body(seen: np.ndarray) -> np.ndarray:
    """Where a slice is brighter than its background, in parts that are not small."""
    grey = seen.astype(np.float32).mean(axis=-1) if seen.ndim == 3 else seen
    low, high = np.nanpercentile(grey, TAILS)
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray((grey > low + BODY * (high - low)).astype(np.uint8)))
    numbers = sitk.GetArrayViewFromImage(parts)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    return (sizes >= max(1, PART * sizes.max()))[numbers]


def _box(inside: np.ndarray) -> tuple[tuple[int, int], ...] | None:
    """First row and column, and those behind the last one, where anything is inside."""
    ends = []
    for axis in (1, 0):
        where = np.flatnonzero(inside.any(axis=axis))
        if not len(where):
            return None
        ends.append((int(where[0]), int(where[-1]) + 1))
    return tuple(ends)


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


def in_ras(volume: Volume) -> Volume:
    """The same voxels at the same places, counted along the axes of :func:`to_ras`."""
    orientation = nibabel.orientations.io_orientation(volume.affine)
    turned = volume.affine @ nibabel.orientations.inv_ornt_aff(orientation, volume.shape)
    return replace(volume, values=to_ras(volume.values, volume.affine), affine=turned)


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


def contrast(values: np.ndarray, body: np.ndarray) -> tuple[float, float]:
    """What is shown black and what white: colours of 8 bits as they are, of all else the ends of the body's values.

    Air around a body would leave few shades for its organs, and the body's own lowest value none for its dark parts:
    black is halfway between the lowest values of both.

    Args:
        values: what is shown of a slice.
        body: where the body is in it.
    """
    if values.ndim == 3 and 0 <= values.min() <= values.max() <= 255:
        return 0.0, 255.0
    lowest, _ = np.nanpercentile(values, TAILS)
    low, high = np.nanpercentile(values[body] if body.any() else values, TAILS)
    return float(lowest + low) / 2, float(high)


def shades(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as shades of a screen, 0 to 255, those up to ``low`` black and those from ``high`` on white."""
    scaled = (values.astype(np.float32) - low) / max(high - low, 1e-6) * 255
    return np.clip(scaled, 0, 255).astype(np.uint8)

"""A small picture of a mask over its image: three slices, in the size of a row of a table."""

from __future__ import annotations

import io

import nibabel
import numpy as np
from PIL import Image

from monai_mobileunet.data.volume import Volume

__all__ = ["COLOURS", "draw_thumbnail"]

COLOURS = (
    (255, 127, 14),
    (44, 190, 44),
    (31, 150, 240),
    (230, 60, 60),
    (170, 110, 220),
    (160, 105, 90),
    (240, 120, 200),
    (160, 160, 160),
    (200, 200, 40),
    (30, 200, 215),
)
"""Of the classes, again from the first after the tenth."""

HEIGHT, WIDEST, GAP = 160, 240, 4
PERCENTILES = (0.5, 99.5)


def draw_thumbnail(mask: np.ndarray, volume: Volume) -> bytes:
    """A sagittal, a coronal and an axial slice, each where its part of the mask is largest, with contours.

    The slices are shown in mm: from the left of the body at the right of the picture (as radiologists do) and from
    the back at the right, with the head upwards.

    Args:
        mask: class numbers ``(H, W, D)``.
        volume: the image; of several channels the first is shown.

    Returns:
        A WebP file.
    """
    to_ras = nibabel.orientations.io_orientation(volume.affine)
    order = np.argsort(to_ras[:, 0])
    steps = tuple(slice(None, None, int(to_ras[axis, 1])) for axis in order)
    image = (volume.values if volume.values.ndim == 3 else volume.values[..., 0]).transpose(order)[steps]
    classes = mask.transpose(order)[steps]
    spacing = np.asarray(volume.spacing)[order]
    panels = []
    largest = _largest(mask)
    for axis, given in enumerate(order):
        at = largest[given] if to_ras[given, 1] > 0 else mask.shape[given] - 1 - largest[given]
        across, up = (other for other in range(3) if other != axis)
        size = _size(image.shape[across] * spacing[across], image.shape[up] * spacing[up])
        grey, numbers = (np.take(values, at, axis).T[::-1, ::-1] for values in (image, classes))
        panels.append(_panel(grey, numbers, size))
    picture = Image.new("RGB", (sum(panel.width for panel in panels) + GAP * (len(panels) - 1), HEIGHT))
    left = 0
    for panel in panels:
        picture.paste(panel, (left, (HEIGHT - panel.height) // 2))
        left += panel.width + GAP
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=65)
    return file.getvalue()


def _largest(mask: np.ndarray) -> list[int]:
    """For each axis the slice with the largest foreground; the middle one if there is none."""
    areas = [np.zeros(size, np.int64) for size in mask.shape]
    for index, part in enumerate(mask):  # in the order of the memory, and without a copy of all of it
        areas[0][index] = np.count_nonzero(part)
        if areas[0][index]:
            areas[1] += np.count_nonzero(part, axis=1)
            areas[2] += np.count_nonzero(part, axis=0)
    return [int(area.argmax()) if area.any() else len(area) // 2 for area in areas]


def _size(width_mm: float, height_mm: float) -> tuple[int, int]:
    scale = min(HEIGHT / height_mm, WIDEST / width_mm)
    return max(1, round(width_mm * scale)), max(1, round(height_mm * scale))


def _panel(grey: np.ndarray, classes: np.ndarray, size: tuple[int, int]) -> Image.Image:
    low, high = np.percentile(grey, PERCENTILES)
    shades = np.clip((grey.astype(np.float32) - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    pixels = np.array(Image.fromarray(shades).resize(size, Image.Resampling.BILINEAR).convert("RGB"))
    columns = (np.arange(size[0]) + 0.5) * classes.shape[1] / size[0]
    rows = (np.arange(size[1]) + 0.5) * classes.shape[0] / size[1]
    shown = classes[rows.astype(int)][:, columns.astype(int)]
    edge = np.zeros(shown.shape, bool)
    edge[1:] |= shown[1:] != shown[:-1]
    edge[:-1] |= shown[1:] != shown[:-1]
    edge[:, 1:] |= shown[:, 1:] != shown[:, :-1]
    edge[:, :-1] |= shown[:, 1:] != shown[:, :-1]
    edge &= shown > 0
    palette = np.array(COLOURS, np.uint8)
    pixels[edge] = palette[(shown[edge].astype(int) - 1) % len(palette)]
    return Image.fromarray(pixels)

"""A small picture of a mask over its image: three slices, or its only one, in the size of a row of a table."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from monai_mobileunet.data.volume import Volume
from monai_mobileunet.palette import COLOURS
from monai_mobileunet.reports.slices import (
    contrast,
    cut,
    largest_slices,
    shades,
    shown_axes,
    shown_values,
    spacing_ras,
    to_ras,
)

__all__ = ["draw_thumbnail"]

HEIGHT, WIDEST, GAP = 160, 240, 4


def draw_thumbnail(mask: np.ndarray, volume: Volume) -> bytes:
    """A sagittal, a coronal and an axial slice, each where its part of the mask is largest, with contours.

    An image with a single slice is shown by that alone, a picture in its colours.

    The slices are shown in mm, the way up that :mod:`monai_mobileunet.reports.slices` describes.

    Args:
        mask: class numbers ``(H, W, D)``.
        volume: the image; of several channels the first is shown.

    Returns:
        A WebP file.
    """
    image, classes = to_ras(shown_values(volume), volume.affine), to_ras(mask, volume.affine)
    spacing = spacing_ras(volume.affine)
    panels = []
    slices = largest_slices(classes)
    for axis in shown_axes(classes.shape):
        at = slices[axis]
        across, up = (other for other in range(3) if other != axis)
        size = _size(image.shape[across] * spacing[across], image.shape[up] * spacing[up])
        panels.append(_panel(cut(image, axis, at), cut(classes, axis, at), size))
    picture = Image.new("RGB", (sum(panel.width for panel in panels) + GAP * (len(panels) - 1), HEIGHT))
    left = 0
    for panel in panels:
        picture.paste(panel, (left, (HEIGHT - panel.height) // 2))
        left += panel.width + GAP
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=65)
    return file.getvalue()


def _size(width_mm: float, height_mm: float) -> tuple[int, int]:
    scale = min(HEIGHT / height_mm, WIDEST / width_mm)
    return max(1, round(width_mm * scale)), max(1, round(height_mm * scale))


def _panel(seen: np.ndarray, classes: np.ndarray, size: tuple[int, int]) -> Image.Image:
    shown = Image.fromarray(np.ascontiguousarray(shades(seen, *contrast(seen, seen.ndim == 3))))
    pixels = np.array(shown.resize(size, Image.Resampling.BILINEAR).convert("RGB"))
    columns = (np.arange(size[0]) + 0.5) * classes.shape[1] / size[0]
    rows = (np.arange(size[1]) + 0.5) * classes.shape[0] / size[1]
    drawn = classes[rows.astype(int)][:, columns.astype(int)]
    edge = np.zeros(drawn.shape, bool)
    edge[1:] |= drawn[1:] != drawn[:-1]
    edge[:-1] |= drawn[1:] != drawn[:-1]
    edge[:, 1:] |= drawn[:, 1:] != drawn[:, :-1]
    edge[:, :-1] |= drawn[:, 1:] != drawn[:, :-1]
    edge &= drawn > 0
    palette = np.array(COLOURS, np.uint8)
    pixels[edge] = palette[(drawn[edge].astype(int) - 1) % len(palette)]
    return Image.fromarray(pixels)

"""A small picture of a mask over its image: three slices, or its only one, in the size of a row of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_mobileunet.data.volume import Volume
from monai_mobileunet.palette import Colour, colours_of
from monai_mobileunet.reports.drawing import GAP, draw_panels, webp
from monai_mobileunet.reports.slices import lay_out, shown_values, spacing_ras, to_ras

__all__ = ["HEIGHT", "WIDTHS", "draw_thumbnail"]

HEIGHT = 160
"""In pixels of a page; the file has twice as many, for screens that show two for one."""

WIDTHS = {panels: panels * (HEIGHT + GAP) - GAP for panels in (1, 3)}
"""In pixels of a page, by the number of slices that are shown."""

QUALITY, EFFORT = 40, 2


def draw_thumbnail(
    mask: np.ndarray, volume: Volume, colours: Sequence[Colour] = (), reference: np.ndarray | None = None
) -> bytes:
    """A sagittal, a coronal and an axial slice, each where its part of the mask is largest, with contours.

    An image with a single slice is shown by that alone, a picture in its colours.

    The slices are shown in mm, the way up that :mod:`monai_mobileunet.reports.slices` describes.

    Args:
        mask: class numbers ``(H, W, D)``.
        volume: the image; of several channels the first is shown.
        colours: of the classes from 1 on; by default those of the palette.
        reference: class numbers of the reference, drawn as dashed contours.

    Returns:
        A WebP file.
    """
    masks = [mask] if reference is None else [mask, reference]
    image, *masks = (to_ras(values, volume.affine) for values in (shown_values(volume), *masks))
    highest = int(max(one.max() for one in masks))
    colours = colours if len(colours) >= highest else colours_of(highest)
    shown = masks[0] if masks[0].any() else masks[-1]
    panels = lay_out(image, masks, spacing_ras(volume.affine), shown, lettered=not volume.in_pixels)
    return webp(draw_panels(panels, HEIGHT, colours), QUALITY, EFFORT)

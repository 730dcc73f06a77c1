"""Panels drawn beside each other: pixels as they are, contours over them, letters at the edges."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from monai_mobileunet.data.dicom.segments.contours import outlines_of
from monai_mobileunet.palette import Colour
from monai_mobileunet.reports.slices import Panel

__all__ = ["DENSITY", "GAP", "dashes", "draw_panels", "webp"]

DENSITY = 2
"""Pixels of a picture for each pixel of a page: screens of phones, laptops and workstations have two and more."""

GAP = 6
"""Between panels, in pixels of a page."""

WIDTH = 1.5
"""Of a contour, in pixels of a page."""

RIM = 0.6
"""Of a dark line at both sides of a contour over colours, which may be those of the contour, in pixels of a page."""

DASH, PAUSE = 4.0, 3.5
"""Of the reference's contour, in pixels of a page."""

FINER = 2
"""Contours are drawn this many times finer than the picture, and joined to its pixels, so that they have no steps."""

CRISP = 2.0
"""From how many of its pixels for one of the image on a picture shows these as squares, not blurred into each other."""

LETTER, DARK = (235, 235, 235), (0, 0, 0)


def draw_panels(panels: Sequence[Panel], side: int, colours: Sequence[Colour], letter: int = 11) -> Image.Image:
    """Panels beside each other, each in the middle of a square.

    Args:
        panels: from :func:`monai_mobileunet.reports.slices.lay_out`.
        side: of the square, in pixels of a page; the picture has :data:`DENSITY` times as many.
        colours: of the classes from 1 on.
        letter: height of the letters, likewise.
    """
    square, gap = side * DENSITY, GAP * DENSITY
    picture = Image.new("RGB", (len(panels) * (square + gap) - gap, square))
    for number, panel in enumerate(panels):
        drawn = _drawn(panel, square, colours)
        left = number * (square + gap)
        picture.paste(drawn, (left + (square - drawn.width) // 2, (square - drawn.height) // 2))
        _write_letters(ImageDraw.Draw(picture), panel.letters, left, square, letter * DENSITY)
    return picture


def webp(picture: Image.Image, quality: int, effort: int = 4) -> bytes:
    """A picture as a file.

    Args:
        picture: the picture.
        quality: of WebP, to 100.
        effort: of packing, from 0 to 6: 2 takes half the time of 4, for a tenth more bytes.
    """
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=effort)
    return file.getvalue()


def _drawn(panel: Panel, square: int, colours: Sequence[Colour]) -> Image.Image:
    """A panel as large as it fits into a square."""
    scale = square / max(panel.size)
    width, height = (max(1, round(length * scale)) for length in panel.size)
    shown = Image.fromarray(np.ascontiguousarray(panel.pixels)).convert("RGB")
    crisp = min(width / shown.width, height / shown.height) >= CRISP
    shown = shown.resize((width, height), Image.Resampling.NEAREST if crisp else Image.Resampling.BICUBIC)
    if not any(mask.any() for mask in panel.masks):
        return shown
    canvas = shown.resize((width * FINER, height * FINER), Image.Resampling.NEAREST)
    draw, fine = ImageDraw.Draw(canvas), DENSITY * FINER
    zoom = np.array([canvas.width / panel.pixels.shape[1], canvas.height / panel.pixels.shape[0]])
    for value, line in _contours(panel, zoom):
        if panel.pixels.ndim == 3:
            draw.line(line, fill=DARK, width=round((WIDTH + 2 * RIM) * fine), joint="curve")
        draw.line(line, fill=colours[value - 1], width=round(WIDTH * fine), joint="curve")
    return canvas.reduce(FINER)


def _contours(panel: Panel, zoom: np.ndarray) -> Iterator[tuple[int, list[tuple[float, float]]]]:
    """Numbers of classes with lines around them: first the dashes of the reference, and over these the segmentation."""
    dash, pause = DASH * DENSITY * FINER, PAUSE * DENSITY * FINER
    for number, mask in reversed(list(enumerate(panel.masks))):
        for value in np.unique(mask[mask > 0]).tolist():
            for line in outlines_of((mask == value).T):
                points = (np.vstack([line, line[:1]]) + 0.5) * zoom
                for part in dashes(points, dash, pause) if number else [points]:
                    yield value, [(x, y) for x, y in part.tolist()]


def dashes(points: np.ndarray, dash: float, pause: float) -> Iterator[np.ndarray]:
    """A line in pieces.

    Args:
        points: of the line, ``(points, 2)``.
        dash: length of a piece.
        pause: between two of them; it is changed a little so that a line that ends where it begins has no seam.
    """
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    period = lengths[-1] / max(1, round(lengths[-1] / (dash + pause)))
    for start in np.arange(0, lengths[-1] - period / 2, period):
        end = start + period * dash / (dash + pause)
        between = lengths[(lengths > start) & (lengths < end)]
        at = np.concatenate([[start], between, [end]])
        yield np.column_stack([np.interp(at, lengths, points[:, axis]) for axis in range(2)])


def _write_letters(draw: ImageDraw.ImageDraw, letters: Sequence[str], left: int, square: int, size: int) -> None:
    """Letters at the left, the right, the top and the bottom of a square, legible on black and on white."""
    middle, edge = square // 2, max(2, size // 6)
    places = ((edge, middle, "lm"), (square - edge, middle, "rm"), (middle, edge, "mt"), (middle, square - edge, "mb"))
    for letter, (across, down, anchor) in zip(letters, places, strict=False):
        place = (left + across, down)
        draw.text(place, letter, LETTER, _font(size), anchor, stroke_width=max(1, size // 8), stroke_fill=DARK)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)

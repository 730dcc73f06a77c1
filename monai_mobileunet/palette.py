"""The colours of classes, in pictures and in files that viewers draw.

A bundle may have colours of its own, in ``segment_attributes`` of its ``metadata.json``; see
:attr:`monai_mobileunet.bundle.Bundle.colours`. Where it has none, a class has the colour of its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

import numpy as np

__all__ = ["COLOURS", "Colour", "as_hex", "colour_of", "colours_of", "distances"]

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each."""

COLOURS: tuple[Colour, ...] = (
    (0, 225, 255),
    (255, 135, 120),
    (225, 240, 0),
    (225, 45, 165),
    (0, 195, 0),
    (165, 60, 255),
    (255, 225, 135),
    (150, 150, 255),
    (150, 255, 195),
    (90, 135, 45),
)
"""Colours of the classes from 1 on. Those of further classes are computed: each is the one farthest from all before it.

They were searched for so that the two nearest are as far apart as can be, for people who see all colours, who lack red
and who lack green, and so that none is a grey, dark or white, on which they are drawn.
"""

MOST = 512
"""Different colours that there are; the next class has the first one again."""

STEP = 15
"""Between the values of red, green and blue that further colours are chosen from."""

LIGHTNESS, CHROMA = (50.0, 93.0), 42.0
"""Lightest and darkest (L* of CIELAB) of these, and how colourful each is at least."""

DEFICIENT = 2.1
"""How much more a distance counts as people see it who lack red or green: they see all colours nearer to each other."""

TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])
WITHOUT_RED = np.array([[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]])
WITHOUT_GREEN = np.array([[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]])
"""What is seen of linear red, green and blue with protanopia and deuteranopia (Machado, Oliveira, Fernandes 2009)."""


def colour_of(number: int) -> Colour:
    """Red, green and blue of a class, by its number in the mask."""
    if number <= len(COLOURS):
        return COLOURS[number - 1]
    more = _further(min(MOST, 2 ** (number - 1).bit_length()))
    return more[(number - 1) % len(more)]


def colours_of(count: int, own: Mapping[int, Colour] | None = None) -> tuple[Colour, ...]:
    """Colours of the classes 1 to ``count``; those in ``own`` hold, by the numbers of their classes."""
    return tuple((own or {}).get(number) or colour_of(number) for number in range(1, count + 1))


def as_hex(colour: Colour) -> str:
    """A colour as ``#00e1ff``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def distances(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far colours are apart in CIELAB, as all people see them, and as those see them who lack red or green.

    Args:
        one: ``(n, 3)``, 0 to 255.
        other: ``(m, 3)``.

    Returns:
        Twice ``(n, m)``; the latter is the smaller distance of the two.
    """
    seen, *less = (
        np.linalg.norm(ours[:, None] - theirs[None], axis=-1) for ours, theirs in zip(_seen(one), _seen(other))
    )
    return seen, np.minimum(*less)


@cache
def _further(count: int) -> tuple[Colour, ...]:
    """The palette with as many colours as are asked for."""
    steps = np.arange(0, 256, STEP)
    among = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness, *colourful = np.moveaxis(_seen(among)[0], -1, 0)
    among = among[(lightness > LIGHTNESS[0]) & (lightness < LIGHTNESS[1]) & (np.hypot(*colourful) > CHROMA)]
    seen, weights = _seen(among), (1, DEFICIENT, DEFICIENT)

    def apart(colour: Colour) -> np.ndarray:
        sights = zip(seen, _seen(np.array([colour])), weights, strict=True)
        return np.min([weight * np.linalg.norm(ours - theirs, axis=1) for ours, theirs, weight in sights], axis=0)

    colours = list(COLOURS)
    nearest = np.min([apart(colour) for colour in colours], axis=0)
    while len(colours) < count:
        red, green, blue = among[nearest.argmax()].tolist()
        colours.append((red, green, blue))
        nearest = np.minimum(nearest, apart(colours[-1]))
    return tuple(colours)


def _seen(colours: np.ndarray) -> list[np.ndarray]:
    """CIELAB of colours of a screen (sRGB), as all people see them, and as those do who lack red and who lack green."""
    values = np.asarray(colours, float) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return [_lab(np.clip(linear @ sight.T, 0, 1)) for sight in (np.eye(3), WITHOUT_RED, WITHOUT_GREEN)]


def _lab(linear: np.ndarray) -> np.ndarray:
    """CIELAB of linear red, green and blue."""
    xyz = linear @ TO_XYZ.T / WHITE
    part = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(part, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)

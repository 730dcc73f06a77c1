"""The colours of classes, in pictures and in files that viewers draw."""

from __future__ import annotations

__all__ = ["COLOURS", "colour_of"]

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
"""Red, green and blue of the classes in [0, 255], from class 1 on; the eleventh class has the first colour again."""


def colour_of(number: int) -> tuple[int, int, int]:
    """Red, green and blue of a class, by its number in the mask."""
    return COLOURS[(number - 1) % len(COLOURS)]

"""The voxels that contours enclose in a plane: pure arrays, nothing of DICOM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

__all__ = ["Filled", "filled"]

ON_THE_LINE = 0.01
"""Pixels: a centre this near to a contour lies on it; planning systems write hundredths of a mm."""


Box: TypeAlias = tuple[slice, slice]
"""Columns and rows."""


@dataclass(frozen=True)
class Filled:
    """The pixels that polygons enclose.

    Attributes:
        box: what lies outside is empty.
        inside: ``(columns, rows)`` of the box, boolean.
        overlapping: how many polygons reach beyond others that they overlap.
    """

    box: Box
    inside: np.ndarray
    overlapping: int


@dataclass(frozen=True)
class _Part:
    """The pixels of one polygon: its box, those inside it, and columns and rows of those on its line."""

    box: Box
    inside: np.ndarray
    line: tuple[np.ndarray, np.ndarray]


def filled(polygons: Sequence[np.ndarray], shape: tuple[int, int], exclusive: bool = False) -> Filled:
    """The pixels whose centres lie in the polygons of one structure in a plane.

    Each polygon is filled by the even-odd rule, so that a keyhole's hole stays empty whichever way round it was drawn.
    Centres on the contour are inside, as DICOM PS3.3 C.8.8.6.3 says: files whose contours run through the centres of
    the outermost pixels, as those of OpenCV do, give their masks back.

    What several polygons mean, the standard does not say unless they are to be combined by exclusive or. One that lies
    within the others is a hole, or an island in a hole, as most programs write and read it. One that reaches beyond
    them is added to them: a hole cannot, and a second stroke with the brush does. A polygon that is there twice counts
    once.

    Args:
        polygons: corners ``(points, 2)``, columns and rows, where whole numbers are centres of pixels.
        shape: columns and rows.
        exclusive: combine all by exclusive or.
    """
    distinct = polygons if exclusive else list({points.tobytes(): points for points in polygons}.values())
    low, high = _bounds(np.concatenate(distinct), shape)
    parts = [_fill(points - low, tuple((high - low).tolist())) for points in distinct]
    result = np.zeros(high - low, bool)
    covered = result.copy()
    overlapping = 0
    for part in sorted(parts, key=lambda part: -int(part.inside.sum())):
        below = covered[part.box][part.inside]
        overlapping += bool(below.any() and not below.all() and not exclusive)
        if exclusive or below.all():
            result[part.box] ^= part.inside
        else:
            result[part.box] |= part.inside
        covered[part.box] |= part.inside
    for part in parts:
        result[part.line] = True
    return Filled((slice(low[0], high[0]), slice(low[1], high[1])), result, overlapping)


def _bounds(points: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The first columns and rows whose centres points may enclose, and those behind the last."""
    low = np.clip(np.ceil(points.min(axis=0) - ON_THE_LINE), 0, shape).astype(int)
    return low, np.clip(np.floor(points.max(axis=0) + ON_THE_LINE) + 1, low, shape).astype(int)


def _fill(points: np.ndarray, shape: tuple[int, int]) -> _Part:
    """Each row is crossed by edges; from a crossing on, its pixels change sides."""
    low, high = _bounds(points, shape)
    box = (slice(low[0], high[0]), slice(low[1], high[1]))
    width, height = (high - low).tolist()
    starts, ends = points - low, np.roll(points, -1, axis=0) - low
    rows, columns = _crossings(starts[:, ::-1], ends[:, ::-1], height)
    first = np.clip(np.ceil(columns), 0, width).astype(int)
    changes = np.bincount(rows * (width + 1) + first, minlength=height * (width + 1)).reshape(height, width + 1)
    inside = (np.cumsum(changes[:, :width], axis=1) & 1).astype(bool).T
    steep = np.abs(ends - starts)[:, 1] >= np.abs(ends - starts)[:, 0]
    return _Part(box, inside, _on_the_line(starts, ends, steep, low, high))


def _crossings(starts: np.ndarray, ends: np.ndarray, size: int, margin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Where edges meet lines with a whole first coordinate.

    Args:
        starts, ends: of the edges, ``(edges, 2)``.
        size: the lines are those from 0 on and below it.
        margin: by which edges are longer at both ends; without one, lines meet the lower ends of edges and not the
            upper ones, so that a corner counts once.

    Returns:
        For each meeting the number of the line, and the second coordinate.
    """
    low, high = np.minimum(starts[:, 0], ends[:, 0]), np.maximum(starts[:, 0], ends[:, 0])
    first = np.clip(np.ceil(low - margin), 0, size).astype(int)
    stop = np.floor(high + margin) + 1 if margin else np.ceil(high)
    count = np.maximum(np.clip(stop, 0, size).astype(int) - first, 0)
    edge = np.repeat(np.arange(len(count)), count)
    lines = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    length = (ends - starts)[:, 0]
    slope = np.divide((ends - starts)[:, 1], length, out=np.zeros(len(length)), where=length != 0)
    along = np.clip(lines, low[edge], high[edge]) - starts[edge, 0]
    return lines, starts[edge, 1] + along * slope[edge]


def _on_the_line(
    starts: np.ndarray, ends: np.ndarray, steep: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of pixels whose centres lie on edges, looked for row by row in those that are steep."""
    found = []
    for edges, turned in ((steep, True), (~steep, False)):
        order = slice(None, None, -1 if turned else 1)
        size = (high - low)[order]
        lines, across = _crossings(starts[edges][:, order], ends[edges][:, order], int(size[0]), ON_THE_LINE)
        nearest = np.rint(across)
        near = (np.abs(across - nearest) <= ON_THE_LINE) & (nearest >= 0) & (nearest < size[1])
        found.append(np.column_stack([lines[near], nearest[near].astype(int)])[:, order])
    columns, rows = (np.concatenate(found) + low).T
    return columns, rows

"""Windows in a slice: where they lie, and how their scores become those of the slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from monai.data.utils import compute_importance_map, dense_patch_slices

from monai_mobileunet.slicing import pad_slices

__all__ = ["Padding", "Window", "blend_windows", "plan_windows"]

Span = slice


@dataclass(frozen=True)
class Window:
    """A window and its part in the scores of the slice.

    Attributes:
        rows: where it lies in the slice.
        columns: likewise.
        weights: ``(H', W')``, its share at every pixel; those of all windows add up to 1.
        alone: rows and columns (counted in the window) of the part that no other window covers.
    """

    rows: Span
    columns: Span
    weights: torch.Tensor
    alone: tuple[Span, Span]


@dataclass(frozen=True)
class Padding:
    """What makes a slice as large as a window, on both sides as :func:`monai.inferers.sliding_window_inference` does.

    Attributes:
        size: ``(H, W)`` of the slices.
        window: ``(H', W')``; an axis that is shorter is padded to it.
        mode: of :func:`torch.nn.functional.pad`.
        value: what ``"constant"`` pads with.
    """

    size: tuple[int, int]
    window: tuple[int, int]
    mode: str = "constant"
    value: float = 0.0

    @property
    def padded(self) -> tuple[int, int]:
        """``(H, W)`` of the padded slices."""
        rows, columns = (max(length, window) for length, window in zip(self.size, self.window, strict=True))
        return rows, columns

    def pad(self, slices: torch.Tensor) -> torch.Tensor:
        """``(N, C, H, W)`` slices padded."""
        return pad_slices(slices, self.window, self.mode, self.value)

    def crop(self, scores: torch.Tensor) -> torch.Tensor:
        """``(..., H, W)`` scores of padded slices, or of any other resolution, without what was padded."""
        for axis, (padded, length) in enumerate(zip(self.padded, self.size, strict=True), -2):
            if padded > length:
                zoom, start = scores.shape[axis] / padded, (padded - length) // 2
                first, last = round(start * zoom), round((start + length) * zoom)
                scores = scores.narrow(axis, first, last - first)
        return scores


def plan_windows(
    size: Sequence[int],
    window: Sequence[int],
    overlap: Sequence[float],
    mode: str,
    sigma_scale: Sequence[float] | float,
    device: torch.device | str = "cpu",
) -> list[Window]:
    """Lay windows over a slice as :func:`monai.inferers.sliding_window_inference` does.

    Args:
        size: of the slice.
        window: of every window, at most ``size``.
        overlap: share of a window that overlaps with the next, per axis.
        mode: ``"constant"`` or ``"gaussian"``.
        sigma_scale: width of the Gaussian relative to the window.
        device: of the weights.
    """
    steps = [max(int(w * (1 - o)), 1) for w, o in zip(window, overlap, strict=True)]
    places = dense_patch_slices(size, window, steps, return_slice=True)
    importance = compute_importance_map(tuple(window), mode, sigma_scale, device)
    total = torch.zeros(tuple(size), device=device)
    covered = [torch.zeros(length, dtype=torch.int64) for length in size]
    for axis, count in enumerate(covered):
        for start in {place[axis].start for place in places}:
            count[start : start + window[axis]] += 1
    for place in places:
        total[place] += importance

    def alone(axis: int, span: Span) -> Span:
        (positions,) = torch.nonzero(covered[axis][span] == 1, as_tuple=True)
        return slice(int(positions[0]), int(positions[-1]) + 1) if len(positions) else slice(0, 0)

    return [
        Window(rows, columns, importance / total[rows, columns], (alone(0, rows), alone(1, columns)))
        for rows, columns in places
    ]


def blend_windows(scores: torch.Tensor, windows: Sequence[Window], size: Sequence[int]) -> torch.Tensor:
    """Put the windows' scores together: copied where a window is alone, weighted where several overlap.

    Args:
        scores: ``(len(windows) * N, classes, ..., H', W')``, all slices of the first window first. Of another size
            than the windows they give scores of a size that differs from the slice's in the same ratio.
        windows: from :func:`plan_windows`.
        size: ``(H, W)`` of the slice.

    Returns:
        ``(N, classes, ..., H, W)``.
    """
    if scores.shape[-2:] != windows[0].weights.shape:
        windows, size = _zoomed(windows, size, scores.shape[-2:])
    parts = scores.unflatten(0, (len(windows), -1))
    blended = scores.new_zeros(*parts.shape[1:-2], *size)
    for part, window in zip(parts, windows, strict=True):
        target = blended[..., window.rows, window.columns]
        rows, columns = window.alone
        target[..., rows, columns] = part[..., rows, columns]
        weights = window.weights.to(scores.dtype)
        for edge in _edges(rows, columns):
            target[(..., *edge)].addcmul_(part[(..., *edge)], weights[edge])
    return blended


def _zoomed(
    windows: Sequence[Window], size: Sequence[int], window: Sequence[int]
) -> tuple[list[Window], Sequence[int]]:
    """The windows and the size of the slice for scores ``(H', W')`` of another resolution than the slices."""
    zooms = [new / old for new, old in zip(window, windows[0].weights.shape, strict=True)]
    size = [int(length * zoom) for length, zoom in zip(size, zooms, strict=True)]
    total = windows[0].weights.new_zeros(size)
    moved = []
    for one in windows:
        starts = [int(span.start * zoom) for span, zoom in zip((one.rows, one.columns), zooms, strict=True)]
        rows, columns = (slice(start, start + length) for start, length in zip(starts, window, strict=True))
        weights = F.interpolate(one.weights[None, None], tuple(window), mode="nearest-exact")[0, 0]
        total[rows, columns] += weights
        moved.append((rows, columns, weights))
    nowhere = (slice(0, 0), slice(0, 0))
    return [Window(rows, columns, weights / total[rows, columns], nowhere) for rows, columns, weights in moved], size


def _edges(rows: Span, columns: Span) -> list[tuple[Span, Span]]:
    """The four strips of a window around a rectangle in it, which may be empty."""
    whole = slice(None)
    return [
        (slice(None, rows.start), whole),
        (slice(rows.stop, None), whole),
        (rows, slice(None, columns.start)),
        (rows, slice(columns.stop, None)),
    ]

"""Windows in a slice: where they lie, and how their scores become those of the slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from monai.data.utils import compute_importance_map, dense_patch_slices

__all__ = ["Window", "blend_windows", "plan_windows"]

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
        scores: ``(len(windows) * N, classes, ..., H', W')``, all slices of the first window first.
        windows: from :func:`plan_windows`.
        size: ``(H, W)`` of the slice.

    Returns:
        ``(N, classes, ..., H, W)``.
    """
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


def _edges(rows: Span, columns: Span) -> list[tuple[Span, Span]]:
    """The four strips of a window around a rectangle in it, which may be empty."""
    whole = slice(None)
    return [
        (slice(None, rows.start), whole),
        (slice(rows.stop, None), whole),
        (rows, slice(None, columns.start)),
        (rows, slice(columns.stop, None)),
    ]

"""Slices of a volume: the one definition of planes and of 2.5D context that training and inference share.

Volumes are ``(C, H, W, D)``. After reorientation to RAS the three spatial axes are left-right,
posterior-anterior and inferior-superior; the slices across them are sagittal, coronal and axial.
"""

from __future__ import annotations

import torch

__all__ = ["PLANES", "slice_channels", "take_slices"]

PLANES: dict[str, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
"""The spatial axis that the slices of a plane are stacked along, in a volume with RAS axes."""


def slice_channels(in_channels: int, context: int) -> int:
    """Channels of a slice with ``context`` neighbours on each side: ``in_channels * (2 * context + 1)``."""
    return in_channels * (2 * context + 1)


def take_slices(volume: torch.Tensor, indices: torch.Tensor, spatial_dim: int, context: int = 0) -> torch.Tensor:
    """Cut slices out of a volume, each with its neighbours as channels.

    Beyond the first and the last slice the edge is repeated, so every slice has its full context.

    Args:
        volume: ``(C, H, W, D)``.
        indices: ``(N,)`` integers, the slices to cut.
        spatial_dim: the spatial axis (0, 1 or 2) across which to cut.
        context: neighbours on each side of a slice.

    Returns:
        ``(N, C * (2 * context + 1), H', W')``: the channels of the lowest neighbour first, then those of the
        next, and so on; ``H', W'`` are the two other axes in their order.
    """
    stack = volume.movedim(spatial_dim + 1, 0)
    offsets = torch.arange(-context, context + 1, device=indices.device)
    neighbours = (indices[:, None] + offsets).clamp(0, stack.shape[0] - 1)
    return stack[neighbours.to(stack.device)].flatten(1, 2)

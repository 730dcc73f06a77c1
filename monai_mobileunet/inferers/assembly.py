"""Slices put together to a volume."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from monai_mobileunet.slicing import slice_axes

__all__ = ["assemble_volume"]


def assemble_volume(
    slabs: Iterator[tuple[tuple[int, slice], torch.Tensor]],
    plane: int | str,
    shape: torch.Size,
    dtype: torch.dtype,
    device: torch.device | str,
) -> torch.Tensor:
    """Write slabs ``(n, channels, rows, columns)`` into a volume ``(B, channels, H, W, D)``.

    Its memory stays slice by slice: a movement of axes costs nothing, a copy as much as a small network.
    """
    axes = slice_axes(plane)
    depth, *size = (shape[axis + 2] for axis in axes)
    out = torch.empty(0)
    for index, ((b, span), slab) in enumerate(slabs):
        if index == 0:  # the network tells how many classes there are
            out = torch.empty(shape[0], depth, slab.shape[1], *size, dtype=dtype, device=device)
        if slab.dtype == torch.uint8 and out.device == slab.device == torch.device("cpu"):
            out.numpy()[b, span] = slab.numpy()  # not in parallel, for the reason that labels_of_scores gives
        else:
            out[b, span] = slab
    slice_dims = (1, 3, 4)
    return out.permute(0, 2, *(slice_dims[axes.index(axis)] for axis in range(3)))

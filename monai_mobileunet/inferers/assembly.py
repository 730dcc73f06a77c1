"""Slices put together to volumes."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from monai_mobileunet.slicing import slice_axes

__all__ = ["assemble_volumes"]


def assemble_volumes(
    slabs: Iterator[tuple[tuple[int, slice], tuple[torch.Tensor, ...]]],
    plane: int | str,
    shape: torch.Size,
    dtype: torch.dtype,
    device: torch.device | str,
) -> tuple[torch.Tensor, ...]:
    """Write slabs ``(n, channels, rows, columns)`` into a volume ``(B, channels, H, W, D)`` for each of the outputs.

    Its memory stays slice by slice: a movement of axes costs nothing, a copy as much as a small network.

    Args:
        slabs: item of the batch and slices, and what belongs there: a tensor for each output of the network.
        plane: that the slices were cut in.
        shape: ``(B, C, H, W, D)`` of the inputs. Slices of other rows and columns give a volume of these.
        dtype: of the volumes.
        device: of the volumes.
    """
    axes = slice_axes(plane)
    depth = shape[axes[0] + 2]
    volumes: list[torch.Tensor] = []
    for index, ((b, span), tensors) in enumerate(slabs):
        if index == 0:  # the network tells how many outputs and classes there are
            sizes = [(shape[0], depth, *slab.shape[1:]) for slab in tensors]
            volumes = [torch.empty(size, dtype=dtype, device=device) for size in sizes]
        for volume, slab in zip(volumes, tensors, strict=True):
            if slab.dtype == torch.uint8 and volume.device == slab.device == torch.device("cpu"):
                volume.numpy()[b, span] = slab.numpy()  # not in parallel, for the reason that labels_of_scores gives
            else:
                volume[b, span] = slab
    slice_dims = (1, 3, 4)
    places = [slice_dims[axes.index(axis)] for axis in range(3)]
    return tuple(volume.permute(0, 2, *places) for volume in volumes)

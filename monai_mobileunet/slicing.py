"""Slices of a volume: the one definition of planes and of 2.5D context that training and inference share.

Volumes are ``(C, H, W, D)``. After reorientation to RAS the three spatial axes run from left to right, from
posterior to anterior and from inferior to superior; the slices across them are sagittal, coronal and axial.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

__all__ = ["PLANES", "gather_slab", "pad_slices", "slice_axes", "take_slices", "with_context"]

Axes = tuple[int, int, int]

PLANES: dict[str, Axes] = {
    "sagittal": (0, 1, 2),
    "coronal": (1, 0, 2),
    "axial": (2, 1, 0),
}
"""Plane → axis that its slices are stacked along, axis of their rows, axis of their columns.

In a volume with RAS axes the rows of sagittal and of axial slices both run from posterior to anterior, so that
one network can learn both planes with one notion of front and back.
"""


def slice_axes(spatial_dim: int | str) -> Axes:
    """Axes of the stack, the rows and the columns of slices.

    Args:
        spatial_dim: an axis (0, 1 or 2), whose slices keep the two other axes in their order, as MONAI's
            SliceInferer cuts them; or a plane's name, whose slices lie as :data:`PLANES` says.

    Raises:
        ValueError: neither.
    """
    if isinstance(spatial_dim, str) and spatial_dim in PLANES:
        return PLANES[spatial_dim]
    if spatial_dim in (0, 1, 2):
        rows, columns = (axis for axis in range(3) if axis != spatial_dim)
        return int(spatial_dim), rows, columns
    raise ValueError(f"spatial_dim is {spatial_dim!r}; expected one of [0, 1, 2] or {list(PLANES)}.")


def take_slices(volume: torch.Tensor, indices: torch.Tensor, spatial_dim: int | str, context: int = 0) -> torch.Tensor:
    """Cut slices out of a volume, each with its neighbours as channels.

    Beyond the first and the last slice the edge is repeated, so every slice has its full context.

    Args:
        volume: ``(C, H, W, D)``.
        indices: ``(N,)`` integers, the slices to cut.
        spatial_dim: across which axis or in which plane; see :func:`slice_axes`.
        context: neighbours on each side of a slice.

    Returns:
        ``(N, C * (2 * context + 1), rows, columns)``: the channels of the lowest neighbour first, then those of
        the next, and so on.
    """
    stack, rows, columns = slice_axes(spatial_dim)
    slices = volume.permute(stack + 1, 0, rows + 1, columns + 1)
    offsets = torch.arange(-context, context + 1, device=indices.device)
    neighbours = (indices[:, None] + offsets).clamp(0, slices.shape[0] - 1)
    return slices[neighbours.to(slices.device)].flatten(1, 2)


def gather_slab(volume: torch.Tensor, start: int, stop: int, spatial_dim: int | str, context: int = 0) -> torch.Tensor:
    """Bring consecutive slices and the neighbours that they need together in memory, for :func:`with_context`.

    Args:
        volume: ``(C, H, W, D)``.
        start: first slice.
        stop: the slice after the last, at most as many as there are.
        spatial_dim: across which axis or in which plane; see :func:`slice_axes`.
        context: neighbours on each side of a slice; beyond the volume the edge is repeated.

    Returns:
        ``(stop - start + 2 * context, C, rows, columns)``, contiguous; a view of the volume where its memory
        lies like that already.
    """
    stack, rows, columns = slice_axes(spatial_dim)
    slices = volume.permute(stack + 1, 0, rows + 1, columns + 1)
    below, above = max(context - start, 0), max(stop + context - len(slices), 0)
    slab = slices[max(start - context, 0) : stop + context]
    if below or above:
        slab = torch.cat([slab[:1].expand(below, -1, -1, -1), slab, slab[-1:].expand(above, -1, -1, -1)])
    return slab.contiguous()


def with_context(slab: torch.Tensor, context: int, mirrored: bool = False) -> torch.Tensor:
    """Slices with their neighbours as channels, in the order of :func:`take_slices`.

    Neighbouring slices share their memory: the result is a view, not to be written to, unless it is mirrored.

    Args:
        slab: ``(n + 2 * context, C, rows, columns)`` from :func:`gather_slab`.
        context: neighbours on each side of a slice.
        mirrored: the neighbours in reversed order, as in a volume mirrored along the axis of the stack.

    Returns:
        ``(n, C * (2 * context + 1), rows, columns)``.
    """
    neighbours = slab.unfold(0, 2 * context + 1, 1).movedim(-1, 1)
    return (neighbours.flip(1) if mirrored else neighbours).flatten(1, 2)


def pad_slices(slices: torch.Tensor, size: Sequence[int], mode: str = "replicate", value: float = 0.0) -> torch.Tensor:
    """Slices made as large as a window, on both sides as :func:`monai.inferers.sliding_window_inference` does.

    Args:
        slices: ``(N, C, rows, columns)``.
        size: ``(rows, columns)``; an axis that is shorter is padded to it.
        mode: of :func:`torch.nn.functional.pad`.
        value: what ``"constant"`` pads with.
    """
    missing = [max(length - old, 0) for length, old in zip(size, slices.shape[-2:], strict=True)]
    if not any(missing):
        return slices
    widths = [width for both in missing[::-1] for width in (both // 2, both - both // 2)]
    if mode == "constant":
        return F.pad(slices, widths, mode, value)
    values = slices if slices.is_floating_point() else slices.float()  # torch repeats no whole numbers
    return F.pad(values, widths, mode).to(slices.dtype)

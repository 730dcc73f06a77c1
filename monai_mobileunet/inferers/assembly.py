"""From the scores of slices to volumes: means of overlapping groups, labels, and their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from monai.data.utils import dense_patch_slices

from monai_mobileunet.slicing import slice_axes

__all__ = ["GroupMean", "assemble_volumes", "labels_of_outputs", "labels_of_scores", "plan_groups"]


def plan_groups(depth: int, size: int, step: int) -> list[int]:
    """First slices of the groups that cover a stack, laid as MONAI lays windows: the last one ends with the stack.

    Args:
        depth: slices of the stack.
        size: slices in a group; a stack of fewer is covered by one group that goes beyond its end.
        step: slices from one group to the next, at most ``size``.
    """
    if depth <= size:
        return [0]
    return [place.start for (place,) in dense_patch_slices((depth,), (size,), (step,), return_slice=True)]


class GroupMean:
    """Scores of slices as means over all groups that have them, handed out as soon as no other group will come.

    Args:
        depth: slices of the stack.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._first = 0  # of the slices that are not handed out yet
        self._total = self._count = torch.empty(0)

    def add(self, starts: Sequence[int], scores: torch.Tensor, following: int | None) -> tuple[slice, torch.Tensor]:
        """Take the scores of groups, and give those of the slices that are complete.

        Args:
            starts: first slices of the groups, ascending, from call to call too.
            scores: ``(len(starts), classes, size, rows, columns)``.
            following: first slice of the group that comes next; ``None`` after the last.

        Returns:
            Consecutive slices, each of the stack's once over all calls, and their scores ``(n, classes, rows,
            columns)``.
        """
        size = scores.shape[2]
        self._make_room(starts[-1] + size - self._first, scores)
        for start, group in zip(starts, scores.movedim(2, 1)):
            place = slice(start - self._first, start - self._first + size)
            self._total[place] += group
            self._count[place] += 1
        stop = self.depth if following is None else following
        done = stop - self._first
        mean = self._total[:done] / self._count[:done]
        self._total, self._count = self._total[done:], self._count[done:]
        place, self._first = slice(self._first, stop), stop
        return place, mean

    def _make_room(self, slices: int, scores: torch.Tensor) -> None:
        missing = slices - len(self._total)
        total = scores.new_zeros(missing, scores.shape[1], *scores.shape[3:])
        count = scores.new_zeros(missing, 1, 1, 1)
        self._total = torch.cat([self._total, total]) if len(self._total) else total
        self._count = torch.cat([self._count, count]) if len(self._count) else count


def labels_of_scores(scores: torch.Tensor) -> torch.Tensor:
    """Index of the highest score, the lowest of equal ones.

    What :func:`torch.argmax` gives, in a byte per pixel: on a CPU torch.argmax over the channels takes a hundred
    times as long as these comparisons, and ``scores.max(dim=1)`` several times. There it is done with NumPy: after
    a parallel operator torch's threads spin for a while, and take the cores from a runtime with threads of its own
    (a tenth of the whole time with OpenVINO on two cores).

    Args:
        scores: ``(N, classes, ...)``.

    Returns:
        ``(N, 1, ...)`` ``uint8``.

    Raises:
        ValueError: more than 256 classes.
    """
    classes = scores.shape[1]
    if classes > 256:
        raise ValueError(f"there are {classes} classes; labels of one byte have room for 256. Set argmax=False.")
    in_numpy = scores.device.type == "cpu" and scores.dtype != torch.bfloat16
    values: Any = scores.detach().numpy() if in_numpy else scores
    maximum, uint8 = (np.maximum, np.uint8) if in_numpy else (torch.maximum, torch.uint8)
    highest = values[:, :1]
    labels = (values[:, 1:2] > highest).view(uint8) if classes > 1 else (highest != highest).view(uint8)
    for label in range(2, classes):
        highest = maximum(highest, values[:, label - 1 : label])
        higher = (values[:, label : label + 1] > highest).view(uint8)
        higher *= label
        labels = maximum(labels, higher)
    return torch.from_numpy(labels) if in_numpy else labels


def labels_of_outputs(outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Labels for each of several outputs of scores; see :func:`labels_of_scores`.

    Raises:
        ValueError: an output with a single channel, of which every label would be 0, or with more than 256 classes.
    """
    if any(scores.shape[1] == 1 for scores in outputs):
        raise ValueError(
            "the network gives scores of one channel, and labels made of them (argmax=True) are all 0; expected a "
            "channel for each class, the background included. Set argmax=False and use a threshold."
        )
    return tuple(map(labels_of_scores, outputs))


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

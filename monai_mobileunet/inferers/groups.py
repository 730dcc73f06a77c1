"""Groups of slices that a network predicts at once: where they lie, and how their scores become those of slices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.data.utils import dense_patch_slices

__all__ = ["GroupMean", "plan_groups"]


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

"""Dice and cross entropy of labels that do not say everything, and of regions that are unions of classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.losses import DiceLoss
from torch import nn

from monai_mobileunet.annotation import known_regions, possible_classes, region_members

__all__ = ["PartialDiceCELoss"]


class PartialDiceCELoss(nn.Module):
    """:class:`monai.losses.DiceCELoss` of a batch in which not every voxel's class is known.

    A voxel of which nothing is known counts for nothing: its scores have a gradient of exactly 0. Where a class was not
    annotated, a voxel without a label may be of it or be background: its cross entropy is that of either, and that
    class's Dice leaves it out. That is the marginal loss of Shi et al., Medical Image Analysis 70 (2021), 101979
    (https://arxiv.org/abs/2007.03868). Where everything is known, it equals
    ``DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)``.

    Where regions are given, the Dice is that of these, as nnU-Net's is for BraTS: the probability of a region is the
    sum of those of its classes. The cross entropy stays that of the classes, so that they stay disjoint. Whether a
    voxel is in a region is known where all that it may be is inside, or all is outside. Regions of one class each are
    the same as none.

    Of MONAI's losses (1.6.1) ``DiceLoss`` has ``ignore_index`` and ``DiceCELoss`` has not. It masks a voxel for all
    classes at once, and torch's cross entropy of a batch without any known voxel is NaN; hence the masks here.

    Args:
        num_classes: classes with the background.
        labelled: for each kind of case in which only some classes were annotated, the numbers of these, as in
            :func:`monai_mobileunet.annotation.possible_classes`.
        regions: numbers of the classes that each region is made of; by default each class is a region of its own.

    Raises:
        ValueError: a number that is no class of the foreground, or a region of nothing.
    """

    def __init__(
        self, num_classes: int, labelled: Sequence[Sequence[int]] = (), regions: Sequence[Sequence[int]] = ()
    ) -> None:
        super().__init__()
        self.possible = possible_classes(num_classes, labelled)
        self.regions = [list(numbers) for numbers in regions or [[number] for number in range(1, num_classes)]]
        self.members = region_members(self.regions, num_classes)
        self.dice = DiceLoss(batch=True)

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The loss.

        Args:
            input: scores before the softmax, ``(B, classes, …)``.
            target: a prepared label, ``(B, 1, …)``; see :mod:`monai_mobileunet.annotation`.

        Raises:
            ValueError: the shapes do not fit.
        """
        expected = (len(input), 1, *input.shape[2:])
        if target.shape != expected or input.shape[1] != self.possible.shape[1]:
            raise ValueError(
                f"input has shape {tuple(input.shape)}, target {tuple(target.shape)}; expected "
                f"(B, {self.possible.shape[1]}, …) and {expected}."
            )
        possible = self.possible.to(input.device)
        members = self.members.to(input.device)
        truth, known = (part.movedim(-1, 1) for part in known_regions(target[:, 0], possible, members))
        chances = input.softmax(1)
        shares = torch.stack([_sum([chances[:, number] for number in numbers]) for numbers in self.regions], 1)
        dice: torch.Tensor = self.dice(shares * known, truth.to(input.dtype))
        return dice + self._cross_entropy(input, possible[target[:, 0].long()].movedim(-1, 1))

    @staticmethod
    def _cross_entropy(scores: torch.Tensor, may_be: torch.Tensor) -> torch.Tensor:
        """Of the probability that a voxel is of any of the classes that it may be of, over the voxels with others."""
        decided = ~may_be.all(1)
        lacking = scores.logsumexp(1) - scores.masked_fill(~may_be, -torch.inf).logsumexp(1)
        return (lacking * decided).sum() / decided.sum().clamp(min=1)


def _sum(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Of tensors of one shape; one alone is that one, without rounding."""
    return torch.stack(list(parts)).sum(0) if len(parts) > 1 else parts[0]

"""How far an exported network is from the one in torch, on real slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from monai_mobileunet.runtimes.formats import Limits

__all__ = ["Parity", "compare_masks"]


@dataclass(frozen=True)
class Parity:
    """What :func:`compare_masks` found.

    Attributes:
        slices: how many were compared.
        largest_difference: between two scores.
        largest_score: absolute, in torch.
        voxels: how many were compared.
        changed_voxels: how many have another label.
        dice: between the two masks, for every class but the background; ``None`` for a class in neither.
    """

    slices: int
    largest_difference: float
    largest_score: float
    voxels: int
    changed_voxels: int
    dice: tuple[float | None, ...]

    @property
    def smallest_dice(self) -> float:
        """Of all classes that occur; 1 where none does and nothing changed."""
        return min((value for value in self.dice if value is not None), default=1.0 - (self.changed_voxels > 0))

    def exceeds(self, limits: Limits) -> str | None:
        """What is beyond the limits, in words; ``None`` if nothing is."""
        relative = self.largest_difference / max(self.largest_score, 1e-12)
        if not relative <= limits.difference:
            return f"scores differ by {relative:.2g} of the largest score, {limits.difference:.2g} is allowed"
        if not self.smallest_dice >= limits.dice:
            return f"Dice to the masks of torch is {self.smallest_dice:.4f}, {limits.dice:g} is needed"
        return None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "dice": list(self.dice)}


@torch.no_grad()
def compare_masks(
    references: Sequence[torch.Tensor],
    exported: Callable[[torch.Tensor], torch.Tensor],
    batches: Sequence[torch.Tensor],
) -> Parity:
    """Compare scores and masks over batches of slices.

    Args:
        references: the scores ``(N, classes, H, W)`` that torch gave for each batch.
        exported: what is to be compared with it.
        batches: ``(N, C, H, W)``, as the network gets them; at least one.
    """
    difference = largest = 0.0
    changed = voxels = 0
    classes = references[0].shape[1]
    both, total = torch.zeros(2, classes, dtype=torch.int64)
    for reference, batch in zip(references, batches, strict=True):
        scores = exported(batch)
        difference = max(difference, float((reference - scores).abs().nan_to_num(torch.inf).max()))
        largest = max(largest, float(reference.abs().max()))
        masks = [values.max(dim=1).indices for values in (reference, scores)]
        changed += int((masks[0] != masks[1]).sum())
        voxels += masks[0].numel()
        agreed = masks[0][masks[0] == masks[1]]
        counts = [torch.bincount(mask.flatten(), minlength=classes) for mask in (*masks, agreed)]
        both += counts[2]
        total += counts[0] + counts[1]
    dice = tuple(2 * b / t if t else None for b, t in zip(both[1:].tolist(), total[1:].tolist(), strict=True))
    return Parity(sum(map(len, batches)), difference, largest, voxels, changed, dice)

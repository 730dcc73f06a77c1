import math

import torch

from monai_mobileunet.runtimes.formats import Limits
from monai_mobileunet.runtimes.parity import compare_masks

EXACT = Limits(difference=1e-3, dice=0.999)


def scores_of(labels: torch.Tensor, classes: int = 4) -> torch.Tensor:
    return torch.nn.functional.one_hot(labels, classes).movedim(-1, 1).float()


def compare(labels, others):
    """Each a batch of one slice."""
    references = [scores_of(torch.tensor([rows])) for rows in labels]
    exported = iter([scores_of(torch.tensor([rows])) for rows in others])
    return compare_masks(references, lambda batch: next(exported), references)


def test_equal_masks():
    parity = compare([[[0, 1, 2]], [[1, 1, 0]]], [[[0, 1, 2]], [[1, 1, 0]]])
    assert (parity.slices, parity.voxels, parity.changed_voxels, parity.largest_difference) == (2, 6, 0, 0)
    assert parity.dice == (1.0, 1.0, None), "a class in neither has no Dice"
    assert parity.exceeds(EXACT) is None


def test_dice_is_over_all_slices_and_per_class():
    parity = compare([[[1, 1, 1, 2]], [[1, 2, 0, 0]]], [[[1, 1, 2, 2]], [[1, 2, 0, 3]]])
    assert parity.changed_voxels == 2
    assert parity.dice == (2 * 3 / (4 + 3), 2 * 2 / (2 + 3), 0.0)
    assert parity.smallest_dice == 0
    assert "Dice" in parity.exceeds(Limits(difference=math.inf, dice=0.99))


def test_scores_that_differ_too_much_are_named_before_masks():
    references = [scores_of(torch.ones(1, 2, 2).long())]
    parity = compare_masks(references, lambda batch: batch * 1.01, references)
    assert parity.changed_voxels == 0
    assert "scores differ by 0.01" in parity.exceeds(EXACT)


def test_not_a_number_is_a_difference():
    references = [scores_of(torch.ones(1, 2, 2).long())]
    parity = compare_masks(references, lambda batch: batch * math.nan, references)
    assert parity.exceeds(EXACT) is not None

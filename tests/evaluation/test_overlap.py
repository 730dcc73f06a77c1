import math

import pytest
import torch

from monai_mobileunet.evaluation import dice_per_class


def test_dice_of_each_foreground_class():
    label = torch.tensor([0, 1, 1, 2, 2, 2])
    pred = torch.tensor([0, 1, 0, 2, 2, 1])
    assert dice_per_class(pred, label, 3) == pytest.approx([0.5, 0.8])


def test_a_class_that_the_reference_lacks_has_no_dice():
    values = dice_per_class(torch.tensor([1, 2]), torch.tensor([1, 1]), 3)
    assert values[0] == pytest.approx(2 / 3)
    assert math.isnan(values[1])


def test_volumes_on_different_grids_are_refused():
    with pytest.raises(ValueError, match="must lie on one grid"):
        dice_per_class(torch.zeros(2), torch.zeros(3), 2)

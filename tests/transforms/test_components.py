from __future__ import annotations

import torch
from monai.data import MetaTensor

from monai_mobileunet.transforms import KeepLargestComponentsd


def labels() -> torch.Tensor:
    """Two pieces of class 1, two of class 2, one of class 3; the larger ones first."""
    label = torch.zeros(1, 12, 8, 6, dtype=torch.uint8)
    label[0, :3, :3, :3] = 1
    label[0, 6:8, :2, :2] = 1
    label[0, :3, 5:, :4] = 2
    label[0, 9:, 5:, :2] = 2
    label[0, 11, 0, 5] = 3
    return label


def test_of_each_class_the_largest_piece_stays():
    before = labels()
    after = KeepLargestComponentsd("pred", [1, 2, 3, 4])({"pred": before})["pred"]
    expected = before.clone()
    expected[0, 6:8] = 0
    expected[0, 9:, 5:] = 0
    assert torch.equal(after, expected)
    assert torch.equal(before, labels()), "the item that was given stays as it was"


def test_other_classes_stay_and_so_does_the_metadata():
    given = MetaTensor(labels(), affine=torch.diag(torch.tensor([2.0, 2, 3, 1])))
    after = KeepLargestComponentsd("pred", [1])({"pred": given})["pred"]
    assert (after == 1).sum() == 27
    assert (after == 2).sum() == (given == 2).sum()
    assert torch.equal(after.affine, given.affine)


def test_pieces_that_touch_at_a_corner_are_one():
    label = torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
    label[0, :2, :2, :2] = 1
    label[0, 2:, 2:, 2:] = 1
    assert torch.equal(KeepLargestComponentsd("pred", [1])({"pred": label})["pred"], label)


def test_a_volume_without_any_class_stays_empty():
    empty = torch.zeros(1, 3, 3, 3, dtype=torch.uint8)
    assert torch.equal(KeepLargestComponentsd("pred", [1])({"pred": empty})["pred"], empty)

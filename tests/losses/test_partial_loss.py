"""The loss of labels that do not say everything, against MONAI's of those that do."""

from __future__ import annotations

import pytest
import torch
from monai.losses import DiceCELoss, DiceLoss
from torch.nn import functional as F

from monai_mobileunet.losses import PartialDiceCELoss

CLASSES, UNKNOWN, NOT_ONE = 4, 4, 5
"""A voxel of ``NOT_ONE`` is of no class that was annotated, and that was class 1 alone."""


@pytest.fixture
def scores() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(3, CLASSES, 3, 6, 5).requires_grad_()


@pytest.fixture
def label() -> torch.Tensor:
    """Class numbers of several slices at once, as labels travel."""
    return torch.randint(CLASSES, (3, 1, 3, 6, 5), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_where_everything_is_known_it_is_monai_s_loss_and_has_its_gradient(scores: torch.Tensor, label: torch.Tensor):
    monai = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)(scores, label)
    ours = PartialDiceCELoss(CLASSES, [[1]])(scores, label)
    assert ours.item() == pytest.approx(monai.item(), rel=1e-6)
    expected, found = (torch.autograd.grad(loss, scores)[0] for loss in (monai, ours))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_unknown_voxels_count_for_nothing(scores: torch.Tensor, label: torch.Tensor):
    unknown = torch.rand(label.shape, generator=torch.Generator().manual_seed(2)) < 0.6
    marked = torch.where(unknown, torch.tensor(UNKNOWN, dtype=torch.uint8), label)
    loss = PartialDiceCELoss(CLASSES)(scores, marked)
    dice = DiceLoss(include_background=False, to_onehot_y=True, softmax=True, batch=True, ignore_index=UNKNOWN)
    expected = dice(scores, marked) + F.cross_entropy(scores, marked[:, 0].long(), ignore_index=UNKNOWN)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, scores)
    there = unknown.expand_as(gradient)
    assert (gradient[there] == 0).all()
    assert (gradient[~there] != 0).all()


def test_a_batch_without_any_known_voxel_teaches_nothing(scores: torch.Tensor, label: torch.Tensor):
    loss = PartialDiceCELoss(CLASSES)(scores, torch.full_like(label, UNKNOWN))
    (gradient,) = torch.autograd.grad(loss, scores)
    assert loss.item() == 0, "where torch's cross entropy is NaN"
    assert (gradient == 0).all()


def test_a_class_that_was_not_annotated_is_one_with_the_background(scores: torch.Tensor, label: torch.Tensor):
    marked = torch.where(label == 1, label, torch.tensor(NOT_ONE, dtype=torch.uint8))
    loss = PartialDiceCELoss(CLASSES, [[1]])(scores, marked)
    chances = scores.softmax(1)
    two = torch.stack([1 - chances[:, 1], chances[:, 1]], 1)
    one = label == 1
    dice = DiceLoss(include_background=False, to_onehot_y=True, batch=True)(two, one)
    expected = (dice + 1 + 1) / 3 + F.nll_loss(two.log(), one[:, 0].long())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4), "that voxels of class 1 are of no other is known"


def test_regions_of_a_single_class_each_are_the_same_as_none(scores: torch.Tensor, label: torch.Tensor):
    marked = torch.where(label == 1, label, torch.tensor(NOT_ONE, dtype=torch.uint8))
    marked[:, :, :, :2] = UNKNOWN
    losses = [PartialDiceCELoss(CLASSES, [[1]], regions)(scores, marked) for regions in ([], [[2], [3], [1]])]
    gradients = [torch.autograd.grad(loss, scores)[0] for loss in losses]
    torch.testing.assert_close(losses[1], losses[0])
    torch.testing.assert_close(gradients[1], gradients[0])


def test_dice_of_regions_is_monai_s_of_their_sums(scores: torch.Tensor, label: torch.Tensor):
    """Where all is known, and with voxels of which nothing is; these have no gradient."""
    regions = [[1, 2, 3], [2, 3], [3]]
    unknown = torch.rand(label.shape, generator=torch.Generator().manual_seed(2)) < 0.4
    for there in (torch.zeros_like(unknown), unknown):
        chances = scores.softmax(1) * ~there
        shares = torch.stack([chances[:, numbers].sum(1) for numbers in regions], 1)
        truth = torch.cat([torch.isin(label, torch.tensor(numbers)) & ~there for numbers in regions], 1)
        marked = torch.where(there, torch.tensor(UNKNOWN, dtype=torch.uint8), label)
        expected = DiceLoss(batch=True)(shares, truth)
        expected = expected + F.cross_entropy(scores, marked[:, 0].long(), ignore_index=UNKNOWN)
        loss = PartialDiceCELoss(CLASSES, regions=regions)(scores, marked)
        found, correct = (torch.autograd.grad(one, scores)[0] for one in (loss, expected))
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(found, correct)
        assert (found[there.expand_as(found)] == 0).all()


def test_a_region_is_known_where_all_of_a_voxel_s_classes_are_on_one_side_of_it(scores: torch.Tensor):
    """Class 1 alone was annotated: a voxel that is not of it may be 0, 2 or 3, so in [2, 3] or not, but not in [1]."""
    nothing = torch.full((3, 1, 3, 6, 5), NOT_ONE, dtype=torch.uint8)
    losses = [PartialDiceCELoss(CLASSES, [[1]], [numbers])(scores, nothing) for numbers in ([2, 3], [1], [1, 2])]
    cross_entropy = -(1 - scores.softmax(1)[:, 1]).log().mean()
    dice = [(loss - cross_entropy).item() for loss in losses]
    assert dice[0] == pytest.approx(0, abs=1e-5), "nothing is known, so nothing is wrong"
    assert dice[1] == pytest.approx(1, abs=1e-3), "what is drawn is wrong"
    assert dice[2] == pytest.approx(0, abs=1e-5)


def test_shapes_and_numbers_that_do_not_fit_are_refused(scores: torch.Tensor, label: torch.Tensor):
    with pytest.raises(ValueError, match=r"target \(3, 3, 6, 5\); expected"):
        PartialDiceCELoss(CLASSES)(scores, label[:, 0])
    with pytest.raises(ValueError, match=r"labelled has \[0, 2\]; expected numbers of classes, 1 to 3"):
        PartialDiceCELoss(CLASSES, [[0, 2]])
    for regions in ([[0, 2]], [[4]], [[]]):
        with pytest.raises(ValueError, match=r"regions has .*; expected numbers of classes, 1 to 3"):
            PartialDiceCELoss(CLASSES, regions=regions)

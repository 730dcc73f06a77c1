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


def test_shapes_and_numbers_that_do_not_fit_are_refused(scores: torch.Tensor, label: torch.Tensor):
    with pytest.raises(ValueError, match=r"target \(3, 3, 6, 5\); expected"):
        PartialDiceCELoss(CLASSES)(scores, label[:, 0])
    with pytest.raises(ValueError, match=r"labelled has \[0, 2\]; expected numbers of classes, 1 to 3"):
        PartialDiceCELoss(CLASSES, [[0, 2]])

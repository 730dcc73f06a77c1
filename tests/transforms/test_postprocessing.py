from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from monai.data import MetaTensor

from monai_mobileunet.transforms import KeepLargestComponentsd, SplitByPlaned


def labels() -> torch.Tensor:
    """Two pieces of class 1, two of class 2, one of class 3; the larger ones first."""
    label = torch.zeros(1, 12, 8, 6, dtype=torch.uint8)
    label[0, :3, :3, :3] = 1
    label[0, 6:8, :2, :2] = 1
    label[0, :3, 5:, :4] = 2
    label[0, 9:, 5:, :2] = 2
    label[0, 11, 0, 5] = 3
    return label


class TestKeepLargestComponentsd:
    def test_of_each_class_the_largest_piece_stays(self):
        before = labels()
        after = KeepLargestComponentsd("pred", [1, 2, 3, 4])({"pred": before})["pred"]
        expected = before.clone()
        expected[0, 6:8] = 0
        expected[0, 9:, 5:] = 0
        assert torch.equal(after, expected)
        assert torch.equal(before, labels()), "the item that was given stays as it was"

    def test_other_classes_stay_and_so_does_the_metadata(self):
        given = MetaTensor(labels(), affine=torch.diag(torch.tensor([2.0, 2, 3, 1])))
        after = KeepLargestComponentsd("pred", [1])({"pred": given})["pred"]
        assert (after == 1).sum() == 27
        assert (after == 2).sum() == (given == 2).sum()
        assert torch.equal(after.affine, given.affine)

    def test_pieces_that_touch_at_a_corner_are_one(self):
        label = torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
        label[0, :2, :2, :2] = 1
        label[0, 2:, 2:, 2:] = 1
        assert torch.equal(KeepLargestComponentsd("pred", [1])({"pred": label})["pred"], label)

    def test_a_volume_without_any_class_stays_empty(self):
        empty = torch.zeros(1, 3, 3, 3, dtype=torch.uint8)
        assert torch.equal(KeepLargestComponentsd("pred", [1])({"pred": empty})["pred"], empty)


split = SplitByPlaned("pred", spatial_axis=1, lower=2, upper=1)


def divided(label):
    return split({"pred": label})["pred"]


class TestSplitByPlaned:
    def test_a_frayed_border_becomes_the_plane_that_changes_least(self):
        label = torch.zeros(1, 3, 6, 2, dtype=torch.uint8)
        label[0, :, :3], label[0, :, 3:5] = 2, 1
        frayed = label.clone()
        frayed[0, 0, 2], frayed[0, 1, 3, 0] = 1, 2
        assert torch.equal(divided(frayed), label)

    def test_other_classes_and_metadata_stay(self):
        label = MetaTensor(torch.tensor([[[[1], [3], [2], [0]]]]), affine=2 * torch.eye(4))
        out = divided(label)
        assert isinstance(out, MetaTensor)
        assert torch.equal(out.affine, label.affine)
        assert out[0, 0, 1, 0] == 3
        assert out[0, 0, 3, 0] == 0
        assert label[0, 0, 0, 0] == 1, "the given label stays as it is"

    @pytest.mark.parametrize("part", [0, 1, 2])
    def test_a_structure_of_one_part_or_none_stays(self, part):
        label = torch.zeros(1, 3, 4, 2, dtype=torch.uint8)
        label[0, 1:, 1:3] = part
        assert torch.equal(divided(label), label)

    @given(hnp.arrays("uint8", (1, 3, 5, 2), elements=st.integers(0, 3)))
    def test_no_other_plane_changes_fewer_voxels(self, values):
        label = torch.from_numpy(values)
        out = divided(label)
        structure = (label == 1) | (label == 2)
        assert torch.equal(out[~structure], label[~structure])
        index = torch.arange(5)[None, None, :, None].expand_as(label)
        changes = []
        for plane in range(6):
            candidate = torch.where(structure, torch.where(index < plane, 2, 1).to(torch.uint8), label)
            changes.append(int((candidate != label).sum()))
        assert int((out != label).sum()) == min(changes)
        assert torch.equal(divided(out), out)

    def test_one_class_for_both_parts_is_refused(self):
        with pytest.raises(ValueError, match="name two classes"):
            SplitByPlaned("pred", 0, 1, 1)

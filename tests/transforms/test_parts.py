import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from monai.data import MetaTensor

from monai_mobileunet.transforms import SplitByPlaned

split = SplitByPlaned("pred", spatial_axis=1, lower=2, upper=1)


def divided(label):
    return split({"pred": label})["pred"]


def test_a_frayed_border_becomes_the_plane_that_changes_least():
    label = torch.zeros(1, 3, 6, 2, dtype=torch.uint8)
    label[0, :, :3], label[0, :, 3:5] = 2, 1
    frayed = label.clone()
    frayed[0, 0, 2], frayed[0, 1, 3, 0] = 1, 2
    assert torch.equal(divided(frayed), label)


def test_other_classes_and_metadata_stay():
    label = MetaTensor(torch.tensor([[[[1], [3], [2], [0]]]]), affine=2 * torch.eye(4))
    out = divided(label)
    assert isinstance(out, MetaTensor)
    assert torch.equal(out.affine, label.affine)
    assert out[0, 0, 1, 0] == 3
    assert out[0, 0, 3, 0] == 0
    assert label[0, 0, 0, 0] == 1, "the given label stays as it is"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_structure_of_one_part_or_none_stays(part):
    label = torch.zeros(1, 3, 4, 2, dtype=torch.uint8)
    label[0, 1:, 1:3] = part
    assert torch.equal(divided(label), label)


@given(hnp.arrays("uint8", (1, 3, 5, 2), elements=st.integers(0, 3)))
def test_no_other_plane_changes_fewer_voxels(values):
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


def test_one_class_for_both_parts_is_refused():
    with pytest.raises(ValueError, match="name two classes"):
        SplitByPlaned("pred", 0, 1, 1)

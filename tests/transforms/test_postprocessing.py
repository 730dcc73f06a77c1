from __future__ import annotations

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from monai.data import MetaTensor
from monai.transforms import Compose, CropForegroundd, Invertd, Orientationd, Spacingd

from monai_mobileunet.transforms import KeepLargestComponentsd, RestoreGridd, SplitByPlaned
from monai_mobileunet.transforms.postprocessing import nearest_labels

AXES = st.permutations([0, 1, 2])


FLIPS = st.tuples(*[st.sampled_from([1, -1])] * 3)


def case(shape, permuted, flips, spacing, angle=0.0, shear=0.0, seed=0) -> dict[str, MetaTensor]:
    """An image of random blobs somewhere in space."""
    values = np.random.default_rng(seed).integers(0, 4, shape).astype(np.float32)
    turn = nibabel.eulerangles.euler2mat(angle, angle / 2, 0)
    sheared = np.eye(3)
    sheared[0, 1] = shear
    affine = np.eye(4)
    affine[:3, :3] = (turn @ sheared @ np.diag(np.array(flips) * spacing))[:, permuted]
    affine[:3, 3] = (-20, 7, 11)
    meta = {"original_affine": affine, "spatial_shape": np.array(shape), "filename_or_obj": "x.nii.gz"}
    return {"image": MetaTensor(torch.from_numpy(values)[None], affine=torch.from_numpy(affine), meta=meta)}


class TestRestoreGridd:
    @settings(deadline=None, max_examples=60)
    @given(
        shape=st.tuples(*[st.integers(1, 9)] * 3),
        permuted=AXES,
        flips=FLIPS,
        angle=st.sampled_from([0.0, 0.3]),
    )
    def test_a_volume_whose_voxels_were_only_moved_comes_back_as_it_was(self, shape, permuted, flips, angle):
        data = case(shape, permuted, flips, (1.0, 2.0, 3.0), angle)
        before = data["image"].as_tensor().clone()
        moved = Orientationd("image", "RAS", labels=None)(data)
        back = RestoreGridd("pred")({**moved, "pred": moved["image"]})["pred"]
        assert torch.equal(back.as_tensor(), before)
        assert torch.allclose(back.affine, torch.from_numpy(data["image"].meta["original_affine"]))
        assert back.meta["filename_or_obj"] == "x.nii.gz"

    @settings(deadline=None, max_examples=40)
    @given(
        permuted=AXES,
        flips=FLIPS,
        spacing=st.tuples(*[st.sampled_from([0.61, 0.83, 1.0, 1.37, 2.11])] * 3),  # no voxel half way between two
        angle=st.sampled_from([0.0, 0.4]),
        shear=st.sampled_from([0.0, 0.2]),
        seed=st.integers(0, 5),
    )
    def test_it_is_what_monai_s_inverse_transforms_give(self, permuted, flips, spacing, angle, shear, seed):
        data = case((11, 9, 12), permuted, flips, spacing, angle, shear, seed)
        before = Compose([Orientationd("image", "RAS", labels=None), Spacingd("image", (1, 1, 1), mode="nearest")])
        seen = before(data)
        theirs = Invertd("pred", before, "image", nearest_interp=True)({**seen, "pred": seen["image"].clone()})["pred"]
        ours = RestoreGridd("pred")({**seen, "pred": seen["image"]})["pred"]
        assert ours.shape == theirs.shape
        # at the border, which a sheared grid does not reach everywhere, MONAI repeats the edge
        inner = (slice(None), *[slice(2, -2)] * 3)
        same = (ours.as_tensor()[inner] == theirs.as_tensor()[inner]).float().mean()
        assert same > 0.97

    @pytest.mark.parametrize("spacing", [0.5, 0.25, 0.977, 2.0])
    def test_a_label_that_reaches_the_border_does_so_on_the_file_s_grid(self, spacing: float):
        data = case((8, 16, 12), [0, 1, 2], (1, 1, 1), (spacing,) * 3)
        data["image"][:] = 1
        seen = Spacingd("image", (1, 1, 1), mode="nearest")(data)
        back = RestoreGridd("pred")({**seen, "pred": torch.ones_like(seen["image"])})["pred"]
        assert back.shape == (1, 8, 16, 12)
        assert back.bool().all()

    def test_outside_of_a_crop_there_is_background(self):
        data = case((20, 18, 16), [0, 1, 2], (1, 1, 1), (1, 1, 1))
        data["image"][:] = 0
        data["image"][:, 5:9, 6:12, 3:7] = 2
        cropped = CropForegroundd("image", "image", allow_smaller=True)(data)
        assert cropped["image"].shape == (1, 4, 6, 4)
        back = RestoreGridd("pred")({**cropped, "pred": cropped["image"].to(torch.uint8)})["pred"]
        assert back.dtype == torch.uint8
        assert torch.equal(back.as_tensor(), data["image"].as_tensor().to(torch.uint8))

    def test_a_grid_that_lies_elsewhere_is_all_background(self):
        elsewhere = np.eye(4)
        elsewhere[0, 3] = 100
        assert not nearest_labels(np.ones((3, 3, 3), np.uint8), elsewhere, (4, 4, 4)).any()

    def test_an_image_without_a_file_is_refused(self):
        image = MetaTensor(torch.zeros(1, 2, 2, 2))
        with pytest.raises(ValueError, match="does not tell the affine"):
            RestoreGridd("pred")({"image": image, "pred": image})

    def test_a_segmentation_on_another_grid_is_refused(self):
        data = case((4, 4, 4), [0, 1, 2], (1, 1, 1), (1, 1, 1))
        with pytest.raises(ValueError, match="its image"):
            RestoreGridd("pred")({**data, "pred": torch.zeros(1, 4, 4, 5)})


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

"""Segmentations on the grids of their files."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from monai.transforms import CropForegroundd, Orientationd, Spacingd

from monai_mobileunet.transforms import RestoreGridd
from monai_mobileunet.transforms.restoring import resample_labels

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
        assert not resample_labels(np.ones((3, 3, 3), np.uint8), elsewhere, (4, 4, 4)).any()

    def test_an_image_without_a_file_is_refused(self):
        image = MetaTensor(torch.zeros(1, 2, 2, 2))
        with pytest.raises(ValueError, match="does not tell the affine"):
            RestoreGridd("pred")({"image": image, "pred": image})

    def test_a_segmentation_on_another_grid_is_refused(self):
        data = case((4, 4, 4), [0, 1, 2], (1, 1, 1), (1, 1, 1))
        with pytest.raises(ValueError, match="its image"):
            RestoreGridd("pred")({**data, "pred": torch.zeros(1, 4, 4, 5)})


def way(permuted, flips, spacing, angle, shear) -> np.ndarray:
    """From a grid that lies across another, about its middle, to that one."""
    turn = nibabel.eulerangles.euler2mat(angle, angle / 2, 0)
    sheared = np.eye(3)
    sheared[0, 1] = shear
    matrix = np.eye(4)
    matrix[:3, :3] = (turn @ sheared @ np.diag(np.array(flips) * spacing))[:, permuted]
    matrix[:3, 3] = np.array([5.03, 4.07, 5.41]) - matrix[:3, :3] @ np.array([6, 5, 7])
    return matrix


def by_itk(labels: np.ndarray, to_source: np.ndarray, shape: tuple[int, ...], interpolator: int) -> np.ndarray:
    image = sitk.GetImageFromArray(np.ascontiguousarray(labels.transpose()))
    transform = sitk.AffineTransform(to_source[:3, :3].ravel().tolist(), to_source[:3, 3].tolist())
    reference = sitk.Image([*map(int, shape)], sitk.sitkUInt8)
    return sitk.GetArrayFromImage(sitk.Resample(image, reference, transform, interpolator, 0)).transpose()


class TestResampledLabels:
    @settings(deadline=None, max_examples=60)
    @given(
        permuted=AXES,
        flips=FLIPS,
        spacing=st.tuples(*[st.sampled_from([0.37, 0.61, 0.83, 1.0, 1.37])] * 3),
        angle=st.sampled_from([0.0, 0.4]),
        shear=st.sampled_from([0.0, 0.2]),
        by_share=st.booleans(),
        seed=st.integers(0, 5),
    )
    def test_they_are_those_of_simpleitk(self, permuted, flips, spacing, angle, shear, by_share, seed):
        labels = np.random.default_rng(seed).integers(0, 4, (11, 9, 12)).astype(np.uint8)
        to_source = way(permuted, flips, spacing, angle, shear)
        ours = resample_labels(labels, to_source, (13, 11, 15), by_share)
        theirs = by_itk(labels, to_source, ours.shape, sitk.sitkLabelLinear if by_share else sitk.sitkNearestNeighbor)
        assert (ours == theirs).mean() > 0.99  # of equal shares, and half way between two voxels, each takes another
        assert ours.dtype == labels.dtype

    def test_a_ball_on_a_coarse_grid_is_rounder_than_its_voxels(self):
        def ball(size: int, step: float) -> np.ndarray:
            return sum((step * place - 20) ** 2 for place in np.ogrid[:size, :size, :size]) < 15**2

        truth = ball(41, 1)
        wrong = [
            (
                resample_labels(ball(11, 4).astype(np.uint8), np.diag([0.25, 0.25, 0.25, 1]), truth.shape, by_share)
                != truth
            )
            for by_share in (False, True)
        ]
        assert wrong[1].sum() < 0.75 * wrong[0].sum()

    def test_equal_shares_go_to_the_class_of_the_nearest_voxel(self):
        labels = np.array([1, 2], np.uint8).reshape(2, 1, 1)
        for half, expected in ((0.5, 2), (0.5 - 1e-9, 2), (0.49, 1), (0.51, 2)):
            to_source = np.eye(4)
            to_source[0, 3] = half
            assert resample_labels(labels, to_source, (1, 1, 1)).item() == expected

    @pytest.mark.parametrize("rounding", [-1e-9, 0.0, 1e-9])
    def test_no_rounding_moves_a_voxel_along_an_axis_that_keeps_its_spacing(self, rounding: float):
        labels = np.random.default_rng(0).integers(0, 4, (7, 6, 5)).astype(np.uint8)
        to_source = np.diag([0.4, 0.7, 1, 1])
        exact = resample_labels(labels, to_source, (15, 8, 5))
        to_source[2, 3] = rounding
        assert np.array_equal(resample_labels(labels, to_source, (15, 8, 5)), exact)
        for index in range(5):
            alone = resample_labels(labels[..., index : index + 1], np.diag([0.4, 0.7, 1, 1]), (15, 8, 1))
            assert np.array_equal(exact[..., index : index + 1], alone)

    @pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.float32])
    def test_class_numbers_of_any_type(self, dtype: type):
        labels = np.random.default_rng(0).integers(0, 4, (7, 6, 5))
        to_source = np.diag([0.4, 0.7, 0.3, 1])
        expected = resample_labels(labels.astype(np.uint8), to_source, (15, 8, 14))
        found = resample_labels((1000 * labels).astype(dtype), to_source, (15, 8, 14))
        assert found.dtype == dtype
        assert np.array_equal(found, 1000.0 * expected)

    def test_a_single_slice_of_another_thickness(self):
        labels = np.random.default_rng(0).integers(0, 4, (7, 6, 1)).astype(np.uint8)
        back = resample_labels(labels, np.diag([1, 1, 0.3, 1.0]), (7, 6, 2))
        assert np.array_equal(back, np.repeat(labels, 2, axis=2))

    def test_slabs_change_nothing(self, monkeypatch: pytest.MonkeyPatch):
        labels = np.random.default_rng(0).integers(0, 3, (7, 6, 5)).astype(np.uint8)
        ways = [way([1, 2, 0], (1, -1, 1), (0.4, 0.6, 0.7), angle, 0.0) for angle in (0.0, 0.3)]
        whole = [resample_labels(labels, one, (14, 12, 10)) for one in ways]
        monkeypatch.setattr("monai_mobileunet.transforms.restoring.SLAB_VOXELS", 250)
        monkeypatch.setattr("monai_mobileunet.transforms.restoring.PLACES_AT_ONCE", 50)
        for one, expected in zip(ways, whole, strict=True):
            assert np.array_equal(resample_labels(labels, one, (14, 12, 10)), expected)

    def test_scores_are_those_of_the_nearest_voxels(self):
        data = case((6, 5, 4), [0, 1, 2], (1, 1, 1), (0.7, 0.7, 2.0))
        seen = Spacingd("image", (1, 1, 2))(data)
        scores = torch.rand(3, *seen["image"].shape[1:])
        back = RestoreGridd("pred")({**seen, "pred": scores})["pred"]
        assert back.shape == (3, 6, 5, 4)
        assert set(back.unique().tolist()) <= {0.0, *scores.unique().tolist()}

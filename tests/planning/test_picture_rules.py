"""What planning decides for images with a single slice, and for pictures without mm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made import MR, case, measure_dataset, of_cases, organ

from monai_mobileunet.data import DataError
from monai_mobileunet.planning import plan_dataset
from monai_mobileunet.planning.fingerprint import Fingerprint
from monai_mobileunet.planning.planner import decisions
from monai_mobileunet.planning.rules import Options, decide, warnings_of


def pictures(count: int = 20, size: tuple[int, int] = (300, 200), object_size: float = 40.0, **changes) -> Fingerprint:
    classes = {
        "organ": organ(extent_mm=(object_size, object_size, 1.0), slices=(40, 40, 1), size_mm=(6, 6, object_size))
    }
    one = case(shape=(*size, 1), classes=classes, in_pixels=True, **changes)
    named = (replace(one, name=f"p{number}", subject=f"p{number}") for number in range(count))
    return of_cases(*named, modality="")


def test_no_decision_for_a_picture_reaches_into_a_third_dimension():
    plan = plan_dataset(pictures())
    assert (plan.planes.value, plan.context.value, plan.out_slices.value) == (["axial"], 0, 1)
    affine = next(step for step in plan.random_transforms.value if step["_target_"] == "RandAffined")
    assert not isinstance(affine["rotate_range"], list)
    assert len(affine["scale_range"]) == 2
    assert {"finest_spacing", "coarsest_spacing", "windows"}.isdisjoint(decisions(plan))
    assert plan.image.value["modality"] == "OT"
    assert plan.texts.value["task"] == "Segmentation of organ in pictures"
    assert plan_dataset(pictures(), Options(modality="US")).texts.value["task"] == "Segmentation of organ in US"
    assert "3000" not in " ".join(warnings_of(decide(pictures(size=(4000, 3500)), Options())))


@pytest.mark.parametrize(
    ("size", "object_size", "side"),
    [
        ((300, 200), 40, 1),
        ((2048, 1536), 400, 4),
        ((2048, 1536), 40, 2.5),
        ((4000, 3000), 12, 1),
        ((600, 600), 90, 1),
        ((2048, 1536), 41.5, 2.5),
    ],
)
def test_pixels_of_large_pictures_are_joined_as_far_as_objects_allow(size: tuple, object_size: float, side: float):
    plan = plan_dataset(pictures(size=size, object_size=object_size))
    assert plan.spacing.value == [side, side, 1.0]
    assert "Pictures tell no mm, and a pixel is taken for 1 mm" in plan.spacing.reason


def test_colours_are_normalised_each_on_its_own_for_a_reason():
    plan = plan_dataset(pictures(channels=3, lowest=(0.0,) * 3, percentiles=MR * 3, foreground=MR * 3))
    assert plan.image_channels.value == 3
    assert "red, green and blue each by its own mean" in plan.image_transforms.reason


def test_few_windows_of_a_picture_that_is_seen_whole():
    whole, part = (plan_dataset(pictures(size=size)).num_samples for size in ((64, 56), (300, 200)))
    assert (whole.value, part.value) == (2, 8)
    assert "only slice" in whole.reason


def test_pictures_of_very_different_sizes_are_told():
    small, large = pictures(5), pictures(5, size=(1000, 900))
    mixed = of_cases(*small.cases, *(replace(one, name=f"large {one.name}") for one in large.cases), modality="")
    assert "from 300 (p4) to 1000 pixels (large p4)" in " ".join(warnings_of(decide(mixed, Options())))
    assert "pixels (" not in " ".join(warnings_of(decide(small, Options())))


@pytest.mark.parametrize(("axis", "plane"), [(0, "sagittal"), (1, "coronal"), (2, "axial"), (None, "axial")])
def test_a_nifti_file_may_have_its_single_slice_along_any_axis(tmp_path: Path, axis: int | None, plane: str):
    for number in range(3):
        label = np.zeros((40, 50), np.uint8)
        label[10:20, 12:30] = 1
        affine = np.diag([0.5, 0.5, 0.5, 1])
        if axis is not None:
            label = np.expand_dims(label, axis)
            affine[axis, axis] = 3 + number  # the thickness of a single slice matters to nothing
        for folder, values in (("imagesTr", label.astype(np.float32) * 50), ("labelsTr", label)):
            (tmp_path / folder).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / folder / f"a{number}.nii.gz")
    fingerprint = measure_dataset(tmp_path)
    plan = plan_dataset(fingerprint)
    assert (plan.planes.value, plan.context.value, plan.out_slices.value) == ([plane], 0, 1)
    assert plan.roi_size.value == [40, 56] or plan.roi_size.value == [56, 40]
    assert "header says" not in " ".join(warnings_of(decide(fingerprint, Options())))


def test_single_slices_in_different_planes_are_refused():
    cases = [case(number, shape=(200, 180, 1) if number % 2 else (1, 200, 180)) for number in range(6)]
    with pytest.raises(DataError, match="different planes: axial as case_005, sagittal as case_004"):
        decide(of_cases(*cases), Options())

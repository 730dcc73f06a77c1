from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_mobileunet.bundle.training_range import TrainingRange, measure_range
from monai_mobileunet.data import DataError
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.segmentation import Segmenter

PROJECT = Path(__file__).resolve().parents[2]
HIPPOCAMPUS = PROJECT / "bundles" / "hippocampus_mri_segmentation"
METADATA = {
    "training_data": {
        "channels": 1,
        "modality": "CT",
        "spacing_mm": [[1, 1, 2], [1, 1, 5]],
        "input_mean": [[-1.0, -0.5]],
        "input_std": [[0.8, 1.2]],
    }
}

SEEN = {"training_data": {"extent_mm": [[3, 4, 12], [6, 8, 20]], "label_ml": [[1.0, 2.5], [0.0, 2.0]]}}


def volume(spacing=(1.0, 1.0, 3.0), shape=(4, 5, 6), modality="") -> Volume:
    return Volume(np.zeros(shape, np.int16), np.diag([*spacing, 1.0]), "scan.nii.gz", modality=modality)


def network_input(mean=-0.7, std=1.0) -> torch.Tensor:
    values = torch.linspace(-1, 1, 1000).reshape(1, 10, 10, 10)
    return (values - values.mean()) / values.std() * std + mean


def found(given: Volume, image: torch.Tensor, metadata: dict = METADATA) -> list[str]:
    warnings = list(TrainingRange.of(metadata).check(given, image))
    assert all(warning.warning and warning.path == "scan.nii.gz" for warning in warnings)
    return [warning.problem for warning in warnings]


@pytest.mark.parametrize("shape", [(13, 5, 6), (4, 5, 2), (4, 5, 11), (1, 5, 6)])
def test_another_extent_is_told(shape):
    (problem,) = found(volume(shape=shape), network_input(), SEEN)
    assert "mm large; the images of the training were 3×4×12 to 6×8×20 mm" in problem


def test_the_extent_is_told_along_the_axes_of_the_body():
    stored = np.array([[0, 0, 3, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], float)
    given = Volume(np.zeros((4, 5, 60), np.int16), stored, "scan.nii.gz")
    assert "is 180×4×5 mm large" in found(given, network_input(), SEEN)[0]
    assert found(volume(), network_input(), SEEN) == []


def mask_warnings(mask: np.ndarray, **volumes: float) -> list[str]:
    given = volume(shape=mask.shape)
    warnings = list(TrainingRange.of(SEEN).check_mask(given, mask, volumes))
    assert all(warning.warning and warning.path == "scan.nii.gz" for warning in warnings)
    return [warning.problem for warning in warnings]


def test_a_class_that_is_missing_or_far_too_large_is_told():
    inside = np.zeros((5, 5, 5), np.uint8)
    inside[2, 2, 1:3] = 1, 2
    assert mask_warnings(inside, anterior=0.4, posterior=5.9) == []
    assert mask_warnings(inside, anterior=0.0, posterior=6.1) == [
        "has no anterior in its mask; the labels of the training had 1 to 2.5 ml.",
        "has 6.1 ml of posterior in its mask; the labels of the training had 0 to 2 ml.",
    ]
    assert mask_warnings(inside, anterior=0.3, posterior=0.0) == [
        "has 0.3 ml of anterior in its mask; the labels of the training had 1 to 2.5 ml."
    ]


def test_a_class_that_the_border_cuts_off_may_be_small_but_not_large():
    cut = np.zeros((5, 5, 5), np.uint8)
    cut[0, 2, 2] = 1
    assert mask_warnings(cut, anterior=0.1, posterior=1.0) == []
    assert len(mask_warnings(cut, anterior=9.0, posterior=1.0)) == 1
    plane = np.ones((5, 5, 1), np.uint8)
    plane[0] = plane[-1] = plane[:, 0] = plane[:, -1] = 0
    assert len(mask_warnings(plane, anterior=0.1, posterior=1.0)) == 1, "a plane has no border before and behind it"


def test_an_image_like_those_of_the_training_gives_no_warning():
    assert found(volume(), network_input()) == []
    assert found(volume((3.0, 1.0, 1.0)), network_input()) == [], "whatever axis the slices lie along"


@pytest.mark.parametrize("spacing", [(1, 1, 8), (2, 2, 3)])
def test_coarse_voxels_are_told(spacing):
    assert "the training had 1×1×2 to 1×1×5 mm" in found(volume(spacing), network_input())[0]


def test_fine_voxels_are_told_unless_the_preprocessing_makes_up_for_them():
    image = network_input()
    assert len(found(volume((0.4, 0.4, 2)), image)) == 1
    resampled = MetaTensor(image, affine=torch.diag(torch.tensor([1.0, 1, 2, 1])))
    assert found(volume((0.4, 0.4, 2)), resampled) == []
    assert len(found(volume((1, 1, 9)), resampled)) == 1


@pytest.mark.parametrize(("mean", "std"), [(-2.0, 1.0), (0.8, 1.0), (-0.7, 0.01), (-0.7, 3.0)])
def test_intensities_of_another_kind_are_told(mean, std):
    assert "has intensities far from those of the training" in found(volume(), network_input(mean, std))[0]


def test_another_modality_is_told_where_the_file_names_one():
    assert found(volume(modality="MR"), network_input()) == ["is MR; the bundle was trained on CT."]
    assert found(volume(modality="CT"), network_input()) == []


def test_another_number_of_channels_is_refused():
    with pytest.raises(DataError, match="has 20 channels or time points; the bundle segments images of 1"):
        TrainingRange.of(METADATA).check_channels(volume(shape=(4, 5, 6, 20)))
    with pytest.raises(DataError, match=r"list\.json"):
        TrainingRange(channels=4).check_channels(volume())


def test_a_bundle_that_tells_nothing_is_not_checked_against():
    assert list(TrainingRange.of({}).check(volume((9, 9, 9)), network_input(50))) == []
    assert list(TrainingRange.of({}).check_mask(volume(), np.zeros((4, 5, 6), np.uint8), {"tumour": 0.0})) == []


def test_the_range_is_measured_from_the_training_set(toy_dataset: Path):
    images = sorted(str(path) for path in (toy_dataset / "imagesTr").iterdir())

    def preprocessing(case):
        return {"image": torch.full((2, 3, 3, 3), float(case["image"].endswith("1.nii.gz"))) + torch.eye(3)}

    measured = measure_range(images, preprocessing, "MR")
    assert measured["cases"] == 6
    assert measured["spacing_mm"] == [[1, 1, 1], [1, 1, 1]]
    assert measured["input_mean"] == [[0.333, 1.333]] * 2
    assert measured["channels"] == 1
    assert measured["extent_mm"] == [[24, 34, 28], [24, 34, 28]]
    assert "label_ml" not in measured
    TrainingRange.of({"training_data": measured})


def test_the_volumes_of_classes_are_measured_from_the_labels(toy_dataset: Path):
    images = sorted(str(path) for path in (toy_dataset / "imagesTr").iterdir())
    labels = sorted(str(path) for path in (toy_dataset / "labelsTr").iterdir())
    counts = [[(nibabel.load(path).get_fdata() == number).sum() / 1000 for path in labels] for number in (1, 2)]
    expected = [pytest.approx([min(row), max(row)], abs=1e-3) for row in counts]

    def preprocessing(case):
        return {"image": torch.eye(3).expand(1, 3, 3, 3)}

    assert measure_range(images, preprocessing, "MR", labels)["label_ml"] == expected
    assert measure_range(images, preprocessing, "MR", labels, 4)["label_ml"] == [*expected, [0, 0]]


BODY = {"hippocampus_mri_segmentation": "hippocampus", "head_neck_oar_ct_segmentation": "openkbp_hn_ct"}


@pytest.mark.parametrize("bundle", BODY)
def test_images_of_the_training_give_no_warning_and_foreign_ones_do(bundle: str, shared_data: Path):
    opened = Segmenter(PROJECT / "bundles" / bundle)
    for path in sorted((shared_data / BODY[bundle] / "imagesTr").iterdir())[:2]:
        assert opened(path).warnings == (), path
    foreign = shared_data / "spine_samples" / "images" / "ct_lumbar_crop.nii.gz"
    problems = " ".join(warning.problem for warning in opened.prepare(foreign).warnings)
    assert "mm large; the images of the training were" in problems


def test_a_whole_head_is_told_from_a_crop_of_the_hippocampus(shared_cases: Path):
    opened = Segmenter(HIPPOCAMPUS)
    (warning,) = opened.prepare(shared_cases / "whole_head" / "head.nii.gz").warnings
    assert "is 176×198×176 mm large; the images of the training were 31×40×24 to 42×58×45 mm" in warning.problem


def test_a_mask_without_a_class_is_told_by_the_segmenter():
    """A crop of the right size, with nothing that a hippocampus is."""
    noise = np.random.default_rng(0).normal(100, 20, (36, 50, 36)).astype(np.float32)
    result = Segmenter(HIPPOCAMPUS)((noise, np.eye(4)))
    missing = [name for name, volume in result.volumes_ml.items() if volume < 0.3]
    assert missing
    for name in missing:
        assert any(f"{name} in its mask" in warning.problem for warning in result.warnings)

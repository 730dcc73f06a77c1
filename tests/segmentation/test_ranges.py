from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_mobileunet.data import DataError
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.segmentation.ranges import TrainingRange, measure_range

METADATA = {
    "training_data": {
        "channels": 1,
        "modality": "CT",
        "spacing_mm": [[1, 1, 2], [1, 1, 5]],
        "input_mean": [[-1.0, -0.5]],
        "input_std": [[0.8, 1.2]],
    }
}


def volume(spacing=(1.0, 1.0, 3.0), shape=(4, 5, 6), modality="") -> Volume:
    return Volume(np.zeros(shape, np.int16), np.diag([*spacing, 1.0]), "scan.nii.gz", modality=modality)


def network_input(mean=-0.7, std=1.0) -> torch.Tensor:
    values = torch.linspace(-1, 1, 1000).reshape(1, 10, 10, 10)
    return (values - values.mean()) / values.std() * std + mean


def found(given: Volume, image: torch.Tensor) -> list[str]:
    warnings = list(TrainingRange.of(METADATA).check(given, image))
    assert all(warning.warning and warning.path == "scan.nii.gz" for warning in warnings)
    return [warning.problem for warning in warnings]


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


def test_the_range_is_measured_from_the_training_set(toy_dataset: Path):
    images = sorted(str(path) for path in (toy_dataset / "imagesTr").iterdir())

    def preprocessing(case):
        return {"image": torch.full((2, 3, 3, 3), float(case["image"].endswith("1.nii.gz"))) + torch.eye(3)}

    measured = measure_range(images, preprocessing, "MR")
    assert measured["cases"] == 6
    assert measured["spacing_mm"] == [[1, 1, 1], [1, 1, 1]]
    assert measured["input_mean"] == [[0.333, 1.333]] * 2
    assert measured["channels"] == 1
    TrainingRange.of({"training_data": measured})

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from benchmarks.folders import measure_folder, write_large_volume


@pytest.mark.slow  # two processes of MONAI and one of ours, and nothing that the tests of the doors do not see
def test_three_runs_over_the_same_images_give_the_same_masks(trained: Path, toy_dataset: Path, tmp_path: Path):
    images = sorted((toy_dataset / "imagesTr").iterdir())[:2]
    timings = measure_folder(trained, images, tmp_path / "out")
    assert [timing.name for timing in timings] == [
        "mobileunet segment",
        "mobileunet segment --num-workers 0",
        "monai.bundle run",
    ]
    for timing in timings:
        assert timing.images == 2
        assert timing.differing == 0
        assert timing.per_second == 2 / timing.seconds
        assert 0.1 < timing.peak_gib < 20


def test_a_large_volume_is_an_image_repeated(toy_dataset: Path, tmp_path: Path):
    image = toy_dataset / "imagesTr" / "toy_002.nii.gz"
    write_large_volume(image, tmp_path / "large.nii", (60, 40, 30))
    large, small = nibabel.load(tmp_path / "large.nii"), nibabel.load(image)
    assert large.shape == (60, 40, 30)
    assert large.get_data_dtype() == np.int16
    values = np.asarray(large.dataobj)
    assert np.array_equal(values[24:48, :34, :28], values[:24, :34, :28])
    assert np.corrcoef(values[:24, :34, :28].ravel(), np.asarray(small.dataobj).ravel())[0, 1] > 0.999

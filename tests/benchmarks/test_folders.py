from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import psutil
import pytest

from benchmarks import folders
from benchmarks.folders import EXECUTORS, measure_folder, write_large_volume


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


def test_executors_are_compared_with_one_process(toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The commands write masks a minute apart; one of them writes another image's."""
    images = sorted((toy_dataset / "imagesTr").iterdir())[:2]

    def write_masks(command: list[str], log: Path) -> tuple[float, float]:
        masks = Path(command[-1])
        masks.mkdir()
        contents = [image.read_bytes() for image in images]
        for number, image in enumerate(images):
            (masks / image.name).write_bytes(contents[0 if masks.name == "workers_4" else number])
            os.utime(masks / image.name, (0, 60 * number))
        return 4.0, 0.5

    monkeypatch.setattr(folders, "_measured", write_masks)
    timings = measure_folder(tmp_path / "bundle", images, tmp_path / "out", executors=True)
    assert [timing.name for timing in timings] == [f"mobileunet segment {options}".strip() for options in EXECUTORS]
    assert {timing.between for timing in timings} == {60.0}
    assert {timing.name: timing.differing for timing in timings if timing.differing} == {
        "mobileunet segment --workers 4": 1
    }
    assert timings[0].as_dict()["images_per_second"] == 0.5


def test_a_child_that_ends_meanwhile_is_left_out_of_the_memory():
    def process(*children: SimpleNamespace, resident: int | None = None) -> SimpleNamespace:
        def memory_info() -> SimpleNamespace:
            if resident is None:
                raise psutil.NoSuchProcess(1)
            return SimpleNamespace(rss=resident)

        return SimpleNamespace(memory_info=memory_info, children=lambda recursive: children)

    assert folders._resident(process(process(), process(resident=2), resident=1)) == 3
    with pytest.raises(psutil.NoSuchProcess):  # the process itself: the watcher's work is done
        folders._resident(process())


def test_a_large_volume_is_an_image_repeated(toy_dataset: Path, tmp_path: Path):
    image = toy_dataset / "imagesTr" / "toy_002.nii.gz"
    write_large_volume(image, tmp_path / "large.nii", (60, 40, 30))
    large, small = nibabel.load(tmp_path / "large.nii"), nibabel.load(image)
    assert large.shape == (60, 40, 30)
    assert large.get_data_dtype() == np.int16
    values = np.asarray(large.dataobj)
    assert np.array_equal(values[24:48, :34, :28], values[:24, :34, :28])
    assert np.corrcoef(values[:24, :34, :28].ravel(), np.asarray(small.dataobj).ravel())[0, 1] > 0.999

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Thread

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from monai_mobileunet.cohort import memory
from monai_mobileunet.cohort.control_groups import GroupMemory
from monai_mobileunet.cohort.memory import (
    BYTES_PER_RESAMPLED,
    BYTES_PER_VOXEL,
    Budget,
    case_bytes,
    free_memory,
    memory_limit,
)
from monai_mobileunet.data import DataError

GIB = 2**30


def saved(path: Path, affine: np.ndarray, shape: tuple[int, ...] = (4, 5, 6), unit: str = "mm") -> Path:
    image = nibabel.Nifti1Image(np.zeros(shape, np.uint8), None)
    image.header.set_sform(affine, code=1)
    image.header.set_xyzt_units(unit)
    image.header["pixdim"][1:4] = 1
    nibabel.save(image, path)
    return path


def test_what_a_case_takes_is_the_larger_of_its_grids(tmp_path: Path):
    path = saved(tmp_path / "x.nii", np.diag([2.0, 2, 2, 1]))
    assert case_bytes([path]) == 120 * BYTES_PER_VOXEL
    assert case_bytes([path], (1, 1, 1)) == 960 * BYTES_PER_RESAMPLED
    assert case_bytes([path], (9, 9, 9)) == 120 * BYTES_PER_VOXEL
    assert case_bytes([path, path]) == 240 * BYTES_PER_VOXEL
    micron = saved(tmp_path / "y.nii", np.diag([2000.0, 2000, 2000, 1]), unit="micron")
    assert case_bytes([micron], (1, 1, 1)) == 960 * BYTES_PER_RESAMPLED


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e30])
def test_an_absurd_grid_gives_a_number_and_no_error(tmp_path: Path, value: float):
    path = saved(tmp_path / "x.nii", np.diag([value, 1, 1, 1]))
    size = case_bytes([path], (1, 1, 1))
    expected = 1e30 * 120 * BYTES_PER_RESAMPLED if value == 1e30 else 120 * BYTES_PER_VOXEL
    assert size == pytest.approx(expected, rel=1e-3)


def test_directions_that_are_damaged_stretch_a_grid_too(tmp_path: Path):
    image = sitk.GetImageFromArray(np.zeros((6, 5, 4), np.uint8))
    sitk.WriteImage(image, str(tmp_path / "x.mha"))
    raw = (tmp_path / "x.mha").read_bytes().replace(b"1 0 0 0 1 0 0 0 1", b"1 0 0 0 1 0 0 0 1000")
    (tmp_path / "x.mha").write_bytes(raw)
    assert case_bytes([tmp_path / "x.mha"], (1, 1, 1)) == pytest.approx(120_000 * BYTES_PER_RESAMPLED, rel=0.01)


def test_what_has_no_grid_takes_nothing(tmp_path: Path):
    (tmp_path / "x.nii").write_bytes(b"")
    (tmp_path / "x.nrrd").write_bytes(b"NRRD0004\ntype: short\ndimension: 12\nsizes: " + b"2 " * 12 + b"\n\n")
    (tmp_path / "x.mha").write_bytes(b"ObjectType = Image\nNDims = 99999\nElementDataFile = LOCAL\n")
    axes = (
        nibabel.cifti2.ScalarAxis(["a"]),
        nibabel.cifti2.BrainModelAxis.from_mask(np.ones((2, 2, 2)), affine=np.eye(4)),
    )
    nibabel.Cifti2Image(np.zeros((1, 8)), axes).to_filename(tmp_path / "x.dscalar.nii")
    for name in ("x.nii", "x.nrrd", "x.mha", "x.dscalar.nii", "none.nii.gz"):
        assert case_bytes([tmp_path / name], (1, 1, 1)) == 0, name


def test_a_case_larger_than_the_limit_is_refused_in_words():
    with pytest.raises(DataError, match=r"x: needs about 1.6 GiB of memory, of 0.88 that there are"):
        Budget(size=1, limit=943718400).check(1677721600, "x")
    with pytest.raises(DataError, match=r"needs about 4.5e\+23 GiB of memory, of 16 that"):
        Budget(size=1, limit=16 * GIB).check(int(4.8e32), "x")
    Budget(size=1, limit=10).check(10, "x")


def test_limits_of_groups_bound_what_is_there(monkeypatch: pytest.MonkeyPatch):
    before = memory_limit()
    monkeypatch.setattr(memory, "group_memory", lambda: [GroupMemory(Path("job"), 900 * 2**20, 700 * 2**20)])
    assert free_memory() == 200 * 2**20
    assert memory_limit() < min(before, 901 * 2**20)
    assert Budget().size == 50 * 2**20
    monkeypatch.setattr(memory, "group_memory", lambda: [GroupMemory(Path("job"), 10, 700)])
    assert free_memory() == 0
    assert Budget().limit == 0


def test_ulimit_counts():
    code = "from monai_mobileunet.cohort.memory import *; print(memory_limit(), free_memory())"
    limited = f"ulimit -v {24 * 2**20} && exec {sys.executable} -W ignore -c '{code}'"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=True)
    limit, free = map(int, done.stdout.split())
    assert limit <= 24 * GIB
    assert free < 24 * GIB - 100 * 2**20, "what the process has already is gone"


def test_an_absurd_size_waits_until_it_is_alone_and_nothing_waits_for_a_case_that_takes_none():
    budget = Budget(size=100, limit=10)
    assert budget.take(60)
    assert not budget.take(10**40, wait=False)
    assert budget.take(0)
    large = Thread(target=budget.take, args=(10**40,))
    large.start()
    budget.give_back(60)
    large.join(timeout=10)
    assert budget.in_use == 10**40
    assert budget.take(0, wait=False)

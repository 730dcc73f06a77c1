from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.data import DataLoader, ThreadDataLoader
from monai.transforms import Compose, Lambdad, LoadImaged

from monai_mobileunet.data import CaseDataset, VolumeReader, collate_cases
from monai_mobileunet.data.loading.case_dataset import PROBLEMS, CaseProblem

READ = LoadImaged("image", reader=VolumeReader(), ensure_channel_first=True)


@pytest.fixture
def cases(tmp_path: Path) -> list[dict[str, str]]:
    for name in ("a", "c"):
        nibabel.save(
            nibabel.Nifti1Image(np.full((3, 4, 5), ord(name), np.float32), np.eye(4)), tmp_path / f"{name}.nii"
        )
    (tmp_path / "b.nii").write_bytes(b"no image")
    return [{"image": str(tmp_path / f"{name}.nii"), "mask": f"out/{name}.nii.gz"} for name in "abc"]


@pytest.mark.parametrize("loader", [ThreadDataLoader, DataLoader])
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_case_that_cannot_be_read_is_an_item_with_its_reason(cases, loader, batch_size, num_workers):
    batches = list(
        loader(CaseDataset(cases, READ), batch_size=batch_size, num_workers=num_workers, collate_fn=collate_cases)
    )
    assert [float(value[0, 0, 0, 0]) for batch in batches for value in batch.get("image", ())] == [97.0, 99.0]
    assert [name for batch in batches for name in batch.get("case", ())] == [cases[0]["image"], cases[2]["image"]]
    (problem,) = (problem for batch in batches for problem in batch.get(PROBLEMS, ()))
    assert problem.case == cases[1]["image"]
    assert problem.mask == "out/b.nii.gz"
    assert problem.reason.startswith(f"{cases[1]['image']}: "), "the file is named, not MONAI's transform"
    assert "applying transform" not in problem.reason


def test_whatever_a_transform_raises_and_nothing_that_is_left_are_problems(cases):
    def fail(image):
        raise ZeroDivisionError("oh")

    failed = CaseDataset(cases[:1], Compose([READ, Lambdad("image", fail)]))[0]
    assert isinstance(failed, CaseProblem)
    assert "ZeroDivisionError: oh" in failed.reason
    empty = CaseDataset(cases[:1], Compose([READ, Lambdad("image", lambda image: image[:, :0])]))[0]
    assert "has nothing that the bundle's preprocessing would not cut away" in empty.reason


def test_images_that_fit_into_no_batch_are_problems_with_a_remedy():
    items = [{"image": torch.zeros(1, size), "case": f"{size}.nii", "mask": ""} for size in (2, 3)]
    batch = collate_cases(items)
    assert set(batch) == {PROBLEMS}
    assert [problem.case for problem in batch[PROBLEMS]] == ["2.nii", "3.nii"]
    assert "--dataloader#batch_size 1" in batch[PROBLEMS][0].reason

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.data import MetaTensor, decollate_batch, list_data_collate
from monai.transforms import LoadImaged
from monai.transforms import SaveImaged as MonaiSaveImaged

from monai_mobileunet.data import VolumeReader, read_volume, write_mask
from monai_mobileunet.transforms import RestoreGridd, SaveImaged

READ = LoadImaged("image", reader=VolumeReader(), ensure_channel_first=True)


def saved(image: Path, output: Path, place: Path | None = None, num_classes: int = 3) -> np.ndarray:
    """A mask of an image through a loader's batch, as MONAI's engines treat it; what was to be written."""
    (case,) = decollate_batch(list_data_collate([READ({"image": str(image)})]))
    mask = torch.zeros(case["image"].shape)
    mask[0, 0] = num_classes - 1
    case = RestoreGridd("pred", "image")({**case, "pred": MetaTensor(mask)})
    case |= {} if place is None else {"mask": str(place)}
    transform = SaveImaged("pred", output, image.parent, num_classes)
    assert isinstance(transform, MonaiSaveImaged), "MONAI Label leaves it out by its class"
    transform(case)
    return mask[0].numpy()


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4)])
def test_a_mask_is_the_file_that_segment_writes(tmp_path: Path, kind, shape):
    image = kind(np.random.default_rng(0).random(shape).astype(np.float32), np.diag([1.5, 2, 3, 1]))
    image.set_sform(image.affine, code="mni")
    image.set_qform(None, code=0)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_dim_info(0, 1, None)
    nibabel.save(image, tmp_path / "a.nii.gz")
    mask = saved(tmp_path / "a.nii.gz", tmp_path / "out")
    write_mask(mask.astype(np.uint8), tmp_path / "by_segment.nii.gz", read_volume(tmp_path / "a.nii.gz"))
    ours, other = (nibabel.load(path) for path in (tmp_path / "out" / "a.nii.gz", tmp_path / "by_segment.nii.gz"))
    assert ours.header.binaryblock == other.header.binaryblock
    assert ours.shape == shape
    assert np.array_equal(np.asarray(ours.dataobj), np.asarray(other.dataobj))
    assert np.asarray(ours.dataobj).any()


def test_a_mask_lies_where_it_was_planned_in_the_format_of_its_name(tmp_path: Path):
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((5, 4, 3)).astype(np.float32))
    image.SetSpacing((1.5, 2, 3))
    image.SetOrigin((7, 8, 9))
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    place = tmp_path / "out" / "deep" / "a.nrrd"
    mask = saved(tmp_path / "a.nrrd", tmp_path / "out", place)
    written = sitk.ReadImage(str(place))
    assert (written.GetSpacing(), written.GetOrigin()) == (image.GetSpacing(), image.GetOrigin())
    assert np.array_equal(read_volume(place).values, mask)
    assert [path.name for path in place.parent.iterdir()] == ["a.nrrd"], "nothing half-written is left"


def test_more_classes_than_a_byte_has_values_do_not_wrap_around(tmp_path: Path):
    nibabel.save(nibabel.Nifti1Image(np.random.default_rng(0).random((3, 4, 5)), np.eye(4)), tmp_path / "a.nii")
    saved(tmp_path / "a.nii", tmp_path / "out", num_classes=301)
    assert np.asarray(nibabel.load(tmp_path / "out" / "a.nii.gz").dataobj).max() == 300


def test_probabilities_are_written_as_they_are(tmp_path: Path):
    pred = MetaTensor(torch.rand(2, 3, 4, 5), affine=torch.eye(4), meta={"filename_or_obj": "in/a.nii"})
    SaveImaged("pred", tmp_path, "in", 2)({"pred": pred})
    written = np.asarray(nibabel.load(tmp_path / "a.nii.gz").dataobj)
    np.testing.assert_allclose(np.moveaxis(written, -1, 0), pred.numpy(), atol=1e-6)


def test_probabilities_lie_where_the_mask_was_planned_as_nifti(tmp_path: Path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), np.float32), np.eye(4)), tmp_path / "a.nii.gz")
    case = READ({"image": str(tmp_path / "a.nii.gz")})
    case["pred"] = MetaTensor(torch.rand(2, 3, 4, 5), meta=case["image"].meta)
    for place in ("1.2.840.nii.gz", "deep/p01.nrrd", "B.NII.GZ"):
        SaveImaged("pred", tmp_path / "out", tmp_path)({**case, "mask": str(tmp_path / "out" / place)})
    written = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert [path.relative_to(tmp_path / "out").as_posix() for path in written] == [
        *("1.2.840.nii.gz", "B.nii.gz", "deep/p01.nii.gz")
    ]
    assert all(nibabel.load(path).shape == (3, 4, 5, 2) for path in written)

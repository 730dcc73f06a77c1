"""Labels that follow their image have the voxels that MONAI's transforms give for both keys."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import BorderPadd, Compose, CropForegroundd, Orientationd, ResampleToMatch, Rotated
from scipy.spatial.transform import Rotation

from monai_mobileunet.data import DataError
from monai_mobileunet.transforms import MatchImaged, Spacingd


def case(angles=(0, 0, 0), axes=(-1.0, 0.8, 2.5)) -> dict[str, MetaTensor]:
    random = np.random.RandomState(0)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(axes)
    affine[:3, 3] = 11.3, -7.1, 4.9
    label = np.zeros((1, 20, 24, 14), np.uint8)
    label[:, 4:16, 5:19, 3:11] = random.randint(0, 4, (1, 12, 14, 8))
    image = np.where(label > 0, 100, -1000) + random.normal(0, 5, label.shape)
    values = {"image": image.astype(np.float32), "label": label}
    return {key: MetaTensor(torch.from_numpy(array), torch.from_numpy(affine)) for key, array in values.items()}


def transforms(keys) -> list:
    mode = ["bilinear", "nearest"][: len(keys)]
    return [
        Orientationd(keys, axcodes="RAS", labels=None),
        Spacingd(keys, pixdim=(1.3, 1.1, 1.7), dtype=torch.float32, mode=mode),
        CropForegroundd(keys, source_key="image", select_fn=lambda x: x > -500, margin=2, allow_smaller=True),
    ]


@pytest.mark.parametrize("axes", [(1, 1, 1), (-1.0, 0.8, 2.5), (-1.5, -1.5, 3.0), (2.6, -2.2, 3.4)])
@pytest.mark.parametrize("angles", [(0, 0, 0), (0, 0, 90), (20, -15, 5)])
def test_it_is_what_both_keys_give(angles, axes):
    expected = Compose(transforms(["image", "label"]))(case(angles, axes))
    found = Compose([*transforms(["image"]), MatchImaged("label")])(case(angles, axes))
    assert torch.equal(found["image"], expected["image"])
    assert found["label"].dtype == torch.uint8
    assert found["label"].any()
    assert torch.equal(found["label"], expected["label"].to(torch.uint8))


def test_an_image_that_other_transforms_have_moved_is_followed_too():
    given = case()
    turned = Compose([*transforms(["image"]), Rotated("image", angle=(0.2, 0.1, 0), keep_size=True)])(given)
    expected = ResampleToMatch(mode="nearest", dtype=torch.float32)(given["label"], turned["image"])
    found = MatchImaged("label")(turned)["label"]
    assert found.any()
    assert torch.equal(found, expected.to(torch.uint8))


def test_what_padding_has_added_to_the_image_is_background():
    given = case()
    padded = BorderPadd("image", spatial_border=3)(given)
    assert torch.equal(MatchImaged("label")(padded)["label"], BorderPadd("label", spatial_border=3)(given)["label"])


def test_a_label_of_which_nothing_is_left_is_named():
    given = case()
    given["label"].meta["filename_or_obj"] = "/data/label.nii.gz"
    given["image"] = given["image"][:, :3]
    given["label"][:, :4] = 0
    with pytest.raises(DataError, match=r"/data/label\.nii\.gz: has all its classes where"):
        MatchImaged("label")(given)
    given["label"][:] = 0
    assert not MatchImaged("label")(given)["label"].any(), "one without classes stays one"

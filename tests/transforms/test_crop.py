from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import CropForegroundd as MonaiCropForegroundd

from monai_mobileunet.data import DataError
from monai_mobileunet.transforms import CropForegroundd

SETTINGS = {"keys": ["image", "label"], "source_key": "image", "margin": 1, "allow_smaller": True}


def above(values: torch.Tensor) -> torch.Tensor:
    return values > -500


def case(body: tuple[slice, ...], organ: tuple[slice, ...]) -> dict[str, MetaTensor]:
    image, label = torch.full((1, 8, 9, 10), -1000.0), torch.zeros(1, 8, 9, 10)
    image[(0, *body)], label[(0, *organ)] = 40, 1
    named = {"image": image, "label": label}
    return {
        key: MetaTensor(value, torch.eye(4), meta={"filename_or_obj": f"/data/{key}.nii.gz"})
        for key, value in named.items()
    }


def test_it_crops_as_monai_does():
    given = case((slice(2, 6), slice(3, 7), slice(4, 8)), (slice(3, 5),) * 3)
    expected = MonaiCropForegroundd(**SETTINGS, select_fn=above)(given)
    cropped = CropForegroundd(**SETTINGS, select_fn=above)(given)
    assert cropped["image"].shape == (1, 6, 6, 6)
    for key in SETTINGS["keys"]:
        assert torch.equal(cropped[key], expected[key])
        assert torch.equal(cropped[key].affine, expected[key].affine)


def test_an_image_of_air_is_named():
    given = case((slice(0, 0),) * 3, (slice(3, 5),) * 3)
    with pytest.raises(DataError, match=r"/data/image\.nii\.gz: has nothing .* reach from -1000 to -1000"):
        CropForegroundd(**SETTINGS, select_fn=above)(given)


def test_a_label_that_lies_in_the_air_is_named():
    given = case((slice(5, 8), slice(5, 9), slice(5, 9)), (slice(0, 2),) * 3)
    with pytest.raises(DataError, match=r"/data/label\.nii\.gz: has all its classes where the image /data/image"):
        CropForegroundd(**SETTINGS, select_fn=above)(given)


def test_a_label_without_classes_stays_one():
    given = case((slice(2, 6),) * 3, (slice(0, 0),) * 3)
    assert not CropForegroundd(**SETTINGS, select_fn=above)(given)["label"].any()

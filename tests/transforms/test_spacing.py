from __future__ import annotations

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Spacingd as MonaiSpacingd

from monai_mobileunet.transforms import Spacingd


def case() -> dict:
    affine = torch.diag(torch.tensor([2.0, 1.0, 1.5, 1.0]))
    image = MetaTensor(torch.rand(1, 8, 9, 7), affine=affine, meta={"filename_or_obj": "brain.nii.gz"})
    return {"image": image, "image_path": "brain.nii.gz", "labels": {"anterior": 1}}


def test_items_named_like_the_image_stay_as_they_are():
    """MONAI Label puts an image_path beside the image."""
    given = case()
    out = Spacingd("image", (1, 1, 1))(given)
    assert out["image_path"] == "brain.nii.gz"
    assert out["labels"] == {"anterior": 1}
    assert given["image"].shape == (1, 8, 9, 7)


def test_it_resamples_as_monai_does():
    data = case()
    expected = MonaiSpacingd("image", (1, 1, 1))({"image": data["image"].clone()})["image"]
    out = Spacingd("image", (1, 1, 1))(data)["image"]
    assert out.shape == expected.shape
    torch.testing.assert_close(out.as_tensor(), expected.as_tensor())
    assert np.array_equal(out.affine, expected.affine)

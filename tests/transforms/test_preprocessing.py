from __future__ import annotations

import logging
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import CropForegroundd as MonaiCropForegroundd
from monai.transforms import Spacingd as MonaiSpacingd

from monai_mobileunet.data import DataError, VolumeReader
from monai_mobileunet.transforms import CropForegroundd, LoadImaged, Spacingd


class TestLoadImaged:
    def test_no_other_reader_is_there_and_none_says_anything(self, caplog):
        with warnings.catch_warnings(), caplog.at_level(logging.INFO):
            warnings.simplefilter("error")
            (reader,) = LoadImaged("image")._loader.readers
        assert isinstance(reader, VolumeReader)
        assert not caplog.records

    def test_a_process_that_only_loads_says_nothing(self):
        code = "from monai_mobileunet.transforms import LoadImaged; LoadImaged('image')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
        assert "nvImageCodec" not in done.stdout + done.stderr
        assert "Warning" not in done.stderr


def brain() -> dict:
    affine = torch.diag(torch.tensor([2.0, 1.0, 1.5, 1.0]))
    image = MetaTensor(torch.rand(1, 8, 9, 7), affine=affine, meta={"filename_or_obj": "brain.nii.gz"})
    return {"image": image, "image_path": "brain.nii.gz", "labels": {"anterior": 1}}


class TestSpacingd:
    def test_items_named_like_the_image_stay_as_they_are(self):
        """MONAI Label puts an image_path beside the image."""
        given = brain()
        out = Spacingd("image", (1, 1, 1))(given)
        assert out["image_path"] == "brain.nii.gz"
        assert out["labels"] == {"anterior": 1}
        assert given["image"].shape == (1, 8, 9, 7)

    def test_it_resamples_as_monai_does(self):
        data = brain()
        expected = MonaiSpacingd("image", (1, 1, 1))({"image": data["image"].clone()})["image"]
        out = Spacingd("image", (1, 1, 1))(data)["image"]
        assert out.shape == expected.shape
        torch.testing.assert_close(out.as_tensor(), expected.as_tensor())
        assert np.array_equal(out.affine, expected.affine)


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


class TestCropForegroundd:
    def test_it_crops_as_monai_does(self):
        given = case((slice(2, 6), slice(3, 7), slice(4, 8)), (slice(3, 5),) * 3)
        expected = MonaiCropForegroundd(**SETTINGS, select_fn=above)(given)
        cropped = CropForegroundd(**SETTINGS, select_fn=above)(given)
        assert cropped["image"].shape == (1, 6, 6, 6)
        for key in SETTINGS["keys"]:
            assert torch.equal(cropped[key], expected[key])
            assert torch.equal(cropped[key].affine, expected[key].affine)

    def test_an_image_of_air_is_named(self):
        given = case((slice(0, 0),) * 3, (slice(3, 5),) * 3)
        with pytest.raises(DataError, match=r"/data/image\.nii\.gz: has nothing .* reach from -1000 to -1000"):
            CropForegroundd(**SETTINGS, select_fn=above)(given)

    def test_a_label_that_lies_in_the_air_is_named(self):
        given = case((slice(5, 8), slice(5, 9), slice(5, 9)), (slice(0, 2),) * 3)
        with pytest.raises(DataError, match=r"/data/label\.nii\.gz: has all its classes where the image /data/image"):
            CropForegroundd(**SETTINGS, select_fn=above)(given)

    def test_a_label_without_classes_stays_one(self):
        given = case((slice(2, 6),) * 3, (slice(0, 0),) * 3)
        assert not CropForegroundd(**SETTINGS, select_fn=above)(given)["label"].any()

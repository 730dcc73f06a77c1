"""A bundle's TorchScript file is all that MONAI Deploy's MonaiBundleInferenceOperator is given.

The steps are those of monai-deploy-app-sdk 4.0.0: configs out of the archive, transforms without those that load and
save, an image with the metadata that its DICOM operator gives it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from conftest import ONE_QUICKLY, ONE_THREAD, VolumeFor, stored
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose, MapTransform

from monai_mobileunet import Segmenter


@pytest.fixture(params=ONE_QUICKLY, ids=lambda path: path.name)
def bundle(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def archive(bundle: Path, tmp_path: Path) -> Path:
    """``model.ts`` alone, far from its bundle."""
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "ckpt_export", "--net_id", "network_def"]
    command += ["--filepath", str(tmp_path / "model.ts"), "--ckpt_file", str(bundle / "models" / "model.pt")]
    command += ["--meta_file", str(bundle / "configs" / "metadata.json")]
    command += ["--config_file", repr([str(bundle / "configs" / "inference.json")])]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=ONE_THREAD)
    return Path(shutil.move(tmp_path / "model.ts", tmp_path / "elsewhere.ts"))


def read_archive(path: Path) -> ConfigParser:
    parser = ConfigParser()
    with zipfile.ZipFile(path) as content:
        (root,) = {name.split("/")[0] for name in content.namelist()}
        parser.read_meta(json.loads(content.read(f"{root}/extra/metadata.json")))
        parser.read_config(json.loads(content.read(f"{root}/extra/inference.json")))
    parser.parse()
    return parser


def without_files(compose: Compose) -> Compose:
    kept = [t for t in compose.transforms if not any(name in type(t).__name__ for name in ("LoadImage", "SaveImage"))]
    assert isinstance(kept[0], MapTransform)
    return Compose(kept)


def as_from_dicom(image: nibabel.Nifti1Image) -> MetaTensor:
    affine = image.affine.astype(float)
    meta: dict[str, Any] = {"affine": affine.copy(), "original_affine": affine, "space": "RAS"}
    meta |= {"spatial_shape": np.asarray(image.shape), "original_channel_dim": "no_channel"}
    values = torch.from_numpy(np.asarray(image.dataobj).astype(np.float32))
    return MetaTensor.ensure_torch_and_prune_meta(values, meta)


def test_the_archive_segments_as_the_bundle_does(bundle: Path, archive: Path, tmp_path: Path, volume_for: VolumeFor):
    image = stored(volume_for(bundle.name), "LPS")
    nibabel.save(image, tmp_path / "image.nii.gz")
    expected = Segmenter(bundle, device="cpu")(tmp_path / "image.nii.gz").mask
    parser = read_archive(archive)
    (name,), (out,) = (parser["_meta_"]["network_data_format"][side] for side in ("inputs", "outputs"))
    network = torch.jit.load(archive, map_location=parser.get_parsed_content("device")).eval()
    with torch.no_grad():
        data = without_files(parser.get_parsed_content("preprocessing"))({name: as_from_dicom(image)})
        scores = parser.get_parsed_content("inferer")(inputs=data[name][None], network=network)
        result = without_files(parser.get_parsed_content("postprocessing"))({out: scores[0], **data})[out]
    assert expected.any()
    assert np.array_equal(result[0].numpy(), expected)

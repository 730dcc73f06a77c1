from __future__ import annotations

from itertools import islice
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from conftest import RunBundle
from monai.transforms import Compose, Lambda

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data.errors import DataError, causes, refusal
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.segmentation import Segmenter
from monai_mobileunet.segmentation.segmenter import preprocess


@pytest.fixture
def bundle(bundle_copy: Path, tmp_path: Path) -> Bundle:
    """With random weights."""
    opened = Bundle(bundle_copy, device="cpu", output_dir=str(tmp_path / "masks"))
    torch.manual_seed(0)
    torch.save(opened.parser.get_parsed_content("network").state_dict(), bundle_copy / "models" / "model.pt")
    return Bundle(bundle_copy, device="cpu", output_dir=str(tmp_path / "masks"))


def masks(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(nibabel.load(path).dataobj) for path in sorted(folder.glob("*.nii.gz"))}


def test_masks_are_those_of_the_bundle_run_by_monai(
    bundle: Bundle, toy_dataset: Path, tmp_path: Path, run_bundle: RunBundle
):
    images = toy_dataset / "imagesTr"
    segmenter = Segmenter(bundle)
    for image in sorted(images.iterdir()):
        segmenter(image).save(tmp_path / "masks" / image.name)
    config = bundle.folder / "configs" / "inference.json"
    run_bundle(config, dataset_dir=images, output_dir=tmp_path / "by monai", device="cpu")
    ours, theirs = masks(tmp_path / "masks"), masks(tmp_path / "by monai")
    assert list(ours) == list(theirs) == sorted(path.name for path in images.iterdir())
    for name in ours:
        assert np.array_equal(ours[name], theirs[name])
        assert ours[name].dtype == theirs[name].dtype == np.uint8
    assert any(mask.any() for mask in ours.values())


def test_an_error_of_the_preprocessing_has_a_chain_with_an_end(tmp_path: Path):
    """Whoever asks for its root would otherwise look for it until the memory is full."""

    def refuse(item: object) -> object:
        raise refusal("a.nii", "is odd.")

    volume = Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), "a.nii")
    with pytest.raises(DataError, match=r"a\.nii: is odd\.") as error:
        preprocess(Compose([Lambda(refuse)]), volume)
    assert len(list(islice(causes(error.value), 10))) == 1

"""The weights that a bundle comes with: what they are, and that they segment real images."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from conftest import BUNDLES, HIPPOCAMPUS, PATIENT, PROJECT, VolumeFor, cropped_patient, template_hippocampus

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.evaluation import measure_case
from monai_mobileunet.segmentation import Segmenter

MIB = 2**20
CT = PROJECT / "bundles" / "head_neck_oar_ct_segmentation"
EXPECTED = {  # cases of the data set, and the lowest Dice that each class may have on each of them
    "hippocampus_mri_segmentation": ("hippocampus", ["hippocampus_001", "hippocampus_003", "hippocampus_297"], 0.8),
    "head_neck_oar_ct_segmentation": ("openkbp_hn_ct", ["pt_13", "pt_101"], 0.5),
}


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: path.name)
def test_they_are_a_small_plain_state_dict_with_a_known_hash(folder: Path):
    path = folder / "models" / "model.pt"
    content = path.read_bytes()
    assert len(content) < 16 * MIB
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    assert metadata["weights"] == {"models/model.pt": {"sha256": hashlib.sha256(content).hexdigest()}}
    weights = torch.load(path, weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in weights.values())
    network = Bundle(folder, device="cpu").parser.get_parsed_content("network")
    missing, unexpected = network.load_state_dict(weights, strict=False)
    assert not missing
    assert all(key.startswith("aux_heads.") for key in unexpected), "which only deep supervision has a use for"


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: path.name)
def test_metadata_tell_how_good_they_are_and_on_what(folder: Path):
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    classes = metadata["network_data_format"]["outputs"]["pred"]["channel_def"].values()
    dice = metadata["eval_metrics"]["dice"]
    assert set(dice) == set(classes) - {"background"}
    assert all(0.5 < value < 1 for value in dice.values())
    assert metadata["eval_metrics"]["measured_on"]
    assert metadata["data_license"]


def segment(image: Path, folder: Path, output: Path) -> np.ndarray:
    Segmenter(folder, device="cpu")(image).save(output / image.name)
    mask = nibabel.load(output / image.name)
    assert mask.shape == nibabel.load(image).shape
    assert np.allclose(mask.affine, nibabel.load(image).affine)
    return np.asarray(mask.dataobj)


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: path.name)
def test_they_segment_real_images(folder: Path, shared_data: Path, tmp_path: Path):
    dataset, names, lowest = EXPECTED[folder.name]
    for name in names:
        label = nibabel.load(shared_data / dataset / "labelsTr" / f"{name}.nii.gz")
        pred = segment(shared_data / dataset / "imagesTr" / f"{name}.nii.gz", folder, tmp_path)
        classes = len(Bundle(folder).class_names) + 1
        reference = np.asarray(label.dataobj).astype(np.uint8)
        dice = [r.dice for r in measure_case(pred, reference, classes, label.header.get_zooms()[:3])]
        assert min(dice) > lowest, (name, dice)


def test_they_find_all_organs_of_the_patient_that_the_tests_carry():
    label = nibabel.load(PATIENT / "label.nii.gz")
    pred = Segmenter(CT, device="cpu")(cropped_patient()).mask
    dice = [r.dice for r in measure_case(pred, np.asarray(label.dataobj), 6, label.header.get_zooms()[:3])]
    assert min(dice) > 0.7, dice


def test_they_find_both_parts_of_the_template_s_hippocampus():
    """Other tests take it for a patient's: as large as an adult's, the anterior part in front of the posterior one."""
    image = template_hippocampus()
    result = Segmenter(HIPPOCAMPUS, device="cpu")(image)
    assert all(1 < result.volumes_ml[part] < 2.5 for part in ("anterior", "posterior")), result.volumes_ml
    anterior, posterior = (
        nibabel.affines.apply_affine(image.affine, np.argwhere(result.mask == value)).mean(0) for value in (1, 2)
    )
    assert 10 < anterior[1] - posterior[1] < 25
    assert anterior[2] < posterior[2], "the hippocampus rises towards its tail"


@pytest.fixture
def neck(volume_for: VolumeFor) -> nibabel.Nifti1Image:
    """A head and neck."""
    return volume_for(CT.name)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_stored_the_other_way_round_has_the_same_mask_in_space(neck, tmp_path: Path, axis: int):
    """Array and affine flipped: the same patient, so left stays left."""
    image = np.asarray(neck.dataobj)
    nibabel.save(neck, tmp_path / "plain.nii.gz")
    flip = np.eye(4)
    flip[axis, axis], flip[axis, 3] = -1, image.shape[axis] - 1
    nibabel.save(nibabel.Nifti1Image(np.flip(image, axis), neck.affine @ flip), tmp_path / "flipped.nii.gz")
    plain, flipped = (segment(tmp_path / f"{name}.nii.gz", CT, tmp_path / "out") for name in ("plain", "flipped"))
    assert set(np.unique(plain)) == {0, 1, 2, 3, 4, 5}
    assert np.array_equal(np.flip(flipped, axis), plain)


def test_a_mirrored_patient_has_the_classes_of_the_other_side(neck, tmp_path: Path):
    """The array flipped and the affine kept: another patient, whose left parotid is where the right one was."""
    image = np.asarray(neck.dataobj)
    left_right = next(i for i, code in enumerate(nibabel.aff2axcodes(neck.affine)) if code in "LR")
    nibabel.save(neck, tmp_path / "plain.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.flip(image, left_right), neck.affine), tmp_path / "mirrored.nii.gz")
    plain, mirrored = (segment(tmp_path / f"{name}.nii.gz", CT, tmp_path / "out") for name in ("plain", "mirrored"))
    expected = np.array([0, 1, 2, 4, 3, 5], np.uint8)[np.flip(plain, left_right)]
    dice = [result.dice for result in measure_case(mirrored, expected, 6, (4, 4, 2.5))]
    assert min(dice) > 0.5, dice  # of sides that were not told apart it would be near 0
    across = nibabel.affines.apply_affine(neck.affine, np.argwhere(mirrored == 3))[:, 0].mean()
    assert across > nibabel.affines.apply_affine(neck.affine, np.argwhere(mirrored == 4))[:, 0].mean(), (
        "right is +x in RAS"
    )

"""What a student learns from: the label, and the scores of teachers."""

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.transforms import AsDiscreted, Compose, EnsureChannelFirstd, Lambdad, Orientationd, RandFlipd

from monai_mobileunet.data import DataError
from monai_mobileunet.transforms import (
    LoadImaged,
    MatchImaged,
    MixTeacherScoresd,
    RandSliceSamplesd,
    Spacingd,
    WindowScoresd,
    keep_scores,
)

SHAPE = (5, 6, 4)
LPS = np.diag([-1.5, -1.5, 3.0, 1.0])


@pytest.fixture
def case(tmp_path: Path) -> dict[str, str]:
    """A patient's image and label in files, which do not lie as the bundles want their volumes."""
    random = np.random.RandomState(0)
    folder = tmp_path / "images" / "patient1"
    folder.mkdir(parents=True)
    image, label = folder / "t1.nii.gz", folder / "seg.nii.gz"
    nibabel.save(nibabel.Nifti1Image(random.rand(*SHAPE).astype(np.float32), LPS), image)
    nibabel.save(nibabel.Nifti1Image(random.randint(0, 3, SHAPE).astype(np.uint8), LPS), label)
    return {"image": str(image), "label": str(label)}


def scores_of(case: dict[str, str], folder: Path, seed: int = 1, name: str = "patient1/t1.nii.gz") -> np.ndarray:
    """Write what a teacher could say of the image."""
    scores = np.random.RandomState(seed).dirichlet([0.3] * 3, SHAPE).astype(np.float32)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(scores, nibabel.load(case["image"]).affine), folder / name)
    return scores


def prepared(case: dict[str, str], *last, pixdim=(1.5, 1.5, 3.0)) -> dict:
    steps = [LoadImaged("image"), EnsureChannelFirstd("image"), Orientationd("image", "RAS", labels=None)]
    steps += [Spacingd("image", pixdim), LoadImaged("label"), EnsureChannelFirstd("label"), MatchImaged("label")]
    return Compose([*steps, *last])(case)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_the_teacher_and_the_rest_of_the_label(case, tmp_path, share):
    scores = scores_of(case, tmp_path / "teacher")
    label = prepared(case)["label"]
    mixed = prepared(case, MixTeacherScoresd("label", tmp_path / "teacher", 3, share))["label"]
    turned = torch.from_numpy(scores[::-1, ::-1].copy()).movedim(-1, 0)  # from LPS to RAS
    hard = torch.nn.functional.one_hot(torch.as_tensor(label)[0].long(), 3).movedim(-1, 0)
    torch.testing.assert_close(torch.as_tensor(mixed), share * turned + (1 - share) * hard, atol=1e-5, rtol=0)
    assert mixed.shape == (3, *SHAPE)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed.affine, label.affine)


def test_of_several_teachers_it_is_their_mean(case, tmp_path):
    one, other = (scores_of(case, tmp_path / name, seed) for seed, name in enumerate("ab"))
    both = prepared(case, MixTeacherScoresd("label", [tmp_path / "a", tmp_path / "b"], 3, 1.0))["label"]
    turned = torch.from_numpy(((one + other) / 2)[::-1, ::-1].copy()).movedim(-1, 0)
    torch.testing.assert_close(torch.as_tensor(both), turned, atol=1e-5, rtol=0)


def test_on_another_grid_they_are_brought_to_the_image_s(case, tmp_path):
    scores_of(case, tmp_path / "teacher")
    mixed = prepared(case, MixTeacherScoresd("label", tmp_path / "teacher", 3, 1.0), pixdim=(1.0, 1.0, 3.0))["label"]
    assert mixed.shape[1:] == prepared(case, pixdim=(1.0, 1.0, 3.0))["label"].shape[1:] != SHAPE
    torch.testing.assert_close(torch.as_tensor(mixed).sum(0), torch.ones(mixed.shape[1:]))
    assert mixed.min() >= 0


@pytest.mark.parametrize("name", ["patient1/t1.nii.gz", "t1.nii.gz", "t1.nii", "patient1/t1_0000.nii.gz"])
def test_the_file_lies_as_the_image_does_or_alone(case, tmp_path, name):
    image = Path(case["image"])
    if name.endswith("_0000.nii.gz"):  # nnU-Net's number of a channel
        case = {**case, "image": str(image.rename(image.with_name("t1_0000.nii.gz")))}
        name = "patient1/t1.nii.gz"
    scores_of(case, tmp_path / "teacher", name=name)
    scores_of(case, tmp_path / "teacher", seed=5, name="patient2/t1.nii.gz")
    expected = torch.from_numpy(scores_of(case, tmp_path / "teacher", name=name)[::-1, ::-1].copy()).movedim(-1, 0)
    mixed = prepared(case, MixTeacherScoresd("label", tmp_path / "teacher", 3, 1.0))["label"]
    torch.testing.assert_close(torch.as_tensor(mixed), expected, atol=1e-5, rtol=0)


def test_an_image_without_scores_is_named_with_what_to_type(case, tmp_path):
    (tmp_path / "teacher").mkdir()
    with pytest.raises(DataError, match=r"teacher: has no scores of .*t1.nii.gz.*no file t1.nii.gz.*--argmax"):
        prepared_error(case, MixTeacherScoresd("label", tmp_path / "teacher", 3))


def test_one_file_is_not_taken_for_two_patients(case, tmp_path):
    """In folders of patients all images have one name."""
    scores_of(case, tmp_path / "teacher", name="t1.nii.gz")
    other = Path(shutil.copytree(Path(case["image"]).parent, tmp_path / "images" / "patient2"))
    mix = MixTeacherScoresd("label", tmp_path / "teacher", 3)
    mix(prepared(case))
    mix(prepared(case))
    with pytest.raises(DataError, match=r"scores of two images would: .*patient1.*patient2.*--dataset_dir IMAGES"):
        mix(prepared({key: str(other / Path(file).name) for key, file in case.items()}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"affine": LPS + np.diag([0, 0, 1.0, 0])}, "has another affine; expected the grid of its image"),
        ({"scores": lambda scores: scores[:-1]}, r"has shape \(4, 6, 4\); expected the grid"),
        ({"scores": lambda scores: scores * 2}, "add up to 2 to 2; expected probabilities"),
        ({"scores": lambda scores: np.log(scores + 1e-6)}, "has values from -"),
    ],
)
def test_scores_of_another_grid_or_of_no_probabilities_are_refused(case, tmp_path, changed, message):
    scores = scores_of(case, tmp_path / "teacher")
    values = changed.get("scores", lambda scores: scores)(scores)
    file = tmp_path / "teacher" / "patient1" / "t1.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, changed.get("affine", LPS)), file)
    with pytest.raises(DataError, match=message):
        prepared_error(case, MixTeacherScoresd("label", tmp_path / "teacher", 3))


def test_a_folder_that_is_not_there(case, tmp_path):
    with pytest.raises(DataError, match="teacher: no such folder"):
        prepared_error(case, MixTeacherScoresd("label", tmp_path / "teacher", 3))


@pytest.mark.parametrize("slices", [1, 3])
def test_windows_have_the_shape_of_the_network_s_output_and_are_background_beyond_the_image(slices):
    scores = torch.rand(slices, 4, 5, 6).softmax(1)
    scores[..., -1] = 0  # beyond the image
    expected = scores.movedim(1, 0).clone()
    expected[0, ..., -1] = 1
    expected = expected[:, 0] if slices == 1 else expected
    windows = WindowScoresd("label", 4)
    torch.testing.assert_close(windows({"label": scores.flatten(0, 1)})["label"], expected)
    if slices > 1:
        torch.testing.assert_close(windows({"label": scores.movedim(1, 0)})["label"], expected)


@pytest.mark.parametrize("between", [AsDiscreted("label", argmax=True), Lambdad("label", lambda x: x)])
def test_the_steps_between_class_numbers_and_scores_are_left_out_of_the_label_s(between):
    image = Lambdad("image", lambda x: x)
    flip = RandFlipd(["image", "label"])
    for to_one_hot in (AsDiscreted("label", to_onehot=3), Lambdad("label", lambda x: x)):
        kept = keep_scores([to_one_hot, image, flip, between], 3)
        assert kept[:2] == [image, flip]
        assert [type(step) for step in kept[2:]] == [WindowScoresd]


def test_a_bundle_for_partly_annotated_data_learns_from_labels_alone():
    sampler = RandSliceSamplesd(["image", "label"], 8, class_key="label", num_classes=3)
    with pytest.raises(DataError, match=r"whose class is not known.*Leave configs/teacher.json out"):
        keep_scores([sampler], 3)
    with pytest.raises(SystemExit, match="error: the bundle: was planned"):
        keep_scores([sampler], 3, exit_on_error=True)


def test_windows_are_drawn_around_a_class_that_the_teacher_misses():
    label = torch.zeros(1, 40, 30, 6)
    label[0, 33, 4, 2] = 1
    one_hot = torch.cat([1 - label, label])
    missed = torch.cat([torch.ones_like(label), torch.zeros_like(label)])
    cut = RandSliceSamplesd(
        ["label"], (8, 8), 6, "axial", class_key="label", class_share=1.0, class_in_window=True
    ).set_random_state(0)
    assert all(window["label"][1].max() == 0.5 for window in cut({"label": 0.5 * one_hot + 0.5 * missed}))


def test_masks_and_scores_of_other_classes_are_no_scores(case, tmp_path):
    scores_of(case, tmp_path / "teacher")
    with pytest.raises(DataError, match=r"has 3 channels; expected 4"):
        prepared_error(case, MixTeacherScoresd("label", tmp_path / "teacher", 4))
    mask = tmp_path / "masks" / "t1.nii.gz"
    mask.parent.mkdir()
    mask.write_bytes(Path(case["label"]).read_bytes())
    with pytest.raises(DataError, match="has 1 channel; expected 3"):
        prepared_error(case, MixTeacherScoresd("label", mask.parent, 3))


def test_a_label_with_unknown_voxels_is_refused(case, tmp_path):
    scores_of(case, tmp_path / "teacher")
    values = np.zeros(SHAPE, np.uint8)
    values[2, 2, 2] = 3
    nibabel.save(nibabel.Nifti1Image(values, LPS), case["label"])
    with pytest.raises(DataError, match=r"t1.nii.gz: its label has voxels whose class is not known"):
        prepared_error(case, MixTeacherScoresd("label", tmp_path / "teacher", 3))


def prepared_error(case, transform) -> None:
    """Apply the transform alone, for MONAI's Compose gives every error its own words."""
    transform(prepared(case))


@pytest.mark.parametrize(("folders", "share"), [([], 0.5), ("a", 1.5), ("a", -0.1)])
def test_settings_that_make_no_sense(folders, share):
    with pytest.raises(ValueError, match="give a folder, and a share of 0 to 1"):
        MixTeacherScoresd("label", folders, 3, share)

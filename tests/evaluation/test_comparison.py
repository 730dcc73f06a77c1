from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.cohort.compare import compare_cases
from monai_mobileunet.evaluation.masks import read_classes

AFFINE = np.diag([-1.0, 2.0, 3.0, 1.0])


def save(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def compare_case(label: Path, *masks: Path) -> CaseRecord:
    """A case with two classes, compared with its reference."""
    (compared,) = compare_cases([CaseRecord("case", outputs=masks, label=label, state=CaseState.DONE)], ("a", "b"))
    return compared


@pytest.fixture
def label(tmp_path: Path) -> Path:
    values = np.zeros((6, 7, 8), np.uint8)
    values[2:5, 2:5, 2:5] = 1
    values[2:5, 2:5, 5:7] = 2
    return save(tmp_path / "label.nii.gz", values)


def test_a_case_is_measured_with_the_spacing_of_its_file(label: Path):
    result = compare_case(label, label)
    assert not result.trouble
    assert [r.dice for r in result.classes] == [1, 1]
    assert result.classes[0].label_ml == pytest.approx(27 * 6 / 1000)


def test_float_labels_and_trailing_axes_are_taken(tmp_path: Path, label: Path):
    values = np.asarray(nibabel.load(label).dataobj)
    other = save(tmp_path / "other.nii", values.astype(np.float32)[..., None])
    assert [r.dice for r in compare_case(label, other).classes] == [1, 1]


def test_a_plane_is_a_volume_of_one_slice(tmp_path: Path):
    volume = read_classes([save(tmp_path / "plane.nii", np.ones((4, 5), np.uint8))], 2)
    assert volume.values.shape == (4, 5, 1)
    assert len(volume.spacing) == 3


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nhdr", ".mhd", ".nii", ".nii.gz"])
def test_every_format_that_is_segmented_is_measured(tmp_path: Path, label: Path, suffix: str):
    mask = nibabel.load(label)
    path = tmp_path / f"mask{suffix}"
    if suffix.startswith(".nii"):
        nibabel.save(mask, path)
    else:
        image = sitk.GetImageFromArray(np.asarray(mask.dataobj).transpose().copy())
        image.SetSpacing((1.0, 2.0, 3.0))
        image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, 1))  # LPS for the affine above
        sitk.WriteImage(image, str(path))
    result = compare_case(label, path)
    assert not result.trouble
    assert [one.dice for one in result.classes] == [1, 1]
    assert result.classes[0].pred_ml == pytest.approx(27 * 6 / 1000)


def test_what_floats_leave_of_whole_numbers_is_whole(tmp_path: Path, label: Path):
    values = np.asarray(nibabel.load(label).dataobj).astype(np.float32)
    near = save(tmp_path / "near.nii", np.where(values > 0, values - np.float32(2e-7), values))
    assert [r.dice for r in compare_case(near, near).classes] == [1, 1]
    assert [r.dice for r in compare_case(label, near).classes] == [1, 1]


def test_a_file_for_each_class_is_a_segmentation(tmp_path: Path, label: Path):
    values = np.asarray(nibabel.load(label).dataobj)
    parts = tuple(save(tmp_path / f"{n}.nii", (values == n).astype(np.uint8) * 255) for n in (1, 2))
    assert [r.dice for r in compare_case(label, *parts).classes] == [1, 1]
    assert "shares voxels with another class" in compare_case(label, parts[0], parts[0]).trouble


def test_whatever_goes_wrong_is_its_case_s_problem(label: Path, monkeypatch: pytest.MonkeyPatch):
    def no_memory(*arguments):
        raise MemoryError("no room")

    monkeypatch.setattr("monai_mobileunet.evaluation.comparison.measure_case", no_memory)
    assert "was not measured (MemoryError: no room)" in compare_case(label, label).trouble


@pytest.mark.parametrize(
    ("values", "affine", "words"),
    [
        (np.zeros((6, 7, 9), np.uint8), AFFINE, ["found shape (6, 7, 9)", "grid of", "Resample"]),
        (np.zeros((6, 7, 8), np.uint8), np.diag([1.0, 2.0, 3.0, 1.0]), ["found another affine"]),
        (np.full((6, 7, 8), 7, np.uint8), AFFINE, ["has label values 7;", "expected 0 to 2"]),
        (np.full((6, 7, 8), 0.9985, np.float32), AFFINE, ["has label values 0.9985"]),
        (np.full((6, 7, 8), 0.5, np.float32), AFFINE, ["has label values 0.5", "nearest neighbours"]),
        (np.full((6, 7, 8), np.nan, np.float32), AFFINE, ["has label values nan"]),
        (np.zeros((6, 7, 8, 2), np.uint8), AFFINE, ["has 2 channels; expected class numbers in one"]),
    ],
)
def test_what_is_wrong_with_a_segmentation_is_said_with_its_name(tmp_path: Path, label: Path, values, affine, words):
    pred = save(tmp_path / "pred.nii", values, affine)
    result = compare_case(label, pred)
    assert result.classes == ()
    assert all(word in result.trouble for word in (str(pred), *words)), result.trouble


@pytest.mark.parametrize("content", [None, b"", b"no image at all", "truncated"])
def test_a_file_that_cannot_be_read_is_a_problem_of_its_case(tmp_path: Path, label: Path, content):
    pred = tmp_path / "pred.nii.gz"
    if content == "truncated":
        noise = np.random.default_rng(0).integers(0, 3, (60, 60, 60)).astype(np.uint8)
        content = save(tmp_path / "whole.nii.gz", noise).read_bytes()[:9000]
    if content is not None:
        pred.write_bytes(content)
    result = compare_case(label, pred)
    assert result.classes == ()
    assert "pred.nii.gz" in result.trouble


def test_a_header_that_makes_no_sense_is_a_problem_of_its_case(tmp_path: Path, label: Path):
    pred = save(tmp_path / "pred.nii", np.zeros((6, 7, 8), np.uint8))
    content = bytearray(pred.read_bytes())
    content[70:72] = (9999).to_bytes(2, "little")  # the code of the data type
    pred.write_bytes(content)
    problem = compare_case(label, pred).trouble
    assert "pred.nii: cannot be read (HeaderDataError" in problem

from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_mobileunet.evaluation import CaseFiles, compare_case
from monai_mobileunet.evaluation.comparison import read_classes

AFFINE = np.diag([-1.0, 2.0, 3.0, 1.0])


def save(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


@pytest.fixture
def label(tmp_path: Path) -> Path:
    values = np.zeros((6, 7, 8), np.uint8)
    values[2:5, 2:5, 2:5] = 1
    values[2:5, 2:5, 5:7] = 2
    return save(tmp_path / "label.nii.gz", values)


def test_a_case_is_measured_with_the_spacing_of_its_file(label: Path):
    result = compare_case(CaseFiles("case", label, label), 3)
    assert not result.problem
    assert [r.dice for r in result.classes] == [1, 1]
    assert result.classes[0].label_ml == pytest.approx(27 * 6 / 1000)


def test_float_labels_and_trailing_axes_are_taken(tmp_path: Path, label: Path):
    values = np.asarray(nibabel.load(label).dataobj)
    other = save(tmp_path / "other.nii", values.astype(np.float32)[..., None])
    assert [r.dice for r in compare_case(CaseFiles("case", label, other), 3).classes] == [1, 1]


def test_a_plane_is_a_volume_of_one_slice(tmp_path: Path):
    values, _, spacing = read_classes(save(tmp_path / "plane.nii", np.ones((4, 5), np.uint8)), 2)
    assert values.shape == (4, 5, 1)
    assert len(spacing) == 3


@pytest.mark.parametrize(
    ("values", "affine", "words"),
    [
        (np.zeros((6, 7, 9), np.uint8), AFFINE, ["found shape (6, 7, 9)", "grid of", "Resample"]),
        (np.zeros((6, 7, 8), np.uint8), np.diag([1.0, 2.0, 3.0, 1.0]), ["found another affine"]),
        (np.full((6, 7, 8), 7, np.uint8), AFFINE, ["has values 7", "from 0 to 2"]),
        (np.full((6, 7, 8), 0.99999994, np.float32), AFFINE, ["has values 0.9999999"]),
        (np.full((6, 7, 8), 0.5, np.float32), AFFINE, ["has values 0.5"]),
        (np.full((6, 7, 8), np.nan, np.float32), AFFINE, ["has values nan"]),
        (np.zeros((6, 7, 8, 2), np.uint8), AFFINE, ["(6, 7, 8, 2)", "one volume"]),
    ],
)
def test_what_is_wrong_with_a_segmentation_is_said_with_its_name(tmp_path: Path, label: Path, values, affine, words):
    pred = save(tmp_path / "pred.nii", values, affine)
    result = compare_case(CaseFiles("case", label, pred), 3)
    assert result.classes == ()
    assert all(word in result.problem for word in (str(pred), *words)), result.problem


@pytest.mark.parametrize("content", [None, b"", b"no image at all", "truncated"])
def test_a_file_that_cannot_be_read_is_a_problem_of_its_case(tmp_path: Path, label: Path, content):
    pred = tmp_path / "pred.nii.gz"
    if content == "truncated":
        noise = np.random.default_rng(0).integers(0, 3, (60, 60, 60)).astype(np.uint8)
        content = save(tmp_path / "whole.nii.gz", noise).read_bytes()[:9000]
    if content is not None:
        pred.write_bytes(content)
    result = compare_case(CaseFiles("case", label, pred), 3)
    assert result.classes == ()
    assert "pred.nii.gz" in result.problem


def test_a_header_that_makes_no_sense_is_a_problem_of_its_case(tmp_path: Path, label: Path):
    pred = save(tmp_path / "pred.nii", np.zeros((6, 7, 8), np.uint8))
    content = bytearray(pred.read_bytes())
    content[70:72] = (9999).to_bytes(2, "little")  # the code of the data type
    pred.write_bytes(content)
    problem = compare_case(CaseFiles("case", label, pred), 3).problem
    assert "pred.nii: cannot be read (HeaderDataError" in problem

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_mobileunet.data import DataError, check_case, check_cases, find_cases, load_cases
from monai_mobileunet.data.datasets import checks
from monai_mobileunet.data.reading import read_label


@pytest.fixture
def case(own_dataset: Path) -> dict[str, str]:
    return find_cases(own_dataset)[1]


def rewrite(path: str, change) -> None:
    volume = nibabel.load(path)
    array, affine = change(np.asarray(volume.dataobj), volume.affine.copy())
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


def only(findings):
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


def test_sound_cases_give_no_findings(toy_dataset: Path):
    assert check_cases(find_cases(toy_dataset), num_classes=3, progress=False) == []


def test_a_truncated_file_is_named_with_the_reader_s_cause(case):
    path = Path(case["image"])
    path.write_bytes(path.read_bytes()[:2000])
    finding = only(check_case(case, 3))
    assert finding.path == case["image"]
    assert "cannot be read" in finding.problem
    assert "EOFError" in finding.problem


@pytest.mark.parametrize(("content", "found"), [(b"", "is empty (0 bytes)"), (b"this is text", "is not compressed")])
def test_an_empty_file_and_a_text_under_an_image_s_name_are_named(case, content, found):
    Path(case["label"]).write_bytes(content)
    assert found in only(check_case(case, 3)).problem


@pytest.mark.parametrize("value", [7, -2])
def test_label_values_outside_the_classes_are_listed(case, value):
    def change(array, affine):
        array = array.astype(np.int16)
        array[0, 0, 0] = value
        return array, affine

    rewrite(case["label"], change)
    finding = only(check_case(case, 3))
    assert finding.path == case["label"]
    assert f"label values {value}; expected 0 to 2" in finding.problem


def test_a_fraction_in_a_label_is_found_and_whole_floats_are_fine(case):
    rewrite(case["label"], lambda array, affine: (array.astype(np.float32), affine))
    assert check_case(case, 3) == []

    def change(array, affine):
        array[3, 3, 3] = 0.5
        return array, affine

    rewrite(case["label"], lambda array, affine: change(array.astype(np.float32), affine))
    assert "label values 0.5" in only(check_case(case, 3)).problem


def test_nan_and_infinite_intensities_are_counted(case):
    def change(array, affine):
        array = array.astype(np.float32)
        array[0, 0, :2] = np.nan, np.inf
        return array, affine

    rewrite(case["image"], change)
    assert "2 voxels that are NaN or infinite" in only(check_case(case, 3)).problem


def test_another_shape_and_another_place_of_the_label_are_found(case):
    rewrite(case["label"], lambda array, affine: (array[:, :, :-1], affine))
    assert "has shape (24, 34, 27), but its image (24, 34, 28)" in only(check_case(case, 3)).problem

    def move(array, affine):
        affine[0, 3] = 5.0
        return np.concatenate([array, array[:, :, -1:]], 2), affine

    rewrite(case["label"], move)
    assert "affines differ by up to 5" in only(check_case(case, 3)).problem


def test_a_label_of_another_rank_is_refused_in_words(case):
    rewrite(case["label"], lambda array, affine: (array[:, :, 0], affine))
    assert "has shape (24, 34, 1), but its image (24, 34, 28)" in only(check_case(case, 3)).problem
    rewrite(case["label"], lambda array, affine: (np.zeros((24, 34, 28, 2), np.uint8), affine))
    assert "has 2 channels; expected class numbers in one" in only(check_case(case, 3)).problem


def test_what_is_odd_is_a_warning_and_stops_no_training(own_dataset: Path, caplog):
    path = own_dataset / "imagesTr" / "toy_001.nii.gz"
    volume = nibabel.load(path)
    volume.set_qform(np.diag([3.0, 3, 3, 1]), code=1)
    volume.set_sform(np.eye(4), code=1)
    nibabel.save(nibabel.Nifti1Image(np.asarray(volume.dataobj), volume.affine, volume.header), path)
    findings = check_cases(find_cases(own_dataset), 3, progress=False)
    assert all(finding.warning for finding in findings)
    assert "sform and a qform" in only(findings).problem
    assert len(load_cases(str(own_dataset), part="all", num_classes=3)) == 6
    assert "sform and a qform" in caplog.text


def test_all_findings_come_in_one_error_in_the_order_of_the_cases(own_dataset: Path):
    cases = find_cases(own_dataset)
    for index in (4, 1):
        Path(cases[index]["image"]).write_bytes(b"")
    with pytest.raises(DataError) as error:
        load_cases(str(own_dataset), part="all", num_classes=3)
    assert [finding.path for finding in error.value.findings] == [cases[1]["image"], cases[4]["image"]]
    assert str(error.value).startswith("2 problems:")


def test_the_parts_of_a_training_are_checked_in_one_go(own_dataset: Path, caplog, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(checks, "read_label", lambda path: opened.append(str(path)) or read_label(path))
    caplog.set_level("INFO")
    asked = {"num_classes": 3, "folds": 3}
    training = load_cases(str(own_dataset), "training", checked=["training", "validation"], **asked)
    validation = load_cases(str(own_dataset), "validation", checked=[], **asked)
    assert (len(training), len(validation), len(opened), len(set(opened))) == (4, 2, 6, 6)
    assert caplog.messages == ["checking the files of 6 cases"]
    Path(validation[0]["label"]).write_bytes(b"")
    with pytest.raises(DataError, match=Path(validation[0]["label"]).name):
        load_cases(str(own_dataset), "training", checked=["training", "validation"], **asked)


def test_in_a_config_the_message_alone_ends_the_program(own_dataset: Path):
    (own_dataset / "labelsTr" / "toy_003.nii.gz").unlink()
    with pytest.raises(SystemExit, match=r"error: .*toy_003\.nii\.gz: listed in dataset\.json, but missing"):
        load_cases(str(own_dataset), exit_on_error=True)


def test_an_unknown_part_is_refused(toy_dataset: Path):
    with pytest.raises(ValueError, match="part is 'test'; expected one of all, training, validation"):
        load_cases(str(toy_dataset), part="test")


def test_the_real_data_set_is_sound_and_its_subjects_stay_together(hippocampus_data: Path):
    def subject(name: str) -> int:
        return (int(name[-3:]) + 1) // 2

    training = load_cases(str(hippocampus_data), "training", num_classes=3, subject_of=subject)
    validation = load_cases(str(hippocampus_data), "validation", num_classes=3, subject_of=subject)
    assert len(training) + len(validation) == 208
    sides = [{subject(Path(c["image"]).name[:-7]) for c in side} for side in (training, validation)]
    assert not sides[0] & sides[1]

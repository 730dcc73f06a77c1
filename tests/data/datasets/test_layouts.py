"""Folders of patients, channels of nnU-Net, names that repeat."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from monai_mobileunet.cohort.plan import STATE
from monai_mobileunet.data import DataError, find_all_cases, find_cases, find_parts, load_cases
from monai_mobileunet.data.datasets.cases import is_training_set
from monai_mobileunet.data.datasets.naming import name_cases, name_of
from monai_mobileunet.data.names import is_label_name, split_channel


@pytest.fixture
def patients(own_dataset: Path, tmp_path: Path) -> Path:
    """A folder for each patient with the same names in it, and no list."""
    root = tmp_path / "patients"
    for number in range(1, 7):
        folder = root / f"pat{number:03d}"
        folder.mkdir(parents=True)
        shutil.copy(own_dataset / "imagesTr" / f"toy_{number:03d}.nii.gz", folder / "t1.nii.gz")
        shutil.copy(own_dataset / "labelsTr" / f"toy_{number:03d}.nii.gz", folder / "seg.nii.gz")
    return root


NAMES = [f"pat{number:03d}" for number in range(1, 7)]


def names(cases) -> list[str]:
    return [name_of(case) for case in cases]


@pytest.mark.parametrize("listed", [True, False])
def test_a_folder_for_each_patient_gives_its_name_to_the_case(patients: Path, listed: bool):
    if listed:
        pairs = [{"image": f"{name}/t1.nii.gz", "label": f"{name}/seg.nii.gz"} for name in NAMES]
        (patients / "dataset.json").write_text(json.dumps({"training": pairs}))
    cases = find_cases(patients)
    assert is_training_set(patients)
    assert names(cases) == NAMES
    assert all(Path(case["image"]).name == "t1.nii.gz" for case in cases)
    assert all(Path(case["label"]).name == "seg.nii.gz" for case in cases)
    parts = find_parts(patients, 0, 3, lambda name: name)
    assert len(parts["validation"]) == 2, "each patient is a subject"
    assert len(load_cases(str(patients), "all", num_classes=3)) == 6


@pytest.mark.parametrize(
    ("files", "pairs"),
    [
        ("a a_seg b b_seg", {"a": "a_seg", "b": "b_seg"}),
        ("a_image a_label b_image b_label", {"a_image": "a_label", "b_image": "b_label"}),
        ("p1_t1 p1_mask p1_2_t1 p1_2_mask", {"p1_t1": "p1_mask", "p1_2_t1": "p1_2_mask"}),
        ("a_0000 a_0001 a_seg b_0000 b_0001 b_seg", {"a": "a_seg", "b": "b_seg"}),
    ],
)
def test_images_and_labels_in_one_folder_are_paired_by_their_names(tmp_path: Path, files: str, pairs: dict[str, str]):
    for name in files.split():
        (tmp_path / f"{name}.nii.gz").write_bytes(b"")
    assert {name_of(case): Path(case["label"]).name for case in find_cases(tmp_path)} == {
        name: f"{label}.nii.gz" for name, label in pairs.items()
    }
    assert is_training_set(tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ("a a_seg b_seg", "b_seg.nii.gz: label without an image. Name the two alike"),
        ("a a_seg b b_seg c", "c.nii.gz: image without a label. Name the two alike"),
        ("a_t1 a_t2 a_seg b b_seg", "a_seg.nii.gz: may be the label of several images: a_t1.nii.gz, a_t2.nii.gz."),
        ("a a_seg a_mask b b_seg", "a_mask.nii.gz: has the name of a case that has another label."),
        ("t1 r1_seg r2_seg", "expected one image and one label"),
    ],
)
def test_names_that_do_not_pair_are_refused(tmp_path: Path, files: str, said: str):
    for name in files.split():
        (tmp_path / f"{name}.nii.gz").write_bytes(b"")
    with pytest.raises(DataError, match=said):
        find_cases(tmp_path)


def test_outputs_in_the_data_set_are_no_patients(patients: Path):
    shutil.copytree(patients / "pat001", patients / "eval_output" / "segmented")
    (patients / "eval_output" / STATE).mkdir()
    assert names(find_cases(patients)) == NAMES


def test_pictures_beside_volumes_are_no_cases_and_masks_of_a_run_no_labels(tmp_path: Path):
    for name in ("images/a.nii.gz", "masks/a.nii.gz"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
        (tmp_path / name.replace(".nii.gz", ".png")).touch()
    (case,) = find_cases(tmp_path)
    assert [Path(case[key]).name for key in ("image", "label")] == ["a.nii.gz", "a.nii.gz"]
    (tmp_path / "masks" / STATE).mkdir()
    assert not is_training_set(tmp_path)


def test_pictures_in_folders_of_patients_are_no_cases(patients: Path):
    for folder in patients.iterdir():
        (folder / "preview.png").touch()
    assert names(find_cases(patients)) == NAMES


def test_a_file_of_which_the_name_says_nothing_is_asked_for(patients: Path):
    (patients / "pat002" / "seg.nii.gz").rename(patients / "pat002" / "t2.nii.gz")
    shutil.copy(patients / "pat003" / "t1.nii.gz", patients / "pat003" / "flair.nii.gz")
    assert not is_training_set(patients)
    with pytest.raises(DataError) as error:
        find_cases(patients)
    text = str(error.value)
    assert "pat002: holds t1.nii.gz, t2.nii.gz; expected one image and one label. Say which is which in" in text
    assert '"image": ["pat003/flair.nii.gz", "pat003/t1.nii.gz"]' in text, "several channels are written as a list"
    for path in patients.glob("*/seg.nii.gz"):
        path.unlink()
    with pytest.raises(DataError, match=r'Write a dataset\.json there: {"labels"'):
        find_cases(patients)


def test_folders_of_patients_in_two_folders_are_paired(patients: Path, tmp_path: Path):
    root = tmp_path / "two"
    for name in NAMES:
        for kind, file in {"images": "t1.nii.gz", "labels": "seg.nii.gz"}.items():
            (root / kind / name).mkdir(parents=True)
            shutil.copy(patients / name / file, root / kind / name)
    assert names(find_cases(root)) == NAMES


@pytest.mark.parametrize(
    "name", ["seg", "p1_seg", "GT", "BraTS_001-mask", "ground_truth", "manual", "Labels", "a.label"]
)
def test_names_of_labels(name: str):
    assert is_label_name(name)


@pytest.mark.parametrize("name", ["t1", "segment_me", "unmasked", "image", "bgt", "labelled"])
def test_names_of_images(name: str):
    assert not is_label_name(name)


def test_four_digits_are_a_channel_only_if_a_label_lacks_them():
    assert split_channel("a_0000", {"a"}) == ("a", "0000")
    assert split_channel("a_0001", {"a"}) == ("a", "0001")
    assert split_channel("patient_0001", {"patient_0001"}) == ("patient_0001", "")
    assert split_channel("a_0000") == ("a", "0000")
    assert split_channel("a_0012") == ("a_0012", "")


def with_channels(dataset: Path, channels: int) -> Path:
    (dataset / "dataset.json").write_text(
        json.dumps({"channel_names": {"0": "MRI"}, "labels": {"background": 0, "head": 1, "tail": 2}, "numTraining": 6})
    )
    for path in list((dataset / "imagesTr").iterdir()):
        for number in range(channels):
            shutil.copy(path, path.with_name(path.name.replace(".nii.gz", f"_{number:04d}.nii.gz")))
        path.unlink()
    return dataset


def test_nnunet_s_names_are_those_of_the_cases(own_dataset: Path):
    def subject(name: str) -> int:
        return (int(name.rsplit("_", 1)[-1]) + 1) // 2

    dataset = with_channels(own_dataset, 1)
    assert names(find_all_cases(dataset)) == [f"toy_{number:03d}" for number in range(1, 7)]
    assert len(find_parts(dataset, 0, 3, subject)["validation"]) == 2
    assert len(load_cases(str(dataset), "all", num_classes=3)) == 6


def test_channels_of_a_case_are_one_image_and_refused_where_one_is_expected(own_dataset: Path):
    dataset = with_channels(own_dataset, 2)
    cases = find_cases(dataset)
    assert [Path(path).name for path in cases[0]["image"]] == ["toy_001_0000.nii.gz", "toy_001_0001.nii.gz"]
    assert len(load_cases(str(dataset), "all", num_classes=3, image_channels=2)) == 6
    with pytest.raises(DataError, match=r"toy_001_0000\.nii\.gz: has 2 channels; expected 1"):
        load_cases(str(dataset), "all", num_classes=3, image_channels=1)
    (dataset / "imagesTr" / "toy_003_0000.nii.gz").unlink()
    with pytest.raises(DataError, match="is one of the channels 0001 of its case; expected 0000"):
        find_cases(dataset)


def test_one_case_of_other_channels_than_the_first_is_named(own_dataset: Path):
    content = json.loads((own_dataset / "dataset.json").read_text())
    first = content["training"][0]["image"]
    content["training"][3]["image"] = [first, content["training"][3]["image"]]
    (own_dataset / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"has 2 channels; 5 of 6 cases have 1"):
        load_cases(str(own_dataset), "all", num_classes=3)


def test_images_that_differ_in_their_format_alone_keep_it():
    cases = [{"image": f"/d/images/p1{suffix}", "label": f"/d/labels/p1{suffix}"} for suffix in (".nrrd", ".nii.gz")]
    assert names(name_cases(cases)) == ["p1.nrrd", "p1.nii.gz"]


def test_visits_of_a_patient_are_told_by_both_folders():
    cases = [{"image": f"/d/p{p}/v{v}/anat/t1.nii", "label": "x"} for p in (1, 2) for v in (1, 2)]
    assert names(name_cases(cases)) == ["p1/v1", "p1/v2", "p2/v1", "p2/v2"]


def test_subjects_that_the_config_cannot_tell_are_said(patients: Path):
    with pytest.raises(ValueError, match=r"tells 1 subject in 6 cases .* Type --set subject_of='\$None'"):
        find_parts(patients, 0, 3, lambda name: 0)
    with pytest.raises(ValueError, match=r"cannot tell the subject of the case 'pat001' \(ValueError"):
        find_parts(patients, 0, 3, lambda name: int(name))

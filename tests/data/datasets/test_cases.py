from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_mobileunet.data import DataError, case_name, find_cases, find_parts, load_cases, split_cases
from monai_mobileunet.data.datasets.naming import name_of
from monai_mobileunet.data.datasets.strata import stratified_folds


def names(cases):
    return [case_name(case["image"]) for case in cases]


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b.nii.gz", "b"), ("b.nii", "b"), ("c.d.nii", "c.d"), ("x.NII", "x"), ("plain", "plain")],
)
def test_the_name_of_a_case_is_its_file_name_without_the_image_suffix(path, name):
    assert case_name(path) == name


def test_a_decathlon_folder_is_read_from_its_dataset_json(toy_dataset: Path):
    cases = find_cases(toy_dataset)
    assert names(cases) == [f"toy_{i:03d}" for i in range(1, 7)]
    assert all(case_name(case["image"]) == case_name(case["label"]) for case in cases)
    assert all(Path(path).is_file() for case in cases for path in case.values())


@pytest.mark.parametrize("folders", [("imagesTr", "labelsTr"), ("images", "labels")])
def test_two_folders_are_paired_by_name(own_dataset: Path, folders):
    (own_dataset / "dataset.json").unlink()
    for old, new in zip(("imagesTr", "labelsTr"), folders):
        (own_dataset / old).rename(own_dataset / new)
    (own_dataset / folders[0] / "._toy_001.nii.gz").write_bytes(b"macOS companion")
    assert names(find_cases(own_dataset)) == [f"toy_{i:03d}" for i in range(1, 7)]


def test_the_channel_suffix_of_nnunet_is_understood(own_dataset: Path):
    (own_dataset / "dataset.json").write_text(json.dumps({"numTraining": 6, "file_ending": ".nii.gz"}))
    for path in (own_dataset / "imagesTr").iterdir():
        path.rename(path.with_name(path.name.replace(".nii.gz", "_0000.nii.gz")))
    cases = find_cases(own_dataset)
    assert [case_name(case["label"]) for case in cases] == [f"toy_{i:03d}" for i in range(1, 7)]


def test_pairs_do_not_shift_when_one_image_and_another_label_are_missing(own_dataset: Path):
    """Sorted lists zipped together would pair 002 with 003 here and say nothing."""
    (own_dataset / "dataset.json").unlink()
    (own_dataset / "imagesTr" / "toy_002.nii.gz").unlink()
    (own_dataset / "labelsTr" / "toy_005.nii.gz").unlink()
    with pytest.raises(DataError) as error:
        find_cases(own_dataset)
    message = str(error.value)
    assert "imagesTr/toy_005.nii.gz: image without a label" in message
    assert "labelsTr/toy_002.nii.gz: label without an image" in message
    assert len(error.value.findings) == 2


def test_a_listed_file_that_is_missing_is_named(own_dataset: Path):
    (own_dataset / "labelsTr" / "toy_004.nii.gz").unlink()
    with pytest.raises(DataError, match=r"labelsTr/toy_004\.nii\.gz: listed in dataset\.json, but missing"):
        find_cases(own_dataset)


def test_no_folder_no_images_and_an_unknown_layout_are_told_apart(tmp_path: Path):
    with pytest.raises(DataError, match="no such folder"):
        find_cases(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match=re.escape("It holds: notes.txt")):
        find_cases(tmp_path)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="no images"):
        find_cases(tmp_path)


def test_two_files_of_one_name_are_refused(own_dataset: Path):
    (own_dataset / "dataset.json").unlink()
    shutil.copy(own_dataset / "imagesTr" / "toy_001.nii.gz", own_dataset / "imagesTr" / "toy_001.nii")
    with pytest.raises(DataError, match="same case name"):
        find_cases(own_dataset)


def test_a_broken_dataset_json_is_named(own_dataset: Path):
    (own_dataset / "dataset.json").write_text("{")
    with pytest.raises(DataError, match=r"dataset\.json: is not valid JSON"):
        find_cases(own_dataset)


def test_a_validation_list_is_taken_as_it_is(own_dataset: Path):
    content = json.loads((own_dataset / "dataset.json").read_text())
    content["validation"] = content["training"][4:]
    content["training"] = content["training"][:4]
    (own_dataset / "dataset.json").write_text(json.dumps(content))
    parts = find_parts(own_dataset, fold=0, folds=3)
    assert names(parts["validation"]) == ["toy_005", "toy_006"]
    assert names(parts["training"]) == ["toy_001", "toy_002", "toy_003", "toy_004"]


@given(subjects=st.integers(3, 40), folds=st.integers(2, 6), seed=st.integers(0, 5), per_subject=st.integers(1, 3))
def test_folds_part_the_cases_and_keep_subjects_together(subjects, folds, seed, per_subject):
    folds = min(folds, subjects)
    cases = [
        {"image": f"s{s}_{k}.nii.gz", "label": f"s{s}_{k}.nii.gz"} for s in range(subjects) for k in range(per_subject)
    ]
    validated = []
    for fold in range(folds):
        training, validation = split_cases(cases, fold, folds, lambda name: name.split("_")[0], seed)
        sides = [{name.split("_")[0] for name in names(side)} for side in (training, validation)]
        assert not sides[0] & sides[1]
        assert validation
        assert len(training) + len(validation) == len(cases)
        validated += names(validation)
    assert sorted(validated) == sorted(names(cases))


@settings(max_examples=25)
@given(rare=st.lists(st.integers(1, 6), min_size=1, max_size=6), more=st.integers(4, 20), seed=st.integers(0, 5))
def test_each_fold_trains_and_validates_on_each_class_as_far_as_its_subjects_go(rare: list[int], more: int, seed: int):
    folds, subjects = 4, iter(range(100))
    having = {f"class {number}": [next(subjects) for _ in range(count)] for number, count in enumerate(rare)}
    count = next(subjects) + more
    cases = [{"image": f"s{subject}_{visit}.nii.gz"} for subject in range(count) for visit in range(1 + subject % 2)]
    names = {label: [f"s{subject}_0" for subject in whose] for label, whose in having.items()}
    parts = [split_cases(cases, fold, folds, lambda name: name.split("_")[0], seed, names) for fold in range(folds)]
    validated = [{name_of(case).split("_")[0] for case in validation} for _, validation in parts]
    assert sorted(one for part in validated for one in part) == sorted({f"s{subject}" for subject in range(count)})
    assert max(len(validation) for _, validation in parts) - min(len(validation) for _, validation in parts) <= 4
    for whose in having.values():
        times = [len({f"s{subject}" for subject in whose} & part) for part in validated]
        assert max(times) - min(times) <= 1, "so that whoever has a second one trains on it"
        assert len(whose) > 1 or times[0] == 0, "the first fold trains on what one subject alone has"


@pytest.mark.parametrize(
    ("alone", "others", "folds", "sizes"),
    [(5, 3, 3, [3, 2, 3]), (3, 1, 2, [1, 3]), (2, 1, 3, [1, 1, 1]), (3, 0, 3, [1, 1, 1]), (2, 0, 2, [1, 1])],
)
@pytest.mark.parametrize("seed", range(3))
def test_the_first_fold_trains_on_what_one_subject_alone_has(
    alone: int, others: int, folds: int, sizes: list[int], seed: int
):
    classes = {f"class {number}": [number] for number in range(alone)}
    dealt = stratified_folds(range(alone + others), classes, folds, seed)
    assert [len(subjects) for subjects in dealt] == sizes
    assert (not dealt[0] & {*range(alone)}) == (others > 0), "a fold has to validate something"


def test_a_fold_that_does_not_exist_and_more_folds_than_subjects_are_refused():
    cases = [{"image": f"{i}.nii", "label": f"{i}.nii"} for i in range(3)]
    with pytest.raises(ValueError, match="fold is 5 of 5"):
        split_cases(cases, 5, 5)
    with pytest.raises(ValueError, match="3 subjects cannot be dealt into 5 folds"):
        split_cases(cases, 0, 5)


def test_what_is_left_out_is_not_dealt(own_dataset: Path):
    gone = ("toy_002", "toy_005")

    def parts(part: str) -> list[list[dict[str, str]]]:
        return [load_cases(str(own_dataset), part, fold=fold, folds=3, leave_out=gone) for fold in range(3)]

    kept = [case for case in find_cases(own_dataset) if name_of(case) not in gone]
    assert parts("all")[0] == kept
    assert list(zip(parts("training"), parts("validation"))) == [split_cases(kept, fold, 3) for fold in range(3)]
    assert all(parts("validation")), "a fold whose cases are all left out would validate nothing"
    written = [{"train": ["toy_001", "toy_002"], "val": ["toy_003", "toy_005"]}]
    (own_dataset / "splits_final.json").write_text(json.dumps(written))
    sides = (load_cases(str(own_dataset), part, leave_out=gone) for part in ("training", "validation"))
    assert [names(side) for side in sides] == [["toy_001"], ["toy_003"]], "folds that are written down go without them"

"""Folds that somebody wrote down are the folds."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from monai_mobileunet.data import DataError, find_parts, load_cases
from monai_mobileunet.data.datasets.naming import name_of
from monai_mobileunet.data.datasets.subjects import read_subjects

TOYS = [f"toy_{number:03d}" for number in range(1, 7)]
SPLITS = [{"train": TOYS[:4], "val": TOYS[4:]}, {"train": TOYS[2:5], "val": TOYS[:2]}]


@pytest.fixture
def split(own_dataset: Path) -> Path:
    """A data set with two folds of nnU-Net, of which the second leaves out a case."""
    (own_dataset / "splits_final.json").write_text(json.dumps(SPLITS))
    return own_dataset


def names(parts: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    return [[name_of(case) for case in parts[part]] for part in ("training", "validation", "all")]


@pytest.mark.parametrize("fold", [0, 1])
def test_folds_of_nnunet_are_taken_as_they_are(split: Path, fold: int):
    assert names(find_parts(split, fold, 5)) == [SPLITS[fold]["train"], SPLITS[fold]["val"], TOYS]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"train": []}, "is no list of folds"),
        ([{"train": ["toy_001"]}], "is no list of folds"),
        ([{"train": ["toy_001"], "val": ["toy_001"]}], "expected names of different cases"),
        ([{"train": ["toy_001"], "val": ["toy_777"]}], "names cases that do not exist: toy_777; the cases are toy_001"),
        ([{"train": [], "val": ["toy_001"]}], "has a fold without cases in 'train'"),
    ],
)
def test_folds_that_are_none_are_named(split: Path, content: object, found: str):
    (split / "splits_final.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=found):
        find_parts(split, 0, 5)


def test_a_fold_that_nobody_wrote_down_is_refused(split: Path):
    with pytest.raises(ValueError, match="fold is 2; the data set says itself which folds it has: 0, 1"):
        find_parts(split, 2, 5)


def test_a_list_of_monai_deals_by_its_own_key(own_dataset: Path):
    index = own_dataset / "dataset.json"
    content = json.loads(index.read_text())
    for number, entry in enumerate(content["training"][1:]):
        entry["fold"] = number % 2
    index.write_text(json.dumps(content))
    training, validation, every = names(find_parts(own_dataset, 1, 5))
    assert validation == ["toy_003", "toy_005"]
    assert training == ["toy_001", "toy_002", "toy_004", "toy_006"], "a case without a fold is always trained on"
    assert every == TOYS
    assert all("fold" not in case for case in load_cases(str(own_dataset), fold=1))
    content["training"][0]["fold"] = "first"
    index.write_text(json.dumps(content))
    with pytest.raises(DataError, match="'fold' of entry 1 of 'training' is a text"):
        find_parts(own_dataset, 1, 5)


def test_one_fold_of_all_cases_leaves_none_to_train_on(own_dataset: Path):
    index = own_dataset / "dataset.json"
    content = json.loads(index.read_text())
    content["training"] = [{**entry, "fold": 0} for entry in content["training"]]
    index.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="none is left to train on"):
        find_parts(own_dataset, 0, 5)


def test_a_subject_on_both_sides_of_a_written_fold_is_warned_of(split: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        load_cases(str(split), subject_of=lambda name: (int(name[-3:]) + 2) // 3)  # 1-3, 4-6
    assert "toy_005.nii.gz: is of the same subject as toy_004.nii.gz in 'training'" in caplog.text


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("case,subject\ntoy_001,a\ntoy_002.nii.gz,a\nother,b\n", None),
        ("participant_id\tfile\na\timagesTr/toy_001.nii.gz\na\ttoy_002\n", None),
        ("case,subject\ntoy_001,a\ntoy_02,a\n", "no row for 1 of 2 cases: toy_002; its toy_02 are no cases"),
        ("case,subject\ntoy_001,a\ntoy_001,b\ntoy_002,a\n", "toy_001 is of a and of b. Name one subject"),
        ("case,subject\ntoy_001,\ntoy_002,a\n", "toy_001 is of nobody. Name one subject"),
        ("name,age\ntoy_001,3\n", "has the columns name, age; expected 'case' and 'subject'"),
        ("", "has no rows under a line of columns"),
    ],
)
def test_a_table_tells_whom_cases_are_of(tmp_path: Path, table: str, said: str | None):
    path = tmp_path / "subjects.csv"
    path.write_text(table, encoding="utf-8-sig")
    if said is None:
        assert read_subjects(path, TOYS[:2]) == {"toy_001": "a", "toy_002": "a"}
        return
    with pytest.raises(DataError, match=said):
        read_subjects(path, TOYS[:2])

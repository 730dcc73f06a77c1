"""What a path is shown as: a run, an evaluation, a data set, or images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_mobileunet.data.errors import DataError
from monai_mobileunet.viewing.finding import find_shown
from monai_mobileunet.viewing.volumes import shown_image
from tests.conftest import HIPPOCAMPUS, segment


def test_a_data_set_is_shown_with_its_labels(toy_dataset: Path):
    shown = find_shown(toy_dataset)
    assert (shown.kind, shown.class_names, len(shown.cases)) == ("data set", ("head", "tail"), 6)
    assert shown.cases[0].label == toy_dataset / "labelsTr" / "toy_001.nii.gz"
    assert shown.review is None


def test_images_are_shown_with_the_masks_that_are_named(toy_dataset: Path, tmp_path: Path):
    masks = Path(shutil.copytree(toy_dataset / "labelsTr", tmp_path / "masks"))
    (masks / "toy_002.nii.gz").unlink()
    (masks / "labels.json").write_text(json.dumps({"labels": {"0": "background", "1": "head", "2": "tail"}}))
    shown = find_shown(toy_dataset / "imagesTr", masks=masks)
    assert (shown.kind, shown.class_names) == ("images", ("head", "tail"))
    assert [bool(case.masks) for case in shown.cases] == [True, False, True, True, True, True]


def test_masks_and_references_inside_the_folder_of_the_images_are_no_images(toy_dataset: Path, tmp_path: Path):
    cases = Path(shutil.copytree(toy_dataset / "imagesTr", tmp_path / "cases"))
    for name in ("pred", "ref"):
        shutil.copytree(toy_dataset / "labelsTr", cases / name)
    shown = find_shown(cases, masks=cases / "pred", labels=cases / "ref")
    assert len(shown.cases) == 6
    assert all(case.masks and case.label for case in shown.cases)


def test_one_image_is_shown_with_one_mask(toy_dataset: Path):
    image, label = (toy_dataset / name / "toy_001.nii.gz" for name in ("imagesTr", "labelsTr"))
    shown = find_shown(image, masks=label, labels=label)
    assert [(case.name, case.masks, case.label) for case in shown.cases] == [("toy_001", (label,), label)]


def test_a_run_that_was_moved_has_its_masks(tmp_path: Path, toy_dataset: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    segment("-i", toy_dataset / "imagesTr" / "toy_001.nii.gz", "-o", "run", "-m", HIPPOCAMPUS)
    (tmp_path / "run").rename(tmp_path / "moved")
    shown = find_shown(Path("moved"))
    assert (shown.kind, shown.review) == ("run", Path("moved"))
    assert [case.masks for case in shown.cases] == [(Path("moved/toy_001.nii.gz"),)]
    shutil.copytree("moved", "copy")
    (tmp_path / "moved").rename(tmp_path / "run")
    assert find_shown(Path("copy")).cases[0].masks == (Path("copy/toy_001.nii.gz"),), "not those of the first run"
    with pytest.raises(DataError, match="in the folder in which the run was started"):
        shown_image([Path("elsewhere/toy_001.nii.gz")])


def test_what_cannot_be_shown_is_refused(tmp_path: Path, toy_dataset: Path):
    with pytest.raises(DataError, match="no such file or folder"):
        find_shown(tmp_path / "nothing")
    with pytest.raises(DataError, match="is one file; expected a folder"):
        find_shown(toy_dataset / "imagesTr", masks=toy_dataset / "labelsTr" / "toy_001.nii.gz")
    other = tmp_path / "other"
    other.mkdir()
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)), other / "else.nii.gz")
    with pytest.raises(DataError, match="has no mask with the name of an image"):
        find_shown(toy_dataset / "imagesTr", masks=other)

"""Who names classes, in which order."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_mobileunet.data import DataError, find_cases
from monai_mobileunet.data.datasets.class_names import held_classes, named_classes, said_of_numbers


def write_labels(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    labels = {"0": "background", **{str(number): name for number, name in enumerate(names, 1)}}
    (folder / "labels.json").write_text(json.dumps({"labels": labels}))


def test_the_user_names_classes_then_the_bundle_then_the_data_set_then_the_run_that_made_the_masks(
    own_dataset: Path, tmp_path: Path
):
    masks = tmp_path / "masks"
    write_labels(masks, "front", "back")
    ways = {"asked_for": ("a", "b"), "of_bundle": ("anterior", "posterior"), "masks": masks}
    for gone, names in (
        ("asked_for", ("a", "b")),
        ("of_bundle", ("anterior", "posterior")),
        ("dataset.json", ("head", "tail")),
        ("masks", ("front", "back")),
        ("", ()),
    ):
        assert named_classes(own_dataset, **ways) == names
        ways.pop(gone, None)
        if gone == "dataset.json":
            (own_dataset / gone).unlink()
    write_labels(own_dataset, "left", "right")
    assert named_classes(own_dataset) == ("left", "right")


def relabel(dataset: Path, values: dict[int, int]) -> None:
    for path in (dataset / "labelsTr").iterdir():
        label = np.asarray(nibabel.load(path).dataobj)
        new = label.copy()
        for old, value in values.items():
            new[label == old] = value
        nibabel.save(nibabel.Nifti1Image(new, np.eye(4)), path)


def test_labels_are_counted_and_a_file_that_cannot_be_read_stops_nothing(own_dataset: Path):
    cases = find_cases(own_dataset)
    (own_dataset / "labelsTr" / "toy_003.nii.gz").write_bytes(b"")
    seen: list[None] = []
    assert held_classes(cases, own_dataset, advance=lambda: seen.append(None)) == 2
    assert len(seen) == 6
    assert held_classes(cases, own_dataset, ignore=2) == 1
    for path in (own_dataset / "labelsTr").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="no label could be read to count them"):
        held_classes(cases, own_dataset)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({1: 255, 2: 255}, "--map 255=1 --write"),
        ({2: 4}, "the labels hold 0, 1, 4; expected 0 to 2"),
        ({1: 0, 2: 0}, "no label has any class"),
    ],
    ids=["255", "a gap", "background alone"],
)
def test_numbers_that_are_no_classes_are_refused_with_what_to_type(
    own_dataset: Path, values: dict[int, int], said: str
):
    relabel(own_dataset, values)
    with pytest.raises(DataError, match=said):
        held_classes(find_cases(own_dataset), own_dataset)


def test_many_classes_are_not_listed_one_by_one():
    assert "its labels hold 1, called class 1 here" in said_of_numbers("DATA", 1)
    assert "its labels hold 1 to 37, called class 1 to class 37 here" in said_of_numbers("DATA", 37)

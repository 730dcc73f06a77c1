"""nnU-Net's regions: the classes that follow from them, and what is wrong with those that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monai_mobileunet.data import DataError, find_class_names
from monai_mobileunet.data.datasets.described import find_ignored, find_regions
from monai_mobileunet.data.datasets.labels import (
    class_labels,
    indistinct_problems,
    labelled_classes,
    labelled_problems,
    region_labels,
)
from monai_mobileunet.data.datasets.regions import unions

BRATS: dict[str, Any] = {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [2, 3], "enhancing": 3}
KITS = {"background": 0, "kidney": [1, 2, 3], "masses": [2, 3], "tumor": [2]}


def described(folder: Path, labels: dict[str, Any], order: Any = None) -> Path:
    """A data set's description; nothing else is read here."""
    content = {"labels": labels, **({} if order is None else {"regions_class_order": order})}
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("labels", "order", "names"),
    [
        (BRATS, [1, 2, 3], ("whole tumor without tumor core", "tumor core without enhancing", "enhancing")),
        (BRATS, None, ("whole tumor without tumor core", "tumor core without enhancing", "enhancing")),
        (KITS, [1, 3, 2], ("kidney without masses", "tumor", "masses without tumor")),
        ({"0": "background", "1": "edema", "whole": [1, 2]}, None, ("edema", "whole without edema")),
        ({"a": [1, 2], "b": [2, 3]}, None, ("a without b", "overlap of a and b", "b without a")),
        ({"a": [1, 2, 3], "b": 2, "c": 3}, [1, 2, 3], ("a without b and c", "b", "c")),
        ({"a": [1, 2], "b": 1, "c": 2}, [7, 1, 2], ("b", "c")),
        ({"liver": [1, 2]}, None, ("liver (1)", "liver (2)")),
        ({"a": [1, 2], "b": 2, "a without b": 3}, None, ("a without b (1)", "b", "a without b")),
        ({"a": [1], "b": [2]}, [9], ("a", "b")),
    ],
)
def test_classes_follow_from_regions(tmp_path: Path, labels: dict[str, Any], order: Any, names: tuple[str, ...]):
    dataset = described(tmp_path, {**labels, "ignore": 9}, order)
    assert find_class_names(dataset) == names
    assert find_ignored(dataset) == 9
    regions = find_regions(dataset)
    assert unions(regions) == {name: tuple(one) for name, one in labels.items() if isinstance(one, list) and one[1:]}
    assert all(len(one) > 1 or names[one[0] - 1] == name for name, one in regions.items())


@pytest.mark.parametrize(
    ("labels", "order", "said"),
    [
        ({**BRATS, "x": []}, None, "the label 'x' is an empty list. Write the numbers"),
        ({**BRATS, "x": [[1]]}, None, r"the label 'x' has \[1\] in its list; expected whole numbers above 0"),
        ({**BRATS, "x": [1, True]}, None, "the label 'x' has true in its list"),
        ({**BRATS, "x": [1.5]}, None, r"the label 'x' has 1\.5 in its list"),
        ({**BRATS, "x": [1.0, 2]}, None, r"has 1\.0 in its list; expected numbers without a decimal.*Write \[1, 2\]\."),
        ({**BRATS, "x": ["1", 2]}, None, r'has "1" in its list; expected numbers without quotation.*Write \[1, 2\]\.'),
        ({**BRATS, "x": 4.0}, None, r"the label 'x' is 4\.0; expected a number without a decimal point. Write 4\."),
        ({**BRATS, "x": "[1,2]"}, None, r"the label 'x' is \"\[1,2\]\".*as \[1, 2\] without quotation marks"),
        ({"background": 0, "x": "(1, 2)", "y": 2}, None, r"the label 'x' is \"\(1, 2\)\"; expected a number, or"),
        ({**BRATS, " ": [1, 2]}, None, "a label has the name ' '; expected a word. Give it a name."),
        ({**BRATS, "x": [-1]}, None, "the label 'x' has -1 in its list"),
        ({**BRATS, "x": [0, 1]}, None, r"the label 'x' has the background, 0, among its classes \[0, 1\]"),
        ({**BRATS, "x": [2, 2]}, None, r"the label 'x' names a class twice: \[2, 2\]"),
        ({**BRATS, "x": None}, None, "the label 'x' is null; expected a number, or a list of numbers"),
        ({**BRATS, "x": 3}, None, "the class 3 is called 'enhancing' and 'x'"),
        ({**BRATS, "4": "enhancing"}, None, "2 labels are called 'enhancing'"),
        ({**BRATS, "ignore": 3}, None, "the label 'ignore' is 3; expected a number above those of all classes"),
        ({"2": "a", "1": "a", "ignore": 2}, None, "the label 'ignore' is 2; expected a number above .*number, as 3"),
        ({"a": 1, "b": 2, "ignore": 1}, None, "the label 'ignore' is 1; expected a number above .*number, as 3"),
        ({**BRATS, "ignore": [4]}, None, r"the label 'ignore' is \[4\]; expected a number above"),
        (BRATS, [1, 2], r"has 2 numbers, \[1, 2\]; expected one for each of the 3 labels .*: whole.*Write \[1, 2, 3\]"),
        (BRATS, "123", r"'regions_class_order' is \"123\"; expected a list of whole numbers.*Write \[1, 2, 3\]"),
        ({"a": [1, 2], "b": [2, 3]}, [1, 2], "paints 3 as 2 .*Remove 'regions_class_order': mobileunet does without"),
        ({"a": [1, 2], "b": [2, 3]}, [1], "has 1 numbers.*Remove 'regions_class_order': mobileunet does without it"),
        (BRATS, [1, 3, 2], r"paints 2 as 3 \(by 'tumor core'\) and 3 as 2 \(by 'enhancing'\).*Write \[1, 2, 3\]"),
        ({"b": 2, "a": [1, 2]}, [2, 1], r"paints 2 as 1 \(by 'a'\).*List in 'labels' the larger regions before"),
        ({"liver": [1, 2]}, [1], r"paints 2 as 1 .*Add a label for one of 1 and 2: no region tells them apart"),
        ({"whole": [1, 2, 4], "core": [1, 4], "e": 4}, [2, 1, 4], r"numbers its classes 1, 2, 4.*--map 1=1,2=2,4=3"),
    ],
)
def test_labels_that_contradict_themselves_are_refused(tmp_path: Path, labels: dict[str, Any], order: Any, said: str):
    with pytest.raises(DataError, match=said) as refused:
        find_class_names(described(tmp_path, labels, order))
    assert len(refused.value.findings) == 1
    assert refused.value.findings[0].path.endswith("dataset.json")


def test_without_regions_labels_mean_what_they_did():
    assert class_labels({"0": "background", "2": "tail", "1": "head", "255": "ignore"}) == {1: "head", 2: "tail"}
    assert class_labels(["head"]) == {}


@pytest.mark.parametrize(
    ("labelled", "numbers"),
    [
        (["masses"], [2, 3]),
        (["tumor"], [2]),
        (["kidney"], None),
        ([1, "masses without tumor"], [1, 3]),
    ],
)
def test_the_name_of_a_region_stands_for_its_classes_where_these_alone_were_annotated(labelled: list, numbers: Any):
    entry, classes, regions = {"labelled": labelled}, class_labels(KITS), region_labels(KITS)
    assert not [*labelled_problems(entry, "entry 1", "list.json", classes, regions)]
    assert labelled_classes(entry, classes, regions).get("labelled") == numbers
    (unknown,) = labelled_problems({"labelled": ["mass"]}, "entry 1", "list.json", classes, regions)
    assert unknown.problem.endswith(
        "the classes are 1 kidney without masses, 2 tumor, 3 masses without tumor, the regions kidney, masses."
    )


def test_classes_that_no_region_tells_apart_are_warned_of():
    labels, names = {"a": [1, 2, 3], "b": [2, 3]}, ("a without b", "b (2)", "b (3)")
    (finding,) = indistinct_problems(Path("dataset.json"), {"labels": labels}, names)
    assert finding.warning
    assert "no region tells the classes 2 and 3 apart; they are called 'b (2)' and 'b (3)'." in finding.problem
    assert finding.remedy.endswith("mobileunet check --write with --map 3=2.")
    assert not [*indistinct_problems(Path("dataset.json"), {"labels": labels}, ("p", "q", "r"))], "named by the user"
    assert not [*indistinct_problems(Path("dataset.json"), {"labels": BRATS}, tuple(class_labels(BRATS).values()))]

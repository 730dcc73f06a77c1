"""Lists as people write them: every encoding of JSON, and entries that are no pairs."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from monai_mobileunet.cohort.plan import plan_run
from monai_mobileunet.data import DataError, find_cases, find_class_names
from monai_mobileunet.data.datasets.listing import read_json
from monai_mobileunet.data.datasets.mapping import mapped_names

CONTENT = '{"labels": {"1": "Hüfte"}}'


@pytest.mark.parametrize(
    "content",
    [
        CONTENT.encode(),
        codecs.BOM_UTF8 + CONTENT.encode(),
        CONTENT.encode("utf-16"),
        CONTENT.encode("utf-16-le"),
        CONTENT.encode("utf-32"),
    ],
    ids=["utf-8", "utf-8 with a mark", "utf-16", "utf-16 without a mark", "utf-32"],
)
def test_every_encoding_that_can_be_told_is_read(tmp_path: Path, content: bytes):
    path = tmp_path / "list.json"
    path.write_bytes(content)
    assert read_json(path) == {"labels": {"1": "Hüfte"}}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (CONTENT.encode("latin-1"), "is not UTF-8 text (byte 0xfc at 19). Save it as UTF-8, or type: iconv"),
        (b"", "is empty"),
        (b'{"a": 1,\n "b": }', "Fix the JSON syntax in line 2, column 7"),
        (b'{"training": [], "training": []}', "names 'training' twice"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_json_is_named_with_its_place(tmp_path: Path, content: bytes, found: str):
    path = tmp_path / "list.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_json(path)
    assert str(error.value).startswith(str(path))
    assert found in str(error.value)


def test_a_list_for_segment_is_read_by_the_same_reader(tmp_path: Path, toy_dataset: Path):
    image = str(toy_dataset / "imagesTr" / "toy_001.nii.gz")
    (tmp_path / "list.json").write_bytes(codecs.BOM_UTF8 + json.dumps([image]).encode())
    assert [str(case.images[0]) for case in plan_run(tmp_path / "list.json", tmp_path / "out").cases] == [image]


def rewrite(dataset: Path, **changes: object) -> Path:
    index = dataset / "dataset.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), **changes}))
    return dataset


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("imagesTr/toy_001.nii.gz", "entry 1 of 'training' is a text"),
        (7, "entry 1 of 'training' is a number, 7; expected a pair"),
        (None, "entry 1 of 'training' is null"),
        (["imagesTr/toy_001.nii.gz", "labelsTr/toy_001.nii.gz"], "entry 1 of 'training' is a list"),
        ({"label": "labelsTr/toy_001.nii.gz"}, "entry 1 of 'training' has no 'image'"),
        ({"image": "imagesTr/toy_001.nii.gz"}, "entry 1 of 'training' has no 'label'"),
        ({"image": 3, "label": "labelsTr/toy_001.nii.gz"}, "'image' of entry 1 of 'training' is a number, 3"),
        ({"image": [], "label": "labelsTr/toy_001.nii.gz"}, "'image' of entry 1 of 'training' is a list, []"),
        ({"image": [["a"]], "label": "labelsTr/toy_001.nii.gz"}, "'image' of entry 1 of 'training' is a list"),
        ({"image": "imagesTr/toy_001.nii.gz", "label": ["a", "b"]}, "merge several into one"),
        ({"image": "imagesTr\\toy_001.nii.gz", "label": "labelsTr/toy_001.nii.gz"}, "Write / for \\ in paths"),
        (
            {"image": "labelsTr/toy_001.nii.gz", "label": "labelsTr/toy_001.nii.gz"},
            "one file as its image and its label",
        ),
    ],
)
def test_an_entry_that_is_no_pair_is_named(own_dataset: Path, entry: object, found: str):
    good = {"image": "imagesTr/toy_002.nii.gz", "label": "labelsTr/toy_002.nii.gz"}
    with pytest.raises(DataError) as error:
        find_cases(rewrite(own_dataset, training=[entry, good]))
    assert len(error.value.findings) == 1, "the good entry is no problem"
    assert found in str(error.value)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"training": {"a": 1}}, "'training' is an object; expected a list of pairs"),
        ({"training": []}, "its list 'training' is empty"),
        ({"training": "all"}, "'training' is a text"),
    ],
)
def test_a_section_that_is_no_list_is_named(own_dataset: Path, changes: dict[str, object], found: str):
    with pytest.raises(DataError, match=found):
        find_cases(rewrite(own_dataset, **changes))


def test_a_description_that_is_a_list_is_named(own_dataset: Path):
    (own_dataset / "dataset.json").write_text("[]")
    with pytest.raises(DataError, match=r"dataset\.json: holds a list; expected an object"):
        find_cases(own_dataset)


@pytest.mark.parametrize("labels", [{"head": "x"}, {"0": "background"}, ["head"]])
def test_classes_without_numbers_are_asked_for(own_dataset: Path, labels: object):
    with pytest.raises(DataError, match="Name the classes one by one"):
        find_class_names(rewrite(own_dataset, labels=labels))


def test_classes_with_gaps_are_told_how_to_be_numbered_anew(own_dataset: Path):
    index = rewrite(own_dataset, labels={"background": 0, "head": 3, "tail": 7})
    with pytest.raises(DataError, match="numbers its classes 3, 7; expected 1, 2, … without a gap") as error:
        find_class_names(index)
    assert f"--map 3=1,7=2 --write {own_dataset}_mapped" in str(error.value)
    assert mapped_names(own_dataset, {3: 1, 7: 2}) == ("head", "tail")
    assert mapped_names(own_dataset, {20: 1, 3: 2, 7: 2}) == ("label 20", "head")


@pytest.mark.parametrize(
    ("mapping", "names"),
    [
        ({85: 1, 170: 2, 255: 3}, ("a", "b", "c")),
        ({255: 0}, ("a", "b", "c")),
        ({2: 0, 3: 2}, ("a", "c")),
        ({1: 2, 2: 1}, ("b", "a", "c")),
        ({3: 1}, ("a", "b")),
        ({1: 1, 2.5: 2, 2: 4}, ("a", "label 2.5", "c", "b")),
    ],
)
def test_names_go_with_numbers_that_a_mapping_moves(own_dataset: Path, mapping: dict[float, int], names: tuple):
    rewrite(own_dataset, labels={"0": "background", "1": "a", "2": "b", "3": "c"})
    assert mapped_names(own_dataset, mapping) == names

"""Labels that are numbered in another way, or not quite in whole numbers."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from conftest import BUNDLES
from monai.bundle import ConfigParser
from typer.testing import CliRunner

from monai_mobileunet.cli import app
from monai_mobileunet.data import DataError, check_dataset, find_all_cases, find_cases, find_class_names, load_cases
from monai_mobileunet.data.datasets.described import find_ignored
from monai_mobileunet.data.datasets.mapping import mapped_names, parse_mapping, regions_lost, write_dataset
from monai_mobileunet.data.reading import read_label


def relabel(dataset: Path, change) -> Path:
    for path in (dataset / "labelsTr").iterdir():
        volume = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(change(np.asarray(volume.dataobj)), volume.affine), path)
    return dataset


def check(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_command_that_a_refusal_names_gives_a_data_set_that_trains(own_dataset: Path):
    before = [read_label(case["label"]).values for case in find_cases(own_dataset)]
    relabel(own_dataset, lambda values: np.array([0, 85, 170], np.uint8)[values])
    with pytest.raises(DataError) as error:
        load_cases(str(own_dataset), "all", num_classes=3)
    text = str(error.value.findings[0])
    assert "the labels hold 0, 85, 170; expected 0 to 2" in text
    command = text.split("mobileunet check ")[1].split()
    code, said = check(*command)
    assert code == 0, said
    mapped = Path(command[-1])
    cases = load_cases(str(mapped), "all", num_classes=3)
    after = [read_label(case["label"]).values for case in cases]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert after[0].dtype == np.uint8
    assert [case["image"] for case in cases] == [case["image"] for case in find_cases(own_dataset)]
    assert json.loads((mapped / "dataset.json").read_text())["labels"] == {"0": "background", "1": "head", "2": "tail"}
    code, said = check(*command)
    assert code == 1
    assert "is there already" in said


def test_what_a_mapping_leaves_out_is_said_and_leaves_no_labels(own_dataset: Path, tmp_path: Path):
    relabel(own_dataset, lambda values: np.array([0, 85, 170], np.uint8)[values])
    code, said = check(own_dataset, "--map", "85=1", "--write", tmp_path / "mapped")
    assert code == 1
    assert "has values 170 after --map; expected 0 to 2" in said
    assert not (tmp_path / "mapped" / "labels").exists()


@pytest.mark.parametrize("pairs", [["255"], ["a=1"], ["255=x"], ["255=1", "255=2"], ["255=-1"]])
def test_a_mapping_that_is_none_is_refused(pairs: list[str]):
    with pytest.raises(ValueError, match="expected VALUE=CLASS"):
        parse_mapping(pairs)


def test_pairs_by_comma_or_one_by_one():
    assert parse_mapping(["85=1,170=2", "255=1"]) == {85: 1, 170: 2, 255: 1}


def test_labels_without_any_class_are_refused(own_dataset: Path):
    relabel(own_dataset, np.zeros_like)
    for part in ("training", "validation"):
        with pytest.raises(DataError, match="no label has any class"):
            load_cases(str(own_dataset), part, num_classes=3, folds=3)
    with pytest.raises(DataError, match="take more cases with --limit"):
        load_cases(str(own_dataset), num_classes=3, folds=3, limit=2)
    code, said = check(own_dataset)
    assert code == 1
    assert said.count("error:") == 1
    assert "no label has any class: 6 of them" in said.replace("\n", "")
    assert check(own_dataset / "labelsTr", "--num-classes", 3)[0] == 1, "labels alone are held to it too"


def test_what_was_annotated_goes_along(own_dataset: Path, tmp_path: Path):
    """Voxels to ignore keep their value, and annotated classes get their new numbers."""
    numbers = np.array([0, 5, 7, 9], np.uint8)
    relabel(own_dataset, lambda values: numbers[np.pad(values[1:], ((1, 0), (0, 0), (0, 0)), constant_values=3)])
    pairs = [{"image": f"imagesTr/toy_{n:03d}.nii.gz", "label": f"labelsTr/toy_{n:03d}.nii.gz"} for n in (1, 2)]
    content = {
        "labels": {"head": 5, "tail": 7, "ignore": 9},
        "training": [{**pairs[0], "labelled": ["tail"]}, pairs[1]],
    }
    (own_dataset / "dataset.json").write_text(json.dumps(content))
    written = write_dataset(own_dataset, tmp_path / "new", {5: 1, 7: 2}, ("head", "tail"))
    assert [case.get("labelled") for case in find_all_cases(written.parent)] == [[2], None]
    assert (find_ignored(written.parent), find_class_names(written.parent)) == (9, ("head", "tail"))
    with pytest.raises(DataError, match="has no class after --map of which every part was annotated"):
        write_dataset(own_dataset, tmp_path / "joined", {5: 1, 7: 1}, ("both",))


def test_regions_stay_regions(own_dataset: Path, tmp_path: Path):
    """As in the older sets of BraTS, whose classes are 1, 2 and 4."""
    relabel(own_dataset, lambda values: values * 2)
    labels = {"background": 0, "whole": [2, 4], "tail": 4, "ignore": 9}
    content = {"labels": labels, "regions_class_order": [2, 4]}
    (own_dataset / "dataset.json").write_text(json.dumps(content))
    code, said = check(own_dataset, "--map", "2=1,4=2", "--write", tmp_path / "new")
    assert code == 0, said
    written = json.loads((tmp_path / "new" / "dataset.json").read_text())
    assert written["labels"] == {"background": 0, "whole": [1, 2], "tail": 2, "ignore": 9}
    assert written["regions_class_order"] == [1, 2]
    code, said = check(own_dataset, "--map", "2=1,4=1", "--write", tmp_path / "joined")
    assert code == 0, said
    assert "does not have the region 'tail', which is no union" in said.replace("\n", " ")
    joined = json.loads((tmp_path / "joined" / "dataset.json").read_text())
    assert joined["labels"] == {"0": "background", "1": "whole", "9": "ignore"}


WHOLE, CORE = "whole without core", "core without tumor"


@pytest.mark.parametrize(
    ("mapping", "names", "said"),
    [
        ({1: 1}, (WHOLE, CORE, "tumor"), ()),
        ({2: 1, 3: 1}, ("whole",), ("the regions 'core' and 'tumor', which are no unions",)),
        ({3: 2}, (WHOLE, "core"), ("the region 'tumor', which is no union",)),
        (
            {3: 0},
            (WHOLE, "core"),
            ("the region 'tumor', which", "the regions 'whole' and 'core' without those"),
        ),
        ({3: 1}, ("whole (1)", "whole (2)"), ("'core' and 'tumor', which are no unions of the new classes",)),
        ({2: 3, 3: 2}, (WHOLE, "tumor", CORE), ()),
    ],
)
def test_regions_that_a_mapping_joins_are_named_or_warned_of(
    tmp_path: Path, mapping: dict[float, int], names: tuple[str, ...], said: tuple[str, ...]
):
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "tumor": 3}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    assert mapped_names(tmp_path, mapping) == names
    found = list(regions_lost(tmp_path, tmp_path / "new.json", mapping, names))
    assert len(found) == len(said)
    assert all(text in one.problem and one.warning for one, text in zip(found, said, strict=True))


def test_classes_that_change_places_keep_their_names(own_dataset: Path, tmp_path: Path):
    content = json.loads((own_dataset / "dataset.json").read_text())
    content["training"][0]["labelled"] = ["tail"]
    (own_dataset / "dataset.json").write_text(json.dumps(content))
    drawn = read_label(find_all_cases(own_dataset)[1]["label"]).values
    _, said = check(own_dataset, "--map", "1=2,2=1", "--write", tmp_path / "new")
    assert "dataset.json written" in said.replace("\n", " "), said
    assert find_class_names(tmp_path / "new") == ("tail", "head")
    first, second = find_all_cases(tmp_path / "new")[:2]
    assert first["labelled"] == [1], "the tail"
    assert np.array_equal(read_label(second["label"]).values, np.array([0, 2, 1])[drawn])


def test_a_class_that_no_label_has_is_a_warning_with_its_name(own_dataset: Path):
    relabel(own_dataset, lambda values: np.where(values == 2, 0, values).astype(np.uint8))
    findings, _ = check_dataset(own_dataset, 3, progress=False)
    assert [f.problem == "no label has class 2 (tail); the network cannot learn it." for f in findings] == [True]
    assert findings[0].warning


def test_a_few_empty_labels_are_nothing_odd(own_dataset: Path):
    path = own_dataset / "labelsTr" / "toy_002.nii.gz"
    volume = nibabel.load(path)
    nibabel.save(nibabel.Nifti1Image(np.zeros(volume.shape, np.uint8), volume.affine), path)
    assert check_dataset(own_dataset, 3, progress=False)[0] == []


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
@pytest.mark.parametrize("part", ["train#preprocessing_transforms", "validate#preprocessing#transforms"])
def test_what_check_reads_as_whole_numbers_training_reads_so_too(own_dataset: Path, bundle: Path, part: str):
    """A type of whole numbers would cut 0.9999999 off to 0."""
    case = find_cases(own_dataset)[0]
    before = np.asarray(nibabel.load(case["label"]).dataobj)
    relabel(own_dataset, lambda values: np.where(values > 0, values - np.float32(2e-7), 0).astype(np.float32))
    assert np.array_equal(read_label(case["label"]).values, before)
    assert all(finding.warning for finding in check_dataset(own_dataset, 3, progress=False)[0])
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "train.json"))
    parser.update({"dataset_dir": str(own_dataset), "bundle_root": str(bundle), "spacing": [1, 1, 1]})
    of_the_grid = ("CropForegroundd", "Spacingd")
    item = dict(case)
    for transform in parser.get_parsed_content(part):
        item = item if type(transform).__name__ in of_the_grid else transform(item)
    assert np.array_equal(np.asarray(item["label"])[0], before)

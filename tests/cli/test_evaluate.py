from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from conftest import HIPPOCAMPUS, write_dataset
from typer.testing import CliRunner, Result

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cli import app

runner = CliRunner(env={"COLUMNS": "80"})


def evaluate(*arguments: object) -> Result:
    return runner.invoke(app, ["evaluate", *map(str, arguments)])


@pytest.fixture
def preds(tmp_path: Path, toy_dataset: Path) -> Path:
    """The labels themselves as segmentations, one of them shifted by a voxel."""
    folder = tmp_path / "preds"
    shutil.copytree(toy_dataset / "labelsTr", folder / "below")
    shifted = nibabel.load(folder / "below" / "toy_003.nii.gz")
    values = np.roll(np.asarray(shifted.dataobj), 1, axis=0)
    nibabel.save(nibabel.Nifti1Image(values, shifted.affine), folder / "below" / "toy_003.nii.gz")
    return folder


@pytest.fixture
def trained_bundle(bundle_copy: Path) -> Path:
    """A bundle with random weights."""
    network = Bundle(bundle_copy, device="cpu").parser.get_parsed_content("network")
    torch.save(network.state_dict(), bundle_copy / "models" / "model.pt")
    return bundle_copy


def test_segmentations_in_a_folder_are_measured_and_reported(tmp_path: Path, toy_dataset: Path, preds: Path):
    result = evaluate(toy_dataset, "--pred", preds, "--output", tmp_path / "out", "--worst", 1)
    assert result.exit_code == 0, result.output
    assert "6 of 6 cases" in result.output
    assert all(word in result.output for word in ("head", "tail", "surface", "HD95"))
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    dice = {case["name"]: case["classes"]["head"]["dice"] for case in content["cases"]}
    assert dice.pop("toy_003") < 0.99
    assert set(dice.values()) == {1.0}
    assert (tmp_path / "out" / "report.html").read_text().count("<b>toy_003</b>") == 1
    assert max(len(line) for line in result.output.splitlines() if "out" not in line) <= 80


def test_a_case_without_segmentation_is_named_and_the_others_are_measured(
    tmp_path: Path, toy_dataset: Path, preds: Path
):
    (preds / "below" / "toy_002.nii.gz").unlink()
    (preds / "below" / "toy_004.nii.gz").write_bytes(b"")
    result = evaluate(toy_dataset, "--pred", preds, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "4 of 6 cases" in result.output
    assert "toy_002.nii.gz: no such file" in result.output.replace("\n", "")
    assert "toy_004.nii.gz" in result.output
    with (tmp_path / "out" / "cases.csv").open() as file:
        assert [row["case"] for row in csv.DictReader(file) if row["problem"]] == ["toy_002", "toy_004"]


def test_classes_can_be_named(tmp_path: Path, toy_dataset: Path, preds: Path):
    classes = ("--class", "front", "--class", "back")
    result = evaluate(toy_dataset, "--pred", preds, "--output", tmp_path / "out", "--worst", 0, *classes)
    assert result.exit_code == 0
    assert "front" in result.output


def test_a_bundle_segments_what_it_is_measured_on(tmp_path: Path, trained_bundle: Path):
    dataset = write_dataset(tmp_path / "data", cases=10)
    arguments = (dataset, "--bundle", trained_bundle, "--output", tmp_path / "out", "--set", "device=cpu")
    result = evaluate(*arguments, "--part", "validation", "--fold", "1", "--worst", "0")
    assert result.exit_code == 0, result.output
    assert "anterior" in result.output, "the names are the bundle's"
    masks = sorted(path.name for path in (tmp_path / "out" / "segmented").iterdir())
    expected = {Path(case["image"]).name for case in Bundle(trained_bundle).cases(dataset, "validation", 1)}
    assert set(masks) == expected
    assert len(expected) == 2, "both of one subject"
    log = (tmp_path / "out" / "evaluate.log").read_text()
    assert log.count("segmented in") == 2
    assert "INFO" not in result.output


def test_an_image_that_cannot_be_segmented_stops_no_other(tmp_path: Path, own_dataset: Path, trained_bundle: Path):
    (own_dataset / "imagesTr" / "toy_002.nii.gz").write_bytes(b"broken")
    output = tmp_path / "out"
    result = evaluate(own_dataset, "--bundle", trained_bundle, "--output", output, "--worst", 0, "--set", "device=cpu")
    assert result.exit_code == 1
    assert "5 of 6 cases" in result.output
    assert "toy_002.nii.gz: is named .gz but is not compressed" in result.output.replace("\n", "")
    assert "Traceback" in (output / "evaluate.log").read_text(), "the log has all of it"
    assert len(list((output / "segmented").iterdir())) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Name a --bundle"),
        (["--pred", "PREDS", "--part", "validation"], 2, "Name a --bundle"),
        (["--pred", "nowhere"], 1, "nowhere: no such folder"),
        (["--bundle", "nowhere"], 1, "no bundle"),
        (["--bundle", "BUNDLE", "--part", "validation"], 1, "3 subjects cannot be dealt into 5 folds"),
        (["--pred", "PREDS", "--tolerance", "-1"], 2, "tolerance"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, toy_dataset: Path, preds: Path, arguments, code, words):
    places = {"PREDS": str(preds), "BUNDLE": str(HIPPOCAMPUS)}
    named = [places.get(argument, argument) for argument in arguments]
    result = evaluate(toy_dataset, *named, "--output", tmp_path / "out")
    assert result.exit_code == code
    assert words in result.output.replace("\n", "")


def test_a_data_set_without_names_of_classes_asks_for_them(tmp_path: Path, own_dataset: Path, preds: Path):
    (own_dataset / "dataset.json").unlink()
    result = evaluate(own_dataset, "--pred", preds, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "Name the classes one by one" in result.output


def test_two_segmentations_of_one_case_are_refused(tmp_path: Path, toy_dataset: Path, preds: Path):
    shutil.copy(preds / "below" / "toy_001.nii.gz", preds)
    result = evaluate(toy_dataset, "--pred", preds, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "has the same case name as" in result.output


def test_where_nothing_can_be_segmented_the_report_says_why(tmp_path: Path, own_dataset: Path, trained_bundle: Path):
    for image in (own_dataset / "imagesTr").iterdir():
        image.write_bytes(b"")
    output = tmp_path / "out"
    result = evaluate(own_dataset, "--bundle", trained_bundle, "--output", output, "--set", "device=cpu")
    assert result.exit_code == 1
    assert result.output.replace("\n", "").count("is empty (0 bytes)") == 6
    assert "0 of 6 cases" in (output / "report.html").read_text()


def test_images_in_several_folders_get_masks_in_as_many(tmp_path: Path, own_dataset: Path, trained_bundle: Path):
    description = json.loads((own_dataset / "dataset.json").read_text())
    (own_dataset / "site B").mkdir()
    moved = description["training"][0]
    shutil.move(own_dataset / moved["image"], own_dataset / "site B" / "toy_001.nii.gz")
    moved["image"] = "./site B/toy_001.nii.gz"
    description["training"] = description["training"][:2]
    (own_dataset / "dataset.json").write_text(json.dumps(description))
    output = tmp_path / "out"
    result = evaluate(own_dataset, "--bundle", trained_bundle, "--output", output, "--set", "device=cpu")
    assert result.exit_code == 0, result.output
    masks = {str(path.relative_to(output / "segmented")) for path in output.rglob("*.nii.gz")}
    assert masks == {"site B/toy_001.nii.gz", "imagesTr/toy_002.nii.gz"}


def test_a_mask_never_takes_the_place_of_an_image(own_dataset: Path, trained_bundle: Path):
    (own_dataset / "imagesTr").rename(own_dataset / "segmented")
    description = (own_dataset / "dataset.json").read_text().replace("imagesTr", "segmented")
    (own_dataset / "dataset.json").write_text(description)
    before = (own_dataset / "segmented" / "toy_001.nii.gz").read_bytes()
    result = evaluate(own_dataset, "--bundle", trained_bundle, "--output", own_dataset, "--set", "device=cpu")
    assert result.exit_code == 1
    assert "would take the place of an image" in result.output
    assert (own_dataset / "segmented" / "toy_001.nii.gz").read_bytes() == before


def test_cases_of_one_name_are_told_by_their_places(tmp_path: Path, own_dataset: Path, preds: Path):
    description = json.loads((own_dataset / "dataset.json").read_text())
    (own_dataset / "other").mkdir()
    shutil.copy(own_dataset / "imagesTr" / "toy_002.nii.gz", own_dataset / "other" / "toy_001.nii.gz")
    description["training"].append({"image": "./other/toy_001.nii.gz", "label": "./labelsTr/toy_002.nii.gz"})
    (own_dataset / "dataset.json").write_text(json.dumps(description))
    shutil.move(preds / "below" / "toy_001.nii.gz", preds)
    result = evaluate(own_dataset, "--pred", preds, "--output", tmp_path / "out", "--worst", 0)
    assert result.exit_code == 1
    assert "5 of 7 cases" in result.output, "a mask that may be of two cases is measured as none"
    assert "has the same case name as several cases, of imagesTr/toy_001 and of other/toy_001" in result.output
    for folder, number in {"imagesTr": 1, "other": 2}.items():
        (preds / folder).mkdir()
        shutil.copy(own_dataset / "labelsTr" / f"toy_00{number}.nii.gz", preds / folder / "toy_001.nii.gz")
    (preds / "toy_001.nii.gz").unlink()
    result = evaluate(own_dataset, "--pred", preds, "--output", tmp_path / "out", "--worst", 0)
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    dice = {case["name"]: case["classes"]["head"]["dice"] for case in content["cases"]}
    assert dice["imagesTr/toy_001"] == dice["other/toy_001"] == 1


def test_the_validation_list_of_a_data_set_is_evaluated_too(tmp_path: Path, own_dataset: Path, preds: Path):
    description = json.loads((own_dataset / "dataset.json").read_text())
    description["validation"] = [description["training"].pop()]
    (own_dataset / "dataset.json").write_text(json.dumps(description))
    result = evaluate(own_dataset, "--pred", preds, "--output", tmp_path / "out", "--worst", 0)
    assert "6 of 6 cases" in result.output

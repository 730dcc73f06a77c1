from __future__ import annotations

import csv
import errno
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
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


def test_references_without_segmentation_are_left_out_where_that_is_asked_for(
    tmp_path: Path, toy_dataset: Path, preds: Path
):
    for number in (1, 2, 5, 6):
        (preds / "below" / f"toy_00{number}.nii.gz").unlink()
    arguments = (toy_dataset, "--pred", preds, "-o", tmp_path / "out", "--worst", 0)
    refused = evaluate(*arguments)
    assert refused.exit_code == 1
    some = "such as toy_001, toy_002, toy_005 and 1 more"
    said = f"has no segmentation for 4 of 6 references, {some}. Add them, or type --partial to evaluate the others."
    assert refused.output.startswith(f"error: {preds}: {said}")
    assert refused.output.count("\n") == 1
    result = evaluate(*arguments, "--partial")
    assert result.exit_code == 0, result.output
    partly = "Partial: 4 of 6 references have no segmentation, such as toy_001, toy_002, toy_005 and 1 more."
    assert f"warning: {partly}" in result.output
    assert partly in (tmp_path / "out" / "report.html").read_text()
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content["missing"] == ["toy_001", "toy_002", "toy_005", "toy_006"]
    assert [case["name"] for case in content["cases"]] == ["toy_003", "toy_004"]
    (preds / "below" / "toy_004.nii.gz").write_bytes(b"")
    result = evaluate(*arguments, "--partial")
    assert result.exit_code == 1, "a damaged one is no missing one"
    with (tmp_path / "out" / "cases.csv").open() as file:
        assert [row["case"] for row in csv.DictReader(file) if row["problem"]] == ["toy_004"]


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
    assert log.count("done in") == 2
    assert "INFO" not in result.output


def test_an_image_that_cannot_be_segmented_stops_no_other(tmp_path: Path, own_dataset: Path, trained_bundle: Path):
    (own_dataset / "imagesTr" / "toy_002.nii.gz").write_bytes(b"broken")
    output = tmp_path / "out"
    result = evaluate(own_dataset, "--bundle", trained_bundle, "--output", output, "--worst", 0, "--set", "device=cpu")
    assert result.exit_code == 1
    assert "5 of 6 cases" in result.output
    assert "toy_002.nii.gz: is named .gz but is not compressed" in result.output.replace("\n", "")
    assert "toy_002.nii.gz: is named .gz" in (output / "evaluate.log").read_text()
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
        (["--bundle", "BUNDLE", "--partial"], 2, "Name the folder of segmentations"),
        (["--bundle", "BUNDLE", "--class", "tumour"], 1, "has 2: anterior, posterior. Name all 2"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, toy_dataset: Path, preds: Path, arguments, code, words):
    places = {"PREDS": str(preds), "BUNDLE": str(HIPPOCAMPUS)}
    named = [places.get(argument, argument) for argument in arguments]
    result = evaluate(toy_dataset, *named, "--output", tmp_path / "out")
    assert result.exit_code == code
    assert words in result.output.replace("\n", "")


def test_a_plain_folder_calls_its_classes_by_what_lies_beside_the_masks_or_else_by_numbers(
    tmp_path: Path, own_dataset: Path, preds: Path
):
    (own_dataset / "dataset.json").unlink()
    arguments = ("--pred", preds, "--worst", 0, "--output")
    numbered = evaluate(own_dataset, *arguments, tmp_path / "numbered")
    assert numbered.exit_code == 0, numbered.output
    said = f"{own_dataset}: its labels hold 1 and 2, called class 1 and class 2 here. To name them, add --class once"
    assert said in numbered.output
    (preds / "labels.json").write_text(json.dumps({"labels": {"0": "background", "1": "head", "2": "tail"}}))
    named = evaluate(own_dataset, *arguments, tmp_path / "named")
    assert "Nothing names" not in named.output
    for folder, names in (("numbered", ["class 1", "class 2"]), ("named", ["head", "tail"])):
        with (tmp_path / folder / "classes.csv").open() as file:
            assert [row["class"] for row in csv.DictReader(file)] == names


def test_a_folder_of_labels_alone_is_what_masks_are_measured_against(tmp_path: Path, own_dataset: Path, preds: Path):
    result = evaluate(own_dataset / "labelsTr", "--pred", preds, "--output", tmp_path / "out", "--worst", 1)
    assert result.exit_code == 0, result.output
    assert "holds no pairs of image and label: its 6 files are the references." in result.output
    assert "6 of 6 cases" in result.output
    result = evaluate(own_dataset / "imagesTr", "--pred", preds, "--output", tmp_path / "other")
    assert result.exit_code == 1, "intensities are no classes"
    assert "toy_002.nii.gz: has label values" in result.output


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
    said = result.output.replace("\n", "")
    assert said.count("is empty (0 bytes)") == 1
    assert "error: 6 cases, toy_001 among them: " in said
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


def per_patient(dataset: Path, folder: Path) -> Path:
    """A folder for each patient, with the same names in each."""
    for number in range(1, 7):
        place = folder / f"pat{number:03d}"
        place.mkdir(parents=True)
        shutil.copy(dataset / "imagesTr" / f"toy_{number:03d}.nii.gz", place / "t1.nii.gz")
        shutil.copy(dataset / "labelsTr" / f"toy_{number:03d}.nii.gz", place / "seg.nii.gz")
    return folder


@pytest.mark.parametrize("named", ["{}/t1.nii.gz", "{}.nii.gz", "run/{}/t1.nii.gz", "{}/seg.nii.gz"])
def test_a_folder_for_each_patient_is_evaluated(tmp_path: Path, toy_dataset: Path, named: str):
    dataset = per_patient(toy_dataset, tmp_path / "data")
    for number in range(1, 7):
        path = tmp_path / "masks" / named.format(f"pat{number:03d}")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(toy_dataset / "labelsTr" / f"toy_{number:03d}.nii.gz", path)
    arguments = ("--pred", tmp_path / "masks", "--class", "head", "--class", "tail", "--worst", 0)
    result = evaluate(dataset, *arguments, "--output", dataset / "eval_output")
    assert result.exit_code == 0, result.output
    content = json.loads((dataset / "eval_output" / "results.json").read_text())
    assert [case["name"] for case in content["cases"]] == [f"pat{number:03d}" for number in range(1, 7)]
    assert {case["classes"]["head"]["dice"] for case in content["cases"]} == {1.0}
    assert evaluate(dataset, *arguments, "--output", dataset / "eval_output").exit_code == 0, "its output is no patient"


def test_one_mask_is_not_measured_for_every_patient(tmp_path: Path, toy_dataset: Path):
    dataset = per_patient(toy_dataset, tmp_path / "data")
    (tmp_path / "masks").mkdir()
    shutil.copy(toy_dataset / "labelsTr" / "toy_001.nii.gz", tmp_path / "masks" / "t1.nii.gz")
    result = evaluate(dataset, "--pred", tmp_path / "masks", "--class", "a", "--class", "b", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "0 of 6 cases" in result.output
    assert "of pat001 and of pat002 and 4 more" in result.output.replace("\n", "")


def test_a_file_for_each_class_as_segment_writes_them_is_evaluated(tmp_path: Path, toy_dataset: Path):
    masks = tmp_path / "masks"
    for number in range(1, 7):
        label = nibabel.load(toy_dataset / "labelsTr" / f"toy_{number:03d}.nii.gz")
        (masks / f"toy_{number:03d}").mkdir(parents=True)
        for index, name in enumerate(("head", "tail"), 1):
            part = (np.asarray(label.dataobj) == index).astype(np.uint8)
            nibabel.save(nibabel.Nifti1Image(part, label.affine), masks / f"toy_{number:03d}" / f"{name}.nii.gz")
    (masks / "toy_004" / "tail.nii.gz").unlink()
    result = evaluate(toy_dataset, "--pred", masks, "-o", tmp_path / "out", "--worst", 1)
    assert result.exit_code == 1
    assert "5 of 6 cases" in result.output
    assert "toy_004: has no file for tail" in result.output.replace("\n", "")
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    dice = [case["classes"][name]["dice"] for case in content["cases"] if case["classes"] for name in ("head", "tail")]
    assert dice == [1.0] * 10
    assert len(content["cases"][0]["parts"]) == 2


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_what_segment_writes_in_other_formats_is_evaluated(tmp_path: Path, trained_bundle: Path, suffix: str):
    dataset = write_dataset(tmp_path / "data", cases=2)
    (dataset / "dataset.json").unlink()
    for path in list(dataset.rglob("*.nii.gz")):
        sitk.WriteImage(sitk.ReadImage(str(path)), str(path).replace(".nii.gz", suffix))
        path.unlink()
    arguments = ("--class", "a", "--class", "b", "--worst", 1)
    options = ("-m", trained_bundle, "-d", "cpu", "--fast")
    done = runner.invoke(
        app, ["segment", "-i", str(dataset / "imagesTr"), "-o", str(tmp_path / "masks"), *map(str, options)]
    )
    assert done.exit_code == 0, done.output
    result = evaluate(dataset, "--pred", tmp_path / "masks", *arguments, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "2 of 2 cases" in result.output
    page = (tmp_path / "out" / "report.html").read_text()
    assert "cannot be shown" not in page
    assert page.count("<figure><img") == 3, "two charts and the worst case"


def test_an_interrupted_evaluation_goes_on_where_it_was(
    tmp_path: Path, own_dataset: Path, trained_bundle: Path, monkeypatch: pytest.MonkeyPatch
):
    from monai_mobileunet.cohort import compare as module
    from monai_mobileunet.segmentation import Segmenter

    predict, measure, calls = Segmenter.predict, module.measure_files, {"segmented": [], "measured": []}
    stop = {"segmented": 4, "measured": 3}

    def once(kind: str, name: str) -> None:
        if len(calls[kind]) + 1 == stop[kind]:
            stop[kind] = 0
            raise KeyboardInterrupt
        calls[kind].append(name)

    def segmented(self, prepared):
        once("segmented", Path(prepared.volume.name).name)
        return predict(self, prepared)

    def measured(label, *arguments, **named):
        once("measured", label.name.removesuffix(".nii.gz"))
        return measure(label, *arguments, **named)

    monkeypatch.setattr(Segmenter, "predict", segmented)
    monkeypatch.setattr(module, "measure_files", measured)
    arguments = (own_dataset, "--bundle", trained_bundle, "-o", tmp_path / "out", "--worst", 0, "--set", "device=cpu")
    for _ in range(2):
        result = evaluate(*arguments)
        assert result.exit_code == 130
        assert "interrupted. The same command goes on from here." in result.output
    assert evaluate(*arguments).exit_code == 0
    assert len(calls["segmented"]) == len(set(calls["segmented"])) == 6
    assert len(calls["measured"]) == len(set(calls["measured"])) == 6
    first = json.loads((tmp_path / "out" / "results.json").read_text())
    assert evaluate(*arguments).exit_code == 0
    again = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [len(names) for names in calls.values()] == [6, 6], "nothing has changed, nothing is done again"
    assert {**first, "made": ""} == {**again, "made": ""}

    label = own_dataset / "labelsTr" / "toy_002.nii.gz"
    shutil.copy(own_dataset / "labelsTr" / "toy_003.nii.gz", label)
    shutil.copy(own_dataset / "imagesTr" / "toy_005.nii.gz", own_dataset / "imagesTr" / "toy_004.nii.gz")
    evaluate(*arguments)
    assert calls["segmented"][6:] == ["toy_004.nii.gz"]
    assert calls["measured"][6:] == ["toy_002", "toy_004"]
    evaluate(*arguments, "--tolerance", 2)
    assert len(calls["segmented"]) == 7
    assert len(calls["measured"]) == 8 + 6

    corrected = next((tmp_path / "out" / "segmented").rglob("toy_001.nii.gz"))
    shutil.copy(own_dataset / "labelsTr" / "toy_001.nii.gz", corrected)
    by_hand = corrected.read_bytes()
    result = evaluate(*arguments)
    assert result.exit_code == 1
    assert "toy_001.nii.gz: is there, and no run has written it, or it was changed since" in result.output
    assert corrected.read_bytes() == by_hand


def test_a_folder_may_hold_a_run_and_an_evaluation(tmp_path: Path, toy_dataset: Path, trained_bundle: Path):
    """Cases have the same names in both, and masks in other places."""
    out = tmp_path / "out"
    segment = ["segment", *map(str, ("-i", toy_dataset / "imagesTr", "-o", out, "-m", trained_bundle, "-d", "cpu"))]
    assert runner.invoke(app, segment).exit_code == 0
    result = evaluate(toy_dataset, "--bundle", trained_bundle, "-o", out, "--set", "mirror_axes=[]", "--worst", 0)
    assert result.exit_code == 0, result.output
    assert "6 finished before, 0 to do" in runner.invoke(app, segment).output


def test_a_bundle_of_the_project_is_known_by_its_name(tmp_path: Path, toy_dataset: Path):
    arguments = (toy_dataset, "--bundle", "hippocampus_mri_segmentation", "-o", tmp_path / "out", "--worst", 0)
    result = evaluate(*arguments, "--set", "device=cpu")
    assert "anterior" in result.output, result.output


def test_an_output_that_cannot_be_written_ends_with_a_sentence(tmp_path: Path, toy_dataset: Path, preds: Path):
    (tmp_path / "file").write_text("")
    result = evaluate(toy_dataset, "--pred", preds, "-o", tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert "cannot be written (Not a directory). Make room or name another folder with --output." in result.output


def test_a_full_disk_ends_the_evaluation_and_not_the_cases(
    tmp_path: Path, toy_dataset: Path, trained_bundle: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(mask, path, *rest):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("monai_mobileunet.cohort.case_in_hand.write_mask", full)
    result = evaluate(toy_dataset, "--bundle", trained_bundle, "-o", tmp_path / "out", "--set", "device=cpu")
    assert result.exit_code == 1
    assert result.output.count("No space left on device") == 1
    assert "The same command goes on from here." in result.output


def test_two_evaluations_do_not_share_a_folder(tmp_path: Path, toy_dataset: Path, preds: Path):
    from monai_mobileunet.cohort.evaluate import open_journal

    with open_journal(tmp_path / "out"):
        result = evaluate(toy_dataset, "--pred", preds, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "another run writes to this folder" in result.output


def test_what_nobody_annotated_is_left_out(tmp_path: Path, own_dataset: Path, preds: Path):
    """Voxels by their value, slices without any label, and a class that a case's list does not name."""
    path = own_dataset / "labelsTr" / "toy_003.nii.gz"
    drawn = nibabel.load(path)
    whole = np.asarray(drawn.dataobj).copy()
    values = np.where(whole == 2, 255, whole).astype(np.uint8)
    values[..., ::2] = 0
    nibabel.save(nibabel.Nifti1Image(values, drawn.affine, drawn.header), path)
    pair = {"image": "imagesTr/toy_003.nii.gz", "label": "labelsTr/toy_003.nii.gz", "labelled": ["head"]}
    (own_dataset / "dataset.json").write_text(json.dumps({"labels": {"1": "head", "2": "tail"}, "training": [pair]}))
    nibabel.save(nibabel.Nifti1Image(whole, drawn.affine), preds / "below" / "toy_003.nii.gz")
    options = ("--pred", preds, "--output", tmp_path / "out", "--ignore", 255, "--annotated-plane", "axial")
    result = evaluate(own_dataset, *options)
    assert result.exit_code == 0, result.output
    assert "measured in the annotated axial slices alone" in result.output
    (case,) = json.loads((tmp_path / "out" / "results.json").read_text())["cases"]
    head, tail = case["classes"]["head"], case["classes"]["tail"]
    assert (head["dice"], head["hd95"], tail["outcome"]) == (1.0, None, "not annotated")
    assert "has label values 255" in evaluate(own_dataset, "--pred", preds, "--output", tmp_path / "other").output

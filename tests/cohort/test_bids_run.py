"""A run over a data set in BIDS, through the command."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from conftest import segment

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cohort.bids import describe_derivatives, plan_bids
from monai_mobileunet.data import DataError
from monai_mobileunet.palette import colour_of

IMAGES = ("sub-01/ses-a/anat/sub-01_ses-a_T1w", "sub-01/ses-b/anat/sub-01_ses-b_run-1_T1w", "sub-02/anat/sub-02_T1w")
MASKS = (
    "sub-01/ses-a/anat/sub-01_ses-a_space-orig_desc-T1w_dseg.nii.gz",
    "sub-01/ses-b/anat/sub-01_ses-b_run-1_space-orig_desc-T1w_dseg.nii.gz",
    "sub-02/anat/sub-02_space-orig_desc-T1w_dseg.nii.gz",
)


THEIRS = {"Name": "corrected by hand", "Version": "1"}


@pytest.fixture
def dataset(tmp_path: Path, toy_dataset: Path) -> Path:
    """Two participants, one with two sessions, and a segmentation by hand."""
    root = tmp_path / "set"
    drawn = root / "derivatives" / "manual" / "sub-02" / "anat" / "sub-02_desc-manual_dseg.nii.gz"
    drawn.parent.mkdir(parents=True)
    shutil.copy(toy_dataset / "labelsTr" / "toy_003.nii.gz", drawn)
    for index, name in enumerate(IMAGES, 1):
        (root / name).parent.mkdir(parents=True)
        shutil.copy(toy_dataset / "imagesTr" / f"toy_{index:03d}.nii.gz", root / f"{name}.nii.gz")
    description = {"Name": "toy", "BIDSVersion": "1.9.0", "DatasetDOI": "doi:10.1/toy"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    return root


def test_participants_run_after_run_become_one_data_set_of_derivatives(trained: Path, dataset: Path):
    out = dataset / "derivatives" / trained.name
    arguments = ("-i", dataset, "-o", dataset, "-m", trained, "--fast", "--bids")
    assert "Add --bids" in segment(*arguments[:-1], "--participant-label", "01", expect=2)
    assert "1 done" in segment(
        *arguments, "--participant-label", "sub-02", "--reference", dataset / "derivatives" / "manual"
    )
    known = json.loads((out / "dataset_description.json").read_text())
    added = {"License": "CC0", "GeneratedBy": [THEIRS, *known["GeneratedBy"]]}
    added["SourceDatasets"] = [*({**one, "Version": "2"} for one in known["SourceDatasets"]), {"URL": "doi:10.1/atlas"}]
    (out / "dataset_description.json").write_text(json.dumps({**known, **added}))
    assert "2 cases in" in segment(*arguments, "--participant-label", "01")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}
    assert sorted(path.relative_to(out).as_posix() for path in before) == sorted(MASKS)
    assert "3 finished before, 0 to do" in segment(*arguments)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")} == before

    rows = json.loads((out / "report.json").read_text())["cases"]
    assert [row["case"] for row in rows] == sorted(IMAGES)
    assert [bool(row["metrics"]) for row in rows] == [False, False, True]
    description = json.loads((out / "dataset_description.json").read_text())
    assert (description["DatasetType"], description["License"]) == ("derivative", "CC0")
    assert description["GeneratedBy"][0] == THEIRS
    assert [made["Name"] for made in description["GeneratedBy"][1:]] == [trained.name, "monai_mobileunet"]
    assert (
        json.loads((out / "report.json").read_text())["weights_sha256"] in description["GeneratedBy"][1]["Description"]
    )
    source = {"URL": "../..", "DOI": "doi:10.1/toy", "Version": "2"}
    assert description["SourceDatasets"] == [source, {"URL": "doi:10.1/atlas"}]
    table = list(csv.DictReader((out / "dseg.tsv").read_text().splitlines(), delimiter="\t"))
    assert [(row["index"], row["name"]) for row in table] == [
        ("0", "background"),
        ("1", "anterior"),
        ("2", "posterior"),
    ]
    assert tuple(bytes.fromhex(table[1]["color"][1:])) == colour_of(1)
    about = json.loads((out / "space-orig_dseg.json").read_text())
    assert about["SpatialReference"] == "orig"
    assert about["Labels"]["2"] == {"Name": "posterior", "Color": table[2]["color"]}
    ignored = (out / ".bidsignore").read_text().split()
    top = {path.name for path in out.iterdir()} - {
        "sub-01",
        "sub-02",
        "dseg.tsv",
        "space-orig_dseg.json",
        ".bidsignore",
    }
    assert top == {"dataset_description.json", *(name.rstrip("/") for name in ignored if name != "logs/")}

    split = segment(*arguments[:3], out.parent, *arguments[4:], "--split", "--participant-label", "02")
    assert "3 done" in split, "of the folder"
    assert sorted(path.name for path in (out / "sub-02" / "anat").iterdir()) == [
        "sub-02_space-orig_desc-T1w_dseg.nii.gz",
        *(f"sub-02_space-orig_label-{name}_desc-T1w_mask.nii.gz" for name in ("anterior", "posterior")),
    ]
    assert json.loads((out / "space-orig_mask.json").read_text()) == {"SpatialReference": "orig", "Type": "ROI"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dataset_description.json", '{"Name": "x", "GeneratedBy": [{"Name": "fMRIPrep"}]}'),
        ("dseg.tsv", "index\tname\n"),
        ("sub-09/anat/sub-09_dseg.nii.gz", ""),
    ],
)
def test_the_data_set_of_others_is_left_as_it_is(trained: Path, dataset: Path, tmp_path: Path, name: str, content: str):
    theirs = tmp_path / "out" / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text(content)
    told = segment("-i", dataset, "-o", tmp_path / "out", "-m", trained, "--bids", expect=2)
    assert "Name another folder with -o" in told
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == [theirs]
    assert theirs.read_text() == content


@pytest.fixture
def planned(dataset: Path, trained: Path) -> Path:
    """A data set of derivatives in a folder of its own name, as a run has begun it."""
    place = dataset / "derivatives" / "mine"
    bundle = Bundle(trained)
    plan = plan_bids(dataset, place, bundle)
    (place / ".mobileunet").mkdir(parents=True)
    for name, text in describe_derivatives(dataset, plan, bundle, "0" * 64).items():
        (place / name).write_text(text)
    labels = {str(number): name for number, name in enumerate(("background", *bundle.class_names))}
    (place / "labels.json").write_text(json.dumps({"labels": labels, "bundle": bundle.folder.name}))
    return place


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("dseg.tsv", "anterior", "anterior", ""),
        ("dseg.tsv", "anterior", "liver", "dseg.tsv: has the classes background, liver, posterior"),
        ("labels.json", "anterior", "liver", "labels.json: has the classes background, liver, posterior"),
        ("labels.json", '"bundle": "', '"bundle": "other_', "labels.json: tells of masks by other_"),
        (
            "dataset_description.json",
            '"Name": "BUNDLE"',
            '"Name": "other"',
            "data set by mine, other, monai_mobileunet",
        ),
    ],
)
def test_a_data_set_belongs_to_one_bundle_with_its_classes(
    dataset: Path, planned: Path, trained: Path, file: str, old: str, new: str, said: str
):
    text = (planned / file).read_text()
    old = old.replace("BUNDLE", trained.name)
    assert old in text
    (planned / file).write_text(text.replace(old, new))
    bundle = Bundle(trained)
    plan = plan_bids(dataset, planned, bundle)
    if said:
        with pytest.raises(DataError, match=said):
            describe_derivatives(dataset, plan, bundle, "0" * 64)
        return
    again = json.loads(describe_derivatives(dataset, plan, bundle, "0" * 64)["dataset_description.json"])
    assert [made["Name"] for made in again["GeneratedBy"]] == ["mine", trained.name, "monai_mobileunet"]
    assert [one["URL"] for one in again["SourceDatasets"]] == ["../.."]


@pytest.mark.parametrize(
    ("here", "output", "inside"),
    [
        (".", "set", True),
        ("set", ".", True),
        ("set/derivatives", ".", True),
        (".", "link", True),
        (".", "set/derivatives/", True),
        (".", "set/derivatives/mine", False),
    ],
)
def test_masks_go_into_the_bundle_s_folder_among_the_derivatives_however_these_are_named(
    dataset: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, here: str, output: str, inside: bool
):
    (dataset.parent / "link").symlink_to(dataset / "derivatives")
    monkeypatch.chdir(dataset.parent / here)
    place = plan_bids(dataset, Path(output), Bundle(trained)).output
    assert place.resolve() == dataset / "derivatives" / (trained.name if inside else "mine")

"""``segment --output-type``: DICOM in and out, from one command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pytest
from conftest import segment
from typer.testing import CliRunner

from monai_mobileunet.cli import app
from monai_mobileunet.data.dicom.segments.rtstruct_reader import read_rtstruct
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.data.volume import same_grid
from monai_mobileunet.output_form import OutputForm, OutputType, SegType
from tests.data.dicom.segments.made_sources import FOUND
from tests.data.dicom.test_series import MR, series

TYPES = [argument for kind in OutputType for argument in ("--output-type", kind.value)]


@pytest.fixture
def study(tmp_path: Path, toy_dataset: Path) -> Path:
    """An image of the toy data set as a DICOM series."""
    image = nibabel.load(toy_dataset / "imagesTr" / "toy_001.nii.gz")
    values = np.asarray(image.dataobj)
    stored = np.round(values * (1000 / values.max())).astype(np.int16)
    return series(tmp_path / "study" / "t1", stored, affine=np.diag([1.0, 1, 1, 1]), kind=MR, **FOUND)


@pytest.mark.parametrize("by", [(), pytest.param(("--workers", "1"), marks=pytest.mark.slow)], ids=str)
def test_one_command_writes_the_same_mask_in_every_form(trained: Path, study: Path, tmp_path: Path, by: tuple):
    out = tmp_path / "out"
    segment("-i", study.parent, "-o", out, "-m", trained, *TYPES, "--deterministic")
    image = nibabel.load(out / "t1.nii.gz")
    mask, affine = np.asarray(image.dataobj), image.affine
    assert mask.any()
    slicer = read_label(out / "t1.seg.nrrd")
    assert np.array_equal(slicer.values, mask)
    assert same_grid(slicer, read_label(out / "t1.nii.gz"))
    volume = highdicom.seg.segread(out / "t1.seg.dcm").get_volume(combine_segments=True, allow_missing_positions=True)
    voxels = np.argwhere(volume.array > 0)
    points = volume.affine @ np.column_stack([voxels, np.ones(len(voxels))]).T
    there = np.linalg.solve(np.diag([-1, -1, 1, 1]) @ affine, points)[:3].round().astype(int)
    assert np.array_equal(mask[tuple(there)], volume.array[tuple(voxels.T)])
    assert len(voxels) == (mask > 0).sum()
    structures = read_rtstruct(out / "t1.rtstruct.dcm", affine, mask.shape)
    for number, name in enumerate(("anterior hippocampus", "posterior hippocampus"), 1):
        assert np.array_equal(structures.get(name, np.zeros(mask.shape, bool)), mask == number)
    again = segment("-i", study.parent, "-o", out, "-m", trained, *TYPES, "--deterministic")
    assert "1 finished before, 0 to do" in again
    other = tmp_path / "other"
    segment("-i", study, "-o", other, "-m", trained, *TYPES[2:], "--deterministic", *by)
    assert not (other / "t1.nii.gz").exists()
    assert (other / "t1.seg.nrrd").read_bytes() == (out / "t1.seg.nrrd").read_bytes()
    for name in ("t1.seg.dcm", "t1.rtstruct.dcm"):
        assert (other / name).read_bytes() == (out / name).read_bytes(), "by whomever"


def test_what_cannot_be_dicom_is_said_before_the_network_works(
    trained: Path, study: Path, toy_dataset: Path, tmp_path: Path
):
    told = segment("-i", toy_dataset / "imagesTr", "-o", tmp_path / "a", "-m", trained, *TYPES, expect=2)
    assert "is NIfTI, as" in told
    assert "--output-type dicom_seg and dicom_rtstruct needs DICOM series to refer to" in told
    asked = ["-o", tmp_path / "b", "-m", trained, "-ot", "dicom_seg", "--reference", toy_dataset / "labelsTr"]
    assert "Add that." in segment("-i", study, *asked, expect=2)
    bare = series(tmp_path / "bare" / "t1", kind=MR)
    shutil.move(study, tmp_path / "bare" / "whole")
    told = segment("-i", bare.parent, "-o", tmp_path / "c", "-m", trained, *TYPES, expect=1)
    assert "has no StudyInstanceUID, FrameOfReferenceUID" in told
    assert (tmp_path / "c" / "whole.seg.dcm").is_file(), "the other case has its files"
    assert not list((tmp_path / "c").glob("t1*"))


def test_what_was_drawn_on_a_series_is_its_reference(trained: Path, study: Path, tmp_path: Path):
    out, drawn = tmp_path / "out", tmp_path / "drawn" / "p1"
    segment("-i", study, "-o", out, "-m", trained, *TYPES)
    drawn.mkdir(parents=True)
    for kind in ("seg", "rtstruct"):
        shutil.copy(out / f"t1.{kind}.dcm", drawn / "drawn")
        segment("-i", study.parent, "-o", tmp_path / kind, "-m", trained, "--reference", drawn.parent)
        (row,) = json.loads((tmp_path / kind / "report.json").read_text())["cases"]
        assert row["warnings"] == []
        dice = {name: one["dice"] for name, one in row["metrics"].items()}
        assert {value for value in dice.values() if value is not None} == {1.0}, dice
    shutil.copy(out / "t1.seg.dcm", drawn / "other")
    told = segment("-i", study, "-o", tmp_path / "c", "-m", trained, "--reference", drawn.parent, expect=2)
    assert "is of the same series as" in told


def evaluate(*arguments: object) -> list[dict]:
    folder = Path(str(arguments[-1]))
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads((folder / "results.json").read_text())["cases"]


def test_series_with_what_was_drawn_on_them_are_evaluated(trained: Path, study: Path, tmp_path: Path):
    studies, masks = study.parent, study.parent / "masks"
    other = {**FOUND, "SeriesInstanceUID": "1.2.3.5", "StudyInstanceUID": "1.2.4"}
    series(studies / "t2", kind=MR, **other)
    segment("-i", studies, "-o", masks, "-m", trained, *TYPES)
    shutil.copy(masks / "t1.seg.dcm", studies / "t1")
    shutil.copy(masks / "t2.rtstruct.dcm", studies / "drawn.dcm")
    found = evaluate(studies, "--bundle", trained, "--pred", masks, "-o", tmp_path / "by_folder")
    assert [(one["name"], Path(one["label"]).name) for one in found] == [("t1", "t1.seg.dcm"), ("t2", "drawn.dcm")]
    for one in found:
        assert {result["dice"] for result in one["classes"].values()} - {None} == {1.0}, one
    by_bundle = evaluate(studies, "--bundle", trained, "--worst", 0, "-o", tmp_path / "by_bundle")
    assert [one["classes"] for one in by_bundle] == [one["classes"] for one in found]
    shutil.move(studies / "t1" / "t1.seg.dcm", studies / "t1.dcm")
    (studies / "dataset.json").write_text(json.dumps({"training": [{"image": "t1", "label": "t1.dcm"}]}))
    (one,) = evaluate(studies, "--bundle", trained, "--pred", masks, "--worst", 0, "-o", tmp_path / "by_list")
    assert one["classes"] == found[0]["classes"]


def test_a_form_goes_through_json_and_its_key_is_what_decides_about_content():
    form = OutputForm(False, tuple(OutputType), SegType.LABELMAP, True)
    assert OutputForm.from_json(form.to_json()) == form
    assert OutputForm().key == {"split": False}
    assert form.key == {"split": False, "seg_type": "labelmap", "deterministic": True}

"""A folder of patients with CT series and RTSTRUCT or SEG becomes a training set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from benchmarks.dicom_geometry import geometries
from monai_mobileunet.cli import app
from monai_mobileunet.data import DataError, find_cases, find_class_names
from monai_mobileunet.data.datasets.structures import write_labels_of_structures
from monai_mobileunet.data.dicom.segments.rtstruct_writer import rtstruct_dataset
from monai_mobileunet.data.dicom.segments.seg_writer import seg_dataset
from monai_mobileunet.data.dicom.segments.source import read_source
from monai_mobileunet.data.errors import Finding
from monai_mobileunet.data.reading import read_label, read_volume
from monai_mobileunet.data.volume import same_grid
from tests.data.dicom.segments.made_sources import CLASSES, FOUND, MAKER
from tests.data.dicom.test_series import VALUES, series

WRITERS = {"RS.dcm": rtstruct_dataset, "seg.dcm": seg_dataset}


def patient(folder: Path, number: int, name: str, mask: np.ndarray) -> None:
    """A patient whose structures lie beside the slices, or in a folder of their own."""
    more: dict = FOUND | {"SeriesInstanceUID": f"1.2.3.4.{number}", "PatientID": str(number)}
    source = read_source(series(folder / "ct", affine=geometries()[7], **more))
    (folder / "drawn").mkdir()
    place = folder / ("ct" if number == 1 else "drawn") / name
    WRITERS[name](mask, CLASSES, source, MAKER).save_as(place, enforce_file_format=True)


def test_patients_with_structures_become_a_training_set(tmp_path: Path):
    mask = np.zeros(VALUES.shape, np.uint8)
    mask[1:3, 1:4, 1:4], mask[3:5, 1:4, 1:4] = 1, 2
    patient(tmp_path / "data" / "a", 1, "RS.dcm", mask)
    patient(tmp_path / "data" / "b", 2, "seg.dcm", mask)
    (tmp_path / "data" / "masks" / ".mobileunet").mkdir(parents=True)  # what a model drew is no label of its series
    shutil.copy(tmp_path / "data" / "b" / "drawn" / "seg.dcm", tmp_path / "data" / "masks" / "b.seg.dcm")
    result = CliRunner().invoke(app, ["check", str(tmp_path / "data"), "--write", str(tmp_path / "by_name")])
    assert "structures that only some files have: body" in " ".join(result.output.split()), result.output
    looked = CliRunner().invoke(app, ["check", str(tmp_path / "data")])
    assert looked.exit_code == 0
    assert "2 cases, nothing wrong, 3 warnings" in looked.output, looked.output
    assert find_class_names(tmp_path / "by_name") == ("head", "tail")
    assert np.array_equal(read_label(find_cases(tmp_path / "by_name")[0]["label"]).values, mask)
    said: list[Finding] = []
    classes = ("tail", "body")
    index = write_labels_of_structures(tmp_path / "data", tmp_path / "set", classes, said.append)
    assert find_class_names(tmp_path / "set") == classes
    cases = find_cases(tmp_path / "set")
    assert [case.get("labelled") for case in cases] == [[1], None], "nobody drew the body of the first"
    for case in cases:
        label = read_label(case["label"])
        assert same_grid(label, read_volume(case["image"]))
        assert np.array_equal(label.values, mask == 2)
    assert len(json.loads(index.read_text())["structures"]) == 2
    misspelt = ["check", str(tmp_path / "data"), "--write", str(tmp_path / "new"), "--class", "tale"]
    refused = CliRunner().invoke(app, misspelt)
    assert refused.exit_code == 1
    assert "has no structure 'tale' in any file; there are head, tail, body. Name tail" in refused.output
    with pytest.raises(DataError, match="is there already"):
        write_labels_of_structures(tmp_path / "data", tmp_path / "set")
    with pytest.raises(DataError, match="no DICOM series with a SEG"):
        write_labels_of_structures(tmp_path / "set" / "labels", tmp_path / "other")


def test_check_names_structures_of_another_grid(tmp_path: Path):
    mask = np.ones(VALUES.shape, np.uint8)
    patient(tmp_path / "a", 1, "seg.dcm", mask)
    for file in (tmp_path / "a" / "ct").glob("IM*"):
        data = pydicom.dcmread(file)
        data.PixelSpacing = [2, 2]
        data.save_as(file)
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert "seg.dcm: has pixels that are not the image's voxels" in " ".join(result.output.split())

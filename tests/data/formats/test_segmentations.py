from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from monai_mobileunet.data import Volume, read_volume, write_mask
from monai_mobileunet.data.dicom.segments.terms import segment_classes
from monai_mobileunet.palette import COLOURS

AFFINE = np.diag([-1.5, -2.0, 3.0, 1.0])


def keys(path: Path) -> dict[str, str]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}


def test_3d_slicer_finds_names_colours_terms_and_extents(tmp_path: Path):
    mask = np.zeros((6, 5, 4), np.uint8)
    mask[1:3, 2, 0:4] = 1
    path = tmp_path / "a.seg.nrrd"
    write_mask(mask, path, Volume(mask, AFFINE, "x"), classes=segment_classes(["left kidney", "odd^thing"]))
    volume, found = read_volume(path), keys(path)
    assert np.array_equal(volume.values, mask)
    assert np.allclose(volume.affine, AFFINE)
    expected = {"ID": "Segment_1", "Name": "left kidney", "LabelValue": "1", "Layer": "0", "Extent": "1 2 2 2 0 3"}
    assert {key: found[f"Segment0_{key}"] for key in expected} == expected
    colour = [float(value) * 255 for value in found["Segment0_Color"].split()]
    assert colour == pytest.approx(COLOURS[0], abs=0.01)
    _, category, kind, side, *_ = found["Segment0_Tags"].removeprefix("TerminologyEntry:").split("~")
    assert (kind, side) == ("SCT^64033007^Kidney", "SCT^7771000^Left")
    assert category == "SCT^123037004^Anatomical Structure"
    assert found["Segment1_Extent"] == "0 -1 0 -1 0 -1", "nothing of it is in the mask"
    assert found["Segment1_Tags"].count("^") == found["Segment0_Tags"].count("^"), "no name ends a term"
    assert found["Segmentation_ContainedRepresentationNames"] == "Binary labelmap|"


def test_a_mask_that_nobody_described_and_a_single_slice_are_written_too(tmp_path: Path):
    mask = np.zeros((6, 5, 1), np.uint8)
    mask[2, 2] = 2
    path = tmp_path / "a.seg.nrrd"
    write_mask(mask, path, Volume(mask, AFFINE, "x", planar=True))
    assert np.array_equal(read_volume(path).values, mask)
    assert [keys(path)[f"Segment{number}_LabelValue"] for number in (0, 1)] == ["1", "2"]

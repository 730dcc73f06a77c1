"""SEG and RTSTRUCT read as the classes of a model, on whatever grid of its voxels the image has."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.dicom_geometry import geometries
from monai_mobileunet.data import DataError
from monai_mobileunet.data.dicom.segments.attributes import attributes_of
from monai_mobileunet.data.dicom.segments.highdicom_sources import frames_for_highdicom
from monai_mobileunet.data.dicom.segments.rtstruct_writer import rtstruct_dataset
from monai_mobileunet.data.dicom.segments.seg_writer import BINARY, LABELMAP, seg_dataset
from monai_mobileunet.data.dicom.segments.source import read_source
from monai_mobileunet.data.dicom.segments.structures import describe_structures, read_structures
from monai_mobileunet.data.volume import LPS_TO_RAS
from tests.conftest import head_and_tail
from tests.data.dicom.segments.made_sources import CLASSES, FOUND, MAKER, source_of
from tests.data.dicom.test_series import VALUES, series

NAMES = [one.name for one in CLASSES]
WRITERS = {
    "binary": lambda mask, source: seg_dataset(mask, CLASSES, source, MAKER, BINARY),
    "labelmap": lambda mask, source: seg_dataset(mask, CLASSES, source, MAKER, LABELMAP),
    "rtstruct": lambda mask, source: rtstruct_dataset(mask, CLASSES, source, MAKER),
}


def drawn() -> np.ndarray:
    mask = head_and_tail(1, (15, 19, 9))[1].astype(np.uint8)
    mask[7, 9, 3:6] = 3
    return mask


@pytest.mark.parametrize("kind", WRITERS)
def test_classes_come_back_on_every_order_and_sign_of_the_image_s_axes(tmp_path: Path, kind: str):
    mask, path = drawn(), tmp_path / "reference.dcm"
    for number in (0, 21, 50, 57):
        affine = geometries()[number]
        WRITERS[kind](mask, source_of(mask.shape, affine)).save_as(path, enforce_file_format=True)
        for axes in ((0, 1, 2), (2, 0, 1), (1, 0, 2)):
            flipped, ras = mask.transpose(axes)[::-1], (LPS_TO_RAS @ affine)[:, [*axes, 3]]
            ras[:3, 3] += ras[:3, 0] * (flipped.shape[0] - 1)
            ras[:3, 0] *= -1
            found = read_structures(path, NAMES, ras, flipped.shape)
            assert np.array_equal(found.values, flipped)
            assert (found.labelled, found.warnings) == ((1, 2, 3), ())
    described = describe_structures(path)
    assert described is not None
    assert (described.series, described.names) == ("1.2.3.4", tuple(NAMES))


def test_names_say_which_class_and_what_was_not_drawn(tmp_path: Path):
    mask, source, path = drawn(), source_of((15, 19, 9), np.eye(4)), tmp_path / "reference.dcm"
    WRITERS["binary"](mask, source).save_as(path, enforce_file_format=True)
    found = read_structures(path, ["liver", "Tail", "HE_AD"], LPS_TO_RAS, mask.shape)
    assert found.labelled == (2, 3), "of the liver nothing is known"
    assert np.array_equal(found.values, np.array([0, 3, 2, 0], np.uint8)[mask])
    assert [one.problem for one in found.warnings] == ["has structures that are no classes: body."]
    with pytest.raises(DataError, match=r"has the structures head, tail, body; expected those of the model: liver"):
        read_structures(path, ["liver"], LPS_TO_RAS, mask.shape)


def test_the_very_name_comes_first_and_the_later_class_has_what_two_share(tmp_path: Path):
    mask, source, path = drawn(), source_of((15, 19, 9), np.eye(4)), tmp_path / "reference.dcm"
    head, tail, whole = (replace(one, name=name) for one, name in zip(CLASSES, ("head", "Head", "TAIL"), strict=True))
    data = rtstruct_dataset(mask, (head, tail, whole), source, MAKER)
    data.ROIContourSequence[2].ContourSequence = data.ROIContourSequence[0].ContourSequence
    data.save_as(path, enforce_file_format=True)
    for names, values in ((["tail", "head"], (0, 2, 0, 0)), (["head", "tail"], (0, 2, 0, 0))):
        found = read_structures(path, names, LPS_TO_RAS, mask.shape)
        assert np.array_equal(found.values > 0, mask == 1)
        assert np.array_equal(found.values, np.array(values, np.uint8)[mask])
        problems = [one.problem for one in found.warnings]
        assert "has structures that are no classes: Head." in problems
        assert f"has {np.count_nonzero(mask == 1):,} voxels in several classes." in problems
    with pytest.raises(DataError, match="has structures that may each be HEAD: head, Head"):
        read_structures(path, ["HEAD"], LPS_TO_RAS, mask.shape)


def test_other_grids_are_refused_and_a_part_of_the_image_s_is_taken(tmp_path: Path):
    mask, source, path = drawn(), source_of((15, 19, 9), np.eye(4)), tmp_path / "reference.dcm"
    WRITERS["binary"](mask, source).save_as(path, enforce_file_format=True)
    for change in (np.diag([1, 1.1, 1, 1]), np.array([[1, 0.1, 0, 0], [-0.1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])):
        with pytest.raises(DataError, match="not on the grid of the image"):
            read_structures(path, NAMES, LPS_TO_RAS @ change, mask.shape)
    moved = LPS_TO_RAS @ np.array([[1, 0, 0, 2], [0, 1, 0, 0], [0, 0, 1, 4], [0, 0, 0, 1.0]])
    found = read_structures(path, NAMES, moved, (13, 19, 5))
    assert np.array_equal(found.values, mask[2:, :, 4:])
    lost = np.count_nonzero(mask) - np.count_nonzero(mask[2:, :, 4:])
    assert f"has {lost} voxels outside the image" in str(found.warnings[0])


def test_a_seg_of_dcmqi_and_a_fractional_one(tmp_path: Path):
    folder, mask = series(tmp_path / "ct", affine=geometries()[50], **FOUND), (VALUES % 4).astype(np.uint8)
    source = read_source(folder)
    image = sitk.GetImageFromArray(mask.T)
    sizes = np.linalg.norm(source.affine[:3, :3], axis=0)
    image.SetSpacing(sizes)
    image.SetDirection((source.affine[:3, :3] / sizes).ravel())
    image.SetOrigin(source.affine[:3, 3])
    sitk.WriteImage(image, str(tmp_path / "mask.nrrd"))
    items = [{**item, "SegmentAlgorithmType": "MANUAL"} for item in attributes_of(CLASSES)]
    about = {"ContentCreatorName": "a", "SeriesDescription": "b", "SeriesNumber": "3", "InstanceNumber": "1"}
    (tmp_path / "about.json").write_text(json.dumps({**about, "segmentAttributes": [items]}))
    tool, path = Path(sys.executable).with_name("itkimage2segimage"), tmp_path / "dcmqi.dcm"
    arguments = ["--inputImageList", tmp_path / "mask.nrrd", "--inputDICOMDirectory", folder, "--outputDICOM", path]
    subprocess.run([tool, *arguments, "--inputMetadata", tmp_path / "about.json"], check=True, capture_output=True)
    found = read_structures(path, NAMES, LPS_TO_RAS @ source.affine, mask.shape)
    assert np.array_equal(found.values, mask)
    fractional = highdicom.seg.Segmentation(
        source_images=frames_for_highdicom(source)[0],
        pixel_array=np.where(mask == 1, 0.6, np.where(mask == 2, 0.4, 0.0)).transpose(2, 1, 0),
        segmentation_type="FRACTIONAL",
        segment_descriptions=[_described()],
        series_instance_uid="1.2.9",
        series_number=2,
        sop_instance_uid="1.2.9.1",
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
    )
    fractional.save_as(tmp_path / "fractional.dcm")
    found = read_structures(tmp_path / "fractional.dcm", NAMES, LPS_TO_RAS @ source.affine, mask.shape)
    assert np.array_equal(found.values, mask == 1)


def _described():
    kind = highdicom.sr.CodedConcept("69536005", "SCT", "Head")
    return highdicom.seg.SegmentDescription(1, "head", kind, kind, "MANUAL")

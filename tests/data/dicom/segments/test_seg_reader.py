"""SEG read as masks of an image: our own, dcmqi's and highdicom's, on every order and direction of its axes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.sr.codedict import codes

from benchmarks.dicom_geometry import geometries
from monai_mobileunet.data import DataError
from monai_mobileunet.data.dicom.segments.highdicom_sources import frames_for_highdicom
from monai_mobileunet.data.dicom.segments.rtstruct_writer import rtstruct_dataset
from monai_mobileunet.data.dicom.segments.seg_reader import describe_seg, read_seg
from monai_mobileunet.data.dicom.segments.seg_writer import BINARY, LABELMAP, seg_dataset
from monai_mobileunet.data.dicom.segments.source import Source, read_source
from monai_mobileunet.data.dicom.segments.structures import describe_structures, read_structures
from monai_mobileunet.data.errors import Finding
from monai_mobileunet.data.volume import LPS_TO_RAS
from tests.data.dicom.segments.made_sources import CLASSES, FOUND, MAKER, source_of
from tests.data.dicom.test_series import VALUES, series

DCMQI = Path(sys.executable).with_name("itkimage2segimage")
NUMBERS = {one.name: one.value for one in CLASSES}


def mask_of(shape: tuple[int, ...]) -> np.ndarray:
    """Three classes and much background; the first slice and the third are empty."""
    mask = np.random.RandomState(3).choice(4, shape, p=[0.7, 0.1, 0.1, 0.1]).astype(np.uint8)
    mask[:, :, [0, 2]] = 0
    return mask


def written(path: Path, mask: np.ndarray, source: Source, kind: str = BINARY) -> Path:
    seg_dataset(mask, CLASSES, source, MAKER, kind).save_as(path, enforce_file_format=True)
    return path


def ras(source: Source) -> np.ndarray:
    return LPS_TO_RAS @ source.affine


def assert_same(masks: dict[str, np.ndarray], mask: np.ndarray) -> None:
    assert set(masks) == set(NUMBERS)
    for name, number in NUMBERS.items():
        assert np.array_equal(masks[name], mask == number), name


def turned(source: Source, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mask and the affine of the same image with its axes in another order and one of them reversed."""
    order = [2, 0, 1]
    change = np.eye(4)
    change[:3, :3] = np.eye(3)[:, order]
    other = mask.transpose(order)[:, ::-1]
    flip = np.diag([1.0, -1, 1, 1])
    flip[1, 3] = other.shape[1] - 1
    return other, ras(source) @ change @ flip


@pytest.mark.parametrize("kind", [BINARY, LABELMAP])
def test_every_voxel_comes_back_on_every_grid_of_the_image(tmp_path: Path, kind: str):
    for number, affine in list(enumerate(geometries()))[:: 6 if kind == BINARY else 19]:
        mask = mask_of((7, 6, 5))
        source = source_of(mask.shape, affine)
        path = written(tmp_path / f"{number}.dcm", mask, source, kind)
        assert_same(read_seg(path, ras(source), mask.shape), mask)
        other, affine_of_other = turned(source, mask)
        assert_same(read_seg(path, affine_of_other, other.shape), other)
    assert describe_seg(path).series == FOUND["SeriesInstanceUID"]
    assert describe_seg(path).names == tuple(NUMBERS)


def test_what_dcmqi_writes_of_an_image_with_other_axes_is_read(tmp_path: Path):
    more: dict = FOUND
    folder = series(tmp_path / "ct", affine=geometries()[50], **more)
    source, mask = read_source(folder), mask_of(VALUES.shape)
    image = sitk.GetImageFromArray(mask.T)
    columns = source.affine[:3, :3]
    image.SetSpacing(np.linalg.norm(columns, axis=0).tolist())
    image.SetDirection((columns / np.linalg.norm(columns, axis=0)).ravel().tolist())
    image.SetOrigin(source.affine[:3, 3].tolist())
    sitk.WriteImage(image, str(tmp_path / "mask.nrrd"))
    code = {"CodeValue": "123037004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Anatomical Structure"}
    segments = [
        {
            "labelID": number,
            "SegmentLabel": f" {name}",
            "SegmentDescription": name,
            "SegmentAlgorithmType": "MANUAL",
            "SegmentedPropertyCategoryCodeSequence": code,
            "SegmentedPropertyTypeCodeSequence": code,
        }
        for name, number in NUMBERS.items()
    ]
    (tmp_path / "meta.json").write_text(json.dumps({"segmentAttributes": [segments], "ContentCreatorName": "A"}))
    inputs = ["--inputImageList", "mask.nrrd", "--inputDICOMDirectory", "ct", "--inputMetadata", "meta.json"]
    subprocess.run([DCMQI, *inputs, "--outputDICOM", "seg.dcm"], check=True, capture_output=True, cwd=tmp_path)
    assert_same(read_seg(tmp_path / "seg.dcm", ras(source), mask.shape), mask)
    assert describe_seg(tmp_path / "seg.dcm").series == FOUND["SeriesInstanceUID"]


def test_of_fractions_half_of_the_greatest_value_is_in(tmp_path: Path):
    source = source_of((6, 5, 4), geometries()[7])
    fractions = np.zeros((4, 5, 6, 1))
    fractions[1, 2, 3], fractions[1, 2, 4] = 0.5, 0.49
    images, _ = frames_for_highdicom(source)
    code = codes.SCT.Organ
    segment = highdicom.seg.SegmentDescription(1, "soft", code, code, "MANUAL")
    seg = highdicom.seg.Segmentation(
        *(images, fractions, "FRACTIONAL", [segment], highdicom.UID(), 1, highdicom.UID(), 1, "A", "B", "1", "2"),
        max_fractional_value=100,
    )
    seg.save_as(tmp_path / "seg.dcm")
    found = read_seg(tmp_path / "seg.dcm", ras(source), source.shape)["soft"]
    assert np.argwhere(found).tolist() == [[3, 2, 1]]


def scaled(affine: np.ndarray) -> np.ndarray:
    return affine @ np.diag([1.2, 1, 1, 1])


def sheared(affine: np.ndarray) -> np.ndarray:
    turn = np.eye(4)
    turn[:2, :2] = [[0.96, -0.28], [0.28, 0.96]]
    return affine @ turn


def moved(voxels: tuple[float, ...]) -> Callable[[np.ndarray], np.ndarray]:
    shift = np.eye(4)
    shift[:3, 3] = voxels
    return lambda affine: affine @ shift


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (scaled, "not the image's voxels"),
        (sheared, "not the image's voxels"),
        (moved((0, 0, 0.5)), r"0\.50 of a voxel beside"),
        (moved((90, 0, 0)), "all its voxels beside the image"),
        (lambda affine: affine @ np.diag([1, 1, 0.5, 1]), "slices .* mm apart; expected"),
    ],
)
def test_another_grid_is_refused(tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], said: str):
    mask = mask_of((7, 6, 5))
    source = source_of(mask.shape, geometries()[50])
    path = written(tmp_path / "seg.dcm", mask, source)
    data = pydicom.dcmread(path)
    measures = data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SpacingBetweenSlices = float(np.linalg.norm(source.affine[:3, 2]))
    data.save_as(path)
    with pytest.raises(DataError, match=said) as error:
        read_seg(path, change(ras(source)), mask.shape)
    assert "seg.dcm" in str(error.value)


def test_what_is_no_segmentation_is_refused(tmp_path: Path):
    file = next(series(tmp_path / "ct").glob("*"))
    with pytest.raises(DataError, match="expected SEG"):
        describe_seg(file)
    assert describe_structures(file) is None
    (tmp_path / "bad.txt").write_text("text")
    assert describe_structures(tmp_path / "bad.txt") is None


def test_both_kinds_give_the_same_class_numbers_by_the_names_of_the_classes(tmp_path: Path):
    mask = np.zeros((9, 8, 5), np.uint8)
    mask[1:4, 2:6, 1:4], mask[5:8, 2:6, 1:4] = 1, 2
    source = source_of(mask.shape, geometries()[7])
    seg = written(tmp_path / "seg.dcm", mask, source)
    rtstruct = tmp_path / "rt.dcm"
    rtstruct_dataset(mask, CLASSES, source, MAKER).save_as(rtstruct, enforce_file_format=True)
    for path, missing in ((seg, ("liver",)), (rtstruct, ("body", "liver"))):
        said: list[Finding] = []
        names = {"TAIL_": 1, "body": 2, "liver": 300}
        found = read_structures(path, names, ras(source), mask.shape, said.append)
        assert found.values.dtype == np.uint16
        assert np.array_equal(found.values, mask == 2)
        assert found.missing == missing, "an empty segment was looked for; one without contours was not drawn"
        assert any("head" in finding.problem and "no class" in finding.problem for finding in said)
        with pytest.raises(DataError, match="no structure of the classes liver; it has"):
            read_structures(path, {"liver": 1}, ras(source), mask.shape, said.append)


def test_a_voxel_of_two_structures_is_of_the_smaller_one(tmp_path: Path):
    mask = np.zeros((7, 6, 5), np.uint8)
    mask[1:6, 1:5, 1:4], mask[2, 2, 2] = 2, 1
    source = source_of(mask.shape, geometries()[0])
    path = written(tmp_path / "seg.dcm", mask, source)
    data = pydicom.dcmread(path)
    pixels = data.pixel_array
    for number, frame in enumerate(data.PerFrameFunctionalGroupsSequence):
        if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 2:
            pixels[number, 2, 2] = 1
    data.PixelData = pydicom.pixels.pack_bits(pixels)
    data.save_as(path)
    said: list[Finding] = []
    found = read_structures(path, {"tail": 7, "head": 3}, ras(source), mask.shape, said.append)
    assert np.array_equal(found.values, np.choose(mask, [0, 3, 7]))
    assert any("1 voxel in structures of several classes" in finding.problem for finding in said)

"""RTSTRUCT written and read again: the mask comes back for every series, and points lie where ITK has the voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from benchmarks.dicom_geometry import geometries
from monai_mobileunet.data import DataError
from monai_mobileunet.data.dicom.segments.described import DISCLAIMER, Maker
from monai_mobileunet.data.dicom.segments.rtstruct_reader import describe_rtstruct, read_rtstruct
from monai_mobileunet.data.dicom.segments.rtstruct_writer import rtstruct_dataset
from monai_mobileunet.data.dicom.segments.source import Source, read_source
from monai_mobileunet.data.reading import read_volume
from monai_mobileunet.data.volume import LPS_TO_RAS
from tests.conftest import head_and_tail, present
from tests.data.dicom.segments.made_sources import CLASSES, FOUND, MAKER, source_of
from tests.data.dicom.test_series import VALUES, enhanced, series


def written(path: Path, mask: np.ndarray, source: Source, maker: Maker = MAKER) -> Dataset:
    dataset = rtstruct_dataset(mask, CLASSES, source, maker)
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def assert_same(masks: dict[str, np.ndarray], mask: np.ndarray) -> None:
    assert list(masks) == [one.name for one in CLASSES if (mask == one.value).any()]
    for one in CLASSES:
        if one.name in masks:
            assert np.array_equal(masks[one.name], mask == one.value)


def test_a_mask_comes_back_voxel_for_voxel_however_its_series_lies(tmp_path: Path):
    mask = head_and_tail(1, (15, 19, 9))[1]
    mask[7, 9, 3:6] = 0  # a hole
    for affine in geometries():
        written(tmp_path / "rs.dcm", mask, source_of(mask.shape, affine))
        assert_same(read_rtstruct(tmp_path / "rs.dcm", LPS_TO_RAS @ affine, mask.shape), mask)


def test_real_organs_come_back_on_every_grid_of_their_voxels(tmp_path: Path, shared_data: Path):
    folder = present(shared_data / "openkbp_hn_ct" / "labelsTr")
    label = nibabel.load(folder / "pt_1.nii.gz")
    found = np.asarray(label.dataobj).astype(np.uint8)
    mask = np.where(found > 3, 0, found)
    written(tmp_path / "rs.dcm", mask, source_of(mask.shape, LPS_TO_RAS @ label.affine))
    assert_same(read_rtstruct(tmp_path / "rs.dcm", label.affine, mask.shape), mask)
    for axes in ((2, 0, 1), (1, 2, 0)):  # an image with its axes in another order has its slices elsewhere
        affine = label.affine[:, [*axes, 3]]
        turned = mask.transpose(axes)
        assert_same(read_rtstruct(tmp_path / "rs.dcm", affine, turned.shape), turned)


@pytest.mark.parametrize("number", [0, 21, 50, 57])
def test_points_lie_where_itk_has_the_voxel(tmp_path: Path, number: int):
    numbered = np.arange(VALUES.size, dtype=np.int16).reshape(VALUES.shape)
    folder = series(tmp_path / "ct", numbered, affine=geometries()[number], **FOUND)
    source, values = read_source(folder), read_volume(folder).values
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    for voxel in ((0, 0, 0), (4, 5, 6), (1, 3, 2)):
        mask = np.zeros(values.shape, np.uint8)
        mask[voxel] = 1
        dataset = rtstruct_dataset(mask, CLASSES, source, MAKER)
        (contour,) = dataset.ROIContourSequence[0].ContourSequence
        points = np.reshape(np.array(contour.ContourData, float), (-1, 3))
        index = np.argwhere(values[voxel] == sitk.GetArrayViewFromImage(image).T)[0].tolist()
        assert np.allclose(points.mean(axis=0), image.TransformIndexToPhysicalPoint(index), atol=0.005)
        corners = [image.TransformPhysicalPointToContinuousIndex(point) for point in points.tolist()]
        assert np.allclose(sorted(np.round(np.array(corners) - index, 1).tolist()), BOX)
        (reference,) = contour.ContourImageSequence
        held = pydicom.dcmread(source.frames[voxel[2]].file)
        assert reference.ReferencedSOPInstanceUID == held.SOPInstanceUID
        assert held.pixel_array[voxel[1], voxel[0]] == values[voxel]


BOX = [[-0.5, -0.5, 0], [-0.5, 0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0]]


def test_frames_of_one_file_are_named_by_their_numbers(tmp_path: Path):
    order = [3, 0, 5, 1, 4, 2, 6]
    path = enhanced(tmp_path / "mr.dcm", order, **FOUND)
    volume, source = read_volume(path), read_source(path)
    mask = np.zeros(VALUES.shape, np.uint8)
    mask[1:3, 2:4, 1:5] = 1
    dataset = written(tmp_path / "rs.dcm", mask, source)
    contours = dataset.ROIContourSequence[0].ContourSequence
    assert [item.ContourImageSequence[0].ReferencedFrameNumber for item in contours] == [
        order.index(place) + 1 for place in range(1, 5)
    ]
    study = dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    assert len(study.RTReferencedSeriesSequence[0].ContourImageSequence) == 1
    assert_same(read_rtstruct(tmp_path / "rs.dcm", volume.affine, volume.shape), mask)


def test_the_file_says_whose_it_is_and_what_made_it(tmp_path: Path):
    mask = np.zeros((6, 5, 4), np.uint8)
    mask[1:4, 1:4, 1:3], mask[4, 4, 0] = 1, 2
    source = source_of(mask.shape, np.diag([0.7, 0.8, 2.5, 1]))
    written(tmp_path / "rs.dcm", mask, source)
    data = pydicom.dcmread(tmp_path / "rs.dcm")
    assert data.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (data.PatientName, data.PatientID, data.PatientSex) == ("Müller^Jörg", "7", "")
    assert data.StudyInstanceUID == "1.2.3"
    assert (data.Modality, data.ApprovalStatus) == ("RTSTRUCT", "UNAPPROVED")
    assert len(data.StructureSetLabel) <= 16
    assert all(DISCLAIMER in text for text in (data.StructureSetDescription, data.SeriesDescription))
    assert MAKER.weights in data.StructureSetDescription
    (reference,) = data.ReferencedFrameOfReferenceSequence
    listed = reference.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].ContourImageSequence
    assert [item.ReferencedSOPInstanceUID for item in listed] == [f"1.2.3.4.{number}" for number in range(1, 5)]
    head = data.StructureSetROISequence[0]
    assert len(data.StructureSetROISequence) == 2
    assert (head.ROINumber, head.ROIName, head.ROIGenerationAlgorithm) == (1, "head", "AUTOMATIC")
    assert head.ReferencedFrameOfReferenceUID == reference.FrameOfReferenceUID == "1.2.5"
    assert head.ROIDerivationAlgorithmIdentificationSequence[0].AlgorithmVersion == "1.0.0"
    of_head, of_tail = data.RTROIObservationsSequence
    assert (of_head.RTROIInterpretedType, of_tail.RTROIInterpretedType) == ("ORGAN", "")
    (kind,) = of_head.RTROIIdentificationCodeSequence
    assert (kind.CodeValue, kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning) == ("69536005", "Left")
    assert data.ROIContourSequence[1].ROIDisplayColor == [0, 128, 255]
    contours = data.ROIContourSequence[0].ContourSequence
    assert [item.ContourNumber for item in contours] == [1, 2]
    assert [item.NumberOfContourPoints for item in contours] == [4, 4]
    assert {item.ContourGeometricType for item in contours} == {"CLOSED_PLANAR"}
    assert all(len(text) <= 16 for text in contours[0].get_item("ContourData").value.decode().split("\\"))
    assert describe_rtstruct(tmp_path / "rs.dcm").names == ("head", "tail")
    assert describe_rtstruct(tmp_path / "rs.dcm").series == "1.2.3.4"


def test_the_same_mask_gives_the_same_bytes_if_that_is_wanted(tmp_path: Path):
    mask = np.ones((3, 3, 2), np.uint8)
    source = source_of(mask.shape, np.eye(4))
    for name, given, maker in (
        ("first", mask, MAKER),
        ("again", mask.copy(order="F"), MAKER),
        ("other", mask * 2, MAKER),
        ("random", mask, replace(MAKER, deterministic=False)),
    ):
        written(tmp_path / name, given, source, maker)
    held = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert held["first"] == held["again"]
    uids = {name: pydicom.dcmread(tmp_path / name).SOPInstanceUID for name in held}
    assert len({uids["first"], uids["other"], uids["random"]}) == 3


def test_what_was_not_found_has_no_structure_unless_nothing_was(tmp_path: Path):
    mask = np.zeros((3, 3, 2), np.uint8)
    dataset = written(tmp_path / "rs.dcm", mask, source_of(mask.shape, np.eye(4)))
    assert len(dataset.StructureSetROISequence) == len(CLASSES)
    assert not any("ContourSequence" in item for item in dataset.ROIContourSequence)
    said: list = []
    assert read_rtstruct(tmp_path / "rs.dcm", LPS_TO_RAS, mask.shape, said.append) == {}
    assert "structures without a closed contour: head, tail, body" in str(said[0])


def test_a_contour_too_long_for_explicit_values_makes_the_file_implicit(tmp_path: Path):
    mask = np.zeros((260, 30, 1), np.uint8)
    mask[::2, 1:29], mask[:, 14] = 1, 1  # a comb
    mask[5::4, 16:], mask[::4, 20] = 0, 0
    random = np.random.RandomState(0).rand(260, 30) < 0.3
    mask[random, 0] = 1
    source = source_of(mask.shape, geometries()[50])
    dataset = written(tmp_path / "rs.dcm", mask, source)
    assert dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert_same(read_rtstruct(tmp_path / "rs.dcm", LPS_TO_RAS @ source.affine, mask.shape), mask)


def test_a_mask_of_another_grid_or_with_other_numbers_is_refused():
    source = source_of((3, 4, 2), np.eye(4))
    with pytest.raises(ValueError, match=r"has shape \(4, 3, 2\); its series made has \(3, 4, 2\)"):
        rtstruct_dataset(np.zeros((4, 3, 2), np.uint8), CLASSES, source, MAKER)
    with pytest.raises(ValueError, match="has the number 4; its classes are 1, 2, 3"):
        rtstruct_dataset(np.full((3, 4, 2), 4, np.uint8), CLASSES, source, MAKER)


def foreign(path: Path, contours: Sequence[tuple[int, str, str]], names: Sequence[str] = ("Parotid ",)) -> Path:
    """A file as of a planning system: number of the structure, type and points of each contour; no preamble."""
    data = Dataset()
    data.SOPClassUID, data.Modality = "1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT"
    data.StructureSetROISequence, data.ROIContourSequence = [], []
    for number, name in enumerate(names):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, drawn.ReferencedROINumber, drawn.ContourSequence = number, name, number, []
        for whose, kind, points in contours:
            if whose == number:
                item = Dataset()
                item.ContourGeometricType, item.ContourData = kind, points.split()
                item.NumberOfContourPoints = len(points.split()) // 3
                drawn.ContourSequence.append(item)
        if not drawn.ContourSequence:
            del drawn.ContourSequence
        data.StructureSetROISequence.append(roi)
        data.ROIContourSequence.append(drawn)
    data.save_as(path, implicit_vr=True, little_endian=True)
    return path


def square(low: float, high: float, z: float) -> str:
    return f"{low} {low} {z} {high} {low} {z} {high} {high} {z} {low} {high} {z}"


GRID = (LPS_TO_RAS @ np.diag([1.0, 1.0, 2.5, 1.0]), (12, 12, 6))
CLOSED = "CLOSED_PLANAR"


@pytest.mark.parametrize(
    ("contours", "names", "voxels", "said"),
    [
        ([(0, CLOSED, square(0.6, 4.4, 2.5))], ["Parotid "], {"Parotid": 16}, []),
        ([(0, CLOSED, square(0.6, 4.4, z)) for z in (2.5, 5.02)], ["P"], {"P": 32}, []),
        ([(0, CLOSED, square(0.6, 4.4, 0)), (0, CLOSED, square(1.6, 3.4, 0))], ["P"], {"P": 12}, []),
        (
            [(0, "CLOSEDPLANAR_XOR", square(low, high, 0)) for low, high in ((0.6, 4.4), (1.6, 3.4))],
            ["P"],
            {"P": 12},
            [],
        ),
        ([(0, CLOSED, square(0.6, 4.4, 0)), (0, CLOSED, square(2.6, 6.4, 0))], ["P"], {"P": 28}, ["reaching beyond"]),
        ([(n, CLOSED, square(0.6, 1.4, 0)) for n in (0, 1)], ["P", "P "], {"P (0)": 1, "P (1)": 1}, []),
        ([(1, CLOSED, square(0.6, 1.4, 0))], ["", ""], {"ROI (1)": 1}, ["without a closed contour: ROI (0)"]),
        ([(0, CLOSED, square(0.6, 1.4, 0)), (1, "POINT", "1 1 0")], ["P", "iso"], {"P": 1}, ["contour: iso"]),
        ([(0, CLOSED, square(0.6, 1.4, z)) for z in (0, 5, 10)], ["P"], {"P": 3}, ["P on no two neighbouring"]),
        ([(0, CLOSED, square(0.6, 1.4, z)) for z in (-2.5, 0)], ["P"], {"P": 1}, ["P on 1 slice that the image"]),
    ],
)
def test_files_of_planning_systems_are_read(tmp_path: Path, contours, names, voxels: dict, said: list):
    reported: list = []
    masks = read_rtstruct(foreign(tmp_path / "rs", contours, names), *GRID, reported.append)
    assert {name: mask.sum() for name, mask in masks.items()} == voxels
    assert len(reported) == len(said)
    for text, finding in zip(said, reported, strict=True):
        assert finding.warning
        assert text in str(finding)


@pytest.mark.parametrize(
    ("contours", "said"),
    [
        ([(0, CLOSED, square(1, 3, 3.75))], "contours of Parotid between slices of the image: 0.50 of a slice"),
        ([(0, CLOSED, "1 1 0 5 1 1 5 5 3 1 5 2")], "contours of Parotid that lie in no slice of the image"),
        ([(0, CLOSED, square(101, 103, 2.5))], "all lie beside the image"),
        ([(0, CLOSED, "1 1 0 5 1 0 5 5")], "cannot be read"),
    ],
)
def test_contours_that_are_not_of_the_image_are_refused(tmp_path: Path, contours, said: str):
    with pytest.raises(DataError, match=said):
        read_rtstruct(foreign(tmp_path / "rs", contours), *GRID)


def test_what_is_no_structure_set_is_refused(tmp_path: Path):
    folder = series(tmp_path / "ct")
    (tmp_path / "text").write_text("not DICOM at all, but long enough to be read as such" * 9)
    for path in (next(folder.iterdir()), tmp_path / "text"):
        for read in (describe_rtstruct, lambda path: read_rtstruct(path, *GRID)):
            with pytest.raises(DataError, match=f"{path.name}: .*(expected RTSTRUCT|cannot be read)"):
                read(path)


def test_a_structure_that_nobody_asks_for_is_not_looked_at(tmp_path: Path):
    mask = head_and_tail(1, (15, 19, 9))[1].astype(np.uint8)
    dataset = rtstruct_dataset(mask, CLASSES, source_of(mask.shape, np.eye(4)), MAKER)
    for contour in dataset.ROIContourSequence[1].ContourSequence:
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        contour.ContourData = [f"{value:.2f}" for value in np.add(points, (0, 0, 0.5)).ravel()]
    dataset.save_as(tmp_path / "rs.dcm", enforce_file_format=True)
    with pytest.raises(DataError, match="between slices"):
        read_rtstruct(tmp_path / "rs.dcm", LPS_TO_RAS, mask.shape)
    found = read_rtstruct(tmp_path / "rs.dcm", LPS_TO_RAS, mask.shape, only=["head"])
    assert list(found) == ["head"]
    assert np.array_equal(found["head"], mask == 1)

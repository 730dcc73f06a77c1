"""SEG written by us and read by others: every voxel at its place, by highdicom, dcmqi and frame by frame."""

from __future__ import annotations

import io
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from benchmarks.dicom_geometry import by_dcmqi, by_highdicom, geometries
from monai_mobileunet.data import DataError
from monai_mobileunet.data.dicom.segments.described import DISCLAIMER, Maker
from monai_mobileunet.data.dicom.segments.seg_writer import BINARY, LABELMAP, seg_dataset
from monai_mobileunet.data.dicom.segments.source import Source, read_source
from tests.conftest import head_and_tail
from tests.data.dicom.segments.made_sources import CLASSES, FOUND, MAKER, source_of
from tests.data.dicom.test_series import VALUES, enhanced, series


def written(path: Path, mask: np.ndarray, source: Source, kind: str = BINARY, maker: Maker = MAKER) -> Dataset:
    dataset = seg_dataset(mask, CLASSES, source, maker, kind)
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def at(points: np.ndarray, values: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Values of an image at points in mm; 0 outside."""
    voxels = np.linalg.solve(affine, np.column_stack([points, np.ones(len(points))]).T)[:3].T
    assert np.abs(voxels - voxels.round()).max() < 0.01
    near = voxels.round().astype(int)
    inside = ((near >= 0) & (near < values.shape)).all(axis=1)
    found = np.zeros(len(points), values.dtype)
    found[inside] = values[tuple(near[inside].T)]
    return found


def assert_there(values: np.ndarray, affine: np.ndarray, mask: np.ndarray, source: Source) -> None:
    """An image in LPS has the mask's class at each of its voxels, and no other voxels have one."""
    voxels = np.argwhere(mask >= 0)
    points = (source.affine @ np.column_stack([voxels, np.ones(len(voxels))]).T)[:3].T
    assert np.array_equal(at(points, values, affine), mask.ravel())
    assert (values > 0).sum() == (mask > 0).sum()


def centroids(data: Dataset) -> dict[int, np.ndarray]:
    """Centre of each segment in mm, from the positions and orientations of its own frames alone."""
    shared = data.SharedFunctionalGroupsSequence[0]
    row, column = np.reshape(shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3))
    between_rows, between_columns = shared.PixelMeasuresSequence[0].PixelSpacing
    points: dict[int, list[np.ndarray]] = {}
    for frame, pixels in zip(data.PerFrameFunctionalGroupsSequence, data.pixel_array, strict=True):
        origin = np.asarray(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        at_rows, at_columns = np.nonzero(pixels)
        here = origin + np.outer(at_columns * between_columns, row) + np.outer(at_rows * between_rows, column)
        points.setdefault(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber, []).append(here)
    return {number: np.concatenate(here).mean(axis=0) for number, here in points.items()}


@pytest.mark.parametrize(
    ("kind", "every"), [(BINARY, 4), pytest.param(BINARY, 1, marks=pytest.mark.slow), (LABELMAP, 12)]
)
def test_every_voxel_lies_at_its_place_however_the_series_lies(tmp_path: Path, kind: str, every: int):
    mask = head_and_tail(1, (15, 19, 9))[1].astype(np.uint8)
    mask[7, 9, 3:6] = 3
    for number, affine in list(enumerate(geometries()))[::every]:
        source = source_of(mask.shape, affine)
        path = tmp_path / f"{number}.dcm"
        data = written(path, mask, source, kind)
        assert_there(*by_highdicom(path), mask, source)
        if every == 1 or number % 12 == 0:
            assert_there(*by_dcmqi(path), mask, source)
        if kind == BINARY:
            assert_centred(data, mask, source)


def assert_centred(data: Dataset, mask: np.ndarray, source: Source) -> None:
    for value, centre in centroids(data).items():
        expected = source.affine @ [*np.argwhere(mask == value).mean(axis=0), 1]
        assert np.abs(centre - expected[:3]).max() < 0.01


def test_centres_of_all_geometries_are_those_of_the_mask():
    mask = np.zeros((7, 6, 4), np.uint8)
    mask[1:3, 2, 1:3], mask[5, 4:, 2], mask[0, 0, 3] = 1, 2, 3
    for affine in geometries():
        source = source_of(mask.shape, affine)
        assert_centred(seg_dataset(mask, CLASSES, source, MAKER), mask, source)


def test_frames_of_one_file_and_files_that_itk_orders(tmp_path: Path):
    mask = np.random.RandomState(1).randint(0, 4, VALUES.shape).astype(np.uint8)
    mask[:, :, 3] = 0
    many = read_source(enhanced(tmp_path / "many.dcm", [3, 1, 0, 2, 6, 5, 4], **FOUND))
    data = written(tmp_path / "of_many.dcm", mask, many)
    assert_there(*by_highdicom(tmp_path / "of_many.dcm"), mask, many)
    assert_there(*by_dcmqi(tmp_path / "of_many.dcm"), mask, many)
    references = [
        frame.DerivationImageSequence[0].SourceImageSequence[0] for frame in data.PerFrameFunctionalGroupsSequence
    ]
    assert {int(reference.ReferencedFrameNumber) for reference in references} == {2, 3, 4, 5, 6, 7}, (
        "the first lies where nothing is"
    )
    folder = series(tmp_path / "ct", affine=geometries()[50], **FOUND)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image, source = reader.Execute(), read_source(folder)
    for slice_, header in enumerate(source.datasets):
        place = image.TransformPhysicalPointToContinuousIndex([float(number) for number in header.ImagePositionPatient])
        assert np.allclose(place, [0, 0, slice_], atol=0.01) or np.allclose(place, [0, 0, 6 - slice_], atol=0.01)


def test_what_a_viewer_needs_is_there():
    source = source_of((6, 5, 4), geometries()[50])
    mask = np.zeros(source.shape, np.uint8)
    mask[2:4, 1:3, 1], mask[1, 1, 2] = 1, 2
    data = seg_dataset(mask, CLASSES, source, MAKER)
    assert (data.SegmentationType, data.file_meta.TransferSyntaxUID) == ("BINARY", pydicom.uid.ExplicitVRLittleEndian)
    assert data.NumberOfFrames == 2, "frames in which a class is not are left out"
    for frame, index in zip(data.PerFrameFunctionalGroupsSequence, (1, 2), strict=True):
        (derivation,) = frame.DerivationImageSequence
        (origin,) = derivation.SourceImageSequence
        assert origin.SpatialLocationsPreserved == "YES"
        assert origin.ReferencedSOPInstanceUID == source.datasets[index].SOPInstanceUID
    first = source.datasets[0]
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate", "FrameOfReferenceUID"):
        assert data[keyword].value == first[keyword].value
    assert data.ReferencedSeriesSequence[0].SeriesInstanceUID == first.SeriesInstanceUID
    head, lesion, _ = data.SegmentSequence
    assert (head.SegmentNumber, head.SegmentLabel, head.SegmentAlgorithmType) == (1, "head", "AUTOMATIC")
    kind = head.SegmentedPropertyTypeCodeSequence[0]
    assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    assert lesion.SegmentedPropertyCategoryCodeSequence[0].CodeValue == CLASSES[1].category.value
    shown = highdicom.color.CIELabColor.from_rgb(*CLASSES[0].colour)
    assert list(head.RecommendedDisplayCIELabValue) == list(shown.value)
    algorithm = head.SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == (MAKER.model, MAKER.version)
    assert MAKER.weights in algorithm.AlgorithmParameters
    assert data.ContentDescription == DISCLAIMER
    assert DISCLAIMER in data.SeriesDescription


@pytest.mark.parametrize("kind", [BINARY, LABELMAP])
def test_the_same_mask_gives_the_same_bytes_where_that_is_wanted(kind: str):
    source = source_of((6, 5, 4), np.eye(4))
    mask = np.zeros(source.shape, np.uint8)
    mask[2, 1, 1] = 1

    def content(mask: np.ndarray, deterministic: bool) -> bytes:
        file = io.BytesIO()
        seg_dataset(mask, CLASSES, source, Maker("m", "1", "ab" * 32, deterministic), kind).save_as(file)
        return file.getvalue()

    assert content(mask, True) == content(np.asfortranarray(mask), True)
    other = seg_dataset(mask[::-1], CLASSES, source, MAKER, kind)
    assert other.SOPInstanceUID != seg_dataset(mask, CLASSES, source, MAKER, kind).SOPInstanceUID
    assert content(mask, False) != content(mask, False)


def test_a_mask_without_any_class_has_one_frame_of_each(tmp_path: Path):
    for source in (
        source_of(VALUES.shape, np.eye(4)),
        read_source(enhanced(tmp_path / "many.dcm", range(VALUES.shape[2]), **FOUND)),
    ):
        data = written(tmp_path / "none.dcm", np.zeros(source.shape, np.uint8), source)
        assert data.NumberOfFrames == len(CLASSES), "one for each class"
        assert not by_highdicom(tmp_path / "none.dcm")[0].any()
        assert not by_dcmqi(tmp_path / "none.dcm")[0].any()


def test_exports_that_lack_what_a_seg_needs_or_say_it_slice_by_slice(tmp_path: Path):
    turned = [{"ImageOrientationPatient": [1, 0, 0, 0, 1, 1e-6 * index]} for index in range(VALUES.shape[2])]
    given = {**FOUND, "PatientSex": "unknown", "StudyDate": None, "SliceThickness": None}
    source = read_source(series(tmp_path / "odd", each=turned, **given))
    mask = (VALUES % 3).astype(np.uint8)
    data = written(tmp_path / "seg.dcm", mask, source)
    assert_there(*by_highdicom(tmp_path / "seg.dcm"), mask, source)
    assert data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices == 2.5
    assert source.datasets[0].PatientSex == "unknown", "the source stays as it was"
    lacking = series(tmp_path / "lacking", **{**FOUND, "FrameOfReferenceUID": None})
    with pytest.raises(DataError, match="has no FrameOfReferenceUID"):
        read_source(lacking)

"""DICOM files written by pydicom: the right value at the right place, or a sentence that names the file."""

from __future__ import annotations

import itertools
import locale
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, RLELossless

from monai_mobileunet.cohort.memory import case_bytes
from monai_mobileunet.cohort.plan import plan_run
from monai_mobileunet.data import DataError, VolumeReader, read_volume
from monai_mobileunet.data.dicom import dicom_series, files_of, series_in
from monai_mobileunet.data.formats import image_states

CT, MR, PET = (f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("2", "4", "128"))
ENHANCED_MR, ENHANCED_CT, CAPTURE = (f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("4.1", "2.1", "7.3"))
VALUES = np.random.RandomState(0).randint(0, 900, (5, 6, 7)).astype(np.int16)  # columns, rows, slices
STANDARD = {"write_like_original": False} if pydicom.__version__ < "3" else {"enforce_file_format": True}


def bare(pixels: np.ndarray, kind: str = CT, **values) -> Dataset:
    """A file of ``(rows, columns)`` or ``(frames, rows, columns)``, without a place."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID = UID(kind), UID("1.2.3.4.1"), UID("1.2.3.4")
    data.Modality = {MR: "MR", ENHANCED_MR: "MR", PET: "PT", CAPTURE: "OT"}.get(kind, "CT")
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape[-2:]
    bits = 8 * pixels.dtype.itemsize
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OW"
    for keyword, value in values.items():
        setattr(data, keyword, value)
        if value is None:
            delattr(data, keyword)
    return data


def save(data: Dataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.is_little_endian, data.is_implicit_VR = syntax != ExplicitVRBigEndian, False
    data.save_as(path, **STANDARD)
    return path


def slice_of(values: np.ndarray, index: int, affine: np.ndarray | None = None, kind: str = CT, **more) -> Dataset:
    """Slice of ``(columns, rows, slices)`` whose affine is LPS."""
    affine = np.diag([0.7, 0.8, 2.5, 1]) if affine is None else affine
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    given = {
        "SOPInstanceUID": UID(f"1.2.3.4.{index + 1}"),
        "ImagePositionPatient": [float(f"{value:.6f}") for value in affine[:3, 2] * index + affine[:3, 3]],
        "ImageOrientationPatient": [float(f"{value:.6f}") for value in (affine[:3, :2] / lengths[:2]).T.ravel()],
        "PixelSpacing": [lengths[1], lengths[0]],
        "InstanceNumber": 100 - index,
    }
    return bare(np.ascontiguousarray(values[:, :, index].T), kind, **{**given, **more})


def series(folder: Path, values: np.ndarray = VALUES, each: Sequence[dict] = (), **more) -> Path:
    """A file per slice, in files whose names say nothing of their order."""
    for index in range(values.shape[2]):
        own = each[index] if each else {}
        save(slice_of(values, index, **{**more, **own}), folder / f"IM{index * 3 % values.shape[2]:02d}")
    return folder


def item(**values) -> list[Dataset]:
    data = Dataset()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return [data]


def enhanced(path: Path, order: Sequence[int], groups: Sequence[dict] = (), kind: str = ENHANCED_MR, **more) -> Path:
    """One file whose frames are the slices of ``VALUES`` in an order, each with functional groups of its own."""
    shared, frames = Dataset(), []
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.PixelMeasuresSequence = item(PixelSpacing=[0.8, 0.7], SliceThickness=99, SpacingBetweenSlices=77)
    shared.PixelValueTransformationSequence = item(RescaleSlope=1, RescaleIntercept=0, RescaleType="US")
    for place, index in enumerate(order):
        own = Dataset()
        own.FrameContentSequence = item(DimensionIndexValues=[1, place + 1], InStackPositionNumber=place + 1)
        own.PlanePositionSequence = item(ImagePositionPatient=[3, -4, 2.5 * index])
        for keyword, value in (groups[place] if groups else {}).items():
            setattr(own, keyword, value)
        frames.append(own)
    given = {"SharedFunctionalGroupsSequence": [shared], "PerFrameFunctionalGroupsSequence": frames}
    return save(bare(np.stack([VALUES[:, :, index].T for index in order]), kind, **{**given, **more}), path)


def problem(source) -> str:
    with pytest.raises(DataError) as error:
        read_volume(source)
    return str(error.value)


def test_every_order_and_sign_of_axes_is_the_same_body(tmp_path: Path):
    for number, (axes, signs) in enumerate(
        itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3))
    ):
        affine = np.eye(4)
        affine[:3, :3] = (np.eye(3) * signs * np.array([0.7, 0.8, 2.5])[:, None])[:, axes]
        affine[:3, 3] = (-31.5, 12.25, 70)
        volume = read_volume(series(tmp_path / str(number), affine=affine))
        lps = np.diag([-1, -1, 1, 1]) @ volume.affine
        grid = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), -1).reshape(-1, 3)
        there = np.linalg.solve(affine, lps @ np.column_stack([grid, np.ones(len(grid))]).T)[:3].T
        assert np.abs(there - there.round()).max() < 1e-3
        assert np.array_equal(VALUES[tuple(there.round().astype(int).T)], volume.values.ravel())
        assert volume.values.dtype == np.int16


@pytest.mark.parametrize("kind", [CT, MR, PET])
def test_each_slice_has_its_own_slope_and_intercept(tmp_path: Path, kind: str):
    slopes = [1, 0.01, 0.5, 2, 1.25, 0.1, 3]
    each = [{"RescaleSlope": str(slope), "RescaleIntercept": str(-10 * i)} for i, slope in enumerate(slopes)]
    volume = read_volume(series(tmp_path / "pet", each=each, kind=kind))
    assert volume.values.dtype == np.float64
    assert np.array_equal(volume.values, VALUES * np.array(slopes) - 10.0 * np.arange(7))


# a pixel cannot store more bits than are allocated for it
@pytest.mark.parametrize(
    ("kind", "stored"), [("u1", 8), ("i1", 8), *((kind, bits) for kind in ("u2", "i2") for bits in (8, 12, 16))]
)
@pytest.mark.parametrize("scale", [None, (1, -1024), (2, 0), (0.5, 3), (0, 0), (1, 0)])
def test_values_and_types_are_those_of_simpleitk(tmp_path: Path, kind: str, scale, stored: int):
    pixels = np.random.RandomState(1).randint(0, 100, (6, 5)).astype(kind)
    more = {} if scale is None else {"RescaleSlope": str(scale[0]), "RescaleIntercept": str(scale[1])}
    pixels[0, 0] = -5 if kind[0] == "i" else 7
    path = save(slice_of(pixels.T[:, :, None], 0, BitsStored=stored, HighBit=stored - 1, **more), tmp_path / "a")
    truth = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0].T
    values = read_volume(tmp_path).values[:, :, 0]
    assert values.dtype == truth.dtype
    assert np.array_equal(values, truth)


def test_slices_of_different_bits_and_signs_keep_their_values(tmp_path: Path):
    truth = VALUES.astype(np.int32) - 400
    each = [{}] * 7
    folder = series(tmp_path / "mr", truth.astype(np.int16), each)
    save(slice_of(VALUES.astype(np.uint16) + 40000, 2), folder / "IM06")
    volume = read_volume(folder)
    truth[:, :, 2] = VALUES[:, :, 2].astype(np.int32) + 40000
    assert np.array_equal(volume.values, truth)


def test_overlays_in_unused_bits_and_a_high_bit_of_its_own(tmp_path: Path):
    pixels = (VALUES & 0xFFF).astype(np.uint16)
    overlay = series(tmp_path / "a", pixels | 0xF000, BitsStored=12, HighBit=11)
    assert np.array_equal(read_volume(overlay).values, pixels)
    shifted = series(tmp_path / "b", pixels << 4, BitsStored=12, HighBit=15)
    assert np.array_equal(read_volume(shifted).values, pixels)


def test_a_table_gives_the_values_of_each_slice(tmp_path: Path):
    tables = [np.arange(1000) ** 2 % 5000 + index for index in range(7)]
    each = [
        {"ModalityLUTSequence": item(LUTDescriptor=[1000, 0, 16], LUTData=table.astype("<u2").tobytes())}
        for table in tables
    ]
    for entry in each:
        entry["ModalityLUTSequence"][0]["LUTData"].VR = "OW"
        entry["ModalityLUTSequence"][0]["LUTDescriptor"].VR = "US"
    volume = read_volume(series(tmp_path / "xa", VALUES.astype(np.uint16), each))
    assert np.array_equal(volume.values, np.stack([tables[k][VALUES[:, :, k]] for k in range(7)], -1))


def test_the_smallest_value_as_white_changes_values_without_a_unit_only(tmp_path: Path):
    negative = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    pixels = VALUES.astype(np.uint16)
    mr = read_volume(series(tmp_path / "mr", pixels, kind=MR, **negative))
    assert np.array_equal(mr.values, 4095 - pixels)
    ct = read_volume(series(tmp_path / "ct", pixels, RescaleSlope="1", RescaleIntercept="-1024", **negative))
    assert np.array_equal(ct.values, VALUES - 1024)
    assert ["MONOCHROME1" in str(warning) for volume in (mr, ct) for warning in volume.warnings] == [True, True]


def test_frames_lie_where_they_say_whatever_their_order(tmp_path: Path):
    volume = read_volume(enhanced(tmp_path / "enh.dcm", [3, 0, 6, 1, 4, 2, 5]))
    assert np.array_equal(volume.values, VALUES)
    assert volume.values.dtype == np.int16
    assert np.allclose(volume.affine, [[-0.7, 0, 0, -3], [0, -0.8, 0, 4], [0, 0, 2.5, 0], [0, 0, 0, 1]])
    assert volume.modality == "MR"
    assert volume.warnings == ()


@pytest.mark.parametrize("kind", [ENHANCED_MR, ENHANCED_CT])
def test_frames_have_slopes_and_directions_of_their_own(tmp_path: Path, kind: str):
    groups = [
        {
            "PixelValueTransformationSequence": item(RescaleSlope=1 + k / 4, RescaleIntercept=-k, RescaleType="US"),
            "PlaneOrientationSequence": item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        }
        for k in range(7)
    ]
    volume = read_volume(enhanced(tmp_path / "enh.dcm", range(7), groups, kind))
    assert np.array_equal(volume.values, VALUES * (1 + np.arange(7) / 4) - np.arange(7))
    groups[4]["PlaneOrientationSequence"] = item(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    assert "enh.dcm (frame 5): has rows along (0, 1, 0)" in problem(
        enhanced(tmp_path / "turned.dcm", range(7), groups, kind)
    ).replace("turned", "enh")


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (lambda v: {"FrameContentSequence": item(TemporalPositionIndex=v + 1)}, "TemporalPositionIndex (1, 2)"),
        (lambda v: {"MREchoSequence": item(EffectiveEchoTime=5.0 + v)}, "EffectiveEchoTime (5, 6)"),
        (lambda v: {"MRDiffusionSequence": item(DiffusionBValue=1000.0 * v)}, "DiffusionBValue (0, 1000)"),
        (lambda v: {"MRImageFrameTypeSequence": item(ComplexImageComponent="MP"[v])}, "ComplexImageComponent (M, P)"),
        (lambda v: {"FrameContentSequence": item(StackID=str(v))}, "StackID (0, 1)"),
        (lambda v: {"FrameContentSequence": item(FrameAcquisitionNumber=v)}, "FrameAcquisitionNumber (0, 1)"),
    ],
)
def test_several_volumes_in_one_file_are_named_by_what_differs(tmp_path: Path, group, said: str):
    order = [index for index in range(7) for _ in "12"]
    path = enhanced(tmp_path / "enh.dcm", order, [group(place % 2) for place in range(14)])
    assert f"enh.dcm: holds 2 volumes, distinguished by {said}; expected one. Split the series" in problem(path)


def test_a_volume_in_several_files_of_many_frames(tmp_path: Path):
    for part, order in enumerate(([0, 1, 2, 3], [4, 5, 6])):
        more = {"ConcatenationUID": "1.2.9", "SOPInstanceUID": f"1.2.3.4.{part}"}
        enhanced(tmp_path / "enh" / f"{part}.dcm", order, **more)
    assert np.array_equal(read_volume(tmp_path / "enh").values, VALUES)
    assert np.array_equal(read_volume(tmp_path / "enh" / "1.dcm").values, VALUES)


def test_of_several_files_of_many_frames_each_is_a_volume(tmp_path: Path):
    for part in range(2):
        enhanced(tmp_path / "enh" / f"{part}.dcm", range(7), SOPInstanceUID=f"1.2.3.4.{part}", InstanceNumber=part)
    assert "several slices at one place: 0.dcm (frame 1) and 1.dcm (frame 1)" in problem(tmp_path / "enh")
    assert np.array_equal(read_volume(tmp_path / "enh" / "1.dcm").values, VALUES)


def test_frames_without_a_place_are_refused(tmp_path: Path):
    path = save(bare(np.zeros((4, 6, 5), np.uint8), CAPTURE), tmp_path / "film.dcm")
    assert "film.dcm: has frames that do not say where it lies" in problem(path)
    placed = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
    path = save(bare(np.zeros((4, 6, 5), np.uint8), CAPTURE, **placed), tmp_path / "one" / "film.dcm")
    assert "film.dcm: has frames that do not say where it lies (ImagePositionPatient)" in problem(path)
    path = save(bare(np.zeros((6, 5), np.uint8), CAPTURE), tmp_path / "two" / "shot.dcm")
    assert "shot.dcm: does not say where it lies (ImagePositionPatient), how it is turned" in problem(path)


def test_echoes_in_one_series_are_refused_and_named(tmp_path: Path):
    for echo in (1, 2):
        each = [{"SOPInstanceUID": f"1.2.3.4.{echo}.{index + 1}"} for index in range(7)]
        for path in series(tmp_path / str(echo), VALUES, each, kind=MR, EchoTime=str(4.92 * echo)).iterdir():
            (tmp_path / "mr").mkdir(exist_ok=True)
            path.rename(tmp_path / "mr" / f"{path.name}_{echo}")
    assert "mr: holds 2 volumes, distinguished by EchoTime (4.92, 9.84); expected one." in problem(tmp_path / "mr")


def test_a_copy_of_a_file_is_passed_over(tmp_path: Path):
    folder = series(tmp_path / "ct")
    shutil.copy(folder / "IM03", folder / "IM03 copy")
    volume = read_volume(folder)
    assert np.array_equal(volume.values, VALUES)
    assert "a file twice: IM03 copy and " in str(volume.warnings[0])
    save(slice_of(VALUES + 1, 1), folder / "IM03 copy")
    assert "Both have the same SOPInstanceUID, but not the same pixels" in problem(folder)


def test_a_slice_of_another_size_spacing_or_plane_is_named(tmp_path: Path):
    for change in ({"Rows": 5}, {"PixelSpacing": [2, 2]}, {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}):
        folder = tmp_path / next(iter(change))
        series(folder, each=[change if index == 2 else {} for index in range(7)])
        assert problem(folder).startswith(f"{folder / 'IM06'}: has ")
    assert problem(series(tmp_path / "shots", ImagePositionPatient=None)).startswith("7 problems:")


def test_one_slice_alone_is_as_thick_as_it_says(tmp_path: Path):
    volume = read_volume(save(slice_of(VALUES, 0, SliceThickness="4"), tmp_path / "a" / "1.dcm").parent)
    assert volume.shape == (5, 6, 1)
    assert volume.spacing == pytest.approx((0.7, 0.8, 4))


def test_slices_in_folders_of_their_own_are_one_series(tmp_path: Path):
    root = tmp_path / "in"
    for index in range(7):
        save(slice_of(VALUES, index), root / "patient" / "ct" / str(index + 1) / "IM.dcm")
        save(slice_of(VALUES, index, SeriesInstanceUID="1.2.8"), root / "patient" / "mixed" / str(index) / "a.dcm")
        save(slice_of(VALUES, index, SeriesInstanceUID="1.2.9"), root / "patient" / "mixed" / str(index) / "b.dcm")
        save(slice_of(VALUES, index, SeriesInstanceUID="1.2.7"), root / "deep" / str(index) / "DICOM" / "IM.dcm")
    plan = plan_run(root, tmp_path / "out")
    assert [case.name for case in plan.cases] == [
        "deep",
        "patient/ct",
        "patient/mixed_series_001",
        "patient/mixed_series_002",
    ]
    for case in plan.cases:
        (source,) = case.images
        assert np.array_equal(read_volume(source).values, VALUES)
        assert len(image_states(case.images)) >= 7
        assert case_bytes(case.images) > 7 * (root / "patient" / "ct" / "1" / "IM.dcm").stat().st_size
    assert np.array_equal(read_volume(root / "patient" / "ct" / "4" / "IM.dcm").values, VALUES)
    assert np.array_equal(read_volume(root / "deep" / "4" / "DICOM" / "IM.dcm").values, VALUES)
    assert [case.name for case in plan_run(root / "patient" / "ct", tmp_path / "out").cases] == ["ct"]


def test_a_series_in_two_halves_is_one_and_echoes_in_folders_of_their_own_are_not(tmp_path: Path):
    root = tmp_path / "in"
    for index in range(7):
        save(slice_of(VALUES, index), root / "ct" / str(index // 4) / f"{index}.dcm")
        for echo in (1, 2):
            more = {"SeriesInstanceUID": "1.2.9", "SOPInstanceUID": f"1.2.9.{echo}.{index}", "EchoTime": str(echo)}
            save(slice_of(VALUES, index, kind=MR, **more), root / "mr" / f"echo{echo}" / f"{index}.dcm")
    plan = plan_run(root, tmp_path / "out")
    assert [case.name for case in plan.cases] == ["ct", "mr/echo1", "mr/echo2"]
    assert all(np.array_equal(read_volume(case.images[0]).values, VALUES) for case in plan.cases)
    assert np.array_equal(read_volume(root / "mr" / "echo2" / "3.dcm").values, VALUES)
    assert "distinguished by EchoTime" in problem(root / "mr")


def test_what_is_no_image_is_passed_over_and_said(tmp_path: Path):
    folder = series(tmp_path / "ct")
    structures = Dataset()
    structures.SOPClassUID, structures.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.481.3"), UID("1.2.5")
    structures.SeriesInstanceUID, structures.Modality = UID("1.2.6"), "RTSTRUCT"
    save(structures, folder / "RS.dcm")
    directory = Dataset()
    directory.SOPClassUID, directory.SOPInstanceUID = UID("1.2.840.10008.1.3.10"), UID("1.2.5")
    save(directory, folder / "DICOMDIR")
    (folder / "notes.txt").write_text("x")
    volume = read_volume(folder)
    assert np.array_equal(volume.values, VALUES)
    assert ["RS.dcm (RTSTRUCT)" in str(warning) for warning in volume.warnings] == [True]
    assert list(dicom_series(folder)) == ["1.2.3.4"]
    assert "is DICOM but no image (RTSTRUCT)" in problem(folder / "RS.dcm")


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless])
def test_every_way_to_write_pixels_gives_the_same_values(tmp_path: Path, syntax: UID):
    for index in range(7):
        data = slice_of(VALUES, index, RescaleSlope="1", RescaleIntercept="-1024")
        if syntax == ExplicitVRBigEndian:
            data.PixelData = VALUES[:, :, index].T.astype(">i2").tobytes()
        if syntax == RLELossless:
            path = save(data, tmp_path / "ct" / str(index))
            data = pydicom.dcmread(path)
            data.compress(RLELossless, encoding_plugin="pydicom")
            data.save_as(path)
        else:
            save(data, tmp_path / "ct" / str(index), syntax)
    volume = read_volume(tmp_path / "ct")
    assert np.array_equal(volume.values, VALUES.astype(np.int32) - 1024)


@pytest.mark.parametrize("codec", ["JPEG", "JPEG2000"])
@pytest.mark.parametrize("kind", ["u1", "u2", "i2"])
def test_lossless_jpeg_gives_the_values_that_simpleitk_gives(tmp_path: Path, codec: str, kind: str):
    pixels = np.random.RandomState(2).randint(0, 250, (32, 24)).astype(kind)
    pixels[0, 0] = -9 if kind == "i2" else 3
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "a.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor(codec)
    language = locale.setlocale(locale.LC_ALL)
    writer.Execute(sitk.GetImageFromArray(pixels[None]))
    locale.setlocale(locale.LC_ALL, language)  # GDCM's writer leaves it at "C", and Python then reads ASCII
    data = pydicom.dcmread(tmp_path / "a.dcm")
    assert data.file_meta.TransferSyntaxUID.is_compressed
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.RescaleSlope, data.RescaleIntercept = [1, 1], "0.5", "7"
    data.SOPClassUID = UID(CT)
    data.save_as(tmp_path / "a.dcm")
    values = read_volume(tmp_path / "a.dcm").values[:, :, 0].T
    assert np.array_equal(values, pixels * 0.5 + 7)


def test_frames_that_are_compressed_keep_their_slopes(tmp_path: Path):
    groups = [
        {"PixelValueTransformationSequence": item(RescaleSlope=k + 0.5, RescaleIntercept=k, RescaleType="US")}
        for k in range(7)
    ]
    path = enhanced(tmp_path / "enh.dcm", range(7), groups)
    data = pydicom.dcmread(path)
    data.compress(RLELossless, encoding_plugin="pydicom")
    data.save_as(path)
    assert np.array_equal(read_volume(path).values, VALUES * (np.arange(7) + 0.5) + np.arange(7))


@pytest.mark.parametrize("implicit", [False, True])
def test_files_without_a_preamble_are_dicom(tmp_path: Path, implicit: bool):
    for index in range(7):
        data = slice_of(VALUES, index)
        data.is_little_endian, data.is_implicit_VR = True, implicit
        data.ensure_file_meta()
        with (tmp_path / f"{index}").open("wb") as file:
            pydicom.filewriter.write_dataset(_stream(file, implicit), data)
    if implicit:
        assert np.array_equal(read_volume(tmp_path).values, VALUES)
    assert len(files_of(tmp_path)) == 7
    assert np.array_equal(read_volume(tmp_path).values, VALUES)


def _stream(file, implicit: bool):
    stream = pydicom.filebase.DicomFileLike(file)
    stream.is_little_endian, stream.is_implicit_VR = True, implicit
    return stream


def test_a_damaged_file_is_named(tmp_path: Path):
    folder = series(tmp_path / "ct")
    whole = (folder / "IM06").read_bytes()
    (folder / "IM06").write_bytes(whole[:-20])
    assert f"{folder / 'IM06'}: is DICOM but cannot be read (its PixelData holds 40 of 60 bytes)" in problem(folder)
    (folder / "IM06").write_bytes(whole[:150])
    assert f"{folder / 'IM06'}: is DICOM but cannot be read" in problem(folder)
    for length in range(132, len(whole) - 1, 7):
        (folder / "IM06").write_bytes(whole[:length])
        problem(folder)
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "1").write_bytes(whole[:150])
    assert [case.name for case in plan_run(tmp_path / "alone", tmp_path / "out").cases] == ["alone"]


def test_odd_values_of_anonymised_files_are_read_without_a_warning_on_the_console(tmp_path: Path):
    long = "1.2." + "9" * 70
    folder = series(tmp_path / "ct", SeriesInstanceUID="1.2.3.4", SliceThickness="", SpacingBetweenSlices="-7")
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"1.2.3.4", b"1.2.3.x"))
    save(slice_of(VALUES, 0, FrameOfReferenceUID=UID(long)), tmp_path / "one" / "1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read_volume(folder).values, VALUES)
        read_volume(tmp_path / "one")


def test_colours_are_refused(tmp_path: Path):
    data = slice_of(VALUES, 0, SamplesPerPixel=3, PhotometricInterpretation="RGB")
    assert "a: holds colours (RGB)" in problem(save(data, tmp_path / "a"))


def test_monai_s_transform_reads_what_we_read(tmp_path: Path):
    slopes = [{"RescaleSlope": str(1 + index), "RescaleIntercept": "0"} for index in range(7)]
    folder = series(tmp_path / "pet", each=slopes, kind=PET)
    reader = VolumeReader()
    values, meta = reader.get_data(reader.read(folder))
    assert values.dtype == np.float32
    assert np.array_equal(values, (VALUES * np.arange(1, 8)).astype(np.float32))
    assert np.allclose(np.diag(meta["affine"]), (-0.7, -0.8, 2.5, 1))


def test_a_real_ct_is_read_as_simpleitk_reads_it(shared_data: Path):
    folder = shared_data / "totalseg_examples" / "dicom_ct_512x512x20"
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    image = sitk.ReadImage(files)
    volume = read_volume(folder)
    assert np.array_equal(volume.values, sitk.GetArrayViewFromImage(image).transpose(2, 1, 0))
    assert volume.values.dtype == np.int16
    assert volume.spacing == pytest.approx(image.GetSpacing())
    origin = np.array(image.GetOrigin()) * (-1, -1, 1)
    assert np.allclose(volume.affine[:3, 3], origin)


def test_series_that_went_wrong(shared_cases: Path):
    whole = read_volume(shared_cases / "multiframe_scrambled" / "enh.dcm").values
    copied = read_volume(shared_cases / "duplicate_slice" / "ser")
    assert np.array_equal(copied.values, whole)
    assert "is a file twice: IM0010 copy and " in str(copied.warnings[0])
    slopes = read_volume(shared_cases / "dicom_slope_per_slice" / "series").values
    assert np.array_equal(slopes[:, :, 1:], whole[:, :, 1:] * 0.01)
    assert np.abs(slopes[:, :, 0] - whole[:, :, 0] * 0.01).max() <= 0.5, "stored in whole numbers"
    for name, said in {
        "multiframe_two_times/enh.dcm": "holds 2 volumes, distinguished by TemporalPositionIndex (1, 2)",
        "pixel_spacing_changes/ser": "IM0018: has pixels of 2 x 2 mm, as IM0019",
        "three_plane_scout/ser": "ser/a1: has rows along (0, 1, 0)",
    }.items():
        assert said in problem(shared_cases / name)


@pytest.mark.parametrize("whose", [{"SeriesInstanceUID": None}, {"PatientID": "a"}], ids=["no UID", "one UID for all"])
def test_two_patients_are_never_one_series(tmp_path: Path, whose: dict):
    """Stripped of their UIDs, or given one by an anonymiser, slices of two bodies may well lie in one line."""
    lower, upper = np.diag([0.7, 0.8, 2.5, 1.0]), np.diag([0.7, 0.8, 2.5, 1.0])
    upper[2, 3] = 7 * 2.5
    other = {key: value and "b" for key, value in whose.items()}
    folders = [series(tmp_path / "a", affine=lower, **whose), series(tmp_path / "b", affine=upper, **other)]
    assert [found.source for found in series_in(folders)] == folders
    for folder in folders:
        assert np.array_equal(read_volume(folder).values, VALUES)


def test_a_mosaic_is_refused(tmp_path: Path):
    assert "side by side in one picture" in problem(series(tmp_path, ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]))


def test_what_varies_from_slice_to_slice_is_told_and_no_reason_for_two_volumes(tmp_path: Path):
    each = [{"FlipAngle": "90" if index % 2 else "89.9"} for index in range(7)]
    volume = read_volume(series(tmp_path, each=each, kind=MR))
    assert np.array_equal(volume.values, VALUES)
    assert "slices of different FlipAngle" in volume.warnings[0].problem


def test_places_with_two_decimals_are_even(tmp_path: Path):
    each = [{"ImagePositionPatient": [0, 0, round(0.3125 * index, 2)]} for index in range(7)]
    assert read_volume(series(tmp_path, each=each)).spacing[2] == pytest.approx(0.3125, abs=0.002)


def test_a_slight_tilt_is_refused_where_it_moves_slices_by_more_than_a_pixel(tmp_path: Path):
    each = [{"ImagePositionPatient": [0, 0.0524 * index * 3, 3 * index]} for index in range(7)]
    values = VALUES[:, :, :7]
    assert "tilted gantry" in problem(
        series(tmp_path / "much", values, [{**one} for one in each], PixelSpacing=[0.3, 0.3])
    )
    little = [{"ImagePositionPatient": [0, 0.001 * index, 3 * index]} for index in range(7)]
    assert np.array_equal(read_volume(series(tmp_path / "little", values, little)).values, values)


def test_a_file_of_many_frames_twice_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from monai_mobileunet.data.dicom import pixels

    calls, stored = [], pixels._stored
    monkeypatch.setattr(pixels, "_stored", lambda file, frame: calls.append(file) or stored(file, frame))
    path = enhanced(tmp_path / "a.dcm", range(7))
    shutil.copy(path, tmp_path / "b.dcm")
    assert np.array_equal(read_volume(tmp_path).values, VALUES)
    assert len(calls) == 3, "two to compare them, and one to read"

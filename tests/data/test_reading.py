from __future__ import annotations

import gzip
import locale
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.transforms import LoadImage

from monai_mobileunet.data import DataError, VolumeReader, read_volume, write_mask
from monai_mobileunet.data.formats.itk import volume_of_itk
from monai_mobileunet.data.loading.reader import as_tensor
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.data.writing import mask_suffix


def oblique(permuted=(0, 1, 2), flips=(1, 1, 1), angle=0.3) -> np.ndarray:
    affine = np.eye(4)
    turn = nibabel.eulerangles.euler2mat(angle, angle / 3, -angle / 2)
    affine[:3, :3] = (turn @ np.diag(np.array(flips) * (0.9, 1.3, 2.4)))[:, list(permuted)]
    affine[:3, 3] = (-31.5, 12.25, 70)
    return affine


def ramp(shape=(5, 6, 7), dtype=np.int16) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def saved(tmp_path: Path, values: np.ndarray, affine=None, name="x.nii.gz", header=None) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine, header), tmp_path / name)
    return tmp_path / name


def only_problem(source) -> str:
    with pytest.raises(DataError) as error:
        read_volume(source)
    (finding,) = error.value.findings
    return str(finding)


@settings(deadline=None, max_examples=30)
@given(
    permuted=st.permutations([0, 1, 2]),
    flips=st.tuples(*[st.sampled_from([1, -1])] * 3),
    angle=st.sampled_from([0.0, 0.3]),
    suffix=st.sampled_from([".nii", ".nii.gz", ".nrrd", ".mha"]),
)
def test_every_format_gives_the_same_values_in_the_same_place(tmp_path_factory, permuted, flips, angle, suffix):
    folder = tmp_path_factory.mktemp("formats")
    values, affine = ramp(), oblique(permuted, flips, angle)
    nifti = read_volume(saved(folder, values, affine))
    assert np.array_equal(nifti.values, values)
    assert np.allclose(nifti.affine, affine, atol=1e-4)
    mask = (values > 100).astype(np.uint8)
    write_mask(mask, folder / f"mask{suffix}", Volume(values, affine, "array"))
    again = read_volume(folder / f"mask{suffix}")
    assert np.array_equal(again.values, mask)
    assert np.allclose(again.affine, affine, atol=1e-4)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_packed_masks_are_the_same_to_every_reader_and_every_time(tmp_path: Path, kind: type, order):
    random = np.random.default_rng(0)
    mask = np.zeros((70, 41, 30), kind, order)
    mask[10:60, 5:40, 3:25] = random.integers(0, np.iinfo(kind).max, (50, 35, 22), kind)  # as badly packed as can be
    volume = read_volume((np.zeros(mask.shape, np.int16), oblique()))
    files = [tmp_path / name for name in ("a.nii.gz", "b.nii.gz")]
    for file in files:
        write_mask(mask, file, volume)
    assert files[0].read_bytes() == files[1].read_bytes()
    by_nibabel = nibabel.load(files[0])
    assert by_nibabel.get_data_dtype() == kind
    assert np.array_equal(by_nibabel.dataobj, mask)
    by_itk = sitk.ReadImage(str(files[0]))
    assert np.array_equal(sitk.GetArrayFromImage(by_itk).transpose(), mask)
    assert np.allclose(volume_of_itk(by_itk, "").affine, oblique(), atol=1e-4)
    assert len(gzip.decompress(files[0].read_bytes())) == 352 + mask.nbytes


def test_masks_of_images_in_two_files_are_one_file(tmp_path: Path):
    sitk.WriteImage(sitk.ReadImage(str(saved(tmp_path, ramp(), oblique()))), str(tmp_path / "x.mhd"))
    volume = read_volume(tmp_path / "x.mhd")
    assert np.allclose(volume.affine, oblique(), atol=1e-4)
    assert mask_suffix("x.mhd") == ".mha"
    assert mask_suffix("X.NHDR") == ".nrrd"
    assert mask_suffix("ct") == ".nii.gz"
    with pytest.raises(ValueError, match=r"masks are written as \.nii\.gz"):
        write_mask(np.ones((5, 6, 7), np.uint8), tmp_path / "mask.mhd", volume)
    for name in ("mask.MHA", "mask.NII.GZ"):
        write_mask(np.ones((5, 6, 7), np.uint8), tmp_path / name, volume)
        assert np.allclose(read_volume(tmp_path / name).affine, oblique(), atol=1e-4)
    assert not list(tmp_path.glob(".*"))


def test_a_sheared_grid_has_no_room_in_nrrd(tmp_path: Path):
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    with pytest.raises(ValueError, match="is sheared"):
        write_mask(np.ones((5, 6, 7), np.uint8), tmp_path / "mask.nrrd", read_volume((ramp(), sheared)))


def test_what_a_network_does_to_its_input_does_not_reach_the_image():
    values = ramp(dtype=np.float32)
    volume = read_volume((values, np.eye(4)))
    as_tensor(volume).fill_(7)
    assert np.array_equal(values, ramp())
    assert np.array_equal(volume.values, ramp())


def test_a_file_that_is_cut_off_after_it_was_read_is_still_there(tmp_path: Path):
    path = saved(tmp_path, ramp((60, 60, 60)), name="x.nii")
    volume = read_volume(path)
    path.write_bytes(b"")
    assert int(volume.values.max()) == 32767


def test_an_image_in_memory_reads_as_its_file_does(tmp_path: Path):
    path = saved(tmp_path, ramp(), oblique())
    from_file = read_volume(path)
    for source in (nibabel.load(path), sitk.ReadImage(str(path)), (ramp(), oblique()), str(path), from_file):
        volume = read_volume(source)
        assert np.array_equal(volume.values, from_file.values)
        assert np.allclose(volume.affine, from_file.affine, atol=1e-4)
        assert volume.spacing == pytest.approx((0.9, 1.3, 2.4), abs=1e-4)
        assert volume.voxel_ml == pytest.approx(0.9 * 1.3 * 2.4 / 1000, rel=1e-4)


def test_monai_s_transform_gives_what_the_reader_gives(tmp_path: Path):
    path = saved(tmp_path, ramp(), oblique())
    image = LoadImage(reader=VolumeReader(), ensure_channel_first=True)(path)
    assert image.shape == (1, 5, 6, 7)
    assert np.array_equal(image[0].numpy(), ramp())
    assert np.allclose(image.affine, oblique(), atol=1e-4)
    assert image.meta["filename_or_obj"] == str(path)


def test_files_of_a_case_are_its_channels(tmp_path: Path):
    paths = [saved(tmp_path, ramp() + i, oblique(), f"{i}.nii.gz") for i in range(3)]
    volume = read_volume(paths)
    assert volume.channels == 3
    assert np.array_equal(volume.values[..., 2], ramp() + 2)
    image = LoadImage(reader=VolumeReader(), ensure_channel_first=True)(paths)
    assert image.shape == (3, 5, 6, 7)
    other = saved(tmp_path, ramp((5, 6, 8)), oblique(), "other.nii.gz")
    assert "expected the grid of the case's first image" in only_problem([paths[0], other])


def test_scaled_integers_are_scaled_without_doubles(tmp_path: Path):
    image = nibabel.Nifti1Image(ramp(), np.eye(4))
    image.header.set_slope_inter(2, -1024)
    nibabel.save(image, tmp_path / "x.nii.gz")
    stored = nibabel.load(tmp_path / "x.nii.gz")
    volume = read_volume(tmp_path / "x.nii.gz")
    assert volume.values.dtype == np.float32
    assert np.allclose(volume.values, stored.get_fdata())


def test_trailing_axes_of_one_are_dropped_a_plane_is_lifted_and_time_is_channels(tmp_path: Path):
    assert read_volume(saved(tmp_path, ramp((4, 5, 6, 1, 1)))).values.shape == (4, 5, 6)
    plane = read_volume(saved(tmp_path, ramp((4, 5))))
    assert plane.values.shape == (4, 5, 1)
    assert plane.planar
    write_mask(np.ones((4, 5, 1), np.uint8), tmp_path / "mask.nii.gz", plane)
    assert nibabel.load(tmp_path / "mask.nii.gz").shape == (4, 5)
    assert read_volume(saved(tmp_path, ramp((4, 5, 6, 2)))).channels == 2
    assert "expected one 3D volume" in only_problem(saved(tmp_path, ramp((4, 5, 6, 2, 2))))


def test_voxels_that_are_no_numbers_become_the_lowest_and_are_counted(tmp_path: Path):
    values = ramp(dtype=np.float32)
    values[0, 0, :3] = np.nan, np.inf, -np.inf
    volume = read_volume(saved(tmp_path, values))
    assert np.isfinite(volume.values).all()
    assert volume.values[0, 0, :3].tolist() == [3, 3, 3]
    assert "3 voxels that are NaN or infinite; they were set to its lowest value, 3" in volume.warnings[0].problem
    assert "has no finite voxel" in only_problem(saved(tmp_path, np.full((3, 3, 3), np.nan, np.float32)))


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        (np.float64, -np.finfo(np.float64).max),
        (np.float64, 1e300),
        (np.float32, -np.finfo(np.float32).max),
        (np.float32, 9.96921e36),
        (np.float32, -1e16),
        (np.int32, np.iinfo(np.int32).min),
        (np.uint32, np.iinfo(np.uint32).max),
        (np.int64, np.iinfo(np.int64).min),
        (np.int64, np.iinfo(np.int64).max),
        (np.uint64, np.iinfo(np.uint64).max),
    ],
)
def test_fill_that_float32_cannot_average_becomes_the_lowest_value_and_is_counted(tmp_path: Path, dtype, fill):
    values = ramp(dtype=dtype) + dtype(10)
    values[0] = fill
    in_file = dtype not in (np.int64, np.uint64)  # which nibabel writes on request only
    volume = read_volume(saved(tmp_path, values) if in_file else (values, np.eye(4)))
    assert volume.values[0].max() == volume.values[0].min() == 52
    assert np.array_equal(volume.values[1:], values[1:])
    (warning,) = volume.warnings
    assert "has 42 voxels with values that are fill, not measured" in warning.problem
    assert "were set to its lowest value, 52" in warning.problem
    assert torch.isfinite(as_tensor(volume).std())
    if in_file:
        assert np.array_equal(read_label(tmp_path / "x.nii.gz").values, values), "a label's values are as they are"
    assert "has no voxel whose value can be computed with" in only_problem((np.full((3, 3, 3), fill, dtype), np.eye(4)))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_extremes_of_small_types_and_large_values_are_measurements(dtype):
    values = np.linspace(np.iinfo(dtype).min, np.iinfo(dtype).max, 210).astype(dtype).reshape(5, 6, 7)
    assert read_volume((values, np.eye(4))).values is values
    large = np.linspace(0, 9e14, 210).reshape(5, 6, 7)
    assert read_volume((large, np.eye(4))).values is large


def test_fill_that_is_far_from_all_other_values_is_told_and_left():
    values = ramp((20, 20, 20), np.float32) % 999
    values[0] = -1e6
    (warning,) = read_volume((values, np.eye(4))).warnings
    assert "has 400 voxels of the value -1e+06; all others are 0 to 998" in warning.problem
    for usual in (-1024, -32768, 30000):
        values[0] = usual
        assert read_volume((values, np.eye(4))).warnings == ()


def test_an_image_of_one_value_is_worth_a_warning(tmp_path: Path):
    (warning,) = read_volume(saved(tmp_path, np.full((3, 3, 3), 7, np.int16))).warnings
    assert "has the value 7 in every voxel" in warning.problem


def test_two_places_in_one_header_are_told_and_none_too(tmp_path: Path):
    image = nibabel.Nifti1Image(ramp(), np.eye(4))
    image.set_sform(np.diag([2, 2, 5, 1]), code=1)
    image.set_qform(np.eye(4), code=1)
    nibabel.save(image, tmp_path / "x.nii.gz")
    volume = read_volume(tmp_path / "x.nii.gz")
    assert volume.spacing == (2, 2, 5)
    assert "sform and a qform that lie up to" in volume.warnings[0].problem
    image.set_sform(np.eye(4), code=0)
    image.set_qform(np.eye(4), code=0)
    nibabel.save(image, tmp_path / "x.nii.gz")
    assert "does not say where it lies" in read_volume(tmp_path / "x.nii.gz").warnings[0].problem


def test_an_nrrd_file_without_a_space_is_worth_a_warning(tmp_path: Path):
    path = tmp_path / "x.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(ramp()), str(path))
    assert not read_volume(path).warnings
    head, data = path.read_bytes().split(b"\n\n", 1)
    lines = [line for line in head.split(b"\n") if not line.startswith((b"space", b"kinds"))]
    path.write_bytes(b"\n".join(lines) + b"\n\n" + data)
    assert "does not say where it lies" in read_volume(path).warnings[0].problem


def damaged(path: Path, how: str) -> Path:
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "bit":
        spoiled = bytearray(content)
        spoiled[len(content) // 2] ^= 4
        path.write_bytes(bytes(spoiled))
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "plain":
        path.write_bytes(gzip.decompress(content))
    elif how == "text":
        path.write_bytes(b"no image at all" * 50)
    return path


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("cut", "cannot be read"),
        ("bit", "cannot be read"),
        ("empty", "is empty (0 bytes)"),
        ("plain", "is named .gz but is not compressed. Rename it to x.nii"),
        ("text", "is named .gz but is not compressed"),
    ],
)
def test_a_damaged_archive_is_named(tmp_path: Path, how: str, found: str):
    values = np.random.default_rng(0).integers(0, 999, (9, 9, 9)).astype(np.int16)
    path = damaged(saved(tmp_path, values), how)
    assert f"{path}: {found}" in only_problem(path)


def test_a_plain_file_that_was_cut_off_says_how_much_is_missing(tmp_path: Path):
    path = saved(tmp_path, ramp(), name="x.nii")
    path.write_bytes(path.read_bytes()[:500])
    assert "it promises 772 bytes, the file has 500 at most" in only_problem(path)


def test_a_header_that_promises_more_than_there_is_asks_for_no_memory(tmp_path: Path):
    path = saved(tmp_path, ramp(), name="x.nii")
    content = bytearray(path.read_bytes())
    content[42:48] = np.array([30000] * 3, "<i2").tobytes()
    path.write_bytes(content)
    assert "it promises 54,000,000,000,352 bytes" in only_problem(path)
    packed = tmp_path / "y.nii.gz"
    packed.write_bytes(gzip.compress(content))
    assert "it promises 54,000,000,000,352 bytes" in only_problem(packed)


@pytest.mark.parametrize("dtype", [np.complex64, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])])
def test_colours_and_complex_numbers_are_refused(tmp_path: Path, dtype):
    assert "expected one number per voxel" in only_problem(saved(tmp_path, np.zeros((3, 3, 3), dtype)))
    if dtype is np.complex64:
        image = sitk.GetImageFromArray(np.zeros((3, 3, 3), dtype))
        with pytest.raises(DataError, match="expected one number per voxel"):
            volume_of_itk(image, "x")


def test_an_affine_without_an_inverse_is_refused(tmp_path: Path):
    path = saved(tmp_path, ramp(), name="x.nii")
    content = bytearray(path.read_bytes())
    content[280:296] = bytes(16)  # srow_x
    path.write_bytes(content)
    assert "an affine that cannot be inverted" in only_problem(path)
    assert "the given affine" in only_problem((ramp(), np.zeros((4, 4))))


def test_what_is_no_image_or_not_there_is_said(tmp_path: Path):
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    assert "is no image that can be read; expected .nii.gz" in only_problem(text)
    assert "no such file" in only_problem(tmp_path / "nowhere.nii.gz")
    assert "no such file" in only_problem(tmp_path / "nowhere")
    (tmp_path / "folder.nii.gz").mkdir()
    assert "is a folder with the name of an image" in only_problem(tmp_path / "folder.nii.gz")
    assert "expected (H, W, D)" in only_problem((np.zeros((3, 3)), np.eye(4)))


@pytest.mark.parametrize("code", [1, 3])
def test_a_mask_has_its_image_s_header_and_nothing_that_speaks_of_intensities(tmp_path: Path, code: int):
    image = nibabel.Nifti1Image(ramp(), oblique())
    image.set_sform(oblique(), code=code)
    image.set_qform(oblique(), code=1)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"scan of somebody"
    image.header["cal_max"] = 900
    image.header.set_slope_inter(3, 5)
    nibabel.save(image, tmp_path / "x.nii.gz")
    volume = read_volume(tmp_path / "x.nii.gz")
    write_mask(np.ones((5, 6, 7), np.uint8), tmp_path / "deep" / "mask.nii.gz", volume)
    mask, given = nibabel.load(tmp_path / "deep" / "mask.nii.gz"), nibabel.load(tmp_path / "x.nii.gz")
    assert mask.header.get_data_dtype() == np.uint8
    assert np.array_equal(mask.affine, given.affine)
    assert np.array_equal(mask.get_qform(), given.get_qform())
    for field in ("sform_code", "qform_code", "xyzt_units", "pixdim"):
        assert np.array_equal(mask.header[field], given.header[field]), field
    assert mask.header["descrip"] == b""
    assert mask.header["cal_max"] == 0
    assert np.unique(mask.get_fdata()).tolist() == [1]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["mask.nii.gz"]


def test_a_mask_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    volume = read_volume((ramp(), np.eye(4)))
    path = tmp_path / "mask.nii.gz"
    write_mask(np.ones((5, 6, 7), np.uint8), path, volume)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_mask(np.zeros((5, 6, 7), np.uint8), path, volume)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match="its image has"):
        write_mask(np.zeros((5, 6, 8), np.uint8), path, volume)


def write_series(folder: Path, values: np.ndarray, places: list[float], uid: str, tilt: float = 0.0) -> None:
    """A CT series of one file per slice, in files whose names say nothing of their order."""
    folder.mkdir(exist_ok=True)
    language = locale.setlocale(locale.LC_ALL)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for index, place in enumerate(places):
        image = sitk.GetImageFromArray(values[:, :, index].T.astype(np.int16))
        image.SetSpacing((0.7, 0.8))
        for tag, value in {
            "0008|0060": "CT",
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0020|000e": uid,
            "0020|000d": "1.2.3",
            "0008|0018": f"{uid}.{index + 1}",
            "0020|0032": f"-10\\{-20 + tilt * place}\\{place}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(index),
        }.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{(index * 7) % 100:03d}_{uid[-1]}.dcm"))
        writer.Execute(image)
    locale.setlocale(locale.LC_ALL, language)  # GDCM's writer leaves it at "C", and Python then reads ASCII


def test_a_dicom_series_is_a_volume_in_the_order_of_its_places(tmp_path: Path):
    values = ramp((6, 7, 9))
    write_series(tmp_path / "ct", values, [30 + 2.5 * i for i in range(9)], "1.2.3.4")
    volume = read_volume(tmp_path / "ct")
    assert np.array_equal(volume.values, values)
    assert volume.modality == "CT"
    assert volume.spacing == pytest.approx((0.7, 0.8, 2.5))
    assert volume.affine[:3, 3].tolist() == pytest.approx([10, 20, 30])
    write_mask(np.ones(volume.shape, np.uint8), tmp_path / "mask.nii.gz", volume)
    assert np.allclose(nibabel.load(tmp_path / "mask.nii.gz").affine, volume.affine)


def test_of_several_series_a_file_says_which(tmp_path: Path):
    for number in (1, 2):
        write_series(tmp_path / "ct", ramp((6, 7, 4)) + number, [0, 2, 4, 6], f"1.2.3.{number}")
    assert "holds 2 DICOM series" in only_problem(tmp_path / "ct")
    assert read_volume(tmp_path / "ct" / "000_2.dcm").values.min() == 2


@pytest.mark.parametrize(
    ("places", "tilt", "found"),
    [
        ([0, 2, 4, 8, 10], 0.0, "missing or uneven: 2 to 4 mm apart"),
        ([0, 2, 2, 4, 6], 0.0, "several slices at one place"),
        ([0, 2, 4, 6, 8], 0.3, "tilted gantry"),
    ],
)
def test_slices_that_are_no_regular_volume_are_refused(tmp_path: Path, places, tilt: float, found: str):
    write_series(tmp_path / "ct", ramp((6, 7, 5)), places, "1.2.3.4", tilt)
    assert found in only_problem(tmp_path / "ct")


def test_a_folder_without_dicom_says_so(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    assert "holds 0 DICOM series" in only_problem(tmp_path / "empty")


def test_real_files_in_other_formats(shared_data: Path):
    for path in sorted((shared_data / "nrrd_samples").rglob("*.nrrd")):
        volume = read_volume(path)
        image = sitk.ReadImage(str(path))
        assert volume.shape == image.GetSize()[:3]
        assert volume.spacing == pytest.approx(image.GetSpacing()[:3])


def test_what_is_refused_is_not_read_by_monai_s_own_readers_instead(tmp_path: Path):
    """They would leave out the imaginary part, and say nothing."""
    image = nibabel.Nifti1Image(np.ones((3, 4, 5), np.complex64), np.eye(4))
    nibabel.save(image, tmp_path / "complex.nii.gz")
    with pytest.raises(DataError, match="holds complex numbers"):
        LoadImage(reader=VolumeReader())(tmp_path / "complex.nii.gz")


def test_a_link_that_leads_nowhere_is_named_with_its_end(tmp_path: Path):
    (tmp_path / "a.nii.gz").symlink_to("/nowhere/a.nii.gz")
    with pytest.raises(DataError, match=r"a\.nii\.gz: is a link to /nowhere/a\.nii\.gz, which does not exist"):
        read_volume(tmp_path / "a.nii.gz")


def test_bytes_behind_an_archive_are_named(tmp_path: Path):
    path = saved(tmp_path, np.random.default_rng(0).integers(0, 1000, (30, 30, 30)).astype(np.int16))
    path.write_bytes(path.read_bytes() + b"notes")
    assert "It has bytes that are not gzip behind its data, or is cut off" in only_problem(path)


def test_a_packed_volume_lies_in_memory_once_while_it_is_read(tmp_path: Path):
    path = saved(tmp_path, np.zeros((100, 200, 200), np.int16))
    tracemalloc.start()
    try:
        volume = read_volume(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * volume.values.nbytes

"""Units of length, voxel sizes and codes: wherever a header says them, a volume lies in mm where its image does."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_mobileunet.cohort.memory import BYTES_PER_RESAMPLED, case_bytes
from monai_mobileunet.data import DataError, read_volume, write_mask
from monai_mobileunet.data.reading import read_label

UNITS = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
SHAPE = (5, 6, 7)
VALUES = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)


def header_in(unit: str, affine: np.ndarray, codes: tuple[int, int], kind=nibabel.Nifti1Image) -> nibabel.Nifti1Image:
    """An image whose header says an affine in mm in another unit."""
    stored = affine.copy()
    stored[:3] /= UNITS[unit]
    image = kind(VALUES, stored)
    image.set_sform(stored, code=codes[0])
    image.set_qform(stored, code=codes[1])
    image.header.set_xyzt_units(unit, "sec")
    return image


@settings(deadline=None, max_examples=40)
@given(
    unit=st.sampled_from(sorted(UNITS)),
    codes=st.sampled_from([(1, 1), (2, 0), (0, 1), (3, 4)]),
    kind=st.sampled_from([nibabel.Nifti1Image, nibabel.Nifti2Image]),
    sizes=st.tuples(*[st.sampled_from([0.0005, 0.3, 1.0, 2.5])] * 3),
    angle=st.sampled_from([0.0, 0.4]),
    flip=st.sampled_from([1, -1]),
)
def test_a_volume_and_its_mask_lie_where_the_image_does_in_any_unit(
    tmp_path_factory, unit, codes, kind, sizes, angle, flip
):
    folder = tmp_path_factory.mktemp("units")
    affine = np.eye(4)
    affine[:3, :3] = nibabel.eulerangles.euler2mat(angle, angle / 2) @ np.diag([flip * sizes[0], *sizes[1:]])
    affine[:3, 3] = -31.5, 12.25, 70
    nibabel.save(header_in(unit, affine, codes, kind), folder / "x.nii.gz")
    volume = read_volume(folder / "x.nii.gz")
    assert volume.warnings == ()
    assert np.allclose(volume.affine, affine, rtol=1e-4, atol=1e-5)
    assert volume.spacing == pytest.approx(sizes, rel=1e-4)
    assert volume.voxel_ml == pytest.approx(np.prod(sizes) / 1000, rel=1e-3)
    assert np.array_equal(read_volume(nibabel.load(folder / "x.nii.gz")).affine, volume.affine)
    write_mask(np.ones(SHAPE, np.uint8), folder / "mask.nii.gz", volume)
    mask, image = nibabel.load(folder / "mask.nii.gz"), nibabel.load(folder / "x.nii.gz")
    assert type(mask) is type(image)
    for field in ("sform_code", "qform_code", "xyzt_units", "pixdim", "srow_x", "srow_z", "qoffset_x", "quatern_c"):
        assert np.array_equal(mask.header[field], image.header[field]), field
    assert np.array_equal(mask.affine, image.affine)
    assert np.array_equal(read_label(folder / "mask.nii.gz").affine, volume.affine)
    write_mask(np.ones(SHAPE, np.uint8), folder / "mask.nrrd", volume)
    assert np.allclose(read_label(folder / "mask.nrrd").affine, affine, rtol=1e-4, atol=1e-5)


def test_one_millimetre_in_metres_is_one_millimetre_without_rounding(tmp_path: Path):
    nibabel.save(header_in("meter", np.diag([1.0, 1.0, 2.5, 1.0]), (1, 1)), tmp_path / "x.nii.gz")
    assert np.array_equal(read_volume(tmp_path / "x.nii.gz").affine, np.diag([1.0, 1.0, 2.5, 1.0]))


@pytest.mark.parametrize("unit", ["meter", "micron"])
def test_a_case_takes_the_same_memory_in_any_unit(tmp_path: Path, unit: str):
    for name in ("mm", unit):
        nibabel.save(header_in(name, np.diag([1.0, 1.0, 2.5, 1.0]), (1, 1)), tmp_path / f"{name}.nii.gz")
    sizes = [case_bytes([tmp_path / f"{name}.nii.gz"], (1, 1, 1)) for name in ("mm", unit)]
    assert sizes[0] == sizes[1] > 0


def only_warning(path: Path) -> str:
    (warning,) = read_volume(path).warnings
    return warning.problem


def problem(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_volume(path)
    (finding,) = error.value.findings
    return finding.problem


def with_field(path: Path, offset: int, values, dtype: str, codes: tuple[int, int], suffix: str = ".nii") -> Path:
    """A file with 1×1×2.5 mm voxels one of whose fields was overwritten."""
    nibabel.save(header_in("mm", np.diag([1.0, 1.0, 2.5, 1.0]), codes), path / "x.nii")
    content = bytearray((path / "x.nii").read_bytes())
    changed = np.asarray(values, dtype).tobytes()
    content[offset : offset + len(changed)] = changed
    target = path / f"x{suffix}"
    target.write_bytes(gzip.compress(content) if suffix == ".nii.gz" else content)
    return target


PIXDIM_3, SFORM_CODE, XYZT, SROW_X = 88, 254, 123, 280


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(("stored", "assumed"), [(0.0, 1.0), (-3.0, 3.0)])
def test_a_voxel_size_that_is_none_is_told_with_what_was_assumed(tmp_path: Path, suffix: str, stored, assumed):
    path = with_field(tmp_path, PIXDIM_3, stored, "<f4", (0, 1), suffix)
    assert f"has pixdim[3] = {stored:g}" in only_warning(path)
    assert f"{assumed:g} mm was assumed, and its volumes and its mask are a guess" in only_warning(path)
    (warning,) = read_volume(nibabel.load(path)).warnings
    assert "pixdim[3]" in warning.problem, "an image that nibabel opened has lost it"


def test_a_voxel_size_that_the_sform_knows_is_taken_from_it_for_the_mask_too(tmp_path: Path):
    path = with_field(tmp_path, PIXDIM_3, 0, "<f4", (2, 1))
    volume = read_volume(path)
    assert volume.spacing == (1, 1, 2.5)
    assert "2.5 mm was taken from its sform" in volume.warnings[0].problem
    write_mask(np.ones(SHAPE, np.uint8), tmp_path / "mask.nii", volume)
    mask = nibabel.load(tmp_path / "mask.nii")
    assert mask.header.get_zooms() == (1, 1, 2.5)
    assert np.allclose(mask.get_qform(), mask.get_sform())


def test_a_voxel_size_that_is_no_number_is_refused_unless_the_sform_knows_it(tmp_path: Path):
    assert "affine that cannot be inverted" in problem(with_field(tmp_path, PIXDIM_3, np.nan, "<f4", (0, 1)))
    assert read_volume(with_field(tmp_path, PIXDIM_3, np.nan, "<f4", (2, 0))).spacing == (1, 1, 2.5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_sform_that_is_no_number_is_refused(tmp_path: Path, value: float):
    assert "affine that cannot be inverted" in problem(with_field(tmp_path, SROW_X, value, "<f4", (1, 1)))


def test_codes_that_nifti_does_not_know_are_told(tmp_path: Path):
    assert "whose unit of length NIfTI does not know; mm was assumed" in only_warning(
        with_field(tmp_path, XYZT, 5 | 8, "u1", (1, 1))
    )
    assert "has sform_code 99, which NIfTI does not know" in only_warning(
        with_field(tmp_path, SFORM_CODE, 99, "<i2", (1, 1))
    )


def test_the_unit_of_time_changes_no_length(tmp_path: Path):
    for time in (0, 8, 16, 24, 32):
        assert read_volume(with_field(tmp_path, XYZT, 2 | time, "u1", (1, 1))).spacing == (1, 1, 2.5)


def test_voxel_sizes_that_the_sform_contradicts_are_told(tmp_path: Path):
    path = with_field(tmp_path, PIXDIM_3, 5, "<f4", (1, 0))
    assert "voxels of 1×1×5 mm by its pixdim and of 1×1×2.5 mm by its sform" in only_warning(path)


def test_a_volume_longer_than_any_body_is_refused_with_its_size(tmp_path: Path):
    image = header_in("mm", np.diag([1.0, 1.0, 2.5, 1.0]), (1, 1))
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "x.nii")
    assert "is 5000×6000×1.75e+04 mm large by its header; expected at most 10,000 mm" in problem(tmp_path / "x.nii")


@pytest.mark.parametrize("size", [0.0005, 1e-6])
def test_small_voxels_are_no_flat_ones(tmp_path: Path, size: float):
    affine = np.diag([size, size, size, 1])
    assert read_volume((VALUES, affine)).spacing == pytest.approx((size,) * 3)
    image = sitk.GetImageFromArray(VALUES)
    image.SetSpacing((size,) * 3)
    assert read_volume(image).spacing == pytest.approx((size,) * 3)
    flat = affine.copy()
    flat[:, 1] = flat[:, 0]
    with pytest.raises(DataError, match="cannot be inverted"):
        read_volume((VALUES, flat))


def test_a_second_channel_beside_the_first_is_refused_however_small_the_voxels(tmp_path: Path):
    for name, shift in (("a", 0.0), ("b", 0.002)):
        affine = np.diag([0.0005, 0.0005, 0.0005, 1])
        affine[0, 3] = shift
        nibabel.save(nibabel.Nifti1Image(VALUES, affine), tmp_path / f"{name}.nii")
    with pytest.raises(DataError, match="another affine"):
        read_volume([tmp_path / "a.nii", tmp_path / "b.nii"])


def nrrd(path: Path, *lines: str, without: str = "----") -> Path:
    """A raw NRRD file with voxels of 1×1×2 units, with other lines in its header."""
    head = [
        *("type: short", "dimension: 3", "space: left-posterior-superior", "sizes: 5 6 7", "endian: little"),
        *("space directions: (1,0,0) (0,1,0) (0,0,2)", "encoding: raw", "space origin: (10,20,30)"),
    ]
    kept = [line for line in head if not line.startswith(without)]
    text = "\n".join(("NRRD0004", *kept, *lines)) + "\n\n"
    path.write_bytes(text.encode() + VALUES.transpose().tobytes())
    return path


@pytest.mark.parametrize(("unit", "mm"), [("mm", 1), ("um", 1e-3), ("µm", 1e-3), ("cm", 10), ("Micron", 1e-3), ("", 1)])
def test_nrrd_says_its_unit_by_name(tmp_path: Path, unit: str, mm: float):
    volume = read_volume(nrrd(tmp_path / "x.nrrd", f'space units: "{unit}" "{unit}" "{unit}"'))
    assert volume.warnings == ()
    assert volume.spacing == pytest.approx((mm, mm, 2 * mm))
    assert volume.affine[:3, 3].tolist() == pytest.approx([-10 * mm, -20 * mm, 30 * mm])
    assert case_bytes([tmp_path / "x.nrrd"], (mm, mm, mm)) == 2 * VALUES.size * BYTES_PER_RESAMPLED


def test_nrrd_in_metres_has_the_grid_of_mm(tmp_path: Path):
    directions = "space directions: (0.001,0,0) (0,0.001,0) (0,0,0.002)"
    path = nrrd(tmp_path / "x.nrrd", directions, 'space units: "m" "m" "m"', without="space directions")
    assert read_volume(path).spacing == pytest.approx((1, 1, 2))


def test_nrrd_without_what_makes_it_mm_is_told(tmp_path: Path):
    assert "unit of length 'furlong'" in only_warning(
        nrrd(tmp_path / "x.nrrd", 'space units: "furlong" "furlong" "furlong"')
    )
    assert "1 mm was assumed" in only_warning(nrrd(tmp_path / "x.nrrd", without="space directions"))
    other = nrrd(tmp_path / "x.nrrd")
    other.write_bytes(other.read_bytes().replace(b"left-posterior-superior", b"scanner-xyz"))
    assert "the space 'scanner-xyz', which names no sides of a body" in only_warning(other)


def metaimage(path: Path, *lines: str, without: str = "----") -> Path:
    """A raw MetaImage file with voxels of 1×1×2 units, with other lines in its header."""
    head = [
        *("ObjectType = Image", "NDims = 3", "BinaryData = True", "BinaryDataByteOrderMSB = False"),
        *("TransformMatrix = 1 0 0 0 1 0 0 0 1", "Offset = 10 20 30", "ElementSpacing = 1 1 2", "DimSize = 5 6 7"),
    ]
    kept = [line for line in head if not line.startswith(without)]
    text = "\n".join((*kept, *lines, "ElementType = MET_SHORT", "ElementDataFile = LOCAL")) + "\n"
    path.write_bytes(text.encode() + VALUES.transpose().tobytes())
    return path


@pytest.mark.parametrize(
    ("unit", "mm"), [("mm", 1), ("um", 1e-3), ("cm", 10), ("centimetre", 10), ("CM", 10), ("micron", 1e-3), ("?", 1)]
)
def test_metaimage_says_its_unit_by_name(tmp_path: Path, unit: str, mm: float):
    path = metaimage(tmp_path / "x.mha", f"DistanceUnits = {unit}")
    known = unit in ("mm", "um", "cm", "?")  # of others SimpleITK tells nothing with its image
    for source in (path, sitk.ReadImage(str(path))) if known else (path,):
        volume = read_volume(source)
        assert volume.warnings == ()
        assert volume.spacing == pytest.approx((mm, mm, 2 * mm))
        assert volume.affine[:3, 3].tolist() == pytest.approx([-10 * mm, -20 * mm, 30 * mm])
    assert case_bytes([path], (mm, mm, mm)) == 2 * VALUES.size * BYTES_PER_RESAMPLED


def test_metaimage_without_a_voxel_size_or_a_place_is_told(tmp_path: Path):
    assert "no ElementSpacing); 1 mm was assumed" in only_warning(
        metaimage(tmp_path / "x.mha", without="ElementSpacing")
    )
    assert "unit of length 'furlong'" in only_warning(metaimage(tmp_path / "x.mha", "DistanceUnits = furlong"))
    assert "which contradict each other" in problem(metaimage(tmp_path / "x.mha", "HeaderSize = 10"))
    assert "an axis below 0" in only_warning(
        metaimage(tmp_path / "x.mha", "ElementSpacing = 1 1 -2", without="ElementSpacing")
    )
    assert "expected mm above 0" in problem(
        metaimage(tmp_path / "x.mha", "ElementSpacing = 1 1 0", without="ElementSpacing")
    )
    path = metaimage(tmp_path / "x.mha", without="Offset")
    path.write_bytes(path.read_bytes().replace(b"TransformMatrix = 1 0 0 0 1 0 0 0 1\n", b""))
    assert "does not say where it lies" in only_warning(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_values_that_begin_in_the_header_are_refused(tmp_path: Path, suffix: str):
    path = tmp_path / f"x{suffix}"
    nibabel.save(nibabel.Nifti1Image(VALUES, np.eye(4)), path)
    opened = gzip.open if suffix.endswith(".gz") else open
    with opened(path, "rb") as file:
        content = bytearray(file.read())
    content[108:112] = np.float32(0).tobytes()
    with opened(path, "wb") as file:
        file.write(content)
    assert "vox_offset 0, where its header lies; expected 352" in problem(path)


def test_a_quaternion_that_is_too_long_is_a_warning(tmp_path: Path):
    image = header_in("mm", np.eye(4), (1, 1))
    image.header["quatern_b"] = image.header["quatern_c"] = 0.9
    nibabel.Nifti1Image(VALUES, None, image.header).to_filename(tmp_path / "x.nii")
    assert "has an invalid qform" in only_warning(tmp_path / "x.nii")

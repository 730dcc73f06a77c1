"""PNG, TIFF and JPEG: read as volumes of one slice, refused in words where that would go wrong, written as masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image, ImageOps

from monai_mobileunet.data import DataError, read_volume, write_mask
from monai_mobileunet.data.formats import grid_of
from monai_mobileunet.data.reading import read_label

GREY = np.arange(30, dtype=np.uint8).reshape(5, 6)
COLOUR = np.stack([GREY, GREY + 50, 255 - GREY], -1)
PALETTE = Image.fromarray(GREY % 3, "L").convert("P")
PALETTE.putdata((GREY % 3).ravel().tolist())
PALETTE.putpalette([9, 9, 9, 255, 0, 0, 0, 0, 255])


def deep(path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(COLOUR.astype(np.uint16) * 256 + 1, isVector=True), str(path))


def saved(picture: Image.Image, **options) -> Callable[[Path], None]:
    return lambda path: picture.save(path, **options)


def pages(path: Path) -> None:
    Image.fromarray(GREY).save(path, save_all=True, append_images=[Image.fromarray(GREY)])


def cut(picture: Image.Image, **options) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        picture.resize((120, 100)).save(path, **options)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])

    return write


def turned(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


IMAGES = {
    "grey.png": (saved(Image.fromarray(GREY)), GREY),
    "print.PNG": (saved(Image.fromarray(GREY), dpi=(300, 300)), GREY),
    "sixteen.png": (saved(Image.fromarray(GREY.astype(np.uint16) * 1000)), GREY.astype(np.uint16) * 1000),
    "sixteen.TIF": (saved(Image.fromarray(GREY.astype(np.uint16) * 1000)), GREY.astype(np.uint16) * 1000),
    "float.tiff": (saved(Image.fromarray(GREY / np.float32(7))), GREY / np.float32(7)),
    "colour.tif": (saved(Image.fromarray(COLOUR), compression="tiff_lzw"), COLOUR),
    "deep.png": (deep, COLOUR.astype(np.uint16) * 256 + 1),
    "deep.tif": (deep, COLOUR.astype(np.uint16) * 256 + 1),
    "alpha.png": (saved(Image.fromarray(np.dstack([COLOUR, GREY * 0 + 255]))), COLOUR),
    "palette.png": (saved(PALETTE), np.array([[9, 9, 9], [255, 0, 0], [0, 0, 255]], np.uint8)[GREY % 3]),
    "one bit.png": (saved(Image.fromarray(GREY % 2 == 1)), GREY % 2),
    "flat.JPEG": (saved(Image.fromarray(np.full_like(COLOUR, 70)), quality=100), np.full_like(COLOUR, 70)),
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_picture_is_a_volume_of_one_slice_with_pixels_of_one_mm(tmp_path: Path, name: str):
    write, rows = IMAGES[name]
    write(tmp_path / name)
    volume = read_volume(tmp_path / name)
    assert np.array_equal(volume.values[:, :, 0].swapaxes(0, 1), rows)
    assert (volume.shape, volume.spacing) == grid_of(tmp_path / name) == ((6, 5, 1), (1.0, 1.0, 1.0))
    assert (volume.planar, volume.in_pixels) == (True, True)
    assert {finding.problem for finding in volume.warnings} <= {"has the value 70 in every voxel."}
    if name == "grey.png":  # and lies as ITK, and so every viewer of volumes, has it
        theirs = read_volume(sitk.ReadImage(str(tmp_path / name)))
        assert np.array_equal(theirs.values, volume.values)
        assert np.array_equal(theirs.affine, volume.affine)


@pytest.mark.parametrize("number", range(1, 9))
def test_a_turned_picture_is_read_as_viewers_show_it(tmp_path: Path, number: int):
    saved(Image.fromarray(COLOUR), exif=turned(number))(tmp_path / "a.png")
    volume = read_volume(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as stored:
        shown = np.asarray(ImageOps.exif_transpose(stored))
    assert np.array_equal(volume.values[:, :, 0].swapaxes(0, 1), shown)
    assert volume.shape == grid_of(tmp_path / "a.png")[0]
    assert [f"EXIF orientation {number}" in finding.problem for finding in volume.warnings] == [True] * (number > 1)


def test_transparent_pixels_are_told(tmp_path: Path):
    saved(Image.fromarray(np.dstack([COLOUR, GREY])))(tmp_path / "a.png")
    assert "transparent pixels" in read_volume(tmp_path / "a.png").warnings[0].problem


CLASSES = {
    "palette.png": (saved(PALETTE), GREY % 3),
    "one bit.png": (saved(Image.fromarray(GREY % 2 == 1)), GREY % 2),
    "grey in colours.tif": (saved(Image.fromarray(np.dstack([GREY % 2 * 255] * 3))), GREY % 2 * 255),
    "many.png": (saved(Image.fromarray(GREY.astype(np.uint16) + 300)), GREY.astype(np.uint16) + 300),
}


@pytest.mark.parametrize("name", CLASSES)
def test_class_numbers_are_the_numbers_of_colours_and_not_the_colours(tmp_path: Path, name: str):
    write, rows = CLASSES[name]
    write(tmp_path / name)
    assert np.array_equal(read_label(tmp_path / name).values[:, :, 0].T, rows)


REFUSED = {
    "colours.png": (
        read_label,
        saved(Image.fromarray(COLOUR % 2 * 255)),
        r"holds colours \(\(0, 0, 255\).*palette",
    ),
    "classes.jpg": (read_label, saved(Image.fromarray(GREY)), "is a JPEG, whose compression changes class numbers"),
    "pages.tif": (read_volume, pages, "holds 2 pages; expected one picture. Save each"),
    "print.jpg": (read_volume, saved(Image.fromarray(COLOUR).convert("CMYK")), "has the colours CMYK"),
    "really.png": (
        read_volume,
        saved(Image.fromarray(COLOUR), format="JPEG"),
        "is named a PNG, but is a JPEG",
    ),
    "text.tiff": (read_volume, lambda path: path.write_text("no picture"), "is no TIFF, or of a kind"),
    "empty.png": (read_volume, lambda path: path.touch(), "is empty"),
    "folder.png": (read_volume, lambda path: path.mkdir(), "is a folder with the name of an image"),
    "cut.png": (read_volume, cut(Image.fromarray(COLOUR)), "cannot be read as PNG .*intact copy"),
    "cut.jpg": (read_volume, cut(Image.fromarray(COLOUR)), "cannot be read as JPEG .*truncated"),
    "cut.tif": (read_volume, cut(Image.fromarray(COLOUR)), "(cannot be read as|is no) TIFF"),
    "cut label.png": (read_label, cut(PALETTE), "cannot be read as PNG"),
    "turned.tif": (read_volume, lambda path: turned_deep(path), "16 bits for each colour and is stored turned"),
    "deep.png": (read_volume, lambda path: (deep(path), cut_in_place(path)), "cannot be read as PNG"),
}


def turned_deep(path: Path) -> None:
    """Eight bits with the tag, whose samples are then replaced by 16 bits: no library at hand writes both."""
    deep(path)
    content = bytearray(path.read_bytes())
    start = int.from_bytes(content[4:8], "little")
    count = int.from_bytes(content[start : start + 2], "little")
    for place in range(start + 2, start + 2 + 12 * count, 12):
        if int.from_bytes(content[place : place + 2], "little") == 274:
            content[place + 8 : place + 10] = (6).to_bytes(2, "little")
            path.write_bytes(content)
            return
    raise AssertionError("no orientation in the file")


def cut_in_place(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_what_to_do(tmp_path: Path, name: str):
    read, write, said = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(DataError, match=said) as refused:
        read(tmp_path / name)
    assert name in str(refused.value)


@pytest.mark.parametrize(("image", "mask"), [("a.png", "a.PNG"), ("a.jpg", "a.png"), ("a.tif", "a.tiff")])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_mask_has_the_pixels_of_its_picture(tmp_path: Path, image: str, mask: str, kind: type):
    Image.fromarray(COLOUR).save(tmp_path / image)
    numbers = (GREY.T[:, :, None] * (10 if kind is np.uint16 else 1)).astype(kind)
    write_mask(numbers, tmp_path / "masks" / mask, read_volume(tmp_path / image))
    with Image.open(tmp_path / "masks" / mask) as written:
        assert (written.size, np.asarray(written).dtype) == ((6, 5), kind)
        assert np.array_equal(np.asarray(written), numbers[:, :, 0].T)
    assert np.array_equal(read_label(tmp_path / "masks" / mask).values, numbers)


def test_the_mask_of_a_volume_is_no_picture_and_none_is_a_jpeg(tmp_path: Path):
    volume = read_volume((np.zeros((4, 5, 6)), np.eye(4)))
    with pytest.raises(ValueError, match="has several slices"):
        write_mask(np.ones((4, 5, 6), np.uint8), tmp_path / "a.png", volume)
    with pytest.raises(ValueError, match=r"masks are written as .*\.png"):
        write_mask(np.ones((4, 5, 6), np.uint8), tmp_path / "a.jpg", volume)
    assert not list(tmp_path.iterdir())

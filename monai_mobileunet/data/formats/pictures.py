"""Read PNG, TIFF and JPEG as volumes of one slice, and write masks as PNG and TIFF."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from monai_mobileunet.data.errors import DataError, Finding, refusal, root_cause, warning
from monai_mobileunet.data.files import read_start
from monai_mobileunet.data.formats.itk_names import itk_path
from monai_mobileunet.data.names import JPEG, PNG, TIFF, image_suffix
from monai_mobileunet.data.volume import LPS_TO_RAS, Grid, Volume

__all__ = ["grid_of_picture", "read_class_picture", "read_picture", "refuse_class_jpeg", "write_picture"]

KINDS = {**dict.fromkeys(PNG, "PNG"), **dict.fromkeys(TIFF, "TIFF"), **dict.fromkeys(JPEG, "JPEG")}
"""Pillow's name of a format by the suffixes of its files."""

MULTI_PICTURE = "MPO"
"""What Pillow calls a JPEG of a phone with a second picture behind that which viewers show."""

READ = tuple(dict.fromkeys(KINDS.values()))

NUMBERS = {"1": np.uint8, "L": np.uint8, "I;16": np.uint16, "I;16B": np.uint16, "I": np.int32, "F": np.float32}
"""Pillow's modes of one number for each pixel, and their types here."""

WITHOUT_ALPHA = {"LA": "L", "RGBA": "RGB", "RGBX": "RGB"}
COLOURS = ("RGB", *WITHOUT_ALPHA)
PALETTES = ("P", "PA")

DEEP = ";16"
"""In Pillow's words for how samples are stored: 16 bits in each, of which it keeps 8 where there are several."""

ORIENTATION = 0x0112
"""The EXIF tag for which way up a picture is shown."""

UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda rows: rows[:, ::-1],
    3: lambda rows: rows[::-1, ::-1],
    4: lambda rows: rows[::-1],
    5: lambda rows: rows.swapaxes(0, 1),
    6: lambda rows: rows[::-1].swapaxes(0, 1),
    7: lambda rows: rows[::-1, ::-1].swapaxes(0, 1),
    8: lambda rows: rows[:, ::-1].swapaxes(0, 1),
}
"""What brings rows and columns to the way up that EXIF tells; 1 is upright."""

FAILURES = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, RuntimeError, MemoryError),
    *(AttributeError, zlib.error, struct.error),
)
"""What Pillow raises for damaged files."""

MANY_COLOURS = 8
CLASSES = "Save class numbers in one channel, a grey or a palette PNG: 0 for the background, 1, 2, … for the classes."


def read_picture(path: Path) -> Volume:
    """A picture as an image: one channel of grey, or red, green and blue.

    Columns run to the patient's left and rows to the back, as ITK has it, so that a radiograph that is shown as
    radiologists do has its sides. Pixels are taken for 1 mm: the resolution that PNG and TIFF can tell is that of a
    print, in most files a default of the program that wrote them. A transparency is left out.

    Args:
        path: of a PNG, TIFF or JPEG file.

    Returns:
        A volume ``(W, H, 1)``, or ``(W, H, 1, 3)``.

    Raises:
        DataError: it cannot be read, holds several pages, or other colours than grey or RGB.
    """
    with _opened(path) as picture:
        deep, orientation = _loaded(picture)
        warnings: tuple[Finding, ...] = ()
        if picture.mode in PALETTES:
            rows = _grey_if_equal(np.asarray(picture.convert("RGB")))
        else:
            rows, warnings = _samples(picture, path, deep, orientation)
    if orientation in UPRIGHT:
        warnings = (*warnings, _turned(path, orientation))
    return _volume(rows, path, orientation, warnings)


def read_class_picture(path: Path) -> Volume:
    """A picture as class numbers: of a palette the number of the colour, of one bit 0 and 1, of grey the value.

    Colours stand for classes only where they are all grey; other pictures of colours are refused.

    Raises:
        DataError: as :func:`read_picture`, or it holds colours.
    """
    with _opened(path) as picture:
        deep, orientation = _loaded(picture)
        if picture.mode in PALETTES:
            rows = np.asarray(picture.getchannel("P") if picture.mode == "PA" else picture)
        else:
            rows = _grey_if_equal(_samples(picture, path, deep, orientation)[0])
    if rows.ndim == 3:
        raise refusal(path, f"holds colours ({_colours(rows)}); expected a class number in each pixel.", CLASSES)
    return _volume(rows, path, orientation)


def refuse_class_jpeg(path: Path) -> Volume:
    """Refuse class numbers in a JPEG file.

    Raises:
        DataError: always.
    """
    raise refusal(path, "is a JPEG, whose compression changes class numbers along their borders.", CLASSES)


def grid_of_picture(path: Path) -> Grid:
    """Shape and mm per pixel, from the header alone.

    Raises:
        DataError: it is no picture of its format.
    """
    with _opened(path) as picture:
        columns, rows = picture.size
        turned = _orientation(picture) in (5, 6, 7, 8)
    return ((rows, columns, 1) if turned else (columns, rows, 1)), (1.0, 1.0, 1.0)


def write_picture(values: np.ndarray, path: Path, volume: Volume) -> None:
    """Write class numbers as grey values, which look black where they are few.

    Args:
        values: ``(W, H)``, ``uint8`` or ``uint16``.
        path: of a PNG or TIFF file.
        volume: the image.

    Raises:
        ValueError: the image has several slices.
        OSError: it cannot be written.
    """
    if values.ndim != 2:
        raise ValueError(f"{path}: the mask of {volume.name} has several slices; a picture has one. Use .nii.gz.")
    kind = KINDS[image_suffix(path).lower()]
    picture = Image.fromarray(np.ascontiguousarray(values.transpose()))
    picture.save(path, format=kind, **({"compression": "tiff_deflate"} if kind == "TIFF" else {}))


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """A picture whose header was read; what goes wrong with the file while it is open is said in words."""
    kind = KINDS[image_suffix(path).lower()]
    read_start(path, 1)
    try:
        with (
            path.open("rb") as file,
            Image.open(file, formats=READ) as picture,
        ):
            found = "JPEG" if picture.format == MULTI_PICTURE else picture.format
            if found != kind:
                raise refusal(path, f"is named a {kind}, but is a {found}.", f"Rename it to .{str(found).lower()}.")
            pages = getattr(picture, "n_frames", 1)
            if pages > 1 and picture.format != MULTI_PICTURE:
                problem = f"holds {pages} pages; expected one picture."
                remedy = (
                    "Save each as a file of its own; or, where they are the slices of a volume, save that as .nii.gz."
                )
                raise refusal(path, problem, remedy)
            yield picture
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise refusal(path, f"is no {kind}, or of a kind that cannot be read.") from error
    except Image.DecompressionBombError as error:
        problem = f"is too large for one picture ({root_cause(error)})."
        raise refusal(path, problem, "Cut it into tiles, or make it smaller.") from error
    except FAILURES as error:
        raise refusal(path, f"cannot be read as {kind} ({root_cause(error)}).") from error


def _loaded(picture: ImageFile.ImageFile) -> tuple[bool, int]:
    """Read a picture to its end, where what is missing is found; whether its colours have 16 bits, and its way up."""
    deep = any(DEEP in str(tile) for tile in picture.tile)  # which loading forgets
    # Pillow turns a TIFF as it loads it, but colours of 16 bits are not taken from Pillow
    stored = int(picture.tag_v2.get(ORIENTATION, 1)) if deep and isinstance(picture, TiffImageFile) else None
    picture.load()
    return deep, _orientation(picture) if stored is None else stored


def _samples(
    picture: ImageFile.ImageFile, path: Path, deep: bool, orientation: int
) -> tuple[np.ndarray, tuple[Finding, ...]]:
    """Values ``(rows, columns)`` or ``(rows, columns, 3)``, and what was left out of them."""
    if picture.mode in NUMBERS:
        return np.asarray(picture).astype(NUMBERS[picture.mode]), ()
    if picture.mode not in COLOURS:
        problem = f"has the colours {picture.mode}; expected grey, a palette, or red, green and blue."
        raise refusal(path, problem, "Convert it to RGB or grey.")
    transparent = picture.mode in ("LA", "RGBA") and bool((np.asarray(picture.getchannel("A")) < 255).any())
    warnings = (_transparent(path),) if transparent else ()
    if not deep:
        return np.asarray(picture.convert(WITHOUT_ALPHA.get(picture.mode, "RGB"))), warnings
    if orientation != 1:
        raise refusal(path, "has 16 bits for each colour and is stored turned.", "Save it upright.")
    with itk_path(path) as plain:
        rows = sitk.GetArrayFromImage(sitk.ReadImage(plain, imageIO=f"{picture.format}ImageIO"))
    return (rows[..., 0] if rows.shape[2] == 2 else rows[..., :3]), warnings


def _volume(rows: np.ndarray, path: Path, orientation: int, warnings: tuple[Finding, ...] = ()) -> Volume:
    upright = UPRIGHT[orientation](rows) if orientation in UPRIGHT else rows
    values = np.ascontiguousarray(upright.swapaxes(0, 1)[:, :, None])
    return Volume(values, LPS_TO_RAS.copy(), str(path), planar=True, in_pixels=True, warnings=warnings)


def _orientation(picture: ImageFile.ImageFile) -> int:
    """As EXIF has it; of a TIFF 1, for Pillow turns these itself."""
    exif = Image.Image.getexif(picture)  # Pillow's own of PNG reads all of the picture first
    return 1 if picture.format == "TIFF" else int(exif.get(ORIENTATION, 1))


def _grey_if_equal(rows: np.ndarray) -> np.ndarray:
    """One channel of three that are the same everywhere."""
    if rows.ndim == 2 or (rows != rows[..., :1]).any():
        return rows
    return rows[..., 0]


def _colours(rows: np.ndarray) -> str:
    """The colours of a picture, in words."""
    found = np.unique(rows.reshape(-1, rows.shape[2]), axis=0)
    shown = ", ".join(str(tuple(colour.tolist())) for colour in found[:MANY_COLOURS])
    return shown if len(found) <= MANY_COLOURS else f"{len(found)} of them, such as {shown}"


def _transparent(path: Path) -> Finding:
    problem = "has transparent pixels; their colours were taken as they are stored."
    return warning(path, problem, "Save it without transparency, with the background that it should have.")


def _turned(path: Path, orientation: int) -> Finding:
    problem = f"is stored turned (EXIF orientation {orientation}); it was read as viewers show it, and so is its mask."
    return warning(path, problem, "Look whether its label was drawn on the picture as it is shown.")

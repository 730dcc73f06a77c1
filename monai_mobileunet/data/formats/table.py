"""One row for each format: what its files are called, how they are read and written, and which belong to an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mobileunet.data.dicom import files_of as files_of_dicom
from monai_mobileunet.data.dicom import grid_of_dicom, is_dicom, read_dicom
from monai_mobileunet.data.errors import DataError, refusal, root_cause
from monai_mobileunet.data.files import check_regular_file, file_states
from monai_mobileunet.data.formats.itk import files_of_itk, grid_of_itk, read_itk, write_itk
from monai_mobileunet.data.formats.nifti import grid_of_nifti, read_nifti, write_nifti
from monai_mobileunet.data.formats.nifti_headers import READ_ERRORS
from monai_mobileunet.data.formats.pictures import (
    grid_of_picture,
    read_class_picture,
    read_picture,
    refuse_class_jpeg,
    write_picture,
)
from monai_mobileunet.data.formats.segmentations import write_segmentation
from monai_mobileunet.data.names import JPEG, METAIMAGE, NIFTI, NRRD, PNG, SEG_NRRD, TIFF, image_suffix, is_picture
from monai_mobileunet.data.volume import Grid, Volume

__all__ = ["DICOM", "FORMATS", "Format", "check_regular", "files_of", "format_of", "grid_of", "image_states"]


@dataclass(frozen=True)
class Format:
    """A format of images.

    Attributes:
        name: for people.
        suffixes: of its files, in small letters; none of one that is known by the content of its files.
        read: the volume of a file, or of a folder with a series.
        grid: shape and mm per voxel, from the header alone.
        files: the files that an image consists of, or may.
        write: class numbers on the grid of an image to a file; ``None`` where masks are not written in the format.
        named: whether :attr:`write` takes the classes, too: the format has a place for their names and colours.
        read_classes: class numbers of a file, where these are read in another way than intensities.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], Volume]
    grid: Callable[[Path], Grid]
    files: Callable[[Path], list[Path]]
    write: Callable[..., None] | None = None
    read_classes: Callable[[Path], Volume] | None = None
    named: bool = False


DICOM = "DICOM"
"""Name of the format that is known by the content of its files."""

FORMATS = (
    Format("NIfTI", NIFTI, read_nifti, grid_of_nifti, lambda path: [path], write_nifti),
    Format("segmentation of 3D Slicer", SEG_NRRD, read_itk, grid_of_itk, files_of_itk, write_segmentation, named=True),
    Format("NRRD", NRRD, read_itk, grid_of_itk, files_of_itk, write_itk),
    Format("MetaImage", METAIMAGE, read_itk, grid_of_itk, files_of_itk, write_itk),
    Format("PNG", PNG, read_picture, grid_of_picture, lambda path: [path], write_picture, read_class_picture),
    Format("TIFF", TIFF, read_picture, grid_of_picture, lambda path: [path], write_picture, read_class_picture),
    Format("JPEG", JPEG, read_picture, grid_of_picture, lambda path: [path], None, refuse_class_jpeg),
    Format(DICOM, (), read_dicom, grid_of_dicom, files_of_dicom),
)


def format_of(path: str | Path) -> Format:
    """The format of an image by its name: what has no suffix of another format can only be DICOM.

    DICOM files that are named as pictures are looked into.
    """
    suffix = "" if is_picture(path) and is_dicom(Path(path)) else image_suffix(path).lower()
    return next(row for row in FORMATS if suffix in row.suffixes or not row.suffixes)


def grid_of(image: Path) -> Grid:
    """Shape and mm per voxel of an image, from its header alone; of a series how many voxels it may have.

    Raises:
        DataError: it is no image, or its header cannot be read.
    """
    try:
        return format_of(image).grid(image)
    except DataError:
        raise
    except (*READ_ERRORS, RuntimeError) as error:
        problem = f"has a header that cannot be read ({root_cause(error)})."
        raise refusal(image, problem) from error


def files_of(image: Path) -> list[Path]:
    """The files of an image: itself; with a header in a file of its own the data too; of a series all it may lie in.

    What cannot be listed is left out: reading it will say so.
    """
    try:
        return format_of(image).files(image)
    except OSError:
        return [image]


def image_states(images: Iterable[Path]) -> list[list[Any]]:
    """Path, size and time of change of all files of images; see :func:`monai_mobileunet.data.files.file_states`."""
    return file_states(file for image in images for file in files_of(image))


def check_regular(images: Iterable[Path]) -> None:
    """Refuse images, and files of voxels beside a header, which must not be opened.

    What else lies in the folder of a series is no reason: of DICOM only files are opened.

    Raises:
        DataError: a named pipe, a socket, a device, or a link that leads nowhere.
    """
    for image in images:
        for file in files_of(image) if image_suffix(image) else [image]:
            check_regular_file(file)

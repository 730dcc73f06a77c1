"""The files that cases are read from and written to: what belongs to an image, in what state it is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from monai_mobileunet.case_record import FileState
from monai_mobileunet.data import dicom
from monai_mobileunet.data.files import check_regular_file, file_states
from monai_mobileunet.data.names import image_suffix

__all__ = ["check_regular", "files_of", "image_states"]

HEADERS = (".mhd", ".nhdr")
"""Suffixes of images whose voxels lie in files of their own."""


def files_of(image: Path) -> list[Path]:
    """The files of an image: itself; with a header in a file of its own the data too; of a series all it may lie in.

    What cannot be listed is left out: reading it will say so.
    """
    suffix = image_suffix(image).lower()
    if suffix and suffix not in HEADERS:
        return [image]
    try:
        if not suffix or os.path.isdir(image):
            return dicom.files_of(image)
        names = sorted(os.listdir(image.parent))
    except OSError:
        return [image]
    return [image.with_name(name) for name in names if name == image.name or name.startswith(f"{image.stem}.")]


def image_states(images: Iterable[Path]) -> list[FileState]:
    """Path, size and time of change of all files that images are read from; what does not exist is left out."""
    return file_states(file for image in images for file in files_of(image))


def check_regular(images: Iterable[Path]) -> None:
    """Refuse images, and files of voxels beside a header, which must not be opened.

    What else lies in the folder of a series is no reason: of DICOM only files are opened.

    Raises:
        DataError: a named pipe, a socket, a device, or a link that leads nowhere.
    """
    for image in images:
        for file in files_of(image) if image_suffix(image).lower() in HEADERS else [image]:
            check_regular_file(file)

"""The files that cases are read from and written to: what belongs to an image, in what state it is."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.formats import image_suffix

__all__ = ["check_regular", "file_states", "files_of", "hash_file"]

CHUNK = 1 << 20
HEADERS = (".mhd", ".nhdr")
"""Suffixes of images whose voxels lie in files of their own."""

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What opening would wait for, or read without an end."""


def files_of(image: Path) -> list[Path]:
    """The files of an image: itself; with a header in a file of its own the data too; of a series its whole folder.

    What cannot be listed is left out: reading it will say so.
    """
    suffix = image_suffix(image).lower()
    folder = image if os.path.isdir(image) else image.parent
    if suffix and suffix not in HEADERS:
        return [image]
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return [image]
    if suffix:
        return [folder / name for name in names if name == image.name or name.startswith(f"{image.stem}.")]
    return [folder / name for name in names if not os.path.isdir(folder / name)]


def file_states(images: Iterable[Path]) -> list[list[Any]]:
    """Path, size and time of change of all files that images are read from; what does not exist is left out."""
    states = []
    for file in (file for image in images for file in files_of(image)):
        try:
            state = file.stat()
        except OSError:  # gone, or not to be reached: reading it will say so
            continue
        states.append([str(file), state.st_size, state.st_mtime_ns])
    return states


def check_regular(images: Iterable[Path]) -> None:
    """Refuse what is no file: opening a pipe waits for ever, and a device has no end.

    Raises:
        DataError: a named pipe, a socket, a device, or a link that leads nowhere, as an image or in a series.
    """
    for file in (file for image in images for file in files_of(image)):
        try:
            kind = KINDS.get(stat.S_IFMT(file.stat().st_mode))
        except OSError:
            if not file.is_symlink():
                continue  # gone, or not to be reached: reading it will say so
            kind = f"a link that leads nowhere ({os.readlink(file)})"
        if kind is not None:
            problem = f"is {kind}; expected a file that holds an image."
            raise DataError([Finding(str(file), problem, "Put the image itself in its place, or remove it.")])


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

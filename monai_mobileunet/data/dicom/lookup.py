"""Which files in folders are DICOM, and of which series they are."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from monai_mobileunet.data.dicom.headers import Header, Identity, is_dicom, read_header, read_identity
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.walking import walk_folders

__all__ = ["FEW", "by_series", "files_below", "files_beside", "read_headers", "read_identities", "visible_files"]

T = TypeVar("T")

NEAR = 3
"""How many folders before and after a file's own are asked whether they hold slices of its series."""
FEW = 16
"""A folder of more files than this is not one of those that hold a slice each."""


def read_headers(files: Iterable[Path]) -> list[Header]:
    """The headers of files.

    Raises:
        DataError: some cannot be read; each is named.
    """
    headers, findings = _each(files, read_header)
    if findings:
        raise DataError(findings)
    return headers


def read_identities(files: Iterable[Path]) -> tuple[list[Identity], list[Finding]]:
    """What the DICOM files among others are, and what is wrong with those that cannot be read."""
    return _each(filter(is_dicom, files), read_identity)


def _each(files: Iterable[Path], read: Callable[[Path], T]) -> tuple[list[T], list[Finding]]:
    """What is read from each file, and what is wrong with those that cannot be read."""
    results: list[T] = []
    findings: list[Finding] = []
    for file in files:
        try:
            results.append(read(file))
        except DataError as error:
            findings += error.findings
    return results, findings


def by_series(identities: Iterable[Identity]) -> dict[str, list[Path]]:
    """The files of images by the UID of their series, both in order."""
    series: dict[str, list[Path]] = {}
    for item in identities:
        if item.image:
            series.setdefault(item.series, []).append(item.file)
    return {uid: sorted(series[uid]) for uid in sorted(series)}


def visible_files(folder: Path) -> list[Path]:
    """The files of a folder that are not hidden, in order."""
    return sorted(path for path in folder.glob("*") if not path.name.startswith(".") and not path.is_dir())


def files_below(folder: Path) -> list[Path]:
    """The files of a folder and of those below it, in order."""
    return sorted(file for _, _, files in walk_folders(folder) for file in files)


def files_beside(path: Path) -> list[Path]:
    """Files of a file's series in folders like its own: beside it, or in others like the one that holds only it.

    Where the nearest folders have none, the others are not asked: there may be thousands.
    """
    try:
        uid = read_identity(path).series
        top, inside = path.parent.absolute().parent, path.parent.absolute().name
        pattern = "*"
        if len(list(top.glob("*"))) == 1:
            pattern, top = f"*/{glob.escape(inside)}", top.parent
        folders = sorted(folder for folder in top.glob(pattern) if folder.is_dir())
    except (DataError, OSError):  # reading the file will say why
        return []
    at = next((index for index, folder in enumerate(folders) if folder.samefile(path.parent)), 0)
    near = [folder for folder in folders[max(at - NEAR, 0) : at + NEAR + 1] if folder != folders[at]]
    if not uid or not any(_of_series(folder, uid) for folder in near):
        return []
    return [file for folder in folders if folder != folders[at] for file in _of_series(folder, uid)]


def _of_series(folder: Path, uid: str) -> list[Path]:
    files = visible_files(folder)
    return by_series(read_identities(files)[0]).get(uid, []) if len(files) <= FEW else []

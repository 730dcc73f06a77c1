"""Read DICOM: which files are one series, and the volume that its slices and frames are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monai_mobileunet.data.dicom.frames import Frame, Stack, arrange
from monai_mobileunet.data.dicom.headers import Header, Identity, is_dicom, read_header, read_identity
from monai_mobileunet.data.dicom.lookup import (
    FEW,
    by_series,
    files_below,
    files_beside,
    read_headers,
    read_identities,
    visible_files,
)
from monai_mobileunet.data.dicom.pixels import SamePixels, voxels
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal, warning
from monai_mobileunet.data.volume import LPS_TO_RAS, Grid, Volume

__all__ = [
    "SeriesFiles",
    "dicom_series",
    "files_of",
    "grid_of_dicom",
    "read_dicom",
    "read_stack",
    "series_in",
    "series_uid",
]

SAME = ("PatientID", "FrameOfReferenceUID")
"""What parts of one series share; some anonymisers give all series one UID."""


@dataclass(frozen=True)
class SeriesFiles:
    """A series in a tree of folders.

    Attributes:
        home: the folder that its files lie in, or that the folders of its slices lie in.
        source: what is to be read: ``home``, or a file of the series where others lie there too.
    """

    home: Path
    source: Path


def read_dicom(path: Path) -> Volume:
    """Read a series: every slice and frame at its own place, with its own slope and intercept.

    Args:
        path: a folder with one series, the slices in it or each in a folder of its own below it; or any file of a
            series, which may then be one of several. A file of several frames is a volume by itself.

    Raises:
        DataError: no series or several, a file that is damaged, or slices that are no regular volume, or several.
    """
    headers, stack, warnings = _stack(path)
    affine = LPS_TO_RAS @ stack.affine
    if any(header.negative for header in headers):
        inverted = any(frame.inverted for frame in stack.frames)
        done = "were inverted within the range of their bits" if inverted else "have units and were kept as they are"
        problem = f"is to be shown with its smallest value as white (MONOCHROME1); its values {done}."
        warnings.append(warning(path, problem, "Look whether bright tissue is bright."))
    modality = next((header.modality for header in headers if header.modality), "")
    return Volume(voxels(stack.frames), affine, str(path), modality=modality, warnings=(*warnings, *stack.warnings))


def read_stack(path: Path) -> Stack:
    """The slices and frames of a series in the order of its volume, without their voxels.

    Args:
        path: as for :func:`read_dicom`.

    Raises:
        DataError: as of :func:`read_dicom`.
    """
    return _stack(path)[1]


def _stack(path: Path) -> tuple[list[Header], Stack, list[Finding]]:
    files, warnings = _files_of_series(path)
    headers = read_headers(files)
    return headers, arrange([frame for header in headers for frame in header.frames], str(path), SamePixels()), warnings


def dicom_series(folder: Path) -> dict[str, list[Path]]:
    """The series with images of a folder's own files, by their UID, each with its files in the order of their names.

    Files that are damaged are left out: reading their series, or their folder, says so.
    """
    return by_series(read_identities(visible_files(folder))[0])


def series_uid(path: Path) -> str:
    """UID of a series, by its first image; empty if it does not say.

    Args:
        path: as for :func:`read_dicom`.

    Raises:
        DataError: a file before it is damaged.
    """
    files = [path] if path.is_file() else [file for file in files_of(path) if is_dicom(file)]
    return next((one.series for one in map(read_identity, files) if one.image), "")


def grid_of_dicom(path: Path) -> Grid:
    """How many voxels a series may have, by the size of its files, as its shape; nothing is known of their size.

    Args:
        path: as for :func:`read_dicom`.
    """
    if path.is_dir():
        files = [file for file in files_of(path) if is_dicom(file)]
    else:
        files = next((files for files in dicom_series(path.parent).values() if path in files), [path])
    return (sum(file.stat().st_size for file in files) // 2,), ()


def files_of(path: Path) -> list[Path]:
    """All files that a DICOM image may be read from; those of other series and formats in its folder are among them.

    Args:
        path: as for :func:`read_dicom`. A folder without DICOM files of its own stands for those below it, and a file
            in a folder of few for its series in the folders beside it too.
    """
    if path.is_dir():
        own = visible_files(path)
        return own if any(map(is_dicom, own)) else files_below(path)
    own = visible_files(path.parent) if path.is_file() else []
    return sorted({*own, *files_beside(path)}) if 0 < len(own) <= FEW else own


def series_in(folders: Sequence[Path]) -> list[SeriesFiles]:
    """The series of many folders; one whose slices lie in several of them is one series.

    Args:
        folders: with DICOM files of their own.

    Returns:
        In the order of the folders; a folder with files that are damaged and none that are whole is given as well.
    """
    parts: dict[str, dict[Path, list[Path]]] = {}
    holds: dict[Path, int] = {}
    damaged = []
    for folder in folders:
        identities, findings = read_identities(visible_files(folder))
        found = by_series(identities)
        holds[folder] = len(found)
        for uid, files in found.items():
            parts.setdefault(uid or str(folder), {})[folder] = files
        if findings and not found:
            damaged.append(SeriesFiles(folder, folder))
    whole = [_source(group, holds) for places in parts.values() for group in _together(places, resolve=True)]
    return sorted([*whole, *damaged], key=lambda series: (str(series.home), str(series.source)))


def _source(group: Mapping[Path, Sequence[Path]], holds: Mapping[Path, int]) -> SeriesFiles:
    home = Path(os.path.commonpath([str(folder) for folder in group]))
    inside = [folder for folder in holds if folder == home or (home not in group and home in folder.parents)]
    alone = set(inside) == set(group) and all(holds[folder] == 1 for folder in group)
    return SeriesFiles(home, home if alone else next(iter(group.values()))[0])


def _together(parts: Mapping[Path, Sequence[Path]], resolve: bool = False) -> list[dict[Path, Sequence[Path]]]:
    """The folders with files of one series, put together where they are parts of one volume.

    They are where each holds one slice, or where their slices lie at different places of one stack. Otherwise, as
    for copies and for echoes in folders of their own, each folder is a series.

    Args:
        parts: files by folder.
        resolve: ask too whether the parts would be found again from one of their files.
    """
    alone = [{folder: files} for folder, files in parts.items()]
    if len(parts) == 1 or any(folder in other.parents for folder in parts for other in parts):
        return alone
    try:
        frames = {folder: [f for h in read_headers(files) for f in h.frames] for folder, files in parts.items()}
    except DataError:  # reading them will say why
        return alone
    whose = {tuple(map(frame.attributes.get, SAME)) for of_folder in frames.values() for frame in of_folder}
    if len(whose) > 1:
        return alone
    if not (all(len(of_folder) == 1 for of_folder in frames.values()) or _one_stack(frames.values())):
        return alone
    if resolve:
        home = Path(os.path.commonpath([str(folder) for folder in parts]))
        files = {file for of_folder in parts.values() for file in of_folder}
        if not files <= set(files_below(home)) and not files <= set(files_of(next(iter(files)))):
            return alone
    return [dict(parts)]


def _one_stack(parts: Iterable[Sequence[Frame]]) -> bool:
    frames = [frame for part in parts for frame in part]
    places = [tuple(np.round(frame.position or (), 2)) for frame in frames]
    turned = {tuple(np.round(frame.orientation or (), 2)) for frame in frames}
    return len(set(places)) == len(places) and len(turned) == 1 and len({frame.size for frame in frames}) == 1


def _files_of_series(path: Path) -> tuple[list[Path], list[Finding]]:
    """The files of the series that a path means, and what was passed over."""
    identities, damaged = read_identities(files_of(path))
    if path.is_dir():
        found = by_series(identities)
        if damaged:
            raise DataError(damaged)
        if len(found) != 1:
            problem = f"holds {len(found)} DICOM series with images; expected one."
            raise refusal(path, problem, "Name a file of the series that you mean.")
        return next(iter(found.values())), _passed_over(identities, path)
    asked = read_identity(path)
    if not asked.image:
        problem = f"is DICOM but no image ({asked.modality or 'of no modality'})."
        raise refusal(path, problem, "Name a file of a series of images.")
    warnings = [Finding(f.path, f.problem, "If it is of this series, a slice is missing.", True) for f in damaged]
    header = read_header(path)
    if len(header.frames) > 1:
        return (_concatenated(header, by_series(identities)[asked.series]) if header.concatenation else [path]), []
    parts: dict[Path, list[Path]] = {}
    for file in by_series(identities).get(asked.series, []) if asked.series else [path]:
        parts.setdefault(file.parent, []).append(file)
    own = next((group for group in _together(parts) if path.parent in group), {path.parent: [path]})
    return [file for files in own.values() for file in files], warnings


def _concatenated(header: Header, files: Iterable[Path]) -> list[Path]:
    """The files that a volume of many frames was dealt into."""
    return [file for file in files if read_header(file).concatenation == header.concatenation]


def _passed_over(identities: Iterable[Identity], path: Path) -> list[Finding]:
    others = [item for item in identities if not item.image and not item.directory]
    if not others:
        return []
    names = list_some([f"{item.file.name} ({item.modality or 'no modality'})" for item in others], rest=" and {} more")
    problem = f"holds DICOM files that are no images to segment; they were passed over: {names}."
    return [warning(path, problem, "Nothing need be done if the series is whole.")]

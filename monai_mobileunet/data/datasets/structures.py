"""A training set out of DICOM series and the SEG or RTSTRUCT files drawn on them: labels written once, as NIfTI."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mobileunet.data.datasets.labels import LABELLED
from monai_mobileunet.data.datasets.listing import INDEX
from monai_mobileunet.data.dicom import is_dicom, read_dicom
from monai_mobileunet.data.dicom.headers import read_identity
from monai_mobileunet.data.dicom.segments.structures import (
    ClassNumbers,
    Structures,
    describe_structures,
    is_structures,
    read_structures,
)
from monai_mobileunet.data.dicom.series import files_of, series_in
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal, warning
from monai_mobileunet.data.files import hash_file, write_json
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.data.walking import walk_folders
from monai_mobileunet.data.writing import write_mask

__all__ = ["check_structures", "has_structures", "pair_structures", "uid_of", "write_labels_of_structures"]

logger = logging.getLogger(__name__)

Report = Callable[[Finding], object]


def has_structures(folder: Path) -> bool:
    """Whether a SEG or an RTSTRUCT lies in a folder or below it; files that are damaged are none."""
    return any(is_structures(path) for _, _, files in walk_folders(folder) for path in files)


def pair_structures(folder: Path, report: Report = logger.warning) -> dict[Path, tuple[Path, Structures]]:
    """The SEG or RTSTRUCT of each series in a tree of folders, by the UID of the series that it names.

    Args:
        folder: searched with the folders below it.
        report: is called with structures whose series is not there; series without structures are passed over.

    Returns:
        For each series with structures, by what :func:`monai_mobileunet.data.dicom.read_dicom` reads, their file and
        what it is about.

    Raises:
        DataError: a file is damaged, or a series has several files of structures, or lies there several times.
    """
    files = {here: [path for path in found if is_dicom(path)] for here, _, found in walk_folders(folder)}
    drawn = {path: about for found in files.values() for path in found if (about := describe_structures(path))}
    sources: dict[str, list[Path]] = defaultdict(list)
    for series in series_in([here for here, found in files.items() if any(path not in drawn for path in found)]):
        sources[uid_of(series.source)].append(series.source)
    paired: dict[Path, tuple[Path, Structures]] = {}
    for path, about in drawn.items():
        found = sources.get(about.series, []) if about.series else []
        if not found:
            problem = f"is of the series {about.series or 'that it does not name'}, which is not in {folder}."
            report(warning(path, problem, "Put the images of the series there, too."))
            continue
        if len(found) > 1:
            raise refusal(found[1], f"is the same series as {found[0]}.", "Remove one of the two.")
        if found[0] in paired:
            problem = f"is of the same series as {paired[found[0]][0]}."
            raise refusal(path, problem, "Move all but the one that is meant out of the folder.")
        paired[found[0]] = path, about
    return paired


def write_labels_of_structures(
    folder: Path, output: Path, class_names: Sequence[str] = (), report: Report = logger.warning
) -> Path:
    """Write a training set whose images are the series of a folder, and whose labels are their structures.

    The images stay where they are, and are named in the new ``dataset.json``; the labels are NIfTI files on their
    grids. A class that a file has no structure for was not annotated in that case, which is said under ``labelled``.

    Args:
        folder: of series with SEG or RTSTRUCT files, in any folders.
        output: new folder for ``dataset.json`` and ``labels``.
        class_names: of the structures that are classes, from 1 on; by default those that all files have.
        report: is called with what is odd.

    Returns:
        The ``dataset.json``; under ``structures`` it says for each label from which file, with its hash, it was made.

    Raises:
        DataError: nothing to be paired, no structure that all files have, a file of another grid than its series, or
            an output that is a data set already.
    """
    index = output / INDEX
    if index.exists():
        raise refusal(index, "is there already.", "Name a new folder, or remove it.")
    paired = pair_structures(folder, report)
    if not paired:
        problem = "has no DICOM series with a SEG or an RTSTRUCT."
        raise refusal(folder, problem, "Name the folder that holds both, in it or in folders below it.")
    names = tuple(class_names) or _names_of_all(folder, paired, report)
    numbers = {name: number for number, name in enumerate(names, 1)}
    cases, made_from = [], {}
    findings: list[Finding] = []
    for number, (source, (path, _)) in enumerate(paired.items(), 1):
        place = source.relative_to(folder).parent if source.is_file() else source.relative_to(folder)
        label = Path("labels") / f"{'_'.join(place.parts) or 'case'}_{number:04d}.nii.gz"
        try:
            entry = _write_label(source, path, numbers, output / label, report)
        except DataError as error:  # all that is wrong is said at once
            findings += error.findings
            continue
        cases.append({**entry, "image": str(source.resolve()), "label": label.as_posix()})
        made_from[label.as_posix()] = {"file": str(path.resolve()), "sha256": hash_file(path)}
    if findings:
        raise DataError(findings)
    labels = {"0": "background", **{str(number): name for name, number in numbers.items()}}
    write_json(index, {"labels": labels, "training": cases, "structures": made_from})
    return index


def check_structures(folder: Path, class_names: Sequence[str] = ()) -> list[Finding]:
    """What is wrong and what is odd about the structures of a folder, read as a training set would have them.

    Args:
        folder: of series with SEG or RTSTRUCT files, in any folders.
        class_names: as for :func:`write_labels_of_structures`.
    """
    findings: list[Finding] = []
    try:
        paired = pair_structures(folder, findings.append)
        names = tuple(class_names) or (_names_of_all(folder, paired, findings.append) if paired else ())
    except DataError as error:
        return [*findings, *error.findings]
    numbers = {name: number for number, name in enumerate(names, 1)}
    for source, (path, _) in paired.items():
        try:
            _classes_of(source, path, numbers, findings.append)
        except DataError as error:
            findings += error.findings
    return findings


def _classes_of(source: Path, path: Path, numbers: Mapping[str, int], report: Report) -> tuple[Volume, ClassNumbers]:
    volume = read_dicom(source)
    height, width, depth = volume.shape
    return volume, read_structures(path, numbers, volume.affine, (height, width, depth), report)


def _write_label(source: Path, path: Path, numbers: Mapping[str, int], label: Path, report: Report) -> dict[str, Any]:
    volume, found = _classes_of(source, path, numbers, report)
    write_mask(found.values, label, volume)
    return {LABELLED: [name for name in numbers if name not in found.missing]} if found.missing else {}


def uid_of(source: Path) -> str:
    """UID of a series, by its first image; empty if it does not say.

    Args:
        source: as :func:`monai_mobileunet.data.dicom.read_dicom` takes it.

    Raises:
        DataError: a file before it is damaged.
    """
    files = [source] if source.is_file() else [path for path in files_of(source) if is_dicom(path)]
    return next((one.series for one in map(read_identity, files) if one.image), "")


def _names_of_all(folder: Path, paired: Mapping[Path, tuple[Path, Structures]], report: Report) -> tuple[str, ...]:
    """Structures that all files have; those that only some have are reported, for they may be what is wanted."""
    every = [about.names for _, about in paired.values()]
    known = list(dict.fromkeys(name for names in every for name in names))
    common = tuple(name for name in known if all(name in names for names in every))
    if not common:
        problem = f"has no structure that all {len(every)} files have; there are {list_some(known) or 'none'}."
        raise refusal(folder, problem, "Name those that are classes one by one with --class.")
    if others := [name for name in known if name not in common]:
        problem = f"has structures that only some files have: {list_some(others)}."
        report(warning(folder, problem, "They are left out; name all classes with --class to have them."))
    return common

"""A training set out of DICOM series and the SEG or RTSTRUCT files drawn on them: labels written once, as NIfTI."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from monai_mobileunet.data.datasets.labels import LABELLED
from monai_mobileunet.data.datasets.listing import INDEX
from monai_mobileunet.data.dicom import is_dicom, read_dicom, series_in, series_uid
from monai_mobileunet.data.dicom.segments.structure_set import Report, StructureSet
from monai_mobileunet.data.dicom.segments.structures import (
    ClassNumbers,
    describe_structures,
    is_structures,
    read_structures,
    same_name,
)
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal, warning
from monai_mobileunet.data.files import hash_file, write_json
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.data.walking import STATE, walk_folders
from monai_mobileunet.data.writing import write_mask

__all__ = ["check_structures", "find_structures", "has_structures", "pair_structures", "write_labels_of_structures"]

logger = logging.getLogger(__name__)

Pairs = Mapping[Path, tuple[Path, StructureSet]]
"""For each series, as ``read_dicom`` takes it, its file of structures and what that says."""

Progress = Callable[[Sequence[Path]], Iterable[Path]]
"""Gives what it gets, one by one, and shows how far it is."""


def has_structures(folder: Path) -> bool:
    """Whether :func:`find_structures` finds a file that is not damaged."""
    return any(is_structures(path) for _, files in _folders(folder) for path in files)


def find_structures(folder: Path, damaged: Report = logger.warning) -> dict[Path, StructureSet]:
    """The SEG and RTSTRUCT files in a tree of folders, but what runs wrote into folders below it, and what they say.

    Args:
        folder: searched with the folders below it.
        damaged: is called with what is wrong with a file; such a file is passed over.
    """
    found = {}
    for _, files in _folders(folder):
        for path in files:
            try:
                about = describe_structures(path)
            except DataError as error:
                for finding in error.findings:
                    damaged(finding)
                continue
            if about is not None:
                found[path] = about
    return found


def _folders(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    for here, inner, files in walk_folders(root):
        inner[:] = [path for path in inner if not (path / STATE).is_dir()]
        yield here, files


def pair_structures(folder: Path, report: Report = logger.warning) -> Pairs:
    """The SEG or RTSTRUCT of each series in a tree of folders, by the UID of the series that it names.

    Args:
        folder: searched as by :func:`find_structures`.
        report: is called with structures whose series is not there; series without structures are passed over.

    Raises:
        DataError: a file is damaged, or a series has several files of structures, or lies there several times.
    """
    findings: list[Finding] = []
    drawn = find_structures(folder, findings.append)
    if findings:
        raise DataError(findings)
    sources: dict[str, list[Path]] = defaultdict(list)
    for series in series_in([here for here, files in _folders(folder) if any(map(is_dicom, files))]):
        sources[series_uid(series.source)].append(series.source)
    paired: dict[Path, tuple[Path, StructureSet]] = {}
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
    folder: Path,
    output: Path,
    class_names: Sequence[str] = (),
    report: Report = logger.warning,
    progress: Progress = iter,
    all_drawn: bool = False,
) -> Path:
    """Write a training set whose images are the series of a folder, and whose labels are their structures.

    The images stay where they are, and are named in the new ``dataset.json``; the labels are NIfTI files on their
    grids. A class that a file has no structure for was not annotated in that case, which is said under ``labelled``.

    Args:
        folder: of series with SEG or RTSTRUCT files, in any folders.
        output: new folder for ``dataset.json`` and ``labels``.
        class_names: of the structures that are classes, from 1 on; by default those that all files have.
        report: is called with what is odd.
        progress: shows how many series are done.
        all_drawn: whether each class has to be a structure of some file.

    Returns:
        The ``dataset.json``; under ``structures`` it says for each label from which file, with its hash, it was made.

    Raises:
        DataError: nothing to be paired, a class that no file has, no structure that all files have,
            files of other grids than their series, or
            an output that is a data set already.
    """
    index = output / INDEX
    if index.exists():
        raise refusal(index, "is there already.", "Name a new folder, or remove it.")
    paired = pair_structures(folder, report)
    if not paired:
        problem = "has no DICOM series with a SEG or an RTSTRUCT."
        raise refusal(folder, problem, "Name the folder that holds both, in it or in folders below it.")
    if all_drawn:
        _refuse_undrawn(folder, class_names, paired)
    names = tuple(class_names) or _names_of_all(folder, paired, report)
    cases: list[dict[str, Any]] = []
    made_from = {}
    wrong: list[Finding] = []
    for source, volume, found in _drawn(paired, names, report, wrong.append, progress):
        place, path = source.relative_to(folder), paired[source][0]
        stem = "_".join((place.parent if source.is_file() else place).parts) or "case"
        label = Path("labels") / f"{stem}_{len(cases) + 1:04d}.nii.gz"
        write_mask(found.values, output / label, volume)
        labelled = {LABELLED: [name for name in names if name not in found.missing]} if found.missing else {}
        cases.append({**labelled, "image": str(source.resolve()), "label": label.as_posix()})
        made_from[label.as_posix()] = {"file": str(path.resolve()), "sha256": hash_file(path)}
    if wrong:
        raise DataError(wrong)
    labels = {"0": "background", **{str(number): name for number, name in enumerate(names, 1)}}
    write_json(index, {"labels": labels, "training": cases, "structures": made_from})
    return index


def check_structures(folder: Path, class_names: Sequence[str] = (), progress: Progress = iter) -> list[Finding]:
    """What is wrong and what is odd about the structures of a folder, read as a training set would have them.

    Args:
        folder: of series with SEG or RTSTRUCT files, in any folders.
        class_names: as for :func:`write_labels_of_structures`.
        progress: likewise.
    """
    findings: list[Finding] = []
    try:
        paired = pair_structures(folder, findings.append)
        names = tuple(class_names) or (_names_of_all(folder, paired, findings.append) if paired else ())
    except DataError as error:
        return [*findings, *error.findings]
    for _ in _drawn(paired, names, findings.append, findings.append, progress):
        pass
    return findings


def _drawn(
    paired: Pairs, names: Sequence[str], odd: Report, wrong: Report, progress: Progress
) -> Iterator[tuple[Path, Volume, ClassNumbers]]:
    """Each series with its volume and classes; one that cannot be read is reported and stops no other."""
    numbers = {name: number for number, name in enumerate(names, 1)}
    for source in progress(list(paired)):
        try:
            volume = read_dicom(source)
            height, width, depth = volume.shape
            found = read_structures(paired[source][0], numbers, volume.affine, (height, width, depth), odd)
        except DataError as error:
            for finding in error.findings:
                wrong(finding)
            continue
        yield source, volume, found


def _refuse_undrawn(folder: Path, class_names: Sequence[str], paired: Pairs) -> None:
    """Refuse a class that no file has as a structure, and name the structures that come nearest."""
    known = list(dict.fromkeys(name for _, about in paired.values() for name in about.names))
    for name in class_names:
        if not any(same_name(name, one) for one in known):
            near = get_close_matches(name, known)
            remedy = f"Name {' or '.join(near)} with --class." if near else "Name one of these with --class."
            raise refusal(folder, f"has no structure {name!r} in any file; there are {list_some(known)}.", remedy)


def _names_of_all(folder: Path, paired: Pairs, report: Report) -> tuple[str, ...]:
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

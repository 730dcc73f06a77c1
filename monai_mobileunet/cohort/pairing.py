"""Which file in a folder is whose segmentation or reference: by name, and by place where names repeat."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.drawn_references import find_drawn
from monai_mobileunet.data.bids_names import SEGMENTATION, BidsName
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.names import SEG_NRRD, case_name, image_suffix, is_label_file, names_without_channel
from monai_mobileunet.data.walking import walk_images
from monai_mobileunet.data.writing import mask_suffix

__all__ = ["Paired", "find_references", "pair_files"]

Place = tuple[str, ...]
"""A path without its suffix, part by part."""

Found = dict[str, dict[Place, list[tuple[Path, ...]]]]
"""Segmentations by their place, and these by their last part."""

Fit = tuple[int, tuple[Path, ...]]
"""A segmentation that may be that of a case, and how many parts of their places are the same."""


@dataclass(frozen=True)
class Paired:
    """What belongs to a case.

    Attributes:
        files: the file, or one file for each class; empty if there is none.
        problem: why no file can be chosen; ``None`` if one can, or if there is none.
    """

    files: tuple[Path, ...] = ()
    problem: Finding | None = None


def pair_files(
    cases: Sequence[CaseRecord], folder: Path, class_files: Sequence[str] = (), of_references: bool = False
) -> dict[str, Paired]:
    """Which file in a folder is the segmentation, or the reference, of each case.

    A file is that of a case if it has the name of the case, of its image (with nnU-Net's number of the channel or
    without) or of its label; its folders, as far as it lies in any, must be those of the image where several cases
    have one name. ``mobileunet segment --split`` writes a folder with a file for each class in place of a file.

    Args:
        cases: the cases; their images, labels and masks to be written are passed over in the folder.
        folder: searched with the folders below it, but hidden ones.
        class_files: names of the files of single classes, in the order of the classes.
        of_references: whether the only label in the folder of a case counts too, whatever its name, and what lies
            exactly as the case does is preferred to what lies deeper.

    Returns:
        For each case, by its name, its file, or why there is none.
    """
    own = {path.resolve() for case in cases for path in (*case.images, *case.outputs, *_label(case))}
    found = _without_copies([path for path in walk_images(folder) if path.resolve() not in own])
    whole, parts = _by_place(found, folder, class_files)
    in_bids = _in_bids(found)
    suffixes = {BidsName.of(case.images[0]).suffix for case in cases}
    shared = _shared(cases)
    stems = Counter(case_name(case.images[0]) for case in cases)
    fitting: dict[str, tuple[list[Fit], Sequence[str]]] = {}
    owners: dict[Path, list[str]] = defaultdict(list)
    for case in cases:
        alone = stems[case_name(case.images[0])] == 1
        expected: Sequence[str] = ()
        fits = _fitting(case, shared, alone, whole)
        if not fits and class_files:
            fits, expected = _fitting(case, shared, alone, parts), class_files
        if not fits:
            fits, expected = _by_entities(case, in_bids, suffixes), ()
        if not fits and of_references:
            fits = _beside(case, cases, [path.relative_to(folder) for path in found], folder)
        if of_references:
            place = _place(Path(case.name))
            fits = [fit for fit in fits if _place(fit[1][0].relative_to(folder)) == place] or fits
        fitting[case.name] = fits, expected
        for _, files in fits:
            owners[files[0]].append(case.name)
    return {name: _chosen(name, fits, owners, expected) for name, (fits, expected) in fitting.items()}


def _without_copies(found: Sequence[Path]) -> list[Path]:
    """Files without those for 3D Slicer that lie beside a mask of the same name: they hold the same."""
    others = {path.with_name(case_name(path)) for path in found if image_suffix(path).lower() not in SEG_NRRD}
    return [
        path
        for path in found
        if image_suffix(path).lower() not in SEG_NRRD or path.with_name(case_name(path)) not in others
    ]


def find_references(cases: Sequence[CaseRecord], folder: Path) -> list[CaseRecord]:
    """The cases, each with its reference where the folder has one: a DICOM SEG or RTSTRUCT of its series, or by name.

    Raises:
        DataError: no such folder, a reference that may be that of several cases, several of one series, or none.
    """
    if not folder.is_dir():
        raise DataError([Finding(str(folder), "no such folder.", "Name the folder of the references.")])
    paired = pair_files(cases, folder, of_references=True)
    paired |= {name: Paired((path,)) for name, path in find_drawn(cases, folder).items()}
    problems = [found.problem for found in paired.values() if found.problem]
    if problems:
        raise DataError(list(dict.fromkeys(problems)))
    if not any(found.files for found in paired.values()):
        problem = f"has no reference for any case, such as {cases[0].name if cases else 'none'}."
        remedy = "References have the names of the images, or are SEG or RTSTRUCT of their series."
        raise DataError([Finding(str(folder), problem, remedy)])
    return [replace(case, label=next(iter(paired[case.name].files), None)) for case in cases]


def _label(case: CaseRecord) -> tuple[Path, ...]:
    return (case.label,) if case.label is not None else ()


def _by_place(found: Sequence[Path], folder: Path, class_files: Sequence[str]) -> tuple[Found, Found]:
    """Files by their places, and folders with a file for each class by theirs."""
    whole: Found = defaultdict(lambda: defaultdict(list))
    split: dict[Place, dict[str, Path]] = defaultdict(dict)
    for path in found:
        place = _place(path.relative_to(folder))
        whole[place[-1]][place].append((path,))
        if len(place) > 1 and place[-1] in class_files:
            split[place[:-1]][place[-1]] = path
    parts: Found = defaultdict(lambda: defaultdict(list))
    for place, known in split.items():
        parts[place[-1]][place].append(tuple(known[name] for name in class_files if name in known))
    return whole, parts


def _in_bids(found: Sequence[Path]) -> Mapping[frozenset[tuple[str, str]], list[Path]]:
    """Segmentations that are named as in BIDS, by the entities of their images."""
    segmentations: dict[frozenset[tuple[str, str]], list[Path]] = defaultdict(list)
    for path in found:
        name = BidsName.of(path)
        if _is_in_bids(name):
            segmentations[name.source].append(path)
    return segmentations


def _is_in_bids(name: BidsName) -> bool:
    return name.suffix == SEGMENTATION and bool(name["sub"])


def _by_entities(
    case: CaseRecord, segmentations: Mapping[frozenset[tuple[str, str]], list[Path]], suffixes: Collection[str]
) -> list[Fit]:
    """The segmentations of an image in BIDS; those first whose ``desc`` names the image's suffix, as ``desc-T1w``."""
    image = BidsName.of(case.images[0])
    found = segmentations.get(image.source, []) if image["sub"] else []
    names = {path: BidsName.of(path) for path in found}
    return [
        (int(name["desc"].endswith(image.suffix)), (path,))
        for path, name in names.items()
        if name.may_be_of(image, suffixes)
    ]


def _beside(case: CaseRecord, cases: Sequence[CaseRecord], found: Sequence[Path], folder: Path) -> list[Fit]:
    """The file of a folder for each patient: alone in the folder of a case that is alone in it too."""
    place = case.name.rpartition("/")[0]
    if not place or sum(other.name.rpartition("/")[0] == place for other in cases) > 1:
        return []
    there = [path for path in found if path.parent.as_posix() == place]
    if BidsName.of(case.images[0])["sub"]:  # names in BIDS say whose a segmentation is, and this one is not the case's
        there = [path for path in there if not _is_in_bids(BidsName.of(path))]
    named = [path for path in there if is_label_file(path)] or there
    return [(0, (folder / named[0],))] if len(named) == 1 else []


def _place(path: Path) -> Place:
    return (*path.parent.parts, case_name(path))


def _shared(cases: Sequence[CaseRecord]) -> Path:
    """The folder that all images share."""
    folders = [os.path.abspath(case.images[0].parent) for case in cases]
    return Path(os.path.commonpath(folders)) if folders else Path()


def _fitting(case: CaseRecord, shared: Path, alone: bool, masks: Found) -> list[Fit]:
    """What may be the file of a case; ``alone``: no other case's image has its file name."""
    name = case.name
    image, *labels = (Path(os.path.abspath(path)) for path in (case.images[0], *_label(case)))
    label_names = [case_name(label) for label in labels]
    inner = _place(image.relative_to(shared))
    full = _without_channel(_place(image), label_names) | {_place(label) for label in labels}
    short = _without_channel(inner[-1:] if alone else inner, label_names) | {_place(Path(name))}
    found: list[Fit] = []
    for last in {path[-1] for path in full | short}:
        for place, files in masks.get(last, {}).items():
            if any(_ends_with(path, place) for path in full) or any(_ends_with(place, path) for path in short):
                score = max(_alike(place, path) for path in full | short)
                found += [(score, one) for one in files]
    if image_suffix(name):  # of images that differ in nothing but their format
        found = [fit for fit in found if image_suffix(fit[1][0]) == mask_suffix(image)]
    return found


def _chosen(name: str, found: Sequence[Fit], owners: Mapping[Path, Sequence[str]], expected: Sequence[str]) -> Paired:
    """The one file that lies nearest; what may be that of several cases is none of any.

    Args:
        name: of the case.
        found: what may be its file.
        owners: names of the cases that a file fits.
        expected: names of the files of single classes, where these are looked for.
    """
    if not found:
        return Paired()
    best = max(score for score, _ in found)
    nearest = [files for score, files in found if score == best]
    if len(nearest) > 1:
        paths = sorted(str(files[0]) for files in nearest)
        problem = f"has the same case name as {paths[1]}, {name}."
        return Paired(problem=Finding(paths[0], problem, "Remove or rename one."))
    files = nearest[0]
    names = owners[files[0]]
    if len(names) > 1:
        others = f"{names[0]} and of {names[1]}" + (f" and {len(names) - 2} more" if names[2:] else "")
        problem = f"has the same case name as several cases, of {others}."
        remedy = "Place segmentations and references as the images lie, or name them as the cases."
        return Paired(problem=Finding(str(files[0]), problem, remedy))
    missing = sorted(set(expected) - {case_name(path) for path in files})
    if missing:
        problem = f"has no file for {', '.join(missing)}."
        return Paired(
            problem=Finding(str(files[0].parent), problem, "Segment the case again with mobileunet segment --split.")
        )
    return Paired(files)


def _without_channel(place: Place, labels: Sequence[str]) -> set[Place]:
    """A place as it is, and without nnU-Net's number of a channel."""
    *folders, last = place
    names = set().union(*(names_without_channel(last, label) for label in labels or [""]))
    return {(*folders, name) for name in names}


def _ends_with(path: Place, end: Place) -> bool:
    return len(end) <= len(path) and path[len(path) - len(end) :] == end


def _alike(one: Place, other: Place) -> int:
    """How many parts are the same, from the end on."""
    count = 0
    for a, b in zip(reversed(one), reversed(other)):
        if a != b:
            break
        count += 1
    return count

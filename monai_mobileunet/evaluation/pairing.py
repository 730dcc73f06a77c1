"""Which segmentation in a folder is whose: by name, by place where names repeat, one file or one for each class."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_mobileunet.data.datasets.listing import Case
from monai_mobileunet.data.datasets.naming import image_files, name_of
from monai_mobileunet.data.names import case_name, image_suffix, split_channel
from monai_mobileunet.data.writing import mask_suffix

__all__ = ["Masks", "pair_masks"]

Place = tuple[str, ...]
"""A path without its suffix, part by part."""

Found = dict[str, dict[Place, list[tuple[Path, ...]]]]
"""Segmentations by their place, and these by their last part."""

Fit = tuple[int, tuple[Path, ...]]
"""A segmentation that may be that of a case, and how many parts of their places are the same."""


@dataclass(frozen=True)
class Masks:
    """The segmentation of a case.

    Attributes:
        files: the segmentation, or one file for each class; empty if there is none.
        problem: why it cannot be told; empty if it can.
    """

    files: tuple[Path, ...] = ()
    problem: str = ""


def pair_masks(cases: Sequence[Case], folder: Path, class_files: Sequence[str] = ()) -> dict[str, Masks]:
    """The segmentations of cases.

    A file is that of a case if it has the name of the case, of its image (with nnU-Net's number of the channel or
    without) or of its label; its folders, as far as it lies in any, must be those of the image where several cases
    have one name. ``mobileunet segment --split`` writes a folder with a file for each class in place of a file.

    Args:
        cases: of a data set.
        folder: searched with the folders below it, but hidden ones; images and labels of the cases are passed over.
        class_files: names of the files of single classes, in the order of the classes.

    Returns:
        For each case, by its name, its segmentation, or why there is none.
    """
    own = {path.resolve() for case in cases for path in (*image_files(case), Path(case["label"]))}
    whole: Found = defaultdict(lambda: defaultdict(list))
    split: dict[Place, dict[str, Path]] = defaultdict(dict)
    for path in _found(folder):
        if path.resolve() not in own:
            place = _place(path.relative_to(folder))
            whole[place[-1]][place].append((path,))
            if len(place) > 1 and place[-1] in class_files:
                split[place[:-1]][place[-1]] = path
    parts: Found = defaultdict(lambda: defaultdict(list))
    for place, known in split.items():
        parts[place[-1]][place].append(tuple(known[name] for name in class_files if name in known))
    shared = _shared(cases)
    stems = Counter(case_name(image_files(case)[0]) for case in cases)
    fitting: dict[str, tuple[list[Fit], Sequence[str]]] = {}
    owners: dict[Path, list[str]] = defaultdict(list)
    for case in cases:
        alone = stems[case_name(image_files(case)[0])] == 1
        found = _fitting(case, shared, alone, whole)
        fitting[name_of(case)] = (found, ()) if found else (_fitting(case, shared, alone, parts), class_files)
        for _, files in fitting[name_of(case)][0]:
            owners[files[0]].append(name_of(case))
    return {name: _chosen(name, found, owners, expected) for name, (found, expected) in fitting.items()}


def _found(folder: Path) -> Iterator[Path]:
    for place, names, files in os.walk(folder, followlinks=True):
        names[:] = sorted(name for name in names if not name.startswith("."))
        if len(Path(place).relative_to(folder).parts) > 16:  # links may lead in a circle
            names[:] = []
        yield from (Path(place, name) for name in sorted(files) if not name.startswith(".") and image_suffix(name))


def _place(path: Path) -> Place:
    return (*path.parent.parts, case_name(path))


def _shared(cases: Sequence[Case]) -> Path:
    """The folder that all images share."""
    folders = [os.path.abspath(image_files(case)[0].parent) for case in cases]
    return Path(os.path.commonpath(folders)) if folders else Path()


def _fitting(case: Case, shared: Path, alone: bool, masks: Found) -> list[Fit]:
    """What may be the segmentation of a case; ``alone``: no other case's image has its file name."""
    name = name_of(case)
    image, label = (Path(os.path.abspath(path)) for path in (image_files(case)[0], case["label"]))
    inner = _place(image.relative_to(shared))
    full = _without_channel(_place(image), case_name(label)) | {_place(label)}
    short = _without_channel(inner[-1:] if alone else inner, case_name(label)) | {_place(Path(name))}
    found: list[Fit] = []
    for last in {path[-1] for path in full | short}:
        for place, files in masks.get(last, {}).items():
            if any(_ends_with(path, place) for path in full) or any(_ends_with(place, path) for path in short):
                score = max(_alike(place, path) for path in full | short)
                found += [(score, one) for one in files]
    if image_suffix(name):  # of images that differ in nothing but their format
        found = [fit for fit in found if image_suffix(fit[1][0]) == mask_suffix(image)]
    return found


def _chosen(name: str, found: Sequence[Fit], owners: Mapping[Path, Sequence[str]], expected: Sequence[str]) -> Masks:
    """The one segmentation that lies nearest; what may be that of several cases is none of any.

    Args:
        name: of the case.
        found: what may be its segmentation.
        owners: names of the cases that a file fits.
        expected: names of the files of single classes, where these are looked for.
    """
    if not found:
        return Masks()
    best = max(score for score, _ in found)
    nearest = [files for score, files in found if score == best]
    if len(nearest) > 1:
        paths = sorted(str(files[0]) for files in nearest)
        return Masks(problem=f"{paths[0]}: has the same case name as {paths[1]}, {name}. Remove or rename one.")
    files = nearest[0]
    names = owners[files[0]]
    if len(names) > 1:
        others = f"{names[0]} and of {names[1]}" + (f" and {len(names) - 2} more" if names[2:] else "")
        problem = f"{files[0]}: has the same case name as several cases, of {others}."
        return Masks(problem=f"{problem} Place segmentations as the images lie, or name them as the cases.")
    missing = sorted(set(expected) - {case_name(path) for path in files})
    if missing:
        problem = f"{files[0].parent}: has no file for {', '.join(missing)}. Segment the case again with --split."
        return Masks(problem=problem)
    return Masks(files)


def _without_channel(place: Place, label: str) -> set[Place]:
    """A place as it is, and without nnU-Net's number of a channel."""
    *folders, last = place
    names = {last, split_channel(last, [label])[0], split_channel(last)[0]}
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

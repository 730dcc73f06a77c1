"""Which segmentation in a folder is whose: by name, by place where names repeat, one file or one for each class."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_mobileunet.data.formats import case_name, image_suffix
from monai_mobileunet.data.listing import Case
from monai_mobileunet.data.naming import image_files, name_of, split_channel
from monai_mobileunet.data.writing import mask_suffix

__all__ = ["Masks", "pair_masks"]

Place = tuple[str, ...]
"""A path without its suffix, part by part."""

Found = dict[str, dict[Place, list[tuple[Path, ...]]]]
"""Segmentations by their place, and these by their last part."""


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
    pairs = {}
    for case in cases:
        alone = stems[case_name(image_files(case)[0])] == 1
        masks = _masks_of(case, shared, alone, whole)
        if not masks.files and not masks.problem:
            masks = _complete(_masks_of(case, shared, alone, parts), class_files)
        pairs[name_of(case)] = masks
    return _each_once(pairs)


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


def _masks_of(case: Case, shared: Path, alone: bool, masks: Found) -> Masks:
    """The one segmentation that fits a case best, if any does; ``alone``: no other case's image has its file name."""
    name, image, label = name_of(case), image_files(case)[0].absolute(), Path(case["label"]).absolute()
    full = _without_channel(_place(image), case_name(label)) | {_place(label)}
    inner = _place(image.relative_to(shared))
    short = _without_channel(inner[-1:] if alone else inner, case_name(label)) | {_place(Path(name))}
    best, fitting = 0, list[tuple[Path, ...]]()
    for last in {path[-1] for path in full | short}:
        for place, found in masks.get(last, {}).items():
            fits = any(_ends_with(path, place) for path in full) or any(_ends_with(place, path) for path in short)
            score = max(_alike(place, path) for path in full | short) if fits else 0
            if score and score >= best:
                fitting = [*(fitting if score == best else []), *found]
                best = score
    if image_suffix(name):  # of images that differ in nothing but their format
        fitting = [files for files in fitting if image_suffix(files[0]) == mask_suffix(image)]
    if len(fitting) > 1:
        paths = sorted(str(files[0]) for files in fitting)[:2]
        problem = f"{paths[0]}: has the same case name as {paths[1]}, {name}. Remove or rename one."
        return Masks(problem=problem)
    return Masks(fitting[0]) if fitting else Masks()


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


def _complete(masks: Masks, class_files: Sequence[str]) -> Masks:
    """Files of single classes, if none is missing."""
    missing = sorted(set(class_files) - {case_name(path) for path in masks.files})
    if not masks.files or not missing:
        return masks
    problem = f"{masks.files[0].parent}: has no file for {', '.join(missing)}. Segment the case again with --split."
    return Masks(problem=problem)


def _each_once(pairs: Mapping[str, Masks]) -> dict[str, Masks]:
    """A segmentation that fits several cases is none of any."""
    owners: dict[Path, list[str]] = defaultdict(list)
    for name, masks in pairs.items():
        for path in masks.files[:1]:
            owners[path].append(name)
    checked = {}
    for name, masks in pairs.items():
        names = owners[masks.files[0]] if masks.files else []
        if len(names) > 1:
            others = f"{names[0]} and of {names[1]}" + (f" and {len(names) - 2} more" if names[2:] else "")
            problem = f"{masks.files[0]}: has the same case name as several cases, of {others}."
            masks = Masks(problem=f"{problem} Place segmentations as the images lie, or name them as the cases.")
        checked[name] = masks
    return checked

"""What cases are called: after their image, without the number of a channel, by its place where names repeat."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from monai_mobileunet.data.datasets.listing import Case
from monai_mobileunet.data.names import case_name, image_suffix, split_channel

__all__ = ["image_files", "name_cases", "name_of"]


def image_files(case: Case) -> tuple[Path, ...]:
    """The file of a case's image, or one for each channel."""
    image = case["image"]
    return tuple(map(Path, image if isinstance(image, (list, tuple)) else [image]))


def name_of(case: Case) -> str:
    """Name of a case: the one that it was given, or else that of its image."""
    return case.get("name") or case_name(image_files(case)[0])


def name_cases(cases: Sequence[Case], root: Path | None = None) -> list[Case]:
    """The cases with names of their own, where that of the image is not enough.

    A name is that of the image without suffix and channel. Where names repeat, as with a folder for each patient, it
    is the path of the image, without folders and a file name that all cases share: ``pat001`` of
    ``pat001/t1.nii.gz``. Only images that differ in nothing but their format keep its suffix.

    Args:
        cases: of one data set.
        root: its folder, from which paths are told; by default the folder that the images share.
    """
    if not cases:
        return []
    stems = _stems(cases)
    if len(set(stems)) == len(stems):
        return [_named(case, stem) for case, stem in zip(cases, stems, strict=True)]
    places = [os.path.abspath(image_files(case)[0].parent) for case in cases]
    shared = os.path.commonpath(places)
    if root is not None and os.path.commonpath([shared, os.path.abspath(root)]) == os.path.abspath(root):
        shared = os.path.abspath(root)
    paths = [
        (*(part for part in Path(os.path.relpath(place, shared)).parts if part != "."), stem)
        for place, stem in zip(places, stems, strict=True)
    ]
    names = ["/".join(parts) for parts in _shortened(paths)]
    counts = Counter(names)
    suffixes = [image_suffix(image_files(case)[0]) for case in cases]
    unique = [name if counts[name] == 1 else name + suffix for name, suffix in zip(names, suffixes, strict=True)]
    return [_named(case, name) for case, name in zip(cases, unique, strict=True)]


def _named(case: Case, name: str) -> Case:
    """The case with its name, if that is not the one of its image anyway."""
    plain = {key: value for key, value in case.items() if key != "name"}
    return plain if name_of(plain) == name else {**plain, "name": name}


def _stems(cases: Sequence[Case]) -> list[str]:
    """File names without suffix and channel."""
    names = [case_name(image_files(case)[0]) for case in cases]
    everywhere = len(names) > 1 and all(split_channel(name)[1] for name in names)
    stems = []
    for case, name in zip(cases, names, strict=True):
        known = [case_name(case["label"])] if "label" in case else []
        of_several = len(image_files(case)) > 1
        stems.append(split_channel(name, None if everywhere or of_several else known)[0])
    return stems


def _shortened(paths: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Paths without the parts at their ends that all of them share, as long as no two become one."""
    short = list(paths)
    for end in (-1, 0):
        while min(map(len, short)) > 1 and len({path[end] for path in short}) == 1:
            shorter = [path[:-1] if end else path[1:] for path in short]
            if len(set(shorter)) < len(set(short)):
                break
            short = shorter
    return short

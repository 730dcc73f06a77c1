"""Data sets in BIDS: images of subjects, and their segmentations among the derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from monai_mobileunet.data.datasets.listing import INDEX, Case
from monai_mobileunet.data.errors import DataError, Finding, list_some
from monai_mobileunet.data.names import case_name, is_picture
from monai_mobileunet.data.walking import walk_images

__all__ = ["DERIVATIVES", "find_segmentations", "pair_in_bids"]

DERIVATIVES = "derivatives"
SEGMENTATION = "dseg"
"""The suffix of BIDS for class numbers."""

OF_DERIVATIVES = ("desc", "space", "label", "seg", "res", "den", "atlas")
"""Entities that say what was made of an image, not which image it was made of."""

Entities = tuple[frozenset[tuple[str, str]], str]
"""What a name of BIDS says: ``{sub: 01, ses: 2}`` and ``T1w`` of ``sub-01_ses-2_T1w``."""


def pair_in_bids(root: Path) -> list[Case]:
    """The cases of a data set in BIDS whose segmentations lie in ``derivatives``.

    ``derivatives/*/sub-01/anat/sub-01_desc-manual_dseg.nii.gz`` belongs to ``sub-01/anat/sub-01_T1w.nii.gz``: the image
    that has all entities of the segmentation but those of derivatives. Where a subject has several images, all those of
    one kind have to have a segmentation, which other kinds (T2w, FLAIR) may lack: they are not used.

    Args:
        root: the data set.

    Returns:
        The cases; none if there are no segmentations of BIDS.

    Raises:
        DataError: a segmentation without one image, an image with several segmentations, or one that has none while
            others of its kind do; each is named.
    """
    labels = find_segmentations(root)
    if not labels:
        return []
    images = [path for folder in sorted(root.glob("sub-*")) for path in _below(folder)]
    kind, findings = _kind_of(images, labels)
    chosen = [path for path in images if _entities(path)[1] == kind]
    pairs: dict[Path, list[Path]] = {path: [] for path in chosen}
    for label in labels:
        fitting = [path for path in chosen if _belongs(label, path)]
        if len(fitting) == 1:
            pairs[fitting[0]].append(label)
        else:
            held = list_some([path.name for path in fitting]) or "none"
            problem = f"is of no one image {kind}: {held} has its entities."
            findings.append(Finding(str(label), problem, f"Name it after its image, or list the pairs in {INDEX}."))
    findings += _unpaired(pairs)
    if findings:
        raise DataError(findings)
    return [{"image": str(image), "label": str(label)} for image, (label,) in pairs.items()]


def find_segmentations(root: Path) -> list[Path]:
    """The files of class numbers among the derivatives of a data set in BIDS."""
    return [path for path in _below(root / DERIVATIVES) if _entities(path)[1] == SEGMENTATION]


def _below(folder: Path) -> list[Path]:
    return [path for path in walk_images(folder) if not is_picture(path)] if folder.is_dir() else []


def _entities(path: Path) -> Entities:
    *parts, suffix = case_name(path).split("_")
    pairs = (part.partition("-") for part in parts)
    return frozenset((key, value) for key, _, value in pairs if key not in OF_DERIVATIVES), suffix


def _belongs(label: Path, image: Path) -> bool:
    return _entities(label)[0] == _entities(image)[0]


def _kind_of(images: list[Path], labels: list[Path]) -> tuple[str, list[Finding]]:
    """The suffix of the images that are segmented: the one that all segmentations have an image of."""
    kinds = {
        suffix: sum(any(_entities(path)[1] == suffix and _belongs(label, path) for path in images) for label in labels)
        for suffix in sorted({_entities(path)[1] for path in images})
    }
    most = max(kinds.values(), default=0)
    best = [suffix for suffix, count in kinds.items() if count == most]
    if most and len(best) > 1:
        problem = f"has segmentations that may be of each of {', '.join(best)}; nothing says of which."
        remedy = f'List the pairs in {INDEX}: {{"training": [{{"image": …, "label": …}}, …]}}.'
        return best[0], [Finding(str(labels[0].parent), problem, remedy)]
    return (best[0] if most else "T1w"), []


def _unpaired(pairs: dict[Path, list[Path]]) -> Iterator[Finding]:
    for image, found in pairs.items():
        if not found:
            yield Finding(
                str(image), "image without a label.", f"Add its segmentation to {DERIVATIVES}, or move it away."
            )
        elif len(found) > 1:
            problem = f"has several segmentations: {list_some([str(path) for path in found])}."
            yield Finding(str(image), problem, "Keep one of them in the data set.")

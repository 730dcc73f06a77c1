"""Data sets in BIDS: images of subjects, and their segmentations among the derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from monai_mobileunet.data.bids_names import DERIVATIVES, DESCRIPTION, OURS, SEGMENTATION, BidsName, generators
from monai_mobileunet.data.datasets.listing import INDEX, Case, read_json
from monai_mobileunet.data.errors import DataError, Finding, list_some
from monai_mobileunet.data.names import is_picture
from monai_mobileunet.data.walking import STATE, walk_images

__all__ = ["find_made_by_runs", "find_segmentations", "find_tables", "pair_in_bids"]


def pair_in_bids(root: Path) -> list[Case]:
    """The cases of a data set in BIDS whose segmentations lie in ``derivatives``.

    ``derivatives/*/sub-01/anat/sub-01_desc-manual_dseg.nii.gz`` belongs to ``sub-01/anat/sub-01_T1w.nii.gz``: the image
    that has all entities of the segmentation but those of derivatives. Where a subject has several images, all those of
    one kind have to have a segmentation, which other kinds (T2w, FLAIR) may lack: they are not used. A segmentation
    whose ``desc`` is a kind, ``desc-T1w``, is of an image of this kind. What a run has made is no reference.

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
    kinds = {BidsName.of(path).suffix for path in images}
    kind, findings = _kind_of(images, labels, kinds)
    chosen = [path for path in images if BidsName.of(path).suffix == kind]
    pairs: dict[Path, list[Path]] = {path: [] for path in chosen}
    for label in labels:
        fitting = [path for path in chosen if BidsName.of(label).may_be_of(BidsName.of(path), kinds)]
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
    """The files of class numbers among the derivatives of a data set in BIDS, but those of runs."""
    found = _all_segmentations(root)
    made = _made_by_runs(root, found)
    return [path for path in found if made.isdisjoint(path.parents)]


def find_made_by_runs(root: Path) -> list[Path]:
    """The data sets among the derivatives whose segmentations ``mobileunet segment`` has written: no references."""
    return sorted(_made_by_runs(root, _all_segmentations(root)))


def find_tables(root: Path) -> list[Path]:
    """The tables of classes, ``dseg.tsv``, among the derivatives of a data set in BIDS, but those of runs."""
    found = sorted(root.glob(f"{DERIVATIVES}/*/*{SEGMENTATION}.tsv"))
    made = _made_by_runs(root, found)
    return [path for path in found if made.isdisjoint(path.parents)]


def _all_segmentations(root: Path) -> list[Path]:
    return [path for path in _below(root / DERIVATIVES) if BidsName.of(path).suffix == SEGMENTATION]


def _made_by_runs(root: Path, files: Sequence[Path]) -> set[Path]:
    """The folders of files, at any depth, that a run has written: by what it keeps there, or by what describes them.

    Who copies a run's folder may leave the hidden one of the two behind.
    """
    above = len((root / DERIVATIVES).parents)
    folders = {folder for path in files for folder in path.parents if len(folder.parents) >= above}
    return {folder for folder in folders if (folder / STATE).is_dir() or OURS in generators(_description(folder))}


def _description(folder: Path) -> Any:
    path = folder / DESCRIPTION
    return read_json(path) if path.is_file() else None


def _below(folder: Path) -> list[Path]:
    return [path for path in walk_images(folder) if not is_picture(path)] if folder.is_dir() else []


def _kind_of(images: list[Path], labels: list[Path], suffixes: set[str]) -> tuple[str, list[Finding]]:
    """The suffix of the images that are segmented: the one that all segmentations have an image of."""
    names = [BidsName.of(path) for path in images]
    kinds = {
        suffix: sum(
            any(image.suffix == suffix and BidsName.of(label).may_be_of(image, suffixes) for image in names)
            for label in labels
        )
        for suffix in sorted(suffixes)
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

"""Data sets without a list: two folders of the same names, a folder for each patient, or names with a suffix."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from monai_mobileunet.data.datasets.listing import INDEX, Case
from monai_mobileunet.data.errors import DataError, Finding, refusal
from monai_mobileunet.data.names import (
    IMAGE_SUFFIXES,
    case_name,
    is_label_file,
    labelled_name,
    parse_channel,
    split_channel,
    without_suffix,
)
from monai_mobileunet.data.walking import STATE, walk_folders, walk_images, without_previews

__all__ = ["FOLDER_PAIRS", "folder_pair", "pair_by_folder", "pair_by_name"]

FOLDER_PAIRS = (("imagesTr", "labelsTr"), ("images", "labels"), ("images", "masks"))

Images = dict[str, dict[str, Path]]
"""Files by the name of their case and the number of their channel, which is empty where a name has none."""


def folder_pair(root: Path) -> tuple[str, str] | None:
    """Names of the folders of images and of labels; ``None`` if there is no such pair.

    Masks that ``mobileunet segment`` has written beside the images are no labels.
    """
    found = (pair for pair in FOLDER_PAIRS if all((root / name).is_dir() for name in pair))
    return next((pair for pair in found if not (root / pair[1] / STATE).is_dir()), None)


def pair_by_name(root: Path, folders: tuple[str, str]) -> list[Case]:
    """The cases of two folders whose files have the same names and places.

    The numbers of channels of nnU-Net are understood; images and labels in folders of patients may have other names
    where each folder holds one of each.

    Args:
        root: the data set.
        folders: names of the folders of images and of labels.

    Raises:
        DataError: no images, two files of one name, an image without label or a label without image; each is named.
    """
    images, labels = (_by_name(root / name) for name in folders)
    if not images and not labels:
        raise refusal(root / folders[0], "no images.", f"Expected files ending in {', '.join(IMAGE_SUFFIXES)}.")
    channels: Images = {}
    for name, path in images.items():
        stem, channel = split_channel(name, labels)
        channels.setdefault(stem, {})[channel] = path
    pairs = {name: name for name in channels.keys() & labels.keys()}
    pairs |= _alone_in_folder(channels.keys() - pairs.keys(), labels.keys() - pairs.keys())
    findings = list(_unpaired(root, folders, channels, labels, pairs))
    for name in pairs:
        findings += _channel_gaps(channels[name])
    if findings:
        raise DataError(sorted(findings, key=lambda finding: finding.path))
    return [_case(channels[name], labels[label]) for name, label in sorted(pairs.items())]


def _by_name(folder: Path) -> dict[str, Path]:
    """The images in a folder and below it, by their path without suffix."""
    found: dict[str, Path] = {}
    for path in walk_images(folder):
        other = found.setdefault(without_suffix(path.relative_to(folder)), path)
        if other != path:
            raise refusal(path, f"has the same case name as {other}.", "Rename or remove one.")
    return found


def _alone_in_folder(images: set[str], labels: set[str]) -> dict[str, str]:
    """Pairs of names that differ, where a folder below holds one image and one label."""
    pairs = {}
    for folder in {name.rpartition("/")[0] for name in images} - {""}:
        inside = [[name for name in names if name.rpartition("/")[0] == folder] for names in (images, labels)]
        if len(inside[0]) == len(inside[1]) == 1:
            pairs[inside[0][0]] = inside[1][0]
    return pairs


def _unpaired(
    root: Path, folders: tuple[str, str], images: Images, labels: dict[str, Path], pairs: dict[str, str]
) -> Iterator[Finding]:
    numbered = bool(pairs) and all("" not in images[name] for name in pairs)  # four digits are those of channels
    for name in images.keys() - pairs.keys():
        remedy = f"Add {folders[1]}/{parse_channel(name)[0] if numbered else name}.nii.gz or move the image away."
        yield Finding(str(next(iter(images[name].values()))), "image without a label.", remedy)
    for name in labels.keys() - set(pairs.values()):
        remedy = f"Add {folders[0]}/{name}{'_0000' if numbered else ''}.nii.gz or move the label away."
        yield Finding(str(labels[name]), "label without an image.", remedy)


def pair_by_folder(root: Path) -> list[Case]:
    """The cases of a data set with folders that each hold an image, or its channels, and a label, or several of each.

    The name of a file says that it is the label (``seg``, ``mask``, ``p01_label`` and the like), and of several in one
    folder whose label it is: ``p01_seg`` belongs to ``p01``, to ``p01_t1``, and to ``p01_0000`` with ``p01_0001``.

    Args:
        root: the data set.

    Returns:
        The cases; none if no folder holds a file with the name of a label.

    Raises:
        DataError: a folder without one image and one label, or whose names do not pair; each is named.
    """
    cases: list[Case] = []
    findings: list[Finding] = []
    labelled = False
    for folder, files in _folders(root):
        labels = [path for path in files if is_label_file(path)]
        images: Images = {}
        for path in files:
            if path not in labels:
                # where several files lie together, four digits are those of channels
                stem, channel = (parse_channel if len(files) > 2 else split_channel)(case_name(path))
                images.setdefault(stem, {})[channel] = path
        labelled = labelled or bool(labels)
        if len(labels) > 1 and (found := _pairs_in(files, labels)):
            pairs, problems = found
            cases += pairs
            findings += problems
        elif len(labels) == len(images) == 1:
            (channels,) = images.values()
            findings += _channel_gaps(channels)
            cases.append(_case(channels, labels[0]))
        else:
            problem = f"holds {', '.join(path.name for path in files)}; expected one image and one label."
            findings.append(Finding(str(folder), problem, _snippet(root, files, labels)))
    if not labelled:
        return []
    if findings:
        raise DataError(findings)
    return cases


def _pairs_in(files: list[Path], labels: list[Path]) -> tuple[list[Case], list[Finding]] | None:
    """The cases of a folder of several, by names, and what has no partner; ``None`` where no label names an image."""
    named = {labelled_name(path).lower(): path for path in labels}
    images: dict[str, list[Path]] = {}
    for path in files:
        if path not in labels:
            name = case_name(path).lower()
            own = [
                stem for stem in named if stem and (name == stem or name.startswith(tuple(stem + c for c in "-_. ")))
            ]
            images.setdefault(max(own, key=len, default=""), []).append(path)
    if not images.keys() - {""}:
        return None
    alone = [path for stem, path in named.items() if stem not in images or not stem]
    findings = [_alone(path, "label without an image.") for path in alone]
    findings += [_alone(path, "image without a label.") for path in images.pop("", [])]
    cases: list[Case] = []
    for stem, paths in images.items():
        channels = {parse_channel(case_name(path))[1]: path for path in paths}
        if len(paths) == 1:
            cases.append(_case({"": paths[0]}, named[stem]))
        elif len(channels) == len(paths) and "" not in channels:
            findings += _channel_gaps(channels)
            cases.append(_case(channels, named[stem]))
        else:
            held = ", ".join(path.name for path in paths)
            problem = f"may be the label of several images: {held}."
            findings.append(
                Finding(str(named[stem]), problem, f"Name it after one of them, or list the pairs in {INDEX}.")
            )
    if len(named) < len(labels):
        findings += [
            _alone(path, "has the name of a case that has another label.")
            for path in labels
            if path not in named.values()
        ]
    return cases, findings


def _alone(path: Path, problem: str) -> Finding:
    remedy = "Name the two alike, as p01.nii.gz and p01_seg.nii.gz, or move the file away."
    return Finding(str(path), problem, remedy)


def _folders(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """The folders below a data set that hold images, with these."""
    found: dict[Path, list[Path]] = {}
    for place, inner, files in walk_folders(root):
        inner[:] = [folder for folder in inner if not os.path.isdir(folder / STATE)]  # outputs are no data sets
        found[place] = files
    images = set(without_previews([path for files in found.values() for path in files]))
    for place, files in found.items():
        if kept := [path for path in files if path in images]:
            yield place, kept


def _channel_gaps(channels: dict[str, Path]) -> Iterator[Finding]:
    """Channels are numbered from 0000 on; a missing one would shift the others."""
    expected = [f"{number:04d}" for number in range(len(channels))]
    if list(channels) != [""] and sorted(channels) != expected:
        first = next(iter(channels.values()))
        problem = f"is one of the channels {', '.join(sorted(channels))} of its case; expected {', '.join(expected)}."
        yield Finding(str(first), problem, "Number the channels from _0000 on, or remove what does not belong.")


def _case(channels: dict[str, Path], label: Path) -> Case:
    images = [str(channels[number]) for number in sorted(channels)]
    return {"image": images[0] if len(images) == 1 else images, "label": str(label)}


def _snippet(root: Path, files: list[Path], labels: list[Path]) -> str:
    """How to say in a ``dataset.json`` what the names do not say."""
    names = [path.relative_to(root).as_posix() for path in files]
    label = labels[0].relative_to(root).as_posix() if labels else names[-1]
    images = [name for name in names if name != label] or ["image.nii.gz"]
    pair = json.dumps({"image": images[0], "label": label}, ensure_ascii=False)
    several = f' For several channels write "image": {json.dumps(images, ensure_ascii=False)}.' if images[1:] else ""
    classes = '"labels": {"0": "background", "1": "liver"}'
    return f'Say which is which in {root / INDEX}: {{{classes}, "training": [{pair}, …]}}.{several}'

"""What the names in a folder of images say: which files are labels, and which are the channels of one case."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_mobileunet.data.datasets.listing import index_of, read_json
from monai_mobileunet.data.errors import DataError, Finding, warning
from monai_mobileunet.data.names import LABEL_WORDS, SEG_NRRD, case_name, image_suffix, parse_channel
from monai_mobileunet.wording import counted

__all__ = ["DatasetIndex", "group_channels", "is_label_folder", "labels_beside"]

LABEL_FOLDER = re.compile(
    rf"(?:{LABEL_WORDS})(tr|ts|val|train|training|test|testing|valid|validation)?([-_. ].*)?", re.IGNORECASE
)
LABEL_FILE = re.compile(rf"((?P<case>.+?)(_label-[^_]+)?[-_. ])?({LABEL_WORDS})", re.IGNORECASE)

PLAUSIBLE_CHANNELS = 8
"""More files that are numbered on are rather as many patients than the channels of one."""


@dataclass(frozen=True)
class DatasetIndex:
    """What a ``dataset.json`` says of the files beside it; a file that cannot be read says nothing.

    Attributes:
        labels: absolute paths of all files that it lists as labels.
        channels: how many images a case has; ``None`` where it does not say.
    """

    labels: frozenset[str] = field(default_factory=frozenset)
    channels: int | None = None

    @classmethod
    def of(cls, folder: Path) -> DatasetIndex:
        """Read the ``dataset.json`` of a folder, one of the Decathlon or of nnU-Net, or its ``list.json`` of pairs."""
        try:
            index = index_of(folder)
            content = read_json(index, fallback="latin-1") if index.is_file() else {}
        except DataError:  # what is wrong with it matters to a training, and is reported there
            return cls()
        if not isinstance(content, dict):
            return cls()
        named = content.get("channel_names", content.get("modality"))
        listed: dict[str, set[str]] = {"image": set(), "label": set()}
        for key, path in _listed(content):
            listed[key].add(os.path.abspath(folder / path))
        channels = len(named) if isinstance(named, dict) and named else None
        return cls(frozenset(listed["label"] - listed["image"]), channels)


def _listed(content: Any) -> Iterator[tuple[str, str]]:
    """All paths under ``image``, ``images`` or ``label`` of an entry, however deep it lies."""
    if isinstance(content, list):
        for item in content:
            yield from _listed(item)
    elif isinstance(content, dict):
        for key, value in content.items():
            kind = {"image": "image", "images": "image", "label": "label"}.get(key)
            paths = [value] if isinstance(value, str) else value
            if kind and isinstance(paths, list):
                yield from ((kind, path) for path in paths if isinstance(path, str))
            else:
                yield from _listed(value)


def is_label_folder(name: str, siblings: Collection[str], images: Collection[Path]) -> bool:
    """Whether a folder holds the labels of images beside it: ``labelsTr`` of ``imagesTr``, ``masks`` of ``ct.nii.gz``.

    Args:
        name: of the folder.
        siblings: names of the folders beside it, its own among them or not.
        images: image files beside it.
    """
    if name.lower() == "derivatives":  # BIDS keeps there what was made of the images
        return any(sibling.startswith("sub-") for sibling in siblings)
    others = any(not LABEL_FOLDER.fullmatch(sibling) for sibling in siblings)
    return (others or bool(images)) and LABEL_FOLDER.fullmatch(name) is not None


def labels_beside(images: Sequence[Path]) -> set[Path]:
    """Which files of one folder are labels of others in it: ``a_seg`` of ``a`` or of ``a_t1``, ``seg`` of ``t1``.

    A name alone makes no label: an image that belongs to it must lie there; for a segmentation of 3D Slicer, any image.

    Args:
        images: files of the folder that have the suffix of an image.
    """
    slicer = {path for path in images if image_suffix(path).lower() in SEG_NRRD}
    named = {path: LABEL_FILE.fullmatch(case_name(path)) for path in images if path not in slicer}
    others = {case_name(path).lower() for path, match in named.items() if match is None}
    known = others | {name[:end] for name in others for end in range(len(name)) if name[end] in "-_. "} | {""}
    labels = {path for path, match in named.items() if match and (match["case"] or "").lower() in known}
    return labels | slicer if others else set()


def group_channels(
    images: Sequence[Path], expected: int | None = None, labelled: Collection[str] = ()
) -> tuple[list[tuple[Path, ...]], list[Finding]]:
    """Put the files together that are the channels of one case: nnU-Net's ``a_0000``, ``a_0001``, ….

    Names alone do not tell ``a_0000``, ``a_0001`` of one patient from those of two. They are one case where the
    ``dataset.json`` says how many channels there are, where a label has the name ``a``, or where several cases are
    numbered alike. Otherwise each is a case of its own, with a warning.

    Args:
        images: files of one folder.
        expected: how many channels a case has, where that is known.
        labelled: names of cases that have a label.

    Returns:
        The files of each case in the order of their channels, and warnings.
    """
    numbered: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in sorted(images):
        stem, channel = parse_channel(case_name(path))
        if channel:
            numbered[stem, image_suffix(path).lower()].append(path)
    whole = {key: files for key, files in numbered.items() if _from_zero(files)}
    counts = {expected} if expected else {len(files) for key, files in whole.items() if key[0] in labelled}
    if not counts and len(numbered) > 1 and len(whole) == len(numbered):
        alike = {len(files) for files in whole.values()}
        counts = alike if len(alike) == 1 else set()
    groups = [tuple(files) for files in whole.values() if len(files) > 1 and len(files) in counts]
    grouped = {path for files in groups for path in files}
    rest = [files for files in numbered.values() if files[0] not in grouped]
    if groups:
        warnings = [_incomplete(files, max(map(len, groups))) for files in rest]
    else:
        several = [files for files in rest if 1 < len(files) <= PLAUSIBLE_CHANNELS]
        warnings = [] if counts == {1} else [_ambiguous(files) for files in several]
    return [*groups, *((path,) for path in images if path not in grouped)], warnings


def _from_zero(files: Sequence[Path]) -> bool:
    """Whether files, in their order, are numbered from 0000 on without a gap."""
    return all(case_name(path).endswith(f"_{number:04d}") for number, path in enumerate(files))


def _ambiguous(files: Sequence[Path]) -> Finding:
    problem = f"{len(files)} files are numbered as the channels of one case are; each was taken for a case of its own."
    remedy = f'If they are one, list them: [{{"image": {json.dumps([path.name for path in files])}}}].'
    return warning(files[0], problem, remedy)


def _incomplete(files: Sequence[Path], count: int) -> Finding:
    problem = f"has {counted(len(files), 'channel')}, or numbers with a gap; other cases beside it have {count}."
    return warning(files[0], problem, "Add the files that are missing.")

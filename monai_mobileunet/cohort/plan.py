"""What a run will do, before it does anything: which cases there are, and where each mask goes."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.datasets.listing import Case, read_json
from monai_mobileunet.data.datasets.naming import image_files, name_of
from monai_mobileunet.data.names import image_suffix, is_picture
from monai_mobileunet.data.search.images import refuse_same_folder, search_images
from monai_mobileunet.data.search.places import STATE, FoundImage, mask_name, place_masks
from monai_mobileunet.data.writing import mask_suffix
from monai_mobileunet.output_form import DEFAULT_FORM, OutputForm

__all__ = ["COMPARISON", "EVALUATION", "STATE", "Plan", "plan_dataset", "plan_run"]

EVALUATION, COMPARISON = "evaluation.jsonl", "comparison.jsonl"
"""Journals of an evaluation that makes its masks, and of one that takes masks that are there."""

LIST_SUFFIX = ".json"


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        cases: the cases, in the order of their names.
        output: folder of the masks.
        passed_over: how many files in the input are no images, or pictures beside volumes, by suffix.
        unreadable: folders in the input that could not be searched.
        left_out: what images in the input are not to be segmented, and why, in words.
        warnings: what else is doubtful about the input.
        beside: folder that holds :attr:`state`; by default that of the masks.
        journal: name of the journal in that folder: runs whose masks lie in other places have journals of their own.
        described: files that describe the masks, by name their texts; they are written before the first case.
        elsewhere: names of the input's other cases, where this is a part of them: other processes segment these.
    """

    cases: tuple[CaseRecord, ...]
    output: Path
    passed_over: tuple[tuple[str, int], ...] = ()
    unreadable: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    beside: Path | None = None
    journal: str = "journal.jsonl"
    described: Mapping[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Names of all cases of the input."""
        return self.elsewhere.union(case.name for case in self.cases)

    @property
    def state(self) -> Path:
        """Folder of what a run keeps beside its masks: the journal, the log, pictures."""
        return (self.beside or self.output) / STATE


def plan_run(source: Path, output: Path, parts: Sequence[str] = (), form: OutputForm = DEFAULT_FORM) -> Plan:
    """Find the cases of a file, a folder or a list, and where their masks go.

    - An image gives one case.
    - A folder gives the images and DICOM series that :func:`monai_mobileunet.data.search.search_images` finds in it.
    - ``list.json`` holds a list of paths, of lists of paths (a file for each channel), or of
      ``{"image": …, "name": …}`` (the name may be left out); or it is a Decathlon's ``dataset.json``, of which the
      ``testing`` list is taken. Paths are relative to the list.

    Args:
        source: the input.
        output: folder of the masks; it need not exist.
        parts: names of the files of single classes, in a folder that is named as the mask would be; without any, one
            mask.
        form: which kinds of files are written.

    Raises:
        DataError: nothing to segment, a list that is none, two cases with one mask, or a mask that would take the
            place of an image.
    """
    if source.is_dir():
        search = search_images(source, output)
        cases = _placed(search.found, output, parts, form)
        refuse_same_folder(source, output)
        return Plan(cases, output, search.passed_over, search.unreadable, search.left_out, search.warnings)
    if source.suffix.lower() == LIST_SUFFIX:
        return Plan(_placed(_in_list(source), output, parts, form), output)
    if source.exists():
        return Plan(_placed([FoundImage((source,), Path(mask_name(source)))], output, parts, form), output)
    raise DataError([Finding(str(source), "no such file or folder.", "Name an image, a folder or a list.json.")])


def plan_dataset(cases: Sequence[Case], output: Path, beside: Path) -> Plan:
    """A run over the cases of a data set; masks lie as the images lie below the folder that they share.

    Args:
        cases: ``{"image": path, "label": path}`` each.
        output: folder of the masks.
        beside: folder that holds what a run keeps beside its masks.

    Raises:
        DataError: two cases with one mask, or a mask that would take the place of a file of the cases.
    """
    files = [tuple(image.absolute() for image in image_files(case)) for case in cases]
    root = Path(os.path.commonpath([images[0].parent for images in files])) if files else Path()
    found = [FoundImage(images, images[0].relative_to(root).with_name(mask_name(images[0]))) for images in files]
    own = {os.path.realpath(path) for case in cases for path in (*image_files(case), *_label_of(case))}
    planned = []
    for case, outputs in zip(cases, place_masks(found, output), strict=True):
        if os.path.realpath(outputs[0]) in own:
            raise DataError([Finding(str(outputs[0]), "the mask would take its place.", "Name another folder.")])
        planned.append(CaseRecord(name_of(case), image_files(case), outputs, next(iter(_label_of(case)), None)))
    return Plan(tuple(planned), output, beside=beside, journal=EVALUATION)


def _label_of(case: Case) -> tuple[Path, ...]:
    return (Path(case["label"]),) if "label" in case else ()


def _in_list(path: Path) -> list[FoundImage]:
    if not path.is_file():
        raise DataError([Finding(str(path), "no such file.", "Name an image, a folder or a list.json.")])
    content = read_json(path)
    entries = content.get("testing") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries:
        problem = "holds no list of cases, nor a 'testing' list with any."
        raise DataError([Finding(str(path), problem, 'Write [{"image": "ct.nii.gz"}, …].')])
    return [_listed(entry, path) for entry in entries]


def _listed(entry: Any, path: Path) -> FoundImage:
    given = entry.get("image") if isinstance(entry, dict) else entry
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        problem = f"has an entry that names no image: {json.dumps(entry)[:200]}."
        raise DataError([Finding(str(path), problem, 'Write "ct.nii.gz" or {"image": "ct.nii.gz"}.')])
    images = tuple(path.parent / name for name in names)
    name = entry.get("name") if isinstance(entry, dict) else None
    if name is None:
        inside = not Path(names[0]).is_absolute() and ".." not in Path(names[0]).parts
        mask = Path(names[0]).with_name(mask_name(images[0])) if inside else Path(mask_name(images[0]))
    else:
        known = image_suffix(str(name)) and is_picture(str(name)) == is_picture(images[0])
        mask = Path(name) if known else Path(f"{name}{mask_suffix(images[0]) if is_picture(images[0]) else '.nii.gz'}")
        if mask.is_absolute() or any(part.startswith(".") for part in mask.parts):
            problem = f"has a name that is empty, hidden or leaves the output folder: {name!r}."
            raise DataError([Finding(str(path), problem, "Change it.")])
        if mask_suffix(mask) != image_suffix(mask):
            problem = f"has a name that masks cannot have: {name!r}."
            raise DataError([Finding(str(path), problem, f"Write {mask.with_suffix(mask_suffix(mask)).name}.")])
    return FoundImage(images, mask)


def _placed(
    found: Iterable[FoundImage], output: Path, parts: Sequence[str], form: OutputForm
) -> tuple[CaseRecord, ...]:
    """The cases, each with places of its own."""
    found = sorted(found, key=lambda item: item.mask)
    stems = [item.mask.as_posix().removesuffix(image_suffix(item.mask)) for item in found]
    counts = Counter(stems)
    names = [stem if counts[stem] == 1 else item.mask.as_posix() for stem, item in zip(stems, found, strict=True)]
    if len(set(names)) < len(names):
        names = [item.mask.as_posix() for item in found]
    placed = zip(names, found, place_masks(found, output, parts, form), strict=True)
    return tuple(CaseRecord(name, item.images, outputs) for name, item, outputs in placed)

"""What a run will do, before it does anything: which cases there are, and where each mask goes."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.formats import IMAGE_SUFFIXES, image_suffix, is_dicom
from monai_mobileunet.data.itk import dicom_series
from monai_mobileunet.data.writing import fitting_name, mask_suffix

__all__ = ["STATE", "Plan", "PlannedCase", "plan_cases", "plan_run"]

LIST_SUFFIX = ".json"
STATE = ".mobileunet"
"""Folder in an output with the journal, the log and the pictures."""


@dataclass(frozen=True)
class PlannedCase:
    """A case and where its mask goes.

    Attributes:
        name: unique in the run: the path of the mask without its suffix, in the output folder.
        images: a file, a folder with a DICOM series or a file of one; or one for each channel.
        outputs: the mask; or one for each class.
    """

    name: str
    images: tuple[Path, ...]
    outputs: tuple[Path, ...]


@dataclass(frozen=True)
class Plan:
    """A run.

    Attributes:
        cases: in the order of their names.
        output: folder of all that is written.
        passed_over: how many files in the input are no images, by suffix.
        unreadable: folders in the input that could not be searched.
    """

    cases: tuple[PlannedCase, ...]
    output: Path
    passed_over: tuple[tuple[str, int], ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    """Images of a case, and the path that its mask has in the output folder."""

    images: tuple[Path, ...]
    mask: Path


def plan_run(source: Path, output: Path, parts: Sequence[str] = ()) -> Plan:
    """Find the cases of a file, a folder or a list, and where their masks go.

    - An image gives one case.
    - A folder gives all images in it and below it, linked folders among them, and all DICOM series; hidden files and
      folders, the output, and outputs of earlier runs are passed over. Masks lie as the images do and have their
      names; that of a DICOM series is named after its folder, and numbered where a folder has several.
    - ``list.json`` holds a list of paths, of lists of paths (a file for each channel), or of
      ``{"image": …, "name": …}`` (the name may be left out); or it is a Decathlon's ``dataset.json``, of which the
      ``testing`` list is taken. Paths are relative to the list.

    Args:
        source: the input.
        output: folder of the masks; it need not exist.
        parts: names of the files of single classes, in a folder that is named as the mask would be; without any, one
            mask.

    Raises:
        DataError: nothing to segment, a list that is none, two cases with one mask, or a mask that would take the
            place of an image.
    """
    passed_over: Counter[str] = Counter()
    unreadable: list[str] = []
    if source.is_dir():
        found = list(_in_folder(source, output, passed_over, unreadable))
        if not found:
            seen = ", ".join(f"{count} {suffix or 'others'}" for suffix, count in passed_over.most_common(8))
            problem = f"no images in it (found: {seen})." if seen else "no images in it."
            raise DataError([Finding(str(source), problem, f"Expected {', '.join(IMAGE_SUFFIXES)} or DICOM series.")])
    elif source.suffix.lower() == LIST_SUFFIX:
        found = _in_list(source)
    elif source.exists():
        found = [_Found((source,), Path(_mask_name(source)))]
    else:
        raise DataError([Finding(str(source), "no such file or folder.", "Name an image, a folder or a list.json.")])
    return Plan(_placed(found, output, parts), output, tuple(sorted(passed_over.items())), tuple(unreadable))


def plan_cases(images: Sequence[Path], output: Path) -> Plan:
    """A run over images that are known; masks lie as the images lie below the folder that they share.

    Raises:
        DataError: as :func:`plan_run`.
    """
    absolute = [image.absolute() for image in images]
    root = Path(os.path.commonpath([image.parent for image in absolute])) if absolute else Path()
    found = [_Found((image,), image.relative_to(root).with_name(_mask_name(image))) for image in absolute]
    return Plan(_placed(found, output, ()), output)


def _mask_name(image: Path) -> str:
    """The image's own name where masks can have its format, and otherwise a NIfTI file's."""
    known = image_suffix(image)
    name = image.name.removesuffix(known) if known else image.stem if image.is_file() else image.name
    return f"{name}{mask_suffix(image)}"


def _in_folder(root: Path, output: Path, passed_over: Counter[str], unreadable: list[str]) -> Iterator[_Found]:
    skipped, seen = output.resolve(), set()

    def note(error: OSError) -> None:
        unreadable.append(str(error.filename))

    for folder, names, files in os.walk(root, onerror=note, followlinks=True):
        here = Path(folder)
        seen.add(here.resolve())
        names[:] = sorted(name for name in names if _searched(here / name, skipped, seen))
        visible = [here / name for name in sorted(files) if not name.startswith(".")]
        images = [path for path in visible if image_suffix(path)]
        others = [path for path in visible if not image_suffix(path)]
        dicom = next((path for path in others if is_dicom(path)), None)
        for path in images:
            yield _Found((path,), path.relative_to(root).with_name(_mask_name(path)))
        if dicom is not None:
            yield from _series(here, root)
        elif others:
            passed_over.update(path.suffix.lower() if path.suffix[1:].isalpha() else "" for path in others)


def _searched(folder: Path, output: Path, seen: set[Path]) -> bool:
    """Whether images are looked for in a folder: not in ours, nor again in one that a link leads back to."""
    place = folder.resolve()
    return not folder.name.startswith(".") and place != output and place not in seen and not (folder / STATE).is_dir()


def _series(folder: Path, root: Path) -> Iterator[_Found]:
    """The DICOM series of a folder: named after it, and numbered where there are several."""
    place = folder.relative_to(root)
    base = place if place.name else Path(folder.resolve().name)
    try:
        series = list(dicom_series(folder).values())
    except (DataError, OSError):  # read as a case of its own it says why, and ends nothing
        series = [[folder]]
    for number, files in enumerate(series, 1):
        name = base.name if len(series) == 1 else f"{base.name}_series_{number:03d}"
        yield _Found((folder if len(series) == 1 else files[0],), base.with_name(f"{name}.nii.gz"))


def _in_list(path: Path) -> list[_Found]:
    if not path.is_file():
        raise DataError([Finding(str(path), "no such file.", "Name an image, a folder or a list.json.")])
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError([Finding(str(path), f"is not valid JSON ({error}).", "Mend it.")]) from error
    entries = content.get("testing") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries:
        problem = "holds no list of cases, nor a 'testing' list with any."
        raise DataError([Finding(str(path), problem, 'Write [{"image": "ct.nii.gz"}, …].')])
    return [_listed(entry, path) for entry in entries]


def _listed(entry: Any, path: Path) -> _Found:
    given = entry.get("image") if isinstance(entry, dict) else entry
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        problem = f"has an entry that names no image: {json.dumps(entry)[:200]}."
        raise DataError([Finding(str(path), problem, 'Write "ct.nii.gz" or {"image": "ct.nii.gz"}.')])
    images = tuple(path.parent / name for name in names)
    name = entry.get("name") if isinstance(entry, dict) else None
    if name is None:
        inside = not Path(names[0]).is_absolute() and ".." not in Path(names[0]).parts
        mask = Path(names[0]).with_name(_mask_name(images[0])) if inside else Path(_mask_name(images[0]))
    else:
        mask = Path(name) if image_suffix(str(name)) else Path(f"{name}.nii.gz")
        if mask.is_absolute() or any(part.startswith(".") for part in mask.parts):
            problem = f"has a name that is empty, hidden or leaves the output folder: {name!r}."
            raise DataError([Finding(str(path), problem, "Change it.")])
        if mask_suffix(mask) != image_suffix(mask):
            problem = f"has a name that masks cannot have: {name!r}."
            raise DataError([Finding(str(path), problem, f"Write {mask.with_suffix(mask_suffix(mask)).name}.")])
    return _Found(images, mask)


def _fitting(mask: Path) -> Path:
    suffix = image_suffix(mask)
    return mask.with_name(fitting_name(mask.name.removesuffix(suffix), suffix))


def _placed(found: Iterable[_Found], output: Path, parts: Sequence[str]) -> tuple[PlannedCase, ...]:
    """The cases, each with places of its own."""
    found = sorted(found, key=lambda item: item.mask)
    stems = [item.mask.as_posix().removesuffix(image_suffix(item.mask)) for item in found]
    counts = Counter(stems)
    names = [stem if counts[stem] == 1 else item.mask.as_posix() for stem, item in zip(stems, found, strict=True)]
    if len(set(names)) < len(names):
        names = [item.mask.as_posix() for item in found]
    inputs = {os.path.realpath(image) for item in found for image in item.images}
    taken: dict[Path, Path] = {}
    cases, problems = [], []
    for name, stem, item in zip(names, stems, found, strict=True):
        outputs = tuple(output / stem / f"{part}.nii.gz" for part in parts) or (output / _fitting(item.mask),)
        cases.append(PlannedCase(name, item.images, outputs))
        for place in outputs:
            other = taken.setdefault(place, item.images[0])
            if other is not item.images[0]:
                remedy = "Rename one, or give the cases names in a list.json."
                problems.append(Finding(str(item.images[0]), f"would have the same mask as {other}: {place}.", remedy))
            elif os.path.realpath(place) in inputs:
                problems.append(
                    Finding(str(place), "the mask would take the place of an image.", "Name another folder.")
                )
    if problems:
        raise DataError(problems)
    return tuple(cases)

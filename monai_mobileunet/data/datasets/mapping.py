"""A data set rewritten: labels with the class numbers that a training expects, and a list of the cases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monai_mobileunet.data.datasets.cases import find_lists
from monai_mobileunet.data.datasets.class_names import by_number
from monai_mobileunet.data.datasets.described import find_ignored, find_regions, numbered_names
from monai_mobileunet.data.datasets.folds import SPLITS
from monai_mobileunet.data.datasets.labels import IGNORE, LABELLED
from monai_mobileunet.data.datasets.listing import INDEX, Case, home_of, read_description
from monai_mobileunet.data.datasets.naming import image_files, name_of
from monai_mobileunet.data.datasets.regions import ORDER, Regions, classes_of_regions, unions
from monai_mobileunet.data.errors import DataError, Finding, listed, refusal, warning
from monai_mobileunet.data.files import write_json
from monai_mobileunet.data.names import image_suffix
from monai_mobileunet.data.reading import WHOLE_WITHIN, read_label
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.data.writing import mask_suffix, mask_type, write_mask

__all__ = ["map_values", "mapped_names", "parse_mapping", "regions_lost", "write_dataset"]

KEPT = ("channel_names", "modality", "file_ending")
"""What a description says of images, which a mapping of labels does not change."""


def parse_mapping(pairs: Sequence[str]) -> dict[float, int]:
    """Class numbers by the values that stand for them, from ``255=1`` or ``85=1,170=2``.

    Raises:
        ValueError: something else than pairs of numbers, or a value twice.
    """
    mapping: dict[float, int] = {}
    for pair in (pair for text in pairs for pair in text.split(",") if pair):
        value, found, number = pair.partition("=")
        try:
            known = mapping.setdefault(float(value), int(number))
            valid = bool(found) and known == int(number) >= 0
        except ValueError:
            valid = False
        if not valid:
            raise ValueError(f"--map {pair}: expected VALUE=CLASS, as in 255=1 or 85=1,170=2, each value once.")
    return mapping


def mapped_names(dataset_dir: Path, mapping: Mapping[float, int], num_classes: int | None = None) -> tuple[str, ...]:
    """Names of the classes from 1 on that labels have after a mapping.

    Args:
        dataset_dir: the data set. Names that it gives to the numbers 1, 2, … without a gap are those of the new ones,
            unless the mapping moves one of these; otherwise names go with the numbers that they belong to. Where
            labels are regions, names follow from what the mapping makes of these.
        mapping: class numbers by the values that stand for them.
        num_classes: classes with the background, of the new labels; by default up to the highest number.

    Raises:
        DataError: the description of the data set cannot be read.
    """
    named = numbered_names(dataset_dir)
    if num_classes in (None, len(named) + 1) and _names_of_the_new(named, mapping, len(named)):
        return tuple(named.values())
    of_regions = classes_of_regions(_regions_after(find_regions(dataset_dir), mapping))
    count = len(of_regions) if num_classes is None else num_classes - 1
    if of_regions and list(of_regions) == list(range(1, count + 1)):
        return tuple(of_regions.values())
    after = {number: name for number, name in named.items() if number not in mapping}
    before = {float(number): name for number, name in named.items()}
    for value, number in mapping.items():
        if number:
            after.setdefault(number, before.get(value, f"label {value:g}"))
    count = max(after, default=1) if num_classes is None else num_classes - 1
    return tuple(after.get(number, name) for number, name in enumerate(by_number(count), 1))


def _names_of_the_new(named: Mapping[int, str], mapping: Mapping[float, int], count: int) -> bool:
    """Whether the data set names the classes of new numbers already, since its labels hold other values so far."""
    return bool(named) and list(named) == list(range(1, count + 1)) and not any(value in named for value in mapping)


def _annotated_after(
    labelled: Sequence[int], mapping: Mapping[float, int], named: Mapping[int, str], count: int
) -> list[int]:
    """The classes of new numbers that were annotated in a case: of joined ones, those of which every part was."""
    if _names_of_the_new(named, mapping, count):
        return list(labelled)
    after = {number: mapping.get(number, number) for number in named}
    unknown = {after[number] for number in named if number not in labelled}
    return sorted({after[number] for number in labelled} - unknown - {0})


def _regions_after(regions: Regions, mapping: Mapping[float, int]) -> dict[str, tuple[int, ...]]:
    """Regions as unions of the new classes, without those that share a new class with what was outside of them."""
    every = {number for numbers in regions.values() for number in numbers}
    after = {number: mapping.get(number, number) for number in every}
    found: dict[str, tuple[int, ...]] = {}
    for name, numbers in regions.items():
        new = tuple(sorted({after[number] for number in numbers} - {0}))
        apart = new and not any(after[number] in new for number in every.difference(numbers))
        if apart and (len(new) > 1 or new not in found.values()):  # a class has one name
            found[name] = new
    return found


def _kept_regions(
    dataset_dir: Path, mapping: Mapping[float, int], class_names: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Regions of the new classes, where these are what regions are made of; none elsewhere."""
    regions, named = find_regions(dataset_dir), numbered_names(dataset_dir)
    if not _names_of_the_new(named, mapping, len(named)):
        regions = _regions_after(regions, mapping)
    return regions if tuple(classes_of_regions(regions).values()) == tuple(class_names) else {}


def regions_lost(
    dataset_dir: Path, index: Path, mapping: Mapping[float, int], class_names: Sequence[str]
) -> Iterator[Finding]:
    """Warnings of regions that new labels do not have, or not whole.

    Args:
        dataset_dir: the data set with the former labels.
        index: the ``dataset.json`` of the new one.
        mapping: class numbers by the values that stand for them.
        class_names: of the new classes, from 1 on.

    Raises:
        DataError: the description of the data set cannot be read.
    """
    regions, kept = find_regions(dataset_dir), _kept_regions(dataset_dir, mapping, class_names)
    lost = [repr(name) for name in regions if name not in (*kept, *class_names)]
    less = [repr(name) for name in kept if any(mapping.get(number) == 0 for number in regions[name])]
    if lost:
        which = "regions {}, which are no unions" if len(lost) > 1 else "region {}, which is no union"
        problem = f"does not have the {which.format(listed(lost))} of the new classes."
        remedy = f"Look whether its classes are rightly called {listed(list(map(repr, class_names)))}, and correct"
        yield warning(index, problem, f"{remedy} 'labels' where not.")
    if less:
        which = "the regions {} without those of their" if len(less) > 1 else "the region {} without those of its"
        problem = f"has {which.format(listed(less))} classes that became background."
        yield warning(index, problem, "Give them other names in 'labels' where they are something else now.")


def _described_after(
    dataset_dir: Path, mapping: Mapping[float, int], class_names: Sequence[str], ignored: int | None
) -> dict[str, Any]:
    """What a ``dataset.json`` says of the new classes: as regions, where theirs are these classes."""
    regions, order = _kept_regions(dataset_dir, mapping, class_names), read_description(dataset_dir).get(ORDER, [])
    if not _names_of_the_new(numbered_names(dataset_dir), mapping, len(numbered_names(dataset_dir))):
        order = [mapping.get(number, number) for number in order]
    if not unions(regions):
        names = {"0": "background", **{str(number): name for number, name in enumerate(class_names, 1)}}
        return {"labels": names | ({} if ignored is None else {str(ignored): IGNORE})}
    labels = {name: numbers[0] if len(numbers) == 1 else list(numbers) for name, numbers in regions.items()}
    labels = {"background": 0, **labels, **({} if ignored is None else {IGNORE: ignored})}
    return {"labels": labels, **({ORDER: order} if len(order) == len(regions) else {})}


def map_values(label: Volume, mapping: Mapping[float, int]) -> np.ndarray:
    """Values of a label, those of the mapping replaced; the others stay.

    Args:
        label: as :func:`monai_mobileunet.data.reading.read_label` gives it.
        mapping: class numbers by value.
    """
    values = label.values
    mapped = values.astype(np.float64)
    for value, number in mapping.items():
        mapped[np.abs(values - np.float64(value)) <= WHOLE_WITHIN] = number
    return mapped


def write_dataset(
    dataset_dir: Path,
    folder: Path,
    mapping: Mapping[float, int],
    class_names: Sequence[str],
    on_case: Callable[[], None] = lambda: None,
) -> Path:
    """Write a data set whose labels hold class numbers; its list names the images where they are.

    Args:
        dataset_dir: the data set.
        folder: of the new one; it must not exist, or be empty.
        mapping: class numbers by the values that stand for them.
        class_names: of the classes from 1 on.
        on_case: called after each case.

    Returns:
        The list, a ``dataset.json``.

    Raises:
        DataError: the folder holds something already, or labels cannot be read or hold values that are no classes.
        OSError: the folder cannot be written to.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise refusal(folder, "is there already.", "Name a new folder with --write.")
    num_classes, ignored = len(class_names) + 1, find_ignored(dataset_dir)
    known, named = [*range(num_classes), *([] if ignored is None else [ignored])], numbered_names(dataset_dir)
    lists: dict[str, list[Case]] = {}
    findings: list[Finding] = []
    for part, cases in find_lists(dataset_dir).items():
        for case in cases:
            try:
                label = read_label(case["label"])
                values = map_values(label, mapping)
                unknown = np.setdiff1d(values, known)
                if len(unknown):
                    shown = ", ".join(f"{value:g}" for value in unknown[:8])
                    problem = f"has values {shown} after --map; expected 0 to {num_classes - 1}."
                    raise refusal(label.name, problem, "Map them too, as in --map 255=1.")
                name = name_of(case)
                own = image_suffix(name) if mask_suffix(name) == image_suffix(name) else ""  # of no JPEG
                target = folder / "labels" / f"{name.removesuffix(own)}{own or mask_suffix(case['label'])}"
                write_mask(values.astype(mask_type(max(known) + 1)), target, label)
            except DataError as error:
                findings += error.findings
                continue
            finally:
                on_case()
            images = [os.path.abspath(path) for path in image_files(case)]
            image = images[0] if len(images) == 1 else images
            entry: Case = {"image": image, "label": target.relative_to(folder).as_posix()}
            if LABELLED in case:
                entry[LABELLED] = _annotated_after(case[LABELLED], mapping, named, len(class_names))
                if not entry[LABELLED]:
                    problem = "has no class after --map of which every part was annotated."
                    remedy = "Map its classes apart, or remove the case from the list."
                    findings.append(Finding(str(case["label"]), problem, remedy))
            lists.setdefault(part, []).append(entry)
    if findings:
        shutil.rmtree(folder / "labels", ignore_errors=True)  # ours: the folder was empty
        raise DataError(findings)
    description = read_description(dataset_dir)
    named_after = _described_after(dataset_dir, mapping, class_names, ignored)
    index = folder / INDEX
    write_json(index, {**named_after, **{key: description[key] for key in KEPT if key in description}, **lists})
    if (home_of(dataset_dir) / SPLITS).is_file():
        shutil.copy(home_of(dataset_dir) / SPLITS, folder / SPLITS)
    return index

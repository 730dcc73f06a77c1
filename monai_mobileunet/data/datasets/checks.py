"""Open every file of a training set before the first epoch and say what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import track

from monai_mobileunet.data.datasets.labels import LABELLED
from monai_mobileunet.data.datasets.listing import Case
from monai_mobileunet.data.datasets.naming import image_files
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal, root_cause, warning
from monai_mobileunet.data.reading import read_file, read_label
from monai_mobileunet.data.volume import Volume, same_grid

__all__ = ["LabelSet", "check_case", "check_cases", "check_classes", "check_grids", "check_labels", "class_values"]

SHOWN = 8
MOST_VALUES = 32
"""More different values than this are no classes that someone numbered otherwise."""


@dataclass(frozen=True)
class LabelSet:
    """What the labels of a data set are to hold, all together.

    Attributes:
        num_classes: classes with the background; label values are whole numbers below it.
        class_names: from class 1 on; numbers stand for names that are not known.
        folder: of the data set, for what to type.
        whole: these are all labels; of a few that were picked out it says little that a class is missing.
        needed: labels without any class are of no use; otherwise that is only odd.
        mappable: they belong to a data set that ``mobileunet check --map`` can rewrite.
        ignore: value of voxels that nobody annotated; ``None`` where there is none.
    """

    num_classes: int
    class_names: Sequence[str] = ()
    folder: str = ""
    whole: bool = True
    needed: bool = True
    mappable: bool = True
    ignore: int | None = None

    def name(self, number: int) -> str:
        """Of a class."""
        named = number - 1 < len(self.class_names)
        return f"class {number}" + (f" ({self.class_names[number - 1]})" if named else "")


@dataclass(frozen=True)
class _Checked:
    """What a case gave: findings, the different values of its label, and how many channels its image has."""

    findings: tuple[Finding, ...]
    label: str
    values: tuple[float, ...] | None = None
    channels: int | None = None


def check_cases(
    cases: Sequence[Case],
    num_classes: int,
    num_workers: int = 4,
    progress: bool = True,
    labels: LabelSet | None = None,
    image_channels: int | None = None,
) -> list[Finding]:
    """Check all pairs, several at a time, and what they are together.

    Args:
        cases: pairs of image and label.
        num_classes: classes with the background; label values must be whole numbers below it.
        num_workers: threads that read.
        progress: show a progress bar.
        labels: what more is known about the labels.
        image_channels: that each image must have; without it those of the first.

    Returns:
        What is wrong, first with the labels together, then in the order of the cases; empty if nothing is.
    """
    with ThreadPoolExecutor(max_workers=max(1, num_workers)) as pool:
        ignore = labels.ignore if labels else None
        results = pool.map(partial(_check, num_classes=num_classes, ignore=ignore), cases)
        checked = list(track(results, "checking the data", total=len(cases), disable=not progress))
    together = check_labels([(one.label, one.values) for one in checked], labels or LabelSet(num_classes))
    expected = image_channels or next((one.channels for one in checked if one.channels), 1)
    found = list(together)
    for case, one in zip(cases, checked, strict=True):
        found += one.findings
        if one.channels is not None and one.channels != expected:
            whose = "expected" if image_channels else "the first case has"
            problem = f"has {one.channels} channels; {whose} {expected}."
            remedy = "Give each case one image with the channels that the bundle's image_channels asks for."
            found.append(Finding(str(image_files(case)[0]), problem, remedy))
    return found


def check_case(case: Case, num_classes: int, ignore: int | None = None) -> list[Finding]:
    """Check that all files can be read, lie on the same grid, and hold finite intensities and known classes.

    Returns:
        What is wrong, and with ``warning`` set what is only odd.
    """
    return list(_check(case, num_classes, ignore).findings)


def _check(case: Case, num_classes: int, ignore: int | None) -> _Checked:
    try:
        images, label = [read_file(path) for path in image_files(case)], read_label(case["label"])
        values, alone = class_values(label), len(images) == 1
        findings = [
            *(finding for image in images for finding in (*check_grids(image, label), *_intensities(image, alone))),
            *check_classes(label, num_classes, ignore, case.get(LABELLED)),
            *(finding for volume in (*images, label) for finding in volume.warnings),
        ]
    except DataError as error:
        return _Checked(error.findings, str(case["label"]))
    except Exception as error:  # any, since no case may stop the others; it is reported and counted
        error = refusal(image_files(case)[0], f"cannot be read ({root_cause(error)}).")
        return _Checked(error.findings, str(case["label"]))
    return _Checked(tuple(findings), label.name, values, sum(image.channels for image in images))


def check_grids(image: Volume, label: Volume) -> Iterator[Finding]:
    """Whether a label has the voxels of its image in the same place."""
    if image.shape != label.shape:
        problem = f"has shape {label.shape}, but its image {image.shape}."
        yield Finding(label.name, problem, "Resample the label to the image's grid.")
    elif not same_grid(image, label):
        difference = float(np.abs(image.affine - label.affine).max())
        problem = f"lies elsewhere than its image (affines differ by up to {difference:.3g})."
        remedy = "Resample the label to the image's grid, or copy the image's header if only the header is wrong."
        yield Finding(label.name, problem, remedy)


def _intensities(image: Volume, alone: bool) -> Iterator[Finding]:
    bad = image.values.size - int(np.isfinite(image.values).sum())
    if bad:
        yield Finding(image.name, f"has {bad} voxels that are NaN or infinite.", "Replace them by finite values.")
    if image.channels > 1 and not alone:
        problem = f"has {image.channels} channels, and is listed as one channel of several."
        yield Finding(image.name, problem, "List one file per channel.")


def class_values(label: Volume) -> tuple[float, ...] | None:
    """The different values of a label; ``None`` of one that has too many for class numbers."""
    values = _different(label)
    return tuple(values.tolist()) if len(values) <= MOST_VALUES or values.dtype.kind in "iu" else None


def _different(label: Volume) -> np.ndarray:
    """The values of a label, each once; in any other order than that of memory it takes three times as long."""
    return np.unique(label.values.ravel(order="K"))


def check_classes(
    label: Volume, num_classes: int, ignore: int | None = None, labelled: Sequence[int] | None = None
) -> Iterator[Finding]:
    """Whether a label holds nothing but class numbers, and something beside voxels that nobody annotated.

    Args:
        label: as :func:`monai_mobileunet.data.reading.read_label` gives it.
        num_classes: classes with the background.
        ignore: value of voxels that nobody annotated.
        labelled: the classes that were annotated, where not all were.
    """
    values = _different(label)
    told = values if ignore is None else values[values != ignore]
    unknown = told[~np.isin(told, np.arange(num_classes))]
    if not len(told):
        problem = f"holds nothing but {ignore}, the value of voxels to ignore; nothing can be learned from it."
        yield Finding(label.name, problem, "Annotate something in it, or remove the case from the data set.")
    elif labelled is not None and len(unnamed := told[(told > 0) & ~np.isin(told, [*labelled, *unknown])]):
        problem = f"has voxels of class {list_some([_shown(value) for value in unnamed], SHOWN)}, and its list says "
        problem += f"that {', '.join(map(str, labelled))} alone were annotated."
        yield Finding(label.name, problem, f"Add them to {LABELLED!r} of the case, or set these voxels to 0.")
    if not len(unknown):
        return
    remedy = "Correct the label, or set the number of classes in the bundle."
    if not (np.isfinite(unknown) & (unknown == np.rint(unknown))).all():
        remedy = "It was resampled with interpolation or holds probabilities: export it again with nearest neighbours."
    shown = list_some([_shown(value) for value in unknown], SHOWN)
    yield Finding(label.name, f"has label values {shown}; expected 0 to {num_classes - 1}.", remedy)


def _shown(value: np.generic) -> str:
    """A value with all of its digits; a whole one without a point."""
    number = float(value)
    return f"{number:.0f}" if np.isfinite(number) and number == int(number) else str(value)


def check_labels(found: Iterable[tuple[str, tuple[float, ...] | None]], labels: LabelSet) -> Iterator[Finding]:
    """What is wrong with the labels of a data set together: classes that none of them has, values that are no classes.

    Args:
        found: file and different values of each label; ``None`` where they are not known.
        labels: what they are to hold.
    """
    known = [(path, values) for path, values in found if values is not None]
    if not known:
        return
    place = os.path.commonpath([os.path.abspath(Path(path).parent) for path, _ in known])
    if labels.folder and not os.path.isabs(labels.folder):  # in the words of whoever named the folder
        place = os.path.relpath(place)
    values = sorted({value for _, values in known for value in values if value != labels.ignore})
    classes = range(1, labels.num_classes)
    if any(value not in range(labels.num_classes) for value in values):
        if labels.mappable:
            yield from _mapping(place, values, labels)
        return
    missing = [number for number in classes if number not in values]
    if missing and len(missing) == len(classes):
        problem = f"no label has any class: {len(known)} of them hold nothing but background."
        more = "" if labels.whole else " Or take more cases with --limit."
        remedy = f"Look whether these are the labels, and whether they were exported with their values.{more}"
        yield Finding(place, problem, remedy, warning=not labels.needed)
    elif labels.whole:
        for number in missing:
            problem = f"no label has {labels.name(number)}; the network cannot learn it."
            yield warning(place, problem, "Add cases that have it, or leave it out of the classes.")


def _mapping(place: str, values: Sequence[float], labels: LabelSet) -> Iterator[Finding]:
    """What to type where classes are numbered in another way than 0, 1, 2, …"""
    others = [value for value in values if value != 0]
    whole = all(np.isfinite(value) and value == int(value) for value in others)
    if not whole or len(others) > MOST_VALUES:
        return
    known = len(others) <= labels.num_classes - 1
    pairs = ",".join(f"{value:.0f}={number if known else 'CLASS'}" for number, value in enumerate(others, 1))
    folder = labels.folder or "DATA"
    held = ", ".join(f"{value:.0f}" for value in values)
    beside = Path(folder)
    target = f"{beside.parent / beside.name if beside.name else '..' / Path(beside.resolve().name)}_mapped"
    remedy = (
        "If these are classes with other numbers, write a copy with the right ones and train on it: "
        f"mobileunet check {folder} --num-classes {labels.num_classes} --map {pairs} --write {target}"
    )
    odd = [value for value in others if value not in range(labels.num_classes)]
    if labels.ignore is None and len(odd) == 1:
        remedy = f"If {odd[0]:.0f} marks voxels that nobody annotated, add --ignore {odd[0]:.0f}. {remedy}"
    yield Finding(place, f"the labels hold {held}; expected 0 to {labels.num_classes - 1}.", remedy)

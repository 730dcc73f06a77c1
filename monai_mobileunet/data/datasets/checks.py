"""Open every file of a training set before the first epoch and say what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from monai_mobileunet.data.datasets.described import mapped_folder
from monai_mobileunet.data.datasets.grids import check_axes, check_grids, check_images
from monai_mobileunet.data.datasets.labels import LABELLED
from monai_mobileunet.data.datasets.listing import Case
from monai_mobileunet.data.datasets.naming import image_files
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal, root_cause, warning
from monai_mobileunet.data.reading import read_file, read_label
from monai_mobileunet.data.volume import Volume, check_values, stack_channels

__all__ = [
    "CheckedCase",
    "LabelSet",
    "Measure",
    "check_case",
    "check_cases",
    "check_classes",
    "check_labels",
    "check_together",
    "class_values",
    "open_cases",
]

SHOWN = 8
MOST_VALUES = 255
"""More different values than this are no classes that someone numbered otherwise."""

Measure = Callable[[Case, Volume, Volume], Any]
"""What is made of the image and the label of a sound case while they are in memory."""


@dataclass(frozen=True)
class LabelSet:
    """What the labels of a data set are to hold, all together.

    Attributes:
        num_classes: classes with the background; label values are whole numbers below it.
        class_names: from class 1 on; numbers stand for names that are not known.
        folder: of the data set, for what to type.
        whole: these are all labels; of a few that were picked out it says little that a class is missing.
        needed: labels without any class are of no use; otherwise that is only odd.
        validating: they are those that a training validates on.
        mappable: they belong to a data set that ``mobileunet check --map`` can rewrite.
        ignore: value of voxels that nobody annotated; ``None`` where there is none.
        held: values of all labels of the data set, where these are those of one of its lists.
    """

    num_classes: int
    class_names: Sequence[str] = ()
    folder: str = ""
    whole: bool = True
    needed: bool = True
    validating: bool = False
    mappable: bool = True
    ignore: int | None = None
    held: Sequence[float] = ()

    def name(self, number: int) -> str:
        """Of a class."""
        named = number - 1 < len(self.class_names)
        return f"class {number}" + (f" ({self.class_names[number - 1]})" if named else "")


@dataclass(frozen=True)
class CheckedCase:
    """What a case gave.

    Attributes:
        case: the case.
        findings: what is wrong with it alone, and what is odd.
        values: the different values of its label; ``None`` where they are not known, or too many for class numbers.
        channels: of its image; ``None`` where it was not read.
        measured: what was made of its volumes, of a sound case.
    """

    case: Case
    findings: tuple[Finding, ...]
    values: tuple[float, ...] | None = None
    channels: int | None = None
    measured: Any = None


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
    opened = open_cases(cases, num_classes, num_workers, ignore=labels.ignore if labels else None)
    checked = list(track(opened, "checking the data", total=len(cases), disable=not progress))
    return check_together(checked, labels or LabelSet(num_classes), image_channels)


def open_cases(
    cases: Sequence[Case],
    num_classes: int,
    num_workers: int = 4,
    measure: Measure | None = None,
    ignore: int | None = None,
) -> Iterator[CheckedCase]:
    """Read and check pairs, several at a time, each one once.

    Args:
        cases: pairs of image and label.
        num_classes: classes with the background.
        num_workers: threads that read, and cases that are in memory at a time.
        measure: called with each sound case, its image as :func:`monai_mobileunet.data.read_volume` gives it, and its
            label, before they are let go.
        ignore: value of voxels that nobody annotated.

    Yields:
        What each gave, in their order.
    """
    with ThreadPoolExecutor(max_workers=max(1, num_workers)) as pool:
        yield from pool.map(partial(_check, num_classes=num_classes, measure=measure, ignore=ignore), cases)


def check_together(
    checked: Sequence[CheckedCase], labels: LabelSet, image_channels: int | None = None
) -> list[Finding]:
    """What is wrong with cases together, then with each alone.

    Args:
        checked: what the cases gave.
        labels: what their labels are to hold.
        image_channels: that each image must have; without it as many as most have.
    """
    found = list(check_labels([(str(one.case["label"]), one.values) for one in checked], labels))
    counts = [one.channels for one in checked if one.channels]
    expected = image_channels or max(counts, key=counts.count, default=1)
    for one in checked:
        found += one.findings
        if one.channels is not None and one.channels != expected:
            whose = "expected" if image_channels else f"{counts.count(expected)} of {len(checked)} cases have"
            problem = f"has {one.channels} channels; {whose} {expected}."
            remedy = "Give each case one image with the same channels, one file for each."
            found.append(Finding(str(image_files(one.case)[0]), problem, remedy))
    return found


def check_case(case: Case, num_classes: int, ignore: int | None = None) -> list[Finding]:
    """Check that all files can be read, lie on the same grid, and hold finite intensities and known classes.

    Returns:
        What is wrong, and with ``warning`` set what is only odd.
    """
    return list(_check(case, num_classes, ignore=ignore).findings)


def _check(case: Case, num_classes: int, measure: Measure | None = None, ignore: int | None = None) -> CheckedCase:
    try:
        images, label = [read_file(path) for path in image_files(case)], read_label(case["label"])
        wrong = check_classes(label, num_classes, ignore, case.get(LABELLED))
        errors = [*check_images(images), *check_grids(images, label), *wrong]
        sound = [*map(check_values, images)] if not errors else images
        odd = [*(finding for volume in (*sound, label) for finding in volume.warnings), *check_axes(images[0])]
        image = stack_channels(sound) if measure and not errors else None
        measured = measure(case, image, label) if measure and image else None
    except DataError as error:
        return CheckedCase(case, error.findings)
    except Exception as error:  # any, since no case may stop the others; it is reported and counted
        error = refusal(image_files(case)[0], f"cannot be read ({root_cause(error)}).")
        return CheckedCase(case, error.findings)
    channels = sum(image.channels for image in images)
    return CheckedCase(case, (*errors, *odd), class_values(label), channels, measured)


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
    annotated = values if ignore is None else values[values != ignore]
    unknown = annotated[~np.isin(annotated, np.arange(num_classes))]
    if not len(annotated):
        problem = f"holds nothing but {ignore}, the value of voxels to ignore; nothing can be learned from it."
        yield Finding(label.name, problem, "Annotate something in it, or remove the case from the data set.")
    elif labelled is not None and len(
        unnamed := annotated[(annotated > 0) & ~np.isin(annotated, [*labelled, *unknown])]
    ):
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
            yield from _mapping(place, sorted({*values, *labels.held}), labels)
        return
    missing = [number for number in classes if number not in values]
    if missing and len(missing) == len(classes):
        problem = f"no label has any class: {len(known)} of them hold nothing but background."
        more = "" if labels.whole else " Or take more cases with --limit."
        remedy = f"Look whether these are the labels, and whether they were exported with their values.{more}"
        yield Finding(place, problem, remedy, warning=not labels.needed)
    elif labels.whole and missing:
        names, them = (
            list_some([labels.name(number) for number in missing], SHOWN),
            "it" if len(missing) == 1 else "them",
        )
        cannot = "the validation says nothing of" if labels.validating else "the network cannot learn"
        problem = f"no label has {names}; {cannot} {them}."
        yield warning(place, problem, f"Add cases that have {them}, or leave {them} out of the classes.")


def _mapping(place: str, values: Sequence[float], labels: LabelSet) -> Iterator[Finding]:
    """What to type where classes are numbered in another way than 0, 1, 2, …"""
    others = [value for value in values if value != 0]
    whole = all(np.isfinite(value) and value == int(value) for value in others)
    if not whole or len(others) > MOST_VALUES:
        return
    if len(others) <= labels.num_classes - 1:
        pairs = [f"{value:.0f}={number}" for number, value in enumerate(others, 1)]
    else:  # some are classes as they are; what the others are, only a person knows
        pairs = [f"{value:.0f}=CLASS" for value in others if value not in range(labels.num_classes)]
    folder = labels.folder or "DATA"
    held = list_some([f"{value:.0f}" for value in values], 2 * SHOWN)
    remedy = (
        "If these are classes with other numbers, write a copy with the right ones and train on it: "
        f"mobileunet check {folder} --num-classes {labels.num_classes} --map {','.join(pairs)} "
        f"--write {mapped_folder(Path(folder))}"
    )
    odd = [value for value in others if value not in range(labels.num_classes)]
    if labels.ignore is None and len(odd) == 1 and len(others) > 1:
        remedy = f"If {odd[0]:.0f} marks voxels that nobody annotated, add --ignore {odd[0]:.0f}. {remedy}"
    yield Finding(place, f"the labels hold {held}; expected 0 to {labels.num_classes - 1}.", remedy)

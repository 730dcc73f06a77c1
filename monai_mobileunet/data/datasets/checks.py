"""Open every file of a training set before the first epoch and say what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from monai_mobileunet.bars import bar
from monai_mobileunet.data.datasets.grids import check_axes, check_grids, check_images
from monai_mobileunet.data.datasets.label_values import (
    LabelSet,
    check_classes,
    check_labels,
    class_numbers,
    different_values,
)
from monai_mobileunet.data.datasets.labels import LABELLED
from monai_mobileunet.data.datasets.listing import Case
from monai_mobileunet.data.datasets.naming import image_files
from monai_mobileunet.data.errors import DataError, Finding, refusal, root_cause
from monai_mobileunet.data.reading import read_file, read_label
from monai_mobileunet.data.volume import Volume, check_values, stack_channels
from monai_mobileunet.wording import counted

__all__ = [
    "CheckedCase",
    "Measure",
    "check_case",
    "check_cases",
    "check_together",
    "open_cases",
]

Measure = Callable[[Case, Volume, Volume], Any]
"""What is made of the image and the label of a sound case while they are in memory."""


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
    checked = []
    with bar("checking the data", len(cases), progress) as advance:
        for one in open_cases(cases, num_classes, num_workers, ignore=labels.ignore if labels else None):
            checked.append(one)
            advance()
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
            whose = (
                "expected" if image_channels else f"{counts.count(expected)} of {counted(len(checked), 'case')} have"
            )
            problem = f"has {counted(one.channels, 'channel')}; {whose} {expected}."
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
        values = different_values(label)
        wrong = check_classes(label.name, values, num_classes, ignore, case.get(LABELLED))
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
    return CheckedCase(case, (*errors, *odd), class_numbers(values), channels, measured)

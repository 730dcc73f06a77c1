"""Look at images as a run would, without segmenting them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.training_range import WARNINGS, TrainingRange
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.data import DataError, Finding, read_volume
from monai_mobileunet.data.datasets.label_values import (
    LabelSet,
    check_classes,
    check_labels,
    class_numbers,
    different_values,
)
from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.segmentation.segmenter import after_reading, preprocess

__all__ = ["inspect_images", "inspect_labels"]

Look = Callable[[CaseRecord], list[Finding]]


def inspect_images(
    cases: Sequence[CaseRecord],
    bundle: Bundle | None = None,
    num_workers: int = 2,
    advance: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """What is wrong with images, and what a reader of their masks would have to know (``warning``).

    Args:
        cases: of a plan.
        bundle: whose preprocessing and training data they are held to; without it only what is wrong by itself.
        num_workers: threads that read.
        advance: called after each case.
    """

    transforms = None if bundle is None else after_reading(bundle)

    def look(case: CaseRecord) -> list[Finding]:
        volume = read_volume(case.images)
        if bundle is None or transforms is None:
            return list(volume.warnings)
        TrainingRange.of(bundle.metadata).check_channels(volume)
        return [*volume.warnings, *preprocess(transforms, volume).get(WARNINGS, ())]

    return _findings(cases, look, num_workers, advance)


def inspect_labels(
    cases: Sequence[CaseRecord],
    num_classes: int,
    num_workers: int = 2,
    advance: Callable[[], None] = lambda: None,
    ignore: int | None = None,
) -> list[Finding]:
    """What is wrong with files of class numbers, by themselves and together.

    Args:
        cases: of a plan.
        num_classes: classes with the background.
        num_workers: threads that read.
        advance: called after each case.
        ignore: value of voxels that nobody annotated.
    """
    values: dict[str, tuple[float, ...] | None] = {}

    def look(case: CaseRecord) -> list[Finding]:
        label = read_label(case.images[0])
        held = different_values(label)
        values[label.name] = class_numbers(held)
        return [*check_classes(label.name, held, num_classes, ignore), *label.warnings]

    findings = _findings(cases, look, num_workers, advance)
    return [*check_labels(sorted(values.items()), LabelSet(num_classes, mappable=False, ignore=ignore)), *findings]


def _findings(cases: Sequence[CaseRecord], look: Look, num_workers: int, advance: Callable[[], None]) -> list[Finding]:
    found = []
    with ThreadPoolExecutor(max(1, num_workers)) as pool:
        for findings in pool.map(partial(_looked_at, look), cases):
            found += findings
            advance()
    return found


def _looked_at(look: Look, case: CaseRecord) -> list[Finding]:
    try:
        return look(case)
    except DataError as error:
        return list(error.findings)
    except Exception as error:  # any, since no case may stop the others; it is reported and counted
        return [
            Finding(str(case.images[0]), f"cannot be read ({root_cause(error)}).", "Replace it or make it readable.")
        ]

"""Measure a data set: one pass over its images and labels, a few of them in memory at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from nibabel.orientations import aff2axcodes, apply_orientation, io_orientation

from monai_mobileunet.data.datasets import Case, find_all_cases, find_class_names, find_lists
from monai_mobileunet.data.datasets.cases import describe_layout
from monai_mobileunet.data.datasets.checks import MOST_VALUES
from monai_mobileunet.data.datasets.datalist import survey_dataset
from monai_mobileunet.data.datasets.folds import SPLITS, divided_subjects, written_folds
from monai_mobileunet.data.datasets.labels import LABELLED
from monai_mobileunet.data.datasets.listing import (
    find_channel_names,
    has_class_names,
    home_of,
    index_of,
    value_to_ignore,
)
from monai_mobileunet.data.datasets.naming import image_files, name_of
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal
from monai_mobileunet.data.names import case_name
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.modality import modality_of_names
from monai_mobileunet.planning.fingerprint import PERCENTILES, CaseFingerprint, ClassFingerprint, Fingerprint

__all__ = ["LEFT_OUT", "inspect_dataset", "measure_case", "measure_dataset"]

LEFT_OUT = "left out by --leave-out"

MOST_SAMPLES = 4_000_000
"""Of as many values percentiles are exact; of more, every second (third, …) voxel along the longest axes is taken."""

COLOURS = ("red", "green", "blue")
"""Channels of a picture."""

SMALLEST_COMPONENT = 1 / 1000
"""Share of a class in a case that a component has at least; smaller ones are a slip of the pen."""

SUBJECT = re.compile(r"(?:^|[/_])(sub-[A-Za-z0-9]+)")
"""A subject in the paths of BIDS."""

SubjectOf = Callable[[str], Hashable]
"""The subject that a case belongs to, by the case's name."""


def measure_dataset(
    dataset_dir: str | Path,
    subject_of: SubjectOf | None = None,
    leave_out: Collection[str] = (),
    on_case: Callable[[], None] = lambda: None,
    num_workers: int = 2,
    ignore: int | None = None,
    annotated_slices_only: bool = False,
) -> Fingerprint:
    """The fingerprint of a sound data set; see :func:`inspect_dataset`.

    Raises:
        DataError: as :func:`inspect_dataset`, or its findings where they are errors.
    """
    findings, fingerprint = inspect_dataset(
        dataset_dir, (), subject_of, leave_out, on_case, num_workers, ignore, annotated_slices_only
    )
    if fingerprint is None:
        raise DataError([finding for finding in findings if not finding.warning])
    return fingerprint


def inspect_dataset(
    dataset_dir: str | Path,
    class_names: Sequence[str] = (),
    subject_of: SubjectOf | None = None,
    leave_out: Collection[str] = (),
    on_case: Callable[[], None] = lambda: None,
    num_workers: int = 2,
    ignore: int | None = None,
    annotated_slices_only: bool = False,
) -> tuple[list[Finding], Fingerprint | None]:
    """Check and measure a data set: every image and label is read once, and let go before more are read.

    Percentiles are exact of channels of up to :data:`MOST_SAMPLES` voxels, and of as many labelled voxels; of more,
    they are those of a regular grid of voxels, laid along the axes of the body. All else is counted voxel by voxel.
    How a file stores its axes changes nothing.

    Args:
        dataset_dir: the data set, in any layout that :func:`monai_mobileunet.data.find_cases` reads.
        class_names: from class 1 on; by default those that the data set names.
        subject_of: subject of a case by its name. Without it, ``sub-…`` in a path tells the subject, as in BIDS, and
            where none does, each case is a subject of its own.
        leave_out: names of cases that are not to be used.
        on_case: called after each case.
        num_workers: cases that are in memory at a time.
        ignore: value of voxels that nobody annotated; by default that which the data set names.
        annotated_slices_only: a slice without any class was not annotated.

    Returns:
        What is wrong and what is odd, and the fingerprint; none where anything is wrong.

    Raises:
        DataError: no such data set; a name to leave out that no case has; a description that names no classes, or
            another value to ignore.
    """
    root = Path(dataset_dir)
    if len({*class_names}) < len(class_names):
        raise ValueError(f"the names of the classes are {', '.join(class_names)}; name each once.")
    known = tuple(class_names) or (find_class_names(root) if has_class_names(root) else ())
    ignore = value_to_ignore(root, ignore)
    cases = find_all_cases(root)
    kept = _kept(cases, leave_out, root)
    names = known or tuple(f"class {number}" for number in range(1, MOST_VALUES + 1))
    subjects = {name_of(case): _subject(case, subject_of, home_of(root)) for case in kept}

    lists = find_lists(root)
    folds = {0: lists} if "validation" in lists else written_folds(home_of(root), lists["training"])
    written = home_of(root) / SPLITS if (home_of(root) / SPLITS).is_file() else index_of(root)
    shared = list(divided_subjects(folds, subjects, written))

    def measure(case: Case, image: Volume, label: Volume) -> CaseFingerprint:
        return measure_case(case, image, label, subjects[name_of(case)], names, ignore, annotated_slices_only)

    count = len(known) + 1 if known else None
    survey = survey_dataset(root, count, known, None, leave_out, measure, on_case, num_workers, ignore)
    findings = [*shared, *survey.findings]
    if any(not finding.warning for finding in findings):
        return findings, None
    measured = list({one.measured.name: one.measured for one in survey.checked}.values())
    used = [name for name in names if any(name in case.classes for case in measured)]
    channels = measured[0].channels
    named = find_channel_names(root) or _kinds_in_names(kept)
    if not named and channels == len(COLOURS) and measured[0].in_pixels:
        named = COLOURS
    return findings, Fingerprint(
        dataset_dir=str(dataset_dir),
        layout=describe_layout(root),
        class_names=known or tuple(used),
        channel_names=named if len(named) == channels else ("",) * channels,
        modality=modality_of_names(named),
        cases=tuple(sorted(measured, key=lambda case: case.name)),
        left_out={name_of(case): LEFT_OUT for case in cases if name_of(case) in leave_out},
        folds=tuple(
            tuple(name for name in map(name_of, parts["validation"]) if name in subjects) for parts in folds.values()
        ),
        ignore=ignore,
        annotated_slices_only=annotated_slices_only,
    )


def _kept(cases: Sequence[Case], leave_out: Collection[str], root: Path) -> list[Case]:
    """The cases without those to leave out."""
    names = [name_of(case) for case in cases]
    unknown = sorted(set(leave_out).difference(names))
    if unknown:
        problem = f"has no case {list_some(unknown)}; its cases are {list_some(names)}."
        raise refusal(root, problem, "Write the names after --leave-out as they are here.")
    kept = [case for case, name in zip(cases, names, strict=True) if name not in leave_out]
    if not kept:
        raise refusal(root, f"has {len(cases)} cases, and all are left out.", "Leave out fewer.")
    return kept


def _subject(case: Case, subject_of: SubjectOf | None, folder: Path) -> str:
    name = name_of(case)
    if subject_of is not None:
        return str(subject_of(name))
    place = image_files(case)[0]
    match = SUBJECT.search(place.relative_to(folder).as_posix() if place.is_relative_to(folder) else place.name)
    return match[1] if match else name


def _kinds_in_names(cases: Sequence[Case]) -> tuple[str, ...]:
    """``("T1w",)`` where all images are called ``…_T1w``, or a word for each channel; none if one is no modality."""
    kinds = [
        {case_name(path).rpartition("_")[2] for path in paths}
        for paths in zip(*(image_files(case) for case in cases), strict=False)
    ]
    named = tuple(kind.pop() for kind in kinds if len(kind) == 1)
    return named if len(named) == len(kinds) and all(modality_of_names([kind]) for kind in named) else ()


def measure_case(
    case: Case,
    image: Volume,
    label: Volume,
    subject: str,
    class_names: Sequence[str],
    ignore: int | None = None,
    annotated_slices_only: bool = False,
) -> CaseFingerprint:
    """The fingerprint of one case. Of voxels that nobody annotated nothing but their number is in it.

    Args:
        case: its files.
        image: of the case.
        label: on the image's grid, with class numbers and the value to ignore alone.
        subject: whom it is of.
        class_names: names of the classes from 1 on.
        ignore: value of voxels that nobody annotated.
        annotated_slices_only: a slice without any class was not annotated.

    Raises:
        DataError: nothing in it was annotated.
    """
    axes = io_orientation(image.affine)
    values, numbers = apply_orientation(image.values, axes), apply_orientation(label.values, axes)  # views
    ignored = np.zeros(numbers.shape, bool) if ignore is None else numbers == ignore
    numbers = np.where(ignored, 0, numbers) if ignored.any() else numbers
    if annotated_slices_only and not numbers.any():
        problem = "has no annotated slice: its label has no class."
        raise refusal(label.name, problem, f"Leave the case out: --leave-out {name_of(case)}.")
    right, front, head = (round(image.spacing[axis], 6) for axis in np.argsort(axes[:, 0]))
    spacing = (right, front, head)
    channels = [values] if values.ndim == 3 else [values[..., channel] for channel in range(image.channels)]
    labelled = numbers > 0
    return CaseFingerprint(
        name=name_of(case),
        subject=subject,
        shape=numbers.shape,
        spacing=spacing,
        orientation="".join(aff2axcodes(image.affine)),
        channels=image.channels,
        integers=_whole(image.values),
        lowest=tuple(float(channel.min()) for channel in channels),
        percentiles=tuple(_percentiles(channel) for channel in channels),
        foreground=tuple(_percentiles(channel, labelled) for channel in channels) if labelled.any() else (),
        classes={class_names[number - 1]: one for number, one in _classes(numbers, spacing, image.voxel_ml)},
        in_pixels=image.in_pixels,
        ignored=_short(ignored.mean()),
        labelled=tuple(class_names[number - 1] for number in case.get(LABELLED, ())),
        **_annotated_slices(labelled, ignored, annotated_slices_only),
    )


def _annotated_slices(labelled: np.ndarray, ignored: np.ndarray, annotated_slices_only: bool) -> dict[str, Any]:
    """``known_slices`` and ``runs`` of a case; nothing where all slices were annotated."""
    known = labelled if annotated_slices_only else ~ignored
    shown, told = ([one.any(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)] for one in (labelled, known))
    if all(slices.all() for slices in told):
        return {}
    runs = [int((np.diff(slices.astype(np.int8), prepend=0) > 0).sum()) for slices in shown]
    return {"known_slices": tuple(int(slices.sum()) for slices in told), "runs": tuple(runs)}


def _whole(values: np.ndarray) -> bool:
    return values.dtype.kind in "iu" or all(np.array_equal(plane, np.rint(plane)) for plane in values)


def _percentiles(values: np.ndarray, where: np.ndarray | None = None) -> tuple[float, ...]:
    """Values at :data:`PERCENTILES`, of all voxels or of some, of at most :data:`MOST_SAMPLES` of them."""
    if where is not None and np.count_nonzero(where) > MOST_SAMPLES:
        grid = _grid(where.shape)
        values, where = values[grid], where[grid]
    chosen = values[_grid(values.shape)] if where is None else values[where]
    return tuple(_short(value) for value in np.percentile(chosen, PERCENTILES))


def _grid(shape: Sequence[int]) -> tuple[slice, ...]:
    """Every how many voxels along each axis leave no more than :data:`MOST_SAMPLES`."""
    steps = [1] * len(shape)
    taken = list(shape)
    while np.prod(taken, dtype=np.int64) > MOST_SAMPLES:
        longest = int(np.argmax(taken))
        steps[longest] += 1
        taken[longest] = -(-shape[longest] // steps[longest])
    return tuple(slice((step - 1) // 2, None, step) for step in steps)


def _classes(numbers: np.ndarray, spacing: Sequence[float], voxel_ml: float) -> Iterator[tuple[int, ClassFingerprint]]:
    """Each class of a label whose axes are those of the body."""
    boxes = sitk.LabelShapeStatisticsImageFilter()
    boxes.ComputePerimeterOff()
    order, image = _itk_image(numbers.astype(np.uint8 if numbers.max() < 256 else np.uint16, copy=False))
    boxes.Execute(image)
    for number in boxes.GetLabels():
        box = boxes.GetBoundingBox(number)
        start, size = np.empty(3, int), np.empty(3, int)
        start[order], size[order] = box[2::-1], box[:2:-1]  # the axes of SimpleITK are those of NumPy from behind
        place = tuple(slice(low, low + count) for low, count in zip(start, size, strict=True))
        width = numbers.shape[0]
        yield number, _class(numbers[place] == number, int(start[0]) / width, width, spacing, voxel_ml)


def _itk_image(values: np.ndarray) -> tuple[list[int], sitk.Image]:
    """An array for SimpleITK with its axes in the order that they have in memory, in which copies are fast.

    Returns:
        Which axis of the array each of these is, and the image.
    """
    order = sorted(range(values.ndim), key=lambda axis: -abs(values.strides[axis]))
    return order, sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(order)))


def _class(mask: np.ndarray, left: float, width: int, spacing: Sequence[float], voxel_ml: float) -> ClassFingerprint:
    """A class in its bounding box.

    Args:
        mask: where it is.
        left: where the box begins in the image, as a share of its width.
        width: of the image in voxels.
        spacing: mm per voxel.
        voxel_ml: volume of a voxel.
    """
    counts = [mask.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    total = int(counts[0].sum())
    parts = _component_sizes(mask)
    centre = float((counts[0] * (np.arange(len(counts[0])) + 0.5)).sum()) / total
    areas = [count[count > 0] * np.delete(spacing, axis).prod() for axis, count in enumerate(counts)]
    right, front, head = (_short(size * step) for size, step in zip(mask.shape, spacing, strict=True))
    across = [len(area) for area in areas]
    diameters = [_short(np.median(2 * np.sqrt(area / np.pi))) for area in areas]
    return ClassFingerprint(
        volume_ml=_short(total * voxel_ml),
        components=int((parts > total * SMALLEST_COMPONENT).sum()),
        largest_share=_short(parts.max() / total),
        extent_mm=(right, front, head),
        slices=(across[0], across[1], across[2]),
        size_mm=(diameters[0], diameters[1], diameters[2]),
        side=_short(left + centre / width),
    )


def _component_sizes(mask: np.ndarray) -> np.ndarray:
    """Voxels of each connected component; voxels that touch at a corner are connected, as in the postprocessing."""
    _, image = _itk_image(mask.astype(np.uint8))
    return np.bincount(sitk.GetArrayFromImage(sitk.ConnectedComponent(image, True)).ravel())[1:]


def _short(value: float | np.floating) -> float:
    """With the digits that a measurement has, for whoever reads the JSON."""
    return float(f"{value:.6g}")

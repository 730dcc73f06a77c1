"""Measure a data set: one pass over its images and labels, a few of them in memory at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from monai_mobileunet.data.datasets import Case, find_all_cases, find_lists
from monai_mobileunet.data.datasets.cases import describe_layout
from monai_mobileunet.data.datasets.class_names import by_number, named_classes
from monai_mobileunet.data.datasets.datalist import survey_dataset
from monai_mobileunet.data.datasets.described import (
    find_channel_names,
    find_regions,
    value_to_ignore,
)
from monai_mobileunet.data.datasets.folds import SPLITS, SubjectOf, divided_subjects, written_folds
from monai_mobileunet.data.datasets.label_values import MOST_VALUES
from monai_mobileunet.data.datasets.listing import home_of, index_of
from monai_mobileunet.data.datasets.naming import image_files, name_of
from monai_mobileunet.data.errors import Finding, list_some, refusal
from monai_mobileunet.data.names import case_name
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.modality import modality_of_names
from monai_mobileunet.planning.case_measures import measure_case
from monai_mobileunet.planning.fingerprint import CaseFingerprint, Fingerprint
from monai_mobileunet.wording import counted

__all__ = ["LEFT_OUT", "inspect_dataset"]

LEFT_OUT = "left out by --leave-out"

COLOURS = ("red", "green", "blue")
"""Channels of a picture."""

SUBJECT = re.compile(r"(?:^|[/_])(sub-[A-Za-z0-9]+)")
"""A subject in the paths of BIDS."""


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
            another value to ignore; a value to ignore that is the number of one of ``class_names``.
    """
    root = Path(dataset_dir)
    if len({*class_names}) < len(class_names):
        raise ValueError(f"the names of the classes are {', '.join(class_names)}; name each once.")
    known = named_classes(root, class_names)
    ignore = value_to_ignore(root, ignore)
    if ignore is not None and ignore in range(1, len(class_names) + 1):
        problem = (
            f"{ignore} is the value of voxels that nobody annotated, and --class names it {class_names[ignore - 1]!r}."
        )
        raise refusal(root, problem, "Give --ignore the value of these voxels, or correct the names after --class.")
    cases = find_all_cases(root)
    kept = _kept(cases, leave_out, root)
    names = known or by_number(MOST_VALUES)
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
        regions=find_regions(root) if known else {},
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
        raise refusal(root, f"has {counted(len(cases), 'case')}, and all are left out.", "Leave out fewer.")
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

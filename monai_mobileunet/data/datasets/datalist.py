"""The list of cases as a bundle's config asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from monai_mobileunet.bars import bar
from monai_mobileunet.data.datasets.cases import TRAINING, VALIDATION, Case, find_lists, find_parts
from monai_mobileunet.data.datasets.checks import (
    CheckedCase,
    Measure,
    check_together,
    open_cases,
)
from monai_mobileunet.data.datasets.described import find_class_names, find_ignored, value_to_ignore
from monai_mobileunet.data.datasets.duplicates import find_copies, find_repeats
from monai_mobileunet.data.datasets.folds import SubjectOf, has_folds
from monai_mobileunet.data.datasets.label_values import MOST_VALUES, LabelSet
from monai_mobileunet.data.datasets.labels import IGNORE, LABELLED, indistinct_problems
from monai_mobileunet.data.datasets.listing import home_of, index_of, read_description
from monai_mobileunet.data.datasets.naming import image_files, name_of
from monai_mobileunet.data.errors import DataError, Finding, ending_program, warning

__all__ = ["Survey", "check_dataset", "load_cases", "survey_dataset"]

logger = logging.getLogger(__name__)

TEST_LISTS = ("testing", "test")
"""What the Decathlon's and other tools' ``dataset.json`` call the images that nothing is trained on."""


def load_cases(
    dataset_dir: str,
    part: str = TRAINING,
    num_classes: int | None = None,
    fold: int = 0,
    folds: int = 5,
    subject_of: SubjectOf | None = None,
    seed: int = 0,
    limit: int | None = None,
    exit_on_error: bool = False,
    image_channels: int | None = None,
    leave_out: Collection[str] = (),
    stratify_by: Mapping[str, Collection[str]] | None = None,
    ignore: int | None = None,
    labelled: Sequence[Sequence[int]] = (),
    checked: Collection[str] | None = None,
) -> list[Case]:
    """The training or the validation part of a data set, found, split and checked.

    Args:
        dataset_dir: folder of the data set; see :func:`monai_mobileunet.data.find_cases` for the layouts.
        part: ``"training"``, ``"validation"`` or ``"all"``.
        num_classes: classes with the background. If given, every file of ``checked`` is opened and checked.
        fold: which part of the split validates.
        folds: parts of the split.
        subject_of: subject of a case by its name, whose cases stay on one side.
        seed: of the split.
        limit: use only the first so many cases of the part (for smoke tests).
        exit_on_error: end the program with the message alone where the data cannot be used; see
            :func:`monai_mobileunet.data.errors.ending_program`. For configs only.
        image_channels: channels that every image has in its files; without it those of the first case.
        leave_out: names of cases that are not used; the split deals the others as if these were not there.
        stratify_by: names of the cases that have a class, by class, for classes that each part of the split is to have;
            see :func:`monai_mobileunet.data.split_cases`. Folds that are written down, and lists, stay as they are.
        ignore: value of voxels that nobody annotated, where the training knows what to do with them.
        labelled: for each kind of case in which only some classes were annotated the numbers of these, likewise.
        checked: parts that are checked, together; by default ``part`` alone. A training, which has two lists of cases,
            checks both when it makes the first, and none with the second.

    Raises:
        DataError: the data cannot be used; with ``exit_on_error`` :class:`SystemExit` with the same message.
        ValueError: an unknown part or an impossible split.
    """
    with ending_program(exit_on_error, ValueError):
        parts = find_parts(dataset_dir, fold, folds, subject_of, seed, stratify_by, leave_out)
        looked = (part,) if checked is None else tuple(checked)
        for name in (part, *looked):
            if name not in parts:
                raise ValueError(f"part is {name!r}; expected one of {', '.join(parts)}.")
        cases = parts[part][:limit]
        findings: list[Finding] = []
        if looked:
            lists = find_lists(dataset_dir)
            listed = VALIDATION in lists
            findings += find_repeats({name: parts[name] for name in (TRAINING, VALIDATION)}, listed)
            if subject_of is not None and (listed or has_folds(home_of(Path(dataset_dir)), lists[TRAINING])):
                findings += _shared_subjects(parts, subject_of)
        if looked and num_classes:
            found = {name: parts[name][:limit] for name in looked}
            whole = limit is None  # of a smoke test's few cases none may have a class
            labels = LabelSet(num_classes, _names(dataset_dir, num_classes), dataset_dir, whole, ignore=ignore)
            every = [case for some in found.values() for case in some]
            findings += _not_planned_for(dataset_dir, every, ignore, labelled)
            findings += _check_parts(found, labels, image_channels)
        for finding in findings:
            if finding.warning:
                logger.warning("%s", finding)
        errors = [finding for finding in findings if not finding.warning]
        if errors:
            raise DataError(errors)
    return cases


def _check_parts(parts: Mapping[str, list[Case]], labels: LabelSet, image_channels: int | None) -> list[Finding]:
    """What is wrong with the files of parts, which are opened in one go."""
    total = sum(map(len, parts.values()))
    logger.info("checking the files of %d case%s", total, "" if total == 1 else "s")
    findings: list[Finding] = []
    with bar("checking the data", total) as advance:
        for name, cases in parts.items():
            opened = []
            for one in open_cases(cases, labels.num_classes, ignore=labels.ignore):
                opened.append(one)
                advance()
            validating = name == VALIDATION
            of_part = replace(labels, needed=labels.whole or not validating, validating=validating)
            findings += check_together(opened, of_part, image_channels)
    return findings


def _not_planned_for(
    dataset_dir: str, cases: Sequence[Case], ignore: int | None, labelled: Sequence[Sequence[int]]
) -> Iterator[Finding]:
    """What is not annotated in a data set, and that a training would take for background."""
    remedy = f"Make a bundle that does: mobileunet plan {dataset_dir} -o NEW_FOLDER"
    marked, known = find_ignored(dataset_dir), [sorted(numbers) for numbers in labelled]
    if marked is not None and marked != ignore:
        problem = f"its label {IGNORE!r} ({marked}) marks voxels without annotation, which this bundle does not ignore."
        yield Finding(str(index_of(Path(dataset_dir))), problem, remedy)
    for case in cases:
        if LABELLED in case and case[LABELLED] not in known:
            problem = f"says that of this case only the classes {', '.join(map(str, case[LABELLED]))} were annotated; "
            problem += "this bundle would take the others for background."
            yield Finding(str(image_files(case)[0]), f"the list of the data set {problem}", remedy)


def check_dataset(
    dataset_dir: str | Path,
    num_classes: int,
    class_names: Sequence[str] = (),
    image_channels: int | None = None,
    progress: bool = True,
    ignore: int | None = None,
) -> tuple[list[Finding], int]:
    """All that :func:`load_cases` would refuse or warn of in the lists of a data set, and how many cases there are.

    Args:
        dataset_dir: folder of the data set.
        num_classes: classes with the background.
        class_names: from class 1 on; by default those that ``dataset.json`` names.
        image_channels: channels that every image has; without it as many as most have.
        progress: show a progress bar.
        ignore: value of voxels that nobody annotated; by default that which the data set names.

    Raises:
        DataError: as :func:`monai_mobileunet.data.find_cases`, or the data set names another value to ignore.
    """
    with bar("checking the data", sum(map(len, find_lists(dataset_dir).values())), progress) as advance:
        survey = survey_dataset(dataset_dir, num_classes, class_names, image_channels, on_case=advance, ignore=ignore)
    return list(survey.findings), len(survey.checked)


@dataclass(frozen=True)
class Survey:
    """What a look at all files of a data set gave.

    Attributes:
        findings: what is wrong with its lists, its labels together, and each case.
        checked: the cases, with what was measured of the sound ones.
        num_classes: classes with the background, those that were asked for or else those that the labels hold.
    """

    findings: tuple[Finding, ...]
    checked: tuple[CheckedCase, ...]
    num_classes: int


def survey_dataset(
    dataset_dir: str | Path,
    num_classes: int | None,
    class_names: Sequence[str] = (),
    image_channels: int | None = None,
    leave_out: Collection[str] = (),
    measure: Measure | None = None,
    on_case: Callable[[], None] = lambda: None,
    num_workers: int = 4,
    ignore: int | None = None,
) -> Survey:
    """Look at all files of a data set, each one once, whether only to check it or to measure it, too.

    Args:
        dataset_dir: folder of the data set.
        num_classes: classes with the background; ``None`` takes every number from 1 to :data:`MOST_VALUES` for a class,
            and the numbers that are in all lists together have to leave no gaps.
        class_names: from class 1 on; by default those that ``dataset.json`` names.
        image_channels: channels that every image has; without it as many as most have.
        leave_out: names of cases that are passed over.
        measure: see :func:`monai_mobileunet.data.datasets.checks.open_cases`.
        on_case: called after each case.
        num_workers: cases that are in memory at a time.
        ignore: value of voxels that nobody annotated; by default that which the data set names.

    Raises:
        DataError: as :func:`monai_mobileunet.data.find_cases`, or the data set names another value to ignore.
    """
    root = Path(dataset_dir)
    ignore = value_to_ignore(root, ignore)
    lists = {
        name: [case for case in cases if name_of(case) not in leave_out] for name, cases in find_lists(root).items()
    }
    findings = find_repeats(lists, listed=VALIDATION in lists)
    findings += _tested_too(root, lists)
    findings += [] if leave_out else _counted_otherwise(root, lists)
    checked: dict[str, list[CheckedCase]] = {name: [] for name in lists}
    for name, cases in lists.items():
        for one in open_cases(cases, num_classes or MOST_VALUES + 1, num_workers, measure, ignore):
            checked[name].append(one)
            on_case()
    every = [one for found in checked.values() for one in found]
    held = tuple({value for one in every for value in one.values or () if value != ignore})
    count = num_classes or 1 + sum(value > 0 for value in held)
    names = tuple(class_names) or _names(root, count)
    findings += indistinct_problems(index_of(root), read_description(root), names)
    for name, found in checked.items():
        labels = LabelSet(
            max(count, 2), names, str(dataset_dir), validating=name == VALIDATION, ignore=ignore, held=held
        )
        findings += check_together(found, labels, image_channels)
    return Survey(tuple(dict.fromkeys(findings)), tuple(every), count)


def _names(dataset_dir: str | Path, num_classes: int) -> tuple[str, ...]:
    """Names of the classes for messages; none where the data set has others."""
    try:
        names = find_class_names(dataset_dir)
    except DataError:
        return ()
    return names if len(names) == num_classes - 1 else ()


def _shared_subjects(parts: Mapping[str, Sequence[Case]], subject_of: SubjectOf) -> Iterator[Finding]:
    """Subjects that a written validation list shares with the training list."""
    trained = {subject_of(name_of(case)): case for case in parts[TRAINING]}
    for case in parts[VALIDATION]:
        other = trained.get(subject_of(name_of(case)))
        if other is not None and other["image"] != case["image"]:
            first = image_files(other)[0].name
            problem = f"is of the same subject as {first} in 'training' (subject_of in train.json)."
            yield warning(image_files(case)[0], problem, "Keep all cases of a subject in one list.")


def _counted_otherwise(root: Path, lists: Mapping[str, Sequence[Case]]) -> Iterator[Finding]:
    """A ``numTraining`` that is not how many pairs there are: files that got lost, or were never copied."""
    expected = read_description(root).get("numTraining")
    counts = {len(lists[TRAINING]), sum(map(len, lists.values()))}
    if isinstance(expected, int) and expected not in counts:
        problem = f"says numTraining {expected}; there are {max(counts)} pairs of image and label."
        yield warning(index_of(root), problem, "Look whether files are missing, or correct the number.")


def _tested_too(root: Path, lists: Mapping[str, Sequence[Case]]) -> Iterator[Finding]:
    """Images of a list for testing that are trained or validated on; what is odd in that list is no concern here."""
    description, index = read_description(root), index_of(root)
    cases: dict[Path, str] = {}
    for section in TEST_LISTS:
        entries = description.get(section)
        for entry in entries if isinstance(entries, list) else ():
            named = entry.get("image") if isinstance(entry, dict) else entry
            for path in named if isinstance(named, list) else [named]:
                if isinstance(path, str) and (index.parent / path).is_file():
                    cases[index.parent / path] = section
    known = {path.resolve(): part for part, trained in lists.items() for case in trained for path in image_files(case)}
    same = {path: known[path.resolve()] for path in cases if path.resolve() in known}
    rest = [path for path in cases if path not in same]
    copied = {copy: known[first] for first, copy in find_copies([*known, *rest]) if first in known and copy in rest}
    for path, part in {**same, **copied}.items():
        problem = f"is in the list {cases[path]!r} of {index.name} and in {part!r}."
        yield warning(path, problem, "Remove it from one of the two.")

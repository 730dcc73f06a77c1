"""A look at one's own data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, track

from monai_mobileunet.cli.arguments import Ignore, bundle_folder
from monai_mobileunet.cli.terminal import console, fail, printable, say_error
from monai_mobileunet.importing import uncollected

if TYPE_CHECKING:
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.data import Finding

__all__ = ["check"]


def check(
    folder: Annotated[Path, typer.Argument(help="Training set, or folder of images or of labels alone.")],
    num_classes: Annotated[
        int | None,
        typer.Option(
            min=2, help="Number of classes, the background included; by default as many as dataset.json names."
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Folder or name of a bundle whose training the images are compared with, too. A bundle is code.",
        ),
    ] = None,
    ignore: Ignore = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count warnings as errors.")] = False,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="Class number for a value in the labels, as 255=1 or 85=1,170=2; needs --write."),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--write",
            help="New folder for the labels with class numbers, and for a dataset.json. Of DICOM series with SEG or "
            "RTSTRUCT files, in any folders, the labels are made from the structures.",
        ),
    ] = None,
    class_names: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            help="Name of class 1, 2, …, once for each; by default as --model or the data set says, or numbers. "
            "With --write and SEG or RTSTRUCT files the name of a structure; by default those that all files have.",
        ),
    ] = None,
) -> None:
    """Open every file and list what is wrong and what is odd, without training or segmenting.

    It looks at the pairs of image and label of a training set; at images as mobileunet segment would see them, with the
    SEG and RTSTRUCT files of DICOM series; or with --num-classes at the labels in a folder without images. Exit code 1
    if anything is wrong.
    """
    if mapping and target is None:
        raise typer.BadParameter("Name a new folder for the labels with --write.", param_hint="--map")
    with uncollected():
        from monai_mobileunet.bundle import Bundle
        from monai_mobileunet.data.datasets.cases import is_training_set

    try:
        opened = Bundle(bundle_folder(bundle), device="cpu") if bundle else None
        lost: list[Finding] = []
        if target is not None:
            lost, folder = _rewritten(folder, target, mapping or [], num_classes, opened, class_names or []), target
        if is_training_set(folder):
            findings, count = _look_at_dataset(folder, num_classes, opened, ignore, class_names or [])
        elif class_names and target is None:
            problem = "It names the classes of a training set, or with --write the structures of SEG or RTSTRUCT files."
            raise typer.BadParameter(problem, param_hint="--class")
        else:
            findings, count = _look_at_files(folder, num_classes, opened, ignore)
        findings = [*lost, *findings]
    except (ValueError, OSError) as error:
        fail(error)
    for finding in findings:
        if strict or not finding.warning:
            say_error(finding)
        else:
            text = printable(f"warning: {finding}")
            console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
    errors = [finding for finding in findings if strict or not finding.warning]
    warned = len(findings) - len(errors)
    summary = f"{len(errors) or 'nothing'} wrong" + (f", {warned} warnings" if warned else "")
    console.print(f"{count} cases, {summary}.", highlight=False)
    if errors:
        raise typer.Exit(1)


def _class_names(
    folder: Path, num_classes: int | None, bundle: Bundle | None, asked_for: Sequence[str]
) -> tuple[str, ...]:
    """Of the classes that labels are held to, if not by their numbers alone; none where nothing says how many."""
    from monai_mobileunet.data import DataError
    from monai_mobileunet.data.datasets.class_names import by_number, named_classes

    fits = bundle is not None and num_classes in (None, len(bundle.class_names) + 1)
    try:
        names = named_classes(folder, asked_for, bundle.class_names if bundle is not None and fits else ())
    except DataError:
        if num_classes is None:
            raise
        names = ()
    return names if num_classes in (None, len(names) + 1) else by_number(num_classes - 1)


def _look_at_dataset(
    folder: Path, num_classes: int | None, bundle: Bundle | None, ignore: int | None, asked_for: Sequence[str]
) -> tuple[list[Finding], int]:
    """What is wrong with a training set, and how many cases it has."""
    from monai_mobileunet.bundle.training_range import TrainingRange
    from monai_mobileunet.case_record import CaseRecord
    from monai_mobileunet.cohort.check import inspect_images
    from monai_mobileunet.data import find_all_cases
    from monai_mobileunet.data.datasets.cases import find_lists
    from monai_mobileunet.data.datasets.class_names import said_of_numbers
    from monai_mobileunet.data.datasets.datalist import survey_dataset
    from monai_mobileunet.data.datasets.naming import image_files

    names = _class_names(folder, num_classes, bundle, asked_for)
    channels = TrainingRange.of(bundle.metadata).channels if bundle else None
    count = len(names) + 1 if names else None
    with _bar(sum(map(len, find_lists(folder).values()))) as advance:
        survey = survey_dataset(folder, count, names, channels, on_case=advance, ignore=ignore)
    findings = list(survey.findings)
    if count is None and survey.num_classes > 1:
        _say(said_of_numbers(folder, survey.num_classes - 1))
    if bundle is not None:
        planned = [CaseRecord(str(case["image"]), image_files(case)) for case in find_all_cases(folder)]
        with _bar(len(planned)) as advance:
            findings += inspect_images(planned, bundle, advance=advance)
    return list(dict.fromkeys(findings)), len(survey.checked)


def _look_at_files(
    folder: Path, num_classes: int | None, bundle: Bundle | None, ignore: int | None
) -> tuple[list[Finding], int]:
    """What is wrong with a folder of images or of labels, and how many it holds."""
    from monai_mobileunet.cohort.check import inspect_images, inspect_labels
    from monai_mobileunet.cohort.dicom_output import drawn_names
    from monai_mobileunet.cohort.plan import plan_run
    from monai_mobileunet.data.datasets.structures import check_structures, has_structures

    planned = plan_run(folder, folder / ".masks").cases
    with _bar(len(planned)) as advance:
        if num_classes is not None and bundle is None:
            return inspect_labels(planned, num_classes, advance=advance, ignore=ignore), len(planned)
        findings = inspect_images(planned, bundle, advance=advance)
    if folder.is_dir() and has_structures(folder):
        findings += check_structures(folder, drawn_names(bundle) if bundle else (), _shown)
    return findings, len(planned)


def _rewritten(
    folder: Path,
    target: Path,
    mapping: list[str],
    num_classes: int | None,
    bundle: Bundle | None,
    class_names: Sequence[str],
) -> list[Finding]:
    """Write a data set with class numbers, of labels' values or of structures, and give what it lost or what is odd."""
    from monai_mobileunet.cohort.dicom_output import drawn_names
    from monai_mobileunet.data import find_all_cases
    from monai_mobileunet.data.datasets.cases import is_training_set
    from monai_mobileunet.data.datasets.mapping import mapped_names, parse_mapping, regions_lost, write_dataset
    from monai_mobileunet.data.datasets.structures import has_structures, write_labels_of_structures

    drawn = not mapping and (bool(class_names) or not is_training_set(folder))
    if drawn and folder.is_dir() and has_structures(folder):
        odd: list[Finding] = []
        named = class_names or (drawn_names(bundle) if bundle else ())
        _say_written(write_labels_of_structures(folder, target, named, odd.append, _shown), target)
        return odd
    values = parse_mapping(mapping)
    if bundle is not None or class_names:
        names = _class_names(folder, num_classes, bundle, class_names)
    else:
        names = mapped_names(folder, values, num_classes)
    with _bar(len(find_all_cases(folder))) as advance:
        index = write_dataset(folder, target, values, names, advance)
    _say_written(index, target)
    return list(regions_lost(folder, index, values, names))


def _shown(series: Sequence[Path]) -> Iterable[Path]:
    return track(series, "reading", console=console, disable=not console.is_terminal)


def _say_written(index: Path, target: Path) -> None:
    _say(f"{index} written: train with --dataset_dir {target}, or mobileunet plan {target}")


def _say(text: str) -> None:
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal."""
    with Progress(console=console, disable=not console.is_terminal) as progress:
        yield partial(progress.advance, progress.add_task("reading", total=total))

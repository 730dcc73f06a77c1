"""A look at one's own data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, track

from monai_mobileunet.cli.arguments import (
    TRUST,
    AsJson,
    Ignore,
    bundle_folder,
    bundle_option,
    class_option,
    input_argument,
    output_option,
)
from monai_mobileunet.cli.terminal import console, fail
from monai_mobileunet.cli.voice import conclude, document, say, show_findings, shows_progress
from monai_mobileunet.importing import uncollected
from monai_mobileunet.wording import counted

if TYPE_CHECKING:
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.data import Finding

__all__ = ["check"]


def check(
    source: Annotated[Path, input_argument("Training set, or folder of images or of labels alone.")],
    bundle: Annotated[
        Path | None,
        bundle_option(f"Folder or name of a bundle. The images are compared with those of its training. {TRUST}"),
    ] = None,
    num_classes: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="Number of classes, the background included; by default as many as dataset.json names.",
        ),
    ] = None,
    ignore: Ignore = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count warnings as errors.")] = False,
    output: Annotated[
        Path | None,
        output_option(
            "New folder for the labels with class numbers and for a dataset.json. Of DICOM series with SEG or RTSTRUCT "
            "files the labels are made from the structures.",
            "--write",
        ),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="VALUE=CLASS",
            help="Class number for a value in the labels, as 255=1 or 85=1,170=2. It needs --output.",
        ),
    ] = None,
    class_names: Annotated[
        list[str] | None,
        class_option(
            "Name of class 1, then of class 2, and so on; by default those of the bundle or the data set, or numbers. "
            "With --output and SEG or RTSTRUCT files it names a structure; by default all that are in every file."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open every file and list errors and warnings, without training or segmenting.

    It reads the pairs of image and label of a training set; or images as mobileunet segment would, with the SEG and
    RTSTRUCT files of DICOM series; or, with --num-classes, labels in a folder without images.

    Exit code 0: nothing is wrong. 1: something is, or INPUT cannot be read. 2: the command is wrong.
    """
    if mapping and output is None:
        raise typer.BadParameter("Name a new folder for the labels with --output.", param_hint="--map")
    with uncollected():
        from monai_mobileunet.bundle import Bundle
        from monai_mobileunet.data.datasets.cases import is_training_set

    try:
        opened = Bundle(bundle_folder(bundle), device="cpu") if bundle else None
        lost: list[Finding] = []
        folder = source if output is None else output
        if output is not None:
            lost = _rewritten(source, output, mapping or [], num_classes, opened, class_names or [])
        if is_training_set(folder):
            findings, count = _look_at_dataset(folder, num_classes, opened, ignore, class_names or [])
        elif class_names and output is None:
            problem = (
                "It names the classes of a training set, or with --output the structures of SEG or RTSTRUCT files."
            )
            raise typer.BadParameter(problem, param_hint="--class")
        else:
            findings, count = _look_at_files(folder, num_classes, opened, ignore)
        findings = [*lost, *findings]
    except (ValueError, OSError) as error:
        fail(error)
    findings = [replace(finding, warning=finding.warning and not strict) for finding in findings]
    show_findings(findings)
    wrong = sum(not finding.warning for finding in findings)
    warned = len(findings) - wrong
    summary = f"{wrong or 'nothing'} wrong" + (f", {counted(warned, 'warning')}" if warned else "")
    conclude(f"{counted(count, 'case')}, {summary}.")
    document.write(
        {
            "input": str(source),
            "written": None if output is None else str(output),
            "cases": count,
            "wrong": wrong,
            "warnings": warned,
            "findings": list(map(asdict, findings)),
        }
    )
    if wrong:
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
    wrong = any(not finding.warning for finding in findings)
    if count is None and survey.num_classes > 1 and not wrong:
        say(said_of_numbers(folder, survey.num_classes - 1))
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
        _say_written(write_labels_of_structures(folder, target, named, odd.append, _shown, bool(class_names)), target)
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
    return track(series, "reading", console=console, disable=not shows_progress())


def _say_written(index: Path, target: Path) -> None:
    say(
        f"{index} written: type mobileunet plan {target}, or train with --dataset_dir {target} of python -m "
        "monai.bundle run"
    )


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal."""
    with Progress(console=console, disable=not shows_progress()) as progress:
        yield partial(progress.advance, progress.add_task("reading", total=total))

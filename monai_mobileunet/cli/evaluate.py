"""How good segmentations are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from monai_mobileunet.cli.arguments import (
    MODEL,
    PLANES,
    AsJson,
    Ignore,
    Runtime,
    Weights,
    bundle_option,
    choice_option,
    class_option,
    input_argument,
    named_bundle,
    output_option,
    overrides,
    set_option,
)
from monai_mobileunet.cli.terminal import INTERRUPTED, case_progress, console, fail, log_file, say_error, stoppable
from monai_mobileunet.cli.voice import conclude, document, say, say_warning, shows_progress
from monai_mobileunet.importing import uncollected
from monai_mobileunet.wording import counted, same_texts

if TYPE_CHECKING:
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.case_record import CaseRecord
    from monai_mobileunet.data.datasets.cases import Case
    from monai_mobileunet.data.datasets.regions import Regions
    from monai_mobileunet.evaluation import Annotation

__all__ = ["evaluate"]

PARTS = ("all", "training", "validation")


def evaluate(
    source: Annotated[
        Path,
        input_argument(
            "Data set: a Decathlon folder, one with images/ and labels/, or DICOM series with SEG or RTSTRUCT. With "
            "--pred it may be a folder of labels alone."
        ),
    ],
    bundle: Annotated[Path | None, bundle_option(f"{MODEL} It segments the cases and names the classes.")] = None,
    preds: Annotated[
        Path | None,
        typer.Option(
            "--pred",
            metavar="PATH",
            help="Folder of segmentations to measure, which have the names of the images. Then nothing is segmented.",
        ),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out references that have no segmentation in --pred.")
    ] = False,
    output: Annotated[Path, output_option("Folder for the report.")] = Path("eval_output"),
    classes: Annotated[
        list[str] | None,
        class_option(
            "Name of class 1, then of class 2, and so on; by default those of the bundle, of the data set, or of "
            "labels.json beside the masks, or else numbers."
        ),
    ] = None,
    part: Annotated[
        str,
        choice_option(
            PARTS,
            metavar="PART",
            help="Cases to measure: all, training or validation, as the bundle's train.json splits the data set.",
        ),
    ] = "all",
    fold: Annotated[int, typer.Option(min=0, metavar="N", help="Number of the fold that validates in that split.")] = 0,
    weights: Weights = None,
    runtime: Runtime = None,
    changes: Annotated[list[str] | None, set_option("Entry of inference.json or train.json to change")] = None,
    ignore: Ignore = None,
    annotated_plane: Annotated[
        str | None,
        choice_option(
            PLANES,
            metavar="PLANE",
            help="Plane in which slices were annotated one by one: axial, coronal or sagittal. Slices without any "
            "label are left out. By default it is as the bundle was planned, for its own data set.",
        ),
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, metavar="MM", help="Tolerance of the surface Dice in mm.")] = 1.0,
    worst: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of the worst cases that the report shows in pictures.")
    ] = 6,
    as_json: AsJson = False,
) -> None:
    """Measure segmentations against references: Dice, surface distances and volumes, in tables and a report.

    Exit code 0: all cases were measured. 1: some were not, or INPUT cannot be read. 2: the
    command is wrong.
    """
    if bundle is None and (preds is None or part != "all"):
        raise typer.BadParameter("Name a --bundle to segment with, or the folder of segmentations with --pred.")
    if partial and preds is None:
        raise typer.BadParameter("Name the folder of segmentations with --pred, too.", param_hint="--partial")
    bundle = named_bundle(bundle) if bundle else None
    entries = overrides(changes or [], bundle, "inference.json", "train.json")
    named = ({"ckpt_path": str(weights.resolve())} if weights else {}) | ({"runtime": runtime} if runtime else {})
    changed = entries | named
    try:
        from monai_mobileunet.evaluation import check_installed

        check_installed("scipy", "matplotlib")
        with uncollected():
            from monai_mobileunet.bundle import Bundle
            from monai_mobileunet.bundle.changes import known_changes
            from monai_mobileunet.cli.evaluated import evaluation_table
            from monai_mobileunet.cohort.dicom_output import drawn_names
            from monai_mobileunet.cohort.evaluate import evaluate_cases
            from monai_mobileunet.data.names import PICTURES_IN_PIXELS
            from monai_mobileunet.reports.evaluation_report import write_report

        opened = Bundle(bundle, **(known_changes(bundle, entries) | named)) if bundle else None
        _check_count(opened, classes or ())
        cases = _cases(source, opened, part, fold, changed, output)
        names = _class_names(source, opened, classes or (), preds, cases, ignore)
        annotation = _annotation(source, cases, opened, ignore, annotated_plane)
        regions = _regions(source, opened, names, bool(classes))
        drawn = names if classes or opened is None else drawn_names(opened)
    except (ModuleNotFoundError, ValueError, OSError) as error:
        fail(error)
    with _ends_in_words(output), log_file(output / "evaluate.log"), stoppable():
        title = f"{preds or (opened and opened.folder.name)} on {source} ({part})"
        evaluation = evaluate_cases(
            *(title, cases, names, output, preds, opened, changed, tolerance, _case_bar, annotation, regions, drawn),
            partial=partial,
        )
        files = write_report(evaluation, output, worst)
    console.print(evaluation_table(evaluation))
    if evaluation.in_pixels:
        say(PICTURES_IN_PIXELS)
    if evaluation.missing:
        say_warning(evaluation.partly)
    for text in same_texts((case.name, case.trouble) for case in evaluation.problems):
        say_error(text)
    measured = f"{len(evaluation.measured):,} of {counted(len(evaluation.cases), 'case')} measured"
    conclude(f"{measured}. {', '.join(map(str, files))}")
    document.write(_results(files))
    if evaluation.problems:
        raise typer.Exit(1)


def _results(files: Sequence[Path]) -> str:
    """What is in results.json."""
    return next(path for path in files if path.suffix == ".json").read_text(encoding="utf-8")


@contextmanager
def _ends_in_words(output: Path) -> Iterator[None]:
    """However an evaluation ends, it ends with a sentence."""
    from monai_mobileunet.cohort.guard import OutputError

    try:
        yield
    except KeyboardInterrupt as error:
        say_error("interrupted. The same command goes on from here.")
        raise typer.Exit(INTERRUPTED) from error
    except OutputError as error:
        fail(error, f"{error} Make room or name another folder with --output. The same command goes on from here.")
    except OSError as error:
        if error.errno is None:
            fail(error)
        place = error.filename or output
        fail(error, f"{place}: cannot be written ({error.strerror}). Make room or name another folder with --output.")
    except (ValueError, ImportError, RuntimeError) as error:  # the last of a runtime that cannot be loaded
        fail(error)


@contextmanager
def _case_bar(doing: str, total: int) -> Iterator[Callable[[CaseRecord], None]]:
    """Progress over cases, with what is done to them."""
    say(f"{doing} {counted(total, 'case')}")
    with case_progress(console, total) as show:
        yield show


def _cases(
    dataset: Path, bundle: Bundle | None, part: str, fold: int, changed: dict[str, Any], output: Path
) -> list[Case]:
    from monai_mobileunet.cohort.drawn_references import drawn_cases
    from monai_mobileunet.data import find_all_cases
    from monai_mobileunet.data.datasets.cases import is_training_set, labels_alone

    if part == "all" and dataset.is_dir() and not is_training_set(dataset):
        if drawn := drawn_cases(dataset, output):
            return drawn
        if bundle is None and (alone := labels_alone(dataset)):
            say(f"{dataset} holds no pairs of image and label: its {len(alone)} files are the references.")
            return alone
    return find_all_cases(dataset) if bundle is None or part == "all" else bundle.cases(dataset, part, fold, changed)


def _annotation(
    dataset: Path, cases: Sequence[Case], bundle: Bundle | None, ignore: int | None, plane: str | None
) -> Annotation:
    """What the labels do not say: by the options, by the data set, or as the bundle was planned for it."""
    from monai_mobileunet.data.datasets.described import value_to_ignore
    from monai_mobileunet.data.datasets.labels import LABELLED
    from monai_mobileunet.data.datasets.naming import name_of
    from monai_mobileunet.evaluation import Annotation

    planned = bundle.unannotated(dataset) if bundle else {}
    ignore = value_to_ignore(dataset, ignore)
    plane = planned.get("plane") if plane is None else plane
    if plane is not None:
        say(f"measured in the annotated {plane} slices alone")
    labelled = {name_of(case): case[LABELLED] for case in cases if LABELLED in case}
    return Annotation(planned.get("ignore") if ignore is None else ignore, plane, labelled)


def _class_names(
    dataset: Path,
    bundle: Bundle | None,
    asked_for: Sequence[str],
    masks: Path | None,
    cases: Sequence[Case],
    ignore: int | None,
) -> tuple[str, ...]:
    from monai_mobileunet.data.datasets.class_names import by_number, held_classes, named_classes, said_of_numbers
    from monai_mobileunet.data.datasets.described import value_to_ignore

    names = named_classes(dataset, asked_for, bundle.class_names if bundle else (), masks)
    if names:
        return names
    with Progress(console=console, disable=not shows_progress(), transient=True) as progress:
        bar = progress.add_task("reading the labels", total=len(cases))
        count = held_classes(cases, dataset, value_to_ignore(dataset, ignore), lambda: progress.advance(bar))
    say(said_of_numbers(dataset, count))
    return by_number(count)


def _check_count(bundle: Bundle | None, classes: Sequence[str]) -> None:
    """Refuse to give the classes of a bundle another number of names."""
    if bundle is not None and classes and len(classes) != len(bundle.class_names):
        count = len(bundle.class_names)
        problem = f"--class names {counted(len(classes), 'class', 'classes')}, and {bundle.folder.name} has {count}"
        raise ValueError(f"{problem}: {', '.join(bundle.class_names)}. Name all {count}, or leave out --class.")


def _regions(dataset: Path, bundle: Bundle | None, class_names: Sequence[str], by_user: bool) -> Regions:
    """Unions of classes that are measured, too: those of the bundle, else those of the data set."""
    from monai_mobileunet.data.datasets.described import find_regions
    from monai_mobileunet.data.datasets.regions import refuse_shared_names, unions

    found = unions((bundle.regions if bundle else {}) or find_regions(dataset))
    known = {name: numbers for name, numbers in found.items() if max(numbers) <= len(class_names)}
    if by_user:
        refuse_shared_names("--class", known, class_names, "Give the class another name.")
    else:
        refuse_shared_names(str(dataset), known, class_names, "Name the classes otherwise, one by one with --class.")
    return known

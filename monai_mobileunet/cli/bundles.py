"""Trained bundles: how good they are, and their networks in other formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import track

from monai_mobileunet.cli.progress import case_progress
from monai_mobileunet.cli.tables import evaluation_table, exports_table
from monai_mobileunet.cli.terminal import console, fail, log_file, overrides, printable, say_error, steps, stoppable
from monai_mobileunet.export.formats import FORMATS

__all__ = ["evaluate", "export", "fingerprint"]

if TYPE_CHECKING:
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.data.datasets.cases import Case
    from monai_mobileunet.evaluation import Evaluation

INTERRUPTED = 130
TRUST = "A bundle is code: only one you trust."


def export(
    bundle: Annotated[Path, typer.Argument(help=f"Folder of a trained bundle. {TRUST}")],
    data: Annotated[Path, typer.Option("--data", help="Folder of images such as it segments, to compare masks on.")],
    formats: Annotated[
        list[str] | None, typer.Option("--format", "-f", help=f"One or more of {', '.join(FORMATS)}; all without it.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="In place of models/model.pt; what is exported lies beside them.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="What the training changed: id=value of inference.json, as often as needed."),
    ] = None,
) -> None:
    """Write a bundle's network in other formats, and only what gives the masks that torch gives."""
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.export import export_bundle

    kinds = list(FORMATS) if formats is None else formats
    unknown = [kind for kind in kinds if kind not in FORMATS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(FORMATS)}.", param_hint="--format")
    changed = overrides(changes or []) | ({"ckpt_path": str(weights.resolve())} if weights else {})
    try:
        with steps() as note:
            opened = Bundle(bundle, **{"device": "cpu", "dataset_dir": str(data), **changed})
            results = export_bundle(opened, data, kinds, note)
    except (ValueError, OSError) as error:
        fail(error)
    console.print(exports_table(results))
    for result in results:
        if result.problem:
            say_error(f"{result.kind}: {result.problem}")
    if any(result.problem for result in results):
        raise typer.Exit(1)


def fingerprint(
    bundle: Annotated[Path, typer.Argument(help=f"Folder of a bundle. {TRUST}")],
    dataset: Annotated[Path, typer.Argument(help="Data set that it was trained on.")],
    modality: Annotated[str, typer.Option(help="DICOM's code of the modality: CT, MR, PT, …")],
) -> None:
    """Measure what a bundle was trained on, and write it to its metadata.json: other images then get a warning."""
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.bundle.training_range import check_modality, measure_range
    from monai_mobileunet.data import find_all_cases

    try:
        code = check_modality(modality)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--modality") from error
    try:
        opened = Bundle(bundle, device="cpu")
        cases = find_all_cases(dataset)
        shown = track([case["image"] for case in cases], "reading", console=console, disable=not console.is_terminal)
        labels, num_classes = [case["label"] for case in cases], len(opened.class_names) + 1
        measured = measure_range(shown, opened.preprocessing, code, labels, num_classes)
        opened.add_metadata("training_data", measured)
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    console.print_json(data=opened.metadata["training_data"])


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Data set: a Decathlon folder, or one with images/ and labels/.")],
    bundle: Annotated[
        Path | None, typer.Option(help=f"Trained bundle that segments the cases and names the classes. {TRUST}")
    ] = None,
    preds: Annotated[
        Path | None, typer.Option("--pred", help="Folder of segmentations that exist already, named as the images.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the report.")] = Path("eval_output"),
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Name of class 1, 2, …; by default the bundle's or data set's.")
    ] = None,
    part: Annotated[
        str, typer.Option(help="all; or training or validation, as the bundle's train.json splits the data set.")
    ] = "all",
    fold: Annotated[int, typer.Option(min=0, help="Which part of that split validates.")] = 0,
    weights: Annotated[Path | None, typer.Option(help="In place of the bundle's models/model.pt.")] = None,
    runtime: Annotated[str | None, typer.Option(help="What executes the network; see mobileunet runtimes.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="id=value of the bundle's inference.json, as often as needed.")
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Of the surface Dice, in mm.")] = 1.0,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst cases to picture.")] = 6,
) -> None:
    """Measure segmentations against their references: Dice, surface distances, volumes; tables and a page."""
    if bundle is None and (preds is None or part != "all"):
        raise typer.BadParameter("Name a --bundle to segment with, or the folder of segmentations with --pred.")
    changed = overrides(changes or []) | ({"ckpt_path": str(weights.resolve())} if weights else {})
    changed |= {"runtime": runtime} if runtime else {}
    try:
        import monai_mobileunet.evaluation  # noqa: F401  what is not installed is found before the first case
        from monai_mobileunet.bundle import Bundle

        opened = Bundle(bundle, **changed) if bundle else None
        cases = _cases(dataset, opened, part, fold, changed)
        names = tuple(classes) if classes else _class_names(dataset, opened)
    except ModuleNotFoundError as error:
        fail(error, f"{error}. Install what evaluation needs: pip install 'monai_mobileunet[evaluate]'")
    except (ValueError, OSError) as error:
        fail(error)
    evaluation, files = _evaluated(
        output, opened, cases, preds, names, tolerance, worst, f"{dataset} ({part})", changed
    )
    console.print(evaluation_table(evaluation))
    for case in evaluation.problems:
        say_error(case.problem)
    console.print(printable(", ".join(map(str, files))), soft_wrap=True, markup=False)
    if evaluation.problems:
        raise typer.Exit(1)


def _evaluated(
    output: Path,
    bundle: Bundle | None,
    cases: list[Case],
    preds: Path | None,
    names: tuple[str, ...],
    tolerance: float,
    worst: int,
    what: str,
    changed: dict[str, Any],
) -> tuple[Evaluation, list[Path]]:
    """Segment where that is wanted, measure and report; however that ends, it ends with a sentence."""
    from monai_mobileunet.evaluation import write_report
    from monai_mobileunet.segmentation import Segmenter
    from monai_mobileunet.segmentation.evaluate import evaluate_folder, open_journal, segment_cases, segmenting_key
    from monai_mobileunet.segmentation.run import OutputError

    masks = preds or output / "segmented"
    segments = bundle is not None and preds is None
    title = f"{bundle.folder.name if bundle and segments else masks} on {what}"
    try:
        problems: dict[str, str] = {}
        with open_journal(output) as journal, log_file(output / "evaluate.log"), stoppable():
            if bundle and segments:
                key, segmenter = segmenting_key(bundle, changed), Segmenter(bundle)
                segmenter.load_runtime()
                with _case_bar("segmenting", len(cases)) as note:
                    problems = segment_cases(segmenter, cases, masks, note, journal, key)
            with _case_bar("measuring", len(cases)) as note:
                evaluation = evaluate_folder(title, cases, masks, names, tolerance, problems, note, journal)
            return evaluation, write_report(evaluation, output, worst)
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
    except ValueError as error:
        fail(error)


@contextmanager
def _case_bar(doing: str, total: int) -> Iterator[Callable[[str], None]]:
    """Progress over the names of cases."""
    from monai_mobileunet.segmentation.rows import DONE, CaseRow

    console.print(f"{doing} {total} cases", highlight=False)
    with case_progress(console, total) as note:
        yield lambda name: note(CaseRow(name, DONE))


def _cases(dataset: Path, bundle: Bundle | None, part: str, fold: int, changed: dict[str, Any]) -> list[Case]:
    from monai_mobileunet.data import find_all_cases

    return find_all_cases(dataset) if bundle is None or part == "all" else bundle.cases(dataset, part, fold, changed)


def _class_names(dataset: Path, bundle: Bundle | None) -> tuple[str, ...]:
    from monai_mobileunet.data import find_class_names

    return find_class_names(dataset) if bundle is None else bundle.class_names

"""The first steps: a tour, and a look at one's own data."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from monai_mobileunet.cli.terminal import PROJECT, bundle_folder, console, fail, printable, say_error

__all__ = ["check", "demo"]


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for all that is made.")] = Path("demo_output"),
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Task of the Medical Segmentation Decathlon, in place of the template."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="How long to train.")] = 25,
    project: Annotated[Path, typer.Option(help="Checkout with bundles/ and configs/.")] = PROJECT,
) -> None:
    """Train on a small cohort, segment what was held out, show Dice and pictures."""
    from monai_mobileunet.data import DataError
    from monai_mobileunet.demo import run_demo

    if not (project / "bundles").is_dir():
        raise typer.BadParameter(f"{project} has no bundles/; name a checkout of the project.", param_hint="--project")
    try:
        run_demo(output, project, data, epochs, console)
    except (DataError, ModuleNotFoundError) as error:
        fail(error)
    except subprocess.CalledProcessError as error:
        console.print("error: the step above failed; its message stands there.", style="red")
        raise typer.Exit(1) from error


def check(
    folder: Annotated[Path, typer.Argument(help="Training set, or a folder of images or of labels alone.")],
    num_classes: Annotated[
        int | None,
        typer.Option(min=2, help="Classes, the background included; by default those that dataset.json names."),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option("--model", "-m", help="Hold images to this bundle too. A bundle is code.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count too.")] = False,
) -> None:
    """Open every file and list what is wrong and what is odd, without training or segmenting.

    Pairs of image and label of a training set; images as mobileunet segment would see them; or with --num-classes
    the labels in a folder without images. Exit code 1 if anything is wrong.
    """
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.data import check_cases, find_all_cases, find_class_names
    from monai_mobileunet.data.cases import is_training_set
    from monai_mobileunet.segmentation.inspection import inspect_images, inspect_labels
    from monai_mobileunet.segmentation.plan import plan_run

    try:
        if is_training_set(folder):
            cases = find_all_cases(folder)
            classes = num_classes or len(find_class_names(folder)) + 1
            findings, count = check_cases(cases, classes, progress=console.is_terminal), len(cases)
        else:
            planned = plan_run(folder, folder / ".masks").cases
            opened = Bundle(bundle_folder(bundle), device="cpu") if bundle else None
            with Progress(console=console, disable=not console.is_terminal) as progress:
                bar = progress.add_task("reading", total=len(planned))
                advance = partial(progress.advance, bar)
                labels = num_classes is not None and opened is None
                findings = (
                    inspect_labels(planned, num_classes, note=advance)
                    if labels and num_classes
                    else inspect_images(planned, opened, note=advance)
                )
            count = len(planned)
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    for finding in findings:
        if strict or not finding.warning:
            say_error(finding)
        else:
            text = printable(f"warning: {finding}")
            console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
    errors = [finding for finding in findings if strict or not finding.warning]
    warned = len(findings) - len(errors)
    told = f"{len(errors) or 'nothing'} wrong" + (f", {warned} warnings" if warned else "")
    console.print(f"{count} cases, {told}.", highlight=False)
    if errors:
        raise typer.Exit(1)

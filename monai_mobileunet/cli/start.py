"""The first steps: a tour, and a look at one's own data."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from monai_mobileunet.cli.terminal import console, fail

__all__ = ["check", "demo"]

PROJECT = Path(__file__).resolve().parents[2]


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
    dataset: Annotated[Path, typer.Argument(help="Training set: a Decathlon folder, or one with images/ and labels/.")],
    num_classes: Annotated[int, typer.Option(min=2, help="Classes, the background included.")],
) -> None:
    """Open every image and label of a training set and list what is wrong. Exit code 1 if anything is."""
    from monai_mobileunet.data import DataError, load_cases

    try:
        cases = load_cases(str(dataset), part="all", num_classes=num_classes)
    except DataError as error:
        fail(error)
    console.print(f"{len(cases)} cases, nothing wrong.")

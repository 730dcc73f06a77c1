"""Commands and options; what they do lies elsewhere."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import monai_mobileunet

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()
PROJECT = Path(__file__).resolve().parent.parent


def _version(show: bool) -> None:
    if show:
        console.print(monai_mobileunet.__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, help="Show the version and stop.")] = False,
) -> None:
    """Light-weight segmentation of CT and MRI volumes with MONAI. Not a medical device; not for diagnostic use."""


@app.command()
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
        console.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    except subprocess.CalledProcessError as error:
        console.print("error: the step above failed; its message stands there.", style="red")
        raise typer.Exit(1) from error


@app.command()
def check(
    dataset: Annotated[Path, typer.Argument(help="Training set: a Decathlon folder, or one with images/ and labels/.")],
    num_classes: Annotated[int, typer.Option(min=2, help="Classes, the background included.")],
) -> None:
    """Open every image and label of a training set and list what is wrong. Exit code 1 if anything is."""
    from monai_mobileunet.data import DataError, load_cases

    try:
        cases = load_cases(str(dataset), part="all", num_classes=num_classes)
    except DataError as error:
        console.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(f"{len(cases)} cases, nothing wrong.")

"""The first steps: a tour."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from monai_mobileunet.cli.arguments import duration, input_argument, output_option
from monai_mobileunet.cli.terminal import console, fail

__all__ = ["demo"]


def _checked(text: str) -> str:
    duration(text)
    return text


def demo(
    data: Annotated[
        Path | None,
        input_argument(
            "Folder of a training set for mobileunet plan; by default a small cohort is made of the MNI152 template."
        ),
    ] = None,
    output: Annotated[Path, output_option("New folder for all files of the tour.")] = Path("demo_output"),
    budget: Annotated[
        str,
        typer.Option(callback=_checked, metavar="TIME", help="Time that the training may take, as 90s, 30m or 2h."),
    ] = "2m",
) -> None:
    """Show a tour: plan, train, segment and evaluate on a small cohort, with the commands to type."""
    from monai_mobileunet.demo import run_demo

    try:
        run_demo(output, data, budget, console)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        fail(error)
    except subprocess.CalledProcessError as error:
        console.print("error: the step above failed; its message stands there.", style="red")
        raise typer.Exit(1) from error

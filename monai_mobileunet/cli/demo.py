"""The first steps: a tour."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from monai_mobileunet.cli.arguments import duration
from monai_mobileunet.cli.terminal import console, fail

__all__ = ["demo"]


def _checked(text: str) -> str:
    duration(text)
    return text


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for all that the tour makes.")] = Path(
        "demo_output"
    ),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="Folder of a training set in any layout that plan reads, in place of the template."
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(callback=_checked, metavar="TIME", help="Time for the training, as 90s, 30m or 2h.")
    ] = "2m",
) -> None:
    """Plan, train, segment and evaluate on a small cohort, by the commands that you would type."""
    from monai_mobileunet.demo import run_demo

    try:
        run_demo(output, data, budget, console)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        fail(error)
    except subprocess.CalledProcessError as error:
        console.print("error: the step above failed; its message stands there.", style="red")
        raise typer.Exit(1) from error

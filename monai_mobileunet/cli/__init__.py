"""Commands and options; what they do lies elsewhere, and is imported when a command is given as it has to be."""

from __future__ import annotations

from typing import Annotated

import typer

from monai_mobileunet.cli.check import check
from monai_mobileunet.cli.demo import demo
from monai_mobileunet.cli.evaluate import evaluate
from monai_mobileunet.cli.export import export
from monai_mobileunet.cli.fingerprint import fingerprint
from monai_mobileunet.cli.info import info
from monai_mobileunet.cli.label import label
from monai_mobileunet.cli.plan import plan
from monai_mobileunet.cli.report import report
from monai_mobileunet.cli.runtimes import runtimes
from monai_mobileunet.cli.segment import segment
from monai_mobileunet.cli.terminal import SafeGroup, console
from monai_mobileunet.cli.view import view

__all__ = ["app"]

app = typer.Typer(cls=SafeGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _version(show: bool) -> None:
    if show:
        from monai_mobileunet import __version__

        console.print(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, help="Show the version and stop.")] = False,
) -> None:
    """Light-weight segmentation of CT and MRI volumes with MONAI. Not a medical device; not for diagnostic use."""


for command in (
    demo,
    plan,
    segment,
    view,
    report,
    label,
    check,
    evaluate,
    export,
    fingerprint,
    info,
    runtimes,
):
    app.command(command.__name__.replace("_", "-"))(command)

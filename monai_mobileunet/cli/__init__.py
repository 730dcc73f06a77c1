"""Commands and options; what they do lies elsewhere, and is imported when a command is given as it has to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from monai_mobileunet.cli.check import check
from monai_mobileunet.cli.command import Command, Group, WorkingCommand
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
from monai_mobileunet.cli.view import view
from monai_mobileunet.cli.web import web

__all__ = ["app"]

app = typer.Typer(cls=Group, no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from monai_mobileunet.cli.versions import show_version

        show_version(context.params.get("as_json", False))
        raise typer.Exit


@app.callback()
def main(
    as_json: Annotated[
        bool,
        typer.Option("--json", is_eager=True, help="Print the versions of all that matters, as JSON, with --version."),
    ] = False,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, help="Print the version.")] = False,
) -> None:
    """Segment CT and MRI volumes with light-weight networks of MONAI.

    Not a medical device; not for diagnostic use.
    """
    if as_json:
        raise typer.BadParameter("Write it behind the command, or beside --version.", param_hint="--json")


WORKING: tuple[Callable[..., None], ...] = (
    *(plan, segment, view, report, label, check, evaluate),
    *(export, web, fingerprint),
)
LISTING: tuple[Callable[..., None], ...] = (info, runtimes)

app.command(cls=Command)(demo)  # its commands print for themselves
for command in WORKING:
    app.command(cls=WorkingCommand)(command)
for command in LISTING:
    app.command(cls=Command)(command)

"""A page in the browser to look through a run, an evaluation or a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monai_mobileunet.cli.arguments import input_argument
from monai_mobileunet.cli.serving import Browser, Port, listening, serve_until_stopped
from monai_mobileunet.cli.terminal import say_error
from monai_mobileunet.cli.voice import conclude, say_warning

__all__ = ["view"]


def view(
    source: Annotated[
        Path,
        input_argument("Output folder of mobileunet segment or evaluate, data set, folder of images, or one image."),
    ],
    pred: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Segmentation of the image, or folder of segmentations with the names of the images."
        ),
    ] = None,
    label: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Reference of the image, or folder of references with the names of the images."
        ),
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Folder in which review.csv keeps the verdicts; by default the folder of the run."
        ),
    ] = None,
    port: Port = 0,
    browser: Browser = True,
) -> None:
    """Look through masks or labels in the browser: three planes, 3D, and a verdict for each case.

    Only this machine reaches the page, and nothing is sent anywhere. Ctrl-C ends the command.
    Not a medical device; not for diagnostic use.
    """
    from monai_mobileunet.data.errors import list_some
    from monai_mobileunet.review import REVIEW
    from monai_mobileunet.viewing.finding import find_shown
    from monai_mobileunet.viewing.server import ViewServer
    from monai_mobileunet.wording import counted

    try:
        if review is not None and not review.is_dir():
            raise NotADirectoryError(f"{review}: no such folder. Make it: mkdir {review}")
        shown = find_shown(source, pred, label, review)
    except (ValueError, OSError) as error:
        say_error(error)
        raise typer.Exit(2) from error
    try:
        server = listening(port, lambda port: ViewServer(shown, port))
    except ValueError as error:
        say_error(error)
        raise typer.Exit(2) from error
    cases = counted(len(shown.cases), "case")
    kept = f"Verdicts are kept in {shown.review / REVIEW}." if shown.review else "Verdicts are not kept."
    if unknown := server.unknown_names:
        problem = f"has verdicts on {counted(len(unknown), 'case')} that are not here, such as {list_some(unknown, 3)}"
        say_warning(f"{REVIEW}: {problem}. A spreadsheet program may have changed their names.")
    for line in (f"{shown.title}: {cases}. {kept}", server.url, "Ctrl-C ends the page."):
        conclude(line)
    serve_until_stopped(server, server.url if browser else "")
    if shown.kind == "run" and shown.review == source and (source / REVIEW).is_file():
        conclude(f"Write the verdicts into the report: mobileunet report {source}")

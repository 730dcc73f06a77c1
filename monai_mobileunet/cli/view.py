"""A page in the browser to look through a run, an evaluation or a data set."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from monai_mobileunet.cli.terminal import console, printable, say_error, stoppable

__all__ = ["view"]


def view(
    path: Annotated[
        Path,
        typer.Argument(
            help="Output folder of mobileunet segment or evaluate, data set, folder of images, or one image."
        ),
    ],
    pred: Annotated[
        Path | None, typer.Option(help="Segmentation of the image, or folder of segmentations named as the images are.")
    ] = None,
    label: Annotated[
        Path | None, typer.Option(help="Reference of the image, or folder of references named as the images are.")
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(help="Folder in which review.csv keeps the verdicts; by default the folder of the run."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free port.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Look through masks or labels in the browser: three planes, 3D, and a verdict for each case.

    Only this machine reaches the page, and nothing is sent anywhere. Ctrl-C ends the command.
    Not a medical device; not for diagnostic use.
    """
    from monai_mobileunet.review import REVIEW
    from monai_mobileunet.viewing.finding import find_shown
    from monai_mobileunet.viewing.server import ViewServer
    from monai_mobileunet.wording import counted

    try:
        if review is not None and not review.is_dir():
            raise NotADirectoryError(f"{review}: no such folder. Make it: mkdir {review}")
        shown = find_shown(path, pred, label, review)
    except (ValueError, OSError) as error:
        say_error(error)
        raise typer.Exit(2) from error
    try:
        server = ViewServer(shown, port)
    except ValueError as error:
        say_error(error)
        raise typer.Exit(2) from error
    except OSError as error:
        say_error(f"Port {port} cannot be listened at ({error.strerror}). Choose another one with --port.")
        raise typer.Exit(2) from error
    cases = counted(len(shown.cases), "case")
    kept = f"Verdicts are kept in {shown.review / REVIEW}." if shown.review else "Verdicts are not kept."
    for line in (f"{shown.title}: {cases}. {kept}", server.url, "Ctrl-C ends the page."):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    with server, stoppable():
        try:
            if browser:
                webbrowser.open(server.url)
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("The page has ended.")
    if shown.kind == "run" and shown.review == path and (path / REVIEW).is_file():
        line = f"Write the verdicts into the report: mobileunet report {path}"
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

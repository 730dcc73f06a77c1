"""A folder of static files that segments in the browser."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monai_mobileunet.cli.arguments import (
    BundleArgument,
    Weights,
    choice_option,
    named_bundle,
    output_option,
    overrides,
    set_option,
)
from monai_mobileunet.cli.export import exports_table
from monai_mobileunet.cli.serving import Browser, Port, listening, serve_until_stopped
from monai_mobileunet.cli.terminal import aloud, console, fail, say_error, steps
from monai_mobileunet.cli.voice import conclude, say, say_warning
from monai_mobileunet.importing import uncollected
from monai_mobileunet.webpage.kinds import WEIGHTS

if TYPE_CHECKING:
    from monai_mobileunet.webpage.build import Built
    from monai_mobileunet.webpage.serving import SiteServer

__all__ = ["web"]

MUCH = 10_000_000
"""Bytes at a first visit from which on a phone waits."""

UNCOMPARED = "The weights in int8 were not compared with torch. Compare their masks on images: --check IMAGES."


def web(
    bundle: BundleArgument,
    output: Annotated[
        Path | None, output_option("Folder of the site, which is made; a site that is there already is replaced.")
    ] = None,
    weights: Weights = None,
    precision: Annotated[
        str,
        choice_option(
            WEIGHTS,
            "--precision",
            metavar="KIND",
            help=f"Numbers that the site stores the weights in: {', '.join(WEIGHTS)}. The last two are smaller.",
        ),
    ] = WEIGHTS[0],
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGES",
            help="Folder of images such as the bundle segments, on which masks are compared with those of torch.",
        ),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show the site in the browser of this machine.")] = False,
    port: Port = 0,
    browser: Browser = True,
    changes: Annotated[list[str] | None, set_option("Entry of inference.json to change")] = None,
) -> None:
    """Write a web page that segments with a bundle in the browser; images stay on the device that opens it.

    The folder holds static files, for any web server. With --serve alone a temporary folder is shown.
    A bundle with a transform that the page does not have is refused, and so is a network whose masks differ too much.
    Exit code 0: the site was written. 1: it was not. 2: the command is wrong.
    Not a medical device; not for diagnostic use.
    """
    if output is None and not serve:
        raise typer.BadParameter("Give the folder of the site, or show it with --serve.", param_hint="--output")
    with ExitStack() as stack:
        folder = output or Path(stack.enter_context(TemporaryDirectory(prefix="mobileunet"))) / "site"
        folder_of_bundle = named_bundle(bundle)
        changed = overrides(changes or [], folder_of_bundle, "inference.json")
        changed |= {"ckpt_path": str(weights.resolve())} if weights else {}
        server = stack.enter_context(_listening(folder, port)) if serve else None
        built = _built(folder_of_bundle, folder, precision, check, changed)
        _report(built, precision, serve)
        if server:
            for line in (server.address, "Ctrl-C ends the page."):
                conclude(line)
            serve_until_stopped(server, server.address if browser else "")


def _built(bundle: Path, folder: Path, precision: str, check: Path | None, changed: dict[str, Any]) -> Built:
    with uncollected():
        from monai_mobileunet.bundle import Bundle
        from monai_mobileunet.data.errors import root_cause
        from monai_mobileunet.webpage.build import build_site

    try:
        with steps() as show_step:
            opened = Bundle(bundle, **{"device": "cpu", **changed})
            return build_site(opened, folder, precision, check, show_step)
    except (ValueError, OSError, ImportError) as error:
        fail(error)
    except (RuntimeError, LookupError, TypeError) as error:  # of a bundle's code, anything
        fail(error, f"{bundle}: cannot be used ({root_cause(error)}). Correct it, or what --set changes in it.")


def _report(built: Built, precision: str, served: bool) -> None:
    """Say what was written; where nothing was, the command ends with exit code 1."""
    from monai_mobileunet.reports.page import NOTICE

    if built.comparison is not None:
        with aloud():
            console.print(exports_table([built.comparison]))
    elif precision == "int8":
        say_warning(UNCOMPARED)
    if built.site is None:
        say_error(f"{precision}: {built.comparison.problem if built.comparison else 'not written'}")
        raise typer.Exit(1)
    site = built.site
    say(NOTICE)
    if not served:
        say("Any web server can serve the folder. To look at it on this machine, add --serve.")
    for remark in built.remarks:
        say_warning(remark)
    if site.wire_bytes > MUCH and precision == "float32":
        say("With --precision float16 the network is half as large, and few voxels of its masks differ.")
    loaded = f"{site.wire_bytes / 1e6:.1f} MB"
    conclude(f"{site.folder}: {site.files} files, of which a browser loads {loaded} at its first visit, compressed.")


def _listening(folder: Path, port: int) -> SiteServer:
    """The server of a site that is still to be written: a port that is in use ends the command before any work."""
    from monai_mobileunet.webpage.serving import SiteServer

    return listening(port, lambda port: SiteServer(folder, port))

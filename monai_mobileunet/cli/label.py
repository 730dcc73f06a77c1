"""MONAI Label with bundles as its models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from filelock import FileLock, Timeout

from monai_mobileunet.cli.arguments import MODEL, bundle_folder, bundle_option, input_argument
from monai_mobileunet.cli.terminal import fail, steps, stoppable
from monai_mobileunet.cli.voice import conclude
from monai_mobileunet.wording import counted

if TYPE_CHECKING:
    from monai_mobileunet.labelling import ServerEnvironment

__all__ = ["label"]

GUIDE = """
3D Slicer   Extension MONAILabel, module MONAI Label: server {url}, Next Sample (strategy uncertain), Run under Auto
            Segmentation, correct, Submit Label; Train teaches the model what was submitted.
OHIF        {ohif}
Labels      {labels}
{notice}
Ctrl-C ends it. Not a medical device; not for diagnostic use."""


def label(
    studies: Annotated[
        str | None,
        input_argument("Folder of images to annotate, or address of a DICOMweb service (http://…/dicom-web)."),
    ] = None,
    bundles: Annotated[
        list[Path] | None,
        bundle_option(f"{MODEL} It may be repeated."),
    ] = None,
    app: Annotated[
        Path,
        typer.Option(
            metavar="PATH", help="Folder for MONAI Label's app: links to the bundles or copies of them, and logs."
        ),
    ] = Path("label_app"),
    copy: Annotated[
        bool, typer.Option("--copy", help="Train a copy in the app's folder. The bundle itself is not changed.")
    ] = False,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address of this machine to listen at. The server has no password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="N", help="Port to listen at.")] = 8000,
    scoring: Annotated[
        bool, typer.Option("--scoring/--no-scoring", help="Search for uncertain images in the background, or not.")
    ] = True,
    environment: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Virtual environment that has MONAI Label; by default the one that --install makes."
        ),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Make that environment, and install MONAI Label into it.")
    ] = False,
) -> None:
    """Serve bundles with MONAI Label to annotators who use 3D Slicer or OHIF."""
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.labelling import (
        LabelServer,
        ServerEnvironment,
        ServerError,
        check_studies,
        default_environment,
        prepare_app,
    )

    server_environment = ServerEnvironment(environment or default_environment())
    python = server_environment.python
    try:
        if install:
            _install(server_environment)
        server_environment.check()
        if studies is None and install:
            conclude(f"MONAI Label is installed in {server_environment.folder}.")
            return
        if studies is None:
            raise ValueError(
                "No studies are named. Give a folder of images, or the address of a DICOMweb service, with -i."
            )
        where = check_studies(studies)
        named: list[Path | None] = [*bundles] if bundles else [None]
        folders = [bundle_folder(bundle) for bundle in named]
        modalities = {Bundle(folder).modality for folder in folders}
        if where.startswith("http") and len(modalities) > 1:
            problem = f"a DICOM server is asked for one modality, and the bundles are for {modalities}"
            raise ValueError(f"{where}: {problem}. Name one bundle.")
        app.mkdir(parents=True, exist_ok=True)
        with stoppable(), FileLock(app / ".lock", timeout=0):
            models = [path.name for path in prepare_app(app, folders, copy)]
            modality = modalities.pop()
            with LabelServer(python, app, models, where, host, port, scoring, modality) as server:
                with steps() as show_step:
                    info = server.start(show_step)
                guide = _guide(server.url, where, info, host)
                conclude(guide)
                server.wait()
    except KeyboardInterrupt:
        conclude("MONAI Label has ended.")
    except Timeout as error:
        fail(error, f"{app}: a server runs from this folder already. End it, or name another folder with --app.")
    except (OSError, ValueError, ServerError, RuntimeError) as error:
        fail(error)


def _install(environment: ServerEnvironment) -> None:
    try:
        with steps() as show_step:
            environment.install(show_step)
    except KeyboardInterrupt as error:
        fail(error, "the installation was interrupted; the same command goes on.")


def _guide(url: str, studies: str, info: dict[str, Any], host: str) -> str:
    from monai_mobileunet.labelling.server import LOOPBACK

    models = "; ".join(f"{name} ({', '.join(model['labels'])})" for name, model in info["models"].items())
    store = info["datastore"]
    web = studies.startswith("http")
    ohif = (
        f"{url}/ohif/ runs the model and shows masks; it cannot submit labels"
        if web
        else "shows images of a DICOM server only: --studies http://…/dicom-web"
    )
    labels = "go to the DICOM server" if web else f"{studies}/labels; images and states in {studies}/datastore_v2.json"
    local = host in LOOPBACK
    notice = "It has no password, and only this machine reaches it." if local else "Anyone who reaches it may use it."
    guide = GUIDE.format(url=url, ohif=ohif, labels=labels, notice=notice)
    return (
        f"MONAI Label at {url}: {models}. {counted(store['total'], 'image')}, {store['completed']} labelled.\n{guide}"
    )

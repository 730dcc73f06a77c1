"""Segment one image or thousands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monai_mobileunet.cli.terminal import bundle_folder, console, fail, log_file, overrides, say_error, stoppable

__all__ = ["segment"]

TRUST = "A bundle is code: only one you trust."
INTERRUPTED = 130


def segment(
    source: Annotated[
        Path, typer.Option("--input", "-i", help="An image, a folder with images or DICOM series, or a list.json.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for masks and report.")],
    bundle: Annotated[
        Path | None, typer.Option("--model", "-m", help=f"Folder of a trained bundle, or the name of ours. {TRUST}")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Folder of references, named as the images: Dice and more in the report.")
    ] = None,
    split: Annotated[bool, typer.Option("--split", help="One file for each class.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="One plane, no mirrored passes, no averaged groups.")] = False,
    tta: Annotated[
        bool | None, typer.Option("--tta/--no-tta", help="Mirrored passes; by default as the bundle does.")
    ] = None,
    runtime: Annotated[str | None, typer.Option(help="What executes the network; see mobileunet runtimes.")] = None,
    device: Annotated[str | None, typer.Option("--device", "-d", help="cpu, cuda, cuda:1; gpu and gpu:1 too.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Of the network on a CPU.")] = None,
    num_workers: Annotated[int, typer.Option(min=0, help="Threads that read ahead; 0: one thing at a time.")] = 1,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Slices per call of the network.")] = None,
    weights: Annotated[Path | None, typer.Option(help="In place of the bundle's models/model.pt.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="id=value of the bundle's inference.json, as often as needed.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A warning is a failure, in cases segmented now.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Segment finished cases again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
) -> None:
    """Segment images: masks on their own grids, and a report. Goes on where an earlier run stopped.

    Exit code 0: all cases have a mask; 1: some failed, or the run could not go on; 2: the command is wrong.
    Not a medical device; not for diagnostic use.
    """
    from monai_mobileunet.segmentation.session import Request, Session

    try:
        folder = bundle_folder(bundle)
    except FileNotFoundError as error:
        say_error(error)
        raise typer.Exit(2) from error
    request = Request(
        source=source,
        output=output,
        bundle=folder,
        reference=reference,
        split=split,
        fast=fast,
        tta=tta,
        runtime=runtime,
        device=device,
        threads=threads,
        num_workers=num_workers,
        batch_size=batch_size,
        weights=weights,
        overrides=overrides(changes or []),
        strict=strict,
        overwrite=overwrite,
    )
    try:
        session = Session(request)
        for line in session.summary():
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if dry_run:
            for case in session.todo:
                console.print(f"{', '.join(map(str, case.images))} → {case.output}", markup=False, highlight=False)
            return
        session.claim()
    except (ValueError, FileNotFoundError, OSError) as error:
        say_error(error)
        raise typer.Exit(2) from error
    _run(session)


def _run(session) -> None:
    from monai_mobileunet.cli.progress import case_progress
    from monai_mobileunet.segmentation.run import OutputError

    stopped = ""
    with session, log_file(session.log):
        try:
            with stoppable(), case_progress(console, len(session.todo)) as note:
                session.run(note)
        except KeyboardInterrupt:
            stopped = "interrupted; the same command goes on from here."
        except OutputError as error:
            stopped = f"{error} Make room or mend it; the same command goes on from here."
        except ModuleNotFoundError as error:
            fail(error, f"{error}. Install what it needs: pip install 'monai_mobileunet[evaluate]'")
        files = session.report()
    for row in session.failed:
        say_error(f"{row.case}: {row.problem}")
    warned = sum(bool(row.warnings) for row in session.rows)
    counts = f"{len(session.rows) - len(session.failed)} done, {len(session.failed)} failed, {warned} with warnings"
    console.print(f"{counts}. {', '.join(map(str, files))}", markup=False, highlight=False, soft_wrap=True)
    if stopped:
        say_error(stopped)
        raise typer.Exit(INTERRUPTED if stopped.startswith("interrupted") else 1)
    if session.failed:
        raise typer.Exit(1)

"""Segment one image or thousands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monai_mobileunet.cli.terminal import (
    INTERRUPTED,
    TRUST,
    bundle_folder,
    case_progress,
    console,
    log_file,
    one_of,
    overrides,
    printable,
    say_error,
    stoppable,
    well_formed,
)
from monai_mobileunet.runtimes.table import RUNTIMES

if TYPE_CHECKING:
    from monai_mobileunet.cohort.segment import ClaimedImages

__all__ = ["segment"]


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
    runtime: Annotated[
        str | None,
        typer.Option(callback=one_of(RUNTIMES), help="What executes the network; mobileunet runtimes lists them."),
    ] = None,
    device: Annotated[str | None, typer.Option("--device", "-d", help="cpu, cuda, cuda:1; gpu and gpu:1 too.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Of the network on a CPU.")] = None,
    num_workers: Annotated[int, typer.Option(min=0, help="Threads that read ahead; 0: one thing at a time.")] = 1,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Slices per call of the network.")] = None,
    weights: Annotated[Path | None, typer.Option(help="In place of the bundle's models/model.pt.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", callback=well_formed, help="id=value of the bundle's inference.json, as often as needed."
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A warning is a failure, in cases segmented now.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Segment finished cases again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
) -> None:
    """Segment images: masks on their own grids, and a report. Goes on where an earlier run stopped.

    Exit code 0: all cases have a mask; 1: some failed, or the run could not go on; 2: the command is wrong.
    Not a medical device; not for diagnostic use.
    """
    from monai_mobileunet.cohort.options import SegmentOptions
    from monai_mobileunet.cohort.segment import claim_images, describe_images, prepare_images
    from monai_mobileunet.data.errors import root_cause

    try:
        folder = bundle_folder(bundle)
    except FileNotFoundError as error:
        say_error(error)
        raise typer.Exit(2) from error
    options = SegmentOptions(
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
        prepared = prepare_images(options)
        for line in describe_images(prepared):
            console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
        if dry_run:
            for case in prepared.run.standing.todo:
                line = f"{', '.join(map(str, case.images))} → {', '.join(map(str, case.outputs))}"
                console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
            return
        claimed = claim_images(prepared)
    except (ValueError, OSError, ImportError, RuntimeError, LookupError) as error:  # of a bundle's code, anything
        say_error(error if isinstance(error, ValueError | OSError | ImportError) else root_cause(error))
        raise typer.Exit(2) from error
    with claimed.journal, log_file(prepared.run.plan.state / "run.log"):
        _carry_out(claimed)


def _carry_out(claimed: ClaimedImages) -> None:
    """Segment and report; however that ends, it ends with a sentence and a report."""
    from monai_mobileunet.cohort.guard import OutputError
    from monai_mobileunet.cohort.segment import segment_images

    prepared = claimed.prepared
    again = "The same command" + (" without --overwrite" if prepared.options.overwrite else "") + " goes on from here."
    stopped, code = "", 1
    try:
        with stoppable(), case_progress(console, len(prepared.run.standing.todo)) as show:
            segment_images(claimed, show)
    except KeyboardInterrupt:
        stopped, code = f"interrupted. {again}", INTERRUPTED
    except OutputError as error:
        stopped = f"{error} Make room or restore the place. {again}"
    if stopped:
        say_error(stopped)
    try:
        files = ", ".join(map(str, claimed.write_report()))
    except OSError as error:
        files, stopped = "", stopped or str(error)
        say_error(f"the report cannot be written: {error}")
    troubled = claimed.troubled
    for record in troubled:
        say_error(f"{record.name}: {record.trouble}")
    console.print(printable(f"{claimed.summary()}. {files}"), markup=False, highlight=False, soft_wrap=True)
    if stopped or troubled:
        raise typer.Exit(code if stopped else 1)

"""Segment one image or thousands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monai_mobileunet.cli.arguments import MODEL, Runtime, Weights, bundle_folder, overrides, set_option
from monai_mobileunet.cli.emitting import emit_script
from monai_mobileunet.cli.outcome import list_sizes, list_troubled, list_warnings
from monai_mobileunet.cli.terminal import (
    INTERRUPTED,
    case_progress,
    console,
    log_file,
    on_stderr,
    printable,
    say_error,
    stoppable,
)
from monai_mobileunet.cohort.parts.emit import Emit
from monai_mobileunet.importing import uncollected
from monai_mobileunet.output_form import OutputForm, OutputType, SegType

if TYPE_CHECKING:
    from monai_mobileunet.cohort.segment import ClaimedImages

__all__ = ["segment"]


def segment(
    context: typer.Context,
    source: Annotated[
        Path, typer.Option("--input", "-i", help="Image, folder with images or DICOM series, or list.json to segment.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the masks and the report.")],
    bundle: Annotated[Path | None, typer.Option("--model", "-m", help=MODEL)] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="Folder of references, named as the images, or SEG or RTSTRUCT of their series; for Dice."),
    ] = None,
    split: Annotated[bool, typer.Option("--split", help="Write one file for each class.")] = False,
    output_type: Annotated[
        list[OutputType],
        typer.Option(
            "--output-type",
            "-ot",
            help="Kind of file to write; may be repeated. nifti writes the format of the image where that is another; "
            "seg_nrrd is for 3D Slicer, with names and colours; dicom_seg and dicom_rtstruct need DICOM series.",
        ),
    ] = [OutputType.NIFTI],  # noqa: B006
    seg_type: Annotated[
        SegType,
        typer.Option(help="How a DICOM SEG holds its classes: binary, which viewers show, or labelmap, far smaller."),
    ] = SegType.BINARY,
    deterministic: Annotated[
        bool,
        typer.Option("--deterministic", help="Give DICOM files UIDs that follow from their content, no clock time."),
    ] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Segment in one plane, without mirrored passes and averaged groups.")
    ] = False,
    tta: Annotated[
        bool | None,
        typer.Option("--tta/--no-tta", help="Average over mirrored passes, or not; by default as the bundle says."),
    ] = None,
    runtime: Runtime = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", "-d", help="Device for the network: cpu, cuda or cuda:1; gpu and gpu:1 mean the same."
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads for the network; with --workers, of each worker.")
    ] = None,
    num_workers: Annotated[
        int, typer.Option(min=0, help="Threads that read images ahead; 0 reads and segments in turn.")
    ] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes that segment cases beside each other.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Dask cluster that segments: address of its scheduler, as tcp://node7:8786, or local."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Slices per call of the network.")] = None,
    weights: Weights = None,
    changes: Annotated[list[str] | None, set_option("Entry of inference.json to change")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Count a warning as a failure, in cases that this run segments.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Segment finished cases again.")] = False,
    bids: Annotated[
        bool, typer.Option("--bids", help="Read the input as a data set in BIDS, and write BIDS derivatives.")
    ] = False,
    participant_label: Annotated[
        list[str] | None, typer.Option(help="Participant to segment with --bids, as 01 or sub-01; may be repeated.")
    ] = None,
    bids_suffix: Annotated[
        str | None, typer.Option(help="Suffix of the images to segment with --bids, as T1w or FLAIR.")
    ] = None,
    num_parts: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Parts that the cases are dealt into, each for a process of its own; by default as the array job of a "
            "scheduler says. 1 segments all cases here.",
        ),
    ] = None,
    part_id: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Part for this process, from 0 on; by default the task of an array job of SLURM, PBS or Kubernetes.",
        ),
    ] = None,
    emit: Annotated[
        Emit | None,
        typer.Option(help="Print a script that starts --num-parts parts (by default 10) on a cluster, and stop."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be done, and stop.")] = False,
) -> None:
    """Segment images: masks on their own grids, and a report. Goes on where an earlier run stopped.

    Exit code 0: all cases have a mask; 1: some failed, or the run could not go on; 2: the command is wrong.
    Not a medical device; not for diagnostic use.
    """
    context.with_resource(on_stderr(emit is not None))  # stdout is the script's alone
    with uncollected():
        from monai_mobileunet.cohort.options import SegmentOptions
        from monai_mobileunet.cohort.prepared import describe_images, prepare_images
        from monai_mobileunet.cohort.segment import claim_images
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
        form=OutputForm(split, tuple(dict.fromkeys(output_type)), seg_type, deterministic),
        fast=fast,
        tta=tta,
        runtime=runtime,
        device=device,
        threads=threads,
        num_workers=num_workers,
        workers=workers,
        scheduler=scheduler,
        batch_size=batch_size,
        weights=weights,
        overrides=overrides(changes or []),
        strict=strict,
        overwrite=overwrite,
        bids=bids,
        participants=tuple(participant_label or ()),
        bids_suffix=bids_suffix,
        emitted=emit is not None,
        num_parts=1 if emit else num_parts,
        part_id=part_id,
    )
    try:
        if emit is not None:
            emit_script(context, emit, options, num_parts, keep=not dry_run)
            return
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
    with claimed.journal, log_file(claimed.log):
        _carry_out(claimed)


def _carry_out(claimed: ClaimedImages) -> None:
    """Segment and report; however that ends, it ends with a sentence and a report."""
    from monai_mobileunet.cohort.executors.slot import WorkerError
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
    except WorkerError as error:
        stopped = f"{error} {again}"
    if stopped:
        say_error(stopped)
    try:
        files = ", ".join(map(str, claimed.write_report()))
    except OSError as error:
        files, stopped = "", stopped or str(error)
        say_error(f"the report cannot be written: {error}")
    troubled, todo = claimed.troubled, {case.name for case in prepared.run.standing.todo}
    list_sizes([record for record in claimed.records if record.name in todo])
    list_warnings(claimed.records)
    list_troubled(troubled)
    console.print(printable(f"{claimed.summary()}. {files}"), markup=False, highlight=False, soft_wrap=True)
    if stopped or troubled:
        raise typer.Exit(code if stopped else 1)

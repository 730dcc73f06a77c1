"""Segment one image or thousands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monai_mobileunet.cli import segment_options as options
from monai_mobileunet.cli.arguments import (
    MODEL,
    AsJson,
    Runtime,
    Weights,
    bundle_folder,
    bundle_option,
    input_argument,
    output_option,
    overrides,
    set_option,
)
from monai_mobileunet.cli.emitting import emit_script
from monai_mobileunet.cli.outcome import list_sizes, list_troubled, list_warnings
from monai_mobileunet.cli.terminal import INTERRUPTED, case_progress, console, log_file, on_stderr, say_error, stoppable
from monai_mobileunet.cli.voice import conclude, document, say_plan
from monai_mobileunet.importing import uncollected
from monai_mobileunet.output_form import OutputForm, OutputType, SegType

if TYPE_CHECKING:
    from monai_mobileunet.cohort.run import PreparedRun
    from monai_mobileunet.cohort.segment import ClaimedImages

__all__ = ["segment"]

PLANNED = ("images", "outputs")
"""What a dry run tells of a case beside its name."""


def segment(
    context: typer.Context,
    source: Annotated[
        Path, input_argument("Image, folder of images or DICOM series, or list of images (list.json) to segment.")
    ],
    output: Annotated[Path, output_option("Folder for the masks and the report.")],
    bundle: Annotated[Path, bundle_option(MODEL)],
    reference: options.Reference = None,
    weights: Weights = None,
    changes: Annotated[list[str] | None, set_option("Entry of inference.json to change")] = None,
    strict: options.Strict = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: AsJson = False,
    split: options.Split = False,
    output_type: options.TypesOfFiles = [OutputType.NIFTI],  # noqa: B006
    seg_type: options.KindOfSeg = SegType.BINARY,
    deterministic: options.Deterministic = False,
    fast: options.Fast = False,
    tta: options.Tta = None,
    runtime: Runtime = None,
    device: options.Device = None,
    threads: options.Threads = None,
    num_workers: options.NumWorkers = 1,
    workers: options.Workers = None,
    batch_size: options.BatchSize = None,
    bids: options.Bids = False,
    participant_label: options.ParticipantLabel = None,
    bids_suffix: options.BidsSuffix = None,
    scheduler: options.Scheduler = None,
    num_parts: options.NumParts = None,
    part_id: options.PartId = None,
    emit: options.EmitScript = None,
) -> None:
    """Segment images: write masks on the grids of the images, and a report. Finished cases are not segmented again.

    Exit code 0: all cases have a mask. 1: some failed, or the run could not continue. 2: the command is wrong.

    Not a medical device; not for diagnostic use.
    """
    if as_json and emit is not None:
        raise typer.BadParameter("With --emit stdout is for the script. Leave one of the two out.", param_hint="--json")
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
    asked = SegmentOptions(
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
            emit_script(context, emit, asked, num_parts, keep=not dry_run)
            return
        prepared = prepare_images(asked)
        say_plan(describe_images(prepared))
        if dry_run:
            _list_todo(prepared.run)
            return
        claimed = claim_images(prepared)
    except (ValueError, OSError, ImportError, RuntimeError, LookupError) as error:  # of a bundle's code, anything
        say_error(error if isinstance(error, ValueError | OSError | ImportError) else root_cause(error))
        raise typer.Exit(2) from error
    with claimed.journal, log_file(claimed.log):
        _carry_out(claimed)


def _list_todo(run: PreparedRun) -> None:
    """Print what a run would do: each image that it would segment, and the files that it would write."""
    todo = run.standing.todo
    for case in todo:
        conclude(f"{', '.join(map(str, case.images))} → {', '.join(map(str, case.outputs))}")
    cases = [{"case": case.name, **{key: list(map(str, getattr(case, key))) for key in PLANNED}} for case in todo]
    document.write({"output": str(run.plan.output), "finished": len(run.standing.finished), "todo": cases})


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
        written = claimed.write_report()
        files = ", ".join(map(str, written))
        if document.wanted:
            document.write(written[0].read_text(encoding="utf-8"))
    except OSError as error:
        files, stopped = "", stopped or str(error)
        say_error(f"the report cannot be written: {error}")
    troubled, todo = claimed.troubled, {case.name for case in prepared.run.standing.todo}
    list_sizes([record for record in claimed.records if record.name in todo])
    list_warnings(claimed.records)
    list_troubled(troubled)
    conclude(f"{claimed.summary()}. {files}")
    if stopped or troubled:
        raise typer.Exit(code if stopped else 1)

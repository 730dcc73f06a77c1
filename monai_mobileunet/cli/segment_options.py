"""The options of ``mobileunet segment`` that no other command has, in groups as its help shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from monai_mobileunet.cohort.parts.emit import Emit
from monai_mobileunet.output_form import OutputType, SegType

__all__ = [
    "BatchSize",
    "Bids",
    "BidsSuffix",
    "Deterministic",
    "Device",
    "DryRun",
    "EmitScript",
    "Fast",
    "KindOfSeg",
    "NumParts",
    "NumWorkers",
    "Overwrite",
    "PartId",
    "ParticipantLabel",
    "Reference",
    "Scheduler",
    "Split",
    "Strict",
    "Threads",
    "Tta",
    "TypesOfFiles",
    "Workers",
]


def _option(group: str, help: str, *spellings: str, **settings: Any) -> Any:
    return typer.Option(*spellings, help=help, rich_help_panel=group, **settings)


Reference = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Folder of references to measure Dice with. They have the names of the images, or are the SEG or RTSTRUCT "
        "of their series.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Count a warning as a failure, in the cases that this run segments.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Segment finished cases again.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would be done, and stop.")]

FILES = "Files to write"
Split = Annotated[bool, _option(FILES, "Write one file for each class.", "--split")]
TypesOfFiles = Annotated[
    list[OutputType],
    _option(
        FILES,
        "Type of the files to write: nifti, seg_nrrd (for 3D Slicer, with names and colours), dicom_seg or "
        "dicom_rtstruct. It may be repeated. With nifti an image in another format gets its mask in that format. The "
        "DICOM types need DICOM series.",
        "--output-type",
        "-ot",
        metavar="TYPE",
    ),
]
KindOfSeg = Annotated[
    SegType,
    _option(
        FILES, "Type of a DICOM SEG: binary, which viewers show, or labelmap, which is far smaller.", metavar="TYPE"
    ),
]
Deterministic = Annotated[
    bool,
    _option(FILES, "Write DICOM files without a time, and with UIDs that follow from the content.", "--deterministic"),
]

SPEED = "Quality and speed"
Fast = Annotated[bool, _option(SPEED, "Segment in one plane, without mirrored passes and averaged groups.", "--fast")]
Tta = Annotated[
    bool | None,
    _option(SPEED, "Average over mirrored passes, or not; by default as the bundle says.", "--tta/--no-tta"),
]
Device = Annotated[
    str | None,
    _option(
        SPEED,
        "Device for the network: cpu, cuda, or cuda:1 for the second GPU. gpu means cuda.",
        "--device",
        "-d",
        metavar="NAME",
    ),
]
Threads = Annotated[
    int | None,
    _option(SPEED, "Number of CPU threads for the network; with --workers for each worker.", min=1, metavar="N"),
]
NumWorkers = Annotated[
    int,
    _option(SPEED, "Number of threads that read images ahead. 0 reads and segments in turn.", min=0, metavar="N"),
]
Workers = Annotated[
    int | None, _option(SPEED, "Number of processes that segment cases at the same time.", min=1, metavar="N")
]
BatchSize = Annotated[int | None, _option(SPEED, "Number of slices in one call of the network.", min=1, metavar="N")]

BIDS = "BIDS"
Bids = Annotated[bool, _option(BIDS, "Read INPUT as a data set in BIDS, and write BIDS derivatives.", "--bids")]
ParticipantLabel = Annotated[
    list[str] | None,
    _option(BIDS, "Participant to segment with --bids, as 01 or sub-01. It may be repeated.", metavar="LABEL"),
]
BidsSuffix = Annotated[
    str | None, _option(BIDS, "Suffix of the images to segment with --bids, as T1w or FLAIR.", metavar="SUFFIX")
]

CLUSTERS = "Clusters"
Scheduler = Annotated[
    str | None,
    _option(
        CLUSTERS,
        "Address of the scheduler of a Dask cluster, as tcp://node7:8786; or local, for a cluster on this machine.",
        metavar="ADDRESS",
    ),
]
NumParts = Annotated[
    int | None,
    _option(
        CLUSTERS,
        "Number of parts that the cases are dealt into, each for a process of its own. By default an array job of a "
        "scheduler sets it. 1 segments all cases here.",
        min=1,
        metavar="N",
    ),
]
PartId = Annotated[
    int | None,
    _option(
        CLUSTERS,
        "Number of the part for this process, from 0. By default the task of an array job of SLURM, PBS or Kubernetes "
        "sets it.",
        min=0,
        metavar="N",
    ),
]
EmitScript = Annotated[
    Emit | None,
    _option(CLUSTERS, "Print a script that starts --num-parts parts (by default 10) on a cluster, and stop."),
]

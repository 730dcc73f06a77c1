"""The options of ``mobileunet plan`` that no other command has, and what is typed after them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from monai_mobileunet.cli.arguments import PLANES, TRUST, duration, none_of
from monai_mobileunet.cli.completion import complete_bundle, complete_from
from monai_mobileunet.modality import check_modality

__all__ = [
    "AnnotatedSlicesOnly",
    "Apply",
    "Budget",
    "Explain",
    "LeaveOut",
    "Like",
    "Modality",
    "Origin",
    "Planes",
    "Spacing",
    "Subject",
    "Subjects",
    "parse_modality",
    "parse_planes",
    "parse_spacing",
]

Modality = Annotated[str, typer.Option(metavar="CODE", help="Modality of the images by its DICOM code: CT, MR, PT, …")]
Budget = Annotated[
    float, typer.Option(parser=duration, metavar="TIME", help="Time that the training may take, as 90s, 30m or 2h.")
]
Spacing = Annotated[
    str | None,
    typer.Option(metavar="MM", help="Target spacing in mm to the right, the front and the head, as 1,1,2.5."),
]
Like = Annotated[Path | None, typer.Option(metavar="IMAGE", help="Image whose spacing is the target.")]
Planes = Annotated[
    str,
    typer.Option(
        metavar="PLANES",
        help="Planes of the slices: axial, coronal or sagittal, or several of them with commas.",
        autocompletion=complete_from(PLANES),
    ),
]
Subject = Annotated[
    str,
    typer.Option(metavar="REGEX", help="Regular expression whose first group finds the subject in the name of a case."),
]
Subjects = Annotated[
    Path | None,
    typer.Option(metavar="TABLE", help="Table (CSV or TSV) with the columns case and subject, in place of --subject."),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option("--leave-out", metavar="CASE", help="Name of a case that is not used. It may be repeated."),
]
AnnotatedSlicesOnly = Annotated[
    bool, typer.Option("--annotated-slices-only", help="Read slices without any label as unknown, not as background.")
]
Origin = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="BUNDLE",
        help="Folder or name of a bundle to start from. The plan keeps its decisions where the data allow it, and the "
        f"training starts from its weights. {TRUST}",
        autocompletion=complete_bundle,
    ),
]
Apply = Annotated[
    Path | None,
    typer.Option(
        metavar="BUNDLE", help="Folder of a bundle whose files are written again as its plan.json says, without INPUT."
    ),
]
Explain = Annotated[
    str, typer.Option(metavar="DECISION", help="Decision to explain by its value, its reason and its rule.")
]


def parse_spacing(text: str | None) -> tuple[float, float, float] | None:
    """mm along the axes of the body; one number stands for all three."""
    if text is None:
        return None
    try:
        values = [float(part) for part in re.split(r"[,x×\s]+", text.strip())]
    except ValueError:
        values = []
    values = values * 3 if len(values) == 1 else values
    if len(values) != 3 or not all(0 < value < 1000 for value in values):
        problem = f"{text!r} is no spacing; write mm to the right, the front and the head, as 1,1,2.5."
        raise typer.BadParameter(problem, param_hint="--spacing")
    return values[0], values[1], values[2]


def parse_modality(text: str) -> str:
    """DICOM's code of a modality; empty if none is typed."""
    try:
        return check_modality(text) if text else ""
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--modality") from error


def parse_planes(text: str) -> tuple[str, ...]:
    """Planes, however they are separated."""
    planes = tuple(filter(None, re.split(r"[,\s]+", text)))
    if unknown := [plane for plane in planes if plane not in PLANES]:
        raise typer.BadParameter(none_of(unknown[0], PLANES), param_hint="--planes")
    return planes

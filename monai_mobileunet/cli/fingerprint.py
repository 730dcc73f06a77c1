"""What a bundle was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from monai_mobileunet.cli.terminal import TRUST, console, fail

__all__ = ["fingerprint"]


def fingerprint(
    bundle: Annotated[Path, typer.Argument(help=f"Folder of a bundle. {TRUST}")],
    dataset: Annotated[Path, typer.Argument(help="Data set that it was trained on.")],
    modality: Annotated[str, typer.Option(help="DICOM's code of the modality: CT, MR, PT, …")],
) -> None:
    """Measure what a bundle was trained on, and write it to its metadata.json: other images then get a warning."""
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.bundle.training_range import check_modality, measure_range
    from monai_mobileunet.data import find_all_cases

    try:
        code = check_modality(modality)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--modality") from error
    try:
        opened = Bundle(bundle, device="cpu")
        cases = find_all_cases(dataset)
        shown = track([case["image"] for case in cases], "reading", console=console, disable=not console.is_terminal)
        labels, num_classes = [case["label"] for case in cases], len(opened.class_names) + 1
        measured = measure_range(shown, opened.preprocessing, code, labels, num_classes)
        opened.add_metadata("training_data", measured)
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    console.print_json(data=opened.metadata["training_data"])

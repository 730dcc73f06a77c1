"""What a bundle was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from monai_mobileunet.cli.arguments import TRUST
from monai_mobileunet.cli.terminal import console, fail
from monai_mobileunet.modality import check_modality

__all__ = ["fingerprint"]


def fingerprint(
    bundle: Annotated[Path, typer.Argument(help=f"Folder of a bundle. {TRUST}")],
    dataset: Annotated[Path, typer.Argument(help="Data set that the bundle was trained on.")],
    modality: Annotated[str, typer.Option(help="Modality of the images, as DICOM's code: CT, MR, PT, …")],
) -> None:
    """Measure what a bundle was trained on, and write it to its metadata.json: other images then get a warning."""
    try:
        code = check_modality(modality)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--modality") from error
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.bundle.training_range import measure_range
    from monai_mobileunet.data import find_all_cases
    from monai_mobileunet.data.datasets.described import find_ignored
    from monai_mobileunet.data.datasets.labels import LABELLED

    try:
        opened = Bundle(bundle, device="cpu")
        cases = find_all_cases(dataset)
        shown = track([case["image"] for case in cases], "reading", console=console, disable=not console.is_terminal)
        whole = not opened.unannotated(dataset) and find_ignored(dataset) is None
        whole_cases = [case for case in cases if whole and LABELLED not in case]
        labels, num_classes = [case["label"] for case in whole_cases], len(opened.class_names) + 1
        measured = measure_range(shown, opened.preprocessing, code, labels, num_classes)
        opened.add_metadata("training_data", measured)
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    console.print_json(data=opened.metadata["training_data"])

"""What a bundle was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from monai_mobileunet.cli.arguments import BundleArgument, input_argument, named_bundle
from monai_mobileunet.cli.terminal import aloud, console, fail
from monai_mobileunet.cli.voice import shows_progress
from monai_mobileunet.modality import check_modality

__all__ = ["fingerprint"]


def fingerprint(
    bundle: BundleArgument,
    source: Annotated[Path, input_argument("Data set that the bundle was trained on.")],
    modality: Annotated[
        str, typer.Option(metavar="CODE", help="Modality of the images by its DICOM code: CT, MR, PT, …")
    ],
) -> None:
    """Measure the data set that a bundle was trained on, and write the result to its metadata.json.

    Images that are unlike these then get a warning.
    """
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
        opened = Bundle(named_bundle(bundle), device="cpu")
        cases = find_all_cases(source)
        shown = track([case["image"] for case in cases], "reading", console=console, disable=not shows_progress())
        whole = not opened.unannotated(source) and find_ignored(source) is None
        whole_cases = [case for case in cases if whole and LABELLED not in case]
        labels, num_classes = [case["label"] for case in whole_cases], len(opened.class_names) + 1
        measured = measure_range(shown, opened.preprocessing, code, labels, num_classes)
        opened.add_metadata("training_data", measured)
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    with aloud():
        console.print_json(data=opened.metadata["training_data"])

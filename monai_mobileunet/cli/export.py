"""A bundle's network in other formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from monai_mobileunet.cli.arguments import (
    BundleArgument,
    choice_option,
    input_argument,
    named_bundle,
    overrides,
    set_option,
)
from monai_mobileunet.cli.terminal import aloud, console, fail, say_error, steps
from monai_mobileunet.importing import uncollected
from monai_mobileunet.runtimes.formats import FORMATS

if TYPE_CHECKING:
    from monai_mobileunet.bundle.export import ExportResult

__all__ = ["export", "exports_table"]


def export(
    bundle: BundleArgument,
    data: Annotated[Path, input_argument("Folder of images such as the bundle segments, on which masks are compared.")],
    formats: Annotated[
        list[str] | None,
        choice_option(
            FORMATS,
            "--format",
            "-f",
            metavar="FORMAT",
            help=f"Format to write: {', '.join(FORMATS)}. It may be repeated; all are written by default.",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File of weights to export in place of models/model.pt. The exports lie beside it."
        ),
    ] = None,
    changes: Annotated[list[str] | None, set_option("Entry of inference.json that the training changed")] = None,
) -> None:
    """Export a bundle's network to other formats, and compare its masks with those of torch.

    A network whose masks differ too much is not written. Exit code 0: all formats were written. 1: some were not, or
    INPUT cannot be read. 2: the command is wrong.
    """
    with uncollected():
        from monai_mobileunet.bundle import Bundle
        from monai_mobileunet.bundle.export import export_bundle

    bundle = named_bundle(bundle)
    kinds = list(FORMATS) if formats is None else formats
    changed = overrides(changes or [], bundle, "inference.json") | (
        {"ckpt_path": str(weights.resolve())} if weights else {}
    )
    try:
        with steps() as show_step:
            opened = Bundle(bundle, **{"device": "cpu", "dataset_dir": str(data), **changed})
            results = export_bundle(opened, data, kinds, show_step)
    except (ValueError, OSError) as error:
        fail(error)
    with aloud():
        console.print(exports_table(results))
    for result in results:
        if result.problem:
            say_error(f"{result.kind}: {result.problem}")
    if any(result.problem for result in results):
        raise typer.Exit(1)


def exports_table(results: Sequence[ExportResult]) -> Table:
    """How exported networks differ from torch."""
    table = Table("format", "files", "largest difference", "voxels changed", "Dice to torch", title="Parity with torch")
    for result in results:
        parity = result.parity
        if parity is None:
            table.add_row(result.kind, "none")
            continue
        files = ", ".join(path.name for path in result.files) or "none"
        difference = f"{parity.largest_difference:.2g} of {parity.largest_score:.3g}"
        changed = f"{parity.changed_voxels:,} of {parity.voxels:,}"
        dice = ", ".join("absent" if value is None else f"{value:.4f}" for value in parity.dice)
        table.add_row(result.kind, files, difference, changed, dice)
    return table

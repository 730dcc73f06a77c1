"""Commands and options; what they do lies elsewhere."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

import monai_mobileunet
from monai_mobileunet.networks import VARIANTS, create_network
from monai_mobileunet.networks.info import NetworkInfo, network_info

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()
PROJECT = Path(__file__).resolve().parent.parent


def _version(show: bool) -> None:
    if show:
        console.print(monai_mobileunet.__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, help="Show the version and stop.")] = False,
) -> None:
    """Light-weight segmentation of CT and MRI volumes with MONAI. Not a medical device; not for diagnostic use."""


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for all that is made.")] = Path("demo_output"),
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Task of the Medical Segmentation Decathlon, in place of the template."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="How long to train.")] = 25,
    project: Annotated[Path, typer.Option(help="Checkout with bundles/ and configs/.")] = PROJECT,
) -> None:
    """Train on a small cohort, segment what was held out, show Dice and pictures."""
    from monai_mobileunet.data import DataError
    from monai_mobileunet.demo import run_demo

    if not (project / "bundles").is_dir():
        raise typer.BadParameter(f"{project} has no bundles/; name a checkout of the project.", param_hint="--project")
    try:
        run_demo(output, project, data, epochs, console)
    except (DataError, ModuleNotFoundError) as error:
        console.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    except subprocess.CalledProcessError as error:
        console.print("error: the step above failed; its message stands there.", style="red")
        raise typer.Exit(1) from error


@app.command()
def check(
    dataset: Annotated[Path, typer.Argument(help="Training set: a Decathlon folder, or one with images/ and labels/.")],
    num_classes: Annotated[int, typer.Option(min=2, help="Classes, the background included.")],
) -> None:
    """Open every image and label of a training set and list what is wrong. Exit code 1 if anything is."""
    from monai_mobileunet.data import DataError, load_cases

    try:
        cases = load_cases(str(dataset), part="all", num_classes=num_classes)
    except DataError as error:
        console.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(f"{len(cases)} cases, nothing wrong.")


@app.command()
def info(
    variant: Annotated[str | None, typer.Argument(help="A named network; without it, the table of all.")] = None,
    size: Annotated[int, typer.Option(min=1, help="Pixels along each side of the image that MACs are for.")] = 256,
    in_channels: Annotated[int, typer.Option(min=1, help="Channels of the image.")] = 1,
    out_channels: Annotated[int, typer.Option(min=1, help="Classes, the background included.")] = 2,
    spatial_dims: Annotated[int, typer.Option(min=2, max=3, help="2 for slices, 3 for volumes.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
) -> None:
    """Show the named networks: parameters, multiply-accumulates (MACs) and receptive field."""
    if variant is not None and variant not in VARIANTS:
        raise typer.BadParameter(f"{variant!r} is none of {', '.join(VARIANTS)}.", param_hint="VARIANT")
    names = list(VARIANTS) if variant is None else [variant]
    infos = {
        name: network_info(create_network(name, spatial_dims, in_channels, out_channels), size)
        for name in track(names, "measuring", console=Console(stderr=True), transient=True)
    }
    if as_json:
        print(json.dumps({name: {"summary": VARIANTS[name].summary, **i.as_dict()} for name, i in infos.items()}))
    elif variant is None:
        console.print(_variants_table(infos))
    else:
        console.print(f"{variant}: {VARIANTS[variant].summary}", highlight=False)
        if VARIANTS[variant].source:
            console.print(VARIANTS[variant].source, highlight=False, style="dim")
        console.print(_groups_table(infos[variant]))


def _variants_table(infos: dict[str, NetworkInfo]) -> Table:
    size = "×".join(map(str, next(iter(infos.values())).size))
    table = Table("variant", "parameters", f"GMAC at {size}", "receptive field")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, info in infos.items():
        table.add_row(name, f"{info.parameters:,}", f"{info.macs / 1e9:.3f}", _field(info))
    return table


def _groups_table(info: NetworkInfo) -> Table:
    caption = f"receptive field {_field(info)}; heads for deep supervision are counted in the total only"
    table = Table("layers", "parameters", "MMAC", "share of the MACs", caption=caption, show_footer=True)
    for column in table.columns[1:]:
        column.justify = "right"
    for group in info.groups:
        table.add_row(group.name, f"{group.parameters:,}", f"{group.macs / 1e6:.1f}", f"{group.macs / info.macs:.1%}")
    footers = ("total", f"{info.parameters:,}", f"{info.macs / 1e6:.1f}", "")
    for column, footer in zip(table.columns, footers, strict=True):
        column.footer = footer
    return table


def _field(info: NetworkInfo) -> str:
    if info.receptive_field is None:
        return "whole image" if len(info.size) == 2 else "as in 2D"
    return f"{info.receptive_field} px"

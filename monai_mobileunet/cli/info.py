"""What networks there are."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from monai_mobileunet.cli.arguments import none_of
from monai_mobileunet.cli.completion import complete_from
from monai_mobileunet.cli.terminal import console, printable
from monai_mobileunet.shipped import shipped_bundles, shipped_folder

if TYPE_CHECKING:
    from monai_mobileunet.networks.info import NetworkInfo

__all__ = ["groups_table", "info", "variants_table"]


def _complete_network(incomplete: str) -> list[str]:
    from monai_mobileunet.networks.variants import VARIANTS

    return complete_from(VARIANTS)(incomplete)


def info(
    variant: Annotated[
        str | None,
        typer.Argument(
            metavar="NETWORK", help="Name of a network; by default all are listed.", autocompletion=_complete_network
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Pixels along each side of the image for which MACs are counted; 256 by default."
        ),
    ] = None,
    in_channels: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of channels of the image; 1 by default.")
    ] = None,
    out_channels: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of classes, the background included; 2 by default."),
    ] = None,
    spatial_dims: Annotated[
        int | None,
        typer.Option(
            min=2, max=3, metavar="N", help="Dimensions of the image: 2 for slices (by default), or 3 for volumes."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
) -> None:
    """Show the named networks with their parameters, multiply-accumulates (MACs) and receptive field.

    With --json alone the arguments of each network are listed. With a name or another option they are measured.
    """
    from monai_mobileunet.networks.variants import VARIANTS

    if variant is not None and variant not in VARIANTS:
        raise typer.BadParameter(none_of(variant, VARIANTS), param_hint="NETWORK")
    if as_json and (variant, size, in_channels, out_channels, spatial_dims) == (None,) * 5:
        print(json.dumps({name: asdict(row) for name, row in VARIANTS.items()}))
        return
    names = list(VARIANTS) if variant is None else [variant]
    infos = _measured(names, size or 256, in_channels or 1, out_channels or 2, spatial_dims or 2)
    if as_json:
        print(json.dumps({name: {"summary": VARIANTS[name].summary, **i.as_dict()} for name, i in infos.items()}))
    elif variant is None:
        console.print(variants_table(infos))
        for line in _shipped():
            console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    else:
        console.print(f"{variant}: {VARIANTS[variant].summary}", highlight=False)
        if VARIANTS[variant].source:
            console.print(VARIANTS[variant].source, highlight=False, style="dim")
        console.print(groups_table(infos[variant]))


def _shipped() -> list[str]:
    """Where the bundles and fragments lie that come with the package."""
    fragments = shipped_folder() / "configs"
    names = ", ".join(sorted(path.name for path in fragments.glob("*.json")))
    return [
        f"Bundles for -m, in {shipped_folder() / 'bundles'}: {', '.join(shipped_bundles())}",
        f"Fragments of configs, in {fragments}: {names}",
    ]


def _measured(
    names: list[str], size: int, in_channels: int, out_channels: int, spatial_dims: int
) -> dict[str, NetworkInfo]:
    from monai_mobileunet.networks import create_network
    from monai_mobileunet.networks.info import network_info

    return {
        name: network_info(create_network(name, spatial_dims, in_channels, out_channels), size)
        for name in track(names, "measuring", console=Console(stderr=True), transient=True)
    }


def variants_table(infos: dict[str, NetworkInfo]) -> Table:
    """The named networks, a row each."""
    size = "×".join(map(str, next(iter(infos.values())).size))
    table = Table("variant", "parameters", f"GMAC at {size}", "receptive field")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, info in infos.items():
        table.add_row(name, f"{info.parameters:,}", f"{info.macs / 1e9:.3f}", _field(info))
    return table


def groups_table(info: NetworkInfo) -> Table:
    """What a network is made of."""
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

"""Networks: what there is, and what runs them."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from monai_mobileunet.cli.tables import groups_table, variants_table
from monai_mobileunet.cli.terminal import console
from monai_mobileunet.networks import VARIANTS, create_network
from monai_mobileunet.networks.info import network_info

__all__ = ["info", "runtimes"]


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
        console.print(variants_table(infos))
    else:
        console.print(f"{variant}: {VARIANTS[variant].summary}", highlight=False)
        if VARIANTS[variant].source:
            console.print(VARIANTS[variant].source, highlight=False, style="dim")
        console.print(groups_table(infos[variant]))


def runtimes() -> None:
    """List what can execute a network, and what is installed."""
    from monai_mobileunet.runtimes import RUNTIMES
    from monai_mobileunet.runtimes.table import missing_packages

    table = Table("runtime", "", "here")
    for name, spec in RUNTIMES.items():
        missing = missing_packages(name, conversion=False)
        table.add_row(name, spec.summary, escape(f"pip install 'monai_mobileunet[{spec.extra}]'") if missing else "yes")
    console.print(table)

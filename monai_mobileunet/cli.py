"""Commands and options; what they do lies elsewhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

import monai_mobileunet
from monai_mobileunet.export.formats import FORMATS
from monai_mobileunet.networks import VARIANTS, create_network
from monai_mobileunet.networks.info import NetworkInfo, network_info

if TYPE_CHECKING:
    from monai_mobileunet.export import ExportResult

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
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
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
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(f"{len(cases)} cases, nothing wrong.")


@app.command()
def export(
    bundle: Annotated[Path, typer.Argument(help="Folder of a trained bundle. A bundle is code: only one you trust.")],
    data: Annotated[Path, typer.Option("--data", help="Folder of images such as it segments, to compare masks on.")],
    formats: Annotated[
        list[str] | None, typer.Option("--format", "-f", help=f"One or more of {', '.join(FORMATS)}; all without it.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="In place of models/model.pt; what is exported lies beside them.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="What the training changed: id=value of inference.json, as often as needed."),
    ] = None,
) -> None:
    """Write a bundle's network in other formats, and only what gives the masks that torch gives."""
    from monai_mobileunet.bundle import Bundle
    from monai_mobileunet.export import export_bundle

    kinds = list(FORMATS) if formats is None else formats
    unknown = [kind for kind in kinds if kind not in FORMATS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(FORMATS)}.", param_hint="--format")
    overrides = _overrides(changes or []) | ({"ckpt_path": str(weights.resolve())} if weights else {})
    try:
        with _steps() as note:
            opened = Bundle(bundle, **{"device": "cpu", "dataset_dir": str(data), **overrides})
            results = export_bundle(opened, data, kinds, note)
    except (ValueError, FileNotFoundError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(_exports_table(results))
    for result in results:
        if result.problem:
            console.print(
                f"error: {result.kind}: {result.problem}", style="red", markup=False, highlight=False, soft_wrap=True
            )
    if any(result.problem for result in results):
        raise typer.Exit(1)


@app.command()
def runtimes() -> None:
    """List what can execute a network, and what is installed."""
    from monai_mobileunet.runtimes import RUNTIMES
    from monai_mobileunet.runtimes.table import missing_packages

    table = Table("runtime", "", "here")
    for name, spec in RUNTIMES.items():
        missing = missing_packages(name, conversion=False)
        table.add_row(name, spec.summary, escape(f"pip install 'monai_mobileunet[{spec.extra}]'") if missing else "yes")
    console.print(table)


@app.command()
def bench(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is measured.")] = Path("bench_output"),
    bundle: Annotated[Path | None, typer.Option(help="A trained bundle: masks in lower precision, stages.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of images such as it segments.")] = None,
    dice: Annotated[
        Path | None, typer.Option(help="JSON file, network: Dice of a trained one; time is then drawn against it too.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu; or cuda, where only torch is measured.")] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="Fewer networks and turns: does it run?")] = False,
) -> None:
    """Measure speed and memory against other networks, all in one run on this machine."""
    from monai_mobileunet.benchmarks import run_benchmarks
    from monai_mobileunet.benchmarks.report import draw_pareto, print_report
    from monai_mobileunet.bundle import Bundle

    if (bundle is None) != (data is None):
        raise typer.BadParameter("--bundle and --data go together.", param_hint="--bundle")
    try:
        known_dice = json.loads(dice.read_text()) if dice else None
        opened = None
        if bundle is not None:
            opened = Bundle(bundle, dataset_dir=str(data), output_dir=str(output / "masks"), device="cpu")
        with _steps() as note:
            results = run_benchmarks(output, opened, data, quick, device, note)
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    print_report(results, console)
    with (output / "report.txt").open("w") as file:
        print_report(results, Console(file=file, width=160))
    draw_pareto(results, output / "pareto.png", known_dice)
    console.print(
        ", ".join(str(output / name) for name in ("report.txt", "results.json", "pareto.png")), soft_wrap=True
    )


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


def _overrides(changes: Sequence[str]) -> dict[str, Any]:
    """``id=value`` as MONAI's command line takes them: values in JSON, or else as text."""
    overrides = {}
    for change in changes:
        name, found, value = change.partition("=")
        if not found:
            raise typer.BadParameter(f"{change!r} is not id=value.", param_hint="--set")
        try:
            overrides[name] = json.loads(value)
        except json.JSONDecodeError:
            overrides[name] = value
    return overrides


@contextmanager
def _steps() -> Iterator[Callable[[str], None]]:
    """Show the step that runs: in place on a terminal, line by line elsewhere."""
    if not console.is_terminal:
        yield console.print
        return
    with console.status("starting") as status:
        yield status.update


def _exports_table(results: Sequence[ExportResult]) -> Table:
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

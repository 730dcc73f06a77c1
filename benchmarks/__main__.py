"""``python -m benchmarks``: speed and accuracy beside other networks, in one run on this machine."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from monai_mobileunet.cli.arguments import duration, overrides, set_option
from monai_mobileunet.cli.terminal import SafeGroup, console, fail, log_file, steps

__all__ = ["app"]

app = typer.Typer(cls=SafeGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def speed(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("bench_output"),
    bundle: Annotated[
        Path | None,
        typer.Option(help="Folder of a trained bundle, to compare its masks in lower precision and time its stages."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of images such as the bundle segments.")] = None,
    dice: Annotated[
        Path | None,
        typer.Option(help="JSON file with the Dice of trained networks by name, to draw time against Dice."),
    ] = None,
    device: Annotated[str, typer.Option(help="Device to measure on: cpu, or cuda for torch alone.")] = "cpu",
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure fewer networks in fewer turns, to see that it runs.")
    ] = False,
) -> None:
    """Measure speed and memory against other networks, all in one run on this machine."""
    if (bundle is None) != (data is None):
        raise typer.BadParameter("--bundle and --data go together.", param_hint="--bundle")
    from benchmarks import run_benchmarks
    from benchmarks.report import draw_pareto, print_report
    from monai_mobileunet.bundle import Bundle

    try:
        known_dice = json.loads(dice.read_text(encoding="utf-8")) if dice else None
        opened = None
        if bundle is not None:
            opened = Bundle(bundle, dataset_dir=str(data), output_dir=str(output / "masks"), device="cpu")
        with steps() as show_step:
            results = run_benchmarks(output, opened, data, quick, device, show_step)
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        fail(error)
    print_report(results, console)
    with (output / "report.txt").open("w", encoding="utf-8") as file:
        print_report(results, Console(file=file, width=160))
    draw_pareto(results, output / "pareto.png", known_dice)
    console.print(
        ", ".join(str(output / name) for name in ("report.txt", "results.json", "pareto.png")), soft_wrap=True
    )


@app.command()
def accuracy(
    bundle: Annotated[Path, typer.Argument(help="Bundle whose recipe trains each network. A bundle is code.")],
    dataset: Annotated[Path, typer.Argument(help="Data set to train on, split as the bundle's train.json says.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the results; those of an earlier run are kept.")
    ] = Path("accuracy_output"),
    networks: Annotated[
        list[str] | None, typer.Option("--network", help="Network to train; may be repeated; all by default.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs to train each network, in place of the recipe's.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            parser=duration,
            metavar="TIME",
            help="Time for each training, as 30m: each network gets as many epochs as fit, by steps timed beforehand.",
        ),
    ] = None,
    fold: Annotated[int, typer.Option(min=0, help="Number of the fold that validates.")] = 0,
    changes: Annotated[list[str] | None, set_option("Entry of train.json to change")] = None,
) -> None:
    """Train a bundle's network and others by one recipe, and compare Dice with what it costs. Takes hours."""
    if epochs is not None and budget is not None:
        raise typer.BadParameter("Give one of --epochs and --budget.", param_hint="--budget")
    try:
        from benchmarks.accuracy import compare_networks
        from benchmarks.accuracy.peers import OURS
        from benchmarks.accuracy.report import accuracy_table, draw_accuracy
        from benchmarks.networks import PEERS

        changed = overrides(changes or [], bundle, "train.json", merged=True)
        with log_file(output / "accuracy.log"), steps() as show_step:
            rows = compare_networks(
                bundle, dataset, output, networks or (OURS, *PEERS), epochs, budget, fold, changed, show_step
            )
    except ModuleNotFoundError as error:
        fail(error, f"{error}. Install what it needs: pip install 'monai_mobileunet[train,evaluate]'")
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    except subprocess.CalledProcessError as error:
        fail(error, f"a training failed; its log is named in {output / 'accuracy.log'}.")
    console.print(accuracy_table(rows))
    with (output / "report.txt").open("w", encoding="utf-8") as file:
        Console(file=file, width=160).print(accuracy_table(rows))
    draw_accuracy(rows, output / "pareto.png")
    console.print(
        ", ".join(str(output / name) for name in ("report.txt", "results.json", "pareto.png")), soft_wrap=True
    )


@app.command()
def dicom(
    label: Annotated[Path, typer.Argument(help="NIfTI file of class numbers, of real structures.")],
) -> None:
    """Write masks as DICOM on every way that a series can lie, and see what others read; and what a large one costs."""
    from benchmarks.dicom_geometry import cost_table, geometry_table

    try:
        console.print(geometry_table(label))
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        fail(error)
    console.print(cost_table())


@app.command()
def web(
    bundle: Annotated[Path, typer.Argument(help="Folder of a trained bundle. A bundle is code.")],
    data: Annotated[Path, typer.Argument(help="Folder of images such as it segments, or one image.")],
    precision: Annotated[str, typer.Option(help="Weights of the page: float32, float16 or int8.")] = "float32",
    limit: Annotated[int, typer.Option(min=1, help="Number of images, spread evenly over the folder.")] = 5,
    query: Annotated[str, typer.Option(help="How the page runs, as its address says it.")] = "provider=wasm&threads=1",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for the results.")] = None,
) -> None:
    """Segment images in the page of mobileunet web, in Chromium, and compare with ONNX Runtime on one thread."""
    from monai.utils import ensure_tuple

    from benchmarks.web import measure_images, measure_slice, write_results
    from monai_mobileunet.data import find_images

    try:
        images = [[Path(path) for path in ensure_tuple(case["image"])] for case in find_images(data)]
        chosen = [images[index * len(images) // limit] for index in range(min(limit, len(images)))]
        with steps() as show_step:
            wire, cases = measure_images(bundle, chosen, precision, show_step, query)
            show_step("a single slice")
            slice_time = measure_slice(bundle)
    except (ValueError, FileNotFoundError, ModuleNotFoundError, RuntimeError) as error:
        fail(error)
    columns = ("page, s", "shown, s", "native, s", "ratio", "page, MiB", "drawing, MiB")
    table = Table("image", "shape", "voxels that differ", *columns)
    for case in cases:
        differing = f"{case.differing:,} of {case.voxels:,}"
        ratio = f"{case.page_seconds / case.native_seconds:.1f}"
        seconds = f"{case.page_seconds:.1f}", f"{case.shown_seconds:.1f}", f"{case.native_seconds:.2f}", ratio
        memory = f"{case.page_mib:.0f}", f"{case.drawing_mib:.0f}"
        table.add_row(case.image, "×".join(map(str, case.shape)), differing, *seconds, *memory)
    console.print(table)
    console.print(f"On the wire: {wire / 1e6:.2f} MB, weights in {precision}.")
    times = slice_time.page / slice_time.native
    console.print(
        f"A slice of 256×256 in mobileunet_small: {slice_time.page:.1f} ms in the page, {slice_time.native:.1f} ms "
        f"native, {times:.1f} times."
    )
    if output is not None:
        write_results(output, wire, cases)


@app.command()
def folder(
    bundle: Annotated[Path, typer.Argument(help="Folder of a trained bundle. A bundle is code.")],
    data: Annotated[Path, typer.Argument(help="Folder of NIfTI images such as it segments.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("bench_segment"),
    limit: Annotated[int, typer.Option(min=1, help="Largest number of images to take.")] = 200,
    large: Annotated[bool, typer.Option("--large", help="Add a run with a volume of 512×512×1000.")] = False,
    executors: Annotated[
        bool, typer.Option("--executors", help="Compare worker processes and a Dask cluster with a single process.")
    ] = False,
) -> None:
    """Measure a folder from file to file: images per second and memory, against MONAI's own run of the bundle."""
    from monai.utils import ensure_tuple

    from benchmarks.folders import measure_folder
    from monai_mobileunet.data import find_images

    try:
        images = [Path(path) for case in find_images(data) for path in ensure_tuple(case["image"])][:limit]
        with steps() as show_step:
            timings = measure_folder(bundle.resolve(), images, output.resolve(), large, show_step, executors)
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    except subprocess.CalledProcessError as error:
        fail(error, f"{error}\n{error.output}")
    columns = (
        "images",
        "seconds",
        "images/s",
        "of the first",
        "first to last mask, s",
        "peak, GiB",
        "masks that differ",
    )
    table = Table("", *columns)
    for timing in timings:
        row = (str(timing.images), f"{timing.seconds:.1f}", f"{timing.per_second:.2f}")
        share = f"{timing.per_second / timings[0].per_second:.2f}"
        between = f"{timing.between:.1f}"
        table.add_row(timing.name, *row, share, between, f"{timing.peak_gib:.2f}", str(timing.differing))
    console.print(table)
    results = json.dumps([timing.as_dict() for timing in timings], indent=2)
    (output / "results.json").write_text(results + "\n", encoding="utf-8")


@app.command()
def volumes(
    image: Annotated[Path, typer.Argument(help="A CT in three dimensions.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the volumes.")] = Path("bench_volumes"),
    shapes: Annotated[
        list[str], typer.Option("--shape", help="Shape of a volume, as 512x512x200; may be repeated.")
    ] = ["256x256x100", "512x512x100", "512x512x200", "512x512x400"],  # noqa: B006  # typer takes no tuple for a list
) -> None:
    """Write a CT in other numbers of voxels, with noise, to measure how long such volumes take."""
    from benchmarks.volume_sizes import write_resampled

    output.mkdir(parents=True, exist_ok=True)
    for shape, sizes in {shape: _sizes(shape) for shape in shapes}.items():
        try:
            write_resampled(image, output / f"{image.name.partition('.')[0]}_{shape}.nii.gz", sizes)
        except (ValueError, OSError) as error:
            fail(error)
    console.print(str(output), soft_wrap=True)


@app.command()
def pictures(
    demo: Annotated[Path, typer.Option(help="Folder that mobileunet demo has written.")] = Path("demo_output"),
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the pictures; it holds accuracy.csv.")
    ] = Path("docs"),
) -> None:
    """Draw the pictures of the README: masks beside their references, accuracy against time, and the web page."""
    from benchmarks.pictures import draw_accuracy, draw_readme_examples
    from benchmarks.web_pictures import draw_web_page

    try:
        draw_readme_examples(demo, output / "result.webp")
        draw_accuracy(output / "accuracy.csv", output / "accuracy.png")
        draw_web_page(output / "web.webp")
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        fail(error)
    console.print(", ".join(str(output / name) for name in ("result.webp", "accuracy.png", "web.webp")), soft_wrap=True)


def _sizes(shape: str) -> tuple[int, int, int]:
    """The numbers in ``512x512x200``."""
    sizes = tuple(int(size) for size in shape.split("x") if size.isdecimal() and int(size))
    if len(sizes) != 3 or shape.count("x") != 2:
        raise typer.BadParameter(f"{shape} is no shape such as 512x512x200.", param_hint="--shape")
    return sizes


@app.command()
def scale(
    report: Annotated[
        list[Path],
        typer.Option(help="report.json of mobileunet segment --threads 1 --num-workers 0; repeated: the least."),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="PNG file to draw throughput to.")] = None,
    shape: Annotated[str, typer.Option(help="Mean shape of a volume, in voxels.")] = "512x512x200",
    cases: Annotated[int, typer.Option(min=1, help="Number of volumes.")] = 1_000_000,
    workers: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Number of workers of a row; may be repeated; by default up to saturation."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores of a worker.")] = 1,
    efficiency: Annotated[
        float, typer.Option(min=0, max=1, help="Share of each further core that the network makes use of.")
    ] = 1.0,
    read: Annotated[float, typer.Option(min=0.001, help="MB/s that the storage reads for all workers.")] = 1000.0,
    write: Annotated[float, typer.Option(min=0.001, help="MB/s that the storage writes for all workers.")] = 1000.0,
    start: Annotated[float, typer.Option(min=0, help="Seconds from a worker's start to its first case.")] = 10.0,
    price: Annotated[float, typer.Option(min=0, help="Price of a core for an hour; an assumption.")] = 0.04,
) -> None:
    """Say what a cohort takes on many workers, by the stages that a run measured and a queue before the storage."""
    from benchmarks.scale import Cluster, measured_cases
    from benchmarks.scale_report import draw_scale, print_scale

    cluster = Cluster(threads, efficiency, read, write, start, price)
    voxels = math.prod(_sizes(shape))
    try:
        measured = measured_cases(*report)
    except (ValueError, OSError) as error:
        fail(error)
    print_scale(measured, voxels, cluster, cases, workers or (), console)
    if output is not None:
        draw_scale(measured, voxels, cluster, output)
        console.print(str(output), soft_wrap=True)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")

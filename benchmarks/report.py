"""A run of the benchmark as tables and as a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.goals import check_goals
from benchmarks.latency import EAGER, Latency
from benchmarks.networks import BASELINE, DEFAULT
from benchmarks.suite import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_pareto", "print_report", "tables"]

GIB = 2**30
PICTURE = (1, 256)  # batch and size of the picture
MARKERS = {EAGER: "s", "onnxruntime": "^", "openvino": "o"}


def print_report(results: Results, console: Console) -> None:
    """Print what was measured, table by table."""
    machine, roofline = results.machine, results.roofline
    versions = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    console.print(f"{machine.processor}, {machine.threads} threads of {machine.cores}; {versions}", highlight=False)
    console.print(
        f"measured limits: {roofline.flops / 1e9:.0f} GFLOP/s float32, {roofline.flops_bf16 / 1e9:.0f} bfloat16, "
        f"{roofline.bandwidth / 1e9:.0f} GB/s",
        highlight=False,
    )
    for table in tables(results):
        console.print(table)


def tables(results: Results) -> Iterator[Table]:
    """The parts of a report, those that were measured."""
    for shape in dict.fromkeys((latency.batch, latency.size) for latency in results.latencies):
        yield _latency_table([item for item in results.latencies if (item.batch, item.size) == shape], *shape)
    yield _volume_table(results)
    if results.precision:
        yield _precision_table(results)
    for name, stages in results.pipeline.items():
        yield _pipeline_table(name, stages)
    goals = Table("goal", "measured", "wanted", "", title="Goals")
    for goal in check_goals(results):
        wanted = f"{'≥' if goal.at_least else '≤'} {goal.limit:g}"
        goals.add_row(goal.text, f"{goal.value:.3g}", wanted, "met" if goal.met else "[red]missed[/]")
    yield goals


def _latency_table(latencies: list[Latency], batch: int, size: int) -> Table:
    seconds = {(item.network, item.runtime): item.timing.median for item in latencies}
    title = f"One call, batch {batch}, {size}×{size}, one channel, three classes"
    caption = f"same: faster than {BASELINE} in the same runtime; eager: faster than {BASELINE} in eager torch"
    table = Table("network", "GMAC", "runtime", "time (fastest–slowest)", "same", "eager", "of the roofline")
    table.title, table.caption = title, caption
    for item in latencies:
        same = seconds.get((BASELINE, item.runtime))
        table.add_row(
            item.network,
            f"{item.macs / 1e9:.2f}",
            item.runtime,
            str(item.timing),
            f"{same / item.timing.median:.2f}×" if same else "",
            f"{seconds[BASELINE, EAGER] / item.timing.median:.1f}×",
            "" if item.roofline is None else f"{item.roofline:.0%}",
        )
    return table


def _volume_table(results: Results) -> Table:
    table = Table(
        "network", "runtime", "network alone", "mask (ContextSliceInferer)", "over", "SliceInferer and argmax"
    )
    table.title = "A volume of 512×512 slices, array in and mask out, per slice"
    for volume in results.volumes:
        bare, ours = (timing.per(volume.slices) for timing in (volume.bare, volume.ours))
        monai = ""
        if volume.monai:
            monai = f"{volume.monai.per(volume.slices)} ({volume.monai.median / volume.ours.median:.1f}×)"
        table.add_row(volume.network, volume.runtime, str(bare), str(ours), f"{volume.overhead:.2f}", monai)
    for memory in results.memory:
        text = f"peak {memory.peak / GIB:.2f} GiB, {memory.before / GIB:.2f} before; {memory.seconds:.1f} s"
        table.add_row(DEFAULT, memory.runtime, "×".join(map(str, memory.shape)), text, "", "")
    return table


def _precision_table(results: Results) -> Table:
    table = Table("runtime", "time per batch", "voxels changed", "Dice to torch, worst class")
    slices = results.precision[0].parity.slices
    table.title = f"A trained network, {slices} real slices that calibrated nothing"
    for item in results.precision:
        share = item.parity.changed_voxels / item.parity.voxels
        table.add_row(item.runtime, str(item.timing), f"{share:.4%}", f"{item.parity.smallest_dice:.4f}")
    return table


def _pipeline_table(name: str, stages: dict[str, float]) -> Table:
    table = Table("stage", "ms", "share", title=f"A whole case: {name}")
    total = sum(stages.values())
    for stage, seconds in stages.items():
        table.add_row(stage, f"{1e3 * seconds:.1f}", f"{seconds / total:.0%}")
    table.add_row("all", f"{1e3 * total:.1f}", "")
    return table


def draw_pareto(results: Results, path: Path, dice: Mapping[str, float] | None = None) -> None:
    """Draw time against multiply-accumulates, each network in eager torch and in the runtimes for all networks.

    Args:
        results: of a run.
        path: of the PNG file.
        dice: network → Dice of a trained one; given any, time is drawn against it beside that.
    """
    from matplotlib.figure import Figure

    latencies = [item for item in results.latencies if (item.batch, item.size) == PICTURE and item.runtime in MARKERS]
    panels: dict[str, dict[str, float]] = {"GMAC": {item.network: item.macs / 1e9 for item in latencies}}
    if dice:
        panels["Dice"] = {item.network: dice[item.network] for item in latencies if item.network in dice}
    figure = Figure(figsize=(9 * len(panels), 6), layout="constrained")
    for axes, (label, values) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        _draw_panel(axes, latencies, values)
        axes.set(xscale="log" if label == "GMAC" else "linear", yscale="log", xlabel=label, ylabel="ms per call")
    figure.suptitle(f"batch {PICTURE[0]}, {PICTURE[1]}×{PICTURE[1]}; {results.machine.processor}", fontsize=10)
    temporary = path.with_name(f".{path.name}")
    figure.savefig(temporary, dpi=130, format="png")
    os.replace(temporary, path)


def _draw_panel(axes: Axes, latencies: Sequence[Latency], values: Mapping[str, float]) -> None:
    """One point per network and runtime, named at the fastest."""
    items = [item for item in latencies if item.network in values]
    for runtime, marker in MARKERS.items():
        points = [(values[i.network], 1e3 * i.timing.median) for i in items if i.runtime == runtime]
        if points:
            x, y = zip(*points, strict=True)
            axes.scatter(x, y, marker=marker, label=runtime, s=36, alpha=0.8)
    for name, value in values.items():
        fastest = min(1e3 * item.timing.median for item in items if item.network == name)
        at = (value, fastest)
        axes.annotate(name, at, xytext=(3, -5), textcoords="offset points", fontsize=8, rotation=-50, va="top")
    axes.margins(x=0.12, y=0.25)
    axes.grid(alpha=0.3, which="both")
    axes.legend()

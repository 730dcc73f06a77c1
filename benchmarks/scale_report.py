"""What many workers do, as tables and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.scale import MB, Cluster, Demand, MeasuredCase, Stages, demand, fit_stages, plan, throughput
from monai_mobileunet.data.files import replace_file

__all__ = ["draw_scale", "print_scale", "usual_workers"]

BEYOND = 4
"""Rows end at so many times the workers from which on the storage sets the pace, where all is flat."""

MOST = 10**6
"""Workers of the largest row, for whatever storage."""

STEPS = (0.1, 1, 10)
"""Bandwidths of the picture, by that of the cluster."""


def usual_workers(one: Demand) -> list[int]:
    """Round numbers of workers from 1 until the storage has long been saturated."""
    end = min(MOST, BEYOND * one.knee)
    rounds = [digit * 10**power for power in range(7) for digit in (1, 2, 5)]
    return [count for count in rounds if count <= end] or [1]


def print_scale(
    cases: Sequence[MeasuredCase], voxels: int, cluster: Cluster, total: int, workers: Sequence[int], console: Console
) -> None:
    """Print what was measured, what follows for one volume, and what numbers of workers do.

    Args:
        cases: measured.
        voxels: of the mean volume.
        cluster: what carries them through.
        total: volumes of the cohort.
        workers: numbers for the rows; :func:`usual_workers` where there are none.
        console: where to.
    """
    stages = fit_stages(cases)
    one = demand(stages, voxels, cluster)
    console.print(_stage_table(stages, voxels))
    console.print(
        f"one volume alone: {one.worker:.2f} s of a worker, {one.reading * 1000:.1f} ms of reading, "
        f"{one.writing * 1000:.1f} ms of writing\n"
        f"the storage passes on {3600 * one.limit:,.0f} volumes an hour at most, "
        f"what {one.knee:,.0f} workers would do without waiting",
        highlight=False,
    )
    columns = ("workers", "cores", "volumes/h", "of the ideal", "hours for all", "cost of 1,000")
    table = Table(title=f"{total:,} volumes")
    for name in columns:
        table.add_column(name, justify="right")
    for point in plan(one, cluster, total, sorted(workers or usual_workers(one))):
        numbers = (f"{point.workers:,}", f"{point.workers * cluster.threads:,}", f"{point.per_hour:,.0f}")
        table.add_row(*numbers, f"{point.share:.1%}", f"{point.hours:,.1f}", f"{point.cost:.3g}")
    console.print(table)


def _stage_table(stages: Stages, voxels: int) -> Table:
    table = Table(title=f"stages, from {stages.cases} measured cases")
    for name in ("stage", "fixed", "per million voxels", f"{voxels / 1e6:.1f} million voxels"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for name, line in stages.seconds.items():
        table.add_row(name, f"{line.fixed:.3f} s", f"{line.per_voxel * 1e6:.4f} s", f"{line.at(voxels):.2f} s")
    for name, line in (("bytes read", stages.bytes_read), ("bytes written", stages.bytes_written)):
        sizes = (line.fixed, line.per_voxel * 1e6, line.at(voxels))
        table.add_row(name, *(f"{size / MB:.3f} MB" for size in sizes))
    return table


def draw_scale(cases: Sequence[MeasuredCase], voxels: int, cluster: Cluster, path: Path) -> None:
    """Draw throughput against workers for a slower storage, this one and a faster one, as PNG."""
    from matplotlib.figure import Figure  # a second to import

    stages = fit_stages(cases)
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    ones = []
    for step in STEPS:
        own = replace(cluster, read_mb_s=step * cluster.read_mb_s, write_mb_s=step * cluster.write_mb_s)
        ones.append((own, demand(stages, voxels, own)))
    end = int(min(MOST, BEYOND * max(one.knee for _, one in ones)))
    for own, one in ones:
        rates = 3600 * np.fromiter(throughput(one, end), float, end)
        shown = np.unique(np.geomspace(1, end, 200).astype(int))
        (line,) = axes.loglog(shown, rates[shown - 1], label=f"storage of {own.read_mb_s:,.0f} MB/s")
        axes.axvline(one.knee, color=line.get_color(), linestyle=":", linewidth=1)
    axes.set(xlabel=f"workers of {cluster.threads} core{'s' * (cluster.threads > 1)}", ylabel="volumes per hour")
    axes.grid(alpha=0.3)
    axes.legend()
    with replace_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)

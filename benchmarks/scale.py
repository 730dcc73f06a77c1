"""How long a million volumes take: measured stages of single cases, and a queue before the storage that all share.

The model, in the order of its functions:

- A stage of a case of ``v`` voxels takes ``a + b·v`` seconds, both from a run's ``report.json`` (:func:`fit_line`).
- A worker carries one case after another: it waits for the image's bytes, computes ``Z = Σ stages`` seconds, in which
  ``t`` threads divide those of the network, and waits until the mask's bytes are written.
- All workers share the storage evenly. Alone, a case occupies it for ``S_r = bytes read / B_r`` and
  ``S_w = bytes written / B_w`` seconds. More workers make the queue longer (:func:`throughput`), until it passes on
  ``1 / max(S_r, S_w)`` cases a second, and not one more (:attr:`Demand.limit`).

Nothing here knows of files that are lost, of machines that are taken away, or of a storage that gets slower under load.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from monai_mobileunet.bundle.json_files import read_json
from monai_mobileunet.data.errors import refusal

__all__ = [
    "Cluster",
    "Demand",
    "Line",
    "MeasuredCase",
    "Point",
    "Stages",
    "demand",
    "fit_line",
    "fit_stages",
    "measured_cases",
    "plan",
    "throughput",
]

BY_NETWORK = "infer"
"""The stage that threads, or a GPU, make shorter."""

MB = 1e6


@dataclass(frozen=True)
class MeasuredCase:
    """A case as a run measured it.

    Attributes:
        voxels: of its image.
        seconds: by stage.
        bytes_read: size of the files of the image.
        bytes_written: size of the masks.
    """

    voxels: int
    seconds: Mapping[str, float]
    bytes_read: int
    bytes_written: int


@dataclass(frozen=True)
class Line:
    """``fixed + per_voxel · voxels``; neither is negative."""

    fixed: float
    per_voxel: float

    def at(self, voxels: float) -> float:
        """The value for so many voxels."""
        return self.fixed + self.per_voxel * voxels


@dataclass(frozen=True)
class Stages:
    """What cases cost, as lines over their voxels.

    Attributes:
        seconds: by stage, with one thread.
        bytes_read: of an image.
        bytes_written: of its masks.
        cases: how many were measured.
    """

    seconds: Mapping[str, Line]
    bytes_read: Line
    bytes_written: Line
    cases: int


@dataclass(frozen=True)
class Cluster:
    """What the cases are carried through.

    Attributes:
        threads: cores of a worker.
        efficiency: share of a further thread that the network makes use of, from 0 to 1.
        read_mb_s: what the storage reads, for all workers together, in MB/s.
        write_mb_s: what it writes.
        start_seconds: from the start of a worker to its first case.
        price: of a core for an hour, in any currency.
    """

    threads: int = 1
    efficiency: float = 1.0
    read_mb_s: float = 1000.0
    write_mb_s: float = 1000.0
    start_seconds: float = 10.0
    price: float = 0.04


@dataclass(frozen=True)
class Demand:
    """Seconds that a case asks of what it passes, were it alone.

    Attributes:
        worker: computing.
        reading: of the storage.
        writing: of the storage.
    """

    worker: float
    reading: float
    writing: float

    @property
    def alone(self) -> float:
        """A case without others: the sum."""
        return self.worker + self.reading + self.writing

    @property
    def limit(self) -> float:
        """Cases per second that the storage passes on at most."""
        slowest = max(self.reading, self.writing)
        return 1 / slowest if slowest else math.inf

    @property
    def knee(self) -> float:
        """Workers from which on the storage sets the pace: as many would be enough if none had to wait."""
        return self.limit * self.alone


@dataclass(frozen=True)
class Point:
    """What a number of workers does.

    Attributes:
        workers: how many.
        per_hour: cases.
        share: of what so many workers would do if none had to wait for another, from 0 to 1.
        hours: for all cases, the start included.
        cost: of 1,000 cases, for the cores alone.
    """

    workers: int
    per_hour: float
    share: float
    hours: float
    cost: float


def measured_cases(*reports: Path) -> list[MeasuredCase]:
    """The cases with a mask in ``report.json`` of one or more runs, with the sizes of their files.

    Args:
        reports: what runs of ``mobileunet segment`` wrote. Of a case in several the least seconds of each stage
            count: what else the machine did can only have added to them.

    Raises:
        DataError: one is no such report, has no finished case, or its files are gone.
    """
    found: dict[tuple[str, ...], MeasuredCase] = {}
    for report in reports:
        rows = [row for row in read_json(report).get("cases", []) if row.get("status") == "done" and row.get("seconds")]
        if not rows:
            remedy = "Name the report.json of a run that made masks."
            raise refusal(report, "has no case with a mask and its seconds.", remedy)
        for row in rows:
            name, seconds = tuple(row["images"]), dict(row["seconds"])
            if name in found:
                before = found[name].seconds
                seconds |= {stage: min(seconds.get(stage, least), least) for stage, least in before.items()}
            sizes = [_size(report, row[key]) for key in ("images", "outputs")]
            found[name] = MeasuredCase(math.prod(row["shape"]), seconds, *sizes)
    return list(found.values())


def fit_line(voxels: Sequence[float], values: Sequence[float]) -> Line:
    """The line with the least squares, each divided by the case's voxels, and neither part negative.

    Divided, since large volumes, which scatter more, would hide the small ones otherwise. A line without a fixed part
    gives the measured cases together the time that they took. Those of one size give no line: then all is per voxel.

    Args:
        voxels: of each case.
        values: of each case, not negative.
    """
    size, value = np.asarray(voxels, float), np.asarray(values, float)
    weight = 1 / np.sqrt(size)
    columns = {"fixed": weight, "per_voxel": weight * size}
    wanted = weight * value
    candidates: list[tuple[float, Line]] = []
    choices = (("per_voxel",), ("fixed",), ("fixed", "per_voxel")) if len(set(size)) > 1 else (("per_voxel",),)
    for names in choices:  # the best with no part negative is among these three
        matrix = np.stack([columns[name] for name in names], axis=1)
        found = dict(zip(names, np.linalg.lstsq(matrix, wanted, rcond=None)[0], strict=True))
        if min(found.values()) >= 0:
            line = Line(float(found.get("fixed", 0.0)), float(found.get("per_voxel", 0.0)))
            candidates.append((float(((weight * (line.fixed + line.per_voxel * size) - wanted) ** 2).sum()), line))
    return min(candidates, key=lambda pair: pair[0])[1]


def fit_stages(cases: Sequence[MeasuredCase]) -> Stages:
    """Lines through what was measured."""
    voxels = [case.voxels for case in cases]
    names = dict.fromkeys(name for case in cases for name in case.seconds)
    return Stages(
        seconds={name: fit_line(voxels, [case.seconds.get(name, 0.0) for case in cases]) for name in names},
        bytes_read=fit_line(voxels, [case.bytes_read for case in cases]),
        bytes_written=fit_line(voxels, [case.bytes_written for case in cases]),
        cases=len(cases),
    )


def demand(stages: Stages, voxels: float, cluster: Cluster) -> Demand:
    """What a case of a mean size asks for. All is linear, so that the mean of many sizes is all that counts."""
    network = stages.seconds[BY_NETWORK].at(voxels) if BY_NETWORK in stages.seconds else 0.0
    others = sum(line.at(voxels) for line in stages.seconds.values()) - network
    faster = 1 + cluster.efficiency * (cluster.threads - 1)
    return Demand(
        worker=others + network / faster,
        reading=stages.bytes_read.at(voxels) / (cluster.read_mb_s * MB),
        writing=stages.bytes_written.at(voxels) / (cluster.write_mb_s * MB),
    )


def throughput(one: Demand, most: int) -> Iterator[float]:
    """Cases per second of 1, 2, … workers: mean value analysis of a closed network of queues.

    Workers are those who wait, reading and writing are two queues that serve all who wait evenly (processor sharing).
    For these the result is exact, however the sizes of the volumes are distributed (BCMP theorem; Reiser and
    Lavenberg, J. ACM 27(2), 1980): with ``n`` workers ``R_i = S_i · (1 + Q_i)``,
    ``X = n / (Z + Σ R_i)``, ``Q_i = X · R_i``.

    Args:
        one: what a case asks for.
        most: workers.
    """
    queues = np.zeros(2)
    service = np.array([one.reading, one.writing])
    for workers in range(1, most + 1):
        response = service * (1 + queues)
        rate = workers / (one.worker + float(response.sum()))
        queues = rate * response
        yield rate


def plan(one: Demand, cluster: Cluster, cases: int, workers: Sequence[int]) -> list[Point]:
    """What some numbers of workers do with so many cases."""
    rates = dict(enumerate(throughput(one, max(workers)), 1))
    points = []
    for count in workers:
        seconds = cluster.start_seconds + max(cases / rates[count], one.alone)
        core_hours = count * cluster.threads * seconds / 3600
        points.append(
            Point(
                workers=count,
                per_hour=3600 * rates[count],
                share=rates[count] * one.alone / count,
                hours=seconds / 3600,
                cost=1000 * core_hours * cluster.price / cases,
            )
        )
    return points


def _size(report: Path, paths: Any) -> int:
    """Bytes of files, or of folders of them."""
    files = [file for path in map(Path, paths) for file in (path.rglob("*") if path.is_dir() else (path,))]
    missing = next((file for file in files if not file.exists()), None)
    if missing is not None or not files:
        problem = f"names {missing or 'no files'}, whose size is needed, and which is gone."
        raise refusal(report, problem, "Run mobileunet segment again, and keep the images and the masks.")
    return sum(file.stat().st_size for file in files if file.is_file())

"""The model of many workers, on made numbers."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.scale import (
    Cluster,
    Demand,
    Line,
    MeasuredCase,
    demand,
    fit_line,
    fit_stages,
    measured_cases,
    plan,
    throughput,
)

CASES = [
    MeasuredCase(million * 10**6, {"read": 0.1 * million, "infer": 2 + 0.4 * million}, million * 10**6, 10**5)
    for million in (1, 5, 25)
]
"""Of 10 million voxels: 1 s to read and 6 s of the network; 10 MB in and 0.1 MB out."""


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([3, 5, 11], Line(1, 2)),
        ([2, 4, 10], Line(0, 2)),
        ([7, 7, 7], Line(7, 0)),
        ([0, 0, 0], Line(0, 0)),
        ([0.9, 1.9, 4.9], Line(0, 7.7 / 8)),
    ],
    ids=["both", "per voxel", "fixed", "nothing", "no part is negative"],
)
def test_a_line_through_what_was_measured(values: list[float], line: Line):
    found = fit_line([1, 2, 5], values)
    assert (found.fixed, found.per_voxel) == pytest.approx((line.fixed, line.per_voxel), abs=1e-9)


def test_cases_of_one_size_are_all_per_voxel():
    assert fit_line([4, 4], [1, 3]).fixed == 0


def test_a_case_asks_for_its_stages_and_its_bytes():
    stages = fit_stages(CASES)
    one = demand(stages, 10**7, Cluster(read_mb_s=100, write_mb_s=10))
    assert (one.worker, one.reading, one.writing) == pytest.approx((7, 0.1, 0.01))
    assert demand(stages, 10**7, Cluster(threads=4)).worker == pytest.approx(1 + 6 / 4), "the network alone is faster"
    assert demand(stages, 10**7, Cluster(threads=4, efficiency=0)).worker == pytest.approx(7)


def test_it_saturates_where_bandwidth_over_bytes_says():
    one = demand(fit_stages(CASES), 10**7, Cluster(read_mb_s=100, write_mb_s=10))
    assert one.limit == pytest.approx(100 / 10), "MB/s over MB"
    assert one.knee == pytest.approx(10 * 7.11)
    rates = list(throughput(one, 2000))
    assert rates[0] == pytest.approx(1 / 7.11), "one worker waits for nobody"
    assert rates[19] == pytest.approx(20 / 7.11, rel=0.01), "and few hardly"
    assert rates[-1] == pytest.approx(one.limit, rel=1e-3)
    assert all(rate < min(one.limit, n / one.alone) + 1e-12 for n, rate in enumerate(rates, 1)), (
        "never above either bound"
    )
    assert all(later >= rate * (1 - 1e-12) for rate, later in itertools.pairwise(rates))
    written = Demand(worker=1, reading=0.01, writing=0.5)
    assert list(throughput(written, 500))[-1] == pytest.approx(2, rel=1e-3), "the slower of reading and writing"
    assert Demand(1, 0, 0).limit == math.inf


def test_two_workers_wait_as_the_closed_form_says():
    """Machine repair with one queue: X(2) = 2 (Z + S) / (Z² + 2 Z S + 2 S²), for exponential times."""
    worker, reading = 3.0, 2.0
    rate = list(throughput(Demand(worker, reading, 0.0), 2))[1]
    assert rate == pytest.approx(2 * (worker + reading) / (worker**2 + 2 * worker * reading + 2 * reading**2))


def test_hours_and_cost_follow():
    one, cluster = Demand(worker=36, reading=0, writing=0), Cluster(threads=2, price=0.5, start_seconds=0)
    (point,) = plan(one, cluster, 10_000, [100])
    assert (point.per_hour, point.share, point.hours) == pytest.approx((10_000, 1, 1))
    assert point.cost == pytest.approx(1000 * 100 * 2 * 0.5 / 10_000)
    more_than_cases = plan(one, cluster, 10, [1000])[0]
    assert more_than_cases.hours == pytest.approx(36 / 3600), "no sooner than one case takes"


def report(folder: Path) -> Path:
    rows = []
    for number, case in enumerate(CASES):
        image, mask = folder / f"{number}.nii.gz", folder / f"{number}_mask.nii.gz"
        image.write_bytes(bytes(case.bytes_read // 1000))
        mask.write_bytes(bytes(case.bytes_written // 1000))
        files = {"images": [str(image)], "outputs": [str(mask)]}
        rows.append({"status": "done", "shape": [100, 100, case.voxels // 10**4], "seconds": case.seconds, **files})
    rows.append({"status": "failed", "shape": [], "seconds": {}, "images": [], "outputs": []})
    path = folder / "report.json"
    path.write_text(json.dumps({"cases": rows}))
    return path


def test_the_command_reads_a_report_and_says_what_a_cohort_takes(tmp_path: Path):
    typed = ["scale", "--report", str(report(tmp_path)), "--shape", "100x100x1000", "--read", "0.1", "--write", "1"]
    result = CliRunner().invoke(app, [*typed, "--output", str(tmp_path / "scale.png")], env={"COLUMNS": "150"})
    assert result.exit_code == 0, result.output
    assert "from 3 measured cases" in result.output
    assert "36,000 volumes an hour at most" in result.output
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")

    faster = tmp_path / "again.json"
    faster.write_text((tmp_path / "report.json").read_text().replace('"infer": 2.4', '"infer": 1.9'))
    stages = [measured_cases(*reports) for reports in ((tmp_path / "report.json",), (faster, tmp_path / "report.json"))]
    assert [[case.seconds["infer"] for case in cases] for cases in stages] == [[2.4, 4, 12], [1.9, 4, 12]]

    wrong = CliRunner().invoke(app, [*typed[:3], "--shape", "512"])
    assert wrong.exit_code == 2
    assert "512x512x200" in wrong.output
    (tmp_path / "1.nii.gz").unlink()
    gone = CliRunner().invoke(app, typed)
    assert gone.exit_code == 1
    assert "Run mobileunet segment again" in " ".join(gone.output.split())

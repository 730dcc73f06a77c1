import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app


def test_bench_wants_a_bundle_and_its_data_together(tmp_path: Path):
    result = CliRunner().invoke(app, ["speed", "--output", str(tmp_path), "--bundle", str(tmp_path)])
    assert result.exit_code == 2
    assert "--bundle and --data go together" in result.output


@pytest.mark.slow
def test_bench_measures_prints_draws_and_keeps_the_numbers(tmp_path: Path):
    result = CliRunner().invoke(app, ["speed", "--output", str(tmp_path), "--quick"])
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "results.json").read_text())
    assert {latency["network"] for latency in content["latencies"]} >= {"mobileunet_small", "mobilenetv2_unet"}
    assert content["memory"]
    assert (tmp_path / "pareto.png").is_file()
    assert "mobilenetv2_unet" in (tmp_path / "report.txt").read_text()
    assert "Goals" in result.output

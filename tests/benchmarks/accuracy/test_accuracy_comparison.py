from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import write_dataset
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.accuracy import AccuracyRow, compare_networks
from benchmarks.accuracy.peers import OURS
from benchmarks.accuracy.report import accuracy_table, draw_accuracy
from benchmarks.networks import PEERS
from monai_mobileunet.bundle import Bundle

QUICK = {
    "device": "cpu",
    "split_seed": 3,
    "num_samples": 2,
    "roi_size": [16, 16],
    "network_def#variant": "mobileunet_fine",
}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data", cases=10)


@pytest.mark.slow
def test_a_network_is_trained_measured_and_not_trained_again(bundle_copy: Path, dataset: Path, tmp_path: Path):
    notes: list[str] = []
    arguments = (bundle_copy, dataset, tmp_path / "out", [OURS])
    rows = compare_networks(*arguments, budget=1.0, overrides=QUICK, show_step=notes.append)
    ours, published = rows
    assert ours.network == OURS
    assert set(ours.dice) == {"anterior", "posterior"}
    assert ours.macs > 0
    assert ours.seconds
    assert ours.parameters
    assert ours.training_seconds
    assert published.source.startswith("https://")
    assert published.macs > ours.macs
    assert json.loads((tmp_path / "out" / "results.json").read_text())["settings"]["budget"] == 1.0
    trained = json.loads((tmp_path / "out" / "the_bundles" / "training.json").read_text())
    assert trained["epochs"] == 1, "as many as a second has room for, but one at least"
    assert any("training" in note for note in notes)

    assert ours.cases == len(ours.case_dice) == 2
    assert sum(ours.case_dice.values()) / 2 == pytest.approx(ours.mean_dice)
    (bundle_copy / "models").mkdir(exist_ok=True)

    notes.clear()
    again = compare_networks(*arguments, budget=1.0, overrides=QUICK, show_step=notes.append)
    assert again == rows
    assert not any("training" in note for note in notes)

    (tmp_path / "out" / "the_bundles" / "row.json").unlink()
    notes.clear()
    measured = compare_networks(*arguments, budget=1.0, overrides=QUICK, show_step=notes.append)
    assert measured[0].dice == ours.dice
    assert measured[0].training_seconds == ours.training_seconds
    assert "the bundle's: measuring" in notes
    assert not any("training" in note for note in notes)

    masks = {path.name for path in (tmp_path / "out" / "the_bundles" / "segmented").iterdir()}
    expected = Bundle(bundle_copy).cases(dataset, "validation", 0, {"split_seed": 3})
    assert masks == {Path(case["image"]).name for case in expected}, "measured on what it was not trained on"


@pytest.mark.slow
def test_every_peer_is_trained_by_the_bundle_s_recipe(bundle_copy: Path, dataset: Path, tmp_path: Path):
    quick = {key: value for key, value in QUICK.items() if not key.startswith("network_def")}
    rows = compare_networks(bundle_copy, dataset, tmp_path / "out", list(PEERS), epochs=1, overrides=quick)
    assert [row.network for row in rows[:-1]] == list(PEERS)
    assert all(row.seconds for row in rows[:-1])


@pytest.mark.slow
def test_a_training_that_fails_names_its_log(bundle_copy: Path, dataset: Path, tmp_path: Path):
    (dataset / "labelsTr" / "toy_002.nii.gz").write_bytes(b"")
    arguments = ["accuracy", bundle_copy, dataset, "--output", tmp_path / "out", "--network", OURS]
    result = CliRunner().invoke(app, [*map(str, arguments), "--epochs", "1", "--set", "device=cpu"])
    assert result.exit_code == 1
    assert "a training failed" in result.output
    assert "toy_002.nii.gz" in (tmp_path / "out" / "accuracy.log").read_text()


def test_a_network_that_is_none_of_them_is_refused(bundle_copy: Path, dataset: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="'ours' is none of the bundle's, MONAI UNet"):
        compare_networks(bundle_copy, dataset, tmp_path, ["ours"])


def test_networks_are_compared_case_by_case():
    ours = AccuracyRow("ours", {"a": 0.9}, 12, 1e9, case_dice={f"case_{n}": 0.9 - n / 100 for n in range(12)})
    theirs = AccuracyRow("theirs", {"a": 0.88}, 13, 1e9, case_dice={f"case_{n}": 0.88 - n / 100 for n in range(13)})
    found = theirs.difference_to(ours)
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((-0.02, -0.02, -0.02))
    assert found.cases == 12, "what one of them lacks is left out"
    assert theirs.difference_to(AccuracyRow("published", {"a": 0.9}, 52, 1e9, source="https://example.org")) is None
    table = accuracy_table([ours, theirs])
    differences = next(column for column in table.columns if str(column.header).startswith("a case, less ours"))
    assert list(differences.cells) == ["", "-0.0200 (-0.0200 to -0.0200)"]


def test_table_and_picture(tmp_path: Path):
    rows = [
        AccuracyRow("ours", {"a": 0.9, "b": 0.8}, 10, 2e9, 470_000, 0.2, 600.0),
        AccuracyRow("theirs", {"a": 0.91, "b": 0.81}, 52, 2e11, source="https://example.org"),
    ]
    assert accuracy_table(rows).row_count == 2
    draw_accuracy(rows, tmp_path / "pareto.png")
    assert (tmp_path / "pareto.png").stat().st_size > 10_000

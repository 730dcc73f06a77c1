"""A bundle that starts from another's weights, from the command to the training."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import FRAGMENTS, HIPPOCAMPUS, RunBundle
from made import fingerprint
from monai.bundle import ConfigParser
from typer.testing import CliRunner

from monai_mobileunet.bundle.reuse import START
from monai_mobileunet.cli import app
from monai_mobileunet.data import DataError
from monai_mobileunet.data.files import hash_file
from monai_mobileunet.planning import Plan, apply_plan
from monai_mobileunet.planning.fingerprint import FINGERPRINT
from monai_mobileunet.planning.start import open_origin

SHIPPED = HIPPOCAMPUS / "models" / "model.pt"


@pytest.fixture(scope="module")
def planned(toy_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A bundle for heads and tails that starts from the hippocampus bundle, and what the command said."""
    bundle = tmp_path_factory.mktemp("planned") / "toys"
    quick = {"epochs": 1, "val_interval": 1, "num_samples": 2, "learning_rate": 0}
    arguments = ["plan", str(toy_dataset), "-o", str(bundle), "--from", HIPPOCAMPUS.name]
    result = CliRunner().invoke(app, [*arguments, *(f"--set={key}={value}" for key, value in quick.items())])
    assert result.exit_code == 0, result.output
    return bundle, result.output


def test_the_plan_says_what_is_reused(planned: tuple[Path, str]):
    bundle, output = planned
    plan = Plan.read(bundle)
    start = plan.settings["starting_weights"].value
    assert start["bundle"] == HIPPOCAMPUS.name
    assert start["sha256"] == hash_file(SHIPPED) == hash_file(bundle / START)
    parts = start["reused"]
    head = parts.pop("head")
    assert head[0] * 3 == head[1], "the background's scores"
    assert all(count == total > 0 for count, total in parts.values())
    stage = f"{parts['encoder.stages.1'][0]:,}"
    page = (bundle / "docs" / "README.md").read_text()
    assert f"| encoder.stages.1 | {stage} | {stage} |" in page
    rows = [line.split() for line in output.splitlines()]
    assert ["encoder.stages.1", stage, stage] in rows
    assert ["head", str(head[0]), str(head[1]), "in", "part"] in rows
    assert plan.variant.reason.startswith(f"Inherited from {HIPPOCAMPUS.name}")
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert metadata["weights"] == {START: {key: start[key] for key in metadata["weights"][START]}}
    assert "CC-BY-SA" in metadata["data_license"]
    assert apply_plan(bundle) == []


def test_what_is_reused_is_counted_again_for_another_network(planned: tuple[Path, str], tmp_path: Path):
    bundle = Path(shutil.copytree(planned[0], tmp_path / "edited"))
    content = json.loads((bundle / "plan.json").read_text())
    content["variant"] = {"value": "mobileunet_fine", "reason": "A slimmer decoder."}
    (bundle / "plan.json").write_text(json.dumps(content))
    assert {path.name for path in apply_plan(bundle)} >= {"plan.json", "train.json", "README.md"}
    made, edited = (Plan.read(folder).settings["starting_weights"] for folder in (planned[0], bundle))
    assert edited.value == {**made.value, "reused": edited.value["reused"]}
    assert edited.value["reused"]["encoder.stages.1"] == made.value["reused"]["encoder.stages.1"]
    reused, total = (sum(counts) for counts in zip(*edited.value["reused"].values(), strict=True))
    assert edited.reason.startswith(f"{reused:,} of {total:,} parameters are those of {HIPPOCAMPUS.name}; ")
    assert total < sum(total for _, total in made.value["reused"].values())
    assert f"| all | {reused:,} | {total:,} |" in (bundle / "docs" / "README.md").read_text()
    assert apply_plan(bundle) == []


def test_its_training_starts_from_these_weights_wherever_it_lies(
    planned: tuple[Path, str], tmp_path: Path, run_bundle: RunBundle
):
    bundle = Path(shutil.copytree(planned[0], tmp_path / "elsewhere else" / "toys"))
    done = run_bundle(bundle / "configs" / "train.json", run_id="training")
    assert f"starts from {HIPPOCAMPUS.name}: " in done.stdout
    weights, shipped = (torch.load(path, weights_only=True) for path in (bundle / "models" / "model.pt", SHIPPED))
    learned = [key for key in weights if "running" not in key and "num_batches" not in key]
    assert len(learned) > 100
    for key in learned:
        same = torch.equal(weights[key], shipped[key])  # the rate is 0
        assert same or key.startswith(("head.", "aux_heads.")), key
    assert torch.equal(weights["head.weight"][:5], shipped["head.weight"][:5]), "five slices of background"
    assert not torch.equal(weights["head.weight"], shipped["head.weight"])
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert metadata["training"]["started_from"]["sha256"] == hash_file(SHIPPED)
    assert "the weights that it started from: Medical Segmentation Decathlon" in metadata["data_source"]
    assert metadata["weights"].keys() == {START, "models/model.pt"}
    made = Plan.read(planned[0])
    assert replace(Plan.read(bundle), texts=made.texts) == made, "a training decides nothing but what is told"
    assert "warning" not in done.stdout.lower()


def test_a_resumed_training_does_not_load_them_again(planned: tuple[Path, str]):
    parser = ConfigParser()
    parser.read_config([str(planned[0] / "configs" / "train.json"), str(FRAGMENTS / "resume.json")])
    assert parser.get_parsed_content("starting_weights") is None
    loading = [step for step in parser["initialize"] if isinstance(step, dict)]
    assert [step["_target_"].rpartition(".")[2] for step in loading] == ["load_starting_weights"]


def _without_weights(bundle: Path) -> None:
    (bundle / "models" / "model.pt").unlink()


def _without_plan(bundle: Path) -> None:
    (bundle / "plan.json").unlink()


def _with_others(bundle: Path) -> None:
    torch.save(torch.load(SHIPPED, weights_only=True), bundle / "models" / "model.pt")
    with (bundle / "models" / "model.pt").open("ab") as file:
        file.write(b"0")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_weights, "expected weights to start from. Train it first: python -m monai.bundle run training"),
        (_without_plan, "has no plan.json"),
        (_with_others, "is not the file that metadata.json describes"),
    ],
)
def test_a_bundle_that_cannot_be_started_from_is_refused_in_words(change, said: str, tmp_path: Path):
    bundle = Path(shutil.copytree(HIPPOCAMPUS, tmp_path / "theirs", ignore=shutil.ignore_patterns("eval")))
    change(bundle)
    with pytest.raises(DataError, match=said):
        open_origin(bundle)


@pytest.mark.parametrize("in_pixels", [True, False])
def test_a_bundle_for_pictures_is_known_by_its_fingerprint(in_pixels: bool, tmp_path: Path):
    bundle = Path(shutil.copytree(HIPPOCAMPUS, tmp_path / "theirs", ignore=shutil.ignore_patterns("eval")))
    (bundle / FINGERPRINT).write_text(json.dumps(fingerprint(in_pixels=in_pixels).as_json()))
    assert open_origin(bundle).source.in_pixels == in_pixels

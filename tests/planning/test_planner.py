"""A data set becomes a bundle that trains and segments with no file edited."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path

import jsonschema
import nibabel
import numpy as np
import pytest
import torch
from conftest import BUNDLES, HIPPOCAMPUS, RunBundle
from made import case, ct, fingerprint, measure_dataset, of_cases, organ
from monai.bundle import ConfigParser, ConfigWorkflow
from monai.transforms import Compose
from typer.testing import CliRunner

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.reuse import START
from monai_mobileunet.cli import app
from monai_mobileunet.data import DataError, find_all_cases
from monai_mobileunet.networks.variants import VARIANTS
from monai_mobileunet.planning import Plan, apply_plan, plan_dataset, planner, probe, write_bundle
from monai_mobileunet.planning.fingerprint import Fingerprint
from monai_mobileunet.planning.plan import PLAN
from monai_mobileunet.planning.planner import decisions
from monai_mobileunet.planning.probe import decide_by_time, measure_costs
from monai_mobileunet.planning.rules import Costs, Options, decide

HEAD = ct(
    lowest=(0.0,),
    foreground=((960.0, 1000.0, 1060.0, 1300.0, 2600.0),),
    spacing=(4.0, 4.0, 2.5),
    shape=(128, 128, 100),
    classes={"left parotid": organ(side=0.3), "right parotid": organ(side=0.7)},
)
SHIPPED = HIPPOCAMPUS / "models" / "model.pt"
SITUATIONS = {
    "large MR": fingerprint(),
    "two contrasts": fingerprint(channels=2, lowest=(0.0, 0.0), percentiles=((0.0,) * 5,) * 2),
    "thick slices": fingerprint(spacing=(1.5, 1.5, 10.0), shape=(216, 256, 9)),
    "CT with sides and an offset": fingerprint(modality="CT", **HEAD),
    "one slice": fingerprint(shape=(200, 200, 1)),
    "three subjects": fingerprint(3),
    "a case left out": of_cases(*map(case, range(9)), left_out={"case_099": "by the user"}),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_planned_bundle_is_complete_and_sound(name: str, tmp_path: Path, metadata_schema: Path):
    bundle = tmp_path / "planned"
    plan = plan_dataset(SITUATIONS[name])
    written = write_bundle(plan, bundle)
    shipped = {path.relative_to(BUNDLES[0]) for path in BUNDLES[0].rglob("*") if path.is_file()}
    of_training = {path for path in shipped if path.parts[0] in ("models", "eval")}
    assert {path.relative_to(bundle) for path in written} == shipped - of_training
    assert Plan.read(bundle) == plan
    opened = Bundle(bundle, device="cpu")
    jsonschema.validate(opened.metadata, json.loads(metadata_schema.read_text()))
    assert "Not a medical device" in opened.metadata["description"]
    assert opened.metadata["authors"].startswith("FILL IN")
    page = (bundle / "docs" / "README.md").read_text()
    assert all(f"| {decision} |" in page for decision in decisions(plan) if decision != "texts")


@pytest.mark.parametrize(
    ("name", "asked"), [*((name, {}) for name in SITUATIONS), ("thick slices", {"epochs": 4000})], ids=str
)
def test_what_a_planned_bundle_draws_fits_its_network(name: str, asked: dict, tmp_path: Path):
    plan = plan_dataset(SITUATIONS[name], Options(overrides=asked))
    write_bundle(plan, tmp_path)
    parser = ConfigParser()
    parser.read_config(str(tmp_path / "configs" / "train.json"))
    parser.update({"device": "cpu", "num_samples": 2, "roi_size": [32, 40]})
    get = parser.get_parsed_content
    label = torch.zeros(1, 60, 50, 9, dtype=torch.uint8)
    label[:, 20:30, 20:30, 3:6] = 1
    image = torch.rand(plan.image_channels.value, 60, 50, 9)
    samples = Compose(get("train#random_transforms"))({"image": image, "label": label})
    images, labels = (torch.stack([torch.as_tensor(one[key]) for one in samples]) for key in ("image", "label"))
    at_once = plan.out_slices.value
    assert images.shape == (2, image.shape[0] * (2 * plan.context.value + 1), 32, 40)
    assert labels.shape == (2, 1, *([at_once] if at_once > 1 else []), 32, 40)
    assert torch.isfinite(get("loss")(get("network")(images), labels))
    assert ("a wide range" in plan.random_transforms.reason) == bool(asked)


def test_settings_of_few_cases_reach_the_configs(tmp_path: Path):
    train = {}
    for name in ("three subjects", "a case left out", "large MR"):
        write_bundle(plan_dataset(SITUATIONS[name]), tmp_path / name)
        train[name] = json.loads((tmp_path / name / "configs" / "train.json").read_text())
    assert [train[name]["folds"] for name in train] == [3, 5, 5]
    data = train["a case left out"]["train"]["dataset"]["data"]
    assert (data["leave_out"], train["a case left out"]["leave_out"]) == ("@leave_out", ["case_099"])
    assert "leave_out" not in train["large MR"]["train"]["dataset"]["data"]


def test_a_folder_with_something_else_or_with_weights_is_left_alone(tmp_path: Path):
    plan = plan_dataset(fingerprint())
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").touch()
    with pytest.raises(DataError, match="is there already, and is no bundle with a plan"):
        write_bundle(plan, tmp_path / "theirs")
    write_bundle(plan, tmp_path / "ours")
    (tmp_path / "ours" / "LICENSE").write_text("mine")
    write_bundle(plan_dataset(fingerprint(), Options(overrides={"context": 1})), tmp_path / "ours")
    assert Plan.read(tmp_path / "ours").context.value == 1
    assert (tmp_path / "ours" / "LICENSE").read_text() == "mine"
    (tmp_path / "ours" / "models" / "model.pt").touch()
    with pytest.raises(DataError, match="weights"):
        write_bundle(plan, tmp_path / "ours")


def test_weights_of_a_former_plan_stay_until_the_new_one_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "origin.pt").write_bytes(b"weights")
    write_bundle(plan_dataset(fingerprint()), tmp_path / "bundle", start=tmp_path / "origin.pt")
    start = tmp_path / "bundle" / START
    assert start.read_bytes() == b"weights"

    def fail(contents: object) -> None:
        raise OSError("disk full")

    for origin in (None, SHIPPED):
        with monkeypatch.context() as patched:
            patched.setattr(planner, "write_files", fail)
            with pytest.raises(OSError, match="disk full"):
                write_bundle(plan_dataset(fingerprint()), tmp_path / "bundle", start=origin)
        assert start.read_bytes() == b"weights"
    write_bundle(plan_dataset(fingerprint()), tmp_path / "bundle")
    assert not start.exists()


def test_an_edited_plan_is_applied(tmp_path: Path):
    write_bundle(plan_dataset(fingerprint()), tmp_path / "bundle")
    assert apply_plan(tmp_path / "bundle") == []
    path = tmp_path / "bundle" / "plan.json"
    content = json.loads(path.read_text())
    content["epochs"] = {"value": 7, "reason": "I have no time."}
    path.write_text(json.dumps(content))
    changed = {one.name for one in apply_plan(tmp_path / "bundle")}
    assert changed == {"plan.json", "train.json", "README.md"}
    assert "| epochs | 7 | I have no time. |" in (tmp_path / "bundle" / "docs" / "README.md").read_text()


def test_its_configs_have_what_monai_asks_of_a_bundle(toy: Fingerprint, toy_dataset: Path, tmp_path: Path):
    bundle = tmp_path / "planned"
    write_bundle(plan_dataset(toy), bundle)
    for names, kind in ((["inference"], "infer"), (["train"], "train"), (["train", "evaluate"], "train")):
        files = [str(bundle / "configs" / f"{name}.json") for name in names]
        folder = str(toy_dataset / "imagesTr" if kind == "infer" else toy_dataset)
        changes = {"dataset_dir": folder, "output_dir": str(tmp_path / "out")}
        workflow = ConfigWorkflow(files, workflow_type=kind, logging_file=False, **changes)
        workflow.initialize()
        assert workflow.check_properties() == []


@pytest.fixture(scope="module")
def toy(toy_dataset: Path) -> Fingerprint:
    return measure_dataset(toy_dataset)


def test_a_training_is_timed_by_its_own_parts(toy: Fingerprint, toy_dataset: Path):
    ticks = count()
    plan, case = plan_dataset(toy), find_all_cases(toy_dataset)[0]
    batches = [(plan.variant.value, 8), ("mobileunet_tiny", 2)]
    for costs in measure_costs(plan, case, batches, lambda: float(next(ticks))).values():
        assert (costs.read, costs.augment, costs.step, costs.validate) == (1.0, 1.0, 1.0, 1.0)
    real = measure_costs(plan, case, batches)
    assert list(real) == batches
    assert 0 < real[batches[1]].augment < 10
    assert 0 < real[batches[1]].step < real[batches[0]].step < 20


def test_what_is_drawn_more_slowly_is_timed_again(monkeypatch: pytest.MonkeyPatch):
    drawn = []

    def costs(parser: ConfigParser, *_: object) -> Costs:
        wide = "RandSimulateLowResolutiond" in str(parser["train"]["random_transforms"])
        drawn.append((parser["network_def"]["variant"], parser["num_samples"], wide))
        return Costs(15, 0.1, 0.2 if wide else 0.1, 0.02, 0.1)

    monkeypatch.setattr(probe, "time_training", costs)
    monkeypatch.setattr(probe, "typical_case", lambda known: {})
    known = decide_by_time(decide(fingerprint(100), Options(budget=24 * 3600)))
    assert drawn[-2:] == [("mobileunet_small", 2, False), ("mobileunet_base", 8, True)]
    assert len(drawn) == 5
    assert known.costs is not None
    assert known.costs.augment == 0.2


def test_a_batch_that_memory_has_no_room_for_is_not_taken(monkeypatch: pytest.MonkeyPatch):
    room = 2

    def costs(parser: ConfigParser, *_: object) -> Costs:
        if parser["num_samples"] > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return Costs(15, 0.1, 0.1, 0.02, 0.1)

    monkeypatch.setattr(probe, "time_training", costs)
    options = Options(device="cuda", overrides={"variant": "mobileunet_base"})
    plan, batches = plan_dataset(fingerprint(), options), [("mobileunet_base", 8), ("mobileunet_base", 2)]
    assert plan.num_samples.value == 8
    assert "2,097,152 pixels in all at most on a GPU" in plan.num_samples.reason
    timed = measure_costs(plan, {}, batches)
    assert list(timed) == batches[1:]
    chosen = plan_dataset(fingerprint(), options, timed).num_samples
    assert chosen.value == 2
    assert re.search("fewer than 32. 60 min .* have room for .* with 8 windows. Its memory has no room", chosen.reason)
    room = 1
    with pytest.raises(DataError, match=r"no room for a step of mobileunet_base with 8 windows .* num_samples=1"):
        measure_costs(plan, {}, batches)


def test_a_budget_gives_other_plans_on_other_devices(toy: Fingerprint):
    slow, fast = Costs(15, 0.1, 0.1, 2.0, 1.0), Costs(15, 0.1, 0.1, 0.02, 0.1, workers=4)
    batches = [(name, count) for name in VARIANTS for count in (2, 8)]
    on_cpu = plan_dataset(toy, Options(budget=300), dict.fromkeys(batches, slow))
    on_gpu = plan_dataset(toy, Options(budget=300, device="cuda"), dict.fromkeys(batches, fast))
    assert on_cpu.epochs.value < on_gpu.epochs.value
    assert "(cpu)" in on_cpu.epochs.reason
    assert "(cuda)" in on_gpu.epochs.reason


@pytest.mark.slow  # tests/demo walks the same way with made data
def test_from_data_to_masks_with_no_file_edited(
    toy: Fingerprint, toy_dataset: Path, tmp_path: Path, run_bundle: RunBundle
):
    bundle = tmp_path / "planned"
    write_bundle(plan_dataset(toy, Options(overrides={"epochs": 1, "val_interval": 1})), bundle)
    filled = json.loads((bundle / PLAN).read_text())
    filled["texts"]["value"]["data_source"] = "The hospital of our town, 2024"
    (bundle / PLAN).write_text(json.dumps(filled))
    apply_plan(bundle)
    assert "Data: The hospital of our town, 2024. Licence" in (bundle / "docs" / "README.md").read_text()
    train = bundle / "configs" / "train.json"
    done = run_bundle(train, run_id="training")
    assert "warning" not in done.stdout.lower(), done.stdout
    assert (bundle / "models" / "model.pt").is_file(), done.stdout
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert {"weights", "training_data", "training", "eval_metrics"} <= metadata.keys()
    assert metadata["data_source"] == "The hospital of our town, 2024"
    assert "FILL IN" not in metadata["data_license"]
    images = toy_dataset / "imagesTr"
    result = CliRunner().invoke(app, ["segment", "-i", str(images), "-o", str(tmp_path / "masks"), "-m", str(bundle)])
    assert result.exit_code == 0, result.output
    assert "not the weights that metadata.json describes" not in result.output
    masks = sorted((tmp_path / "masks").rglob("*.nii.gz"))
    assert len(masks) == 6
    for mask in masks:
        assert nibabel.load(mask).shape == (24, 34, 28)
        assert np.isin(np.asarray(nibabel.load(mask).dataobj), (0, 1, 2)).all()
